"""What may come in at all: told by a few octets, before anything is parsed or kept.

A call that is up goes first: whatever has the Call-ID of a dialog or of a
transaction of ours comes in, and nobody else can know it. What asks for
something new is metered, in this order:

* from an address and port where somebody has signed in: by that;
* with a nonce of ours, in answer to a challenge: by source;
* all else, from strangers: by address and port, by source, and all together.

Behind an address from which a flood comes there may be somebody else. So
connections are metered apart from datagrams, the first request of an address
and port apart from the next ones, and who says to be somebody that has signed
in from there before by himself; it gains nobody more than a challenge. Where
somebody has signed in, a flood from everywhere else is not minded.

Whoever asks too much gets 503 with Retry-After, and beyond some of those
nothing. A source that searches for names (`focus.guard`) gets a trickle, and the first
requests of other ports of its address another one.
"""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from conferences import attempts
from sipgateway.focus.guard import Guard
from sipgateway.sip.digest import Digest
from sipgateway.sip.limits import Limits, Meter

# Call-ID = ( "Call-ID" / "i" ) HCOLON callid; a folded one counts as unknown
_CALL_ID = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r\n", re.IGNORECASE)
_NONCE = re.compile(
    rb"\r\nauthorization[ \t]*:[^\r\n]*?[ ,]nonce=\"([^\"\r\n]{1,200})\"", re.IGNORECASE
)
#: The user part of From, as somebody calls himself.
_FROM = re.compile(rb"\r\n(?:from|f)[ \t]*:[^\r\n]*?sips?:([^@;>\r\n]{1,64})@", re.IGNORECASE)
_LONGEST_HEAD = 8192
"""Octets within which these fields are looked for; phones write them first."""


class Came(NamedTuple):
    """From where, and whether by a connection: a datagram's address may be forged."""

    source: str
    connected: bool


KnowsCall = Callable[[str], bool]


class Verdict(enum.Enum):
    """What becomes of a message."""

    TAKE = "take"
    REFUSE = "refuse"  # 503 with Retry-After
    DROP = "drop"


class Gate:
    """See the module. `now` is in POSIX seconds.

    Where this process is not `alone`, what is for nothing of ours may be for another.
    """

    def __init__(
        self,
        *,
        knows_call: KnowsCall,
        guard: Guard,
        digest: Digest,
        limits: Limits,
        alone: bool = True,
    ) -> None:
        self._knows_call = knows_call
        self._guard = guard
        self._digest = digest
        self._alone = alone
        self._calls: Meter[str] = Meter(limits.call)
        self._residents: Meter[str] = Meter(limits.resident)
        self._answering: Meter[str] = Meter(limits.source)
        self._strangers: Meter[str] = Meter(limits.stranger)
        self._firsts: Meter[Came] = Meter(limits.stranger)
        self._sources: Meter[Came] = Meter(limits.source)
        self._all: Meter[str] = Meter(limits.strangers)
        self._claims: Meter[tuple[str, str]] = Meter(limits.trickle)
        self._trickles: Meter[tuple[str, bool]] = Meter(limits.trickle)
        self._refusals: Meter[str] = Meter(limits.refusals)
        #: What was refused and dropped, by reason.
        self.counters: Counter[str] = Counter()

    def judge(
        self, octets: bytes, host: str, port: int, now: float, *, connected: bool = False
    ) -> Verdict:
        """What is to become of a message that came from there; `connected` where that is sure."""
        head = octets[:_LONGEST_HEAD]
        found = _CALL_ID.search(head)
        call_id = found[1].decode("utf-8", "surrogateescape") if found else ""
        if call_id and self._knows_call(call_id):
            return self._in_call(head, call_id, host, now)
        if self._alone and head.startswith((b"SIP/2.0", b"ACK ")):
            self.counters["dropped: for nothing of ours"] += 1
            return Verdict.DROP
        source, place = attempts.source_of(host), f"{host}:{port}"
        if self._guard.lives_at(place):
            within = self._residents.take(place, now)
            return self._unless(within, "asks too much, signed in", source, now)
        if self._answers(head):
            within = self._answering.take(source, now)
            return self._unless(within, "answers too many challenges", source, now)
        return self._stranger(head, Came(source, connected), place, now)

    def _in_call(self, head: bytes, call_id: str, host: str, now: float) -> Verdict:
        if head.startswith(b"SIP/2.0") or self._calls.take(call_id, now):
            return Verdict.TAKE
        return self._refuse("asks too much in a call", attempts.source_of(host), now)

    def _answers(self, head: bytes) -> bool:
        if b"uthorization" not in head:  # most have none, and this finds out at once
            return False
        found = _NONCE.search(head)
        return found is not None and self._digest.made(found[1].decode("utf-8", "replace"))

    def _stranger(self, head: bytes, came: Came, place: str, now: float) -> Verdict:
        source = came.source
        new = self._strangers.rests(place, now)
        if self._guard.searches(source, now):
            self._strangers.take(place, now)
            within = self._trickles.take((source, new), now) or self._claimed(head, source, now)
            return self._unless(within, "searches for names", source, now)
        first = new and self._firsts.take(came, now)
        if not self._strangers.take(place, now):
            return self._refuse("asks too much from a port", source, now)
        if not first and not self._sources.take(came, now):
            claimed = self._claimed(head, source, now)
            return self._unless(claimed, "asks too much from an address", source, now)
        within = self._guard.residents(source) > 0 or self._all.take("", now)
        return self._unless(within, "too many strangers", source, now)

    def _claimed(self, head: bytes, source: str, now: float) -> bool:
        """Whether it calls itself somebody who has signed in from there, not too often."""
        found = _FROM.search(head)
        name = found[1].decode("utf-8", "replace").lower() if found else ""
        return self._guard.knows(source, name) and self._claims.take((source, name), now)

    def _unless(self, within: bool, reason: str, source: str, now: float) -> Verdict:
        return Verdict.TAKE if within else self._refuse(reason, source, now)

    def _refuse(self, reason: str, source: str, now: float) -> Verdict:
        if self._refusals.take(source, now):
            self.counters[f"refused: {reason}"] += 1
            return Verdict.REFUSE
        self.counters[f"dropped: {reason}"] += 1
        return Verdict.DROP
