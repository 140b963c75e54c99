"""Health and metrics for machines, and the page for staff."""

from django.urls import path, re_path

from monitoring import views

app_name = "chat_monitoring"
urlpatterns = [
    re_path(r"^health/?$", views.health, name="health"),
    re_path(r"^ready/?$", views.ready, name="ready"),
    re_path(r"^metrics/?$", views.metrics, name="metrics"),
    path("admin/monitoring/", views.dashboard, name="dashboard"),
    path("admin/monitoring/data/", views.dashboard_data, name="data"),
]
