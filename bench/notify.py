"""What a NOTIFY costs: CPU and octets, with many watchers, in one process without I/O.

The user agent and the focus are the real ones; the phones are prepared
octets, so that what is measured is ours alone: one change of the roster
(somebody mutes), a NOTIFY to every watcher, and the 200 of each.

    python -m bench.notify

SylkServer was measured on this kind of machine at 0.57 ms and 6.8 KB a NOTIFY
(full documents, growing with the roster).
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from conferences.policy import ParticipantKey
from sipgateway.sip.flow import Flow
from tests.stage import Stage

#: Watchers, and how many of them are in the conference: what is flat is seen by the first two.
SIZES = ((100, 100), (300, 300), (1000, 10))
ROUNDS = 20
COPIED = ("Via:", "From:", "To:", "Call-ID:", "CSeq:")


def answer(notify: bytes) -> bytes:
    """The 200 that a phone sends, made without our code."""
    head = notify.split(b"\r\n\r\n", 1)[0].decode().split("\r\n")
    kept = [line for line in head[1:] if line.startswith(COPIED)]
    return "\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]).encode()


def crowd(watchers: int, participants: int) -> Stage:
    """A conference that so many watch, some of whom are in it."""
    stage = Stage()
    stage.conference()
    people = [stage.person(f"person{number}") for number in range(watchers)]
    for person in people[:participants]:
        person.dials()
    for person in people:
        person.subscribes()
        person.inbox.clear()
    stage.passes(1)
    for person in people:
        person.inbox.clear()
        person.receives = _deaf  # type: ignore[method-assign, assignment]
    return stage


def _deaf(_octets: bytes) -> None:
    """The bench answers for the phones."""


def timed(work: Callable[[], None]) -> float:
    """CPU seconds that it takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def round_of(stage: Stage, *, muted: bool) -> tuple[float, int, int]:
    """One change told to all: CPU seconds, NOTIFYs, octets."""
    key = stage.key_of("person0")
    keys: frozenset[ParticipantKey] = frozenset({key}) if muted else frozenset()
    sent: list[tuple[Flow, bytes]] = []
    stage._deliver = lambda flow, octets: sent.append((flow, octets))  # type: ignore[method-assign]
    spent = timed(lambda: stage.changes(muted=keys))
    answers = [(flow, answer(octets)) for flow, octets in sent if octets.startswith(b"NOTIFY")]

    def replies() -> None:
        for flow, octets in answers:
            stage.endpoint.receive(octets, flow, stage.now)
            stage.pump()

    spent += timed(replies)
    stage.passes(1)
    return spent, len(answers), sum(len(octets) for _, octets in sent)


def main() -> int:
    """Print a row for each size."""
    print("one roster change told to all watchers (median of rounds; CPU of this process)")
    for watchers, participants in SIZES:
        stage = crowd(watchers, participants)
        rows = [round_of(stage, muted=number % 2 == 0) for number in range(ROUNDS)]
        assert all(count == watchers for _, count, _ in rows), "somebody was not told"
        each = statistics.median(1000 * spent / count for spent, count, _ in rows)
        octets = statistics.median(total / count for _, count, total in rows)
        print(
            f"  {watchers:5} watchers, {participants:3} participants: {each:6.3f} ms and "
            f"{octets:5.0f} octets a NOTIFY (aim 0.150 ms and 1024 octets)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
