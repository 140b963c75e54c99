"""Whom a message mentions stands on its page in the admin, read only."""

import pytest
from django.test import Client

from rooms.models import Membership
from rooms.services.posting import post_message
from tests.support.factories import make_room, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_page_of_a_message_says_whom_it_mentions(moderator: Client) -> None:
    room, author, other = make_room(), make_user(), make_user("mentioned-one")
    Membership.objects.create(room=room, user=other)
    message = post_message(room_id=room.pk, author_id=author.pk, content="hi", names=["mentioned-one"])
    page = moderator.get(f"/admin/chat_rooms/message/{message.id}/change/").content.decode()
    assert "mentioned-one" in page
    assert 'name="mentioned-0-DELETE"' not in page
