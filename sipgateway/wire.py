"""What passes on the wire, to be read by people: secrets cut out, followed live.

No I/O. `Tap` hands every message to those who follow, and does nothing while
nobody does. What is kept of a conference's signalling is the `ladder`'s affair.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from sipgateway.sip.flow import Flow

LOG = logging.getLogger(__name__)

MOST_FOLLOWED = 1000
"""Calls that somebody who follows an account is shown at once."""

_CALL_ID = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n|\Z)", re.IGNORECASE)
_CSEQ = re.compile(rb"\r\ncseq[ \t]*:[ \t]*\d+[ \t]+([^\s]+)", re.IGNORECASE)
#: The user parts of From, To and Contact, and the names of credentials.
_NAMES = re.compile(
    rb"(?:\r\n(?:from|f|to|t|contact|m)[ \t]*:[^\r\n]*?sips?:|[ \t,]username=\")([^@;>\"\r\n]*)",
    re.IGNORECASE,
)
#: Field bodies with credentials, folded lines included (RFC 3261 7.3.1).
_CREDENTIALS = re.compile(
    r"^((?:(?:proxy-)?authorization|(?:www|proxy)-authenticate|authentication-info)"
    r"[ \t]*:[ \t]*\w*)"
    r"[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*",
    re.IGNORECASE | re.MULTILINE,
)
#: What else nobody may read over another's shoulder, and what stands there instead.
_SECRETS = (
    (_CREDENTIALS, r"\1 …"),
    (re.compile(r"^(a=crypto:.*?inline:)\S+", re.MULTILINE | re.IGNORECASE), r"\1…"),  # RFC 4568
    (re.compile(r"^(a=key-mgmt:).*?$", re.MULTILINE | re.IGNORECASE), r"\1…"),  # RFC 4567
    (re.compile(r"^(a=ice-pwd:).*?$", re.MULTILINE | re.IGNORECASE), r"\1…"),  # RFC 8839
    (re.compile(r"^(k=).*?$", re.MULTILINE), r"\1…"),  # RFC 4566 5.12
    (re.compile(r"(sips?:[^@\s:;<>\"]+):[^@\s<>\"]+@", re.IGNORECASE), r"\1:…@"),
    # Header fields of a URI (RFC 3261 19.1.1)
    (re.compile(r"([?&](?:proxy-)?authorization=)[^&>\s]+", re.IGNORECASE), r"\1…"),
    (re.compile(r"(/setup/)[^/\s>]+"), r"\1…"),  # the link is the secret
)
#: Bodies that may be read; a text is private, and keys pressed may be a PIN.
_READABLE = re.compile(
    r"^(?:content-type|c)[ \t]*:[ \t]*"
    r"(?:application/(?:sdp|conference-info\+xml|dialog-info\+xml|resource-lists\+xml)|message/sipfrag)",
    re.IGNORECASE | re.MULTILINE,
)


def call_id_of(octets: bytes) -> str:
    """The Call-ID of a message, "" where there is none."""
    found = _CALL_ID.search(octets)
    return found[1].decode("utf-8", "replace") if found else ""


def redacted(octets: bytes) -> str:
    """A message as text, without what is secret."""
    head, gap, body = octets.decode("utf-8", "replace").partition("\r\n\r\n")
    if body and not _READABLE.search(head):
        body = f"({len(body.encode())} octets)"
    text = head + gap + body
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


@dataclass(frozen=True, slots=True)
class Passed:
    """One message that has passed; `peer` is host and port of the other side."""

    at: float
    inward: bool
    transport: str
    peer: str
    octets: bytes

    @property
    def call_id(self) -> str:
        """Its Call-ID, "" where there is none."""
        return call_id_of(self.octets)

    @property
    def names(self) -> set[str]:
        """The user names in it, in lower case."""
        head = self.octets.partition(b"\r\n\r\n")[0]
        return {name.decode("utf-8", "replace").lower() for name in _NAMES.findall(head)}

    @property
    def first_line(self) -> str:
        """Its first line; of a response with the method that it answers."""
        line = self.octets.partition(b"\r\n")[0][:200].decode("utf-8", "replace")
        if not line.startswith("SIP/2.0 "):
            return redacted(line.removesuffix(" SIP/2.0").encode())
        found = _CSEQ.search(self.octets)
        method = f" ({found[1].decode('utf-8', 'replace')})" if found else ""
        return line.removeprefix("SIP/2.0 ") + method


class Follower:
    """Somebody who follows a call, an account, or (both "") everything."""

    def __init__(
        self, told: Callable[[Passed], None], *, call_id: str = "", account: str = ""
    ) -> None:
        self._told = told
        self._call_id = call_id
        self._account = account.lower()
        self._calls: OrderedDict[str, None] = OrderedDict()

    def passed(self, one: Passed) -> None:
        """Tell what concerns him."""
        if self._concerns(one):
            self._told(one)

    def _concerns(self, one: Passed) -> bool:
        if self._call_id:
            return one.call_id == self._call_id
        if not self._account or one.call_id in self._calls:
            return True
        if self._account not in one.names:
            return False
        self._calls[one.call_id] = None
        if len(self._calls) > MOST_FOLLOWED:
            self._calls.popitem(last=False)
        return True


class Tap:
    """Hands what passes to those who follow; look at `on` before making a `Passed`."""

    def __init__(self) -> None:
        self._followers: list[Follower] = []
        #: Whether anybody follows.
        self.on = False

    def follow(self, follower: Follower) -> None:
        """From now on he is told."""
        self._followers.append(follower)
        self.on = True

    def leave(self, follower: Follower) -> None:
        """He does not want to know any more."""
        if follower in self._followers:
            self._followers.remove(follower)
        self.on = bool(self._followers)

    def passed(self, one: Passed) -> None:
        """Something has passed."""
        for follower in list(self._followers):
            follower.passed(one)


class Watch:
    """Tap and log together: the logger ``sipgateway.wire`` gets everything at DEBUG."""

    def __init__(self) -> None:
        self.tap = Tap()

    def show(self, flow: Flow, octets: bytes, now: float, *, inward: bool) -> None:
        """Show a message to those who follow; costs nothing while nobody does."""
        logged = LOG.isEnabledFor(logging.DEBUG)
        if not (logged or self.tap.on):
            return
        one = _passed(flow, octets, now, inward)
        if logged:
            way = "from" if inward else "to"
            LOG.debug("%s %s %s\n%s", way, one.transport, one.peer, redacted(octets))
        self.tap.passed(one)


def _passed(flow: Flow, octets: bytes, now: float, inward: bool) -> Passed:
    peer = f"{flow.remote_host}:{flow.remote_port}"
    return Passed(now, inward, flow.transport, peer, octets)
