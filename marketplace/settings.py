"""Settings of every process. Each deployment differs by environment variables only; see marketplace/env.py.

Without DATABASE_URL (a bare checkout, the demo, tests) the addresses are those of the embedded servers of
`var/`; this file starts nothing. Then, and only then, insecure conveniences are allowed (EMBEDDED).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from marketplace import embedded, env, secret

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("LICET_VAR") or BASE_DIR / "var").absolute()

# --- Where we run ---------------------------------------------------------------------------------------------
EMBEDDED = "DATABASE_URL" not in os.environ or env.flag("LICET_EMBEDDED", default=False)
_servers = embedded.locate(VAR).environment() if "DATABASE_URL" not in os.environ else {}
PRODUCTION = not EMBEDDED

DEBUG = False
SECRET_KEY = env.text("SECRET_KEY") if PRODUCTION else env.text("SECRET_KEY", secret.kept(VAR / "secret_key"))
SECRET_KEY_FALLBACKS = env.names("SECRET_KEY_FALLBACKS", "")
_LOCAL_HOSTS = "localhost,127.0.0.1,[::1],testserver"
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", "" if PRODUCTION else _LOCAL_HOSTS)
CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS", "")
#: The address people and machines reach us at: in certificates, mails, webhooks and checkout returns. No slash.
PUBLIC_URL = env.text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")

# --- Applications ---------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    # First, so that our templates win over those of the packages.
    "marketplace.web",
    "marketplace",
    "accounts",
    "licensing",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "guardian",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_linear_migrations",
]
MIDDLEWARE = [
    "marketplace.api.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "marketplace.web.units.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "marketplace.web.units.UnitMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "marketplace.urls"
WSGI_APPLICATION = "marketplace.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "marketplace.web.context.shell",
            ]
        },
    }
]

# --- Data -----------------------------------------------------------------------------------------------------
_DATABASE_URL = env.text("DATABASE_URL", _servers.get("DATABASE_URL"))
# `owner` is for `migrate --database owner`; a process that serves needs no owner's address.
_OWNER_URL = env.text("DATABASE_OWNER_URL", _servers.get("DATABASE_OWNER_URL", _DATABASE_URL))
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.database("DATABASE_URL", _DATABASE_URL),
    "owner": env.database("DATABASE_OWNER_URL", _OWNER_URL),
}
for _alias in DATABASES.values():
    _alias["ENGINE"] = "marketplace.database"
# A migration that waits for a lock makes everybody else wait behind it: give up instead and run it again. And what it
# does to all rows is planned for all rows, not as an earlier, smaller step was.
DATABASES["owner"]["OPTIONS"]["options"] = "-c lock_timeout=5000 -c plan_cache_mode=force_custom_plan"
DATABASES["owner"]["CONN_MAX_AGE"] = 0
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.text("REDIS_URL", _servers.get("REDIS_URL"))
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "licet",
    }
}
#: Files: a folder that web and workers share.
STORAGE_URL = env.text("STORAGE_URL", (VAR / "files").as_uri())

#: A folder with the issuer keys (licensing/grants/keys.py); production mounts it read-only and without the root key.
ISSUER_KEYS = env.text("ISSUER_KEYS", str(VAR / "keys"))

# --- Jobs: PostgreSQL is the truth, Celery the doorbell (trust.md 1; asserted by a test) -------------------------
QUEUES = ("intake", "royalties", "delivery", "hooks", "default")
CELERY_BROKER_URL = env.broker(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 30,
    "socket_connect_timeout": 10,
}
CELERY_IMPORTS = ("licensing.tasks",)
CELERY_TASK_QUEUES = {name: {"exchange": name, "routing_key": name} for name in QUEUES}
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ("json",)
# Below half of the visibility timeout: no task is handed out again while it still runs.
CELERY_TASK_TIME_LIMIT = 1700
CELERY_TASK_SOFT_TIME_LIMIT = 1600
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
#: A worker that is silent for this long has lost its job to another one.
JOB_LEASE_SECONDS = env.number("JOB_LEASE_SECONDS", 60)

# --- People ---------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# guardian's anonymous user would be a row with rights; nobody anonymous has any here.
ANONYMOUS_USER_NAME = None
GUARDIAN_RAISE_403 = True
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
LOGIN_URL = "account_login"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_ADAPTER = "marketplace.web.people.Adapter"
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if PRODUCTION else "none"
ACCOUNT_PREVENT_ENUMERATION = True
#: Finance and operators sign in with a second factor. The embedded servers' logins are printed on the start page.
MFA_REQUIRED = env.flag("MFA_REQUIRED", default=PRODUCTION)
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Licet"
# A bare checkout sends no mail that could verify an address.
MFA_ALLOW_UNVERIFIED_EMAIL = not PRODUCTION

# --- The web --------------------------------------------------------------------------------------------------
_HTTPS = PRODUCTION and env.flag("HTTPS", default=True)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SECURE_SSL_REDIRECT = _HTTPS
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _HTTPS
# Only behind a proxy that always sets the header itself; otherwise a client could.
BEHIND_PROXY = env.flag("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
STRIPE_API_BASE = env.text("STRIPE_API_BASE", "https://api.stripe.com" if PRODUCTION else "http://127.0.0.1:12111")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        # A form may lead on to the payment page.
        "form-action": [SELF, "https://checkout.stripe.com", *([] if PRODUCTION else [STRIPE_API_BASE])],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

STATIC_URL = "static/"
# A bare checkout serves static files where they lie; production runs collectstatic into the image.
STATIC_ROOT = env.text("STATIC_ROOT", str(BASE_DIR / "staticfiles")) if PRODUCTION else None
WHITENOISE_USE_FINDERS = EMBEDDED
_STATIC = (
    "whitenoise.storage.CompressedManifestStaticFilesStorage"
    if PRODUCTION
    else "django.contrib.staticfiles.storage.StaticFilesStorage"
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": VAR / "uploads"}},
    "staticfiles": {"BACKEND": _STATIC},
}

# --- The API (JSON in, JSON out) ------------------------------------------------------------------------------
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["marketplace.api.parsers.StrictJSON"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "marketplace.api.parsers.OnlyJSON",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "marketplace.api.auth.KeyAuthentication",
        "marketplace.api.auth.PersonAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [],  # doors and queries ask accounts.permissions
    "EXCEPTION_HANDLER": "marketplace.api.errors.handler",
    "DEFAULT_SCHEMA_CLASS": "marketplace.api.operations.Operation",
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS is a 405: the schema says what there is
    "URL_FORMAT_OVERRIDE": None,
    "UNICODE_JSON": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
#: Requests a minute: of a key or person, of an address without a key.
RATE_LIMITS = env.limits("RATE_LIMITS", "read=1200,write=600,money=60,anonymous=600")
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Licet",
    "DESCRIPTION": "Works out rights, prices, licences, payments and deliveries for AI training data.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": ["marketplace.api.schema.complete"],
}

# --- Outside --------------------------------------------------------------------------------------------------
# The stand-in accepts any test key; its webhooks are signed with a secret both sides derive.
_LOCAL_SECRET = "whsec_" + hashlib.sha256(f"stripe {SECRET_KEY}".encode()).hexdigest()[:40]
STRIPE_API_KEY = env.text("STRIPE_API_KEY", "" if PRODUCTION else "sk_test_local")
STRIPE_WEBHOOK_SECRET = env.text("STRIPE_WEBHOOK_SECRET", "" if PRODUCTION else _LOCAL_SECRET)
globals().update(env.mail(env.text("EMAIL_URL", "console:")))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("FROM_EMAIL", "licet@localhost")

# --- Languages and time ---------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- Logs: one line per event on standard error; the platform collects them ------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "marketplace.logs.Formatter", "json": env.flag("LOG_JSON", default=PRODUCTION)},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO" if PRODUCTION else "WARNING").upper()},
    "loggers": {"django": {"handlers": [], "level": "INFO" if PRODUCTION else "WARNING", "propagate": True}},
}
