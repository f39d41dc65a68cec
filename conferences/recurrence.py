"""PURE. A rule and a time zone into occurrences.

A booking recurs in the local time of its zone: *every Monday at nine* is at
nine on the clock on the wall, before and after the clocks change. So a rule
(RFC 5545 3.3.10) is unrolled over naive local times, and each is turned to
UTC by itself. A local time that the clocks skip is moved forward by the gap,
one that comes twice is the first of the two (as RFC 5545 3.3.5 has it).

Rules come from people, so they are bounded: days and longer steps alone, and
nothing later than `HORIZON` after the start is looked for (a rule such as
"30 February" would otherwise be searched for until the year 9999).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from dateutil import rrule, tz

UTC = datetime.UTC

#: How far beyond its start a booking without an end is unrolled.
HORIZON = datetime.timedelta(days=3660)

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


class BadRule(ValueError):
    """The rule cannot be taken; the message says what to mend."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """When a booking takes place. `starts_at` is aware; `rule` is empty for once."""

    starts_at: datetime.datetime
    duration: datetime.timedelta
    zone: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time of a booking, in UTC."""

    starts_at: datetime.datetime
    ends_at: datetime.datetime


def parse_rule(text: str) -> str:
    """`text` without ``RRULE:`` and in upper case. Raises `BadRule`."""
    rule = text.strip().upper().removeprefix("RRULE:")
    parts = rule.split(";")
    for part in parts:
        if _PART.fullmatch(part) is None:
            raise BadRule(f"{part!r} is not a part of a rule that can be booked")
    names = [part.partition("=")[0] for part in parts]
    if "FREQ" not in names or len(set(names)) != len(names):
        raise BadRule("a rule has one FREQ, and each other part once at most")
    if {"COUNT", "UNTIL"} <= set(names):
        raise BadRule("a rule has either COUNT or UNTIL")
    return rule


def occurrences(
    pattern: Pattern, *, after: datetime.datetime | None = None
) -> Iterator[Occurrence]:
    """The occurrences that end later than `after`, in order. Raises `BadRule`."""
    if not pattern.rule:
        once = _occurrence(pattern, pattern.starts_at)
        if after is None or once.ends_at > after:
            yield once
        return
    zone = ZoneInfo(pattern.zone)
    first = pattern.starts_at.astimezone(zone).replace(tzinfo=None)
    for local in _unrolled(pattern, first):
        found = _occurrence(pattern, tz.resolve_imaginary(local.replace(tzinfo=zone)))
        if after is None or found.ends_at > after:
            yield found


def current_or_next(pattern: Pattern, *, after: datetime.datetime) -> Occurrence | None:
    """The first occurrence that ends later than `after`; None where none is left."""
    return next(occurrences(pattern, after=after), None)


def first_start(pattern: Pattern) -> datetime.datetime:
    """When the rule really begins: the first start that fits it. Raises `BadRule`."""
    found = next(occurrences(pattern), None)
    if found is None:
        raise BadRule("the rule names no day at all")
    return found.starts_at


def last_end(pattern: Pattern) -> datetime.datetime | None:
    """When the last occurrence is over; None where the rule has no end."""
    if pattern.rule and not re.search("COUNT=|UNTIL=", pattern.rule):
        return None
    end = None
    for found in occurrences(pattern):
        end = found.ends_at
    return end


def _occurrence(pattern: Pattern, starts_at: datetime.datetime) -> Occurrence:
    begin = starts_at.astimezone(UTC)
    return Occurrence(begin, begin + pattern.duration)


def _unrolled(pattern: Pattern, first: datetime.datetime) -> Iterator[datetime.datetime]:
    """Naive local starts. COUNT is counted here, UNTIL becomes local, both are bounded."""
    count = re.search("COUNT=([0-9]+)", pattern.rule)
    kept = [part for part in pattern.rule.split(";") if not part.startswith(("COUNT=", "UNTIL="))]
    until = min(_until(pattern, first), first + HORIZON)
    try:
        rule = rrule.rrulestr(";".join(kept), dtstart=first)
        if not isinstance(rule, rrule.rrule):
            raise BadRule("one rule is wanted")
        bounded = rule.replace(until=until)
    except ValueError as error:
        raise BadRule(str(error)) from error
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
        raise BadRule(f"{found[0]} is no day that can be booked") from error
