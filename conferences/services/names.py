"""What people and conferences may be called, and how a URI is written down.

People and conferences share one name space, the user parts of
``sip:…@DOMAIN``, so a name taken by one kind is not free for the other.
"""

from __future__ import annotations

import datetime
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import unquote

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone as clock
from django.utils.translation import gettext as _

from conferences import policy, selectors
from conferences.models import USER_PART, Conference, Factory, User

_NAME = re.compile(USER_PART)
#: User parts with a meaning of their own.
RESERVED = frozenset(
    {
        "admin",
        "anonymous",
        "api",
        "conference",
        "conference-app",
        "conference-factory",
        "guest",
        "parley",
        "postmaster",
        "root",
        "static",
        "system",
    }
)
GUEST_PREFIX = "guest-"
#: What the columns hold, of URIs and of mail addresses (RFC 5321 4.5.3.1.3).
LONGEST_URI = 255
LONGEST_EMAIL = 254

#: Digits of a generated name: log2(10^20) is 66 bits, more than the 64 that
#: make a URI unguessable, and every phone can dial it.
_DIGITS = 20

#: So long after the end nobody else gets the name: links and numbers are still about.
NAME_RESTS = datetime.timedelta(days=30)
#: Digits of a generated PIN: one of a hundred invitees' is guessed by one in a million tries.
_PIN_DIGITS = 8

#: sip-URI without a password (RFC 3261 25.1), loosely: what is sent is built
#: and checked again by the gateway.
_SIP = re.compile(
    r"(?P<scheme>sips?):(?P<user>[^@\s<>\"?;]+(?:;[^@\s<>\"?]*)?)@"
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?P<port>:[0-9]{1,5})?(?P<rest>;[^\s<>\"?]*)?",
    re.IGNORECASE,
)
#: RFC 3966: a number, with visual separators to be taken out.
_TEL = re.compile(r"tel:(?P<number>\+?[0-9().-]{2,40})", re.IGNORECASE)
#: A global one as people write it.
_TYPED = re.compile(r"(?P<number>\+[0-9][0-9 ()./-]{2,40})")


@dataclass(frozen=True, slots=True)
class Invitee:
    """Somebody to be put on the list: a URI (or a user name) or a mail address."""

    uri: str = ""
    email: str = ""
    role: policy.Role = policy.Role.PARTICIPANT
    dial_out: bool = False


def generated_name() -> str:
    """A new name for a conference: random, dialable."""
    return "".join(secrets.choice("0123456789") for _ in range(_DIGITS))


def generated_pin(taken: Collection[str]) -> str:
    """A new PIN that is none of `taken`."""
    while True:
        pin = "".join(secrets.choice("0123456789") for _ in range(_PIN_DIGITS))
        if pin not in taken:
            return pin


def checked_conference_name(name: str) -> str:
    """`name` in lower case. Raises `ValidationError`, code ``taken`` where it is.

    The name of what has been over for `NAME_RESTS` is free again; the old
    conference keeps its history under a number.
    """
    name = name.strip().lower()
    _check_letters(name)
    rested = clock.now() - NAME_RESTS
    over = Q(cancelled_at__lte=rested) | Q(closes_at__lte=rested)
    Conference.objects.filter(over, name=name).update(name=generated_name())
    _check_free(name)
    return name


def checked_username(username: str) -> str:
    """`username` in lower case. Raises `ValidationError`, code ``taken`` where it is."""
    username = username.strip().lower()
    _check_letters(username)
    _check_free(username)
    return username


def _check_free(name: str) -> None:
    people = User.objects.filter(username=name)
    rooms = Conference.objects.filter(Q(name=name) | Q(number=name))
    factories = Factory.objects.filter(name=name)
    if people.exists() or rooms.exists() or factories.exists():
        raise ValidationError(_("This name is taken; choose another one."), code="taken")


def _check_letters(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise ValidationError(
            _(
                "Use 1 to 63 letters a-z, digits, dots, hyphens and underscores,"
                " and begin with a letter or digit."
            )
        )
    if name in RESERVED or name.startswith(GUEST_PREFIX):
        raise ValidationError(_("This name has a meaning of its own; choose another one."))


def canonical_uri(text: str) -> str:
    """A SIP or telephone URI as it is stored and compared. Raises `ValidationError`.

    Ours: ``sip:``, user part in lower case, no parameters. Foreign ones keep
    user part and parameters. A bare name of a person of ours becomes his URI,
    a global number ``tel:``, also where phones write it as a user of ours.
    """
    text = text.strip()
    if len(text) > LONGEST_URI:
        raise ValidationError(_("An address has at most %(most)s letters.") % {"most": LONGEST_URI})
    if _NAME.fullmatch(text.lower()) and selectors.person_exists(text):
        return selectors.aor(text)
    if (tel := _TEL.fullmatch(text) or _TYPED.fullmatch(text)) is not None:
        return _telephone(tel["number"])
    sip = _SIP.fullmatch(text)
    if sip is None:
        raise ValidationError(
            _("%(uri)s is not an address that can be called: want sip:name@host or tel:+number."),
            params={"uri": text[:100]},
        )
    host = sip["host"].lower() + (sip["port"] or "")
    if host in _our_hosts():
        user = unquote(sip["user"])
        return _telephone(user) if _TYPED.fullmatch(user) else selectors.aor(user)
    return f"{sip['scheme'].lower()}:{sip['user']}@{host}{sip['rest'] or ''}"


def is_secure(text: str) -> bool:
    """Whether an address asks for TLS on every hop (``sips:``, RFC 3261 26.2.2)."""
    return text.strip().lower().startswith("sips:")


def _telephone(number: str) -> str:
    return "tel:" + re.sub(r"[^+0-9]", "", number)


def _our_hosts() -> frozenset[str]:
    """Our domain, with the port and without."""
    domain = settings.SIP_DOMAIN
    return frozenset({domain, re.sub(r":[0-9]+$", "", domain)})


def username_of(uri: str) -> str:
    """The user part of a URI of ours, else empty."""
    # The first "@" ends the user part; there may be others in parameters.
    user, _, host = uri.removeprefix("sip:").partition("@")
    return user if host == settings.SIP_DOMAIN else ""
