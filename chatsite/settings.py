"""All settings, read from the environment once. docs/configuration.md lists them; a test compares the two.

A wrong value stops the start with a message that names the variable.
"""

from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from chatsite import caches, environment, variables
from monitoring import logs
from rooms import __version__, redis_hosts

BASE_DIR = Path(__file__).resolve().parent.parent
ENV_FILE_NAMES = variables.read_file()

# --- This site -------------------------------------------------------------------------------------------------------
DEBUG = environment.flag("DEBUG", default=False)
SECRET_KEY = environment.secret("SECRET_KEY", debug=DEBUG)
JWT_SECRET = environment.secret("JWT_SECRET", debug=DEBUG)
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS", default=[])
PORT = environment.number("PORT", default=8000, minimum=1, maximum=65535)

# --- The chat: what is not set here has the default of rooms.conf -----------------------------------------------------
globals().update(environment.chat())
CHAT_TOKEN_READER = "accounts.authentication.by_token"  # noqa: S105 - names a function
CHAT_SIGN_OUT_URL = "chat_accounts:sign-out"
CHAT_ACCOUNT_URL = "chat_accounts:account"

# --- Tokens -----------------------------------------------------------------------------------------------------------
SIMPLE_JWT = {
    "SIGNING_KEY": JWT_SECRET,
    "ALGORITHM": "HS256",
    "LEEWAY": 30,  # seconds by which the clocks of the machines that sign and read a token may differ
    "USER_ID_CLAIM": "userId",
}

# --- Dependencies: SQLite and the in-process layer by default; PostgreSQL and Redis by one variable each --------------
DATABASES = {"default": environment.database("DATABASE_URL", default=environment.sqlite_url(BASE_DIR / "db.sqlite3"))}
CHAT_REDIS_URL = environment.redis_url()
CHAT_REDIS_PREFIX = environment.redis_prefix()
CHANNEL_LAYERS = {"default": environment.channel_layer(CHAT_REDIS_URL, CHAT_REDIS_PREFIX)}
CACHES = caches.caches(redis_hosts.parse(CHAT_REDIS_URL))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Django -----------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "chatsite",  # before daphne: its `runserver` extends daphne's
    *(["daphne"] if DEBUG else []),  # before staticfiles: makes `runserver` an ASGI server, for development
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "servestatic",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "accounts",
    "rooms",
    "monitoring",
]
MIDDLEWARE = [
    "monitoring.probes.answer_probes",  # first: probes send an address as Host, and speak plain HTTP
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.middleware.SessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "accounts.refusals.RefusalPages",
]
ROOT_URLCONF = "chatsite.urls"
ASGI_APPLICATION = "chatsite.asgi.application"
APPEND_SLASH = False  # routes accept both spellings, so that a POST is never redirected
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

# --- People and security ----------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "chat_accounts.User"
LOGIN_URL = "chat_accounts:sign-in"
LOGIN_REDIRECT_URL = "chat:home"
LOGOUT_REDIRECT_URL = "chat_accounts:sign-in"
PASSWORD_HASHERS = [
    "accounts.hashers.Argon2Hasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 86_400  # seconds for which the link of a mail is valid
HTTPS = environment.flag("CHAT_HTTPS", default=False)  # behind TLS: secure cookies, HSTS, the proxy's X-Forwarded-Proto
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]  # subdomains, redirect: the proxy's choice
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "connect-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- Mails: in development on the console; without EMAIL_URL in production no new password by mail is offered ---------
globals().update(environment.mail("EMAIL_URL", default="consolemail://" if DEBUG else "dummymail://"))
DEFAULT_FROM_EMAIL = environment.text("DEFAULT_FROM_EMAIL", default="chat@localhost")

# --- REST -------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}  # the rest: rooms.api.base
SPECTACULAR_SETTINGS = {
    "TITLE": "Chat",
    "DESCRIPTION": "Login, rooms and messages over HTTP. The socket's frames are in docs/protocol.md.",
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",  # the first whose schemas are JSON Schema, as msgspec writes it
    "POSTPROCESSING_HOOKS": [],  # the default one names enumerations, and expects a type beside each
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- Languages and files ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
SERVESTATIC_ALLOW_ALL_ORIGINS = False  # else every page on the web may read them
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        # Outside of all that is served: the chat asks at each download who may read it. Readable by this user alone.
        "OPTIONS": {
            "location": environment.text("CHAT_FILES_DIR", default=str(BASE_DIR / "files")),
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "servestatic.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- Logs -------------------------------------------------------------------------------------------------------------
LOG_DIR = environment.text("LOG_DIR", default="")
LOG_LEVEL = environment.choice("LOG_LEVEL", default="INFO", options=["DEBUG", "INFO", "WARNING", "ERROR"])
LOGGING_CONFIG = None
logs.configure(debug=DEBUG, level=LOG_LEVEL, directory=LOG_DIR)

if not DEBUG and "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured(
        'ALLOWED_HOSTS="*" lets every web page open sockets in your users\' names: name the hosts.'
    )
