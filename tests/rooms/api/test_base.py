"""What every endpoint has in common, whatever the project's REST_FRAMEWORK says."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import URLPattern
from rest_framework.views import APIView

import accounts.urls
import rooms.urls
from accounts.models import User
from rooms.api.base import View
from tests.support.servers import Person, ServerProcess
from tests.support.sessions import session_of

FOREIGN = {"DJANGO_SETTINGS_MODULE": "tests.support.foreign_rest_settings"}
Answer = tuple[int, str, Any]


ROUTES: list[URLPattern] = [*accounts.urls.rest, *rooms.urls.api]
ENDPOINTS = [route.callback.view_class for route in ROUTES if route.name]


@pytest.mark.parametrize("view", ENDPOINTS)
def test_every_endpoint_has_the_base_of_the_chat(view: type[APIView]) -> None:
    assert issubclass(view, View)


# --- Over HTTP --------------------------------------------------------------------------------------------------------
class Caller:
    """Calls a server: as alice with a session or a token, or as nobody."""

    def __init__(self, server: ServerProcess) -> None:
        self.server, self.alice = server, server.person("alice")
        self.session = server.database.run(lambda: session_of(User.objects.get(pk=self.alice.id)))

    def call(self, proof: str, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        """Status, media type and JSON of the answer; None for one without a body."""
        proofs = {"session": {"Cookie": f"sessionid={self.session}"}, "token": self._token(self.alice), "nobody": {}}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.server.url}/api/{path}", data, {**proofs[proof], "Content-Type": "application/json", **headers},
            method=method,
        )  # fmt: skip
        try:
            answer = urllib.request.urlopen(request, timeout=5)  # noqa: S310 - our own address
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read()
            return answer.status, answer.headers.get_content_type(), json.loads(text) if text else None

    def _token(self, person: Person) -> dict[str, str]:
        return {"Authorization": f"Bearer {person.token}"}


@pytest.fixture(params=["none of its own", "foreign"])
def caller(request: pytest.FixtureRequest, make_server: Callable[..., ServerProcess]) -> Caller:
    """A server whose project says nothing of REST, and one that says everything else than the chat needs."""
    return Caller(make_server("uvicorn", **(FOREIGN if request.param == "foreign" else {})))


def test_a_projects_settings_for_its_own_views_change_no_answer(caller: Caller) -> None:
    alice = caller.alice
    me = {"id": str(alice.id), "username": "alice", "roles": ["user"]}
    refusals = [
        (("nobody", "me"), 401, "auth-required"),
        (("nobody", "rooms"), 401, "auth-required"),
        (("nobody", "online"), 401, "auth-required"),
        (("session", "rooms/nothing"), 404, "no-such-room"),
        (("session", "rooms/nothing/messages"), 404, "no-such-room"),
        (("token", "rooms/nothing/messages"), 404, "no-such-room"),
        (("token", "me", "PUT"), 405, "method-not-allowed"),
        (("session", "me", "OPTIONS"), 405, "method-not-allowed"),
        (("session", "rooms", "POST", {"name": "lobby"}), 403, "forbidden"),  # it shows no proof of the page's origin
        (("nobody", "auth", "POST", {"username": "alice", "password": "wrong"}), 401, "auth-required"),
        (("nobody", "auth", "POST", {}), 400, "bad-frame"),
        (("nobody", "auth/refresh", "POST", {"refresh": "nonsense"}), 401, "auth-required"),
    ]
    body = {"username": "alice", "password": alice.password}
    for headers, status, code in (
        ({"Accept": "text/html"}, 406, "not-acceptable"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported-media-type"),
    ):
        found = caller.call("nobody", "auth", "POST", body, **headers)
        assert (*found[:2], found[2]["code"]) == (status, "application/json", code)
    for _ in range(3):  # more often than a throttle of one a day lets pass
        for request, status, code in refusals:
            found = caller.call(*request)
            assert (*found[:2], found[2]["code"]) == (status, "application/json", code), request
        for proof in ("session", "token"):
            assert caller.call(proof, "me") == (200, "application/json", me)
        assert caller.call("nobody", "auth", "POST", body)[2]["user"] == me
    room = caller.call("token", "rooms", "POST", {"name": "lobby"})
    assert (room[0], room[2]["id"]) == (201, "lobby")
    posted = caller.call("token", "rooms/lobby/messages", "POST", {"content": "hi"})
    assert (posted[0], posted[2]["content"]) == (201, "hi")
    for proof in ("session", "token"):
        assert caller.call(proof, "rooms/lobby/messages") == (200, "application/json", {"messages": [posted[2]]})
        assert caller.call(proof, "rooms/lobby") == (200, "application/json", room[2] | {"lastSeq": 1})


@pytest.mark.parametrize("caller", ["foreign"], indirect=True)
def test_nothing_to_sign_out_of_is_no_error_where_a_project_has_no_user_for_nobody(caller: Caller) -> None:
    assert caller.call("nobody", "auth/logout", "POST", {}) == (204, "text/plain", None)
