"""Whom a message concerns, on its page."""

from rooms.admin.inlines import MessageInline
from rooms.models import Mention


class MentionsInline(MessageInline):
    model = Mention
    fields = ("user", "by_name")
    readonly_fields = fields
