"""`manage.py renew_epochs`: after a restored backup no client resumes into what was lost."""

from io import StringIO

import pytest
from django.core.management import call_command

from rooms.models import Room
from tests.support.factories import make_room

pytestmark = pytest.mark.django_db


def test_every_room_begins_another_epoch() -> None:
    before = {make_room(name).epoch for name in ("lobby", "中文")}
    out = StringIO()
    call_command("renew_epochs", stdout=out)
    assert out.getvalue() == "New epoch in 2 rooms.\n"
    assert not before & set(Room.objects.values_list("epoch", flat=True))
