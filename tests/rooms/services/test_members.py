"""Becoming a member and ending it: who may, what a new member sees, and what others learn of it."""

from functools import partial
from typing import Any

import msgspec
import pytest
from django.db import OperationalError, transaction

from rooms import access, storage
from rooms.callers import Actor
from rooms.errors import BadFrame, Banned, Conflict, Forbidden, NoSuchRoom, NoSuchUser
from rooms.live import control, topics
from rooms.live.control import MemberAdded, UsersChanged
from rooms.live.events import Event
from rooms.models import AuditEntry, Membership, Room
from rooms.services.changes import delete_message, edit_message
from rooms.services.history import page, snapshot
from rooms.services.members import (
    end_membership,
    follow,
    invite,
    make_member,
    member_frames,
    members,
    unfollow,
)
from rooms.services.posting import post_messages
from rooms.services.room_settings import update_room
from rooms.services.rooms import create_room, remove_room
from tests.support.factories import make_room, make_user
from tests.support.rooms import Run, World, Writers, at_once, begins_to_wait, from_now, restrict, uncommitted

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference
on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)  # where only several writers at once show it


def by(user: Any, *roles: str) -> Actor:
    return Actor(user.pk, ("user", *roles), "socket", user.username)


def role_of(run: Run, room: Room, user: Any) -> str | None:
    found: str | None = run(
        lambda: Membership.objects.filter(room=room, user=user).values_list("role", flat=True).first()
    )
    return found


def controls(published: list[Event]) -> list[Any]:
    return [control.decode(event.payload) for event in published if event.topic == topics.CONTROL]


# --- Following --------------------------------------------------------------------------------------------------------
def test_who_follows_a_public_room_is_a_member_until_they_unfollow_it(
    run: Run, world: World, published: list[Event]
) -> None:
    run(follow, actor=by(world.bob), name="lobby")
    assert role_of(run, world.room, world.bob) == "member"
    assert controls(published) == [MemberAdded(str(world.bob.pk), world.room.pk)]
    published.clear()
    run(unfollow, actor=by(world.bob), name="lobby")
    assert role_of(run, world.room, world.bob) == "none"
    changed, removed = controls(published)
    assert changed == UsersChanged([str(world.bob.pk)])
    assert (removed.key, removed.accept) == (str(world.bob.pk), "rooms")
    assert removed.frame == '{"type":"room-removed","roomId":"lobby"}'


@on_sqlite
def test_following_twice_changes_only_the_level(run: Run, world: World, published: list[Event]) -> None:
    run(follow, actor=by(world.bob), name="lobby", level="mentions")
    run(follow, actor=by(world.bob), name="lobby")
    assert len(published) == 1
    run(follow, actor=by(world.bob), name="lobby", level="none")
    assert len(published) == 2, "the other pages of this person show it"
    found = run(lambda: Membership.objects.get(room=world.room))
    assert (found.role, found.level) == ("member", "none")


@on_sqlite
def test_an_owner_who_follows_stays_one(run: Run, world: World) -> None:
    run(create_room, user_id=world.bob.pk, name="his")
    run(follow, actor=by(world.bob), name="his", level="mentions")
    assert run(lambda: Membership.objects.get(room__name="his").role) == "owner"


@on_sqlite
@pytest.mark.parametrize("use", [follow, unfollow, members], ids=lambda use: use.__name__)
def test_a_private_room_of_others_answers_as_none(run: Run, world: World, use: Any) -> None:
    for roles in [(), ("moderator",), ("moderator", "admin")]:
        for name in ("private", "nothing"):
            with pytest.raises(NoSuchRoom, match=r"^No such room$"):
                run(use, actor=by(world.bob, *roles), name=name)


@on_sqlite
def test_what_was_decided_about_somebody_outlives_their_membership(run: Run, world: World) -> None:
    run(restrict, world.room, world.bob, muted_until=from_now(1))
    run(unfollow, actor=by(world.bob), name="lobby")
    run(follow, actor=by(world.bob), name="lobby")
    found = run(lambda: Membership.objects.get(room=world.room))
    assert (found.role, found.muted_until is not None) == ("member", True)


@on_sqlite
def test_who_is_banned_cannot_follow(run: Run, world: World) -> None:
    run(restrict, world.room, world.bob, role="none", banned_until=from_now(1))
    with pytest.raises(Banned):
        run(follow, actor=by(world.bob), name="lobby")
    assert role_of(run, world.room, world.bob) == "none"


# --- Leaving ----------------------------------------------------------------------------------------------------------
def test_the_last_owner_cannot_leave(run: Run, world: World, published: list[Event]) -> None:
    run(create_room, user_id=world.alice.pk, name="hers")
    hers = run(lambda: Room.objects.get(name="hers"))
    run(restrict, hers, world.bob, role="moderator")
    with pytest.raises(Conflict):
        run(unfollow, actor=by(world.alice), name="hers")
    assert (role_of(run, hers, world.alice), published) == ("owner", [])
    run(restrict, hers, world.bob, role="owner")
    run(unfollow, actor=by(world.alice), name="hers")
    assert role_of(run, hers, world.alice) == "none"


@on_postgres
def test_of_two_owners_who_leave_at_once_one_stays(run: Run, world: World, writers: Writers) -> None:
    run(create_room, user_id=world.alice.pk, name="theirs")
    theirs = run(lambda: Room.objects.get(name="theirs"))
    run(restrict, theirs, world.bob, role="owner")
    with uncommitted(writers(), unfollow, actor=by(world.alice), name="theirs"):
        second = begins_to_wait(run, writers(), unfollow, actor=by(world.bob), name="theirs")
    with pytest.raises(Conflict):
        second.result(20)
    assert run(lambda: Membership.objects.get(room=theirs, role="owner").user_id) == world.bob.pk


def test_who_leaves_a_private_room_does_not_find_it_any_more(run: Run, world: World) -> None:
    run(unfollow, actor=by(world.alice), name="private")
    with pytest.raises(NoSuchRoom):
        run(access.room, world.alice.pk, "private")
    assert [room.name for room in run(access.visible_rooms, world.alice.pk)] == ["lobby"]


@on_sqlite
def test_nobody_leaves_a_direct_room_or_is_invited_to_it(run: Run, world: World) -> None:
    direct = run(make_room, "pair", kind=Room.Kind.DIRECT)
    run(restrict, direct, world.alice, role="member")
    with pytest.raises(Forbidden):
        run(unfollow, actor=by(world.alice), name="pair")
    with pytest.raises(Forbidden):
        run(invite, actor=by(world.alice), name="pair", username="bob")
    assert role_of(run, direct, world.bob) is None


@on_sqlite
def test_ending_what_is_none_and_a_room_that_is_gone(run: Run, world: World, published: list[Event]) -> None:
    assert not run(end_membership, room_id=world.room.pk, user_id=world.bob.pk)
    assert published == []
    run(remove_room, room_id=world.room.pk)
    with pytest.raises(NoSuchRoom):
        run(make_member, room_id=world.room.pk, user_id=world.bob.pk)


# --- Inviting ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["lobby", "private"])
def test_a_member_invites_by_name_and_it_is_noted_once(
    run: Run, world: World, published: list[Event], name: str
) -> None:
    run(follow, actor=by(world.alice), name=name)
    published.clear()
    for _ in range(2):
        run(invite, actor=by(world.alice), name=name, username="bob")
    assert run(access.room, world.bob.pk, name).role == "member"
    assert [one for one in controls(published) if isinstance(one, MemberAdded)] == [
        MemberAdded(str(world.bob.pk), run(lambda: Room.objects.get(name=name).pk))
    ]
    [entry] = run(
        lambda: list(AuditEntry.objects.values_list("action", "door", "actor_name", "target_name", "room_name"))
    )
    assert entry == ("invite", "socket", "alice", "bob", name)


@on_sqlite
def test_only_members_invite(run: Run, world: World) -> None:
    with pytest.raises(Forbidden):
        run(invite, actor=by(world.bob), name="lobby", username="alice")
    with pytest.raises(NoSuchRoom):
        run(invite, actor=by(world.bob), name="private", username="alice")


@on_sqlite
@pytest.mark.parametrize("username", ["nobody", "gone", "b\0b", "\ud800", "", "x" * 255])
def test_a_name_that_nobody_has_and_a_deactivated_account_answer_alike(run: Run, world: World, username: str) -> None:
    run(make_user, "gone", is_active=False)
    with pytest.raises(NoSuchUser, match=r"^No such person$"):
        run(invite, actor=by(world.alice), name="private", username=username)


@on_sqlite
def test_who_is_banned_from_a_room_is_not_invited_to_it(run: Run, world: World) -> None:
    run(restrict, world.private, world.bob, role="none", banned_until=from_now(1))
    with pytest.raises(Conflict):
        run(invite, actor=by(world.alice), name="private", username="bob")
    assert role_of(run, world.private, world.bob) == "none"


@on_sqlite
def test_nothing_is_sent_or_noted_of_an_invitation_that_is_rolled_back(
    run: Run, world: World, published: list[Event]
) -> None:
    def undone() -> None:
        with transaction.atomic():
            invite(actor=by(world.alice), name="private", username="bob")
            transaction.set_rollback(True)

    run(undone)
    assert (published, role_of(run, world.private, world.bob), run(AuditEntry.objects.count)) == ([], None, 0)


# --- Writing makes a member -------------------------------------------------------------------------------------------
def test_the_first_message_in_a_public_room_makes_its_author_a_member(run: Run, world: World) -> None:
    run(restrict, world.room, world.bob, role="none", muted_until=from_now(-1))
    both = [world.new(), world.new(), world.new(author_id=world.bob.pk)]
    assert [answer.seq for answer in run(post_messages, both)] == [1, 2, 3]
    rows = run(
        lambda: list(Membership.objects.filter(room=world.room).order_by("user_id").values_list("role", "level"))
    )
    assert rows == [("member", "all")] * 2
    assert run(lambda: Membership.objects.get(room=world.room, user=world.bob).muted_until) is not None


@on_sqlite
def test_a_message_changes_no_membership_that_there_is(run: Run, world: World) -> None:
    run(restrict, world.room, world.alice, role="moderator", level="mentions")
    joined_at = run(lambda: Membership.objects.get(room=world.room).joined_at)
    run(post_messages, [world.new()])
    found = run(lambda: Membership.objects.get(room=world.room))
    assert (found.role, found.level, found.joined_at) == ("moderator", "mentions", joined_at)


def test_a_message_that_is_refused_makes_no_member(run: Run, world: World) -> None:
    run(restrict, world.room, world.bob, role="none", muted_until=from_now(1))
    run(post_messages, [world.new(author_id=world.bob.pk)])
    assert role_of(run, world.room, world.bob) == "none"


def test_a_message_is_stored_though_its_author_cannot_be_made_a_member(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("away")

    with monkeypatch.context() as patched:
        patched.setattr(storage, "add_members", fail)
        assert [answer.seq for answer in run(post_messages, [world.new()])] == [1]
    assert role_of(run, world.room, world.alice) is None
    run(post_messages, [world.new()])
    assert role_of(run, world.room, world.alice) == "member"


def test_writers_who_are_made_members_at_once_never_wait_for_each_other(
    run: Run, world: World, writers: Writers
) -> None:
    def post(writer: Any, author: Any) -> None:
        for _ in range(5):
            writer.run(post_messages, [world.new(author_id=author.pk), world.new()])

    at_once(*(partial(post, writers(), author) for author in (world.alice, world.bob)))
    assert run(lambda: Membership.objects.filter(room=world.room, role="member").count()) == 2


# --- What a new member sees -------------------------------------------------------------------------------------------
def said(run: Run, world: World) -> list[str]:
    found = run(page, user_id=world.bob.pk, name="private", limit=50)
    return [message.content for message in found if message.kind is None]


def post(run: Run, world: World, *contents: str) -> list[Any]:
    posted: list[Any] = run(post_messages, [world.new(content, room_id=world.private.pk) for content in contents])
    return posted


@pytest.mark.parametrize(("history", "seen"), [("all", ["one", "two", "three"]), ("joined", ["three"])])
def test_a_new_member_sees_what_the_room_lets_them(run: Run, world: World, history: str, seen: list[str]) -> None:
    run(lambda: Room.objects.filter(pk=world.private.pk).update(history=history))
    post(run, world, "one", "two")
    run(invite, actor=by(world.alice), name="private", username="bob")
    post(run, world, "three")
    assert said(run, world) == seen
    after = run(page, user_id=world.bob.pk, name="private", limit=9, after=0)
    assert [message.content for message in after if message.kind is None] == seen
    assert len(run(page, user_id=world.alice.pk, name="private", limit=50)) == 4, "and who was invited"


def test_who_comes_back_does_not_see_what_was_said_meanwhile(run: Run, world: World) -> None:
    run(lambda: Room.objects.filter(pk=world.private.pk).update(history="joined"))
    run(invite, actor=by(world.alice), name="private", username="bob")
    post(run, world, "first stay")
    run(unfollow, actor=by(world.bob), name="private")
    post(run, world, "without bob")
    run(invite, actor=by(world.alice), name="private", username="bob")
    post(run, world, "second stay")
    assert said(run, world) == ["second stay"]


def test_a_snapshot_has_no_content_of_what_is_hidden(run: Run, world: World) -> None:
    run(lambda: Room.objects.filter(pk=world.private.pk).update(history="joined"))
    [one, two] = post(run, world, "one", "two")
    run(invite, actor=by(world.alice), name="private", username="bob")
    post(run, world, "three")
    run(edit_message, message_id=one.id, content="secret")
    run(delete_message, message_id=two.id)

    def shown(after: int | None = None) -> list[Any]:
        room = run(access.room, world.bob.pk, "private")
        return list(msgspec.json.decode(run(lambda: snapshot(room=room, after=after)).history.payload)["messages"])

    assert [frame["content"] for frame in shown()] == ["", "three"], "the first one is of the system"
    assert [(frame["type"], frame["seq"], frame["changedSeq"]) for frame in shown(after=0)] == [
        ("chat-message", 3, 3),
        ("chat-message", 4, 4),
        ("message-deleted", 1, 5),
        ("message-deleted", 2, 6),
    ]
    assert "secret" not in str(shown(after=0))


@on_postgres
def test_a_message_on_its_way_is_before_the_membership_or_after_it(run: Run, world: World, writers: Writers) -> None:
    run(lambda: Room.objects.filter(pk=world.private.pk).update(history="joined"))
    with uncommitted(writers(), post_messages, messages=[world.new("before", room_id=world.private.pk)]):
        invited = begins_to_wait(run, writers(), invite, actor=by(world.alice), name="private", username="bob")
    invited.result(20)
    assert said(run, world) == []
    assert run(lambda: Membership.objects.get(room=world.private, user=world.bob).visible_from_seq) == 1


@on_sqlite
def test_only_an_owner_decides_what_new_members_see_and_only_in_a_private_room(run: Run, world: World) -> None:
    with pytest.raises(Forbidden):
        run(update_room, actor=by(world.alice), name="private", history="joined")
    run(restrict, world.private, world.alice, role="owner")
    run(restrict, world.room, world.alice, role="owner")
    run(update_room, actor=by(world.alice), name="private", history="joined")
    assert run(Room.objects.get, pk=world.private.pk).history == "joined"
    with pytest.raises(Conflict):
        run(update_room, actor=by(world.alice), name="lobby", history="joined")
    with pytest.raises(Conflict):
        run(create_room, user_id=world.alice.pk, name="open", history="joined")
    assert (
        run(create_room, user_id=world.alice.pk, name="closed", kind="private", history="joined")[0].history == "joined"
    )


# --- The list of members ----------------------------------------------------------------------------------------------
def test_the_pages_of_the_members_have_everybody_once(run: Run, world: World) -> None:
    others = run(lambda: [make_user() for _ in range(5)])
    for user in (world.alice, *others):
        run(follow, actor=by(user), name="lobby")
    run(restrict, world.room, world.bob, role="none")
    seen, after = [], None
    while True:
        found = run(members, actor=by(world.bob), name="lobby", after=after, limit=2)
        seen += [row.user_id for row in found.rows]
        if (after := found.next) is None:
            break
    assert seen == sorted(user.pk for user in (world.alice, *others))


@on_sqlite
def test_moderators_alone_learn_of_mutes_and_bans(run: Run, world: World) -> None:
    run(restrict, world.room, world.alice, role="moderator")
    carol = run(make_user, "carol")
    run(restrict, world.room, world.bob, role="member", muted_until=from_now(1), banned_until=from_now(-1))
    run(restrict, world.room, carol, role="none", banned_until=from_now(1))

    def shown(*actor: Any) -> list[tuple[str, str, bool, bool]]:
        rows = run(members, actor=by(*actor), name="lobby").rows
        found = run(member_frames, rows, {str(world.alice.pk)})
        return [(one.user.username, one.role, bool(one.muted_until), bool(one.banned_until)) for one in found]

    everything = [("alice", "moderator", False, False), ("bob", "member", True, False), ("carol", "none", False, True)]
    assert shown(world.alice) == everything
    assert shown(world.bob) == [("alice", "moderator", False, False), ("bob", "member", False, False)]
    assert shown(world.bob, "moderator") == everything


@on_sqlite
def test_a_page_of_members_goes_on_from_the_key_of_a_user(run: Run, world: World) -> None:
    with pytest.raises(BadFrame):
        run(members, actor=by(world.alice), name="lobby", after="x")
