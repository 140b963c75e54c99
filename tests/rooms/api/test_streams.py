"""Writing a message in pieces over HTTP: the same service, the same refusals."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from rooms.callers import CODE
from rooms.models import Membership, Room
from rooms.services import bots
from tests.support.factories import make_message, make_room
from tests.support.streams import make_bot

pytestmark = pytest.mark.django_db
PATH = "/api/rooms/lobby/streams"


class Caller:
    """A bot that comes with its token."""

    def __init__(self, room: Room) -> None:
        self.user = make_bot(room)
        self._token = bots.issue(actor=CODE, bot=self.user.chat_bot, rooms=[room]).text

    def post(self, path: str = "", *, to: str = PATH, **body: Any) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {self._token}"}
        answer = Client().post(f"{to}{path}", body, content_type="application/json", headers=headers)
        return answer.status_code, answer.json()


@pytest.fixture
def bot(room: Room) -> Caller:
    return Caller(room)


def test_a_text_grows_request_by_request(api: Client, alice: User, room: Room, bot: Caller) -> None:
    question = make_message(room, alice)
    status, message = bot.post(clientId="one", replyTo=str(question.pk))
    assert (status, message["content"], message["streaming"], message["bot"]) == (201, "", True, True)
    assert bot.post(clientId="one", replyTo=str(question.pk))[0] == 200
    place = {"messageId": message["messageId"], "seq": 2}
    one = f"/{message['messageId']}"
    assert bot.post(f"{one}/append", offset=0, text="Be🎉") == (200, {**place, "offset": 3})
    assert bot.post(f"{one}/append", offset=3, text="cause") == (200, {**place, "offset": 8})
    status, refused = bot.post(f"{one}/append", offset=9, text="gap")
    assert (status, refused["code"], refused["offset"]) == (409, "conflict", 8)
    assert api.get(f"{PATH}{one}?offset=3").json()["text"] == "cause"
    status, ended = bot.post(f"{one}/end")
    assert (status, ended["type"], ended["content"]) == (200, "message-edited", "Be🎉cause")
    assert bot.post(f"{one}/append", offset=8, text="!")[1]["code"] == "stream-over"
    assert api.get(f"{PATH}{one}").json()["code"] == "stream-over"


def test_who_asked_stops_it(api: Client, alice: User, room: Room, bot: Caller) -> None:
    _, message = bot.post(replyTo=str(make_message(room, alice).pk))
    answer = api.post(f"{PATH}/{message['messageId']}/stop")
    assert (answer.status_code, answer.json()["interrupted"]) == (200, True)
    assert bot.post(f"/{message['messageId']}/end")[1]["code"] == "stream-over"
    assert bot.post(f"/{message['messageId']}/end", interrupted=True)[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("", {"replyTo": "x"}, "no-such-message"),
        ("", {"clientId": ""}, "bad-frame"),
        ("/{id}/append", {"offset": -1, "text": "x"}, "bad-frame"),
        ("/{id}/append", {"offset": 0}, "bad-frame"),
        ("/{id}/append", {"offset": 0, "text": "a\0"}, "bad-frame"),
        ("/x/append", {"offset": 0, "text": "x"}, "no-such-message"),
        ("/99999/append", {"offset": 0, "text": "x"}, "no-such-message"),
        ("/99999/end", {}, "no-such-message"),
        ("/99999/stop", {}, "no-such-message"),
    ],
)
def test_bad_input_has_one_clear_error(bot: Caller, path: str, body: Any, code: str) -> None:
    message_id = bot.post()[1]["messageId"]
    assert bot.post(path.format(id=message_id), **body)[1]["code"] == code


def test_people_do_not_write_in_pieces(api: Client, room: Room) -> None:
    answer = api.post(PATH, {}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_a_token_writes_in_its_rooms_alone(room: Room, bot: Caller) -> None:
    Membership.objects.create(room=make_room("other"), user=bot.user)
    assert bot.post(to="/api/rooms/other/streams")[1]["code"] == "no-such-room"
