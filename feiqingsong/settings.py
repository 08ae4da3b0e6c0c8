"""All settings, read from the environment and `.env`; README lists every name.

Development (manage.py, pytest) needs nothing set. Production (wsgi, asgi) refuses to start
until every secret is there and every development-only switch is off.
"""

import os
from datetime import timedelta
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from feiqingsong.secret_file import read_or_create_secret

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
if (BASE_DIR / ".env").is_file():
    env.read_env(BASE_DIR / ".env")

ENVIRONMENT = env.str("FEIQINGSONG_ENV", os.environ.get("FEIQINGSONG_DEFAULT_ENV", "production"))
if ENVIRONMENT not in ("development", "production"):
    raise ImproperlyConfigured("FEIQINGSONG_ENV must be development or production")
DEVELOPMENT = ENVIRONMENT == "development"

DEBUG = env.bool("DEBUG", DEVELOPMENT)
VAR_DIR = Path(env.str("VAR_DIR", str(BASE_DIR / "var")))

REQUIRED_IN_PRODUCTION = (
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "DATABASE_URL",
    "PINGPP_API_KEY",
    "PINGPP_APP_ID",
    ("PINGPP_PRIVATE_KEY", "PINGPP_PRIVATE_KEY_PATH"),
    ("PINGPP_PUBLIC_KEY", "PINGPP_PUBLIC_KEY_PATH"),
)
DEVELOPMENT_ONLY = ("DEBUG", "FAILPOINTS", "SANDBOX_PORT", "SANDBOX_TIME_SCALE")


def _refuse_unsafe_production() -> None:
    problems = []
    for entry in REQUIRED_IN_PRODUCTION:
        names = (entry,) if isinstance(entry, str) else entry
        if not any(os.environ.get(name, "").strip() for name in names):
            problems.append(f"{' or '.join(names)} is missing")
    problems += [
        f"{name} is for development only"
        for name in DEVELOPMENT_ONLY
        if os.environ.get(name, "").strip().lower() not in ("", "0", "false", "off", "no")
    ]
    if "*" in env.list("ALLOWED_HOSTS", default=[]):
        problems.append("ALLOWED_HOSTS must not be *")
    if env.str("PINGPP_API_KEY", "").startswith("sk_test_") and env.bool("PINGPP_LIVEMODE", True):
        problems.append("PINGPP_API_KEY is a test key; set PINGPP_LIVEMODE=off for a staging host")
    if problems:
        raise ImproperlyConfigured("Refusing to start in production: " + "; ".join(problems))


if not DEVELOPMENT:
    _refuse_unsafe_production()

SECRET_KEY = (
    env.str("SECRET_KEY", "") or read_or_create_secret(VAR_DIR / "secret_key")
    if DEVELOPMENT
    else env.str("SECRET_KEY")
)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"] if DEVELOPMENT else [])
HOST = env.str("HOST", "127.0.0.1")
PORT = env.int("PORT", 8000)

INSTALLED_APPS = [
    "django.contrib.admin",
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
    "accounts",
    "ledger",
    "qaorder",
    *(["pingpp_sandbox"] if DEVELOPMENT else []),
]
MIDDLEWARE = [
    "feiqingsong.middleware.JsonErrorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
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
# read lock and fail; PostgreSQL waits at most 3 s for a lock and 5 s for a statement.
DATABASES = {"default": env.db("DATABASE_URL", f"sqlite:///{VAR_DIR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 5,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
elif DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", 600)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        connect_timeout=2,
        options="-c statement_timeout=5000 -c lock_timeout=3000"
        " -c idle_in_transaction_session_timeout=10000",
    )
else:
    raise ImproperlyConfigured("DATABASE_URL must be sqlite:// or postgres://")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Accounts
AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "accounts.passwords.LengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "accounts.passwords.ResemblanceValidator"},
]
# A token dies unused for TOKEN_TTL, or at TOKEN_MAX_AGE; its use is noted once an interval.
TOKEN_TTL = timedelta(days=env.int("TOKEN_TTL_DAYS", 30))
TOKEN_MAX_AGE = timedelta(days=env.int("TOKEN_MAX_DAYS", 180))
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
        "feiqingsong.parsers.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "feiqingsong.negotiation.JSONOnlyNegotiation",
    "DEFAULT_PAGINATION_CLASS": "feiqingsong.pagination.PageNumberPagination",
    "DEFAULT_SCHEMA_CLASS": "feiqingsong.schema.AutoSchema",
    "EXCEPTION_HANDLER": "feiqingsong.errors.exception_handler",
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
        "feiqingsong.schema.finish",
    ],
    "ENUM_NAME_OVERRIDES": {
        "StatusEnum": "qaorder.models.Status",
        "RefundStatusEnum": "qaorder.models.RefundStatus",
        "ChannelEnum": "qaorder.models.Channel",
        "RechargeChannelEnum": "qaorder.serializers.payments.RECHARGE_CHANNELS",
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
ORDER_PAY_WINDOW = timedelta(seconds=env.int("ORDER_PAY_SECONDS", 72 * 3600))
ORDER_PAY_MARGIN = timedelta(seconds=env.int("ORDER_PAY_MARGIN_SECONDS", 5 * 60))
ORDER_EXPIRY_GRACE = timedelta(seconds=env.int("ORDER_EXPIRY_GRACE_SECONDS", 15 * 60))
ORDER_ASK_WINDOW = timedelta(seconds=env.int("ORDER_ASK_SECONDS", 7 * 24 * 3600))
ORDER_ANSWER_WINDOW = timedelta(seconds=env.int("ORDER_ANSWER_SECONDS", 48 * 3600))
ORDER_FINISH_WINDOW = timedelta(seconds=env.int("ORDER_FINISH_SECONDS", 7 * 24 * 3600))
MONTHLY_PERIOD = timedelta(seconds=env.int("MONTHLY_SECONDS", 30 * 24 * 3600))
# Evaluations of cheaper consultations are shown, but count in no figure.
EVALUATION_MIN_FEN = env.int("EVALUATION_MIN_FEN", 100)
PLATFORM_SHARE_PERCENT = env.int("PLATFORM_SHARE_PERCENT", 0)
JOBS_INTERVAL = env.float("JOBS_INTERVAL", 5.0)
IDEMPOTENCY_KEEP = timedelta(hours=24)
# Named points at which a test may pause, raise or kill the process; refused in production.
FAILPOINTS = env.bool("FAILPOINTS", False)

# Ping++ sandbox: development only
SANDBOX_PORT = env.int("SANDBOX_PORT", 8001)
SANDBOX_DIR = VAR_DIR / "pingpp_sandbox"
SANDBOX_WEBHOOK_URL = env.str(
    "SANDBOX_WEBHOOK_URL", f"http://127.0.0.1:{PORT}/qaorder/pingpp/webhook/"
)
SANDBOX_TIME_SCALE = env.float("SANDBOX_TIME_SCALE", 1.0)

# Ping++
PINGPP_API_BASE = env.str(
    "PINGPP_API_BASE",
    f"http://127.0.0.1:{SANDBOX_PORT}" if DEVELOPMENT else "https://api.pingxx.com",
)
PINGPP_API_KEY = env.str("PINGPP_API_KEY", "sk_test_feiqingsongSandbox00" if DEVELOPMENT else "")
PINGPP_APP_ID = env.str("PINGPP_APP_ID", "app_feiqingsongDemo0" if DEVELOPMENT else "")
PINGPP_LIVEMODE = env.bool("PINGPP_LIVEMODE", not DEVELOPMENT)
PINGPP_PRIVATE_KEY = env.str("PINGPP_PRIVATE_KEY", "")
PINGPP_PRIVATE_KEY_PATH = env.str(
    "PINGPP_PRIVATE_KEY_PATH", str(SANDBOX_DIR / "merchant_private.pem") if DEVELOPMENT else ""
)
PINGPP_PUBLIC_KEY = env.str("PINGPP_PUBLIC_KEY", "")
PINGPP_PUBLIC_KEY_PATH = env.str(
    "PINGPP_PUBLIC_KEY_PATH", str(SANDBOX_DIR / "pingpp_public.pem") if DEVELOPMENT else ""
)
PINGPP_CONNECT_TIMEOUT = env.float("PINGPP_CONNECT_TIMEOUT", 2.0)
PINGPP_READ_TIMEOUT = env.float("PINGPP_READ_TIMEOUT", 6.0)
PINGPP_DEADLINE = env.float("PINGPP_DEADLINE", 8.0)
PINGPP_MAX_CONCURRENT = env.int("PINGPP_MAX_CONCURRENT", 4)

# Security. TLS ends at the proxy in front, which must set X-Forwarded-Proto itself.
if not DEBUG:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", True)
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", 365 * 24 * 3600)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# How many proxies in front append to X-Forwarded-For; 0 trusts the peer address alone.
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 0)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "INFO")},
    # Django's own handler would print the same lines once more in development.
    "loggers": {"django": {"handlers": []}, "django.db.backends": {"level": "WARNING"}},
}
