"""A phone without a microphone: ICE, DTLS and SRTP towards a mixer, by hand.

It says what it is told to, frame by frame, and keeps what it hears. A full
ICE agent as far as a lite one needs: it sends one check and nominates.
"""

from __future__ import annotations

import datetime
import secrets
import socket
import struct
from dataclasses import dataclass, field

from aioice import stun

from sipgateway.media import dtls, ice, rtp, srtp
from sipgateway.media.streams import LEVEL_URI
from sipgateway.sip import sdp

PAYLOAD_TYPE, EVENT_TYPE = 111, 110
LEVEL_ID = 1


@dataclass(slots=True)
class Heard:
    """A packet of the mix."""

    packet: rtp.Packet
    sources: tuple[int, ...]


@dataclass(slots=True)
class Peer:
    """One phone; the identity may be shared, as certificates cost time."""

    identity: dtls.Identity
    port: int = 0
    says_level: bool = True
    credentials: ice.Credentials = field(default_factory=ice.new_credentials)
    heard: list[Heard] = field(default_factory=list)
    sock: socket.socket = field(
        default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    )
    session: srtp.SrtpSession | None = None
    dtls: dtls.DtlsSession | None = None
    remote: tuple[str, int] = ("", 0)
    sender: rtp.Sender = field(default_factory=lambda: rtp.Sender(secrets.randbits(32), 1, 1))

    def offer(self) -> str:
        """What a browser would offer."""
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.port = self.sock.getsockname()[1]
        level = f"a=extmap:{LEVEL_ID} {LEVEL_URI}\r\n" if self.says_level else ""
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
            f"m=audio {self.port} UDP/TLS/RTP/SAVPF {PAYLOAD_TYPE} {EVENT_TYPE}\r\n"
            "c=IN IP4 127.0.0.1\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=setup:actpass\r\n"
            f"a=rtpmap:{PAYLOAD_TYPE} opus/48000/2\r\n"
            f"a=rtpmap:{EVENT_TYPE} telephone-event/48000\r\n{level}"
            f"a=ice-ufrag:{self.credentials.ufrag}\r\na=ice-pwd:{self.credentials.password}\r\n"
            f"a=fingerprint:{dtls.build_fingerprint(self.identity.fingerprint)}\r\n"
        )

    def connect(self, answer: str) -> None:
        """Take the answer and begin: a check with nomination."""
        (audio,) = sdp.parse(answer).media
        candidate = (audio.get("candidate") or "").split()
        self.remote = (candidate[4], int(candidate[5]))
        self.dtls = dtls.DtlsSession(
            self.identity,
            dtls.parse_fingerprint(audio.get("fingerprint") or ""),
            client=True,
        )
        self.check(audio.get("ice-ufrag") or "", audio.get("ice-pwd") or "")
        self.dtls.start()
        self._send_dtls()

    def check(self, fragment: str, password: str) -> None:
        """Send a connectivity check."""
        message = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.REQUEST,
            attributes={
                "USERNAME": f"{fragment}:{self.credentials.ufrag}",
                "PRIORITY": 1,
                "ICE-CONTROLLING": 1,
                "USE-CANDIDATE": None,
            },
        )
        message.add_message_integrity(password.encode())
        self.sock.sendto(bytes(message), self.remote)

    @property
    def connected(self) -> bool:
        """Whether media can be sent."""
        return self.session is not None

    def say(self, payload: bytes, level: int, *, kind: int = PAYLOAD_TYPE) -> None:
        """Send a frame."""
        assert self.session is not None, "connected first"
        extension = rtp.build_level(LEVEL_ID, level) if self.says_level else b""
        packet = self.sender.build(payload, 960, payload_type=kind, extension=extension)
        self.sock.sendto(self.session.protect(packet), self.remote)

    def receive(self) -> None:
        """Take all that has come."""
        while True:
            try:
                data = self.sock.recv(2048)
            except BlockingIOError:
                return
            self._take(data)

    def _take(self, data: bytes) -> None:
        if ice.is_stun(data):
            return
        if dtls.is_dtls(data):
            assert self.dtls is not None, "it began with the answer"
            self.dtls.receive(data)
            self._send_dtls()
            if self.session is None and self.dtls.keys is not None:
                self.session = srtp.SrtpSession(self.dtls.keys)
        elif self.session is not None and not rtp.is_rtcp(data):
            plain = self.session.unprotect(data)
            count = plain[0] & 0x0F
            sources = struct.unpack_from(f"!{count}I", plain, 12)
            self.heard.append(Heard(rtp.parse(plain, LEVEL_ID), sources))

    def _send_dtls(self) -> None:
        assert self.dtls is not None, "it began with the answer"
        for datagram in self.dtls.data_to_send():
            self.sock.sendto(datagram, self.remote)

    def close(self) -> None:
        """Hang up without a word."""
        self.sock.close()


def new_identity() -> dtls.Identity:
    """A certificate for phones."""
    return dtls.Identity(datetime.datetime.now(datetime.UTC))
