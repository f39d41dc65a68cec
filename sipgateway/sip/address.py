"""Addresses and paths as header fields write them, and the parameters behind them.

`parse_x` and `build_x` are each other's inverse, up to white space, escapes
that were not needed, and what a display name must not hold (`grammar.clean`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sipgateway.sip import grammar
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.uri import Params, Uri, parse_uri


def param_of(params: Params, name: str) -> str | None:
    """The unquoted value of a parameter, "" where it has none, None if absent."""
    for key, value in params:
        if key == name or key.lower() == name:
            return grammar.clean(grammar.unquote(value)) if value else ""
    return None


def parse_params(text: str) -> Params:
    """``;a=1;b`` into pairs; empty text gives none."""
    text = text.strip(" \t")
    if not text:
        return ()
    params: list[tuple[str, str | None]] = []
    at = 0
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
    text = text.strip(" \t")
    display = ""
    if text.startswith('"'):
        match = grammar.quoted.match(text)
        if match is None:
            raise BadMessage("Unbalanced quotes")
        display = grammar.clean(grammar.unquote(match[0]))
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


# display-name = *(token LWS) / quoted-string; what is not ASCII is seen in the wild
_SEPARATORS = re.compile(r'[<>@,;:"\[\]()\\\x00-\x08\x0a-\x1f\x7f]')


def _display_tokens(text: str) -> str:
    words = text.split()
    if _SEPARATORS.search(text):
        raise BadMessage("Display name needs quotes")
    return grammar.clean(" ".join(words))


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
        raise BadMessage("Malformed value")
    port = int(match[5]) if match[5] else None
    if port is not None and port > 65535:
        raise BadMessage("Port out of range")
    return Via(
        transport=match[3].upper(),
        host=match[4],
        port=port,
        params=parse_params(match[6] or ""),
        version=match[2],
    )


def build_via(value: Via) -> str:
    """The inverse of `parse_via`."""
    port = f":{value.port}" if value.port is not None else ""
    return f"SIP/{value.version}/{value.transport} {value.host}{port}{build_params(value.params)}"
