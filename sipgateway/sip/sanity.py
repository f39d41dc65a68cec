"""What a request must be before anybody looks at what it wants (RFC 3261 8.2, 16.3).

The rows of `CHECKS` are asked in order; the first that has something to say
wins. None of them needs to know who asks, so a refusal tells a stranger
nothing but what RFC 3261 tells everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sipgateway.sip import headers, message
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.message import Request
from sipgateway.sip.uri import SipUri, parse_uri

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
)
#: Option tags we understand in Require.
EXTENSIONS = ("timer", "norefersub")
EVENT_PACKAGES = ("conference", "refer")
#: What may be in the body of which request.
BODIES: dict[str, frozenset[str]] = {
    "INVITE": frozenset({"application/sdp"}),
    "UPDATE": frozenset({"application/sdp"}),
    "ACK": frozenset({"application/sdp"}),
}


@dataclass(frozen=True, slots=True)
class Objection:
    """A refusal: status, reason phrase, and header fields that explain it."""

    status: int
    reason: str = ""
    fields: tuple[tuple[str, str], ...] = ()


def _first_line(request: Request) -> Objection | None:
    defect = message.defect_of(request)
    return Objection(*defect) if defect else None


def _mandatory(request: Request) -> Objection | None:
    request.must(headers.FROM)
    request.must(headers.TO)
    request.must(headers.CALL_ID)
    request.must(headers.VIA)
    if request.must(headers.CSEQ).method != request.method:
        return Objection(400, "CSeq header: method does not match the request")
    request.one(headers.MAX_FORWARDS)
    if request.method in {"INVITE", "SUBSCRIBE", "REFER"}:
        headers.sip_uri_of(request.must(headers.CONTACT))
    return None


def _method(request: Request) -> Objection | None:
    if request.method in METHODS:
        return None
    return Objection(405, fields=(("Allow", ", ".join(METHODS)),))


def _scheme(request: Request) -> Objection | None:
    uri = parse_uri(request.uri)
    return None if isinstance(uri, SipUri) else Objection(416)


def _hops(request: Request) -> Objection | None:
    if request.one(headers.MAX_FORWARDS) == 0 and request.method != "OPTIONS":
        return Objection(483)
    return None


def _extensions(request: Request) -> Objection | None:
    if request.method in {"ACK", "CANCEL"}:
        return None
    wanted = request.every(headers.REQUIRE) + request.every(headers.PROXY_REQUIRE)
    unknown = [tag for tag in wanted if tag.lower() not in EXTENSIONS]
    return Objection(420, fields=(("Unsupported", ", ".join(unknown)),)) if unknown else None


def _event(request: Request) -> Objection | None:
    if request.method not in {"SUBSCRIBE", "NOTIFY"}:
        return None
    event = request.one(headers.EVENT)
    if event is not None and event.value in EVENT_PACKAGES:
        return None
    return Objection(489, fields=(("Allow-Events", ", ".join(EVENT_PACKAGES)),))


def _body(request: Request) -> Objection | None:
    accepted = BODIES.get(request.method)
    if accepted is None or not request.body:
        return None
    content_type = request.one(headers.CONTENT_TYPE)
    encodings = [e for e in request.every(headers.CONTENT_ENCODING) if e.lower() != "identity"]
    if encodings:
        return Objection(415, fields=(("Accept-Encoding", "identity"),))
    if content_type is not None and content_type.value in accepted:
        return None
    return Objection(415, fields=(("Accept", ", ".join(sorted(accepted))),))


CHECKS: tuple[Callable[[Request], Objection | None], ...] = (
    _first_line,
    _mandatory,
    _method,
    _scheme,
    _hops,
    _extensions,
    _event,
    _body,
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
    """Whether a response could find its way back at all."""
    try:
        request.must(headers.VIA)
    except BadMessage:
        return False
    return all(request.get(name) for name in ("from", "to", "call-id", "cseq"))
