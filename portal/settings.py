"""Reads the environment once, by `portal.environment`, which fails loudly with the variable's name.

Every variable is optional and described in README.md. Nothing else in Parley
reads `os.environ`; in the gateway only `sipgateway.assembly` reads this module
(through `django.conf.settings`).
"""

from __future__ import annotations

import logging
import re
import secrets
import socket
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from kombu import Queue

from portal import environment


def _secret_key(path: Path) -> str:
    """The key kept in `path`, made once.

    Written aside and linked into place, so that of several processes that
    start at the same moment one makes the key and all read the same one.
    """
    if not path.exists():
        aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        aside.touch(mode=0o600, exist_ok=False)
        aside.write_text(secrets.token_urlsafe(64))
        try:
            path.hardlink_to(aside)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
    return path.read_text().strip()


# --- What the contract names -------------------------------------------------

BASE_DIR = Path(__file__).resolve().parent.parent
HOST = environment.text("HOST", "127.0.0.1")
PORT = environment.number("PORT", 8000)
SIP_PORT = environment.number("SIP_PORT", 5060)
SIPS_PORT = environment.number("SIPS_PORT", 0)
TLS_CERT = environment.file("TLS_CERT")
TLS_KEY = environment.file("TLS_KEY")
if (TLS_CERT is None) != (TLS_KEY is None):
    raise ImproperlyConfigured("TLS_CERT and TLS_KEY: want both or neither")
if SIPS_PORT and TLS_CERT is None:
    raise ImproperlyConfigured("SIPS_PORT: SIP over TLS wants TLS_CERT and TLS_KEY")
SIP_DOMAIN = environment.sip_domain(HOST, SIP_PORT)
DATA_DIR = environment.directory("DATA_DIR", BASE_DIR / "var")
DATABASE_URL = environment.text("DATABASE_URL")
REDIS_URL = environment.url("REDIS_URL", "redis", "rediss")
MEDIA_ENGINE = environment.one_of("MEDIA_ENGINE", "embedded", "janus")
JANUS_URL = environment.text("JANUS_URL")
if MEDIA_ENGINE == "janus" and not JANUS_URL:
    raise ImproperlyConfigured("JANUS_URL: MEDIA_ENGINE=janus wants the address of a Janus")
#: What prompts speak where a conference does not say: `conferences.policy.Language`.
PROMPT_LANGUAGE = environment.one_of("PROMPT_LANGUAGE", "en", "de", "es")
#: Looks at a sound that somebody has sent: decodes FILE and writes OUT anew.
SOUND_INTAKE = [sys.executable, "-m", "sipgateway.media.intake"]
#: Whether the mixer can keep each voice by itself; Janus cannot.
TRACKS = MEDIA_ENGINE == "embedded"
#: How long a recording is kept after its end; None for ever.
RECORDINGS_KEPT = timedelta(days=environment.number("RECORDINGS_KEPT_DAYS", 90)) or None
#: How long what happened is kept: histories, attendance and bookings that are over.
HISTORY_KEPT = timedelta(days=environment.number("HISTORY_KEPT_DAYS", 400)) or None
#: Conferences that were not booked, after their end.
ADHOC_KEPT = timedelta(days=environment.number("ADHOC_KEPT_DAYS", 90)) or None
#: SIP messages, and wrong passwords.
PROTOCOL_KEPT = timedelta(days=environment.number("PROTOCOL_KEPT_DAYS", 30))
ATTEMPTS_KEPT = timedelta(days=environment.number("ATTEMPTS_KEPT_DAYS", 30))
RTP_PORTS = environment.port_range("RTP_PORTS", "20000-29999")
PUBLIC_ADDRESS = environment.addresses("PUBLIC_ADDRESS")
ICE_SERVERS = environment.ice_servers("ICE_SERVERS")
TURN_SECRET = environment.text("TURN_SECRET")
SIP_TRUNK = environment.text("SIP_TRUNK")
if SIP_TRUNK and not SIP_PORT and not SIPS_PORT:
    raise ImproperlyConfigured("SIP_TRUNK: calls leave by SIP_PORT or SIPS_PORT, both are off")
SIP_CALLER_ID = environment.number_of_ours("SIP_CALLER_ID")
SIP_LIMITS = environment.limits("SIP_LIMITS")
CONFERENCE_APP_ANSWERS = environment.one_of("CONFERENCE_APP_ANSWERS", "at-once", "late")
USER_CHOSEN_URIS = environment.one_of("USER_CHOSEN_URIS", "organizers", "off", "anyone")

#: Listening on every address says nothing about the name by which people come.
_EVERYWHERE = HOST in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
_SECURE = TLS_CERT is not None
_domain_host = urlsplit(f"//{SIP_DOMAIN}").hostname or HOST
_web_host = _domain_host if _EVERYWHERE else HOST
#: Where people find the pages, without a slash at the end; where a proxy is before us, its.
BASE_URL = environment.origin("PUBLIC_URL") or (
    f"{'https' if _SECURE else 'http'}://{environment.bracketed(_web_host)}:{PORT}"
)
_public = urlsplit(BASE_URL)
#: Where browser phones connect (RFC 7118).
WEBSOCKET_URL = f"{'wss' if _public.scheme == 'https' else 'ws'}://{_public.netloc}/sip"

# --- Django ------------------------------------------------------------------

SECRET_KEY = _secret_key(DATA_DIR / "secret_key")
DEBUG = False
# A wildcard listener without a domain is reached by addresses nobody told us.
# Links that leave the house are made of BASE_URL, never of the Host header.
ALLOWED_HOSTS = (
    ["*"]
    if _EVERYWHERE and not environment.text("SIP_DOMAIN")
    else sorted(
        {
            environment.bracketed(HOST),
            environment.bracketed(_domain_host),
            environment.bracketed(_public.hostname or HOST),
            "localhost",
            "127.0.0.1",
            "[::1]",
        }
        | {socket.gethostname()}
    )
)
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "channels",
    # Its static files: the page that shows the REST API loads nothing from elsewhere.
    "ninja",
    "portal",
    "conferences",
    "sipgateway",
]
MIDDLEWARE = [
    "portal.headers.BrowserRules",
    "portal.database.GiveBack",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.languages.PersonsLanguage",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.addresses.NothingThere",
    "portal.factor.SecondFactor",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
DATABASES = {"default": environment.database(DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "conferences.User"
AUTHENTICATION_BACKENDS = ["portal.backends.CountedBackend"]
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
# Memory-hard first; the second reads passwords that came from elsewhere.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
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

# --- Signing in: django-allauth has the steps, `portal.adapters` says what is ours -------

ACCOUNT_ADAPTER = "portal.adapters.AccountAdapter"
# There is no page on which anybody makes himself an account, and mails of ours are our own.
ACCOUNT_EMAIL_VERIFICATION = SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_UNIQUE_EMAIL = False
# Who changes how he signs in proves first who he is, for a page may have been left open.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
#: Who has to have a second factor; see `portal.factor`.
SECOND_FACTOR = environment.one_of(
    "SECOND_FACTOR", "optional", "administrators", "organizers", "all"
)
MFA_ADAPTER = "portal.adapters.SecondFactorAdapter"
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_TOTP_ISSUER = "Parley"
# Browsers give keys to pages of HTTPS and of their own machine alone, whatever we allow.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = _public.scheme != "https"

#: OpenID Connect: who the provider is (OpenID Connect Discovery 4.3), and who we are to it.
OIDC_ISSUER = environment.issuer("OIDC_ISSUER")
OIDC_CLIENT_ID = environment.text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = environment.text("OIDC_CLIENT_SECRET")
if OIDC_ISSUER and not OIDC_CLIENT_ID:
    raise ImproperlyConfigured("OIDC_CLIENT_ID: OIDC_ISSUER wants the id that it gave us")
#: How the provider is called on the sign-in page.
OIDC_NAME = environment.text("OIDC_NAME", urlsplit(OIDC_ISSUER).hostname or "")
#: Who may book: "" as the back office says, "*" everybody who comes this way, or
#: claim=value, by which each sign-in gives and takes it.
OIDC_ORGANIZERS = environment.claim("OIDC_ORGANIZERS")
OIDC_NEW_ACCOUNTS = environment.one_of("OIDC_NEW_ACCOUNTS", "yes", "no") == "yes"
#: Whether an address that both sides have verified leads to the account that has it.
OIDC_LINK_BY_EMAIL = environment.one_of("OIDC_LINK_BY_EMAIL", "no", "yes") == "yes"
SOCIALACCOUNT_ADAPTER = "portal.adapters.ProviderAdapter"
# A provider is asked by a form with a token, never by a link that others can send.
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_STORE_TOKENS = False
# Found once by his address, he is known by the provider's name for him from then on.
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_REQUESTS_TIMEOUT = 10
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "provider_class": "portal.oidc.Provider",
        "APPS": [
            {
                "provider_id": "oidc",
                "name": OIDC_NAME,
                "client_id": OIDC_CLIENT_ID,
                "secret": OIDC_CLIENT_SECRET,
                "settings": {"server_url": OIDC_ISSUER, "oauth_pkce_enabled": True},
            }
        ]
        if OIDC_ISSUER
        else [],
    }
}

# English as written outside the United States is where everybody begins; `portal.formats` has
# how each writes dates and times.
LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", _("English")),
    ("en-us", _("English (US)")),
    ("de", _("Deutsch")),
    ("es", _("Español")),
    ("fr", _("Français")),
]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "portal.formats"
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
# Before `collectstatic` has run (tests) the files are served where they lie.
WHITENOISE_USE_FINDERS = not any(STATIC_ROOT.iterdir())
MEDIA_ROOT = DATA_DIR / "media"

CACHES = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    )
}

# --- Transport security ------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _public.scheme == "https"
LANGUAGE_COOKIE_SECURE = SESSION_COOKIE_SECURE
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 31_536_000
LANGUAGE_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = _SECURE
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if _SECURE else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [BASE_URL] if _public.scheme == "https" else []
# W005, W021: a conference server does not own the other hosts under its name,
# so it must not promise HTTPS for them or ask browsers to preload that.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# --- Mail (none goes out until a server is named) ----------------------------

EMAIL_URL = environment.url("EMAIL_URL", "smtp", "smtp+tls", "smtps")
MAIL_GOES_OUT = bool(EMAIL_URL)
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if MAIL_GOES_OUT else 'dummy'}.EmailBackend"
EMAIL_HOST, EMAIL_PORT = environment.mail_server(EMAIL_URL)
EMAIL_HOST_USER = unquote(urlsplit(EMAIL_URL).username or "")
EMAIL_HOST_PASSWORD = unquote(urlsplit(EMAIL_URL).password or "")
EMAIL_USE_TLS = EMAIL_URL.startswith("smtp+tls:")
EMAIL_USE_SSL = EMAIL_URL.startswith("smtps:")
#: Seconds after which a mail server that does not answer is tried again later.
EMAIL_TIMEOUT = 20
# RFC 5321 4.1.3: how an IPv6 address stands for a domain.
_mail_domain = f"[IPv6:{_domain_host}]" if ":" in _domain_host else _domain_host
DEFAULT_FROM_EMAIL = environment.mailbox("EMAIL_FROM", f"Parley <parley@{_mail_domain}>")

#: Where answers to invitations arrive, as parley@example.org; each invitee answers to an
#: address of his own below it (RFC 5233): parley+SECRET@example.org.
EMAIL_REPLIES = (
    environment.mailbox("EMAIL_REPLIES", "") if environment.text("EMAIL_REPLIES") else ""
)
#: Where they are fetched from: imaps://user:password@host/FOLDER; deleted once read.
IMAP_URL = environment.url("IMAP_URL", "imap", "imaps")
if IMAP_URL and not EMAIL_REPLIES:
    raise ImproperlyConfigured("IMAP_URL: want EMAIL_REPLIES, whose mails are fetched there")
#: The telephone number by which conferences are dialed, told in invitations.
DIAL_IN = environment.text("DIAL_IN")
if DIAL_IN and not re.fullmatch(r"\+?[0-9][0-9 ()./-]{2,30}", DIAL_IN):
    raise ImproperlyConfigured(f"DIAL_IN={DIAL_IN!r}: want a telephone number")

#: Webhooks go to public addresses alone, or also to those of the network that we stand in.
WEBHOOKS_TO = environment.one_of("WEBHOOKS_TO", "public", "anywhere")

# --- Channel layer and jobs --------------------------------------------------

CHANNEL_LAYERS = {
    "default": (
        {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL]},
        }
        if REDIS_URL
        else {
            "BACKEND": "portal.layers.ThreadSafeInMemoryChannelLayer",
            # Room for a burst of notices; more than that is healed by the look.
            "CONFIG": {"capacity": 10_000},
        }
    )
}

CELERY_BROKER_URL = REDIS_URL or "memory://"
# The in-memory transport polls; its default of one second is felt by people.
CELERY_BROKER_TRANSPORT_OPTIONS = {} if REDIS_URL else {"polling_interval": 0.02}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "parley"
# What waits for somebody else's server has a queue of its own, so that nothing waits
# for it; a worker that is not told which queues to serve serves both.
CELERY_TASK_QUEUES = [Queue(name, routing_key=name) for name in ("parley", "outside")]
CELERY_TASK_DEFAULT_ROUTING_KEY = CELERY_TASK_DEFAULT_QUEUE
CELERY_TASK_ROUTES = {
    f"conferences.tasks.{name}": {"queue": "outside"}
    for name in ("send_mail", "fetch_replies", "send_webhooks")
}
# The row is the truth: nobody waits for a result.
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")
# Sweeps: they find what a lost wake-up left behind. `expires` drops those that
# piled up while no worker ran.
CELERY_BEAT_SCHEDULE = {
    name: {"task": f"conferences.tasks.{name}", "schedule": every, "options": {"expires": every}}
    for name, every in (
        ("carry_out_removals", 5.0),
        ("place_calls", 5.0),
        ("open_and_close", 5.0),
        ("send_mail", 30.0),
        ("remind", 30.0),
        ("fetch_replies", 60.0),
        ("send_webhooks", 2.0),
        ("delete_people", 60.0),
        ("prune", 3600.0),
    )
}


def _no_probe(record: logging.LogRecord) -> bool:
    """Whether a record is of something else than a probe: "not ready yet" is no error."""
    return getattr(getattr(record, "request", None), "path", "") != "/healthz"


def _in_one_line(record: logging.LogRecord) -> bool:
    """Takes the traceback off what a reader was refused: that is no fault of the program."""
    if record.name == "django.request" and getattr(record, "status_code", 500) < 500:
        record.exc_info = None
    return True


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "no_probe": {"()": "django.utils.log.CallbackFilter", "callback": _no_probe},
        "in_one_line": {"()": "django.utils.log.CallbackFilter", "callback": _in_one_line},
    },
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["no_probe", "in_one_line"],
        }
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "daphne": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        # One line for every message of a webhook.
        "httpx": {"level": "WARNING"},
        # It warns that memory:// names no host.
        "kombu.connection": {"level": "ERROR"},
        # One line a sweep would be all that one reads.
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
