"""docs/integrate.md, done as it says: the wheel in a fresh environment, a fresh project, two people in two browsers."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.project.tree import ROOT
from tests.support.machine import Child, answers, free_port

PAGE = (ROOT / "docs/integrate.md").read_text(encoding="utf-8")
# `**file**, where:`, and the block that belongs there.
BLOCKS = dict(re.findall(r"^\*\*(\w+/[\w.]+)\*\*[^\n]*\n\n```\w+\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(r"^(?:pip|python) .*", PAGE.partition("## Your users")[0], re.MULTILINE)
# What the project had before: a folder of templates, and a page of its own.
OWN_SETTINGS = '\nTEMPLATES[0]["DIRS"] = [BASE_DIR / "templates"]\nSTATIC_ROOT = BASE_DIR / "collected"\n'
OWN_URLS = """
from django.contrib.auth.decorators import login_required
from django.views.generic import TemplateView

urlpatterns += [path("support/", login_required(TemplateView.as_view(template_name="support.html")))]
"""
PASSWORD = "secret-word-7"
USERS = f"""
from django.contrib.auth.models import User
for name in ("anna", "ben"):
    User.objects.create_user(name, password="{PASSWORD}", is_staff=True)
"""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


class Project:
    """A fresh project in a fresh environment, into which the wheel of this checkout was installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "env/bin/python"
        self.env = {
            name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "CHAT_", "PYTHON"))
        }
        self.run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "wheels", ROOT)
        self.run(sys.executable, "-m", "venv", "env")
        [wheel] = (folder / "wheels").glob("*.whl")
        assert COMMANDS[0].startswith('pip install "chatsite[server]"')
        self.run(self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{wheel}[server]")
        self.run(self.python, "-m", "django", "startproject", "mysite", ".")

    def run(self, *command: str | Path, **env: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env={**self.env, **env}, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def append(self, file: str, text: str) -> None:
        path = self.folder / file
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as opened:
            opened.write(f"\n{text}")

    def serve(self, command: str) -> Child:
        port = free_port()
        words = [str(self.python), *command.split()[1:], "--noreload", str(port)]
        server = Child(
            words, log=self.folder / "server.log", ready=lambda: answers(port), env=self.env, cwd=self.folder
        )
        server.start(60)
        self.url = f"http://127.0.0.1:{port}"
        return server


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    project = Project(tmp_path_factory.mktemp("project"))
    project.append("mysite/settings.py", OWN_SETTINGS)
    project.append("mysite/urls.py", OWN_URLS)
    for file, text in BLOCKS.items():
        project.append(file, text)
    _, migrate, superuser, serve = COMMANDS
    project.run(project.python, *migrate.split()[1:])
    project.run(
        project.python, *superuser.split()[1:], "--noinput", "--username=root", "--email=root@example.org",
        DJANGO_SUPERUSER_PASSWORD=PASSWORD,
    )  # fmt: skip
    project.run(project.python, "manage.py", "shell", "--command", USERS)
    server = project.serve(serve)
    yield project
    server.terminate()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def chromium(browser_type_launch_args: dict[str, object]) -> object:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**browser_type_launch_args)  # type: ignore[arg-type]  # pytest's own
        yield browser
        await browser.close()


async def enter(browser: Browser, project: Project, name: str, path: str) -> Page:
    page = await (await browser.new_context(base_url=project.url)).new_page()
    await page.goto(path)
    await page.get_by_label("Username").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    return page


def test_the_page_names_four_files_and_four_lines_of_settings() -> None:
    assert list(BLOCKS) == ["mysite/settings.py", "mysite/urls.py", "mysite/asgi.py", "templates/support.html"]
    assert len(BLOCKS["mysite/settings.py"].strip().splitlines()) == 4
    assert len(COMMANDS) == 4


def test_the_checks_have_nothing_to_say(project: Project) -> None:
    said = project.run(project.python, "manage.py", "check", "--tag", "chat", "--fail-level", "WARNING")
    assert "no issues" in said


def test_the_wheel_brings_its_texts_and_files(project: Project) -> None:
    project.run(project.python, "manage.py", "collectstatic", "--noinput")
    assert (project.folder / "collected/rooms/chat-room.js").is_file()
    code = (
        "from django.utils.translation import gettext, override\n"
        "with override('zh-hans'): print(gettext('Messages'), gettext('Monitoring'))"
    )
    assert project.run(project.python, "manage.py", "shell", "--command", code).split()[-2:] == ["消息", "监控"]


@pytest.mark.asyncio(loop_scope="session")
async def test_two_people_talk_on_the_projects_page_and_on_the_chats(project: Project, chromium: Browser) -> None:
    anna = await enter(chromium, project, "anna", "/support/")
    ben = await enter(chromium, project, "ben", "/chat/rooms/support/")
    for speaker, hearer, text in ((anna, ben, "Hello from the project"), (ben, anna, "And from the chat")):
        await speaker.get_by_role("textbox", name="Message to support").fill(text)
        await speaker.keyboard.press("Enter")
        await expect(hearer.get_by_role("log")).to_contain_text(text)
