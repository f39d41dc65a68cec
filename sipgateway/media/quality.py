"""How well a leg is heard and hears: loss, jitter, round trip, and a mark for both. Pure.

The mark is a mean opinion score from 1 (bad) to 4.4 (as good as a telephone
gets), estimated by the E-model of ITU-T G.107 with its defaults, of which
three terms vary here::

    R   = 93.2 - Id - Ie,eff
    Id  = 0.024 d + 0.11 max(0, d - 177.3)      d: one-way delay in ms
    Ie,eff = Ie + (95 - Ie) Ppl / (Ppl + Bpl)   Ppl: loss in percent (G.107 7-29, BurstR 1)
    MOS = 1 + 0.035 R + R (R - 60) (100 - R) 7e-6             (G.107 annex B)

Id is the approximation of Cole and Rosenbluth ("Voice over IP performance
monitoring", 2001) for calls without echo. Ie is 0 and Bpl 25.1, which G.113
appendix I gives for G.711 with concealment; for the wideband codecs there is
nothing on this scale, so they are not better here than G.711 is. It is an
estimate from what the network did, not from what was said.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from sipgateway.media.engine import Figures
from sipgateway.media.rtcp import Reception, Told

EVERY = 5.0
"""Seconds between two looks."""

REPEAT = 60.0
"""Seconds after which it is told again although little has changed: the means go on."""

RATING, BPL, WORST = 93.2, 25.1, 95.0
BEARABLE = 177.3
"""Milliseconds one way from which talkers get into each other's words."""

FRAME_MS = 20.0
PROCESSING_MS = 2 * FRAME_MS
"""A frame is collected by the phone and one more waits for our tick."""

PLAYOUT_MS = 40.0
"""What a phone keeps in hand; it does not tell."""

STALE = 20.0
"""Seconds after which the last report of a phone says nothing about now."""

TELLING = Figures(loss_in=1.0, loss_out=1.0, jitter_in=8, jitter_out=8, round_trip=20, mos=0.1)
"""Changes that are worth telling."""


def score(*, loss: float, delay: float) -> float:
    """The estimated mean opinion score, of a loss in percent and a delay in ms one way."""
    impaired = WORST * loss / (loss + BPL)
    late = 0.024 * delay + 0.11 * max(0.0, delay - BEARABLE)
    rating = min(100.0, max(0.0, RATING - late - impaired))
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)


@dataclass(slots=True)
class Meter:
    """What was measured of a leg so far; `look` wants to be asked every `EVERY` seconds."""

    clock: int
    """Hz of the RTP clock of what is sent to the leg."""
    now: Figures = field(default_factory=Figures)
    worst: float | None = None
    looks: int = 0
    told: Told | None = None
    told_at: float = 0.0
    round_trip: float | None = None
    shown: Figures | None = None
    shown_at: float = 0.0
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)
    stream: Reception | None = None
    expected: int = 0
    received: int = 0
    late: int = 0

    def hear(self, told: Told, now: float) -> None:
        """Take what the phone says of our stream."""
        self.told, self.told_at = told, now
        trip = told.round_trip(now)
        self.round_trip = self.round_trip if trip is None else trip

    def look(self, reception: Reception | None, late: int, depth: int, now: float) -> bool:
        """Measure what has passed since the last look; whether it is worth telling.

        `late` is how many packets of the stream came too late to be played,
        `depth` how many are kept in hand.
        """
        lost = self._lost(reception, late)
        fresh = self.told if self.told is not None and now - self.told_at < STALE else None
        trip = None if fresh is None or self.round_trip is None else 1000 * self.round_trip
        way = PROCESSING_MS + (trip or 0.0) / 2
        marks = []
        if lost is not None:
            marks.append(score(loss=lost, delay=way + depth * FRAME_MS))
        if fresh is not None:
            marks.append(score(loss=100 * fresh.lost, delay=way + PLAYOUT_MS))
        self.now = Figures(
            loss_in=None if lost is None else round(lost, 1),
            loss_out=None if fresh is None else round(100 * fresh.lost, 1),
            jitter_in=None
            if lost is None or reception is None
            else round(1000 * reception.jitter / reception.clock),
            jitter_out=None if fresh is None else round(1000 * fresh.jitter / self.clock),
            round_trip=None if trip is None else round(trip),
            mos=round(min(marks), 2) if marks else None,
        )
        self._add()
        return self._is_news(now)

    @property
    def mean(self) -> Figures:
        """What it was on the whole."""
        digits = {"mos": 2, "loss_in": 1, "loss_out": 1}
        known = {name: total / count for name, (total, count) in self.sums.items()}
        return Figures(**{name: round(one, digits.get(name)) for name, one in known.items()})

    def _lost(self, reception: Reception | None, late: int) -> float | None:
        """Percent of what should have been played since the last look; None for nothing."""
        if reception is not self.stream or reception is None:
            self.stream = reception
            self.expected = self.received = 0
            self.late = late
        if reception is None:
            return None
        expected, received = reception.expected, reception.received
        due, came = expected - self.expected, received - self.received
        missed, self.late = max(0, late - self.late), late
        self.expected, self.received = expected, received
        if due <= 0:
            return None
        return 100.0 * min(1.0, max(0, due - came + missed) / due)

    def _add(self) -> None:
        self.looks += 1
        for one in fields(self.now):
            value = getattr(self.now, one.name)
            if value is not None:
                total, count = self.sums.get(one.name, (0.0, 0))
                self.sums[one.name] = (total + value, count + 1)
        if self.now.mos is not None:
            self.worst = self.now.mos if self.worst is None else min(self.worst, self.now.mos)

    def _is_news(self, now: float) -> bool:
        news = now - self.shown_at >= REPEAT and bool(self.sums)
        before = self.shown or Figures()
        for one in fields(self.now):
            was, is_now = getattr(before, one.name), getattr(self.now, one.name)
            if was is None or is_now is None:
                news = news or was is not is_now
            else:
                news = news or abs(is_now - was) >= getattr(TELLING, one.name)
        if news:
            self.shown, self.shown_at = self.now, now
        return news
