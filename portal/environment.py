"""Readers of environment variables, which fail loudly with the variable's name.

Each takes the name and gives the value in its type; an empty variable is one that is not
set. `ImproperlyConfigured` says what was wanted.
"""

from __future__ import annotations

import os
import re
from email.utils import parseaddr
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ  # type: ignore[import-untyped]
from django.core.exceptions import ImproperlyConfigured

from conferences import relays
from sipgateway.sip.limits import Limits, parse_limits

_env = environ.Env()

#: hostport of a SIP URI (RFC 3261 25.1), in lower case.
_HOST_PORT = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


def text(name: str, default: str = "") -> str:
    """The variable without surrounding blanks; empty means not set."""
    return os.environ.get(name, "").strip() or default


def number(name: str, default: int, *, lowest: int = 0, highest: int = 65535) -> int:
    """A whole number from `lowest` to `highest`."""
    given = text(name, str(default))
    if not given.isascii() or not given.isdigit() or not lowest <= int(given) <= highest:
        wanted = f"want a whole number from {lowest} to {highest}"
        raise ImproperlyConfigured(f"{name}={given!r}: {wanted}")
    return int(given)


def one_of(name: str, *choices: str) -> str:
    """One of `choices`, the first of which is the default."""
    given = text(name, choices[0])
    if given not in choices:
        raise ImproperlyConfigured(f"{name}={given!r}: want one of {', '.join(choices)}")
    return given


def file(name: str) -> Path | None:
    """A file that is there and can be read, or None where the variable is not set."""
    given = text(name)
    if not given:
        return None
    path = Path(given).resolve()
    if not os.access(path, os.R_OK) or not path.is_file():
        raise ImproperlyConfigured(f"{name}={given!r}: there is no such file that can be read")
    return path


def addresses(name: str) -> tuple[str, ...]:
    """IP addresses with commas between."""
    try:
        return tuple(str(ip_address(one.strip())) for one in text(name).split(",") if one.strip())
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from error


def ice_servers(name: str) -> tuple[relays.IceServer, ...]:
    """STUN and TURN servers."""
    try:
        return relays.parse(text(name))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from error


def url(name: str, *schemes: str) -> str:
    """A URL with one of `schemes` and a host, or empty where the variable is not set."""
    given = text(name)
    if not given:
        return ""
    parts = urlsplit(given)
    if parts.scheme not in schemes or not parts.netloc:
        raise ImproperlyConfigured(
            f"{name}: want a URL that starts with {'://, '.join(schemes)}://"
        )
    return given


def origin(name: str) -> str:
    """Scheme, host and port of a URL that has nothing else; empty where it is not set."""
    given = url(name, "http", "https").rstrip("/")
    if given and given != "{0.scheme}://{0.netloc}".format(urlsplit(given)):
        raise ImproperlyConfigured(
            f"{name}: want scheme and host alone, as https://conf.example.org"
        )
    return given


def issuer(name: str) -> str:
    """An issuer of OpenID Connect: HTTPS, or a provider on this machine; empty where not set."""
    given = url(name, "https", "http").rstrip("/")
    host = urlsplit(given).hostname
    if given.startswith("http:") and host not in ("localhost", "127.0.0.1", "::1"):
        raise ImproperlyConfigured(f"{name}: want https://, as in https://id.example.org")
    return given


def claim(name: str) -> str:
    """``claim=value``, an asterisk, or empty."""
    given = text(name)
    if re.fullmatch(r"(\*|[^=\s]+=[^=]+)?", given) is None:
        raise ImproperlyConfigured(
            f"{name}={given!r}: want claim=value, as in groups=bookers, or *"
        )
    return given


def port_range(name: str, default: str) -> tuple[int, int]:
    """Two ports joined by a hyphen, the lower one first."""
    given = text(name, default)
    low, _, high = given.partition("-")
    if not (low.isdigit() and high.isdigit() and 0 < int(low) <= int(high) <= 65535):
        raise ImproperlyConfigured(f"{name}={given!r}: want two ports, as in {default}")
    return int(low), int(high)


def number_of_ours(name: str) -> str:
    """A telephone number (RFC 3966, global) or a user name, or empty."""
    given = text(name)
    if re.fullmatch(r"\+?[A-Za-z0-9._-]*", given) is None:
        raise ImproperlyConfigured(f"{name}={given!r}: want a number, as in +4930123456")
    return given


def limits(name: str) -> Limits:
    """Limits of SIP, as in ``source=50, dialogs=500``; the default for those not named."""
    try:
        return parse_limits(text(name))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from error


def bracketed(host: str) -> str:
    """`host` as it stands in a URI: an IPv6 address gets its brackets (RFC 3986 3.2.2)."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def sip_domain(host: str, port: int) -> str:
    """The domain of every URI that Parley owns, with its port where that is not the default."""
    domain = text("SIP_DOMAIN", bracketed(host)).lower()
    found = _HOST_PORT.fullmatch(domain)
    if found is None:
        raise ImproperlyConfigured(f"SIP_DOMAIN={domain!r}: want a host name or an address")
    return domain if found[2] or port in (0, 5060) else f"{domain}:{port}"


def directory(name: str, default: Path) -> Path:
    """A directory, made where it is missing, that can be written to."""
    path = Path(text(name, str(default))).resolve()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name}={str(path)!r}: {error}") from error
    if not os.access(path, os.W_OK):
        raise ImproperlyConfigured(f"{name}={str(path)!r}: cannot be written to")
    return path


def database(data_dir: Path) -> dict[str, Any]:
    """SQLite in `data_dir`, or PostgreSQL where DATABASE_URL says so.

    SQLite: WAL lets readers go on beside the one writer; IMMEDIATE takes the
    write lock at BEGIN, where it can be waited for, while upgrading a read
    transaction fails at once with "database is locked"; NORMAL is safe in WAL
    mode and spares one fsync a transaction.
    """
    given = url("DATABASE_URL", "postgres", "postgresql")
    if given:
        config: dict[str, Any] = _env.db_url_config(given)
        options = {
            **config.get("OPTIONS", {}),
            "most": number("DATABASE_CONNECTIONS", 20, lowest=1),
        }
        # A thread of each request asks and is gone: what it kept open nobody would close.
        ours = {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True, "OPTIONS": options}
        return {**config, "ENGINE": "portal.postgresql", **ours}
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "CONN_MAX_AGE": None,
        "NAME": str(data_dir / "parley.sqlite3"),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


#: What an SMTP server listens on by default, by the scheme of EMAIL_URL: relay in the
#: clear, submission with STARTTLS (RFC 6409), submission over TLS (RFC 8314).
_MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def mail_server(url: str) -> tuple[str, int]:
    """Host and port of EMAIL_URL; none where it is not set."""
    if not url:
        return "", 0
    parts = urlsplit(url)
    try:
        return parts.hostname or "", parts.port or _MAIL_PORTS[parts.scheme]
    except ValueError as error:
        raise ImproperlyConfigured(f"EMAIL_URL: {error}") from error


def mailbox(name: str, default: str) -> str:
    """An address with or without a name before it, as in ``Parley <parley@example.org>``."""
    given = text(name, default)
    if "@" not in parseaddr(given)[1] or not given.isprintable():
        raise ImproperlyConfigured(f"{name}={given!r}: want a mail address")
    return given
