"""Registers the monitoring app: it has no models of its own."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MonitoringConfig(AppConfig):
    name = "monitoring"
    label = "chat_monitoring"
    verbose_name = _("Monitoring")
