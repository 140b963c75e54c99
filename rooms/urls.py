"""The chat's pages and its REST interface, to be included under any prefix. REST paths may end with a slash."""

from django.urls import include, path, re_path

from rooms.api.attachments import AttachmentsView, AttachmentView, ThumbnailView
from rooms.api.blocks import BlocksView, BlockView
from rooms.api.deletions import DeletionsView
from rooms.api.direct import DirectView
from rooms.api.directory import UsersView
from rooms.api.edits import MessageView, VersionsView
from rooms.api.incoming_webhooks import (
    HookByPathView,
    HookView,
    IncomingWebhookSecretView,
    IncomingWebhooksView,
    IncomingWebhookView,
)
from rooms.api.invitations import AcceptView, InvitationsView, InvitationView
from rooms.api.marks import HiddenReadsView, MarkReadView, MarkUnreadView, ReadersView, UnreadView
from rooms.api.members import MembershipView, MembersView
from rooms.api.mentions import MissedView
from rooms.api.messages import MessagesView
from rooms.api.moderation import BansView, ClosingView, DisconnectView, ModerationView, SettingsView, UnbanView
from rooms.api.outgoing_webhooks import (
    OutgoingWebhookEnabledView,
    OutgoingWebhookSecretView,
    OutgoingWebhooksView,
    OutgoingWebhookView,
)
from rooms.api.pins import PinsView, PinView
from rooms.api.presence import OnlineView
from rooms.api.reactions import ReactionsView
from rooms.api.replies import RepliesView
from rooms.api.reports import MessageReportView, UserReportView
from rooms.api.rooms import RoomsView, RoomView
from rooms.api.search import SearchView
from rooms.api.slash_commands import CommandsView
from rooms.api.streams import AppendView, EndView, StopView, StreamsView, StreamView
from rooms.api.typing import TypingView
from rooms.refusals import not_found
from rooms.web import invitations, views

app_name = "chat"
api = [
    re_path(r"^attachments/?$", AttachmentsView.as_view(), name="api-attachments"),
    re_path(r"^attachments/(?P<attachment_id>[0-9a-f]{32})/thumbnail$", ThumbnailView.as_view(), name="api-thumbnail"),
    re_path(
        r"^attachments/(?P<attachment_id>[0-9a-f]{32})/(?P<name>[^/]+)$",
        AttachmentView.as_view(),
        name="api-attachment",
    ),
    re_path(r"^blocks/?$", BlocksView.as_view(), name="api-blocks"),
    re_path(r"^blocks/(?P<username>[^/]+?)/?$", BlockView.as_view(), name="api-block"),
    re_path(r"^missed/?$", MissedView.as_view(), name="api-missed"),
    re_path(r"^hooks/(?P<webhook_id>[0-9]{1,18})/?$", HookView.as_view(), name="api-hook"),
    re_path(
        r"^hooks/(?P<webhook_id>[0-9]{1,18})/(?P<secret>[^/]+)/?$", HookByPathView.as_view(), name="api-hook-by-path"
    ),
    re_path(r"^online/?$", OnlineView.as_view(), name="api-online"),
    re_path(r"^search/?$", SearchView.as_view(), name="api-search"),
    re_path(r"^rooms/?$", RoomsView.as_view(), name="api-rooms"),
    re_path(r"^rooms/(?P<name>[^/]+)/messages/?$", MessagesView.as_view(), name="api-messages"),
    re_path(r"^rooms/(?P<name>[^/]+)/streams/?$", StreamsView.as_view(), name="api-streams"),
    re_path(r"^rooms/(?P<name>[^/]+)/streams/(?P<message_id>[^/]+)/?$", StreamView.as_view(), name="api-stream"),
    re_path(r"^rooms/(?P<name>[^/]+)/streams/(?P<message_id>[^/]+)/append/?$", AppendView.as_view(), name="api-append"),
    re_path(r"^rooms/(?P<name>[^/]+)/streams/(?P<message_id>[^/]+)/end/?$", EndView.as_view(), name="api-end"),
    re_path(r"^rooms/(?P<name>[^/]+)/streams/(?P<message_id>[^/]+)/stop/?$", StopView.as_view(), name="api-stop"),
    re_path(r"^rooms/(?P<name>[^/]+)/members/?$", MembersView.as_view(), name="api-members"),
    re_path(r"^rooms/(?P<name>[^/]+)/membership/?$", MembershipView.as_view(), name="api-membership"),
    re_path(r"^rooms/(?P<name>[^/]+)/invitations/?$", InvitationsView.as_view(), name="api-invitations"),
    re_path(
        r"^rooms/(?P<name>[^/]+)/invitations/(?P<invitation_id>[0-9]{1,18})/?$",
        InvitationView.as_view(),
        name="api-invitation",
    ),
    re_path(r"^invitations/accept/?$", AcceptView.as_view(), name="api-accept"),
    re_path(r"^direct/?$", DirectView.as_view(), name="api-direct"),
    re_path(r"^unread/?$", UnreadView.as_view(), name="api-unread-rooms"),
    re_path(r"^hidden-reads/?$", HiddenReadsView.as_view(), name="api-hidden-reads"),
    re_path(r"^rooms/(?P<name>[^/]+)/read/?$", MarkReadView.as_view(), name="api-read"),
    re_path(r"^rooms/(?P<name>[^/]+)/typing/?$", TypingView.as_view(), name="api-typing"),
    re_path(r"^rooms/(?P<name>[^/]+)/unread/?$", MarkUnreadView.as_view(), name="api-unread"),
    re_path(
        r"^rooms/(?P<name>[^/]+)/messages/(?P<message_id>[^/]+)/readers/?$", ReadersView.as_view(), name="api-readers"
    ),
    re_path(
        r"^rooms/(?P<name>[^/]+)/messages/(?P<message_id>[^/]+)/report/?$",
        MessageReportView.as_view(),
        name="api-report-message",
    ),
    re_path(
        r"^rooms/(?P<name>[^/]+)/messages/(?P<message_id>[^/]+)/replies/?$", RepliesView.as_view(), name="api-replies"
    ),
    re_path(
        r"^rooms/(?P<name>[^/]+)/messages/(?P<message_id>[^/]+)/reactions/?$",
        ReactionsView.as_view(),
        name="api-reactions",
    ),
    re_path(
        r"^rooms/(?P<name>[^/]+)/messages/(?P<message_id>[^/]+)/versions/?$",
        VersionsView.as_view(),
        name="api-versions",
    ),
    re_path(r"^rooms/(?P<name>[^/]+)/messages/(?P<message_id>[^/]+)/pin/?$", PinView.as_view(), name="api-pin"),
    re_path(r"^rooms/(?P<name>[^/]+)/commands/?$", CommandsView.as_view(), name="api-commands"),
    re_path(r"^rooms/(?P<name>[^/]+)/pins/?$", PinsView.as_view(), name="api-pins"),
    re_path(r"^rooms/(?P<name>[^/]+)/messages/(?P<message_id>[^/]+)/?$", MessageView.as_view(), name="api-message"),
    re_path(
        r"^rooms/(?P<name>[^/]+)/incoming-webhooks/?$", IncomingWebhooksView.as_view(), name="api-incoming-webhooks"
    ),
    re_path(
        r"^rooms/(?P<name>[^/]+)/incoming-webhooks/(?P<webhook_id>[0-9]{1,18})/?$",
        IncomingWebhookView.as_view(),
        name="api-incoming-webhook",
    ),
    re_path(
        r"^rooms/(?P<name>[^/]+)/incoming-webhooks/(?P<webhook_id>[0-9]{1,18})/secret/?$",
        IncomingWebhookSecretView.as_view(),
        name="api-incoming-webhook-secret",
    ),
    re_path(
        r"^rooms/(?P<name>[^/]+)/outgoing-webhooks/?$", OutgoingWebhooksView.as_view(), name="api-outgoing-webhooks"
    ),
    re_path(
        r"^rooms/(?P<name>[^/]+)/outgoing-webhooks/(?P<webhook_id>[0-9]{1,18})/?$",
        OutgoingWebhookView.as_view(),
        name="api-outgoing-webhook",
    ),
    re_path(
        r"^rooms/(?P<name>[^/]+)/outgoing-webhooks/(?P<webhook_id>[0-9]{1,18})/secret/?$",
        OutgoingWebhookSecretView.as_view(),
        name="api-outgoing-webhook-secret",
    ),
    re_path(
        r"^rooms/(?P<name>[^/]+)/outgoing-webhooks/(?P<webhook_id>[0-9]{1,18})/enabled/?$",
        OutgoingWebhookEnabledView.as_view(),
        name="api-outgoing-webhook-enabled",
    ),
    re_path(r"^rooms/(?P<name>[^/]+)/deletions/?$", DeletionsView.as_view(), name="api-deletions"),
    re_path(r"^rooms/(?P<name>[^/]+)/moderation/?$", ModerationView.as_view(), name="api-moderation"),
    re_path(r"^rooms/(?P<name>[^/]+)/settings/?$", SettingsView.as_view(), name="api-settings"),
    re_path(r"^rooms/(?P<name>[^/]+)/closing/?$", ClosingView.as_view(), name="api-closing"),
    re_path(r"^bans/?$", BansView.as_view(), name="api-bans"),
    re_path(r"^bans/lifted/?$", UnbanView.as_view(), name="api-unbans"),
    re_path(r"^disconnections/?$", DisconnectView.as_view(), name="api-disconnections"),
    re_path(r"^rooms/(?P<name>[^/]+?)/?$", RoomView.as_view(), name="api-room"),
    re_path(r"^users/?$", UsersView.as_view(), name="api-users"),
    re_path(r"^users/(?P<username>[^/]+)/report/?$", UserReportView.as_view(), name="api-report-user"),
    re_path(r"", not_found),
]
urlpatterns = [
    path("", views.chat, name="home"),
    path("rooms/<str:name>/", views.chat, name="room"),
    path("invitation/<str:code>/", invitations.invitation, name="invitation"),
    path("config/", views.config, name="config"),
    path("api/", include(api)),
]
