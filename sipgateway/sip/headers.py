"""Typed header fields: one table, each row with a parser and its inverse.

A row is a `Header`; ``message.one(headers.FROM)`` gives the typed value. Rows
with ``many`` take several values, by commas or by several fields, rows with
``repeats`` by several fields alone. What Parley neither reads nor writes has
no row and passes through as text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sipgateway.sip import grammar
from sipgateway.sip.address import NameAddr as NameAddr
from sipgateway.sip.address import Via as Via
from sipgateway.sip.address import build_name_addr as build_name_addr
from sipgateway.sip.address import build_params, parse_params
from sipgateway.sip.address import build_via as build_via
from sipgateway.sip.address import param_of as param_of
from sipgateway.sip.address import parse_name_addr as parse_name_addr
from sipgateway.sip.address import parse_via as parse_via
from sipgateway.sip.errors import BadMessage, LocalError
from sipgateway.sip.uri import Params as Params
from sipgateway.sip.uri import SipUri

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Header(Generic[T]):
    """One row: the name as it is written, how to read it, how to write it."""

    name: str
    parse: Callable[[str], T]
    build: Callable[[T], str]
    many: bool = False
    repeats: bool = False
    #: The name as it is looked up.
    key: str = ""

    def __post_init__(self) -> None:
        """Work out the key once: it is asked for with every look."""
        object.__setattr__(self, "key", self.name.lower())


@dataclass(frozen=True, slots=True)
class CSeq:
    """Sequence number and method."""

    number: int
    method: str


def parse_cseq(text: str) -> CSeq:
    """Parse a CSeq; the number must be under 2**31 (8.1.1.5)."""
    match = grammar.cseq.fullmatch(text.strip(" \t"))
    if match is None or int(match[1]) >= 2**31:
        raise BadMessage("Malformed value")
    return CSeq(int(match[1]), match[2])


def build_cseq(value: CSeq) -> str:
    """The inverse of `parse_cseq`."""
    return f"{value.number} {value.method}"


@dataclass(frozen=True, slots=True)
class Tokened:
    """A token with parameters: Event, Subscription-State and their like."""

    value: str
    params: Params = ()

    def param(self, name: str) -> str | None:
        """See `param_of`."""
        return param_of(self.params, name)


def parse_tokened(text: str) -> Tokened:
    """Parse ``token *(;param)`` or ``type/subtype *(;param)``; the token in lower case."""
    value, semicolon, rest = text.strip(" \t").partition(";")
    match = grammar.tokened.fullmatch(value)
    if match is None:
        raise BadMessage("Malformed value")
    token = f"{match[1]}/{match[2]}" if match[2] else match[1]
    return Tokened(token.lower(), parse_params(semicolon + rest))


def build_tokened(value: Tokened) -> str:
    """The inverse of `parse_tokened`."""
    return value.value + build_params(value.params)


@dataclass(frozen=True, slots=True)
class Auth:
    """A challenge or credentials: scheme and its parameters, unquoted, keys in lower case."""

    scheme: str
    params: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str:
        """A parameter's value, "" if absent."""
        for key, value in self.params:
            if key == name:
                return value
        return ""


#: auth-params that are written without quotes (RFC 7616 3.3 to 3.5).
_BARE = frozenset({"algorithm", "stale", "nc", "userhash"})


def parse_auth(text: str) -> Auth:
    """Parse ``Digest a="1", b=2``; a scheme that nobody knows may hold anything."""
    scheme, rest = grammar.first_word(text)
    if not grammar.token.fullmatch(scheme):
        raise BadMessage("Malformed credentials")
    if scheme.lower() != "digest":
        return Auth(scheme.lower(), (("", rest),))
    params: list[tuple[str, str]] = []
    for part in grammar.split_commas(rest):
        match = grammar.auth_param.fullmatch(part)
        if match is None:
            raise BadMessage("Malformed credentials")
        name, value = match[1].lower(), grammar.unquote(match[2])
        # A name is looked up in the database; all else is only hashed, octet for octet.
        params.append((name, grammar.clean(value) if name == "username" else value))
    if not params or len({name for name, _ in params}) < len(params):
        raise BadMessage("Malformed credentials")
    return Auth("digest", tuple(params))


def build_auth(value: Auth) -> str:
    """The inverse of `parse_auth`."""
    if value.scheme != "digest":
        return f"{value.scheme} {value.get('')}"
    bare = _BARE | {"qop"} if value.get("response") else _BARE
    params = (
        f"{name}={text if name in bare else grammar.quote(text)}" for name, text in value.params
    )
    return f"Digest {', '.join(params)}"


def parse_number(text: str) -> int:
    """A decimal number under 2**32."""
    text = text.strip(" \t")
    if not grammar.digits.fullmatch(text) or len(text) > 10 or int(text) >= 2**32:
        raise BadMessage("Malformed number")
    return int(text)


def parse_interval(text: str) -> Tokened:
    """Session-Expires (RFC 4028 4): seconds and parameters."""
    interval = parse_tokened(text)
    parse_number(interval.value)
    return interval


def parse_hops(text: str) -> int:
    """Max-Forwards and Max-Breadth: 0 to 255 (RFC 3261 20.22, RFC 5393 5.3.3.1)."""
    hops = parse_number(text)
    if hops > 255:
        raise BadMessage("Number out of range")
    return hops


def parse_delta(text: str) -> int:
    """Seconds, with a comment or parameters behind them (Retry-After, Expires)."""
    return parse_number(_before_comment(text))


def is_delta(text: str) -> bool:
    """Whether it is a number of seconds at all, and be it one that is too large."""
    return grammar.digits.fullmatch(_before_comment(text)) is not None


def _before_comment(text: str) -> str:
    return text.split("(")[0].split(";")[0].strip(" \t")


def parse_token_value(text: str) -> str:
    """One token."""
    text = text.strip(" \t")
    if not grammar.token.fullmatch(text):
        raise BadMessage("Malformed token")
    return text


def parse_call_id(text: str) -> str:
    """A Call-ID."""
    text = text.strip(" \t")
    if not grammar.call_id.fullmatch(text):
        raise BadMessage("Malformed value")
    return text


@dataclass(frozen=True, slots=True)
class RAck:
    """Which reliable provisional a PRACK acknowledges (RFC 3262 7.2)."""

    rseq: int
    cseq: int
    method: str


def parse_rack(text: str) -> RAck:
    """Parse ``response-num CSeq-num Method``."""
    rseq, rest = grammar.first_word(text)
    cseq = parse_cseq(rest)
    return RAck(parse_number(rseq), cseq.number, cseq.method)


def build_rack(value: RAck) -> str:
    """The inverse of `parse_rack`."""
    return f"{value.rseq} {value.cseq} {value.method}"


@dataclass(frozen=True, slots=True)
class DialogRef:
    """Replaces, Join and Target-Dialog name a dialog (RFC 3891, 3911, 4538).

    `to_tag` is the tag of whoever gets the header field, `from_tag` the other one.
    """

    call_id: str
    to_tag: str
    from_tag: str
    params: Params = ()


def parse_dialog_ref(text: str) -> DialogRef:
    """Parse ``callid;to-tag=…;from-tag=…``."""
    return _parse_dialog(text, "to-tag", "from-tag")


def _parse_dialog(text: str, to: str, from_: str) -> DialogRef:
    call_id, semicolon, rest = text.strip().partition(";")
    params = parse_params(semicolon + rest)
    to_tag, from_tag = param_of(params, to), param_of(params, from_)
    if not to_tag or not from_tag:
        raise BadMessage("Malformed dialog identifier")
    others = tuple((n, v) for n, v in params if n.lower() not in {to, from_})
    return DialogRef(parse_call_id(call_id), to_tag, from_tag, others)


def build_dialog_ref(value: DialogRef) -> str:
    """The inverse of `parse_dialog_ref`."""
    tags = f";to-tag={value.to_tag};from-tag={value.from_tag}"
    return f"{value.call_id}{tags}{build_params(value.params)}"


def parse_target_dialog(text: str) -> DialogRef:
    """Parse ``callid;local-tag=…;remote-tag=…``, local at the recipient (RFC 4538 7)."""
    return _parse_dialog(text, "local-tag", "remote-tag")


def build_target_dialog(value: DialogRef) -> str:
    """The inverse of `parse_target_dialog`."""
    tags = f";local-tag={value.to_tag};remote-tag={value.from_tag}"
    return f"{value.call_id}{tags}{build_params(value.params)}"


def parse_text(text: str) -> str:
    """Text that people read, fit to be shown and stored."""
    return grammar.clean(text.strip(" \t"))


def build_text(value: str) -> str:
    """Text as a value; `LocalError` if it would break the line."""
    if "\r" in value or "\n" in value:
        raise LocalError("a header value must stay on its line")
    return value


def build_name(name: str) -> str:
    """A field's name; `LocalError` if it is none."""
    if not grammar.token.fullmatch(name):
        raise LocalError("a header name must be a token")
    return name


VIA = Header("Via", parse_via, build_via, many=True)
FROM = Header("From", parse_name_addr, build_name_addr)
TO = Header("To", parse_name_addr, build_name_addr)
CONTACT = Header("Contact", parse_name_addr, build_name_addr, many=True)
ROUTE = Header("Route", parse_name_addr, build_name_addr, many=True)
RECORD_ROUTE = Header("Record-Route", parse_name_addr, build_name_addr, many=True)
PATH = Header("Path", parse_name_addr, build_name_addr, many=True)
REFER_TO = Header("Refer-To", parse_name_addr, build_name_addr)
REFERRED_BY = Header("Referred-By", parse_name_addr, build_name_addr)
CALL_ID = Header("Call-ID", parse_call_id, build_text)
RSEQ = Header("RSeq", parse_number, str)
RACK = Header("RAck", parse_rack, build_rack)
CSEQ = Header("CSeq", parse_cseq, build_cseq)
MAX_FORWARDS = Header("Max-Forwards", parse_hops, str)
MAX_BREADTH = Header("Max-Breadth", parse_hops, str)
CONTENT_LENGTH = Header("Content-Length", parse_number, str)
CONTENT_TYPE = Header("Content-Type", parse_tokened, build_tokened)
CONTENT_DISPOSITION = Header("Content-Disposition", parse_tokened, build_tokened)
EXPIRES = Header("Expires", parse_delta, str)
MIN_EXPIRES = Header("Min-Expires", parse_delta, str)
RETRY_AFTER = Header("Retry-After", parse_delta, str)
SESSION_EXPIRES = Header("Session-Expires", parse_interval, build_tokened)
MIN_SE = Header("Min-SE", parse_delta, str)
EVENT = Header("Event", parse_tokened, build_tokened)
SUBSCRIPTION_STATE = Header("Subscription-State", parse_tokened, build_tokened)
ALLOW = Header("Allow", parse_token_value, build_text, many=True)
ALLOW_EVENTS = Header("Allow-Events", parse_token_value, build_text, many=True)
SUPPORTED = Header("Supported", parse_token_value, build_text, many=True)
REQUIRE = Header("Require", parse_token_value, build_text, many=True)
PROXY_REQUIRE = Header("Proxy-Require", parse_token_value, build_text, many=True)
UNSUPPORTED = Header("Unsupported", parse_token_value, build_text, many=True)
ACCEPT_CONTACT = Header("Accept-Contact", parse_tokened, build_tokened, many=True)
REJECT_CONTACT = Header("Reject-Contact", parse_tokened, build_tokened, many=True)
ACCEPT = Header("Accept", parse_tokened, build_tokened, many=True)
CONTENT_ENCODING = Header("Content-Encoding", parse_token_value, build_text, many=True)
WWW_AUTHENTICATE = Header("WWW-Authenticate", parse_auth, build_auth, repeats=True)
AUTHORIZATION = Header("Authorization", parse_auth, build_auth, repeats=True)
PROXY_AUTHENTICATE = Header("Proxy-Authenticate", parse_auth, build_auth, repeats=True)
PROXY_AUTHORIZATION = Header("Proxy-Authorization", parse_auth, build_auth, repeats=True)
REPLACES = Header("Replaces", parse_dialog_ref, build_dialog_ref)
JOIN = Header("Join", parse_dialog_ref, build_dialog_ref)
TARGET_DIALOG = Header("Target-Dialog", parse_target_dialog, build_target_dialog)
REASON = Header("Reason", parse_tokened, build_tokened, many=True)
PRIVACY = Header("Privacy", parse_tokened, build_tokened)
CALL_INFO = Header("Call-Info", parse_text, build_text, many=True)
USER_AGENT = Header("User-Agent", parse_text, build_text)
SUBJECT = Header("Subject", parse_text, build_text)
P_ASSERTED_IDENTITY = Header("P-Asserted-Identity", parse_name_addr, build_name_addr, many=True)
REFER_SUB = Header("Refer-Sub", parse_tokened, build_tokened)

#: Every row, by key.
TABLE: dict[str, Header[Any]] = {
    row.key: row for row in tuple(globals().values()) if isinstance(row, Header)
}

#: Compact forms (RFC 3261 7.3.3 and the RFCs of each header).
COMPACT: dict[str, str] = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}


def sip_uri_of(value: NameAddr, name: str = "") -> SipUri:
    """The SIP URI of an address; `BadMessage`, naming the field, if it is of another scheme."""
    if not isinstance(value.uri, SipUri):
        raise BadMessage(f"{name} header: Not a SIP URI" if name else "Not a SIP URI")
    return value.uri
