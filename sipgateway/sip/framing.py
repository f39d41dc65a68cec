r"""Messages out of a stream of octets (RFC 3261 7.5, 18.3), without I/O.

Feed `Framer.receive` whatever the connection brings; drain `next_event`,
which gives whole messages and keep-alives in the order in which they came.

>>> framer = Framer()
>>> framer.receive(b"\r\n\r\nOPTIONS sip:conf.test SIP/2.0\r\nl: 2\r\n\r\nhi")
>>> framer.next_event()
<KeepAlive.PING: 'ping'>
>>> framer.next_event()
b'OPTIONS sip:conf.test SIP/2.0\r\nl: 2\r\n\r\nhi'

What cannot be framed raises `Unframeable`, and the connection has to be
closed: nobody knows where the next message would begin. If there is a header
by which the message can be answered, it comes out first, as a message that
the user agent finds fault with.
"""

from __future__ import annotations

import enum
import re

from sipgateway.sip import message
from sipgateway.sip.errors import RemoteError

MAX_HEAD = 32_768
"""Octets of start line and header fields. The longest of RFC 4475 has 4 KB; a
request through ten proxies with certificates in Identity has under 16."""
MAX_LENGTH = message.MAX_MESSAGE
"""Octets of a whole message: what the user agent takes."""

CRLF = b"\r\n"
_END = b"\r\n\r\n"

# Content-Length = ( "Content-Length" / "l" ) HCOLON 1*DIGIT; its value may be folded (7.3.1)
_LENGTH = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*:((?:[^\r\n]|\r\n[ \t])*)(?=\r\n)", re.IGNORECASE
)
_DIGITS = re.compile(rb"[0-9]{1,10}")
#: Each start line holds a SIP-Version (25.1); what has none is another protocol.
_VERSION = b"SIP/"


class KeepAlive(enum.Enum):
    """What stands between messages (RFC 5626 3.5.1)."""

    PING = "ping"  # CRLF CRLF: wants `PONG`


PING = CRLF + CRLF
"""A keep-alive of ours (RFC 5626 3.5.1)."""
PONG = CRLF
"""The answer to `KeepAlive.PING` (RFC 5626 3.5.1)."""


class Unframeable(RemoteError):
    """The stream cannot be taken apart any more: close the connection."""


class Framer:
    """One direction of one connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        #: How far the end of the header has been looked for in vain.
        self._seen = 0
        #: Length of the message at the front, once its header is whole.
        self._length: int | None = None
        #: An empty line has come that may be the first half of a ping.
        self._half_ping = False
        self._broken: Unframeable | None = None

    def receive(self, octets: bytes) -> None:
        """Take octets as they come; a stream that is broken takes no more."""
        if self._broken is None:
            self._buffer += octets

    @property
    def partial(self) -> bool:
        """Whether a message has begun that is not whole yet."""
        return bool(self._buffer)

    def next_event(self) -> bytes | KeepAlive | None:
        """The next message or keep-alive, None if more octets are needed.

        `Unframeable` when the stream is broken, after the last message before that.
        """
        if self._broken is not None:
            raise self._broken
        if self._length is None:
            if self._skip_empty_lines():
                return KeepAlive.PING
            self._length = self._whole_length()
        if self._length is None or len(self._buffer) < self._length:
            return None
        whole = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        self._length, self._seen = None, 0
        return whole

    def _skip_empty_lines(self) -> bool:
        """Drop empty lines before a message (7.5); whether two made a ping."""
        while self._buffer.startswith(CRLF):
            del self._buffer[:2]
            self._half_ping = not self._half_ping
            if not self._half_ping:
                return True
        if self._buffer and self._buffer != CRLF[:1]:
            self._half_ping = False
        return False

    def _whole_length(self) -> int | None:
        """Octets of the message at the front, None while its header is not whole."""
        end = self._buffer.find(_END, max(0, self._seen - len(_END) + 1))
        self._seen = len(self._buffer)
        if end < 0 or end > MAX_HEAD:
            self._check_beginning()
            return None
        head = end + len(_END)
        self._check_start_line(self._buffer.find(CRLF))
        try:
            length = head + _content_length(bytes(self._buffer[:head]))
        except Unframeable as error:
            self._broken = error
            return head
        if length > MAX_LENGTH:
            self._broken = Unframeable(513, "Message too large")
            return head
        return length

    def _check_beginning(self) -> None:
        line = self._buffer.find(CRLF, 0, MAX_HEAD)
        if line >= 0:
            self._check_start_line(line)
        if len(self._buffer) > MAX_HEAD:
            raise self._break(Unframeable(513, "Header too large"))

    def _check_start_line(self, end: int) -> None:
        if _VERSION not in self._buffer[:end].upper():
            raise self._break(Unframeable(400, "Not SIP"))

    def _break(self, error: Unframeable) -> Unframeable:
        self._broken = error
        self._buffer.clear()
        return error


def _content_length(head: bytes) -> int:
    """Octets of body that the header announces.

    18.3 demands the field on a stream. Without it there is no body: some
    phones leave it out of what has none. `Unframeable` where it is no number
    or several differ.
    """
    values = {match[1].strip(b" \t\r\n") for match in _LENGTH.finditer(head)}
    if not values:
        return 0
    if any(not _DIGITS.fullmatch(value) for value in values):
        raise Unframeable(400, "Malformed Content-Length header")
    if len({int(value) for value in values}) > 1:
        raise Unframeable(400, "Conflicting Content-Length headers")
    return int(values.pop())
