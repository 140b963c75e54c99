"""The project's own admin site, under another name and address."""

from django.contrib.admin.apps import AdminConfig


class BackOfficeConfig(AdminConfig):
    default_site = "intranet.admin.BackOffice"
