"""The admin's own name; the records' pages are with their apps, the monitoring page is in views."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

admin.site.site_header = _("Chat administration")
admin.site.site_title = _("Chat administration")
