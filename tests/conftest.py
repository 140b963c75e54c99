"""What every test has: settings that no developer's machine can change, a quick password hasher, one database file.

Nothing of ours may be imported before the environment is set: the settings are read once, at the first import.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rooms.live.events import Event
    from tests.support.servers import ServerProcess
    from tests.support.services import Postgres, Redis

pytest_plugins = ["rooms.testing.plugin"]
OURS = (
    "ALLOWED_",
    "CHAT_",
    "CSRF_",
    "DATABASE_",
    "DEFAULT_FROM_",
    "DEVELOPMENT_",
    "EMAIL_",
    "JWT_",
    "LOG_",
    "PORT",
    "REDIS_",
    "SECRET_",
    "WORKERS",
)
for name in [name for name in os.environ if name.startswith(OURS)]:
    del os.environ[name]
os.environ["CHAT_ENV_FILE"] = ""  # a developer's .env stays out
os.environ["DEBUG"] = "1"  # development secrets and plain static files; the test runner turns settings.DEBUG off again
os.environ["DJANGO_SETTINGS_MODULE"] = "chatsite.settings"
from tests.support.unlimited import UNLIMITED  # noqa: E402 - after the environment is set

os.environ.update(UNLIMITED)  # a test that is about a limit sets it
_files = tempfile.TemporaryDirectory(prefix="chat-files-")  # gone with this process
os.environ["CHAT_FILES_DIR"] = _files.name
POSTGRES_TEMPLATE = "chat_template"


def pytest_configure() -> None:
    from django.conf import settings

    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",  # 100 ms quicker per user than argon2
        "django.contrib.auth.hashers.Argon2PasswordHasher",
    ]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: for a third of the time each waits, for a server or a browser."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 1


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A database file instead of SQLite's shared memory, whose table locks no real installation has."""
    from django.conf import settings

    settings.DATABASES["default"]["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(autouse=True)
def _no_guesses() -> None:
    """All tests come from one address, and use the same few names."""
    from rooms import guesses

    guesses.memory.clear()


@pytest.fixture(scope="session", autouse=True)
def _static_root(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An empty folder: the static files middleware warns when its folder does not exist."""
    from django.conf import settings

    settings.STATIC_ROOT = tmp_path_factory.mktemp("staticfiles")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failed test shows what its servers printed."""
    from tests.support.servers import ServerProcess

    report: Any = yield
    if report.failed:
        report.sections += [(f"{server.kind} at {server.url}", server.tail()) for server in ServerProcess.running]
    return report


@pytest.fixture(autouse=True)
def _no_phrases_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """The word filter has no phrases until a test changes them, and reads none in between."""
    from rooms.services import filters

    monkeypatch.setattr(filters, "_kept", filters._Kept(filters.Filters([]), float("inf")))


# --- People -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def make_user(db: None) -> Callable[..., Any]:
    from tests.support import factories

    return factories.make_user


@pytest.fixture
def people(db: None) -> SimpleNamespace:
    """Users of the test's own database: alice, bob, carol and an admin."""
    from tests.support.factories import make_user

    users = {name: make_user(name) for name in ("alice", "bob", "carol")}
    return SimpleNamespace(**users, admin=make_user("admin", is_staff=True, is_superuser=True))


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The keys of the users of each announcement of changed rights, when it is published: after the commit."""
    from rooms.live import control, topics
    from rooms.services import publishing

    announcements: list[list[str]] = []
    publish = publishing.publish

    def record(events: list["Event"]) -> None:
        sent = [control.decode(event.payload) for event in events if event.topic == topics.CONTROL]
        announcements.extend(change.keys for change in sent if isinstance(change, control.UsersChanged))
        publish(events)

    monkeypatch.setattr(publishing, "publish", record)
    return announcements


# --- Services: private to this process, started when first asked for --------------------------------------------------
@pytest.fixture(scope="session")
def _redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Redis"]:
    from tests.support.services import Redis

    service = Redis(tmp_path_factory.mktemp("redis"))
    yield service
    service.terminate()


@pytest.fixture
def redis(_redis: "Redis") -> "Redis":
    """A running, empty Redis: `url`, `kill()`, `restart()`."""
    _redis.empty()
    return _redis


@pytest.fixture(scope="session")
def _second_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Redis"]:
    from tests.support.services import Redis

    service = Redis(tmp_path_factory.mktemp("second-redis"))
    yield service
    service.terminate()


@pytest.fixture
def second_redis(_second_redis: "Redis") -> "Redis":
    """Another one, as `redis` is: the two are shards."""
    _second_redis.empty()
    return _second_redis


@pytest.fixture(scope="session")
def _postgres(django_db_blocker: Any) -> Iterator["Postgres"]:
    from tests.support.machine import memory_folder
    from tests.support.servers import Database
    from tests.support.services import Postgres

    service = Postgres(memory_folder())
    database = Database(service.new_database(POSTGRES_TEMPLATE), django_db_blocker)
    database.migrate()
    database.close()
    yield service
    service.close()


@pytest.fixture
def postgres(_postgres: "Postgres") -> "Postgres":
    """A running PostgreSQL: `url`, `kill()`, `restart()`."""
    _postgres.ensure_running()
    return _postgres


@pytest.fixture
def postgres_url(postgres: "Postgres") -> Iterator[str]:
    """A migrated, empty database of this test alone."""
    url = postgres.new_database(template=POSTGRES_TEMPLATE)
    yield url
    postgres.leave(url)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Path:
    from tests.support.servers import Database

    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    database = Database(f"sqlite:///{path}", django_db_blocker)
    database.migrate()
    database.close()
    return path


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated, empty database file of this test alone."""
    return f"sqlite:///{shutil.copyfile(_sqlite_template, tmp_path / 'chat.sqlite3')}"


# --- Servers ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def make_server(
    request: pytest.FixtureRequest, tmp_path: Path, django_db_blocker: Any
) -> Iterator[Callable[..., "ServerProcess"]]:
    """Starts a server: `make_server("daphne", database_url=…, CHAT_MAX_CONNECTIONS=2)`; variables come as keywords."""
    from tests.support.servers import Database, ServerProcess

    with ExitStack() as started:

        def make(kind: Any = "uvicorn", *, database_url: str = "", **variables: object) -> ServerProcess:
            database = Database(database_url or request.getfixturevalue("sqlite_url"), django_db_blocker)
            env = {name: str(value) for name, value in variables.items()}
            return started.enter_context(ServerProcess(kind, folder=tmp_path, database=database, env=env))

        yield make


@pytest.fixture(params=["uvicorn", "daphne"])
def server(request: pytest.FixtureRequest, make_server: Callable[..., "ServerProcess"]) -> "ServerProcess":
    """Each of the two servers in turn: the production one and that of `manage.py runserver`."""
    return make_server(request.param)


@pytest.fixture
def uvicorn_server(make_server: Callable[..., "ServerProcess"]) -> "ServerProcess":
    return make_server("uvicorn")


# --- Browser ----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """The machine's own Chromium; as root it runs only without its sandbox."""
    from tests.support.machine import missing

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        missing("Chromium")
    return {"executable_path": path, "args": ["--no-sandbox"] if os.geteuid() == 0 else []}
