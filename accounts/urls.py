"""Signing in, out, registering, new passwords and one's own account: pages, and REST for programs."""

from django.urls import include, path, re_path

from accounts import api, own_api, own_views, views

DEVICE = r"(?P<device_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
app_name = "chat_accounts"
rest = [
    re_path(r"^auth/?$", api.AuthView.as_view(), name="api-auth"),
    re_path(r"^auth/refresh/?$", api.RefreshView.as_view(), name="api-refresh"),
    re_path(r"^auth/exchange/?$", api.ExchangeView.as_view(), name="api-exchange"),
    re_path(r"^auth/logout/?$", api.LogoutView.as_view(), name="api-logout"),
    re_path(r"^auth/register/?$", api.RegisterView.as_view(), name="api-register"),
    re_path(r"^me/?$", api.MeView.as_view(), name="api-me"),
    re_path(r"^me/password/?$", own_api.PasswordView.as_view(), name="api-password"),
    re_path(r"^me/devices/?$", own_api.DevicesView.as_view(), name="api-devices"),
    re_path(rf"^me/devices/{DEVICE}/?$", own_api.DeviceView.as_view(), name="api-device"),
    re_path(r"^me/export/?$", own_api.ExportView.as_view(), name="api-export"),
    re_path(r"^me/erase/?$", own_api.EraseView.as_view(), name="api-erase"),
]
urlpatterns = [
    path("accounts/sign-in/", views.SignInView.as_view(), name="sign-in"),
    path("accounts/sign-out/", views.SignOutView.as_view(), name="sign-out"),
    path("accounts/register/", views.RegisterView.as_view(), name="register"),
    path("accounts/password/", views.ForgottenView.as_view(), name="forgotten"),
    path("accounts/password/sent/", views.SentView.as_view(), name="sent"),
    path("accounts/password/changed/", views.ChangedView.as_view(), name="changed"),
    path("accounts/password/<uidb64>/<token>/", views.NewPasswordView.as_view(), name="new-password"),
    path("accounts/me/", own_views.account, name="account"),
    path("accounts/me/password/", own_views.change_password, name="change-password"),
    path("accounts/me/devices/<uuid:device_id>/end/", own_views.end_device, name="end-device"),
    path("accounts/me/devices/end/", own_views.sign_out_everywhere, name="sign-out-everywhere"),
    path("accounts/me/export/", own_views.export, name="export"),
    path("accounts/me/erase/", own_views.erase, name="erase"),
    path("api/", include(rest)),
]
