"""The stream of a phone's description that is taken, and what it asks for.

One audio stream is taken. A WebRTC stream has ICE, and must have a DTLS fingerprint
and rtcp-mux (RFC 8834, RFC 8827); one by DTLS without ICE is a desk phone's (RFC 5763).
`.local` candidates need no looking at, nor any other, because a lite agent learns the
phone's address from its checks.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from sipgateway.media import dtls
from sipgateway.media.control import Bounds
from sipgateway.media.engine import Direction, LegKind, MediaError
from sipgateway.sip import sdp
from sipgateway.sip.sdp import Media, RtpMap

LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
"""RFC 6464: how loud a packet is."""

LEVELS_URI = "urn:ietf:params:rtp-hdrext:csrc-audio-level"
"""RFC 6465: how loud each of those is that are mixed in a packet."""

OPUS = RtpMap(111, "opus", 48_000, 2)
G722 = RtpMap(9, "G722", 8000)
PCMU = RtpMap(0, "PCMU", 8000)
PCMA = RtpMap(8, "PCMA", 8000)
NOISE = RtpMap(13, "CN", 8000)
"""Comfort noise (RFC 3389), beside the codecs of the same clock."""

EVENTS = (RtpMap(110, "telephone-event", 48_000), RtpMap(126, "telephone-event", 8000))
STATIC = {one.payload_type: one for one in (PCMU, PCMA, G722, NOISE)}
"""Payload types that need no rtpmap (RFC 3551 6)."""

KNOWN = {(one.encoding.lower(), one.clock) for one in (OPUS, G722, PCMU, PCMA)}
EVENT = "telephone-event"
DTLS_PROTOCOLS = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP"})
"""RFC 5764 8."""

SECURE_PROTOCOLS = frozenset({"RTP/SAVP", "RTP/SAVPF"})
"""SRTP (RFC 3711, RFC 5124), with keys by SDES, or by DTLS as browsers once wrote it."""

ICE = ("ice-ufrag", "ice-pwd", "candidate")
"""Any of them is of a phone that does ICE (RFC 8839)."""

PLAIN_PROTOCOLS = frozenset({"RTP/AVP", "RTP/AVPF"})
PACKET = 20
"""Milliseconds of sound in each packet that is sent."""

NOWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104


@dataclass(frozen=True, slots=True)
class Stream:
    """The stream of the phone's description that is taken."""

    description: sdp.Description
    index: int
    media: Media
    kind: LegKind
    codec: RtpMap
    codecs: tuple[RtpMap, ...]
    events: tuple[RtpMap, ...]
    level: sdp.ExtMap | None
    direction: Direction
    levels: sdp.ExtMap | None = None
    noise: RtpMap | None = None
    nack: bool = False
    """Whether lost packets may be asked for again (RFC 4585 4.2)."""

    def get(self, name: str) -> str | None:
        """An attribute of the stream, else of the stream it is bundled with, else of all."""
        return _get(self.description, self.media, name)

    @property
    def by_dtls(self) -> bool:
        """Whether a desk phone's keys come by DTLS (RFC 5763)."""
        return self.kind is LegKind.RTP and _is_dtls(self.description, self.media)

    @property
    def fingerprint(self) -> str:
        """The first fingerprint by a hash that is known here (RFC 8122 5), or nothing."""
        own = tuple(self.media.all("fingerprint"))
        if not own and self.media.has("bundle-only"):
            own = tuple(self.description.media[0].all("fingerprint"))
        for value in own or self.description.all("fingerprint"):
            try:
                return dtls.build_fingerprint(dtls.parse_fingerprint(value))
            except dtls.DtlsError:
                continue
        return ""


def _get(description: sdp.Description, media: Media, name: str) -> str | None:
    own = media.get(name)
    if own is None and media.has("bundle-only"):
        tagged = next(iter(description.media))
        own = tagged.get(name)
    return own if own is not None else description.get(name)


def read(text: str) -> sdp.Description:
    """Parse what a phone sent. Raises `MediaError` (400)."""
    try:
        return sdp.parse(text)
    except sdp.SdpError as error:
        raise MediaError(400, f"Bad session description: {error.reason}") from error


def given_up(description: sdp.Description, index: int) -> bool:
    """Whether a re-offer ends the audio stream that was taken (RFC 3264 8.2), and has no other."""
    audio = [one for one in description.media if one.kind == "audio"]
    ended = not any(one.port or one.has("bundle-only") for one in audio)
    return ended and index < len(description.media) and description.media[index] in audio


def choose(description: sdp.Description) -> Stream:
    """The stream to take. Raises `MediaError`: 488, or 400 where it cannot be read."""
    refusal = MediaError(488, "No audio stream")
    for index, media in enumerate(description.media):
        if media.kind != "audio" or not (media.port or media.has("bundle-only")):
            continue
        try:
            stream = _stream(description, index, media)
            if stream.kind is LegKind.WEBRTC:
                _check_webrtc(stream)
            else:
                _check_plain(stream)
        except MediaError as error:
            refusal = error
        except sdp.SdpError as error:
            raise MediaError(400, f"Bad session description: {error.reason}") from error
        else:
            return stream
    raise refusal


def _stream(description: sdp.Description, index: int, media: Media) -> Stream:
    maps = tuple(_rtpmaps(media))
    codecs = tuple(one for one in maps if (one.encoding.lower(), one.clock) in KNOWN)
    if not codecs:
        raise MediaError(488, "No codec in common")
    return Stream(
        description=description,
        index=index,
        media=media,
        kind=_kind(description, media),
        codec=codecs[0],
        codecs=codecs,
        events=tuple(one for one in maps if one.encoding.lower() == EVENT),
        level=next((one for one in media.extmaps() if one.uri == LEVEL_URI), None),
        direction=_direction(description, media),
        levels=next((one for one in media.extmaps() if one.uri == LEVELS_URI), None),
        noise=next((one for one in maps if _is_noise(one, codecs[0])), None),
        nack=_nacks(media, codecs[0]),
    )


def _is_noise(one: RtpMap, codec: RtpMap) -> bool:
    """Comfort noise is of the codec's clock, which is how its packets are timed (RFC 3389 4.1)."""
    return one.encoding.lower() == "cn" and one.clock == codec.clock


def _nacks(media: Media, codec: RtpMap) -> bool:
    wanted = {(str(codec.payload_type), "nack"), ("*", "nack")}
    return any(tuple(value.split(" ")) in wanted for value in media.all("rtcp-fb"))


def _rtpmaps(media: Media) -> Iterator[RtpMap]:
    """What the formats of the stream are, in the phone's order of preference."""
    said = media.rtpmaps()
    for text in media.formats:
        if not text.isdigit():
            raise sdp.SdpError(f"m={media.kind}: {text} is not a payload type")
        one = said.get(int(text)) or STATIC.get(int(text))
        if one is not None:
            yield one


def _direction(description: sdp.Description, media: Media) -> Direction:
    direction = Direction(description.direction(media))
    connection = media.connection or description.connection
    if connection is None or connection.address not in NOWHERE or media.has("ice-ufrag"):
        return direction
    # c=0.0.0.0 is how RFC 2543 said hold: nothing is to be sent there.
    sends = direction in (Direction.SENDRECV, Direction.SENDONLY)
    return Direction.SENDONLY if sends else Direction.INACTIVE


def _kind(description: sdp.Description, media: Media) -> LegKind:
    if media.protocol not in DTLS_PROTOCOLS | SECURE_PROTOCOLS | PLAIN_PROTOCOLS:
        raise MediaError(488, f"Transport {media.protocol} is not supported")
    by_ice = any(_get(description, media, name) is not None for name in ICE)
    plain = media.protocol in PLAIN_PROTOCOLS
    described = plain and description.inherited(media, "fingerprint") is not None
    by_dtls = described or _is_dtls(description, media)
    return LegKind.WEBRTC if by_ice and by_dtls else LegKind.RTP


def _is_dtls(description: sdp.Description, media: Media) -> bool:
    """Whether the keys of SRTP come by DTLS: the protocol says so, or nothing else is there."""
    if media.protocol in DTLS_PROTOCOLS:
        return True
    described = description.inherited(media, "fingerprint") is not None
    return described and media.protocol in SECURE_PROTOCOLS and not media.has("crypto")


def _check_webrtc(stream: Stream) -> None:
    for name, words in (
        ("ice-ufrag", "ICE"),
        ("ice-pwd", "ICE"),
        ("fingerprint", "a DTLS fingerprint"),
        ("rtcp-mux", "rtcp-mux"),
    ):
        if stream.get(name) is None:
            raise MediaError(488, f"DTLS-SRTP audio needs {words} here")
    _check_fingerprint(stream)


def _check_fingerprint(stream: Stream) -> None:
    if not stream.fingerprint:
        raise MediaError(488, "DTLS-SRTP audio needs a fingerprint by SHA-256 or better")


def _check_plain(stream: Stream) -> None:
    """The address has to be one, not a name: the mixer cannot wait for the DNS.

    Packets are of 20 ms, which `ptime` may ask to be otherwise and `maxptime` may forbid
    (RFC 8866 6.4, 6.5).
    """
    longest = stream.media.get("maxptime") or ""
    if longest.isdecimal() and 0 < int(longest) < PACKET:
        raise MediaError(488, f"Packets are of {PACKET} ms, not of {int(longest)}")
    text = stream.description.address(stream.media)
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise MediaError(488, f"{text} is not an IP address") from error
    if address.is_multicast:
        raise MediaError(488, f"{text} is a multicast address")
    if stream.by_dtls:
        _check_fingerprint(stream)


def limits(stream: Stream) -> Bounds:
    """What the phone asks of the Opus that it is sent (RFC 7587 6.1).

    Our Opus is mono, whatever `stereo` says. Where nothing is said of redundancy, sending
    it is allowed.
    """
    said: dict[str, int] = {}
    if stream.codec.encoding.lower() == "opus":
        for part in stream.media.fmtp(stream.codec.payload_type).split(";"):
            name, _, value = part.strip().partition("=")
            if value.isdecimal() and len(value) < 8:
                said[name.strip().lower()] = int(value)
    return {
        "bitrate": said.get("maxaveragebitrate", 0),
        "band": said.get("maxplaybackrate", 0) // 2,
        "cbr": said.get("cbr") == 1,
        "fec": said.get("useinbandfec") != 0,
    }


def rtcp_port(stream: Stream) -> int:
    """Where RTCP is to be sent: the same port, ``a=rtcp``, else the one above (RFC 3605)."""
    if stream.media.has("rtcp-mux"):
        return stream.media.port
    said = (stream.media.get("rtcp") or "").partition(" ")[0]
    return int(said) if said.isdigit() and int(said) < 65_536 else stream.media.port + 1
