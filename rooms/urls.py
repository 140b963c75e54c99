"""The chat's pages and its REST interface, to be included under any prefix. REST paths may end with a slash."""

from django.urls import include, path, re_path

from rooms.api.deletions import DeletionsView, MessageView
from rooms.api.messages import MessagesView
from rooms.api.moderation import BansView, ClosingView, DisconnectView, ModerationView, SettingsView, UnbanView
from rooms.api.presence import OnlineView
from rooms.api.rooms import RoomsView, RoomView
from rooms.refusals import not_found
from rooms.web import views

app_name = "chat"
api = [
    re_path(r"^online/?$", OnlineView.as_view(), name="api-online"),
    re_path(r"^rooms/?$", RoomsView.as_view(), name="api-rooms"),
    re_path(r"^rooms/(?P<name>[^/]+)/messages/?$", MessagesView.as_view(), name="api-messages"),
    re_path(r"^rooms/(?P<name>[^/]+)/messages/(?P<message_id>[^/]+)/?$", MessageView.as_view(), name="api-message"),
    re_path(r"^rooms/(?P<name>[^/]+)/deletions/?$", DeletionsView.as_view(), name="api-deletions"),
    re_path(r"^rooms/(?P<name>[^/]+)/moderation/?$", ModerationView.as_view(), name="api-moderation"),
    re_path(r"^rooms/(?P<name>[^/]+)/settings/?$", SettingsView.as_view(), name="api-settings"),
    re_path(r"^rooms/(?P<name>[^/]+)/closing/?$", ClosingView.as_view(), name="api-closing"),
    re_path(r"^bans/?$", BansView.as_view(), name="api-bans"),
    re_path(r"^bans/lifted/?$", UnbanView.as_view(), name="api-unbans"),
    re_path(r"^disconnections/?$", DisconnectView.as_view(), name="api-disconnections"),
    re_path(r"^rooms/(?P<name>[^/]+?)/?$", RoomView.as_view(), name="api-room"),
    re_path(r"", not_found),
]
urlpatterns = [
    path("", views.chat, name="home"),
    path("rooms/<str:name>/", views.chat, name="room"),
    path("config/", views.config, name="config"),
    path("api/", include(api)),
]
