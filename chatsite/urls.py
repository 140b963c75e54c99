"""All HTTP routes; the socket's two paths are in asgi.py. REST paths may end with a slash."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

import accounts.api
import accounts.views
import monitoring.views
import rooms.api.messages
import rooms.api.presence
import rooms.api.rooms
import rooms.web.views
from chatsite.middleware import not_found

pages: list[URLPattern | URLResolver] = [
    path("", rooms.web.views.chat, name="chat"),
    path("rooms/<str:name>/", rooms.web.views.chat, name="room"),
    path("accounts/sign-in/", accounts.views.SignInView.as_view(), name="sign-in"),
    path("accounts/sign-out/", accounts.views.SignOutView.as_view(), name="sign-out"),
    path("accounts/register/", accounts.views.RegisterView.as_view(), name="register"),
    path("favicon.ico", RedirectView.as_view(url="/static/rooms/favicon.svg")),  # for pages that name none: the admin's
    path("i18n/", include("django.conf.urls.i18n")),
]
api: list[URLPattern | URLResolver] = [
    re_path(r"^auth/?$", accounts.api.AuthView.as_view(), name="api-auth"),
    re_path(r"^auth/refresh/?$", accounts.api.RefreshView.as_view(), name="api-refresh"),
    re_path(r"^auth/logout/?$", accounts.api.LogoutView.as_view(), name="api-logout"),
    re_path(r"^auth/register/?$", accounts.api.RegisterView.as_view(), name="api-register"),
    re_path(r"^me/?$", accounts.api.MeView.as_view(), name="api-me"),
    re_path(r"^online/?$", rooms.api.presence.OnlineView.as_view(), name="api-online"),
    re_path(r"^rooms/?$", rooms.api.rooms.RoomsView.as_view(), name="api-rooms"),
    re_path(r"^rooms/(?P<name>[^/]+)/messages/?$", rooms.api.messages.MessagesView.as_view(), name="api-messages"),
    re_path(r"^rooms/(?P<name>[^/]+?)/?$", rooms.api.rooms.RoomView.as_view(), name="api-room"),
    re_path(r"^schema/?$", SpectacularAPIView.as_view(), name="api-schema"),
    re_path(
        r"^docs/?$",
        SpectacularSwaggerSplitView.as_view(url_name="api-schema", template_name="api_docs.html"),
        name="api-docs",
    ),
    re_path(r"", not_found),
]
urlpatterns = [
    path("", include(pages)),
    path("api/", include(api)),
    re_path(r"^health/?$", monitoring.views.health, name="health"),
    re_path(r"^ready/?$", monitoring.views.ready, name="ready"),
    re_path(r"^metrics/?$", monitoring.views.metrics, name="metrics"),
    path("admin/monitoring/", monitoring.views.dashboard, name="monitoring"),
    path("admin/monitoring/data/", monitoring.views.dashboard_data, name="monitoring-data"),
    path("admin/", admin.site.urls),
]
