"""SIP as text, for the tests that speak it by hand.

Written from RFC 3261 alone and sharing nothing with the product, so that one
misreading cannot sit on both sides of the wire.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

#: RFC 3261 7.3.3.
COMPACT = {
    "i": "call-id", "m": "contact", "e": "content-encoding", "l": "content-length",
    "c": "content-type", "f": "from", "s": "subject", "k": "supported", "t": "to",
    "v": "via", "o": "event", "r": "refer-to", "u": "allow-events", "b": "referred-by",
}  # fmt: skip

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Message:
    """A request or a response: the first line, header fields in order, the body."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str = ""

    @classmethod
    def parse(cls, text: str) -> Message:
        head, _, body = text.partition("\r\n\r\n")
        start, *lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
        headers = []
        for line in lines:
            name, _, value = line.partition(":")
            headers.append((name.strip(), value.strip()))
        return cls(start, tuple(headers), body)

    def text(self) -> str:
        length = len(self.body.encode())
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, f"Content-Length: {length}", "", self.body])

    def all(self, name: str) -> list[str]:
        """Every value of a header field that is not a list, in order."""
        wanted = name.lower()
        return [
            value for key, value in self.headers if COMPACT.get(key.lower(), key.lower()) == wanted
        ]

    def get(self, name: str) -> str:
        """The first value of a header field, or nothing."""
        return next(iter(self.all(name)), "")

    def tokens(self, name: str) -> set[str]:
        """The members of a comma-separated header field, over all its lines."""
        return {part.strip() for value in self.all(name) for part in value.split(",") if part}

    @property
    def status(self) -> int:
        """Status of a response; 0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def reason(self) -> str:
        return self.start.split(" ", 2)[2] if self.status else ""

    @property
    def method(self) -> str:
        """Method of the request that this is, or answers."""
        return self.get("cseq").split()[-1] if self.status else self.start.split()[0]

    @property
    def branch(self) -> str:
        found = re.search(r";branch=([^;,\s]+)", self.get("via"))
        return found.group(1) if found else ""

    def tag(self, name: str) -> str:
        """Tag of From or To."""
        found = re.search(r";\s*tag=([^;,\s]+)", self.get(name))
        return found.group(1) if found else ""

    def contact_uri(self) -> str:
        found = re.search(r"<([^>]+)>", self.get("contact"))
        return found.group(1) if found else self.get("contact").split(";")[0]

    def contact_parameters(self) -> set[str]:
        """Header parameters of Contact: what stands after the closing bracket."""
        _, _, after = self.get("contact").partition(">")
        return {part.strip() for part in after.split(";") if part.strip()}


@dataclass(frozen=True)
class Challenge:
    """One WWW-Authenticate field (RFC 3261 22.4, RFC 7616, RFC 8760)."""

    parameters: dict[str, str]

    @classmethod
    def parse(cls, value: str) -> Challenge:
        scheme, _, rest = value.partition(" ")
        assert scheme.lower() == "digest", value
        found = re.findall(r'(\w[\w-]*)\s*=\s*(?:"([^"]*)"|([^\s,"]+))', rest)
        return cls({name.lower(): quoted or bare for name, quoted, bare in found})

    @property
    def algorithm(self) -> str:
        return self.parameters.get("algorithm", "MD5")

    def answer(self, username: str, password: str, method: str, uri: str) -> str:
        """Value of the Authorization field, with qop=auth."""
        digest = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[self.algorithm]

        def hashed(text: str) -> str:
            return digest(text.encode()).hexdigest()

        realm, nonce = self.parameters["realm"], self.parameters["nonce"]
        cnonce = secrets.token_hex(8)
        secret = hashed(f"{username}:{realm}:{password}")
        asked = hashed(f"{method}:{uri}")
        response = hashed(f"{secret}:{nonce}:00000001:{cnonce}:auth:{asked}")
        said = (
            f'Digest username="{username}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm={self.algorithm}, qop=auth, '
            f'cnonce="{cnonce}", nc=00000001'
        )
        opaque = self.parameters.get("opaque")
        return said if opaque is None else f'{said}, opaque="{opaque}"'


#: What a browser offers, as far as signalling goes; nobody is at these candidates.
OFFER = "\r\n".join(
    [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 110",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host",
        "a=ice-ufrag:8hhY",
        "a=ice-pwd:asd88fgpdd777uzjYhagZgab",
        "a=fingerprint:sha-256 " + ":".join(["4A", "AD"] * 16),
        "a=setup:actpass",
        "a=mid:0",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:110 telephone-event/48000",
        "a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6",
        "",
    ]
)


@dataclass
class Counter:
    """CSeq numbers of one dialog or registration."""

    last: int = field(default_factory=lambda: secrets.randbelow(1000) + 1)

    def next(self) -> int:
        self.last += 1
        return self.last
