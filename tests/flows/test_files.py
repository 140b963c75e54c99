"""Files on the real servers: their way to others, that large ones take no memory, and what is not read at all."""

import asyncio
import http.client
import json
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.pictures import bomb, photograph
from tests.support.servers import Person, ServerProcess

MIB = 2**20
BOUNDARY = "a-boundary"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
BEFORE = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x.bin"\r\n\r\n'.encode()
AFTER = f"\r\n--{BOUNDARY}--\r\n".encode()


def call(server: ServerProcess, person: Person | None, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {person.token}"} if person else {}
    request = urllib.request.Request(f"{server.url}{path}", body, headers | (FORM if body else {}))  # noqa: S310 - our own address
    try:
        answer = urllib.request.urlopen(request, timeout=30)  # noqa: S310 - our own address
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.read()


def upload(server: ServerProcess, person: Person, content: bytes) -> dict[str, Any]:
    status, answer = call(server, person, "/api/attachments/", BEFORE + content + AFTER)
    return {"status": status, **json.loads(answer)}


def peak_mib(server: ServerProcess) -> int:
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1024


async def test_a_file_reaches_those_in_the_room_and_nobody_else(
    server: ServerProcess, alice: Person, bob: Person, room: str
) -> None:
    file = await asyncio.to_thread(upload, server, alice, photograph((600, 300)))
    assert file.pop("status") == 201
    async with (
        ChatClient.connect(server.ws_url, alice.token) as speaker,
        ChatClient.connect(server.ws_url, bob.token) as listener,
    ):
        for client in (speaker, listener):
            await enter(client, room)
        await speaker.call("chat-message", roomId=room, content="", attachments=[file["id"]])
        message = await listener.expect("chat-message", roomId=room)
        assert (message["content"], message["attachments"]) == ("", [file])
        refused = await speaker.call("chat-message", roomId=room, content="again", attachments=[file["id"]])
        assert (refused["type"], refused["code"]) == ("error", "invalid-attachment")
    statuses = [call(server, person, file[url])[0] for person in (alice, bob, None) for url in ("url", "thumbnailUrl")]
    assert statuses == [200, 200, 200, 200, 401, 401]


async def test_large_files_and_huge_images_take_no_memory(uvicorn_server: ServerProcess) -> None:
    server, number = uvicorn_server, id(object())
    people = [server.person(f"sender-{number}-{n}") for n in range(3)]
    content = bytes(24 * MIB)
    await asyncio.to_thread(upload, server, people[0], content[:1_000])  # loads what the first one loads
    before = peak_mib(server)
    files = await asyncio.gather(*(asyncio.to_thread(upload, server, person, content) for person in people))
    bombs = await asyncio.to_thread(upload, server, people[0], bomb(30_000, 30_000))
    assert ([file["status"] for file in files], bombs["code"]) == ([201] * 3, "invalid-attachment")
    reads = (asyncio.to_thread(call, server, person, file["url"]) for person, file in zip(people, files, strict=True))
    assert [len(answer[1]) for answer in await asyncio.gather(*reads)] == [len(content)] * 3
    assert peak_mib(server) - before < 24, "less than one of the files"


def test_what_is_too_large_or_a_strangers_is_not_waited_for(uvicorn_server: ServerProcess) -> None:
    person = uvicorn_server.person(f"sender-{id(object())}")
    token = {"Authorization": f"Bearer {person.token}"}
    for headers, length, status in (({}, 10 * MIB, 401), (token, 100 * MIB, 413)):
        line = http.client.HTTPConnection("127.0.0.1", uvicorn_server.port, timeout=5)
        line.putrequest("POST", "/api/attachments/")
        for name, value in {**FORM, **headers, "Content-Length": str(length)}.items():
            line.putheader(name, value)
        line.endheaders(BEFORE)
        assert line.getresponse().status == status
        line.close()
