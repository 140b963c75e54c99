"""The routes of a project with the chat under a prefix and nothing else: no accounts, admin or languages."""

from django.urls import include, path

urlpatterns = [path("talk/", include("rooms.urls"))]
