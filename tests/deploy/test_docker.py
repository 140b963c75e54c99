"""The Dockerfile's steps make a chat that runs without rights, and compose.yaml fits what they make."""

import asyncio
import json
import os
import re
import tempfile
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from chatsite.server import GRACE_S
from rooms.conf import conf
from rooms.live.node import DISCONNECT_S
from tests.deploy.image import Image
from tests.deploy.releases import register
from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.machine import free_port
from tests.support.pictures import picture
from tests.support.servers import PROJECT

MAX_BYTES = 112_000_000  # what is added to the base image
COMPOSE = yaml.safe_load((PROJECT / "compose.yaml").read_text())
DOCKERFILE = (PROJECT / "Dockerfile").read_text()


@pytest.fixture
def image() -> Iterator[Image]:
    """Built in about a minute; as root not in pytest's folder, which nobody else may enter."""
    with tempfile.TemporaryDirectory(prefix="chat-image-", dir="/tmp" if os.geteuid() == 0 else None) as folder:  # noqa: S108
        Path(folder).chmod(0o755)
        yield Image(Path(folder))


@pytest.mark.timeout(300)
async def test_it_serves_and_is_healthy_as_a_user_without_rights(image: Image, tmp_path: Path) -> None:
    port = free_port()
    variables = _secrets(image) | {"PORT": str(port), "CHAT_HOST": "127.0.0.1", "ALLOWED_HOSTS": "127.0.0.1"}
    migrated = image.run(*COMPOSE["services"]["migrate"]["command"], **variables)
    assert migrated.returncode == 0, migrated.stderr
    container = image.container(tmp_path / "log", **variables)
    container.start()
    try:
        assert image.user == (10001 if os.geteuid() == 0 else None)
        await _talk(f"127.0.0.1:{port}")
    finally:
        assert container.terminate() == 0
    assert image.run(*image.health, **variables).returncode != 0, "nothing answers any more"
    _has_what_runs_and_no_more(image)


def _has_what_runs_and_no_more(image: Image) -> None:
    assert image.bytes() < MAX_BYTES
    assert image.run("python", "-c", "import pytest").returncode != 0
    assert image.run("python", "-m", "pip").returncode != 0
    assert not [path.name for path in image.code.iterdir() if path.name in (".git", ".env", "tests", "secrets", "docs")]
    if os.geteuid() == 0:
        assert image.run("python", "-c", "open('x', 'w')").returncode != 0, "its user cannot change the code"


async def _talk(address: str) -> None:
    """A message with an image, which the image's Pillow has re-encoded."""
    alice = await asyncio.to_thread(register, f"http://{address}", "alice")
    file = await asyncio.to_thread(_upload, address, alice.token)
    async with ChatClient.connect(f"ws://{address}/ws", alice.token) as client:
        await enter(client, "lobby")
        ack = await client.call("chat-message", roomId="lobby", content="Hello", attachments=[file["id"]])
        assert (ack["seq"], file["width"]) == (1, 900)
    page = await asyncio.to_thread(_get, f"http://{address}/accounts/sign-in/")
    style = re.search(rb'href="(/static/[^"]+\.[0-9a-f]{12}\.css)"', page)
    assert style
    assert await asyncio.to_thread(_get, f"http://{address}{style[1].decode()}")


def _upload(address: str, token: str) -> Any:
    head = '--x\r\nContent-Disposition: form-data; name="file"; filename="x.webp"\r\n\r\n'
    body = head.encode() + picture("WEBP", (900, 600)) + b"\r\n--x--\r\n"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "multipart/form-data; boundary=x"}
    request = urllib.request.Request(f"http://{address}/api/attachments/", body, headers)
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - the same
        return json.load(answer)


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
        return bytes(answer.read())


def _secrets(image: Image) -> dict[str, str]:
    """Secrets as compose gives them: each in a file that a variable names."""
    names = COMPOSE["x-chat"]["environment"]
    values = {
        "SECRET_KEY": "s" * 40,
        "JWT_SECRET": "j" * 40,
        "DATABASE_URL": f"sqlite:///{image.root}/data/chat.sqlite3",
    }
    for name, value in values.items():
        assert f"{name}_FILE" in names
        (image.folder / name).write_text(f"{value}\n")
    return {f"{name}_FILE": str(image.folder / name) for name in values}


def test_the_image_has_the_python_that_the_tests_have() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={re.findall(r'^ARG PYTHON=(.+)$', DOCKERFILE, re.MULTILINE)[0]}"


def test_the_context_has_what_is_copied_and_no_more() -> None:
    copied = {
        source for line in re.findall(r"^COPY ((?!--).+) \S+$", DOCKERFILE, re.MULTILINE) for source in line.split()
    }
    context = re.findall(r"^!(.+)$", (PROJECT / ".dockerignore").read_text(), re.MULTILINE)
    assert copied == set(context)
    assert all((PROJECT / name).exists() for name in context)


def test_the_chat_starts_after_the_migration_and_that_after_the_database() -> None:
    services = COMPOSE["services"]
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["chat"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert all("healthcheck" in services[name] for name in ("postgres", "valkey"))


def test_every_secret_is_a_file_that_a_service_names() -> None:
    for service in COMPOSE["services"].values():
        files = {value.removeprefix("/run/secrets/") for value in _files(service)}
        assert files == set(service.get("secrets", []))
        assert files <= COMPOSE["secrets"].keys()


def _files(service: dict[str, Any]) -> list[str]:
    return [value for name, value in service.get("environment", {}).items() if name.endswith("_FILE")]


def test_a_container_has_the_time_and_the_descriptors_it_needs() -> None:
    chat = COMPOSE["services"]["chat"]
    assert int(chat["stop_grace_period"].removesuffix("s")) > conf.CHAT_DRAIN_S + DISCONNECT_S + GRACE_S
    assert chat["ulimits"]["nofile"] > conf.CHAT_MAX_CONNECTIONS * 1.1


def test_its_processes_are_where_the_nginx_example_looks_for_them() -> None:
    [ports] = COMPOSE["services"]["chat"]["ports"]
    first, last = re.match(r"127\.0\.0\.1:(\d+)-(\d+):8000", ports).groups()
    upstream = re.findall(r"server 127\.0\.0\.1:(\d+) ", (PROJECT / "deploy/nginx/chat.conf").read_text())
    assert upstream == [first, last]
    assert COMPOSE["services"]["chat"]["deploy"]["replicas"] == len(upstream)
