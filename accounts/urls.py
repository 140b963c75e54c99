"""Signing in, out, registering and new passwords: pages, and REST for programs."""

from django.urls import include, path, re_path

from accounts import api, views

app_name = "chat_accounts"
rest = [
    re_path(r"^auth/?$", api.AuthView.as_view(), name="api-auth"),
    re_path(r"^auth/refresh/?$", api.RefreshView.as_view(), name="api-refresh"),
    re_path(r"^auth/exchange/?$", api.ExchangeView.as_view(), name="api-exchange"),
    re_path(r"^auth/logout/?$", api.LogoutView.as_view(), name="api-logout"),
    re_path(r"^auth/register/?$", api.RegisterView.as_view(), name="api-register"),
    re_path(r"^me/?$", api.MeView.as_view(), name="api-me"),
]
urlpatterns = [
    path("accounts/sign-in/", views.SignInView.as_view(), name="sign-in"),
    path("accounts/sign-out/", views.SignOutView.as_view(), name="sign-out"),
    path("accounts/register/", views.RegisterView.as_view(), name="register"),
    path("accounts/password/", views.ForgottenView.as_view(), name="forgotten"),
    path("accounts/password/sent/", views.SentView.as_view(), name="sent"),
    path("accounts/password/changed/", views.ChangedView.as_view(), name="changed"),
    path("accounts/password/<uidb64>/<token>/", views.NewPasswordView.as_view(), name="new-password"),
    path("api/", include(rest)),
]
