"""When a conference takes place: its series, what became of single occurrences, its window."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from conferences import recurrence
from conferences.models import Conference, Kind, OtherSeries, Override

#: How a RECURRENCE-ID is written in addresses: RFC 5545 3.3.5, form 2.
_NAMED = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Window:
    """When one may come in; `over` for good. A standing room has neither time.

    An ad-hoc conference has an end alone.
    """

    opens_at: datetime.datetime | None
    closes_at: datetime.datetime | None
    over: bool
    #: What is said of this occurrence alone.
    title: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a conference, as a calendar has it: a part of its times."""

    number: int
    title: str
    pattern: recurrence.Pattern


@dataclass(frozen=True, slots=True)
class Planned:
    """One occurrence of a series, as its rule has it and as it is; `now` is None if called off."""

    series: Series
    recurrence_id: datetime.datetime
    then: recurrence.Occurrence
    now: recurrence.Occurrence | None

    @property
    def changed(self) -> bool:
        """Whether anything became of it."""
        return self.recurrence_id in self.series.pattern.overrides


def pattern(conference: Conference) -> recurrence.Pattern:
    """The rule of a booked conference, without overrides. `ValueError` for a standing room."""
    if conference.starts_at is None or conference.duration_minutes is None:
        raise ValueError(f"{conference} has no time")
    return recurrence.Pattern(
        starts_at=conference.starts_at,
        duration=datetime.timedelta(minutes=conference.duration_minutes),
        zone=conference.timezone,
        rule=conference.rrule,
    )


def series(conference: Conference, *, cancelled: bool = False) -> list[Series]:
    """All its series, the earliest first; none of a standing room.

    With `cancelled` also those that were called off as a whole. Two queries for
    one that recurs, none for others or where `overrides` and `others` are
    prefetched.
    """
    if conference.kind != Kind.BOOKED:
        return []
    if not (conference.rrule or conference.series):
        return [Series(conference.series, conference.title, pattern(conference))]
    overrides = list(conference.overrides.all()) if conference.pk else []
    others = list(conference.others.all()) if conference.pk else []
    own = _with(pattern(conference), conference.series, overrides)
    found = [
        *(
            Series(one.number, one.title, _other(one, overrides))
            for one in others
            if cancelled or not one.cancelled
        ),
        Series(conference.series, conference.title, own),
    ]
    return sorted(found, key=lambda one: (one.pattern.starts_at, one.number))


def differing(before: list[Series], after: list[Series]) -> tuple[list[int], list[int]]:
    """The numbers of those that are new or other than they were, and of those that are gone."""
    old, new = ({one.number: _told(one) for one in some} for some in (before, after))
    changed = [number for number, told in new.items() if old.get(number) != told]
    return changed, [number for number in old if number not in new]


def _told(one: Series) -> tuple[str, recurrence.Pattern]:
    """All that is to be known of it, whether or not the conference's row has it."""
    return one.title, dataclasses.replace(one.pattern, title="")


def _other(row: OtherSeries, overrides: list[Override]) -> recurrence.Pattern:
    minutes = datetime.timedelta(minutes=row.duration_minutes)
    plain = recurrence.Pattern(row.starts_at, minutes, row.timezone, row.rrule, title=row.title)
    return _with(plain, row.number, overrides)


def _with(plain: recurrence.Pattern, number: int, overrides: list[Override]) -> recurrence.Pattern:
    found = {one.recurrence_id: override(one) for one in overrides if one.series == number}
    return recurrence.Pattern(
        plain.starts_at, plain.duration, plain.zone, plain.rule, found, plain.title
    )


def override(row: Override) -> recurrence.Override:
    """The row as rules know it."""
    minutes = row.duration_minutes
    return recurrence.Override(
        cancelled=row.cancelled,
        starts_at=row.starts_at,
        duration=None if minutes is None else datetime.timedelta(minutes=minutes),
        title=row.title,
    )


def all_occurrences(
    conference: Conference, *, after: datetime.datetime
) -> Iterator[recurrence.Occurrence]:
    """Those of all its series that end later than `after`, by their start."""
    return recurrence.merged((one.pattern for one in series(conference)), after=after)


def occurrence(conference: Conference, *, now: datetime.datetime) -> recurrence.Occurrence | None:
    """The occurrence that runs or comes next; None for a room and where none is left.

    Grace belongs to the occurrence before it. One that was ended for all is
    not taken up again.
    """
    found = _coming(conference, now)
    return found[0] if found else None


def present(conference: Conference, *, now: datetime.datetime) -> Series | None:
    """The series of that occurrence; the last one where none is left, None for a room."""
    whole = series(conference)
    found = _coming(conference, now) if len(whole) > 1 else None
    return found[1] if found else next(reversed(whole), None)


def after_present(conference: Conference, *, now: datetime.datetime) -> list[Series]:
    """The series that follow the present one, the soonest first."""
    whole = series(conference)
    found = present(conference, now=now) if len(whole) > 1 else None
    return whole[whole.index(found) + 1 :] if found else []


def _coming(
    conference: Conference, now: datetime.datetime
) -> tuple[recurrence.Occurrence, Series] | None:
    early = datetime.timedelta(minutes=conference.early_minutes)
    grace = datetime.timedelta(minutes=conference.grace_minutes)
    ended = conference.ended_at
    coming = []
    for one in series(conference):
        for found in recurrence.occurrences(one.pattern, after=now - grace):
            if ended is None or found.starts_at - early > ended:
                coming.append((found, one))
                break
    return min(coming, key=lambda pair: pair[0].starts_at, default=None)


def occurrences(
    conference: Conference, *, since: datetime.datetime, until: datetime.datetime
) -> Iterator[recurrence.Occurrence]:
    """Those that lie, even in part, from `since` to `until`."""
    return itertools.takewhile(
        lambda one: one.starts_at < until, all_occurrences(conference, after=since)
    )


def planned(conference: Conference, *, since: datetime.datetime) -> Iterator[Planned]:
    """The occurrences of its series, also those called off, that end later than `since`.

    By the start that their rule gives them; by that or by their own start one
    has to end later.
    """
    for one in series(conference):
        for then, now in recurrence.both(one.pattern):
            if max(then.ends_at, now.ends_at if now else then.ends_at) > since:
                yield Planned(one, then.recurrence_id, then, now)


def planned_one(conference: Conference, recurrence_id: datetime.datetime) -> Planned | None:
    """The occurrence of that name; None where no rule of the conference has it."""
    for found in planned(conference, since=recurrence_id):
        if found.recurrence_id == recurrence_id:
            return found
    return None


def occurrence_name(recurrence_id: datetime.datetime) -> str:
    """How an occurrence is named in addresses, as ``20260302T080000Z``."""
    return recurrence_id.astimezone(datetime.UTC).strftime(_NAMED)


def occurrence_named(name: str) -> datetime.datetime | None:
    """The RECURRENCE-ID of that name; None for what is none."""
    try:
        return datetime.datetime.strptime(name, _NAMED).replace(tzinfo=datetime.UTC)
    except ValueError:
        return None


def occurrence_line(conference: Conference, found: Planned) -> dict[str, Any]:
    """One time of a booking as scripts read it; one called off when it would have been."""
    shown = found.now or found.then
    early = datetime.timedelta(minutes=conference.early_minutes)
    grace = datetime.timedelta(minutes=conference.grace_minutes)
    return {
        "id": occurrence_name(found.recurrence_id),
        "starts_at": shown.starts_at,
        "ends_at": shown.ends_at,
        "opens_at": shown.starts_at - early,
        "closes_at": shown.ends_at + grace,
        "title": shown.title or found.series.title,
        "cancelled": found.now is None,
        "changed": found.now is not None and found.changed,
    }


def window(conference: Conference, *, now: datetime.datetime) -> Window:
    """When one may come in: the occurrence that runs or comes next, early and grace included.

    An ad-hoc conference has an end, but no start.
    """
    if conference.cancelled_at is not None:
        return Window(None, None, over=True)
    if conference.kind == Kind.ADHOC:
        ends = conference.closes_at
        over = conference.ended_at is not None or (ends is not None and ends <= now)
        return Window(None, ends, over=over)
    if conference.kind == Kind.ROOM:
        return Window(None, None, over=False)
    found = occurrence(conference, now=now)
    if found is None:
        return Window(None, None, over=True)
    return Window(
        found.starts_at - datetime.timedelta(minutes=conference.early_minutes),
        found.ends_at + datetime.timedelta(minutes=conference.grace_minutes),
        over=False,
        title=found.title,
    )
