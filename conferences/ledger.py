"""PURE. Ports over time: what is taken when, and when enough of them are free.

A conference takes one number of ports for some spans of time: a booking from
its early entry to the end of its grace, a series so at every occurrence, a
standing room from now on for ever. Times are POSIX seconds; a span holds its
start and not its end, so one may begin the moment another ends.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

#: Ports of a conference of which nobody said how many come.
DEFAULT_SIZE = 10
#: The end of a span that has none.
FOR_EVER = math.inf
#: Spans are kept in pieces no longer than this, so that those of a moment are
#: found among the starts of so long before it (see `services.capacity`): the longest
#: day there is, when the clocks go back.
LONGEST_PIECE = 90_000.0
#: Free starts are looked for on the quarters of an hour, for a week.
STEP = 900.0
SEARCHED = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Span:
    """From `starts_at` until before `ends_at`."""

    starts_at: float
    ends_at: float = FOR_EVER

    def shifted(self, seconds: float) -> Span:
        """The same later."""
        return Span(self.starts_at + seconds, self.ends_at + seconds)


@dataclass(frozen=True, slots=True)
class Taken:
    """So many ports in that span."""

    span: Span
    ports: int


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time in spans that neither overlap nor touch, in order.

    Occurrences of one series may overlap (a day long, every day, with grace):
    it is one room all the same, which takes its ports once.
    """
    found: list[Span] = []
    for span in sorted(spans, key=lambda one: one.starts_at):
        if found and span.starts_at <= found[-1].ends_at:
            found[-1] = Span(found[-1].starts_at, max(found[-1].ends_at, span.ends_at))
        else:
            found.append(span)
    return found


def whole_seconds(spans: Iterable[Span]) -> list[Span]:
    """`spans` rounded outwards, and merged."""
    return merged(
        Span(
            math.floor(one.starts_at),
            one.ends_at if one.ends_at == FOR_EVER else math.ceil(one.ends_at),
        )
        for one in spans
    )


def pieces(span: Span) -> Iterator[Span]:
    """`span` in pieces of `LONGEST_PIECE` at most; one without an end stays whole."""
    if span.ends_at == FOR_EVER:
        yield span
        return
    start = span.starts_at
    while start < span.ends_at:
        end = min(start + LONGEST_PIECE, span.ends_at)
        yield Span(start, end)
        start = end


class Load:
    """How many ports are taken at any moment: steps at the moments where that changes."""

    def __init__(self, taken: Iterable[Taken]) -> None:
        steps: dict[float, int] = defaultdict(int)
        for one in taken:
            steps[one.span.starts_at] += one.ports
            if one.span.ends_at != FOR_EVER:
                steps[one.span.ends_at] -= one.ports
        self._times = sorted(steps)
        self._ports = list(accumulate(steps[at] for at in self._times))

    def peak(self, span: Span) -> int:
        """The most that are taken at any moment of `span`."""
        first = max(bisect_right(self._times, span.starts_at) - 1, 0)
        # What holds at the start was set by a step before it, where there is one.
        before = self._times and self._times[first] <= span.starts_at
        within = self._ports[first : bisect_left(self._times, span.ends_at)]
        return max(within if before else [0, *within], default=0)

    def peak_of(self, spans: Iterable[Span]) -> int:
        """The most in any of `spans`."""
        return max(map(self.peak, spans), default=0)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `ports` may be taken in all of `load` and what is asked for."""

    load: Load
    ports: int

    def free(self, spans: Iterable[Span]) -> int:
        """How many are left throughout `spans`; never below zero."""
        return max(self.ports - self.load.peak_of(spans), 0)


def free_starts(
    spans: Sequence[Span], ports: int, limits: Sequence[Limit], *, until: float, most: int
) -> list[float]:
    """Seconds by which all of `spans` may be put off to find `ports` within `limits`.

    The first at a quarter of an hour, up to `until` seconds; those after it so
    much later that they are a real choice.
    """
    found: list[float] = []
    first = spans[0].starts_at
    shift = math.ceil((first + 1.0) / STEP) * STEP - first
    while shift <= until and len(found) < most:
        later = [span.shifted(shift) for span in spans]
        if all(limit.free(later) >= ports for limit in limits):
            found.append(shift)
            shift += max(STEP, math.ceil((spans[0].ends_at - first) / STEP) * STEP)
        else:
            shift += STEP
    return found
