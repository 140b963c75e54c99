"""Tokens that sign nobody in: the socket is answered why, and closed."""

from time import time

import jwt
import pytest
from django.conf import settings

from tests.support.claims import ABSURD, with_claim
from tests.support.client import ChatClient
from tests.support.servers import Person, ServerProcess

ENDS_IN_S = {"expired": -60, "with an endless end": 1e18}


def _token(kind: str, person: Person) -> str:
    from accounts.models import User

    if kind == "of a deleted user":
        User.objects.filter(pk=person.id).delete()
        return person.token
    if kind == "of a deactivated user":
        User.objects.filter(pk=person.id).update(is_active=False)
        return person.token
    if kind in ENDS_IN_S:
        return _minted(person, seconds=ENDS_IN_S[kind])
    if kind == "signed by somebody else":
        return _minted(person, key="another secret of more than 32 characters")
    if kind == "signed by nobody":
        return jwt.encode(jwt.decode(person.token, options={"verify_signature": False}), None, algorithm="none")
    return {"garbage": "gar.ba.ge", "empty": "", "with NUL": "a\0.b.c", "beyond ASCII": "é.é.é", "long": "x" * 4096}[
        kind
    ]


@pytest.mark.parametrize("claim", ["exp", "userId", "stamp", "signIn"])
async def test_an_absurd_claim_signs_nobody_in_and_is_no_fault(
    server: ServerProcess, alice: Person, claim: str
) -> None:
    for value in ABSURD:
        async with ChatClient.connect(server.ws_url) as client:
            await client.send("auth", token=with_claim(alice.token, claim, value))
            assert await client.closed() == (1008, "Authentication failed"), value
        assert [frame["type"] for frame in client.log] == ["welcome", "auth-failed"], value
    assert "Traceback" not in server.tail()


async def test_a_token_that_ends_in_the_last_second_of_the_calendar_keeps_its_socket(
    server: ServerProcess, alice: Person
) -> None:
    async with ChatClient.connect(server.ws_url) as client:
        await client.call("auth", token=with_claim(alice.token, "exp", "253402300799"))
        await client.call("get-rooms")
        await client.nothing("auth-expiring")


def _minted(person: Person, *, seconds: float = 60, key: str = "") -> str:
    key = key or settings.JWT_SECRET
    claims = jwt.decode(person.token, options={"verify_signature": False}) | {"exp": int(time() + seconds)}
    return jwt.encode(claims, key, algorithm="HS256")


@pytest.mark.parametrize(
    "kind",
    ["of a deleted user", "of a deactivated user", "expired", "with an endless end",
     "signed by somebody else", "signed by nobody", "garbage", "empty", "with NUL", "beyond ASCII", "long"],
)  # fmt: skip
async def test_a_token_that_is_not_good_signs_nobody_in(server: ServerProcess, alice: Person, kind: str) -> None:
    token = server.database.run(_token, kind, alice)
    async with ChatClient.connect(server.ws_url) as client:
        await client.send("auth", token=token)
        assert await client.closed() == (1008, "Authentication failed")
    assert [frame["type"] for frame in client.log] == ["welcome", "auth-failed"]
    assert client.log[1]["message"]
    assert client.log[1].get("code") == ("auth-expired" if kind == "expired" else None)
