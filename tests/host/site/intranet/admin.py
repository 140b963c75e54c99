"""The one admin site of the project."""

from django.contrib.admin import AdminSite


class BackOffice(AdminSite):
    site_header = "Back office"
