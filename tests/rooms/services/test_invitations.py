"""Invitation links: who makes them, whom they let in, and that each is used no more often than it may be."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.conf import LazySettings
from django.db.models import F

from rooms import access
from rooms.callers import Actor
from rooms.errors import BadFrame, Banned, Forbidden, InvalidInvitation, NoSuchRoom, Refused
from rooms.models import AuditEntry, Invitation, Membership, Room
from rooms.services import invitations
from rooms.services.invitations import accept, create, open_invitations, path, revoke, shown
from rooms.services.members import unfollow
from rooms.services.rooms import remove_room
from tests.support.factories import make_room, make_user
from tests.support.rooms import Run, World, Writers, from_now, restrict

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference


def by(user: Any, *roles: str) -> Actor:
    return Actor(user.pk, ("user", *roles), "socket", user.username)


def code_of(run: Run, world: World, **fields: Any) -> str:
    """Of an invitation to the private room, which alice moderates."""
    run(restrict, world.private, world.alice, role="moderator")
    code: str = run(create, actor=by(world.alice), name="private", **fields).code
    return code


def test_who_has_the_code_becomes_a_member(run: Run, world: World) -> None:
    code = code_of(run, world)
    assert run(shown, actor=by(world.bob), code=code).title == world.private.title
    assert not run(Membership.objects.filter(user=world.bob).exists), "looking is not joining"
    opened = run(accept, actor=by(world.bob), code=code)
    assert (opened.name, opened.role) == ("private", "member")
    assert run(access.room, world.bob.pk, "private").role == "member"
    assert run(lambda: Invitation.objects.get().uses) == 1
    entries = run(lambda: list(AuditEntry.objects.order_by("pk").values_list("action", "actor_name", "room_name")))
    assert entries == [("create-invitation", "alice", "private"), ("accept-invitation", "bob", "private")]


@on_sqlite
def test_the_code_is_stored_nowhere_and_has_128_random_bits(run: Run, world: World) -> None:
    code, other = code_of(run, world), code_of(run, world)
    assert len(code) == len(other) == 22
    assert code != other
    stored = run(lambda: [*Invitation.objects.values(), *AuditEntry.objects.values()])
    assert code not in str(stored)


@on_sqlite
@pytest.mark.parametrize(("role", "error"), [("member", Forbidden), (None, NoSuchRoom)])
def test_moderators_alone_make_see_and_revoke_invitations(
    run: Run, world: World, role: str | None, error: type[Exception]
) -> None:
    code_of(run, world)
    made = run(Invitation.objects.get)
    if role:
        run(restrict, world.private, world.bob, role=role)
    for use, fields in [(create, {}), (open_invitations, {}), (revoke, {"invitation_id": made.pk})]:
        with pytest.raises(error):
            run(use, actor=by(world.bob), name="private", **fields)
    run(restrict, world.private, world.bob, role="moderator")
    assert run(open_invitations, actor=by(world.bob), name="private") == [made]


@on_sqlite
def test_nobody_is_invited_by_a_link_to_a_direct_room(run: Run, world: World) -> None:
    room = run(make_room, "other", kind=Room.Kind.DIRECT)
    run(restrict, room, world.alice, role="owner")
    with pytest.raises(Forbidden):
        run(create, actor=by(world.alice), name="other")


@on_sqlite
def test_an_invitation_is_valid_for_the_hours_it_says_and_a_month_at_most(
    run: Run, world: World, settings: LazySettings
) -> None:
    for hours in (1, 720):
        code_of(run, world, hours=hours)
        made = run(Invitation.objects.latest, "pk")
        assert (made.expires_at - made.created_at).total_seconds() == hours * 3600
    with pytest.raises(BadFrame, match="720 hours at most"):
        code_of(run, world, hours=721)
    settings.CHAT_INVITATION_HOURS = 0
    code_of(run, world, hours=10_000)


INVALID = {
    "unknown": lambda world, code: None,
    "expired": lambda world, code: Invitation.objects.update(expires_at=from_now(-1)),
    "revoked": lambda world, code: revoke(
        actor=by(world.alice), name="private", invitation_id=Invitation.objects.get().pk
    ),
    "used up": lambda world, code: accept(actor=by(make_user()), code=code),
    "of a room that is gone": lambda world, code: remove_room(room_id=world.private.pk),
}


@pytest.mark.parametrize("why", INVALID)
def test_whatever_is_wrong_with_a_code_the_answer_is_the_same(run: Run, world: World, why: str) -> None:
    code = code_of(run, world)
    run(INVALID[why], world, code)
    for use in (shown, accept):
        with pytest.raises(InvalidInvitation, match=r"^This invitation is not valid$"):
            run(use, actor=by(world.bob), code=f"{code}x" if why == "unknown" else code)
    assert not run(Membership.objects.filter(user=world.bob).exists)


@on_sqlite
@pytest.mark.parametrize("fields", [{"banned_until": 1}, {"active": False}])
def test_who_is_banned_stays_out_and_uses_nothing_up(run: Run, world: World, fields: dict[str, Any]) -> None:
    code = code_of(run, world)
    if "banned_until" in fields:
        run(restrict, world.private, world.bob, role="none", banned_until=from_now(1))
    else:
        run(lambda: type(world.bob).objects.filter(pk=world.bob.pk).update(is_active=False))
    for use in (shown, accept):
        with pytest.raises(Banned):
            run(use, actor=by(world.bob), code=code)
    assert run(lambda: Invitation.objects.get().uses) == 0


@on_sqlite
def test_whom_the_project_refuses_becomes_no_member(run: Run, world: World, settings: LazySettings) -> None:
    code = code_of(run, world)
    settings.CHAT_CAN_JOIN = f"{__name__}.nobody"
    with pytest.raises(Refused):
        run(accept, actor=by(world.bob), code=code)
    assert not run(Membership.objects.filter(user=world.bob).exists)


def nobody(_user: Any, _room: Room) -> bool:
    return False


@on_sqlite
def test_a_member_uses_nothing_up_even_when_it_was_they_who_used_it(run: Run, world: World) -> None:
    code = code_of(run, world)
    run(accept, actor=by(world.alice), code=code)
    assert run(lambda: Invitation.objects.get().uses) == 0
    for _ in range(2):
        assert run(accept, actor=by(world.bob), code=code).name == "private"
    assert run(lambda: Invitation.objects.get().uses) == 1
    run(unfollow, actor=by(world.bob), name="private")
    with pytest.raises(InvalidInvitation):
        run(accept, actor=by(world.bob), code=code)


@pytest.mark.parametrize(("uses", "members"), [(1, 1), (2, 2), (0, 4)])
def test_the_last_use_is_counted_once_whoever_comes_at_the_same_moment(
    run: Run, world: World, writers: Writers, uses: int, members: int
) -> None:
    code = code_of(run, world, uses=uses)
    guests = run(lambda: [make_user() for _ in range(4)])
    together = Barrier(len(guests))

    def come(writer: Any, guest: Any) -> bool:
        together.wait(20)
        try:
            writer.run(accept, actor=by(guest), code=code)
        except InvalidInvitation:
            return False
        return True

    with ThreadPoolExecutor(len(guests)) as threads:
        entered = list(threads.map(come, [writers() for _ in guests], guests))
    assert entered.count(True) == members
    assert run(lambda: Membership.objects.filter(room=world.private, user__in=guests).count()) == members
    assert run(lambda: Invitation.objects.get().uses) == members


@on_sqlite
def test_an_invitation_that_was_used_up_meanwhile_leaves_no_membership(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at it and its use somebody else uses it."""
    code, look = code_of(run, world), shown

    def look_and_lose(**fields: Any) -> Any:
        found = look(**fields)
        Invitation.objects.update(uses=F("max_uses"))
        return found

    monkeypatch.setattr(invitations, "shown", look_and_lose)
    with pytest.raises(InvalidInvitation):
        run(accept, actor=by(world.bob), code=code)
    assert not run(Membership.objects.filter(user=world.bob).exists)


@on_sqlite
def test_revoking_again_changes_nothing_and_one_of_another_room_is_not_found(run: Run, world: World) -> None:
    code_of(run, world)
    made = run(Invitation.objects.get)
    run(restrict, world.room, world.alice, role="owner")
    with pytest.raises(InvalidInvitation):
        run(revoke, actor=by(world.alice), name="lobby", invitation_id=made.pk)
    for _ in range(2):
        run(revoke, actor=by(world.alice), name="private", invitation_id=made.pk)
    assert run(AuditEntry.objects.filter(action="revoke-invitation").count) == 1
    assert run(open_invitations, actor=by(world.alice), name="private") == []


@on_sqlite
def test_a_new_member_by_a_link_sees_what_the_room_lets_them(run: Run, world: World) -> None:
    run(lambda: Room.objects.filter(pk=world.private.pk).update(history="joined", last_seq=7))
    run(accept, actor=by(world.bob), code=code_of(run, world))
    assert run(access.room, world.bob.pk, "private").visible_from_seq == 7


def test_the_path_of_a_link_has_the_prefix_of_the_site(settings: LazySettings) -> None:
    assert path("abc") == "/invitation/abc/"
    settings.FORCE_SCRIPT_NAME = "/team/"
    assert path("abc") == "/team/invitation/abc/"


def test_without_the_pages_of_the_chat_a_link_has_no_path(settings: LazySettings) -> None:
    settings.ROOT_URLCONF = "monitoring.urls"
    assert path("abc") == ""
