"""The 49 messages of RFC 4475, each with what the RFC wants of it: one table for all tests.

`result` is what comes of it at `Endpoint.receive`: a status is the answer,
`TAKEN` means that it is handed to the application, `DROPPED` that nobody hears
of it. Where the application has its say as well, it is `answer`. On a stream
the length of a message is what it says itself, so some rows end differently.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "sip" / "torture"
TAKEN, DROPPED = 0, -1


class Row(NamedTuple):
    """One message."""

    name: str
    section: str
    result: int
    #: What the reason phrase or a field of the answer has to say.
    says: str = ""
    #: The status where authentication comes next.
    answer: int = 401

    @property
    def octets(self) -> bytes:
        """The message."""
        return (FOLDER / f"{self.name}.dat").read_bytes()

    def answers(self, *, stream: bool) -> list[int]:
        """The statuses that come back from a whole server."""
        once = [self.answer] if self.answer != DROPPED else []
        return _ON_A_STREAM.get(self.name, once) if stream else once


#: These promise more octets than there are: on a stream one has to wait for them.
UNFINISHED = frozenset({"clerr", "baddn"})
#: Behind these a stream cannot be cut into messages any more (RFC 3261 18.3).
CLOSING = frozenset({"dblreq", "ncl", "mcl01", "inv2543"})
#: 3.1.1.8 has a second request behind the first: on a stream it is one, without a Contact.
_ON_A_STREAM = {"dblreq": [401, 400], **{name: [] for name in sorted(UNFINISHED)}}

ROWS = (
    Row("wsinv", "3.1.1.1", 481, answer=481),  # well formed; its To tag names no dialog of ours
    # The RFC has 501; a method that we do not do is 405 with Allow, as 3261 8.2.1 has it
    Row("intmeth", "3.1.1.2", 405, "INVITE, ACK", answer=405),
    Row("esc01", "3.1.1.3", TAKEN),
    Row("escnull", "3.1.1.4", TAKEN),
    Row("esc02", "3.1.1.5", 405, "INVITE, ACK", answer=405),
    Row("lwsdisp", "3.1.1.6", TAKEN),
    Row("longreq", "3.1.1.7", TAKEN),
    Row("dblreq", "3.1.1.8", TAKEN),
    Row("semiuri", "3.1.1.9", TAKEN),
    Row("transports", "3.1.1.10", TAKEN),
    Row("mpart01", "3.1.1.11", TAKEN),
    Row("unreason", "3.1.1.12", DROPPED, answer=DROPPED),  # well formed; to no request of ours
    Row("noreason", "3.1.1.13", DROPPED, answer=DROPPED),
    Row("badinv01", "3.1.2.1", 400, "Via header", answer=400),
    Row("clerr", "3.1.2.2", 400, "Content-Length", answer=400),
    Row("ncl", "3.1.2.3", 400, "Content-Length header", answer=400),
    Row("scalar02", "3.1.2.4", 400, "CSeq header", answer=400),
    Row("scalarlg", "3.1.2.5", DROPPED, answer=DROPPED),
    Row("quotbal", "3.1.2.6", 400, "To header", answer=400),
    Row("ltgtruri", "3.1.2.7", 400, "Request-URI", answer=400),
    Row("lwsruri", "3.1.2.8", 400, "Request-Line", answer=400),
    Row("lwsstart", "3.1.2.9", 400, "Request-Line", answer=400),
    Row("trws", "3.1.2.10", 400, "Request-Line", answer=400),
    Row("escruri", "3.1.2.11", 400, "Request-URI", answer=400),
    Row("baddate", "3.1.2.12", TAKEN),  # we do not read Date
    Row("regbadct", "3.1.2.13", 400, "Contact header", answer=400),
    Row("badaspec", "3.1.2.14", TAKEN),  # liberal: the spaces are ignored
    Row("baddn", "3.1.2.15", 400, "header: Display name", answer=400),
    Row("badvers", "3.1.2.16", 505, answer=505),
    Row("mismatch01", "3.1.2.17", 400, "CSeq header", answer=400),
    Row("mismatch02", "3.1.2.18", 405, "INVITE, ACK", answer=405),
    Row("bigcode", "3.1.2.19", DROPPED, answer=DROPPED),
    Row("badbranch", "3.2.1", TAKEN),  # falls back to the rules of RFC 2543
    Row("insuf", "3.3.1", 400, "Missing From header", answer=400),
    Row("unkscm", "3.3.2", 416, answer=416),
    Row("novelsc", "3.3.3", 416, answer=416),
    Row("unksm2", "3.3.4", 400, "To header", answer=400),
    Row("bext01", "3.3.5", 420, "noProxiesSupportThis, norDoAnyProxiesSupportThis", answer=420),
    Row("invut", "3.3.6", 415, "application/sdp", answer=415),
    Row("regaut01", "3.3.7", TAKEN),
    Row("multi01", "3.3.8", 400, "Multiple CSeq headers", answer=400),
    Row("mcl01", "3.3.9", 400, "Content-Length headers", answer=400),
    Row("bcast", "3.3.10", DROPPED, answer=DROPPED),
    Row("zeromf", "3.3.11", TAKEN),
    Row("cparam01", "3.3.12", TAKEN),
    Row("cparam02", "3.3.13", TAKEN),
    Row("regescrt", "3.3.14", TAKEN),
    Row("sdp01", "3.3.15", 406, "application/sdp", answer=406),
    Row("inv2543", "3.4.1", TAKEN),
)
