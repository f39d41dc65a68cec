"""SIP messages of a conference, as they were kept."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass

from conferences.models import Conference

#: Compact forms (RFC 3261 7.3.3, RFC 6665 8.2, RFC 3515 2.1) of what is looked for.
_COMPACT = {"event": "o", "refer-to": "r"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One message: POSIX seconds, whether we sent it, with whom, by what, and its text."""

    at: float
    sent: bool
    call: str
    peer: str
    way: str
    text: str

    @property
    def first_line(self) -> str:
        """Its request or status line, without the version."""
        return self.text.partition("\n")[0].removeprefix("SIP/2.0 ").removesuffix(" SIP/2.0")

    @property
    def method(self) -> str:
        """What it is about: the method of CSeq."""
        return (self.field("cseq").split() or [""])[-1]

    def field(self, wanted: str) -> str:
        """The value of its first header field of that name, in lower case; "" without one."""
        for line in self.text.partition("\n\n")[0].split("\n"):
            name, colon, value = line.partition(":")
            if colon and name.strip().lower() in (wanted, _COMPACT.get(wanted, wanted)):
                return value.strip()
        return ""

    @property
    def status(self) -> int:
        """Of a response; 0 of a request."""
        start, _, rest = self.text.partition(" ")
        return int(rest[:3]) if start == "SIP/2.0" and rest[:3].isdigit() else 0


def messages(conference: Conference) -> tuple[list[Seen], int]:
    """All that is kept, oldest first, and how many more there were. One query."""
    seen: list[Seen] = []
    left_out = 0
    for piece in conference.traces.all():
        seen += [Seen(**line) for line in json.loads(zlib.decompress(bytes(piece.packed)))]
        left_out += piece.left_out
    return seen, left_out
