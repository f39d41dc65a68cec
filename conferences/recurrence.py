"""PURE. A rule and a time zone into occurrences.

A booking recurs in the local time of its zone: *every Monday at nine* is at
nine on the clock on the wall, before and after the clocks change. So a rule
(RFC 5545 3.3.10) is unrolled over naive local times, and each is turned to
UTC by itself. A local time that the clocks skip is moved forward by the gap,
one that comes twice is the first of the two (as RFC 5545 3.3.5 has it).

An occurrence is named by the start that the rule gives it, its RECURRENCE-ID
(RFC 5545 3.8.4.4), whatever becomes of it: an `Override` moves it, or calls it
off. COUNT counts those that are called off, too.

Rules come from people, so they are bounded: days and longer steps alone, and
nothing later than `HORIZON` after the start is looked for (a rule such as
"30 February" would otherwise be searched for until the year 9999).
"""

from __future__ import annotations

import collections
import datetime
import enum
import heapq
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from dateutil import rrule, tz

UTC = datetime.UTC

#: How far beyond its start a booking without an end is unrolled.
HORIZON = datetime.timedelta(days=3660)

#: How long a conference is where nobody says so, in minutes.
DEFAULT_MINUTES = 60
#: A week: longer than any meeting, and short enough to be a typing mistake beyond.
LONGEST_MINUTES = 7 * 24 * 60

#: Letters of a rule.
LONGEST_RULE = 255
#: What the numbers of a rule are at most.
MOST = {"COUNT": 9999, "INTERVAL": 999}

#: RFC 5545 3.3.10 parts that one needs to book a conference. The smaller
#: frequencies and BYHOUR, BYMINUTE, BYSECOND would make one booking hundreds a day.
_PART = re.compile(
    r"FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)"
    r"|INTERVAL=[1-9][0-9]{0,2}"
    r"|COUNT=[1-9][0-9]{0,3}"
    r"|UNTIL=[0-9]{8}(T[0-9]{6}Z?)?"
    r"|WKST=(MO|TU|WE|TH|FR|SA|SU)"
    r"|BYDAY=[+-]?[0-9]{0,2}(MO|TU|WE|TH|FR|SA|SU)(,[+-]?[0-9]{0,2}(MO|TU|WE|TH|FR|SA|SU))*"
    r"|(BYMONTHDAY|BYYEARDAY|BYWEEKNO|BYMONTH|BYSETPOS)=-?[0-9]{1,3}(,-?[0-9]{1,3})*"
)
_UNTIL = re.compile(r"UNTIL=([0-9]{8})(?:T([0-9]{6})(Z?))?")


class Fault(enum.StrEnum):
    """What is to be mended in a rule; `conferences.wording` has the sentences."""

    PART = "%(part)s is not a part of a rule that can be booked"
    FREQUENCY = "FREQ is DAILY, WEEKLY, MONTHLY or YEARLY"
    NUMBER = "%(part)s is a number from 1 to %(most)s"
    TWICE = "a rule has one FREQ, and each other part once at most"
    TWO_ENDS = "a rule has either COUNT or UNTIL"
    LONG = "a rule has %(most)s letters at most"
    DAY = "%(part)s is no day that can be booked"
    NO_DAY = "the rule names no day at all"
    NOTHING_BEFORE = "nothing comes before the first occurrence"
    UNREADABLE = "the rule cannot be read"


class BadRule(ValueError):
    """The rule cannot be taken; `fault` says what to mend, in the `part` that is named."""

    def __init__(self, fault: Fault, part: str = "", most: int = 0) -> None:
        super().__init__(fault.value % {"part": part, "most": most})
        self.fault, self.part, self.most = fault, part, most


@dataclass(frozen=True, slots=True)
class Override:
    """What became of one occurrence: what is None or empty is as in the rest of the series."""

    cancelled: bool = False
    starts_at: datetime.datetime | None = None
    duration: datetime.timedelta | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """When a booking takes place. `starts_at` is aware; `rule` is empty for once.

    `overrides` are by RECURRENCE-ID, in UTC; those that name no occurrence of
    the rule are as if they were not there.
    """

    starts_at: datetime.datetime
    duration: datetime.timedelta
    zone: str
    rule: str = ""
    overrides: Mapping[datetime.datetime, Override] = field(default_factory=dict)
    #: What its occurrences are called, where that is not what the conference is.
    title: str = ""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time of a booking, in UTC. `recurrence_id` is the start that the rule gave it."""

    starts_at: datetime.datetime
    ends_at: datetime.datetime
    recurrence_id: datetime.datetime
    #: Where it is not called as the series is.
    title: str = ""


def parse_rule(text: str) -> str:
    """`text` without ``RRULE:`` and in upper case. Raises `BadRule`."""
    rule = text.strip().upper().removeprefix("RRULE:")
    parts = rule.split(";")
    for part in parts:
        if _PART.fullmatch(part) is None:
            raise _bad_part(part)
    names = [part.partition("=")[0] for part in parts]
    if "FREQ" not in names or len(set(names)) != len(names):
        raise BadRule(Fault.TWICE)
    if {"COUNT", "UNTIL"} <= set(names):
        raise BadRule(Fault.TWO_ENDS)
    if len(rule) > LONGEST_RULE:
        raise BadRule(Fault.LONG, most=LONGEST_RULE)
    return rule


def _bad_part(part: str) -> BadRule:
    name = part.partition("=")[0]
    if name == "FREQ":
        return BadRule(Fault.FREQUENCY)
    if name in MOST:
        return BadRule(Fault.NUMBER, name, MOST[name])
    return BadRule(Fault.PART, part)


def occurrences(
    pattern: Pattern, *, after: datetime.datetime | None = None
) -> Iterator[Occurrence]:
    """The occurrences that end later than `after`, by their start. Raises `BadRule`."""
    ordinary = (one for one in planned(pattern) if one.recurrence_id not in pattern.overrides)
    others = sorted(changed(pattern), key=_start)
    for found in heapq.merge(ordinary, others, key=_start):
        if after is None or found.ends_at > after:
            yield found


def merged(
    patterns: Iterable[Pattern], *, after: datetime.datetime | None = None
) -> Iterator[Occurrence]:
    """The occurrences of all `patterns` that end later than `after`, by their start."""
    return heapq.merge(*(occurrences(one, after=after) for one in patterns), key=_start)


def planned(pattern: Pattern) -> Iterator[Occurrence]:
    """The occurrences as the rule has them, before anything became of any."""
    if not pattern.rule:
        yield _occurrence(pattern, pattern.starts_at)
        return
    zone = ZoneInfo(pattern.zone)
    first = pattern.starts_at.astimezone(zone).replace(tzinfo=None)
    for local in _unrolled(pattern, first):
        yield _occurrence(pattern, tz.resolve_imaginary(local.replace(tzinfo=zone)))


def is_planned(pattern: Pattern, recurrence_id: datetime.datetime) -> bool:
    """Whether the rule has an occurrence of that name."""
    later = itertools.dropwhile(lambda one: one.starts_at < recurrence_id, planned(pattern))
    found = next(later, None)
    return found is not None and found.starts_at == recurrence_id


def _start(one: Occurrence) -> datetime.datetime:
    return one.starts_at


def changed(pattern: Pattern, *, also: Iterable[datetime.datetime] = ()) -> Iterator[Occurrence]:
    """The occurrences that something became of, as they are now; not those called off.

    And those of the names `also`, which are told of by themselves for another reason.
    """
    off = {name for name, one in pattern.overrides.items() if one.cancelled}
    wanted = {*pattern.overrides, *also} - off
    if not wanted:
        return
    last = max(wanted)
    for found in planned(pattern):
        if found.recurrence_id > last:
            return
        if found.recurrence_id in wanted:
            yield _as_changed(found, pattern.overrides.get(found.recurrence_id, Override()))


def both(pattern: Pattern) -> Iterator[tuple[Occurrence, Occurrence | None]]:
    """Each occurrence as the rule has it, and as it is: None where it was called off."""
    for found in planned(pattern):
        override = pattern.overrides.get(found.recurrence_id)
        if override is None:
            yield found, found
        else:
            yield found, None if override.cancelled else _as_changed(found, override)


def _as_changed(found: Occurrence, override: Override) -> Occurrence:
    begin = (override.starts_at or found.starts_at).astimezone(UTC)
    length = override.duration or found.ends_at - found.starts_at
    return Occurrence(begin, begin + length, found.recurrence_id, override.title or found.title)


def current_or_next(pattern: Pattern, *, after: datetime.datetime) -> Occurrence | None:
    """The first occurrence that ends later than `after`; None where none is left."""
    return next(occurrences(pattern, after=after), None)


def first_start(pattern: Pattern) -> datetime.datetime:
    """When the rule really begins: the first start that fits it. Raises `BadRule`."""
    return first(pattern).starts_at


def first(pattern: Pattern) -> Occurrence:
    """The first occurrence, as the rule has it. Raises `BadRule`."""
    found = next(planned(pattern), None)
    if found is None:
        raise BadRule(Fault.NO_DAY)
    return found


def last_end(pattern: Pattern) -> datetime.datetime | None:
    """When the last occurrence is over; None where the rule has no end.

    The start, where every occurrence was called off.
    """
    if pattern.rule and not re.search("COUNT=|UNTIL=", pattern.rule):
        return None
    return max((one.ends_at for one in occurrences(pattern)), default=pattern.starts_at)


def rule_before(pattern: Pattern, recurrence_id: datetime.datetime) -> str:
    """The rule, ended before that occurrence, which is not the first. Raises `BadRule`."""
    earlier = itertools.takewhile(lambda one: one.starts_at < recurrence_id, planned(pattern))
    last = next(iter(collections.deque(earlier, maxlen=1)), None)
    if last is None:
        raise BadRule(Fault.NOTHING_BEFORE)
    # Days and longer steps: a day has one occurrence at most.
    day = last.starts_at.astimezone(ZoneInfo(pattern.zone))
    return ";".join([*_without_end(pattern.rule), f"UNTIL={day:%Y%m%d}"])


def rule_from(pattern: Pattern, recurrence_id: datetime.datetime) -> str:
    """The rule from that occurrence on: with as many of COUNT as are left."""
    count = re.search("COUNT=([0-9]+)", pattern.rule)
    if count is None:
        return pattern.rule
    earlier = itertools.takewhile(lambda one: one.starts_at < recurrence_id, planned(pattern))
    left = int(count[1]) - sum(1 for _ in earlier)
    return ";".join([*_without_end(pattern.rule), f"COUNT={left}"])


def carried_over(before: Pattern, after: Pattern) -> dict[datetime.datetime, datetime.datetime]:
    """Which overrides of `before` are meant for which occurrence of `after`: of the same day.

    From old to new RECURRENCE-ID; one whose day has no occurrence any more is left out.
    """
    days = {name.astimezone(ZoneInfo(before.zone)).date(): name for name in before.overrides}
    found: dict[datetime.datetime, datetime.datetime] = {}
    for one in planned(after) if days else ():
        day = one.recurrence_id.astimezone(ZoneInfo(after.zone)).date()
        if day > max(days):
            break
        if day in days:
            found[days[day]] = one.recurrence_id
    return found


def local(at: datetime.datetime, zone: str) -> datetime.datetime:
    """`at` as a clock on the wall of `zone` has it."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def skipped(wall: datetime.datetime, zone: str) -> bool:
    """Whether the clocks of `zone` skip that (naive) local time."""
    return not tz.datetime_exists(wall, ZoneInfo(zone))


def doubled(wall: datetime.datetime, zone: str) -> bool:
    """Whether that (naive) local time comes twice in `zone`."""
    return tz.datetime_ambiguous(wall, ZoneInfo(zone))


def _without_end(rule: str) -> list[str]:
    return [part for part in rule.split(";") if not part.startswith(("COUNT=", "UNTIL="))]


def _occurrence(pattern: Pattern, starts_at: datetime.datetime) -> Occurrence:
    begin = starts_at.astimezone(UTC)
    return Occurrence(begin, begin + pattern.duration, begin, pattern.title)


def _unrolled(pattern: Pattern, first: datetime.datetime) -> Iterator[datetime.datetime]:
    """Naive local starts. COUNT is counted here, UNTIL becomes local, both are bounded."""
    count = re.search("COUNT=([0-9]+)", pattern.rule)
    until = min(_until(pattern, first), first + HORIZON)
    try:
        rule = rrule.rrulestr(";".join(_without_end(pattern.rule)), dtstart=first)
        if not isinstance(rule, rrule.rrule):
            raise BadRule(Fault.UNREADABLE)
        bounded = rule.replace(until=until)
    except ValueError as error:
        raise BadRule(Fault.UNREADABLE) from error
    for index, local in enumerate(bounded):
        if count is not None and index >= int(count[1]):
            return
        yield local


def _until(pattern: Pattern, first: datetime.datetime) -> datetime.datetime:
    """UNTIL as a naive local time: a date means the whole day, ``Z`` means UTC."""
    found = _UNTIL.search(pattern.rule)
    if found is None:
        return first + HORIZON
    try:
        if found[2] is None:
            day = datetime.datetime.strptime(found[1], "%Y%m%d")  # noqa: DTZ007 - local
            return day + datetime.timedelta(days=1, seconds=-1)
        until = datetime.datetime.strptime(found[1] + found[2], "%Y%m%d%H%M%S")  # noqa: DTZ007
        if not found[3]:
            return until
        return until.replace(tzinfo=UTC).astimezone(ZoneInfo(pattern.zone)).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise BadRule(Fault.DAY, found[0]) from error
