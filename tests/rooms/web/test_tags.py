"""The template tag: the element with its configuration, and its script once."""

import pytest
from django.template import engines
from django.test import override_settings

from rooms.models import Room


def rendered(text: str, **context: object) -> str:
    return engines["django"].from_string("{% load chat %}" + text).render(context)


ELEMENT = '<chat-room config="/config/" room="tea"></chat-room>'
SCRIPT = '<script type="module" src="/static/rooms/chat-room.js"></script>'


def test_a_name_is_enough() -> None:
    assert rendered('{% chat_room "tea" %}') == ELEMENT + SCRIPT


def test_a_room_brings_its_title() -> None:
    room = Room(name="tea", title="Tea & cake")
    expected = '<chat-room config="/config/" label="Tea &amp; cake" room="tea"></chat-room>'
    assert rendered("{% chat_room room %}", room=room) == expected + SCRIPT
    assert rendered("{% chat_room room %}", room=Room(name="tea")) == ELEMENT + SCRIPT


def test_the_script_is_there_once_also_for_included_templates() -> None:
    included = engines["django"].from_string('{% load chat %}{% chat_room "tea" %}')
    page = rendered(
        '{% chat_room "tea" %}{% include included %}{% include included only %}{% chat_room "tea" %}', included=included
    )
    assert page.count(ELEMENT) == 4
    assert page.count(SCRIPT) == 1


def test_another_page_has_its_script_again() -> None:
    assert rendered('{% chat_room "tea" %}') == rendered('{% chat_room "tea" %}')


def test_other_attributes_are_written_with_underscores_and_escaped() -> None:
    page = rendered('{% chat_room "tea" theme="dark" heading_level=3 title=title %}', title='"><b>')
    assert 'theme="dark"' in page
    assert 'heading-level="3"' in page
    assert 'title="&quot;&gt;&lt;b&gt;"' in page


@pytest.mark.parametrize("name", ['"><script>', "<b>"])
def test_no_name_gets_out_of_its_attribute(name: str) -> None:
    assert "<script>" not in rendered("{% chat_room name %}", name=name)
    assert "<b>" not in rendered("{% chat_room name %}", name=name)


@override_settings(ROOT_URLCONF="tests.rooms.web.host_urls", STATIC_URL="/files/")
def test_the_addresses_are_those_of_the_project() -> None:
    page = rendered('{% chat_room "tea" %}')
    assert 'config="/talk/config/"' in page
    assert 'src="/files/rooms/chat-room.js"' in page


def test_the_label_of_a_room_with_a_page_leads_there() -> None:
    assert 'link="/orders/7/"' in rendered("{% chat_room room %}", room=Room(name="order-7", link="/orders/7/"))
    assert "link=" not in rendered("{% chat_room room %}", room=Room(name="tea"))
    assert 'link="/elsewhere/"' in rendered('{% chat_room "tea" link="/elsewhere/" %}')
