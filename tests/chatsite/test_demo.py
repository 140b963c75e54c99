"""`manage.py demo`: people and talk for a first look, in development only."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from rooms import storage
from rooms.models import Message, Room

pytestmark = pytest.mark.django_db


@pytest.fixture
def debug(settings) -> None:
    settings.DEBUG = True


def demo(**options: bool) -> str:
    out = StringIO()
    call_command("demo", stdout=out, **options)
    return out.getvalue()


def test_it_makes_people_who_can_sign_in_and_prints_how(debug, settings) -> None:
    settings.PORT = 8123
    printed = demo()
    assert "http://127.0.0.1:8123/" in printed
    for name in ("alice", "bob", "carol", "admin"):
        user = User.objects.get(username=name)
        assert user.check_password("demo-password")
        assert user.is_superuser is (name == "admin")
        assert name in printed
    assert "demo-password" in printed


def test_every_room_has_talk_in_order_and_in_the_past(debug) -> None:
    demo()
    assert set(Room.objects.values_list("name", flat=True)) == {"general", "random", "中文"}
    for room in Room.objects.all():
        messages = storage.page(room_id=room.pk, limit=200)
        times = [message.created_at for message in messages]
        assert [message.seq for message in messages] == list(range(1, room.last_seq + 1))
        assert len(messages) >= 3
        assert times == sorted(times)
        assert room.created_at < times[0]
        assert times[-1] < timezone.now()


def test_a_second_run_changes_nothing(debug) -> None:
    demo()
    before = list(Message.objects.order_by("pk").values()), list(User.objects.order_by("pk").values())
    demo()
    assert before == (list(Message.objects.order_by("pk").values()), list(User.objects.order_by("pk").values()))


def test_what_is_missing_is_made_again(debug) -> None:
    demo()
    User.objects.get(username="bob").delete()
    Message.objects.filter(client_id="demo-general-2").delete()
    printed = demo()
    assert User.objects.count() == 4
    assert User.objects.get(username="bob").check_password("demo-password")
    assert Message.objects.filter(client_id__startswith="demo-general-").count() == 8
    assert "bob" in printed


def test_a_failure_leaves_nothing_behind(debug, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("chatsite.management.commands.demo.post_messages", fail)
    with pytest.raises(RuntimeError):
        demo()
    assert not User.objects.exists()
    assert not Room.objects.exists()


def test_who_can_sign_in_is_printed_as_it_is_now(debug) -> None:
    demo()
    carol, alice = User.objects.get(username="carol"), User.objects.get(username="alice")
    carol.set_password("her own password")
    carol.save()
    alice.is_active = False
    alice.save()
    lines = [line.split() for line in demo().splitlines()]
    assert ["bob", "demo-password"] in lines
    assert ["carol", "a", "password", "that", "was", "changed"] in lines
    assert not [line for line in lines if "alice" in line]


def test_a_database_with_other_users_is_left_alone(debug, make_user) -> None:
    make_user("admin", is_superuser=True)
    with pytest.raises(CommandError, match="users that demo did not make"):
        demo()
    printed = demo(if_own=True)
    assert "adds no examples" in printed
    assert "http://127.0.0.1:8000/" in printed
    assert "demo-password" not in printed
    assert User.objects.count() == 1
    assert not Room.objects.exists()


def test_it_is_refused_without_debug() -> None:
    with pytest.raises(CommandError, match="DEBUG=1"):
        demo()
    assert not User.objects.exists()
