"""What a request must be before anybody looks at what it wants (RFC 3261 8.2, 16.3).

The rows of `CHECKS` are asked in order; the first that has something to say
wins. None of them needs to know who asks, so a refusal tells a stranger
nothing but what RFC 3261 tells everybody.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sipgateway.sip import headers
from sipgateway.sip import uri as uris
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.headers import Header
from sipgateway.sip.message import Request, Response

METHODS = (
    "INVITE",
    "ACK",
    "CANCEL",
    "OPTIONS",
    "BYE",
    "REFER",
    "SUBSCRIBE",
    "NOTIFY",
    "REGISTER",
    "UPDATE",
    "INFO",
    "PRACK",
    "MESSAGE",
)
#: Option tags we understand in Require.
EXTENSIONS = (
    "replaces",
    "join",
    "timer",
    "norefersub",
    "100rel",
    "path",
    "outbound",
    "gruu",
    "pref",
    "tdialog",
    "explicitsub",
    "nosub",
    "multiple-refer",
    "recipient-list-invite",
)
EVENT_PACKAGES = ("conference", "refer", "dialog")
#: Event packages of phones, which are passed on to them: registered at IANA or common.
PASSED_PACKAGES = frozenset(
    {
        "as-feature-event",  # what desk phones show of call forwarding, as BroadWorks has it
        "call-completion",  # RFC 6910
        "call-info",  # lines that several desk phones share, as BroadWorks has it
        "check-sync",  # what has desk phones read their settings anew
        "hold",  # what desk phones are told by buttons beside them
        "http-monitor",  # RFC 5989
        "kpml",  # RFC 4730
        "line-seize",  # of lines that several desk phones share
        "load-control",  # RFC 7200
        "message-summary",  # RFC 3842
        "presence",  # RFC 3856
        "presence.winfo",  # RFC 3857
        "reg",  # RFC 3680
        "talk",
        "ua-profile",  # RFC 6080
        "vq-rtcpxr",  # RFC 6035
        "xcap-diff",  # RFC 5875
    }
)
#: What may be in the body of which request.
BODIES: dict[str, tuple[str, ...]] = {
    "INVITE": ("application/sdp", "application/resource-lists+xml"),
    "UPDATE": ("application/sdp",),
    "ACK": ("application/sdp",),
    "PRACK": ("application/sdp",),
}


#: What of Privacy is understood (RFC 3323 4.2, RFC 3325 9.3, RFC 7044 10.1).
_PRIVACY = frozenset({"header", "session", "user", "none", "critical", "id", "history"})
#: qvalue of what is not acceptable (RFC 3261 25.1).
_NOT_AT_ALL = re.compile(r"0(?:\.0{0,3})?")
#: What every message has to have, once.
_NEEDED: tuple[Header[Any], ...] = (
    headers.VIA,
    headers.FROM,
    headers.TO,
    headers.CALL_ID,
    headers.CSEQ,
)


@dataclass(frozen=True, slots=True)
class Objection:
    """A refusal: status, reason phrase, and header fields that explain it."""

    status: int
    reason: str = ""
    fields: tuple[tuple[str, str], ...] = ()


def _first_line(request: Request) -> Objection | None:
    return Objection(*request.defect) if request.defect else None


def _readable(request: Request) -> Objection | None:
    """Every field that somebody here may want to read can be read."""
    unless = _ALL_CONTACTS if _for_all_contacts(request) else _READ_ELSEWHERE
    request.read_all(unless | {"expires"} if _lasts_an_hour(request) else unless)
    return None


#: The focus reads a Refer-To of draft-00 4.10 too, whose URI is none; `clip` has read the length.
_READ_ELSEWHERE = frozenset({"refer-to", "content-length"})
_ALL_CONTACTS = _READ_ELSEWHERE | {"contact"}


def _lasts_an_hour(request: Request) -> bool:
    """Whether it is a REGISTER whose Expires is no number: taken as 3600 (RFC 3261 10.2.1.1)."""
    values = request.all("expires")
    return request.method == "REGISTER" and len(values) == 1 and not headers.is_delta(values[0])


def _for_all_contacts(request: Request) -> bool:
    """Whether it is a REGISTER for all contacts (RFC 3261 10.2.2)."""
    return request.method == "REGISTER" and request.all("contact") == ["*"]


def _mandatory(request: Request) -> Objection | None:
    for header in _NEEDED:
        request.must(header)
    if request.must(headers.CSEQ).method != request.method and request.method in METHODS:
        return Objection(400, "CSeq header: method does not match the request")
    if request.method in {"INVITE", "SUBSCRIBE", "REFER"}:
        headers.sip_uri_of(request.must(headers.CONTACT), "Contact")
    if request.method == "REGISTER":
        headers.sip_uri_of(request.must(headers.TO), "To")
    return None


def _method(request: Request) -> Objection | None:
    if request.method in METHODS:
        return None
    return Objection(405, fields=(("Allow", ", ".join(METHODS)),))


def _target(request: Request) -> Objection | None:
    if len(request.uri) > uris.LONGEST:
        return Objection(414)
    try:
        uri = uris.parse_uri(request.uri)
    except BadMessage as error:
        return Objection(400, f"Request-URI: {error.reason}")
    if not isinstance(uri, uris.SipUri):
        dials = uri.scheme == "tel" and request.method in _DIALLING
        return None if dials else Objection(416)
    # 19.1.1: header fields have no place in a Request-URI
    return Objection(400, "Request-URI: holds header fields") if uri.headers else None


#: What may be for a telephone number (19.1.6); ACK and CANCEL name what their INVITE named.
_DIALLING = frozenset({"INVITE", "ACK", "CANCEL"})


def _hops(request: Request) -> Objection | None:
    """What is for us in any case may have come its last hop (RFC 3261 16.3, RFC 4475 3.3.11)."""
    if request.one(headers.MAX_FORWARDS) != 0 or request.must(headers.TO).tag:
        return None
    return None if request.method in _FOR_US else Objection(483)


#: Requests that may be for a phone behind us, whose business it is what they require of it.
PASSED_ON = frozenset({"MESSAGE", "OPTIONS", "REFER", "SUBSCRIBE", "NOTIFY", "INFO"})
#: Requests that are answered by us or by nobody.
_FOR_US = frozenset({"ACK", "CANCEL", "OPTIONS", "REGISTER"})


def _extensions(request: Request) -> Objection | None:
    """What every hop must understand, and what we must who answer (8.2.2.3, 16.3)."""
    if request.method in {"ACK", "CANCEL"}:
        return None
    wanted = request.every(headers.PROXY_REQUIRE)
    if request.method not in PASSED_ON:
        wanted = request.every(headers.REQUIRE) + wanted
    return _unknown(wanted)


def unsupported(request: Request) -> Objection | None:
    """What a request that turns out to be for us requires of us in vain (8.2.2.3)."""
    return _unknown(request.every(headers.REQUIRE))


def misplaced(request: Request) -> Objection | None:
    """What no request for us but an INVITE may have (RFC 3891 3, RFC 3911 4)."""
    if request.method == "INVITE":
        return None
    found = next((name for name in ("Join", "Replaces") if request.all(name.lower())), None)
    return Objection(400, f"{found} Outside An INVITE") if found else None


def _unknown(wanted: list[str]) -> Objection | None:
    unknown = [tag for tag in wanted if tag.lower() not in EXTENSIONS]
    return Objection(420, fields=(("Unsupported", ", ".join(unknown)),)) if unknown else None


def _event(request: Request) -> Objection | None:
    if request.method not in {"SUBSCRIBE", "NOTIFY"}:
        return None
    event = request.one(headers.EVENT)
    if event is not None and event.value in PASSED_PACKAGES.union(EVENT_PACKAGES):
        return None
    return Objection(489, fields=(("Allow-Events", ", ".join(EVENT_PACKAGES)),))


def _body(request: Request) -> Objection | None:
    accepted = BODIES.get(request.method)
    if accepted is None or not request.body:
        return None
    encodings = [e for e in request.every(headers.CONTENT_ENCODING) if e.lower() != "identity"]
    if encodings:
        return Objection(415, fields=(("Accept-Encoding", "identity"),))
    parts = request.parts()
    unknown = [part for part in parts if part.media_type.value not in accepted]
    if len(unknown) < len(parts) and not any(part.required for part in unknown):
        return None
    if parts and all(part.optional for part in unknown):  # as if there were no body (20.11)
        return None
    return Objection(415, fields=(("Accept", ", ".join(accepted)),))


def _acceptable(request: Request) -> Objection | None:
    """An INVITE is answered with a session description or not at all (RFC 4475 3.3.15)."""
    if request.method != "INVITE" or takes(request, "application/sdp"):
        return None
    return Objection(406, fields=(("Accept", "application/sdp"),))


def _privacy(request: Request) -> Objection | None:
    """RFC 3323 5: who takes it for critical rather has no call than less privacy than asked."""
    asked = request.one(headers.PRIVACY)
    if asked is None:
        return None
    values = {asked.value, *(name.lower() for name, _ in asked.params)}
    unknown = sorted(values - _PRIVACY)
    if "critical" not in values or not unknown:
        return None
    return Objection(500, f"Privacy Not Supported: {', '.join(unknown)}")


def takes(request: Request, media_type: str) -> bool:
    """Whether an answer of that type will do (RFC 3261 20.1).

    Without Accept it does; an empty one takes nothing, nor does q=0 what stands before it.
    """
    if request.get("accept") is None:
        return True
    ranges = {media_type, media_type.split("/")[0] + "/*", "*/*"}
    wanted = (one for one in request.every(headers.ACCEPT) if one.value in ranges)
    return any(not _NOT_AT_ALL.fullmatch(one.param("q") or "1") for one in wanted)


CHECKS: tuple[Callable[[Request], Objection | None], ...] = (
    _first_line,
    _readable,
    _mandatory,
    _method,
    _target,
    _hops,
    _extensions,
    _event,
    _body,
    _acceptable,
    _privacy,
)


def objection(request: Request) -> Objection | None:
    """What is wrong with a request, or None."""
    try:
        for check in CHECKS:
            if (found := check(request)) is not None:
                return found
    except BadMessage as error:
        return Objection(error.status, error.reason)
    return None


def answerable(request: Request) -> bool:
    """Whether a response could find its way back at all: the sender knows it by its Via."""
    return bool(request.get("via"))


def usable(response: Response, request: Request) -> bool:
    """Whether a response to a request of ours can be taken (RFC 3261 8.1.3.3).

    A field that is broken, but not needed to know where the response belongs,
    is taken out, so that nobody stumbles over it.
    """
    try:
        for header in _NEEDED:
            response.must(header)
    except BadMessage:
        return False
    if len(response.every(headers.VIA)) != len(request.every(headers.VIA)):
        return False
    for key in {key for key, _ in response.fields}:
        row = headers.TABLE.get(key)
        try:
            if row is not None and key != "contact":
                response.every(row)
        except BadMessage:
            response.drop(key)
    return _contact_is_good(response)


def _contact_is_good(response: Response) -> bool:
    """A 2xx whose Contact cannot be read leads nowhere; other responses do without."""
    try:
        response.every(headers.CONTACT)
    except BadMessage:
        if response.status < 300:
            return False
        response.drop("contact")
    return True
