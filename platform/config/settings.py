"""Every setting of Parley, each read from the environment.

A value that is missing or wrong stops the process at once and names the variable.
Any variable may be read from a file by `NAME_FILE`. `.env.example` lists them all;
a test holds that list against this file.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environ import FileAwareEnv

from config.networks import host_names, networks
from config.schedule import ENTRIES

ROOT = Path(__file__).resolve().parents[2]
env = FileAwareEnv()

# As in pyproject.toml, which is not deployed; a test holds the two together.
VERSION = "0.1.0"

# DEMO=1 is the only way to insecure defaults: without it SECRET_KEY, DATABASE_URL
# and KEYSET_FILE have to be given.
DEMO_WORDS = {"": False, "0": False, "false": False, "1": True, "true": True}
if env.str("DEMO", default="").lower() not in DEMO_WORDS:
    raise ImproperlyConfigured("DEMO is 1 or 0: 1 gives insecure defaults for a trial.")
DEMO = DEMO_WORDS[env.str("DEMO", default="").lower()]
DEMO_DIR = Path(env.str("DEMO_DIR", default=str(ROOT / ".demo"))).resolve()


def required(name: str, demo_default: str) -> str:
    value: str = env.str(name, default="") or (demo_default if DEMO else "")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. Set it (or {name}_FILE) in the environment; "
            "`.env.example` explains each variable. DEMO=1 gives insecure defaults for a trial."
        )
    return value


DEBUG = False
SECRET_KEY = required("SECRET_KEY", "demo-only-not-a-secret-demo-only-not-a-secret-demo-only")
PUBLIC_URL = env.str("PUBLIC_URL", default="http://localhost:8000").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])


TRUSTED_PROXIES = networks("TRUSTED_PROXIES", env.list("TRUSTED_PROXIES", default=[]))
# Where identity providers may be besides the internet: they are asked by this server.
SSO_INTERNAL_NETWORKS = networks(
    "SSO_INTERNAL_NETWORKS",
    env.list("SSO_INTERNAL_NETWORKS", default=["127.0.0.0/8", "::1/128"] if DEMO else []),
)
# Hosts inside our own network that organisations' tools may ask: they are asked by this server.
TOOL_PRIVATE_HOSTS = host_names(
    "TOOL_PRIVATE_HOSTS",
    env.list("TOOL_PRIVATE_HOSTS", default=["localhost", "127.0.0.1"] if DEMO else []),
)

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # before the admin, whose templates it replaces
    "unfold.contrib.filters",
    "config.apps.ParleyAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "config.apps.ConfigConfig",
    "accounts",
    "conversations",
]

MIDDLEWARE = [
    "config.health.probes_first",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.headers.PermissionsPolicyMiddleware",
    "accounts.api.request_ids.RequestIdMiddleware",
    "accounts.session_store.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.sessions.LastSeenMiddleware",
    "accounts.middleware.CallerMiddleware",
    # Below, for the API alone. Each wants to know what those after it answer.
    "conversations.api.request_log.RequestLogMiddleware",
    "conversations.api.deprecation.DeprecationMiddleware",
    "conversations.api.throttles.ThrottleMiddleware",
    "conversations.api.bodies.BodyMiddleware",
    "conversations.api.conditional.EtagMiddleware",
    "conversations.api.idempotency.IdempotencyMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.pages.caller_context",
            ],
        },
    },
]

# Data -----------------------------------------------------------------------------


def database() -> dict[str, Any]:
    url = required("DATABASE_URL", f"sqlite:///{DEMO_DIR / 'parley.sqlite3'}")
    if urlsplit(url).scheme not in {"postgres", "postgresql", "sqlite"}:
        raise ImproperlyConfigured(
            "DATABASE_URL is postgres://user:password@host/name or sqlite:///file."
        )
    parsed: dict[str, Any] = env.db_url_config(url)
    if parsed["ENGINE"].endswith("postgresql"):
        # Tells PostgreSQL the tenant's scope with each statement (docs/decisions/019).
        parsed["ENGINE"] = "accounts.postgresql"
    return parsed


def migrate_database(application: dict[str, Any]) -> dict[str, Any] | None:
    """The same database as its owner; None if there is no owner apart."""
    url = env.str("MIGRATE_DATABASE_URL", default="")
    if not url:
        return None
    parsed: dict[str, Any] = env.db_url_config(url)
    if not application["ENGINE"].endswith("postgresql") or parsed["NAME"] != application["NAME"]:
        raise ImproperlyConfigured(
            "MIGRATE_DATABASE_URL names the database of DATABASE_URL, which is on PostgreSQL, "
            "with the role that owns it."
        )
    if not (parsed["USER"] and application["USER"]):
        raise ImproperlyConfigured("MIGRATE_DATABASE_URL and DATABASE_URL each name their role.")
    return parsed


DATABASES: dict[str, dict[str, Any]] = {"default": database()}
MIGRATE_DATABASE = migrate_database(DATABASES["default"])
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # WAL and IMMEDIATE: the defaults gave hundreds of "database is locked" under load.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    DATABASES["default"]["CONN_MAX_AGE"] = None
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 600
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # Without these a statement waits for minutes for a server that is cut off, and as long again
    # as it was cut off once it is back. What the URL says comes first.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    } | DATABASES["default"].get("OPTIONS", {})
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

KEYSET_FILE = required("KEYSET_FILE", str(DEMO_DIR / "keyset.json"))
# The key management service's key that the file is encrypted with; empty: it is in the clear.
KEYSET_KMS_URI = env.str("KEYSET_KMS_URI", default="")

REDIS_URL = env.str("REDIS_URL", default="")
# Holds the counts of sign-in attempts, which all web processes share. Without Redis there is one
# web process, whose memory does.
CACHES: dict[str, dict[str, Any]] = {
    "default": (
        {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "parley",
            "OPTIONS": {"serializer": "config.cache.JsonSerializer"},
        }
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    )
}
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": (
        {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {
                "hosts": [
                    {
                        "address": REDIS_URL,
                        "socket_connect_timeout": 2,
                        "socket_keepalive": True,
                        # Notices within 20 s that the connection it listens on is dead.
                        "health_check_interval": 10,
                    }
                ],
                "prefix": "parley",
            },
        }
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    )
}

# The worker ------------------------------------------------------------------------

# Where `manage.py worker` listens for links from web processes; port 0 picks a free one.
WORKER_LISTEN = env.str("WORKER_LISTEN", default="127.0.0.1:0")
# Where web processes reach this worker, if that is not where it listens.
WORKER_ADDRESS = env.str("WORKER_ADDRESS", default="")
# Without Redis nothing outside the web process can be reached, so the worker runs inside it.
WORKER_IN_PROCESS = not REDIS_URL
WORKER_CAPACITY = env.int("WORKER_CAPACITY", default=500)
# A worker whose event loop wakes later than this takes on no more; 0: however late it is.
WORKER_LAG_MS = env.int("WORKER_LAG_MS", default=100)
# TLS between web processes and workers: the worker's certificate and key, and whom web trusts.
LINK_TLS_CERT = env.str("LINK_TLS_CERT", default="")
LINK_TLS_KEY = env.str("LINK_TLS_KEY", default="")
LINK_TLS_CA = env.str("LINK_TLS_CA", default="")

GEMINI_BASE_URL = env.str("GEMINI_BASE_URL", default="https://generativelanguage.googleapis.com")

# Accounts --------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "lobby"
LOGOUT_REDIRECT_URL = "account_login"

# Signing in (django-allauth): by e-mail and password, or by passkey; nobody signs up by herself.
ACCOUNT_ADAPTER = "accounts.sign_in.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# Addresses come by invitation or from an operator, and only an operator changes them.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Parley: "
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
# A whole office may sign in from one address; wrong passwords have allauth's stricter limits.
ACCOUNT_RATE_LIMITS = {"login": "120/m/ip"}
USERSESSIONS_ADAPTER = "accounts.sessions.SessionsAdapter"
MFA_ADAPTER = "accounts.sign_in.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Parley"
MFA_TOTP_TOLERANCE = 1  # a phone's clock may be 30 s off
SESSION_ENGINE = "accounts.session_store"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "connect-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    },
}

# Mail --------------------------------------------------------------------------------

# Without a mail server nothing is sent: links are shown to whoever makes them instead.
EMAIL_URL = env.str("EMAIL_URL", default="")


def mail() -> dict[str, Any]:
    try:
        parsed: dict[str, Any] = env.email_url_config(EMAIL_URL or "dummymail://")
    except (KeyError, ValueError):
        raise ImproperlyConfigured(
            "EMAIL_URL is smtp+tls://user:password@host:port, or empty to send no mail."
        ) from None
    return parsed


globals().update(mail())
DEFAULT_FROM_EMAIL = SERVER_EMAIL = (
    env.str("EMAIL_FROM", default="") or f"parley@{urlsplit(PUBLIC_URL).hostname}"
)

# The admin (django-unfold). Its colours are those of `static/css/tokens.css`.
UNFOLD = {
    "SITE_TITLE": "Parley",
    "SITE_HEADER": "Parley",
    "SITE_SUBHEADER": "conversations.admin.navigation.whose",
    "SITE_SYMBOL": "forum",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/favicon.svg"}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": True,
    "BORDER_RADIUS": "10px",
    "STYLES": [
        "/static/css/admin-tokens.css",
        "/static/css/admin.css",
        "/static/css/admin-code.css",
        "/static/css/admin-charts.css",
    ],
    "DASHBOARD_CALLBACK": "conversations.admin.home.with_home",
    "ACCOUNT": {"navigation": [{"title": "My account", "link": "/account/"}]},
    "SIDEBAR": {"navigation": "conversations.admin.navigation.groups"},
    "COLORS": {
        "base": {
            "50": "#f7f5f1",
            "100": "#efece6",
            "200": "#dad5cc",
            "300": "#b1aba2",
            "400": "#b1aba2",
            "500": "#5a5753",
            "600": "#5a5753",
            "700": "#4a4742",
            "800": "#35322e",
            "900": "#1d1c1b",
            "950": "#0e0e0d",
        },
        "primary": {
            "50": "#eef5fb",
            "100": "#d9e9f7",
            "200": "#b8d7f2",
            "300": "#9cc8f1",
            "400": "#8bc0f1",
            "500": "#7db8f0",
            "600": "#0f5fa8",
            "700": "#0c4f8c",
            "800": "#0a3f70",
            "900": "#083157",
            "950": "#10212f",
        },
        "font": {
            "subtle-light": "#5a5753",
            "subtle-dark": "#b1aba2",
            "default-light": "#1c1b1a",
            "default-dark": "#f1eee8",
            "important-light": "#1c1b1a",
            "important-dark": "#f1eee8",
        },
    },
}

# Time, language, files --------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = True
FORMAT_MODULE_PATH = "config.formats"
STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
# Served straight from the source tree: there is no build step to forget.
WHITENOISE_USE_FINDERS = True


def storage(url: str) -> dict[str, Any]:
    """The folder that `url` names, as Django's storage: for its owner alone, and with no address
    of its own, so that only our pages give a file out."""
    parts = urlsplit(url)
    if parts.scheme not in {"", "file"} or parts.netloc or not parts.path:
        raise ImproperlyConfigured(
            "STORAGE_URL is a folder, as file:///data/files. Other storages are not built in yet: "
            "mount one as a folder."
        )
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": str(Path(parts.path).resolve()),
            "base_url": None,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    }


STORAGE_URL = env.str("STORAGE_URL", default="") or str(DEMO_DIR if DEMO else ROOT) + "/files"
STORAGES = {
    "default": storage(STORAGE_URL),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# Leaving ----------------------------------------------------------------------------

# How long an archive with everything of a tenant can be downloaded, in days.
ARCHIVE_KEEP_DAYS = env.int("ARCHIVE_KEEP_DAYS", default=7)
# How long an owner can take it back that everything of her tenant is to be deleted, in days.
LEAVE_GRACE_DAYS = env.int("LEAVE_GRACE_DAYS", default=14)

# Retention --------------------------------------------------------------------------

# No tenant may have what it keeps erased earlier than after so many days.
RETENTION_MIN_DAYS = env.int("RETENTION_MIN_DAYS", default=1)

# API --------------------------------------------------------------------------------

# Requests a minute to the API: of one key or person, and of all of an organisation together.
API_CALLER_RATE = env.int("API_CALLER_RATE", default=600)
API_TENANT_RATE = env.int("API_TENANT_RATE", default=3000)
# How long it is noted which requests were made, in days.
API_LOG_DAYS = env.int("API_LOG_DAYS", default=14)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.authentication.CallerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "conversations.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "conversations.api.problems.problem_handler",
    "UNAUTHENTICATED_USER": None,
    # What `format` says is a parameter like others: wrong, it is told to who may ask, and no 404.
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Parley API",
    "DESCRIPTION": "Conversations held through Parley and their transcripts.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "ExportFault": "conversations.models.Export.Fault",
        "ExportFormat": "conversations.models.ExportFormat",
        "ExportState": "conversations.models.Export.State",
        "MembershipState": "accounts.models.Membership.State",
        "TokenKind": "conversations.models.AccessToken.Kind",
        "TokenState": ["active", "closed", "used-up", "expired", "revoked"],
        "WantedStateEnum": ["waiting", "live", "rotating", "paused", "ended"],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "conversations.api.schema.with_shared_parts",
    ],
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# Exports ----------------------------------------------------------------------------

# How long the file of an export stays, unless its schedule says otherwise.
EXPORT_KEEP_DAYS = env.int("EXPORT_KEEP_DAYS", default=7)
# What is stored at once, before it is packed: so much is made again after a crash.
EXPORT_PART_BYTES = env.int("EXPORT_PART_BYTES", default=4 * 1024 * 1024)

# Celery ------------------------------------------------------------------------------

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=REDIS_URL or "filesystem://")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_IGNORE_RESULT = True
# Above the hard time limit, or Redis hands a running task out a second time.
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {"visibility_timeout": 3600}
if CELERY_BROKER_URL.startswith("filesystem://"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(DEMO_DIR / "broker"),
        "data_folder_out": str(DEMO_DIR / "broker"),
        "control_folder": str(DEMO_DIR / "broker-control"),
    }
CELERY_BEAT_SCHEDULE = ENTRIES

LOGGING_CONFIG = "config.logging.configure"
LOGGING = {"level": env.str("LOG_LEVEL", default="INFO")}
