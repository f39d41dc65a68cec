"""PURE. What a webhook says, how it is signed, when it is tried again.

The headers and the signature are those of the Standard Webhooks specification
1.0: ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``, which is
``v1,`` and HMAC-SHA256 over ``id.timestamp.body`` in base64. Beside them the
body has a ``number``: it counts the messages of one endpoint from 1 without a
gap, and they are sent in that order.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping

#: What a secret begins with.
PREFIX = "whsec_"
#: Octets of a secret; the specification wants 24 to 64.
SECRET_OCTETS = 32

#: Seconds until the next attempt, by how many have failed in a row; then the last for ever.
PAUSES = (5, 30, 120, 600, 1800, 3600, 7200, 14400)
#: An endpoint that fails for so long, in seconds, is switched off.
PATIENCE = 3 * 24 * 3600
#: "Gone": whoever answers that wants no more (RFC 9110 15.5.11).
GONE = 410

#: A meeting has begun: its first participant has come.
STARTED = "conference.started"
#: Sent when somebody asks for it on the page or by REST.
TEST = "webhook.test"

#: What is told of a line of the history, where its name alone would not say.
_TYPES: Mapping[str, str] = {
    "joined": "participant.joined",
    "left": "participant.left",
    "removed": "participant.removed",
    "phone-removed": "participant.phone_removed",
    "removal-failed": "participant.removal_failed",
    "refused": "participant.refused",
    "waits": "participant.waits",
    "gave-up": "participant.gave_up",
    "let-in": "participant.let_in",
    "not-let-in": "participant.not_let_in",
    "ban-lifted": "participant.ban_lifted",
    "muted": "participant.muted",
    "unmuted": "participant.unmuted",
    "wrong-pin": "participant.wrong_pin",
    "pin-given": "participant.pin_given",
    "hand-raised": "participant.hand_raised",
    "hand-lowered": "participant.hand_lowered",
    "asked-to-speak": "participant.asked_to_speak",
    "answered": "invitation.answered",
    "proposed": "invitation.proposed",
    "called": "call.answered",
    "call-failed": "call.failed",
    "call-cancelled": "call.cancelled",
}
_SUBJECTS = ("recording-", "occurrence-", "series-")

#: Those that one can choose by name on the page; there are more.
CHOICES = (
    "conference.booked",
    "conference.changed",
    "conference.cancelled",
    STARTED,
    "conference.ended",
    "conference.extended",
    "occurrence.changed",
    "occurrence.cancelled",
    "participant.joined",
    "participant.left",
    "participant.removed",
    "participant.refused",
    "participant.waits",
    "participant.let_in",
    "call.answered",
    "call.failed",
    "recording.started",
    "recording.ended",
    "recording.ready",
    "invitation.answered",
    "invitation.proposed",
)
_TYPE = re.compile(r"[a-z]+\.[a-z_]+")


def type_of(kind: str) -> str:
    """The type of the message about a line of the history, as ``participant.joined``."""
    if kind in _TYPES:
        return _TYPES[kind]
    for subject in _SUBJECTS:
        if kind.startswith(subject):
            kind = kind.replace("-", ".", 1)
            return kind.replace("-", "_")
    return f"conference.{kind.replace('-', '_')}"


def is_type(text: str) -> bool:
    """Whether that can be the type of a message."""
    return _TYPE.fullmatch(text) is not None


def signature(secret: str, *, message: str, at: int, body: bytes) -> str:
    """The value of ``webhook-signature``. `at` is in POSIX seconds, as ``webhook-timestamp``."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def pause(failures: int) -> int:
    """Seconds until the next attempt after so many failed ones."""
    return PAUSES[min(failures, len(PAUSES)) - 1]


def is_public(address: str) -> bool:
    """Whether an IP address belongs to somebody out there, and not to a network of our own.

    An IPv6 address that carries an IPv4 one (mapped, 6to4, NAT64) is what that one is.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or _nat64(ip)
        if inner is not None:
            ip = inner
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None
