"""Session descriptions (RFC 8866): text into frozen values and back.

A description is a list of ``<type>=<value>`` lines in a fixed order: the
session-level block (``v o s i u e p c b t … k a``), then one block for each
``m=`` line. `parse` and `build` are each other's inverse for every
description that keeps that order; what differs afterwards is only what the
RFC lets differ (line ends, ``z=`` beside its ``t=``).

Reading is strict about the shape of lines, because a half-understood
description becomes one-way audio, and lenient where devices are known to err:
a missing ``t=`` or ``s=`` line, an unknown line type (RFC 8866 5: "ignore"),
a bare LF as line end. Every refusal is an `SdpError` that says which line.

Nothing here knows what a codec is for; `sipgateway.media.description` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sipgateway.sip.sdp_lines import Attribute as Attribute
from sipgateway.sip.sdp_lines import Connection as Connection
from sipgateway.sip.sdp_lines import Crypto as Crypto
from sipgateway.sip.sdp_lines import ExtMap as ExtMap
from sipgateway.sip.sdp_lines import Origin as Origin
from sipgateway.sip.sdp_lines import RtpMap as RtpMap
from sipgateway.sip.sdp_lines import SdpError as SdpError
from sipgateway.sip.sdp_lines import build_attribute as build_attribute
from sipgateway.sip.sdp_lines import build_crypto as build_crypto
from sipgateway.sip.sdp_lines import build_extmap as build_extmap
from sipgateway.sip.sdp_lines import build_origin as build_origin
from sipgateway.sip.sdp_lines import build_rtpmap as build_rtpmap
from sipgateway.sip.sdp_lines import parse_attribute as parse_attribute
from sipgateway.sip.sdp_lines import parse_connection as parse_connection
from sipgateway.sip.sdp_lines import parse_crypto as parse_crypto
from sipgateway.sip.sdp_lines import parse_extmap as parse_extmap
from sipgateway.sip.sdp_lines import parse_origin as parse_origin
from sipgateway.sip.sdp_lines import parse_rtpmap as parse_rtpmap

MAX_TEXT = 65_536
"""Characters: the largest UDP datagram; real descriptions have 1 to 8 kB."""

MAX_MEDIA = 64
"""m= lines: a video conference of 20 with two streams each stays below it."""

# RFC 8866 9: type = one letter; value = byte-string without NUL, CR, LF
LINE = re.compile(r"([a-z])=([^\r\n\0]*)")
# RFC 8866 5.14: m=<media> <port>[/<count>] <proto> <fmt> ...
MEDIA = re.compile(r"(\S+) ([0-9]{1,5})(?:/([0-9]{1,5}))? (\S+)((?: +\S+)+) *")
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


@dataclass(frozen=True, slots=True)
class Media:
    """One ``m=`` block. `formats` are payload types (as text) for RTP profiles."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    ports: int = 1
    title: str = ""
    connection: Connection | None = None
    bandwidths: tuple[str, ...] = ()
    key: str = ""
    attributes: tuple[Attribute, ...] = ()

    def get(self, name: str) -> str | None:
        """The value of the first attribute so named ("" for a property), or None."""
        return next(self.all(name), None)

    def all(self, name: str) -> Iterator[str]:
        """Every value of the attributes so named, in order."""
        return _values(self.attributes, name)

    def has(self, name: str) -> bool:
        """Whether there is such an attribute at all."""
        return any(True for _ in self.all(name))

    def rtpmaps(self) -> dict[int, RtpMap]:
        """Payload type to codec, of the ``a=rtpmap`` lines alone. Raises `SdpError`."""
        maps = (parse_rtpmap(value) for value in self.all("rtpmap"))
        return {one.payload_type: one for one in maps}

    def fmtp(self, payload_type: int) -> str:
        """The format parameters of a payload type, or an empty string."""
        start = f"{payload_type} "
        found = (value for value in self.all("fmtp") if value.startswith(start))
        return next(found, start)[len(start) :].strip()

    def extmaps(self) -> tuple[ExtMap, ...]:
        """The header extensions. Raises `SdpError`."""
        return tuple(parse_extmap(value) for value in self.all("extmap"))

    def cryptos(self) -> tuple[Crypto, ...]:
        """The SDES lines that can be read; others do not count (RFC 4568 5.1.1)."""
        found = (parse_crypto(value) for value in self.all("crypto"))
        return tuple(one for one in found if one is not None)


@dataclass(frozen=True, slots=True)
class Description:
    """A whole session description."""

    origin: Origin
    name: str = "-"
    info: str = ""
    uri: str = ""
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    connection: Connection | None = None
    bandwidths: tuple[str, ...] = ()
    times: tuple[str, ...] = ("0 0",)
    attributes: tuple[Attribute, ...] = ()
    media: tuple[Media, ...] = ()

    def get(self, name: str) -> str | None:
        """The value of the first session-level attribute so named, or None."""
        return next(_values(self.attributes, name), None)

    def all(self, name: str) -> Iterator[str]:
        """Every value of the session-level attributes so named, in order."""
        return _values(self.attributes, name)

    def inherited(self, media: Media, name: str) -> str | None:
        """The media's attribute, else the session's (RFC 8866 5.13)."""
        own = media.get(name)
        return own if own is not None else self.get(name)

    def direction(self, media: Media) -> str:
        """The direction of a stream: its own, else the session's, else sendrecv (6.7)."""
        for attributes in (media.attributes, self.attributes):
            for attribute in attributes:
                if attribute.name in DIRECTIONS:
                    return attribute.name
        return "sendrecv"

    def address(self, media: Media) -> str:
        """Where the stream is to be sent (5.7). Raises `SdpError` where nothing says."""
        connection = media.connection or self.connection
        if connection is None:
            raise SdpError(f"m={media.kind}: no c= line")
        return connection.address


def _values(attributes: tuple[Attribute, ...], name: str) -> Iterator[str]:
    return (one.value or "" for one in attributes if one.name == name)


# Reading


@dataclass(slots=True)
class _Block:
    """The lines of one block, by type, while they are read."""

    lines: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, value: str) -> None:
        self.lines.setdefault(kind, []).append(value)

    def all(self, kind: str) -> tuple[str, ...]:
        return tuple(self.lines.get(kind, ()))

    def one(self, kind: str, default: str = "") -> str:
        values = self.lines.get(kind, [])
        if len(values) > 1:
            raise SdpError(f"{kind}=: more than one in a block")
        return values[0] if values else default

    def connection(self) -> Connection | None:
        # More than one c= in a block is only for layered multicast (5.7).
        value = next(iter(self.all("c")), None)
        return None if value is None else parse_connection(value)

    def attributes(self) -> tuple[Attribute, ...]:
        return tuple(parse_attribute(value) for value in self.all("a"))


def parse(text: str) -> Description:
    """Read a description. Raises `SdpError`, and only that."""
    session, media = _blocks(text)
    if session.one("v") != "0":
        raise SdpError("v=: only version 0 is known")
    return Description(
        origin=parse_origin(session.one("o")),
        name=session.one("s", "-"),
        info=session.one("i"),
        uri=session.one("u"),
        emails=session.all("e"),
        phones=session.all("p"),
        connection=session.connection(),
        bandwidths=session.all("b"),
        times=session.all("t") or ("0 0",),
        attributes=session.attributes(),
        media=tuple(_media(block) for block in media),
    )


def _blocks(text: str) -> tuple[_Block, list[_Block]]:
    if len(text) > MAX_TEXT:
        raise SdpError(f"longer than {MAX_TEXT} characters")
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if not lines[0].startswith("v="):
        raise SdpError("v=: a description begins with its version")
    blocks = [_Block()]
    for number, line in enumerate(lines, 1):
        match = LINE.fullmatch(line)
        if match is None:
            raise SdpError(f"line {number} is not <type>=<value>")
        kind, value = match.groups()
        if kind == "m":
            blocks.append(_Block())
        blocks[-1].add(kind, value)
    if len(blocks) > MAX_MEDIA + 1:
        raise SdpError(f"m=: more than {MAX_MEDIA}")
    return blocks[0], blocks[1:]


def _media(block: _Block) -> Media:
    match = MEDIA.fullmatch(block.one("m"))
    if match is None:
        raise SdpError("m=: not <media> <port> <proto> <fmt>")
    kind, port, ports, protocol, formats = match.groups()
    if int(port) > 65_535:
        raise SdpError("m=: port above 65535")
    return Media(
        kind=kind,
        port=int(port),
        protocol=protocol,
        formats=tuple(formats.split()),
        ports=int(ports or 1),
        title=block.one("i"),
        connection=block.connection(),
        bandwidths=block.all("b"),
        key=block.one("k"),
        attributes=block.attributes(),
    )


# Writing


def build(description: Description) -> str:
    """The text of a description, lines ended by CRLF. Raises `SdpError`."""
    text = "".join(f"{kind}={_checked(value)}\r\n" for kind, value in _session(description))
    if len(text) > MAX_TEXT:
        raise SdpError(f"longer than {MAX_TEXT} characters")
    return text


def _session(description: Description) -> Iterator[tuple[str, str]]:
    yield "v", "0"
    yield "o", build_origin(description.origin)
    yield "s", description.name or "-"
    yield from _said("i", description.info)
    yield from _said("u", description.uri)
    yield from (("e", email) for email in description.emails)
    yield from (("p", phone) for phone in description.phones)
    yield from _connection(description.connection)
    yield from (("b", bandwidth) for bandwidth in description.bandwidths)
    yield from (("t", time) for time in description.times)
    yield from (("a", build_attribute(one)) for one in description.attributes)
    for media in description.media:
        yield from _media_lines(media)


def _media_lines(media: Media) -> Iterator[tuple[str, str]]:
    port = f"{media.port}/{media.ports}" if media.ports != 1 else f"{media.port}"
    yield "m", " ".join((media.kind, port, media.protocol, *media.formats))
    yield from _said("i", media.title)
    yield from _connection(media.connection)
    yield from (("b", bandwidth) for bandwidth in media.bandwidths)
    yield from _said("k", media.key)
    yield from (("a", build_attribute(one)) for one in media.attributes)


def _said(kind: str, value: str) -> Iterator[tuple[str, str]]:
    if value:
        yield kind, value


def _connection(connection: Connection | None) -> Iterator[tuple[str, str]]:
    if connection is not None:
        yield "c", f"IN {connection.address_type} {connection.address}"


def _checked(value: str) -> str:
    if any(octet in value for octet in "\r\n\0"):
        raise SdpError("a value holds a line end")
    return value
