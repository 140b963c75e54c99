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


def test_with_if_empty_a_database_with_people_is_left_alone(debug, make_user) -> None:
    make_user("somebody")
    assert demo(if_empty=True) == ""
    assert User.objects.count() == 1
    assert not Room.objects.exists()


def test_with_if_empty_an_empty_database_is_filled(debug) -> None:
    demo(if_empty=True)
    assert User.objects.count() == 4


def test_it_is_refused_without_debug() -> None:
    with pytest.raises(CommandError, match="DEBUG=1"):
        demo()
    assert not User.objects.exists()
