"""Settings. Every value that differs between two installations comes from the environment.

docs/running.md lists each variable, its unit and where it matters.
"""

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from portal import api_settings
from portal import env as read
from portal.env import env

BASE_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT = read.environment()
PRODUCTION = ENVIRONMENT == "production"

DEBUG = False  # a stack trace in a browser helps nobody who is not at this keyboard
SECRET_KEY = read.secret_key()
ALLOWED_HOSTS = [host.strip() for host in read.required("ALLOWED_HOSTS").split(",")]
if PRODUCTION and "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts in production.")
BASE_URL = read.url("BASE_URL", production=PRODUCTION)
CSRF_TRUSTED_ORIGINS = [read.origin(BASE_URL)]
UTILITY_NAME = read.required("UTILITY_NAME")
UTILITY_TIME_ZONE = env("UTILITY_TIME_ZONE", default="America/Chicago")
SIMULATED_CLOCK_FILE = env("SIMULATED_CLOCK_FILE", default="")
if PRODUCTION and SIMULATED_CLOCK_FILE:
    raise ImproperlyConfigured("SIMULATED_CLOCK_FILE must not be set in production.")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "base",
    "people",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.idp.oidc",
    "enrollments",
    "dr_events",
    "partners",
    "portal",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "people.middleware.Desk",
    "people.middleware.SecondFactor",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
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
                "portal.context.site",
            ]
        },
    }
]

# --- database ---------------------------------------------------------------------------------
DATABASES: dict[str, Any] = {"default": env.db_url_config(read.required("DATABASE_URL"))}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must be PostgreSQL: locks are the product.")
DATABASES["default"] |= {
    "CONN_MAX_AGE": 60,
    "CONN_HEALTH_CHECKS": True,
    # No transaction pooler may stand between a worker and PostgreSQL: claims hold session locks.
    # No JIT: it compiles whatever looks dear to the planner, for longer than our statements take.
    "OPTIONS": {
        "options": "-c statement_timeout=60s -c lock_timeout=5s "
        "-c idle_in_transaction_session_timeout=30s -c jit=off",
        "keepalives_idle": 15,
        "tcp_user_timeout": 15000,
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# The cache carries the sign-in limits. It lives in PostgreSQL so that a hung broker cannot make a
# page wait, and a flushed one cannot forget who is guessing passwords.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
    }
}

# --- people -----------------------------------------------------------------------------------
AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "people.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# Everybody who works here signs in with a second factor; the demo and the tests may go without.
MFA_REQUIRED = env.bool("MFA_REQUIRED", default=True)
if PRODUCTION and not MFA_REQUIRED:
    raise ImproperlyConfigured("MFA_REQUIRED must not be turned off in production.")
# Seconds after which staff are signed out: without a page asked for, and in any case.
STAFF_IDLE_S = env.float("STAFF_IDLE_S", default=30 * 60)
STAFF_SESSION_S = env.float("STAFF_SESSION_S", default=12 * 3600)
ACCOUNT_RATE_LIMITS = {"signup": env("SIGNUP_RATE", default="20/m/ip")}
# How many proxies of ours stand in front, each adding an address to X-Forwarded-For. Sign-in limits
# and the consent ledger count by the address the outermost of them saw.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
if ALLAUTH_TRUSTED_PROXY_COUNT < 0:
    raise ImproperlyConfigured("TRUSTED_PROXY_COUNT must be 0 or more.")
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = BASE_URL.split(":", 1)[0]
IDP_OIDC_PRIVATE_KEY = read.required("IDP_OIDC_PRIVATE_KEY")
IDP_OIDC_ADAPTER = "partners.identity.PartnerAdapter"
IDP_OIDC_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]
IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN = 3600
EMAIL_CONFIG: dict[str, Any] = env.email_url_config(read.required("EMAIL_URL"))
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = read.required("DEFAULT_FROM_EMAIL")
# What homes are told about events and permissions may come from an address of its own.
NOTICES_FROM_EMAIL = env("NOTICES_FROM_EMAIL", default="") or DEFAULT_FROM_EMAIL
# Days of business time what was mailed stays on record.
NOTICES_KEPT_DAYS = env.int("NOTICES_KEPT_DAYS", default=400)
if NOTICES_KEPT_DAYS < 30:
    raise ImproperlyConfigured("NOTICES_KEPT_DAYS must be 30 or more.")
# Seconds for one step of the talk with the mail server; a sender is held up no longer than that.
EMAIL_TIMEOUT = env.float("EMAIL_TIMEOUT_S", default=5.0)

# --- Carrier ----------------------------------------------------------------------------------
# Host names, token addresses and client authentication are not public: all of them are settings.
TOKEN_KEYS = read.token_keys()
CARRIER = {
    "base_url": read.url("CARRIER_BASE_URL", production=PRODUCTION),
    "authorize_url": read.url("CARRIER_AUTHORIZE_URL", production=PRODUCTION),
    "token_url": read.url("CARRIER_TOKEN_URL", production=PRODUCTION),
    "revoke_url": read.optional_url("CARRIER_REVOKE_URL", production=PRODUCTION),
    "client_id": read.required("CARRIER_CLIENT_ID"),
    "client_secret": read.required("CARRIER_CLIENT_SECRET"),
    "client_auth": read.one_of("CARRIER_CLIENT_AUTH", ("basic", "body"), default="basic"),
    "redirect_uri": f"{BASE_URL}/connect/callback/",
    "ca_bundle": env("CARRIER_CA_BUNDLE", default="") or None,
    "connect_timeout_s": env.float("CARRIER_CONNECT_TIMEOUT_S", default=3.0),
    # Only for a pretend cloud on an inner network: production takes https addresses alone.
    "plain_http_hosts": tuple(env.list("CARRIER_PLAIN_HTTP_HOSTS", default=[])),
    "total_timeout_s": env.float("CARRIER_TOTAL_TIMEOUT_S", default=20.0),
}
# Requests one worker process keeps in flight; x processes = in flight in all.
CARRIER_IN_FLIGHT = env.int("CARRIER_IN_FLIGHT", default=250)
# What Carrier allows all processes together; 0: no limit. dr_events/dispatch/pace.py keeps them.
CARRIER_MAX_REQUESTS_PER_S = env.int("CARRIER_MAX_REQUESTS_PER_S", default=0)
CARRIER_MAX_IN_FLIGHT = env.int("CARRIER_MAX_IN_FLIGHT", default=0)
if min(CARRIER_MAX_REQUESTS_PER_S, CARRIER_MAX_IN_FLIGHT) < 0:
    raise ImproperlyConfigured(
        "CARRIER_MAX_REQUESTS_PER_S and CARRIER_MAX_IN_FLIGHT must be 0 (no limit) or more."
    )
# How long after a lost answer the vendor may still apply the request, in real seconds. A row is
# not sent again before total timeout + this bound. Not public; measure it with the vendor.
CARRIER_LATE_EFFECT_S = env.float("CARRIER_LATE_EFFECT_S", default=30.0)
# never | after_proof | free: what may happen to a request whose answer was lost.
CARRIER_RESEND_AFTER_UNKNOWN = read.one_of(
    "CARRIER_RESEND_AFTER_UNKNOWN", ("never", "after_proof", "free"), default="after_proof"
)
# none | modification: can an event be taken back by POSTing it again as cancelled, one modification
# on? Not public. With "none" what was sent is shown as "cannot be recalled".
CARRIER_CANCEL = read.one_of("CARRIER_CANCEL", ("none", "modification"), default="none")
# A note about the database, kept outside of it on each machine that sends, so that one restored
# from a backup is noticed before anything is sent (docs/running.md). Empty: nothing is noticed.
WITNESS_FILE = env("WITNESS_FILE", default=str(BASE_DIR / ".offpeak" / "witness.json"))
# Business time between two looks at a home during an event, in seconds.
READ_BACK_EVERY_S = env.float("READ_BACK_EVERY_S", default=300.0)
# Real seconds a claimed row belongs to its sender.
LEASE_S = env.float("LEASE_S", default=60.0)
STREAMS_PER_EVENT = env.int("STREAMS_PER_EVENT", default=2)

# --- web --------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = not PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
HTTPS = BASE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = PRODUCTION
if HTTPS:
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
if PRODUCTION:
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    # The proxy in front must set this header and strip it from what it receives.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        # Connect posts here and is redirected to Carrier; browsers check the redirect too.
        "form-action": [SELF, read.origin(CARRIER["authorize_url"])],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# --- partners ---------------------------------------------------------------------------------
REST_FRAMEWORK = api_settings.REST_FRAMEWORK
SPECTACULAR_SETTINGS = api_settings.SPECTACULAR_SETTINGS
# What one client may ask of the API; a client may have a limit of its own.
PARTNER_REQUESTS_PER_MINUTE = env.int("PARTNER_REQUESTS_PER_MINUTE", default=600)
# Receivers (host:port) a webhook may have although they are in here or speak plain HTTP. For tests.
WEBHOOK_INNER_HOSTS = tuple(env.list("WEBHOOK_INNER_HOSTS", default=[]))
WEBHOOK_CA_BUNDLE = env("WEBHOOK_CA_BUNDLE", default="")
if PRODUCTION and WEBHOOK_INNER_HOSTS:
    raise ImproperlyConfigured("WEBHOOK_INNER_HOSTS must not be set in production.")

# --- Celery: the legs. Why each value: docs/decisions/0003-celery-settings.md ---------------------
CELERY_BROKER_URL = read.required("REDIS_URL")
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 3,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "retry_on_timeout": False,
    "global_keyprefix": "offpeak:",
}
# Sending and looking have a queue of their own; all else goes to the default one.
CELERY_TASK_ROUTES = {
    f"dr_events.tasks.{name}": {"queue": "dispatch"}
    for name in ("send", "prove", "take_back", "read_back")
}
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A wave works 25 s, then waits for what is in flight: 20 s in the queue and 20 s on the wire.
CELERY_TASK_TIME_LIMIT = 150
CELERY_TASK_SOFT_TIME_LIMIT = 120
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_max": 0.2}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", default="INFO")},
}
SILENCED_SYSTEM_CHECKS: list[str] = []
