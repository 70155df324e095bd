"""Django settings: what is the same everywhere; what differs comes from `config.environment`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from config import broker, operators, queues
from config.databases import databases, installed_apps, migration_modules
from config.environment import BASE_DIR, environment_read
from config.logs import logging_configuration
from config.mail import TIMEOUT_S, mail_server
from config.safety import environment_require_safe
from telemetry import databases as time_series

ENVIRONMENT = environment_read()
environment_require_safe(ENVIRONMENT)
VAR_DIR = ENVIRONMENT.var_dir
SECRET_KEY = ENVIRONMENT.secret_key
DEBUG = ENVIRONMENT.debug
ALLOWED_HOSTS = ENVIRONMENT.allowed_hosts
PUBLIC_URL = ENVIRONMENT.public_url
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = installed_apps(
    ENVIRONMENT.database_url,
    [
        "unfold",  # before the admin, whose templates it replaces
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "rest_framework",
        "drf_spectacular",
        "drf_spectacular_sidecar",
        "channels",
        "django_htmx",
        "config",
        "telemetry",
        "myhouse",
        "devices",
        "marketplace",
    ],
)
INSTALLED_APPS = time_series.installed_apps(ENVIRONMENT.telemetry_url, INSTALLED_APPS)

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.ContentSecurityPolicyMiddleware",
    "config.middleware.PageMethodsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.middleware.SessionRenewalMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.errors.RefusalMiddleware",
    "config.middleware.missing_readings_middleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

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
                "myhouse.context.page_frame",
            ],
        },
    },
]

# Documents; time series have a store of their own (TELEMETRY_STORES), of which Django knows at most the tables.
DATABASES = databases(ENVIRONMENT.database_url) | time_series.databases(ENVIRONMENT.telemetry_url)
MIGRATION_MODULES = migration_modules(ENVIRONMENT.database_url)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "myhouse.User"

TELEMETRY_STORES = {
    "sqlite": "telemetry.stores.sqlite.SqliteBackend",
    "cassandra": "telemetry.stores.cassandra.CassandraBackend",
}
TELEMETRY_URL = ENVIRONMENT.telemetry_url
SPOOL_DIR = ENVIRONMENT.spool_dir
SPOOL_MAX_MB = ENVIRONMENT.spool_max_mb
COLD_URL = ENVIRONMENT.cold_url
COLD_AFTER_DAYS = ENVIRONMENT.cold_after_days

REDIS_URL = broker.redis_url_check(ENVIRONMENT.redis_url)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "myhouse",
        "OPTIONS": broker.client_options(),
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "myhouse.channel_layer.ChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, **broker.channel_options(REDIS_URL)}]},
    }
}

TASK_VISIBILITY_S = ENVIRONMENT.task_visibility_s
CELERY_BROKER_URL = broker.celery_url(REDIS_URL)
CELERY_BROKER_USE_SSL = broker.celery_tls(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
# A worker that loses the broker lets its tasks end; they may be done a second time, which each of them bears.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_TRANSPORT_OPTIONS = broker.celery_transport(TASK_VISIBILITY_S)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# For ever: a worker that gave up would have to be started again by hand.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_DEFAULT_QUEUE = queues.DEFAULT
CELERY_TASK_ROUTES = "config.queues.route"
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A pool of threads cannot interrupt a task: there each task bounds itself, and the worker says meanwhile that it
# lives (config/consumer.py), so that a slow one is not given out a second time.
CELERY_TASK_SOFT_TIME_LIMIT = 45
CELERY_TASK_TIME_LIMIT = 55
CELERY_BEAT_SCHEDULER = "config.beat.Scheduler"

PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "landing"
PASSWORD_RESET_TIMEOUT = int(timedelta(hours=2).total_seconds())

# One hour without a request signs out; SessionRenewalMiddleware begins it anew.
SESSION_COOKIE_AGE = int(timedelta(hours=1).total_seconds())
SESSION_COOKIE_NAME = "myhouse_session"
SESSION_COOKIE_SECURE = ENVIRONMENT.https
CSRF_COOKIE_SECURE = ENVIRONMENT.https
SECURE_SSL_REDIRECT = ENVIRONMENT.https
SECURE_HSTS_SECONDS = 31_536_000 if ENVIRONMENT.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = ENVIRONMENT.https
SECURE_HSTS_PRELOAD = ENVIRONMENT.https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.https else None
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["config.formats"]
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "static-built"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": VAR_DIR / "files"}},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "servestatic.storage.CompressedManifestStaticFilesStorage"
    },
}

# Bounds on what a stranger can send, counted while it arrives (config/edge.py); the first part found in the
# path holds.
BODY_LIMITS = [("/ingest/", 16 * 1_048_576), ("uploads", 51 * 1_048_576)]
BODY_LIMIT = 2 * 1_048_576
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]

MAIL_SERVER = mail_server(ENVIRONMENT.email_url)
DEFAULT_FROM_EMAIL = MAIL_SERVER.sender
EMAIL_BACKEND = MAIL_SERVER.backend
EMAIL_FILE_PATH = VAR_DIR / "mail"
EMAIL_HOST, EMAIL_PORT = MAIL_SERVER.host, MAIL_SERVER.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL_SERVER.user, MAIL_SERVER.password
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL_SERVER.starttls, MAIL_SERVER.tls
EMAIL_TIMEOUT = TIMEOUT_S

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "myhouse.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["myhouse.api.parsers.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "config.schema.Schema",
    "EXCEPTION_HANDLER": "config.errors.problem_details",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
# Requests a minute: of one token (or signed-in browser) and, before there is one, of one address.
API_RATES = {
    "read": ENVIRONMENT.api_reads_per_minute,
    "write": ENVIRONMENT.api_writes_per_minute,
    "anonymous": 30,
}
# Modules with the examples of the API's description.
API_EXAMPLES = [
    "myhouse.api.examples",
    "myhouse.api.examples_energy",
    "myhouse.api.notices",
    "devices.examples",
    "marketplace.api.examples",
]
SPECTACULAR_SETTINGS = {
    "SCHEMA_PATH_PREFIX": "/(api/v1/)?",
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "deviceKey": {"type": "http", "scheme": "bearer", "description": "A device's key, shown when it is made."}
        }
    },
    "TITLE": "MyHouse API",
    "DESCRIPTION": "Times are ISO 8601 in UTC with milliseconds, energy whole Wh, money decimal strings beside their "
    "currency. Refusals are problem details (RFC 9457). Reads carry an ETag: send it as If-None-Match and get 304 "
    "while nothing has changed. See docs/api.md.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    # Fields of one name with different choices: each gets a name that says which.
    "ENUM_NAME_OVERRIDES": {
        "MemberRole": "myhouse.models.households.Role",
        "PointRole": "myhouse.models.metering.PointRole",
        "ReferenceKind": "myhouse.models.tariffs.ReferenceKind",
        "ApplianceKind": "myhouse.api.appliances.COUNTED",
        "SeriesKind": ["gauge", "mean", "counter", "interval"],
        "DeviceKind": "devices.models.DeviceKind",
        "StatisticsStep": "myhouse.statistics.span.STEPS",
        "PushingDeviceKind": ["http", "p1"],
        "ContractDirection": "myhouse.models.tariffs.Direction",
        "OfferKind": "marketplace.models.offers.OfferKind",
        "OfferState": "marketplace.models.offers.OfferState",
        "TradeState": "marketplace.models.offers.TradeState",
        "MeterSide": "marketplace.models.offers.Side",
        "TradeSide": ["bought", "sold"],
        "TransferKind": "marketplace.models.ledger.TransferKind",
        "SavingsStep": ["day", "week", "month", "year"],
        "CashState": "marketplace.models.ledger.CashState",
        "CashDirection": "marketplace.models.ledger.CashDirection",
    },
    "SERVE_PERMISSIONS": [],
    # The documentation page comes from our own files; nothing is validated elsewhere.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "myhouse.api.description.problems_add",
        "myhouse.api.description.examples_add",
    ],
}

UNFOLD = operators.LOOK

# What upper floors hand to lower ones, by dotted path (docs/adr/0003).
DASHBOARD_PANELS = ["marketplace.panels.household_panel"]
OPERATOR_PANELS: list[str] = [
    "marketplace.overview.operator_panel",
    "devices.overview.operator_panel",
    "myhouse.admin.figures.homes_overview",
    "myhouse.admin.figures.system_overview",
    "myhouse.admin.series_store.series_store_overview",
]
ENERGY_SOURCES = ["marketplace.sources.energy_sources"]
HOUSEHOLD_LIFECYCLE = ["marketplace.lifecycle"]
PRIVACY_PARTS: list[str] = ["devices.privacy", "marketplace.privacy"]

LOGGING = logging_configuration(form=ENVIRONMENT.log_format, level=ENVIRONMENT.log_level)
