"""What every test has: settings that no developer's machine can change, a quick password hasher, one database file.

Nothing of ours may be imported before the environment is set: the settings are read once, at the first import.
"""

import os
from pathlib import Path

import pytest

SETTINGS = ("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "DATABASE_URL", "JWT_SECRET", "LOG_DIR", "LOG_LEVEL", "PORT")
for name in [name for name in os.environ if name.startswith(("CHAT_", "REDIS_")) or name in (*SETTINGS, "SECRET_KEY")]:
    del os.environ[name]
os.environ["CHAT_ENV_FILE"] = ""  # a developer's .env stays out
os.environ["DEBUG"] = "1"  # development secrets and plain static files; the test runner turns settings.DEBUG off again
os.environ["DJANGO_SETTINGS_MODULE"] = "chatsite.settings"


def pytest_configure() -> None:
    from django.conf import settings

    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",  # 100 ms quicker per user than argon2
        "django.contrib.auth.hashers.Argon2PasswordHasher",
    ]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A database file instead of SQLite's shared memory, whose table locks no real installation has."""
    from django.conf import settings

    settings.DATABASES["default"]["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(scope="session", autouse=True)
def _static_root(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An empty folder: the static files middleware warns when its folder does not exist."""
    from django.conf import settings

    settings.STATIC_ROOT = tmp_path_factory.mktemp("staticfiles")


@pytest.fixture(scope="session")
def project_root() -> Path:
    return Path(__file__).resolve().parent.parent
