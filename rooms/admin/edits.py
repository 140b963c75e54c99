"""What a message said before, on its page."""

from rooms.admin.inlines import MessageInline
from rooms.models import MessageVersion


class VersionsInline(MessageInline):
    model = MessageVersion
    fields = ("content", "written_at", "replaced_at")
    readonly_fields = fields
