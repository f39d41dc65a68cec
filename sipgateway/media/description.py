"""Offers and answers (RFC 3264) of one leg: what was agreed, and what to write.

A `Negotiation` is the memory of a leg's descriptions: our origin, our ICE
credentials, the blocks we wrote last. It reads what the phone sent, decides,
and gives the text for the phone and the terms for the mixer.

Of the phone's streams one is taken (`streams`), every other one is refused
with port 0. We are ICE-lite, so our descriptions hold one full set of
candidates and nothing is trickled.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TypeGuard

from sipgateway.media import ice, srtp, streams
from sipgateway.media.agreed import Agreed
from sipgateway.media.control import Sdes, Terms
from sipgateway.media.engine import Direction, LegKind, MediaError, Session
from sipgateway.media.streams import EVENT, EVENTS, G722, LEVEL_URI, OPUS, PCMA, PCMU, Stream
from sipgateway.sip import sdp
from sipgateway.sip.sdp import Attribute, Media, RtpMap

FORMATS = {"opus": "minptime=10;useinbandfec=1", EVENT: "0-15"}

WEBRTC_CODECS = (OPUS, *EVENTS)
PLAIN_CODECS = (OPUS, G722, PCMU, PCMA, *EVENTS)
"""What is offered, most wanted first."""

STREAM = "parley"
"""What our stream is called (RFC 8830): the same when another mixer takes a leg
over, or the phone would go on listening to a stream that has ended."""

PRIORITY = 2130706431
"""Of a host candidate, the only one of its kind (RFC 8445 5.1.2.1)."""

ANSWERS = {
    Direction.SENDRECV: Direction.SENDRECV,
    Direction.SENDONLY: Direction.RECVONLY,
    Direction.RECVONLY: Direction.SENDONLY,
    Direction.INACTIVE: Direction.INACTIVE,
}
"""Their direction to ours (RFC 3264 6.1)."""


_Agreed = tuple[str, Terms]
"""What to write, and what the mixer is told."""


@dataclass(frozen=True, slots=True)
class Local:
    """Where a leg's media is taken: our addresses, port and DTLS fingerprint."""

    addresses: tuple[str, ...]
    port: int
    fingerprint: str

    @property
    def address_type(self) -> str:
        """IP4 or IP6, of the first address."""
        return "IP6" if ":" in self.addresses[0] else "IP4"

    def facing(self, address: str) -> Local | None:
        """The same with an address first that is of the family of another; None without one."""
        alike = [one for one in self.addresses if (":" in one) is (":" in address)]
        rest = [one for one in self.addresses if one not in alike]
        return replace(self, addresses=(*alike, *rest)) if alike else None


class Negotiation:
    """The descriptions of one leg."""

    def __init__(self, *, plain: tuple[RtpMap, ...] = PLAIN_CODECS, several: bool = True) -> None:
        """Begin; `plain` is what plain phones are offered, of which they may send `several`."""
        self.source = secrets.randbits(32)
        self._plain = plain
        self._several = several
        self.kind: LegKind | None = None
        self.sip_host = ""
        """Where the phone's SIP comes from, as far as that is known."""
        self._session = secrets.randbits(53)
        self._version = 0
        self._credentials = ice.new_credentials()
        self._remote_fragment = ""
        self._client = False
        self._association = ""
        """What the phone's end of the DTLS association is known by (RFC 8842 5)."""
        self._tls_id = secrets.token_hex(16)
        self._blocks: tuple[Media, ...] = ()
        self._index = 0
        self._keys: Sdes | None = None
        self._last: Terms | None = None

    def answer(self, stream: Stream, local: Local, session: Session) -> tuple[str, Terms]:
        """Answer an offer or a re-offer. Raises `MediaError`."""
        self._note_kind(stream.kind)
        if stream.kind is LegKind.WEBRTC:
            self._note_fragment(stream)
            protocol = self._webrtc_lines(stream, local)
        else:
            local = _facing(local, stream)
            protocol = self._plain_lines(stream, local)
        self._remote_fragment = stream.get("ice-ufrag") or ""
        taken = self._block(stream, local, protocol)
        self._index = stream.index
        self._blocks = tuple(
            taken if index == stream.index else _refused(media, local)
            for index, media in enumerate(stream.description.media)
        )
        grouped = self._grouped(stream)
        return self._write(local, session, grouped), self._terms(stream)

    def gives_up(self, description: sdp.Description) -> bool:
        """Whether a re-offer ends the stream that was taken (RFC 3264 8.2)."""
        return self._last is not None and streams.given_up(description, self._index)

    def hold(self, description: sdp.Description, local: Local, session: Session) -> _Agreed:
        """Answer a re-offer that `gives_up`: no stream, and the leg waits for another offer."""
        assert self._last is not None, "only what was agreed can be given up"
        terms: Terms = {**self._last, "hears": False, "speaks": False}
        kept = self._blocks
        self._blocks = tuple(_refused(media, local) for media in description.media)
        text = self._write(local, session, grouped=False)
        self._blocks = kept
        return text, terms

    @property
    def _by_dtls(self) -> bool:
        """Whether our description gives no keys, but says by whose certificate they come."""
        return self._blocks[self._index].has("fingerprint")

    @property
    def agreed(self) -> Agreed | None:
        """What another process needs to go on with the session; None before there is one."""
        if self.kind is None or not self._blocks:
            return None
        return Agreed(
            self.kind, self.source, self._session, self._version, self._index, self._blocks
        )

    def go_on(self, agreed: Agreed) -> None:
        """Go on with a session of another process, by keys of its own."""
        self.kind, self.source = agreed.kind, agreed.source
        self._session, self._version = agreed.session, agreed.version
        self._index, self._blocks = agreed.index, agreed.media
        suites = {one.sdes for one in srtp.SDES_PROFILES}
        for crypto in agreed.media[agreed.index].cryptos():
            if crypto.suite in suites:
                self._keys = {"suite": crypto.suite, "ours": "", "theirs": ""}
        self.move()

    def move(self) -> None:
        """Another mixer takes the leg: the session goes on, by a transport with other keys."""
        self._credentials = ice.new_credentials()
        self._tls_id = secrets.token_hex(16)
        self._remote_fragment = self._association = ""
        if self._keys is not None:
            profiles = {one.sdes: one for one in srtp.SDES_PROFILES}
            self._keys = {**self._keys, "ours": srtp.new_key(profiles[self._keys["suite"]])}

    def offer(self, kind: LegKind, local: Local, session: Session) -> str:
        """Offer for the first time, or again what was agreed. Raises `MediaError`."""
        self._note_kind(kind)
        if kind is LegKind.RTP:
            local = local.facing(self.sip_host) or local
        if self._blocks:
            self._blocks = tuple(self._again(media, local) for media in self._blocks)
        else:
            self._blocks = (self._first(kind, local),)
        grouped = kind is LegKind.WEBRTC and self._blocks[self._index].has("mid")
        return self._write(local, session, grouped)

    def accept(self, text: str) -> tuple[Stream, Terms]:
        """Take the answer to our offer. Raises `MediaError`."""
        description = streams.read(text)
        if len(description.media) != len(self._blocks):
            raise MediaError(488, "The answer has other streams than the offer")
        stream = streams.choose(description)
        if stream.index != self._index or stream.kind is not self.kind:
            raise MediaError(488, "The answer takes another stream than was offered")
        offered, said = self._blocks[self._index].protocol, stream.media.protocol
        alike = (offered in streams.SECURE_PROTOCOLS) is (said in streams.SECURE_PROTOCOLS)
        plain = stream.kind is LegKind.RTP
        if not alike or (plain and stream.by_dtls is not self._by_dtls):
            raise MediaError(488, f"The answer says {said} to an offer of {offered}")
        if stream.kind is LegKind.WEBRTC or stream.by_dtls:
            self._note_association(stream)
        self._remote_fragment = stream.get("ice-ufrag") or ""
        if stream.kind is LegKind.RTP:
            self._take_keys(stream)
        self._blocks = tuple(
            self._agreed(stream) if index == self._index else media
            for index, media in enumerate(self._blocks)
        )
        # Whatever the answer lists may be sent, now this and now that (RFC 3264 6.1, 7).
        return stream, self._terms(stream, stream.codecs if self._several else ())

    # What was agreed

    def _note_kind(self, kind: LegKind) -> None:
        if self.kind is not None and self.kind is not kind:
            raise MediaError(488, "The transport of a stream cannot change")
        self.kind = kind

    def _note_fragment(self, stream: Stream) -> None:
        """A new remote fragment in a re-offer is an ICE restart (RFC 8839 4.4.1.1.1)."""
        if self._remote_fragment not in ("", stream.get("ice-ufrag")):
            self._credentials = ice.new_credentials()

    def _note_association(self, stream: Stream) -> None:
        """Another certificate or tls-id is another association, with roles of its own.

        A restart of ICE alone is not (RFC 8842 5).
        """
        known = f"{stream.fingerprint} {stream.get('tls-id') or ''}"
        if known != self._association:
            if self._association:
                self._tls_id = secrets.token_hex(16)
            self._association = known
            self._client = stream.get("setup") == "passive"

    def _terms(self, stream: Stream, codecs: tuple[RtpMap, ...] = ()) -> Terms:
        """What the mixer is told; the phone may send `codecs`, too."""
        terms = self._agreed_terms(stream)
        also = {str(one.payload_type): one.encoding.lower() for one in codecs}
        self._last = terms = {**terms, "codecs": {**also, **terms["codecs"]}}
        return terms

    def _agreed_terms(self, stream: Stream) -> Terms:
        webrtc = stream.kind is LegKind.WEBRTC
        dtls = webrtc or stream.by_dtls
        direction = stream.direction
        port = stream.media.port
        return {
            "kind": str(stream.kind),
            "source": self.source,
            "payload_type": stream.codec.payload_type,
            "codecs": {str(stream.codec.payload_type): stream.codec.encoding.lower()},
            "events": [one.payload_type for one in stream.events],
            "level_id": None if stream.level is None else stream.level.identifier,
            "levels_id": stream.levels.identifier if _wanted(stream.levels) else None,
            "tells_level": _wanted(stream.level),
            "noise": None if stream.noise is None else stream.noise.payload_type,
            "nack": stream.nack,
            "limits": streams.limits(stream),
            "hears": direction in (Direction.SENDRECV, Direction.RECVONLY),
            "speaks": direction in (Direction.SENDRECV, Direction.SENDONLY),
            "ufrag": self._credentials.ufrag if webrtc else "",
            "password": self._credentials.password if webrtc else "",
            "fingerprint": stream.fingerprint if dtls else "",
            "association": self._association if dtls else "",
            "client": self._client,
            "host": "" if webrtc else stream.description.address(stream.media),
            "port": port,
            "rtcp_port": streams.rtcp_port(stream),
            "sip_host": "" if webrtc else self.sip_host,
            "mux": stream.media.has("rtcp-mux"),
            "sdes": None if webrtc else self._keys,
        }

    # What is written

    def _write(self, local: Local, session: Session, grouped: bool) -> str:
        self._version += 1
        attributes = []
        if self.kind is LegKind.WEBRTC:
            attributes.append(Attribute("ice-lite"))
            if grouped:
                mid = self._blocks[self._index].get("mid")
                attributes.append(Attribute("group", f"BUNDLE {mid}"))
            attributes.append(Attribute("msid-semantic", f" WMS {STREAM}"))
        return write(
            sdp.Description(
                origin=sdp.Origin(
                    "-", self._session, self._version, local.addresses[0], local.address_type
                ),
                connection=sdp.Connection(local.addresses[0], local.address_type),
                attributes=tuple(attributes),
                media=self._blocks,
            ),
            session,
        )

    def _again(self, media: Media, local: Local) -> Media:
        """A block for a session refresh: the role is open again, both may send."""
        if not media.port:
            return media
        attributes: list[Attribute] = []
        for one in media.attributes:
            if one.name != "candidate":
                attributes.append(self._renewed(one, local))
            elif not any(known.name == "candidate" for known in attributes):
                attributes += _candidates(local)
        return replace(media, port=local.port, attributes=tuple(attributes))

    def _renewed(self, one: Attribute, local: Local) -> Attribute:
        """A line of a block as it is now."""
        if one.name in sdp.DIRECTIONS:
            return Attribute("sendrecv")
        crypto = sdp.parse_crypto(one.value or "") if one.name == "crypto" else None
        if crypto is not None and self._keys is not None:
            ours = replace(crypto, key=self._keys["ours"])
            return Attribute("crypto", sdp.build_crypto(ours))
        now = {
            "setup": "actpass",
            "ice-ufrag": self._credentials.ufrag,
            "ice-pwd": self._credentials.password,
            "fingerprint": local.fingerprint,
            "tls-id": self._tls_id,
        }
        return Attribute(one.name, now[one.name]) if one.name in now else one

    def _grouped(self, stream: Stream) -> bool:
        mid = stream.media.get("mid")
        groups = (value.split() for value in stream.description.all("group"))
        return any(group[:1] == ["BUNDLE"] and mid in group[1:] for group in groups)

    def _first(self, kind: LegKind, local: Local) -> Media:
        """The block of a first offer."""
        webrtc = kind is LegKind.WEBRTC
        codecs = WEBRTC_CODECS if webrtc else self._plain
        attributes = [Attribute("mid", "0")] if webrtc else []
        attributes += _codec_lines(codecs)
        if webrtc:
            attributes.append(Attribute("extmap", f"1 {LEVEL_URI}"))
            attributes += self._webrtc_lines(None, local)
        attributes.append(Attribute("sendrecv"))
        return Media(
            kind="audio",
            port=local.port,
            protocol="UDP/TLS/RTP/SAVPF" if webrtc else "RTP/AVP",
            formats=tuple(str(one.payload_type) for one in codecs),
            attributes=tuple(attributes),
        )

    def _block(self, stream: Stream, local: Local, protocol: list[Attribute]) -> Media:
        """The block of an answer."""
        codecs = _taken(stream)
        mid = stream.media.get("mid")
        attributes = [] if mid is None else [Attribute("mid", mid)]
        attributes += _codec_lines(codecs)
        for extension in (stream.level, stream.levels):
            if extension is not None:
                mirrored = replace(extension, direction=_mirrored(extension.direction))
                attributes.append(Attribute("extmap", sdp.build_extmap(mirrored)))
        if stream.nack:
            attributes.append(Attribute("rtcp-fb", f"{stream.codec.payload_type} nack"))
        attributes += protocol
        attributes.append(Attribute(str(ANSWERS[stream.direction])))
        return Media(
            kind="audio",
            port=local.port,
            protocol=stream.media.protocol,
            formats=tuple(str(one.payload_type) for one in codecs),
            attributes=tuple(attributes),
        )

    def _agreed(self, stream: Stream) -> Media:
        """Our block once the phone has chosen: what a session refresh repeats."""
        block = self._blocks[self._index]
        codecs = _taken(stream)
        kept = [one for one in block.attributes if one.name not in ("rtpmap", "fmtp", "ptime")]
        if stream.level is None:
            kept = [one for one in kept if one.name != "extmap"]
        return replace(
            block,
            formats=tuple(str(one.payload_type) for one in codecs),
            attributes=(*_codec_lines(codecs), *kept),
        )

    def _webrtc_lines(self, stream: Stream | None, local: Local) -> list[Attribute]:
        return [
            Attribute("ice-ufrag", self._credentials.ufrag),
            Attribute("ice-pwd", self._credentials.password),
            *self._dtls_lines(stream, local),
            Attribute("rtcp-mux"),
            *_candidates(local),
            Attribute("end-of-candidates"),
            Attribute("msid", f"{STREAM} mix"),
        ]

    def _dtls_lines(self, stream: Stream | None, local: Local) -> list[Attribute]:
        """Who we are and who begins (RFC 5763 5), in an answer or a first offer."""
        setup = "actpass"
        if stream is not None:
            self._note_association(stream)
            setup = "active" if self._client else "passive"
        lines = [Attribute("fingerprint", local.fingerprint), Attribute("setup", setup)]
        if stream is not None and stream.get("tls-id") is not None:
            lines.append(Attribute("tls-id", self._tls_id))
        return lines

    # SDES (RFC 4568) and DTLS (RFC 5763) of desk phones

    def _plain_lines(self, stream: Stream, local: Local) -> list[Attribute]:
        lines = [Attribute("rtcp-mux")] if stream.media.has("rtcp-mux") else []
        if stream.by_dtls and not local.fingerprint:
            raise MediaError(488, "DTLS-SRTP audio needs ICE here")
        chosen = self._take_keys(stream)
        if stream.by_dtls:
            lines += self._dtls_lines(stream, local)
        if chosen is not None and self._keys is not None:
            ours = replace(chosen, key=self._keys["ours"], parameters="")
            lines.append(Attribute("crypto", sdp.build_crypto(ours)))
        return lines

    def _take_keys(self, stream: Stream) -> sdp.Crypto | None:
        """Take the phone's key; ours stays the same. Raises `MediaError`."""
        if stream.by_dtls or stream.media.protocol not in streams.SECURE_PROTOCOLS:
            self._keys = None
            return None
        profiles = {one.sdes: one for one in srtp.SDES_PROFILES}
        reason = "No SRTP key in common"
        for line in stream.media.cryptos():
            profile = profiles.get(line.suite)
            if profile is None or line.has_mki or line.parameters:
                continue
            try:
                srtp.read_key(line.key, profile)
            except srtp.SrtpError as error:
                reason = f"Cannot use {error}"
                continue
            known = self._keys is not None and self._keys["suite"] == line.suite
            ours = self._keys["ours"] if known and self._keys else srtp.new_key(profile)
            self._keys = {"suite": line.suite, "ours": ours, "theirs": line.key}
            return line
        raise MediaError(488, reason)


def write(description: sdp.Description, session: Session) -> str:
    """The text of a description with what the session says of itself."""
    return sdp.build(
        replace(
            description,
            name=_line(session.name) or "-",
            info=_line(session.info),
            uri=_line(session.uri),
            emails=tuple(filter(None, (_line(session.email),))),
            phones=tuple(filter(None, (_line(session.phone),))),
        )
    )


def capabilities(
    local: Local,
    session: Session,
    *,
    webrtc: tuple[RtpMap, ...] = WEBRTC_CODECS,
    plain: tuple[RtpMap, ...] = PLAIN_CODECS,
) -> str:
    """What can be done, for a 200 to OPTIONS: every stream with port 0 (RFC 3261 11.2)."""
    return write(
        sdp.Description(
            origin=sdp.Origin("-", 0, 0, local.addresses[0], local.address_type),
            connection=sdp.Connection(local.addresses[0], local.address_type),
            media=tuple(
                Media(
                    kind="audio",
                    port=0,
                    protocol=protocol,
                    formats=tuple(str(one.payload_type) for one in codecs),
                    attributes=tuple(_codec_lines(codecs)),
                )
                for protocol, codecs in (("UDP/TLS/RTP/SAVPF", webrtc), ("RTP/AVP", plain))
            ),
        ),
        session,
    )


def _line(value: str) -> str:
    """A value that fits into one line, whatever a person typed as a title."""
    return " ".join(value.split())


def _codec_lines(codecs: tuple[RtpMap, ...]) -> list[Attribute]:
    lines = []
    for one in codecs:
        lines.append(Attribute("rtpmap", sdp.build_rtpmap(one)))
        parameters = FORMATS.get(one.encoding.lower())
        if parameters is not None:
            lines.append(Attribute("fmtp", f"{one.payload_type} {parameters}"))
    lines.append(Attribute("ptime", "20"))
    return lines


def _wanted(extension: sdp.ExtMap | None) -> TypeGuard[sdp.ExtMap]:
    """Whether the phone takes a header extension, and does not only send it."""
    return extension is not None and extension.direction not in ("sendonly", "inactive")


def _facing(local: Local, stream: Stream) -> Local:
    """Our addresses as a desk phone can use them. Raises `MediaError` (488)."""
    address = stream.description.address(stream.media)
    facing = local if address in streams.NOWHERE else local.facing(address)
    if facing is None:
        raise MediaError(488, f"Nothing here has an IPv{6 if ':' in address else 4} address")
    return facing


def _mirrored(direction: str) -> str:
    """The direction of a header extension as the other side says it (RFC 8285 6)."""
    return str(ANSWERS[Direction(direction)]) if direction else ""


def _taken(stream: Stream) -> tuple[RtpMap, ...]:
    """What is agreed of what the phone has."""
    noise = () if stream.noise is None else (stream.noise,)
    return (stream.codec, *noise, *stream.events)


def _refused(media: Media, local: Local) -> Media:
    """A stream that is not taken (RFC 3264 6, RFC 9429 5.3.1)."""
    mid = media.get("mid")
    return Media(
        kind=media.kind,
        port=0,
        protocol=media.protocol,
        formats=media.formats,
        connection=sdp.Connection(local.addresses[0], local.address_type),
        attributes=(*(() if mid is None else (Attribute("mid", mid),)), Attribute("inactive")),
    )


def _candidates(local: Local) -> list[Attribute]:
    """Ours, best first (RFC 8839 5.1)."""
    return [
        Attribute(
            "candidate",
            f"{number} 1 udp {PRIORITY + 1 - number} {address} {local.port} typ host",
        )
        for number, address in enumerate(local.addresses, 1)
    ]
