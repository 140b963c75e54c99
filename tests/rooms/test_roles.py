"""Who may do what, by which door: each action, for each rank, at each door that offers it.

A new action, and a new command or route that changes something, needs its row here.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import Client as Browser

from rooms import urls
from rooms.access import LOWEST, Action, Rank
from rooms.callers import ADMINISTER, MODERATE
from rooms.errors import ChatError
from rooms.models import Membership, Message, Room
from rooms.protocol.codec import decode
from rooms.protocol.commands import COMMANDS
from rooms.services import reactions
from rooms.services.posting import post_new
from rooms.services.stream_starts import new_stream
from rooms.sockets.commands import HANDLERS
from tests.support.connections import identity_of
from tests.support.factories import find_permission, make_message, make_room, make_user
from tests.support.rooms import from_now
from tests.support.streams import make_bot

pytestmark = pytest.mark.django_db(transaction=True)
RANKS = {
    "visitor": Rank.VISITOR,
    "member": Rank.MEMBER,
    "moderator": Rank.MODERATOR,
    "owner": Rank.OWNER,
    "site-moderator": Rank.MODERATOR,
    "site-admin": Rank.ADMIN,
    "banned": None,  # what they are not refused by their rank, they are by the ban
}
Fields = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One action at the doors that offer it: the socket's command, and method and path of REST."""

    command: str
    fields: Fields
    path: str
    method: str = "post"


def on(action: str, **more: Any) -> Fields:
    return {"username": "target", "action": action, **more}


ROWS: dict[Action, Row] = {
    Action.REACT: Row("react", {"messageId": "own", "emoji": "👍", "on": True}, "messages/{own}/reactions"),
    Action.EDIT: Row("edit-message", {"messageId": "own", "content": "new"}, "messages/{own}", "patch"),
    Action.DELETE_OWN: Row("delete-message", {"messageId": "own"}, "messages/{own}", "delete"),
    Action.DELETE: Row("delete-messages", {"username": "target"}, "deletions"),
    Action.PIN: Row("pin-message", {"messageId": "own", "on": True}, "messages/{own}/pin"),
    Action.STOP: Row("message-stop", {"messageId": "stream"}, "streams/{own}/stop"),
    Action.SEE_VERSIONS: Row("get-versions", {"messageId": "own"}, "messages/{own}/versions", "get"),
    Action.MARK: Row("mark-unread", {"seq": 0}, "unread"),
    Action.KICK: Row("moderate", on("kick"), "moderation"),
    Action.MUTE: Row("moderate", on("mute"), "moderation"),
    Action.BAN: Row("moderate", on("ban"), "moderation"),
    Action.REMOVE: Row("moderate", on("remove"), "moderation"),
    Action.SET_ROLE: Row("moderate", on("role", role="moderator"), "moderation"),
    Action.UPDATE: Row("update-room", {"topic": "news"}, "settings"),
    Action.SET_HISTORY: Row("update-room", {"history": "all"}, "settings"),
    Action.CLOSE: Row("close-room", {}, "closing"),
}
OF_MEMBERS = {Action.MARK}  # of one's own membership, which somebody else's rank does not replace
# Not of this table: what everybody who may read does, which tests/rooms/test_access.py has.
ELSEWHERE = {Action.READ, Action.POST, Action.FOLLOW, Action.REPORT, Action.INVITE}
OTHER_COMMANDS = {  # of the rank of a visitor or member: tests of their own subjects
    "ping", "auth", "compressed", "create-room", "join-room", "leave-room", "get-rooms", "get-history",
    "get-online-users", "chat", "admin-broadcast", "chat-message", "room-message", "follow-room", "unfollow-room",
    "get-members", "invite", "create-invitation", "accept-invitation", "report-message", "report-user", "block-user",
    "get-reactions", "get-replies", "get-pins", "get-blocks", "mark-read", "open-direct", "typing", "get-unread",
    "get-readers", "hide-reads", "search", "get-commands", "get-missed", "find-users",
    "message-start", "message-append", "message-end", "get-stream",
}  # fmt: skip
OTHER_ROUTES = {
    "api-online", "api-rooms", "api-messages", "api-room", "api-members", "api-membership", "api-invitations",
    "api-invitation", "api-accept", "api-report-message", "api-report-user", "api-blocks", "api-block", "api-replies",
    "api-hook", "api-hook-by-path", "api-incoming-webhooks", "api-incoming-webhook", "api-incoming-webhook-secret",
    "api-outgoing-webhooks", "api-outgoing-webhook", "api-outgoing-webhook-secret", "api-outgoing-webhook-enabled",
    "api-direct", "api-typing", "api-unread-rooms", "api-read", "api-readers", "api-hidden-reads", "api-search",
    "api-missed", "api-users", "api-pins", "api-commands",
    "api-attachments", "api-attachment", "api-thumbnail",
    "api-streams", "api-stream", "api-append", "api-end",
}  # fmt: skip
OF_THE_CHAT = {"api-bans", "api-unbans", "api-disconnections"}  # below


@pytest.fixture
def world(people: SimpleNamespace) -> SimpleNamespace:
    """A room with a target of the rank of a member, and an owner who stays."""
    room, target = make_room("lobby"), make_user("target")
    Membership.objects.create(room=room, user=target)
    Membership.objects.create(room=room, user=people.alice, role=Membership.Role.OWNER)
    make_message(room, target)
    return SimpleNamespace(room=room, target=target)


def make_actor(rank: str, room: Room) -> Any:
    actor = make_user("actor")
    if rank in ("member", "moderator", "owner"):
        Membership.objects.create(room=room, user=actor, role=rank)
    elif rank == "banned":
        Membership.objects.create(room=room, user=actor, role="moderator", banned_until=from_now(1))
    elif rank.startswith("site-"):
        actor.user_permissions.add(find_permission({"site-moderator": MODERATE, "site-admin": ADMINISTER}[rank]))
    return type(actor).objects.get(pk=actor.pk)


def expected(action: Action, rank: str) -> str | None:
    """The code of the refusal; None: it is done."""
    if RANKS[rank] is None:
        return "banned"
    if action in OF_MEMBERS and rank.startswith("site-"):
        return "forbidden"
    return None if RANKS[rank] >= LOWEST[action] else "forbidden"


def by_socket(row: Row, actor: Any, fields: Fields) -> str | None:
    command = decode(json.dumps({"type": row.command, "roomId": "lobby", **fields}))
    return _code(lambda: _run(HANDLERS[type(command)], actor, command))


def _run(handle: Any, actor: Any, command: Any) -> None:
    connection: Any = SimpleNamespace(identity=identity_of(actor), send=lambda _: None, id="")
    async_to_sync(handle)(Node(), connection, command)


class Node:
    """One that stores reactions at once, and in which no marks wait to be written."""

    def __init__(self) -> None:
        self.reactions = SimpleNamespace(stored=sync_to_async(_stored))
        self.marks = SimpleNamespace(flush=AsyncMock())


def by_rest(row: Row, actor: Any, fields: Fields) -> str | None:
    browser = Browser()
    browser.force_login(actor)
    path = f"/api/rooms/lobby/{row.path.format(own=fields.get('messageId'))}"
    answer = getattr(browser, row.method)(path, row.fields | fields, content_type="application/json")
    return None if answer.status_code < 300 else answer.json()["code"]


def _code(act: Callable[[], None]) -> str | None:
    try:
        act()
    except ChatError as error:
        return error.code
    return None


def _stored(new: reactions.NewReaction) -> reactions.Change:
    [answer] = reactions.store_reactions([new])
    if isinstance(answer, ChatError):
        raise answer
    return answer


DOORS = {"socket": by_socket, "rest": by_rest}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("action", ROWS)
def test_each_rank_does_what_the_table_of_access_says(
    action: Action, rank: str, door: str, world: SimpleNamespace
) -> None:
    actor = make_actor(rank, world.room)
    fields = dict(ROWS[action].fields)
    if fields.get("messageId") == "own":
        fields["messageId"] = str(make_message(world.room, actor).pk)
    elif fields.get("messageId") == "stream":
        new = new_stream(room_id=world.room.pk, author_id=make_bot(world.room).pk)
        fields["messageId"] = str(post_new(new).id)
    assert DOORS[door](ROWS[action], actor, fields) == expected(action, rank)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("action", ROWS)
@pytest.mark.parametrize("rank", ["visitor", "site-admin"])
def test_a_private_room_of_others_is_no_room_for_anybody(
    action: Action, rank: str, door: str, world: SimpleNamespace
) -> None:
    actor = make_actor(rank, world.room)
    Room.objects.update(kind=Room.Kind.PRIVATE)
    assert DOORS[door](ROWS[action], actor, {**ROWS[action].fields, "messageId": "1"}) == "no-such-room"


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("path", ["/api/bans", "/api/bans/lifted", "/api/disconnections"])
def test_only_admins_act_on_the_whole_chat(path: str, rank: str, world: SimpleNamespace) -> None:
    browser = Browser()
    browser.force_login(make_actor(rank, world.room))
    answer = browser.post(path, {"username": "target"}, content_type="application/json")
    assert answer.status_code == (204 if rank == "site-admin" else 403)


def test_every_action_has_its_row() -> None:
    assert set(ROWS) | ELSEWHERE == set(Action)


def test_every_command_and_every_route_that_changes_something_has_its_row() -> None:
    commands = {str(command.__struct_config__.tag) for command in COMMANDS}
    assert commands == OTHER_COMMANDS | {row.command for row in ROWS.values()}
    routes = {str(route.name) for route in urls.api if getattr(route, "name", None)}
    in_rows = {f"api-{row.path.replace('messages/{own}', 'message').split('/')[-1]}" for row in ROWS.values()}
    assert routes == OTHER_ROUTES | OF_THE_CHAT | in_rows


def test_messages_of_the_target_are_what_was_deleted(world: SimpleNamespace) -> None:
    assert by_rest(ROWS[Action.DELETE], make_actor("moderator", world.room), {}) is None
    assert not Message.objects.exclude(content="").exists()
