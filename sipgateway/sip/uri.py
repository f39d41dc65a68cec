"""SIP, SIPS, TEL and other URIs (RFC 3261 19.1, RFC 3966)."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from sipgateway.sip import grammar
from sipgateway.sip.errors import BadMessage

Params = tuple[tuple[str, str | None], ...]

# SIP-URI = "sip:" [ userinfo ] hostport uri-parameters [ headers ]
# userinfo = ( user / telephone-subscriber ) [ ":" password ] "@"
_SIP = re.compile(
    r"(?P<scheme>sips?):"
    r"(?:(?P<user>(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/#\[\]]|%[0-9A-Fa-f]{2})+)"
    r"(?::(?P<password>(?:[A-Za-z0-9\-_.!~*'()&=+$,]|%[0-9A-Fa-f]{2})*))?@)?"
    rf"(?P<host>{grammar.HOST})(?::(?P<port>{grammar.PORT}))?"
    r"(?P<params>(?:;[!#-:=@-~]*)*)"
    r"(?:\?(?P<headers>[!#-;=?-~]*))?",
    re.IGNORECASE,
)
# absoluteURI = scheme ":" ( hier-part / opaque-part )
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+\-.]*):([!#-;=?-~]+)")
_KEPT = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,;?/]")


def unescape(text: str) -> str:
    """`text` with percent-escapes taken back, as UTF-8."""
    if "%" not in text:
        return text
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")


def escape_user(text: str) -> str:
    """`text` as the user part of a URI, what must be escaped escaped."""
    return _KEPT.sub(
        lambda match: "".join(f"%{octet:02X}" for octet in match[0].encode("utf-8", "replace")),
        text,
    )


@dataclass(frozen=True, slots=True)
class SipUri:
    """A ``sip:`` or ``sips:`` URI. `user` is as it was written, escapes and all."""

    scheme: str
    user: str | None
    host: str
    port: int | None = None
    params: Params = ()
    headers: tuple[tuple[str, str], ...] = ()
    password: str | None = None

    def __str__(self) -> str:
        """The URI as text."""
        user = ""
        if self.user is not None:
            password = f":{self.password}" if self.password is not None else ""
            user = f"{self.user}{password}@"
        port = f":{self.port}" if self.port is not None else ""
        params = "".join(f";{n}" if v is None else f";{n}={v}" for n, v in self.params)
        headers = "?" + "&".join(f"{n}={v}" for n, v in self.headers) if self.headers else ""
        return f"{self.scheme}:{user}{self.host}{port}{params}{headers}"

    def param(self, name: str) -> str | None:
        """The value of a parameter, "" for one without a value, None if absent."""
        for key, value in self.params:
            if key.lower() == name:
                return value or ""
        return None

    def header(self, name: str) -> str | None:
        """The unescaped value of a URI header such as ``Replaces``, or None.

        It holds no control characters: it is going to be a field of a message.
        """
        for key, value in self.headers:
            if key.lower() == name:
                return grammar.clean(unescape(value))
        return None

    @property
    def name(self) -> str:
        """The user part, unescaped; "" where there is none."""
        return unescape(self.user or "")

    @property
    def hostport(self) -> str:
        """Lower-case host with its port, as far as one is given."""
        return self.host.lower() + (f":{self.port}" if self.port is not None else "")

    @property
    def aor(self) -> str:
        """The address of record in the house's canonical form: lower case, no parameters."""
        user = escape_user(self.name.lower())
        return f"{self.scheme}:{user + '@' if user else ''}{self.hostport}"

    def bare(self) -> SipUri:
        """The same without parameters, headers and password."""
        return replace(self, params=(), headers=(), password=None)

    def matches(self, other: SipUri) -> bool:
        """Whether the two are the same by RFC 3261 19.1.4."""
        if self.scheme != other.scheme or self.port != other.port:
            return False
        if self.host.lower() != other.host.lower():
            return False
        if _plain(self.user) != _plain(other.user) or _plain(self.password) != _plain(
            other.password
        ):
            return False
        return _params_match(self.params, other.params) and _headers(self) == _headers(other)


#: Parameters that must be in both or in neither (19.1.4, RFC 5627 4.1 for gr).
_TELLING = frozenset({"user", "ttl", "method", "maddr", "transport", "gr"})
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_RESERVED = frozenset(";/?:@&=+$,%")


def _plain(text: str | None) -> str | None:
    """`text` with the escapes taken back that mean nothing.

    A reserved character is not the same as its escape, and what is not ASCII
    stays escaped, so that different octets stay different.
    """
    if text is None or "%" not in text:
        return text
    return _ESCAPE.sub(_unescaped, text)


def _unescaped(match: re.Match[str]) -> str:
    char = chr(int(match[1], 16))
    return match[0].upper() if char in _RESERVED or not "!" <= char <= "~" else char


def _params_match(mine: Params, theirs: Params) -> bool:
    left, right = _folded(mine), _folded(theirs)
    for name in left.keys() | right.keys():
        if name in left and name in right:
            if left[name] != right[name]:
                return False
        elif name in _TELLING:
            return False
    return True


def _folded(params: Params) -> dict[str, str]:
    """Names and values without regard to case and escapes."""
    return {(_plain(name) or "").lower(): (_plain(value) or "").lower() for name, value in params}


def _headers(uri: SipUri) -> dict[str, str | None]:
    return {(_plain(name) or "").lower(): _plain(value) for name, value in uri.headers}


@dataclass(frozen=True, slots=True)
class OtherUri:
    """Any other absolute URI: ``tel:``, ``http:``, ``im:`` and so on."""

    scheme: str
    rest: str

    def __str__(self) -> str:
        """The URI as text."""
        return f"{self.scheme}:{self.rest}"


Uri = SipUri | OtherUri


LONGEST = 2048
"""Characters of a URI; the longest of RFC 4475 has 400, and what is longer costs us time."""


@functools.lru_cache(maxsize=2048)
def parse_uri(text: str) -> Uri:
    """Parse an absolute URI; `BadMessage` if it is none.

    >>> parse_uri("sip:4711@conf.test").user
    '4711'
    """
    if len(text) > LONGEST:
        raise BadMessage("URI too long")
    if match := _SIP.fullmatch(text):
        return _sip_uri(match)
    other = _SCHEME.fullmatch(text)
    if other is None or other[1].lower() in {"sip", "sips"}:
        raise BadMessage("Malformed URI")
    return OtherUri(other[1].lower(), other[2])


def _sip_uri(match: re.Match[str]) -> SipUri:
    port = int(match["port"]) if match["port"] else None
    if port is not None and port > 65535:
        raise BadMessage("Port out of range")
    params: list[tuple[str, str | None]] = []
    for part in match["params"].split(";")[1:]:
        name, equals, value = part.partition("=")
        if not name:
            raise BadMessage("Empty URI parameter")
        params.append((name, value if equals else None))
    # 19.1.1 forbids it; baresip says its transport twice, so what is the same is forgiven.
    if len({name.lower() for name, _ in params}) < len(set(params)):
        raise BadMessage("URI parameter given twice")
    headers = []
    for part in match["headers"].split("&") if match["headers"] is not None else ():
        name, equals, value = part.partition("=")
        if not name or not equals:
            raise BadMessage("Malformed URI header")
        headers.append((name, value))
    return SipUri(
        scheme=match["scheme"].lower(),
        user=match["user"],
        host=match["host"],
        port=port,
        params=tuple(params),
        headers=tuple(headers),
        password=match["password"],
    )


def parse_sip_uri(text: str) -> SipUri:
    """Parse a ``sip:`` or ``sips:`` URI; `BadMessage` if it is not one."""
    uri = parse_uri(text)
    if not isinstance(uri, SipUri):
        raise BadMessage("Not a SIP URI")
    return uri
