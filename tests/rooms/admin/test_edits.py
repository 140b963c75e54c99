"""What a message said before stands on its page in the admin, read only."""

import pytest
from django.test import Client

from rooms.services.changes import edit_message
from tests.support.factories import make_message, make_room, make_user

pytestmark = pytest.mark.django_db


def test_the_page_of_a_message_has_its_earlier_versions(moderator: Client) -> None:
    message = make_message(make_room(), make_user(), "frist")
    page = moderator.get(f"/admin/chat_rooms/message/{message.pk}/change/").content.decode()
    assert "frist" in page
    edit_message(message_id=message.pk, content="first")
    page = moderator.get(f"/admin/chat_rooms/message/{message.pk}/change/").content.decode()
    assert "frist" in page
    assert 'name="versions-0-DELETE"' not in page
