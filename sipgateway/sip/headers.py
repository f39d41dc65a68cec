"""Typed header fields: one table, each row with a parser and its inverse.

A row is a `Header`; ``message.one(headers.FROM)`` gives the typed value. Rows
with ``many`` take several values, by commas or by several fields. What Parley
neither reads nor writes has no row and passes through as text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sipgateway.sip import grammar
from sipgateway.sip.errors import BadMessage, LocalError
from sipgateway.sip.uri import SipUri, Uri, parse_uri

T = TypeVar("T")
Params = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Header(Generic[T]):
    """One row: the name as it is written, how to read it, how to write it."""

    name: str
    parse: Callable[[str], T]
    build: Callable[[T], str]
    many: bool = False

    @property
    def key(self) -> str:
        """The name as it is looked up."""
        return self.name.lower()


def param_of(params: Params, name: str) -> str | None:
    """The unquoted value of a parameter, "" where it has none, None if absent."""
    for key, value in params:
        if key.lower() == name:
            return grammar.unquote(value) if value else ""
    return None


def parse_params(text: str) -> Params:
    """``;a=1;b`` into pairs; empty text gives none."""
    params: list[tuple[str, str | None]] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = grammar.param.match(text, at)
        if match is None:
            raise BadMessage("Malformed parameter")
        params.append((match[1], match[2]))
        at = match.end()
    return tuple(params)


def build_params(params: Params) -> str:
    """The inverse of `parse_params`."""
    return "".join(f";{n}" if v is None else f";{n}={v}" for n, v in params)


@dataclass(frozen=True, slots=True)
class NameAddr:
    """``"Bob" <sip:bob@conf.test>;tag=1`` (From, To, Contact, Route, Refer-To …)."""

    uri: Uri
    display_name: str = ""
    params: Params = ()

    @property
    def tag(self) -> str:
        """The tag parameter, "" where there is none."""
        return param_of(self.params, "tag") or ""

    def param(self, name: str) -> str | None:
        """See `param_of`."""
        return param_of(self.params, name)

    def __str__(self) -> str:
        """As a header value, always with angles."""
        return build_name_addr(self)


def parse_name_addr(text: str) -> NameAddr:
    """Parse name-addr or addr-spec with parameters."""
    text = text.strip()
    display = ""
    if text.startswith('"'):
        match = grammar.quoted.match(text)
        if match is None:
            raise BadMessage("Unbalanced quotes")
        display = grammar.unquote(match[0])
        text = text[match.end() :].lstrip()
        if not text.startswith("<"):
            raise BadMessage("Malformed address")
    opening = text.find("<")
    if opening < 0:
        addr, semicolon, rest = text.partition(";")
        # 20: without angles everything after the semicolon belongs to the header.
        if "," in addr or "?" in addr:
            raise BadMessage("Address needs angle brackets")
        return NameAddr(parse_uri(addr.strip()), "", parse_params(semicolon + rest))
    closing = text.find(">", opening)
    if closing < 0:
        raise BadMessage("Unbalanced angle brackets")
    if opening:
        display = _display_tokens(text[:opening])
    uri = parse_uri(text[opening + 1 : closing].strip())
    return NameAddr(uri, display, parse_params(text[closing + 1 :]))


def _display_tokens(text: str) -> str:
    words = text.split()
    if any(set(word) & set('<>@,;:"[]()\\') for word in words):
        raise BadMessage("Display name needs quotes")
    return " ".join(words)


def build_name_addr(value: NameAddr) -> str:
    """The inverse of `parse_name_addr`, always with angles."""
    display = grammar.quote(value.display_name) + " " if value.display_name else ""
    return f"{display}<{value.uri}>{build_params(value.params)}"


@dataclass(frozen=True, slots=True)
class Via:
    """One Via (RFC 3261 20.42, RFC 3581)."""

    transport: str
    host: str
    port: int | None = None
    params: Params = ()
    version: str = "2.0"

    @property
    def branch(self) -> str:
        """The branch, "" where there is none."""
        return param_of(self.params, "branch") or ""

    @property
    def sent_by(self) -> str:
        """Lower-case host and port, the port only where given."""
        return self.host.lower() + (f":{self.port}" if self.port is not None else "")


def parse_via(text: str) -> Via:
    """Parse one via-parm."""
    match = grammar.via.fullmatch(text)
    if match is None:
        raise BadMessage("Malformed Via")
    return Via(
        transport=match[3].upper(),
        host=match[4],
        port=int(match[5]) if match[5] else None,
        params=parse_params(match[6] or ""),
        version=match[2],
    )


def build_via(value: Via) -> str:
    """The inverse of `parse_via`."""
    port = f":{value.port}" if value.port is not None else ""
    return f"SIP/2.0/{value.transport} {value.host}{port}{build_params(value.params)}"


@dataclass(frozen=True, slots=True)
class CSeq:
    """Sequence number and method."""

    number: int
    method: str


def parse_cseq(text: str) -> CSeq:
    """Parse a CSeq; the number must be under 2**31 (8.1.1.5)."""
    match = grammar.cseq.fullmatch(text.strip())
    if match is None or int(match[1]) >= 2**31:
        raise BadMessage("Malformed CSeq")
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
    """Parse ``token *(;param)``; the token is given in lower case."""
    value, semicolon, rest = text.strip().partition(";")
    value = value.strip().lower()
    if not value or " " in value:
        raise BadMessage("Malformed value")
    return Tokened(value, parse_params(semicolon + rest))


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
    """Parse ``Digest a="1", b=2``."""
    scheme, _, rest = text.strip().partition(" ")
    params: list[tuple[str, str]] = []
    for part in grammar.split_commas(rest):
        match = grammar.auth_param.fullmatch(part)
        if match is None:
            raise BadMessage("Malformed credentials")
        params.append((match[1].lower(), grammar.unquote(match[2])))
    return Auth(scheme.lower(), tuple(params))


def build_auth(value: Auth) -> str:
    """The inverse of `parse_auth`."""
    bare = _BARE | {"qop"} if value.get("response") else _BARE
    params = (
        f"{name}={text if name in bare else grammar.quote(text)}" for name, text in value.params
    )
    return f"{value.scheme.capitalize()} {', '.join(params)}"


def parse_number(text: str) -> int:
    """A decimal number under 2**32."""
    text = text.strip()
    if not grammar.digits.fullmatch(text) or len(text) > 10 or int(text) >= 2**32:
        raise BadMessage("Malformed number")
    return int(text)


def parse_delta(text: str) -> int:
    """Seconds, with a comment or parameters behind them (Retry-After, Expires)."""
    return parse_number(text.split("(")[0].split(";")[0])


def parse_token_value(text: str) -> str:
    """One token."""
    text = text.strip()
    if not grammar.token.fullmatch(text):
        raise BadMessage("Malformed token")
    return text


def parse_call_id(text: str) -> str:
    """A Call-ID."""
    text = text.strip()
    if not grammar.call_id.fullmatch(text):
        raise BadMessage("Malformed Call-ID")
    return text


@dataclass(frozen=True, slots=True)
class Contacts:
    """The Contact field of a REGISTER may be ``*`` (RFC 3261 10.2.2)."""

    everything: bool
    addresses: tuple[NameAddr, ...]


@dataclass(frozen=True, slots=True)
class DialogRef:
    """Replaces, Join and Target-Dialog name a dialog (RFC 3891, 3911, 4538)."""

    call_id: str
    to_tag: str
    from_tag: str
    params: Params = ()


def parse_dialog_ref(text: str) -> DialogRef:
    """Parse ``callid;to-tag=…;from-tag=…``."""
    call_id, semicolon, rest = text.strip().partition(";")
    params = parse_params(semicolon + rest)
    to_tag = param_of(params, "to-tag") or param_of(params, "remote-tag")
    from_tag = param_of(params, "from-tag") or param_of(params, "local-tag")
    if not to_tag or not from_tag:
        raise BadMessage("Malformed dialog identifier")
    others = tuple(
        (n, v)
        for n, v in params
        if n.lower() not in {"to-tag", "from-tag", "remote-tag", "local-tag"}
    )
    return DialogRef(parse_call_id(call_id), to_tag, from_tag, others)


def build_dialog_ref(value: DialogRef) -> str:
    """The inverse of `parse_dialog_ref`."""
    tags = f";to-tag={value.to_tag};from-tag={value.from_tag}"
    return f"{value.call_id}{tags}{build_params(value.params)}"


def build_text(value: str) -> str:
    """Text as a value; `LocalError` if it would break the line."""
    if "\r" in value or "\n" in value or "\x00" in value:
        raise LocalError("a header value must stay on its line")
    return value


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
CSEQ = Header("CSeq", parse_cseq, build_cseq)
MAX_FORWARDS = Header("Max-Forwards", parse_number, str)
CONTENT_LENGTH = Header("Content-Length", parse_number, str)
CONTENT_TYPE = Header("Content-Type", parse_tokened, build_tokened)
EXPIRES = Header("Expires", parse_delta, str)
MIN_EXPIRES = Header("Min-Expires", parse_delta, str)
RETRY_AFTER = Header("Retry-After", parse_delta, str)
SESSION_EXPIRES = Header("Session-Expires", parse_tokened, build_tokened)
MIN_SE = Header("Min-SE", parse_delta, str)
EVENT = Header("Event", parse_tokened, build_tokened)
SUBSCRIPTION_STATE = Header("Subscription-State", parse_tokened, build_tokened)
ALLOW = Header("Allow", parse_token_value, build_text, many=True)
ALLOW_EVENTS = Header("Allow-Events", parse_token_value, build_text, many=True)
SUPPORTED = Header("Supported", parse_token_value, build_text, many=True)
REQUIRE = Header("Require", parse_token_value, build_text, many=True)
PROXY_REQUIRE = Header("Proxy-Require", parse_token_value, build_text, many=True)
UNSUPPORTED = Header("Unsupported", parse_token_value, build_text, many=True)
ACCEPT = Header("Accept", parse_tokened, build_tokened, many=True)
CONTENT_ENCODING = Header("Content-Encoding", parse_token_value, build_text, many=True)
WWW_AUTHENTICATE = Header("WWW-Authenticate", parse_auth, build_auth)
AUTHORIZATION = Header("Authorization", parse_auth, build_auth)
PROXY_AUTHORIZATION = Header("Proxy-Authorization", parse_auth, build_auth)
REPLACES = Header("Replaces", parse_dialog_ref, build_dialog_ref)
JOIN = Header("Join", parse_dialog_ref, build_dialog_ref)
TARGET_DIALOG = Header("Target-Dialog", parse_dialog_ref, build_dialog_ref)
REASON = Header("Reason", parse_tokened, build_tokened, many=True)
PRIVACY = Header("Privacy", parse_tokened, build_tokened)
CALL_INFO = Header("Call-Info", str.strip, build_text, many=True)
REFER_SUB = Header("Refer-Sub", parse_tokened, build_tokened)

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


def sip_uri_of(value: NameAddr) -> SipUri:
    """The SIP URI of an address; `BadMessage` if it is of another scheme."""
    if not isinstance(value.uri, SipUri):
        raise BadMessage("Not a SIP URI")
    return value.uri
