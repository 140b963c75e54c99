"""A project that was there before the chat: its own users, admin, REST settings, base template, security policy.

HOST_USERS chooses the user model: `email` (UUID keys, no username), `code` (text keys) or `plain` (Django's own).
"""

import os
from pathlib import Path

import environ
from csp.constants import NONE, SELF

BASE_DIR = Path(__file__).resolve().parent.parent
USERS = os.environ.get("HOST_USERS", "email")
SECRET_KEY = "of-a-project-that-exists-in-tests-alone-0123456789"
DEBUG = os.environ.get("HOST_DEBUG") == "1"
ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
INSTALLED_APPS = [
    "intranet.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "csp",
    "people",
    "shop",
    "rooms",
    "monitoring",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
if os.environ.get("HOST_LOGIN_REQUIRED") == "1":
    MIDDLEWARE.append("django.contrib.auth.middleware.LoginRequiredMiddleware")
ROOT_URLCONF = "intranet.urls"
ASGI_APPLICATION = "intranet.asgi.application"
FORCE_SCRIPT_NAME = os.environ.get("HOST_PREFIX", "") or None
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {"default": environ.Env.db_url_config(os.environ["HOST_DATABASE"])}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;",
    }
MIGRATION_MODULES = {"people": f"people.migrations_{USERS}"}
AUTH_USER_MODEL = {"email": "people.Person", "code": "people.Person", "plain": "auth.User"}[USERS]
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "shop.backends.CustomerBackend"]
LOGIN_URL = "enter"
LANGUAGES = [("en", "English"), ("zh-hans", "Chinese")]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "assets/"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "connect-src": [SELF],
        "img-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
    }
}
REST_FRAMEWORK = {  # for the project's own interface; nothing of it fits the chat's
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.BasicAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.BrowsableAPIRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.FormParser"],
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": "1/day"},
    "UNAUTHENTICATED_USER": None,
}

CHAT_SOCKET_PATH = "/live/chat"
CHAT_PRESENCE_LEASE_S = 2  # who may see an order is asked again this often
CHAT_HEADS_INTERVAL_S = 1
CHAT_LEAVE_DELAY_S = 0
CHAT_TOKEN_READER = "people.tokens.read"
CHAT_AVATAR = "people.names.avatar"
CHAT_CAN_JOIN = os.environ.get("HOST_CAN_JOIN", "")
CHAT_CAN_POST = os.environ.get("HOST_CAN_POST", "")
CHAT_BEFORE_POST = os.environ.get("HOST_BEFORE_POST", "")
CHAT_HOOK_BUDGET_MS = 300
CHAT_HOOKS_FAIL_OPEN = os.environ.get("HOST_HOOKS_FAIL_OPEN") == "1"
if USERS == "email":
    CHAT_DISPLAY_NAME = "people.names.display_name"
