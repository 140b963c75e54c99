"""The project's routes: its own, and the chat under a prefix."""

from django.contrib import admin
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path
from shop import views

urlpatterns = [
    path("", views.home, name="home"),
    path("enter/", views.enter, name="enter"),
    path("leave/", views.leave, name="leave"),
    path("orders/<int:number>/", views.order, name="order"),
    path("orders/<int:number>/note/", views.note, name="note"),
    path("orders/<int:number>/anote/", views.anote, name="anote"),
    path("orders/<int:number>/call/", views.call, name="call"),
    path("run/", views.run, name="run"),
    path("lobby/", views.lobby, name="lobby"),
    path("talk/", include("rooms.urls")),
    path("ops/", include("monitoring.urls")),
    path("backoffice/", admin.site.urls),
    *staticfiles_urlpatterns("/assets/"),
]
