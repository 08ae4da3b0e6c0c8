"""All settings, from the environment and `.env`; README lists every name.

What a variable may hold is declared in `declared_settings`. Wrong or unsafe values end the
process, all named at once.
"""

import os
from datetime import timedelta
from typing import Any

from api import limit_table
from feiqingsong import declared_settings, environment
from feiqingsong.secret_file import read_or_create_secret

BASE_DIR = environment.BASE_DIR

_environment = environment.decide()
ENVIRONMENT, DEVELOPMENT = _environment.name, _environment.is_development
_set, _problems = declared_settings.read(os.environ, ENVIRONMENT)
if _problems:
    environment.refuse(_problems)

DEBUG = _set["DEBUG"]
VAR_DIR = _set["VAR_DIR"]
SECRET_KEY = _set["SECRET_KEY"] or read_or_create_secret(VAR_DIR / "secret_key")
ALLOWED_HOSTS = _set["ALLOWED_HOSTS"]
HOST = _set["HOST"]
PORT = _set["PORT"]

INSTALLED_APPS = [
    "staff.site.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "feiqingsong",
    "api",
    "accounts",
    "ledger",
    "qaorder",
    "payments",
    "staff",
    "jobs",
    "audit",
    "demo",
    *(["pingpp_sandbox"] if DEVELOPMENT else []),
]
MIDDLEWARE = [
    # First, so that their headers are on every answer.
    "django.middleware.security.SecurityMiddleware",
    "api.transport_security.ContentSecurityPolicyMiddleware",
    "api.transport_security.HTTPSOnlyMiddleware",
    "api.middleware.JsonErrorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "api.middleware.BodyLimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "feiqingsong.urls"
APPEND_SLASH = False
WSGI_APPLICATION = "feiqingsong.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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

# Database. SQLite takes the write lock at BEGIN, so that a transaction never has to upgrade a
# read lock and fail; PostgreSQL waits only so long for a lock and, but for management commands
# (`management.utility`), for a statement.
_sqlite: dict[str, Any] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": str(VAR_DIR / "db.sqlite3"),
}
DATABASES = {"default": _set["DATABASE_URL"] or _sqlite}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 5,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["CONN_MAX_AGE"] = _set["CONN_MAX_AGE"]
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        connect_timeout=2,
        # In the server's list of connections and its log of locks; PGAPPNAME says it closer.
        fallback_application_name="feiqingsong",
        options=f"-c statement_timeout={_set['DB_STATEMENT_TIMEOUT']}"
        f" -c lock_timeout={_set['DB_LOCK_TIMEOUT']}"
        " -c idle_in_transaction_session_timeout=10000",
    )
DATABASE_IS_ELSEWHERE = environment.is_elsewhere(DATABASES["default"], os.environ)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Accounts
AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = [
    "accounts.hashers.BoundedScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "accounts.passwords.LengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "accounts.passwords.ResemblanceValidator"},
]
# A token dies unused for TOKEN_TTL, or at TOKEN_MAX_AGE; its use is noted once an interval.
TOKEN_TTL = timedelta(days=_set["TOKEN_TTL_DAYS"])
TOKEN_MAX_AGE = timedelta(days=_set["TOKEN_MAX_DAYS"])
SESSION_TOUCH_INTERVAL = timedelta(minutes=15)
MAX_SESSIONS = 20
PASSWORD_RESET_TTL = timedelta(hours=24)
KNOX_TOKEN_MODEL = "knox.AuthToken"  # noqa: S105 (the name of a model)
REST_KNOX = {"AUTH_TOKEN_CHARACTER_LENGTH": 40, "TOKEN_TTL": TOKEN_TTL}

# API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "api.parsers.JSONParser",
        "api.parsers.FormParser",
        "api.parsers.MultiPartParser",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "api.negotiation.JSONOnlyNegotiation",
    "DEFAULT_PAGINATION_CLASS": "api.pagination.PageNumberPagination",
    "DEFAULT_SCHEMA_CLASS": "api.schema.AutoSchema",
    "EXCEPTION_HANDLER": "api.errors.exception_handler",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%f",
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
    "SCHEMA_COERCE_PATH_PK": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "肺轻松 API",
    "DESCRIPTION": "付费问诊：患者下单、支付、提问，医生回答，结束并评价。",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # The badge would send the schema's address to somebody else's validator.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "COMPONENT_SPLIT_REQUEST": True,
    # PATCH pay requires its channel; what me/ leaves out is optional in its own serializer.
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "api.schema.finish",
    ],
    "ENUM_NAME_OVERRIDES": {
        "StatusEnum": "qaorder.models.Status",
        "RefundStatusEnum": "payments.models.RefundStatus",
        "ChannelEnum": "qaorder.models.Channel",
        "RechargeChannelEnum": "payments.serializers.RECHARGE_CHANNELS",
        "OrderTypeEnum": "qaorder.models.OrderType",
        "ScoreEnum": "qaorder.models.consultation.Score",
    },
    "PATH_CONVERTER_OVERRIDES": {
        "username": {"type": "string", "example": "doctor1"},
        "number": {"type": "string", "pattern": "^[0-9]{1,32}$"},
        "position": {"type": "string", "enum": ["patient", "doctor"]},
        "pk": {"type": "integer", "minimum": 0},
    },
}

LANGUAGE_CODE = "zh-hans"
USE_I18N = True
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
WHITENOISE_USE_FINDERS = DEBUG

# Order lifecycle (contract, section 4)
ORDER_PAY_WINDOW = timedelta(seconds=_set["ORDER_PAY_SECONDS"])
ORDER_PAY_MARGIN = timedelta(seconds=_set["ORDER_PAY_MARGIN_SECONDS"])
ORDER_EXPIRY_GRACE = timedelta(seconds=_set["ORDER_EXPIRY_GRACE_SECONDS"])
ORDER_ASK_WINDOW = timedelta(seconds=_set["ORDER_ASK_SECONDS"])
ORDER_ANSWER_WINDOW = timedelta(seconds=_set["ORDER_ANSWER_SECONDS"])
ORDER_FINISH_WINDOW = timedelta(seconds=_set["ORDER_FINISH_SECONDS"])
MONTHLY_PERIOD = timedelta(seconds=_set["MONTHLY_SECONDS"])
PLATFORM_SHARE_PERCENT = _set["PLATFORM_SHARE_PERCENT"]
JOBS_INTERVAL = _set["JOBS_INTERVAL"]
STAFF_DOUBLE_CHECK_FEN = _set["STAFF_DOUBLE_CHECK_FEN"]
EVALUATION_MIN_FEN = _set["EVALUATION_MIN_FEN"]
# A refund that the provider has for longer is listed for staff.
REFUND_OVERDUE = timedelta(days=3)
RECONCILE_ALARM = timedelta(hours=_set["RECONCILE_ALARM_HOURS"])
IDEMPOTENCY_KEEP = timedelta(hours=24)
IDEMPOTENCY_MAX_KEYS = _set["IDEMPOTENCY_MAX_KEYS"]
FAILPOINTS = _set["FAILPOINTS"]

# Ping++ sandbox: development only
SANDBOX_PORT = _set["SANDBOX_PORT"]
SANDBOX_DIR = VAR_DIR / "pingpp_sandbox"
SANDBOX_WEBHOOK_URL = _set["SANDBOX_WEBHOOK_URL"] or (
    f"http://127.0.0.1:{PORT}/qaorder/pingpp/webhook/"
)
SANDBOX_TIME_SCALE = _set["SANDBOX_TIME_SCALE"]

# Ping++
PINGPP_API_BASE = _set["PINGPP_API_BASE"] or f"http://127.0.0.1:{SANDBOX_PORT}"
PINGPP_API_KEY = _set["PINGPP_API_KEY"]
PINGPP_APP_ID = _set["PINGPP_APP_ID"]
PINGPP_LIVEMODE = _set["PINGPP_LIVEMODE"]
PINGPP_PRIVATE_KEY = _set["PINGPP_PRIVATE_KEY"]
PINGPP_PRIVATE_KEY_PATH = _set["PINGPP_PRIVATE_KEY_PATH"]
PINGPP_PUBLIC_KEY = _set["PINGPP_PUBLIC_KEY"]
PINGPP_PUBLIC_KEY_PATH = _set["PINGPP_PUBLIC_KEY_PATH"]
if DEVELOPMENT:
    PINGPP_PRIVATE_KEY_PATH = PINGPP_PRIVATE_KEY_PATH or str(SANDBOX_DIR / "merchant_private.pem")
    PINGPP_PUBLIC_KEY_PATH = PINGPP_PUBLIC_KEY_PATH or str(SANDBOX_DIR / "pingpp_public.pem")
PINGPP_CONNECT_TIMEOUT = _set["PINGPP_CONNECT_TIMEOUT"]
PINGPP_READ_TIMEOUT = _set["PINGPP_READ_TIMEOUT"]
PINGPP_DEADLINE = _set["PINGPP_DEADLINE"]
PINGPP_MAX_CONCURRENT = _set["PINGPP_MAX_CONCURRENT"]
PINGPP_MAX_PER_USER = _set["PINGPP_MAX_PER_USER"]

# Security. TLS ends at the proxy in front, which must set X-Forwarded-Proto itself.
TRUSTED_PROXY_COUNT = _set["TRUSTED_PROXY_COUNT"]
if TRUSTED_PROXY_COUNT or not DEVELOPMENT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
if not DEVELOPMENT:
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
SECURE_SSL_REDIRECT = _set["SECURE_SSL_REDIRECT"]
SECURE_HSTS_SECONDS = _set["SECURE_HSTS_SECONDS"]
SECURE_HSTS_INCLUDE_SUBDOMAINS = _set["SECURE_HSTS_INCLUDE_SUBDOMAINS"]
SECURE_HSTS_PRELOAD = _set["SECURE_HSTS_PRELOAD"]
CSRF_TRUSTED_ORIGINS = _set["CSRF_TRUSTED_ORIGINS"]
# Only pages are redirected; what an API call carried would be sent twice (HTTPSOnlyMiddleware).
SECURE_REDIRECT_EXEMPT = [r"^(?!(admin|docs|static)(/|$))"]
# Whether the neighbours on this domain speak HTTPS only, its owner must say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
# The admin's: half an hour after the last request.
SESSION_COOKIE_AGE = 30 * 60
SESSION_SAVE_EVERY_REQUEST = True
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# Limits (contract, section 1); in Redis where there is one, else in the database.
LIMITS = _set["LIMITS"]
REDIS_URL = _set["REDIS_URL"]
REDIS_PREFIX = _set["REDIS_PREFIX"]
HASHES_MAX_CONCURRENT = _set["HASHES_MAX_CONCURRENT"]
LIMIT_RATES = {limit.name: _set[limit.variable] for limit in limit_table.TABLE}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": _set["LOG_LEVEL"]},
    # Django's own handler would print the same lines once more in development.
    "loggers": {
        "django": {"handlers": []},
        "django.db.backends": {"level": "WARNING"},
        # Whatever LOG_LEVEL is: who signed in is needed when it is too late to ask.
        "feiqingsong.security": {"level": "INFO"},
    },
}
