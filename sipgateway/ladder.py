"""What was said with whom in a conference: SIP messages, kept for a while, in bounds.

Pure, and cheap where messages pass: a message is looked at for its Call-ID
and CSeq alone, and kept as it is until somebody takes what came together.
Whose conference a call belongs to stands in its own messages: in the
Request-URI of what comes, and in the Contact of what we send (RFC 4579: the
conference's URI). Secrets are cut out by whoever writes it down (`readable`).
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field

from sipgateway import wire

MOST_CALLS = 20_000
"""Calls, subscriptions and the like that are known at a time; the oldest are forgotten."""
MOST_OF_A_CALL = 200
"""Messages of one call that wait to be taken."""
MOST_NOTIFIES = 100
"""NOTIFYs of one conference, and their answers, between two takings: a roster of a thousand
watchers says the same a thousand times."""
MOST_NEW = 500
"""Calls that begin between two takings, for anybody may begin one: a hundred a second."""
STRANGE = 120.0
"""Seconds that a call may be without a conference; a caller fills in the application's page."""

_CALL_ID = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]{1,256})", re.IGNORECASE)
_NOTIFY = re.compile(rb"\r\ncseq[ \t]*:[ \t]*[0-9]+[ \t]+NOTIFY", re.IGNORECASE)
_ASKED = re.compile(rb"[A-Z]+ sips?:([^@;:>\s]{1,64})@([^;>?\s:]+)")
_CONTACT = re.compile(
    rb"\r\n(?:contact|m)[ \t]*:[^\r\n<]*<sips?:([^@;:>]{1,64})@([^;>?:]+)", re.IGNORECASE
)
_PARTY = re.compile(
    rb"\r\n(%s)[ \t]*:[^\r\n]*?sips?:([^@;>\r\n]{1,64}@)?([^;>\r\n\s]{1,128})", re.IGNORECASE
)
_FROM = re.compile(_PARTY.pattern % b"from|f", re.IGNORECASE)
_TO = re.compile(_PARTY.pattern % b"to|t", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """One message: when, whether we sent it, with whom and by what, and its octets."""

    at: float
    sent: bool
    call: str
    peer: str
    way: str
    octets: bytes


@dataclass(slots=True)
class Batch:
    """What came together of one conference; `left_out` is how many more there were."""

    name: str
    messages: list[Message]
    left_out: int = 0


@dataclass(slots=True)
class _Call:
    name: str
    peer: str
    since: float
    kept: list[Message] = field(default_factory=list)


class Ladder:
    """See the module. `host` is the host of our domain; `services` are names of no conference."""

    def __init__(self, host: str, services: Collection[str] = ()) -> None:
        self._host = host.lower().encode()
        self._services = frozenset(services)
        self._calls: OrderedDict[bytes, _Call] = OrderedDict()
        self._waiting: set[bytes] = set()
        self._notifies: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._new_ones = 0

    def saw(self, octets: bytes, now: float, *, sent: bool, way: str) -> None:
        """A message passes; `way` says by what, and where to or from."""
        found = _CALL_ID.search(octets)
        if found is None:
            return
        key = found[1].strip()
        call = self._calls.get(key)
        if call is None:
            call = self._new(key, octets, now, sent=sent)
            if call is None:
                return
        if sent and (contact := _CONTACT.search(octets)) is not None:
            call.name = self._ours(contact) or call.name
        if len(call.kept) >= MOST_OF_A_CALL or not self._worth(call, octets):
            self._left_out[call.name] += 1
            return
        call.kept.append(Message(now, sent, key.decode("utf-8", "replace"), call.peer, way, octets))
        self._waiting.add(key)

    def _new(self, key: bytes, octets: bytes, now: float, *, sent: bool) -> _Call | None:
        """A request that opens something, to a name of ours or from one."""
        where = _CONTACT.search(octets) if sent else _ASKED.match(octets)
        name = self._ours(where) if where is not None else ""
        party = (_TO if sent else _FROM).search(octets)
        if not name or octets.startswith(b"SIP/") or self._new_ones >= MOST_NEW:
            return None
        self._new_ones += 1
        peer = b"".join(party.group(2, 3)) if party and party[2] else b""
        call = self._calls[key] = _Call(name, peer.decode("utf-8", "replace"), now)
        if len(self._calls) > MOST_CALLS:
            old, _ = self._calls.popitem(last=False)
            self._waiting.discard(old)
        return call

    def _ours(self, found: re.Match[bytes]) -> str:
        if found[2].lower() != self._host:
            return ""
        return found[1].decode("utf-8", "replace").lower()

    def _worth(self, call: _Call, octets: bytes) -> bool:
        if _NOTIFY.search(octets) is None:
            return True
        self._notifies[call.name] += 1
        return self._notifies[call.name] <= MOST_NOTIFIES

    def take(self, now: float) -> list[Batch]:
        """What came since the last time, by conference, each in its order."""
        batches: dict[str, Batch] = {}
        for key in list(self._waiting):
            call = self._calls[key]
            if call.name in self._services:
                if now - call.since > STRANGE:
                    self._forget(key)
                continue
            batch = batches.setdefault(call.name, Batch(call.name, []))
            batch.messages += call.kept
            call.kept = []
            self._waiting.discard(key)
        for name, batch in batches.items():
            batch.messages.sort(key=lambda message: message.at)
            batch.left_out = self._left_out.pop(name, 0)
        self._notifies.clear()
        self._new_ones = 0
        return list(batches.values())

    def _forget(self, key: bytes) -> None:
        """A call that came to nothing."""
        self._waiting.discard(key)
        del self._calls[key]


# --- What may be written down -------------------------------------------------------

LONGEST = 4096
"""Characters of a message that are kept."""
_CUT = "…"


def readable(octets: bytes) -> str:
    """A message as text, without what is secret, and cut where it is long."""
    text = wire.redacted(octets).replace("\r\n", "\n")
    return text if len(text) <= LONGEST else text[:LONGEST] + _CUT
