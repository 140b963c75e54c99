"""What is stored, by subject."""

from rooms.models.attachments import Attachment
from rooms.models.audit import AuditEntry
from rooms.models.blocks import Block
from rooms.models.bots import Bot, BotToken
from rooms.models.deletions import BulkDeletion
from rooms.models.edits import MessageVersion
from rooms.models.filters import FilterPhrase
from rooms.models.incoming_webhooks import IncomingWebhook
from rooms.models.invitations import Invitation
from rooms.models.marks import HiddenReader
from rooms.models.members import Membership
from rooms.models.mentions import Mention
from rooms.models.messages import Message
from rooms.models.moderation import ServerBan
from rooms.models.outgoing_webhooks import OutgoingWebhook
from rooms.models.reactions import Reaction
from rooms.models.reports import Report
from rooms.models.rights import EndedSession, RightsChange
from rooms.models.rooms import Room
from rooms.models.search import IndexedRoom
from rooms.models.streams import Stream, StreamPart

__all__ = [
    "Attachment",
    "AuditEntry",
    "Block",
    "Bot",
    "BotToken",
    "BulkDeletion",
    "EndedSession",
    "FilterPhrase",
    "HiddenReader",
    "IncomingWebhook",
    "IndexedRoom",
    "Invitation",
    "Membership",
    "Mention",
    "Message",
    "MessageVersion",
    "OutgoingWebhook",
    "Reaction",
    "Report",
    "RightsChange",
    "Room",
    "ServerBan",
    "Stream",
    "StreamPart",
]
