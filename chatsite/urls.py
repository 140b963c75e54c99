"""All HTTP routes of the stand-alone site; the socket's two paths are in asgi.py."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

admin.site.site_header = admin.site.site_title = _("Chat administration")
urlpatterns = [
    path("", include("monitoring.urls")),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url="/static/rooms/favicon.svg")),  # for pages that name none: the admin's
    path("i18n/", include("django.conf.urls.i18n")),
    re_path(r"^api/schema/?$", SpectacularAPIView.as_view(), name="api-schema"),
    re_path(
        r"^api/docs/?$",
        SpectacularSwaggerSplitView.as_view(url_name="api-schema", template_name="api_docs.html"),
        name="api-docs",
    ),
    path("", include("accounts.urls")),
    path("", include("rooms.urls")),
]
