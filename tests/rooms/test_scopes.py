"""A bot is held to the rooms of its token at every door: what the token does not open is not there."""

import json
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from rooms import access, callers, scopes, urls
from rooms.access import Action
from rooms.callers import CODE
from rooms.errors import Forbidden, NoSuchAttachment, NoSuchRoom
from rooms.live import roster
from rooms.live.control import Notification
from rooms.live.notices import send_all
from rooms.models import Attachment, Membership, Mention, Room
from rooms.scopes import Scope
from rooms.services import attachments, bots, direct, directory, marks, members, missed, rooms, search
from tests.support.factories import make_message, make_room, make_user
from tests.support.pictures import uploaded

pytestmark = pytest.mark.django_db
INSIDE, MEMBER_ROOM, PUBLIC, PRIVATE = "inside", "member-room", "public", "others"


@pytest.fixture
def world() -> SimpleNamespace:
    """A bot that is a member of two rooms, of which one token names one; a public room, and a private one of others."""
    bot = bots.create(actor=CODE, name="deploys")
    found = {name: make_room(name, kind="private" if name == PRIVATE else "public") for name in (
        INSIDE, MEMBER_ROOM, PUBLIC, PRIVATE
    )}  # fmt: skip
    for name in (INSIDE, MEMBER_ROOM):
        Membership.objects.create(room=found[name], user=bot.user, role="owner")
    alice = make_user("alice")
    for room in found.values():
        make_message(room, alice, "needle")
    named = bots.issue(actor=CODE, bot=bot, rooms=[found[INSIDE], found[PRIVATE]]).text
    return SimpleNamespace(bot=bot, alice=alice, rooms=found, named=named, all=bots.issue(actor=CODE, bot=bot).text)


# By token: the rooms it opens. Naming a private room of others opens nothing: the bot is no member.
OPEN = {"named": {INSIDE}, "all": {INSIDE, MEMBER_ROOM}}


@pytest.fixture(params=OPEN)
def token(request: pytest.FixtureRequest, world: SimpleNamespace) -> SimpleNamespace:
    return SimpleNamespace(text=getattr(world, request.param), opens=OPEN[request.param], kind=request.param)


@pytest.fixture
def inside(token: SimpleNamespace) -> Iterator[callers.Identity]:
    """The code runs as at a door that has read the token."""
    identity = callers.by_token(token.text)
    with scopes.within(identity.scope):
        yield identity


@pytest.mark.parametrize("name", [INSIDE, MEMBER_ROOM, PUBLIC, PRIVATE])
@pytest.mark.parametrize("action", Action)
def test_what_the_token_does_not_open_is_as_what_is_not_there(
    world: SimpleNamespace, token: SimpleNamespace, inside: callers.Identity, name: str, action: Action
) -> None:
    if name in token.opens:
        assert access.authorize(inside.acts("socket"), name, action).name == name
    else:
        with pytest.raises(NoSuchRoom):
            access.authorize(inside.acts("socket"), name, action)


def test_lists_searches_and_joining_know_the_rooms_of_the_token_only(
    world: SimpleNamespace, token: SimpleNamespace, inside: callers.Identity, settings: Any
) -> None:
    user_id = inside.user_id
    for room in world.rooms.values():
        while search.index_room(room_id=room.pk):
            pass
    assert {room.name for room in access.visible_rooms(user_id)} == token.opens
    assert {room.room_id for room in marks.unread(user_id=user_id)} == token.opens
    found = search.search_messages(user_id=user_id, query="needle").results
    assert {one.message.room_id for one in found} == token.opens
    for name in (PUBLIC, PRIVATE, "new"):
        with pytest.raises(NoSuchRoom):
            rooms.enter_room(user_id=user_id, name=name)
    assert rooms.enter_room(user_id=user_id, name=INSIDE).name == INSIDE
    assert not Room.objects.filter(name="new").exists()


def test_files_and_what_was_missed_are_of_the_rooms_of_the_token_only(
    world: SimpleNamespace, token: SimpleNamespace, inside: callers.Identity
) -> None:
    read, concerned = set(), {INSIDE, MEMBER_ROOM}
    for name, room in world.rooms.items():
        message = room.messages.get()
        file = uploaded(world.alice)
        Attachment.objects.filter(pk=file.pk).update(message=message, attached_at=message.created_at)
        Mention.objects.create(user=world.bot.user, message=message, room=room, seq=message.seq)
        with suppress(NoSuchAttachment):
            attachments.readable(user_id=inside.user_id, attachment_id=file.pk)
            read.add(name)
    assert read == token.opens
    page = missed.missed(user_id=inside.user_id)
    assert {one.message.room_id for one in page.mentions} == token.opens & concerned
    assert {room.room_id for room in page.rooms or ()} == token.opens & concerned


def test_a_token_finds_people_of_its_own_rooms_only(
    world: SimpleNamespace, token: SimpleNamespace, inside: callers.Identity, settings: Any
) -> None:
    settings.CHAT_FINDABLE = "members"
    for name, room in world.rooms.items():
        Membership.objects.create(room=room, user=make_user(f"zoe-{name}"), role="member")
    found = directory.find_users(user_id=inside.user_id, query="zoe", limit=10)
    assert {person.username for person in found} == {f"zoe-{name}" for name in token.opens}


def test_a_token_of_named_rooms_makes_no_others(world: SimpleNamespace) -> None:
    identity, carol = callers.by_token(world.named), make_user("carol")
    actor = identity.acts("socket")
    with scopes.within(identity.scope):
        with pytest.raises(Forbidden):
            rooms.create_room(user_id=actor.user_id, name="new")
        with pytest.raises(Forbidden):
            direct.open_with(actor=actor, user_ids=[carol.pk])
    with scopes.within(callers.by_token(world.all).scope):
        assert rooms.create_room(user_id=actor.user_id, name="new")[1]
        assert direct.open_with(actor=actor, user_ids=[carol.pk]).kind == "direct"


def test_no_bot_acts_on_the_whole_chat(world: SimpleNamespace, inside: callers.Identity) -> None:
    with pytest.raises(Forbidden):
        access.admin(callers.Actor(inside.user_id, ("user", "moderator", "admin")))
    with pytest.raises(Forbidden):
        scopes.check_whole_chat()


BODY = {"seq": 1, "content": "hi", "username": "alice", "topic": "news"}
ROUTES = ("", "/members", "/messages", "/messages/{id}/replies", "/read", "/invitations", "/settings")


@pytest.mark.parametrize("path", ROUTES)
def test_over_rest_it_is_the_same(
    world: SimpleNamespace, token: SimpleNamespace, client: Client, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "member_counts", lambda ids: dict.fromkeys(ids, 0))
    headers = {"Authorization": f"Bearer {token.text}"}
    for name, room in world.rooms.items():
        url = f"/api/rooms/{name}{path.format(id=room.messages.get().pk)}"
        answers = [client.get(url, headers=headers)]
        answers.append(client.post(url, BODY, headers=headers,
                                   content_type="application/json"))  # fmt: skip
        served = [answer for answer in answers if answer.status_code != 405]
        assert served
        hidden = [answer.status_code == 404 and answer.json()["code"] == "no-such-room" for answer in served]
        assert set(hidden) == {name not in token.opens}


def test_the_thread_is_free_again_after_a_request(world: SimpleNamespace, client: Client) -> None:
    client.get("/api/rooms", headers={"Authorization": f"Bearer {world.named}"})
    assert scopes.current() is None


OF_ACCOUNTS = [
    ("get", "/api/me"), ("get", "/api/me/export"), ("get", "/api/me/devices"), ("post", "/api/me/erase"),
    ("post", "/api/me/password"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), OF_ACCOUNTS)
def test_a_bots_token_is_not_for_accounts(world: SimpleNamespace, client: Client, method: str, path: str) -> None:
    answer = getattr(client, method)(path, headers={"Authorization": f"Bearer {world.all}"})
    assert answer.status_code == 403, answer.content


def test_a_connection_by_a_token_of_named_rooms_is_sent_nothing_of_the_others(world: SimpleNamespace) -> None:
    sent: list[str] = []

    def connected(token: str) -> Any:
        identity = callers.by_token(token)
        return SimpleNamespace(
            id=token, identity=identity, accepts=(), rooms={}, offer=lambda *_, **__: sent.append(token)
        )

    connections = {name: connected(getattr(world, name)) for name in ("named", "all")}
    send_all(connections, [Notification(str(world.bot.pk), json.dumps({"type": "mention"}))])
    assert sent == [world.all]


def test_a_scope_admits_by_membership_or_by_name() -> None:
    assert Scope().admits(1, is_member=True)
    assert not Scope().admits(1, is_member=False)
    assert Scope(frozenset({1})).admits(1, is_member=False)
    assert not Scope(frozenset({1})).admits(2, is_member=True)


def test_a_bot_becomes_a_member_by_people_and_not_by_itself(world: SimpleNamespace) -> None:
    identity = callers.by_token(world.all)
    with scopes.within(identity.scope), pytest.raises(NoSuchRoom):
        members.follow(actor=identity.acts("socket"), name=PUBLIC)
    owner = make_user("owner")
    Membership.objects.create(room=world.rooms[PUBLIC], user=owner, role="owner")
    members.invite(actor=callers.actor(owner, "rest"), name=PUBLIC, username="deploys")
    with scopes.within(identity.scope):
        assert access.room(identity.user_id, PUBLIC).name == PUBLIC


def test_every_view_of_the_chat_holds_bots_to_their_rooms() -> None:
    """Those of rooms ask access; a new one that does not extend the base view would not."""
    from rooms.api.base import View

    views = [route.callback.view_class for route in urls.api if hasattr(route.callback, "view_class")]
    assert views
    assert all(issubclass(view, View) for view in views)
