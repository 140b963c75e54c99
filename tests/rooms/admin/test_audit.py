"""The audit log and the bans from the chat in the admin."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from rooms.callers import CODE
from rooms.models import AuditEntry, Membership, Room, ServerBan
from rooms.services import audit, moderation
from tests.support.factories import make_room, make_user

pytestmark = pytest.mark.django_db
LOG, BANS = "/admin/chat_rooms/auditentry/", "/admin/chat_rooms/serverban/"
Staff = Callable[..., Client]


@pytest.fixture
def boss(people: SimpleNamespace) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(people.admin)
    return client


@pytest.fixture
def entries(people: SimpleNamespace) -> SimpleNamespace:
    """A kick in a public room, and a mute in a private one."""
    rooms = SimpleNamespace(lobby=make_room("lobby"), secret=make_room("secret", kind=Room.Kind.PRIVATE))
    moderation.act(actor=CODE, room_id=rooms.lobby.pk, user_id=people.bob.pk, action="kick", reason="noise")
    moderation.act(actor=CODE, room_id=rooms.secret.pk, user_id=people.carol.pk, action="mute")
    return rooms


def test_entries_are_found_by_each_of_their_texts(boss: Client, entries: SimpleNamespace) -> None:
    for query in ("bob", "lobby", "kick", "noise"):
        page = boss.get(LOG, {"q": query}).content.decode()
        assert "noise" in page
        assert "carol" not in page


def test_staff_without_the_permission_see_nothing_of_private_rooms(
    staff: Staff, boss: Client, entries: SimpleNamespace
) -> None:
    assert "secret" in boss.get(LOG).content.decode()
    page = staff("view_auditentry").get(LOG).content.decode()
    assert "lobby" in page
    assert "secret" not in page
    hidden = AuditEntry.objects.get(action="mute")
    assert staff("view_auditentry").get(f"{LOG}{hidden.pk}/change/").status_code == 302


def test_nobody_writes_the_log(boss: Client, entries: SimpleNamespace) -> None:
    entry = AuditEntry.objects.first()
    assert entry is not None
    assert boss.get(f"{LOG}add/").status_code == 403
    assert boss.post(f"{LOG}{entry.pk}/change/", {"reason": "other"}).status_code == 403
    assert boss.post(f"{LOG}{entry.pk}/delete/", {"post": "yes"}).status_code == 403


def test_old_entries_go_with_old_history(entries: SimpleNamespace, settings: SimpleNamespace) -> None:
    AuditEntry.objects.filter(action="kick").update(at=timezone.now() - timedelta(days=366))
    settings.CHAT_AUDIT_DAYS = 0
    assert audit.prune(days=0) == 0
    settings.CHAT_AUDIT_DAYS = 365
    call_command("prune_history")
    assert [entry.action for entry in AuditEntry.objects.all()] == ["mute"]


def test_a_ban_from_the_chat_is_made_and_lifted_by_the_service(boss: Client, people: SimpleNamespace) -> None:
    form = {"user": people.bob.pk, "until_0": "2099-01-01", "until_1": "00:00", "reason": "spam"}
    assert boss.post(f"{BANS}add/", form).status_code == 302
    assert ServerBan.objects.get().reason == "spam"
    assert boss.post(f"{BANS}{people.bob.pk}/delete/", {"post": "yes"}).status_code == 302
    assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == ["ban-from-chat", "unban-from-chat"]
    assert {entry.door for entry in AuditEntry.objects.all()} == {"admin"}


def test_staff_ban_nobody_of_a_higher_rank(staff: Staff, people: SimpleNamespace) -> None:
    form = {"user": people.admin.pk, "until_0": "2099-01-01", "until_1": "00:00"}
    page = staff("view_serverban", "add_serverban").post(f"{BANS}add/", form).content.decode()
    assert "their rank is not below yours" in page
    assert not ServerBan.objects.exists()


def test_users_are_banned_and_disconnected_from_their_list(boss: Client, people: SimpleNamespace) -> None:
    form = {"_selected_action": [people.bob.pk, people.admin.pk]}
    page = boss.post("/admin/chat_accounts/user/", {**form, "action": "ban"}, follow=True).content.decode()
    assert "dmin was left out" in page  # Django writes the first letter large
    assert [ban.user_id for ban in ServerBan.objects.all()] == [people.bob.pk]
    boss.post("/admin/chat_accounts/user/", {**form, "action": "disconnect"})
    assert AuditEntry.objects.filter(action="disconnect").count() == 1


def test_a_membership_is_written_with_an_entry_and_a_room_keeps_its_last_owner(boss: Client) -> None:
    room, owner = make_room("garden"), make_user()
    membership = Membership.objects.create(room=room, user=owner, role=Membership.Role.OWNER)
    path = f"/admin/chat_rooms/membership/{membership.pk}/"
    page = boss.post(f"{path}change/", {"role": "member"}).content.decode()
    assert "A room keeps its last owner" in page
    assert boss.post(f"{path}delete/", {"post": "yes"}).status_code == 403
    assert not AuditEntry.objects.exists()
    boss.post(f"{path}change/", {"role": "owner", "ban_reason": "none"})
    assert AuditEntry.objects.get().action == "membership"
