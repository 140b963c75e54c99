"""`{% load chat %}`, then `{% chat_room room %}` or `{% chat object %}`: a conversation on any page."""

from django import template
from django.db.models import Model
from django.forms.utils import flatatt
from django.template import Context
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from rooms.models import Room
from rooms.services.rooms import room_for

register = template.Library()
MODULE = "rooms/chat-room.js"


@register.simple_tag(takes_context=True)
def chat_room(context: Context, room: Room | str, **attributes: str) -> SafeString:
    """The element <chat-room> of a room, or of a room's name, and once on a page its script.

    Other attributes are written with underscores: `{% chat_room "general" heading_level="3" %}`.
    """
    named: dict[str, str | None] = {"room": room if isinstance(room, str) else room.name}
    if isinstance(room, Room):
        named |= {"label": room.title or None, "link": room.link or None}
    others = {key.replace("_", "-"): value for key, value in attributes.items()}
    element = flatatt({**named, "config": reverse("chat:config"), **others})
    return format_html("<chat-room{}></chat-room>{}", element, _script_once(context))


@register.simple_tag(takes_context=True)
def chat(context: Context, obj: Model, **attributes: str) -> SafeString:
    """The same for the room of an object, which is made if there is none."""
    return chat_room(context, room_for(obj), **attributes)


def _script_once(context: Context) -> str:
    page = context.render_context.dicts[0]  # the one that included templates share
    if MODULE in page:
        return ""
    page[MODULE] = static(MODULE)
    return format_html('<script type="module" src="{}"></script>', page[MODULE])
