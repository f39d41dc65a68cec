"""The series of a conference that was changed from one time on: its parts, one after the other.

The conference's own row has the part that runs or comes next: what lists, pages,
phones and scripts read of it is true now. The others are `OtherSeries`. Whoever
changes a part turns the row to it first, and back when he is done; the clock turns
it when a part is over. Numbers, and so UIDs, stay with the parts.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db.models import Max
from django.utils import formats
from django.utils.translation import gettext as _

from conferences import recurrence, selectors
from conferences.models import Conference, Kind, OtherSeries
from conferences.services import terms

_FIELDS = ("title", "starts_at", "duration_minutes", "timezone", "rrule")


def turn(row: Conference, number: int) -> None:
    """Let `row` have the part of that number; what it had is one of the others. `row` is not saved.

    Call it where the row is locked, and save the row in that transaction.
    """
    if number == row.series:
        return
    other = row.others.get(number=number, cancelled=False)
    for field in _FIELDS:
        mine, theirs = getattr(row, field), getattr(other, field)
        setattr(row, field, theirs)
        setattr(other, field, mine)
    row.series, other.number = other.number, row.series
    other.save()


def turn_to_present(row: Conference, *, now: datetime.datetime) -> None:
    """Let `row` have the part that runs or comes next, or the last one."""
    recurs = row.kind == Kind.BOOKED and (row.rrule or row.series)
    if not recurs or not row.others.filter(cancelled=False).exists():
        return
    found = selectors.present(row, now=now)
    if found is not None:
        turn(row, found.number)


def split(row: Conference, before: selectors.Series, recurrence_id: datetime.datetime) -> None:
    """What of the row's part comes before that time becomes one of the others."""
    pattern = before.pattern
    OtherSeries.objects.create(
        conference=row,
        number=before.number,
        title=row.title,
        starts_at=pattern.starts_at,
        duration_minutes=round(pattern.duration.total_seconds() / 60),
        timezone=row.timezone,
        rrule=recurrence.rule_before(pattern, recurrence_id),
    )
    highest = row.others.aggregate(number=Max("number"))["number"]
    row.series = max(highest, row.series) + 1
    row.rrule = recurrence.rule_from(pattern, recurrence_id)
    row.starts_at = recurrence_id
    later = row.overrides.filter(series=before.number, recurrence_id__gte=recurrence_id)
    later.update(series=row.series)


def drop(row: Conference, numbers: Collection[int]) -> None:
    """Call off those of the others, with what had become of their times."""
    row.others.filter(number__in=numbers).update(cancelled=True)
    row.overrides.filter(series__in=numbers).delete()


def keep_in_line(
    row: Conference, before: list[selectors.Series], complaints: terms.Complaints
) -> None:
    """Let the row's part, which was changed, still lie between its neighbours of `before`.

    It ends before the next one begins, whatever its rule says; where it cannot,
    complain about ``starts_at``.
    """
    place = next(index for index, one in enumerate(before) if one.number == row.series)
    earlier, later = before[:place], before[place + 1 :]
    mine = selectors.pattern(row)
    if earlier and _last_start(earlier[-1].pattern) >= mine.starts_at:
        words = _("The times before that go on until %(day)s; begin later.")
        last = recurrence.local(_last_start(earlier[-1].pattern), earlier[-1].pattern.zone)
        complaints.say("starts_at", words % {"day": formats.date_format(last)})
    if not later:
        return
    begins = recurrence.first_start(later[0].pattern)
    check_start(row, before, mine.starts_at, complaints)
    if mine.starts_at < begins and any(one.starts_at >= begins for one in _until(mine, begins)):
        row.rrule = recurrence.rule_before(mine, begins)


def check_start(
    row: Conference,
    whole: list[selectors.Series],
    at: datetime.datetime | None,
    complaints: terms.Complaints,
) -> None:
    """Complain about a start of the row's part that lies in the one after it."""
    place = next(index for index, one in enumerate(whole) if one.number == row.series)
    later = whole[place + 1 :]
    starts_at = terms.aware(at, row.timezone)
    if later and starts_at is not None:
        following = later[0].pattern
        begins = recurrence.first_start(following)
        if starts_at >= begins:
            words = _("From %(day)s on it takes place as changed; begin earlier, or change that.")
            first = recurrence.local(begins, following.zone)
            complaints.say("starts_at", words % {"day": formats.date_format(first)})


def _until(pattern: recurrence.Pattern, at: datetime.datetime) -> list[recurrence.Occurrence]:
    """Its planned times up to the first that begins at `at` or later."""
    found = []
    for one in recurrence.planned(pattern):
        found.append(one)
        if one.starts_at >= at:
            break
    return found


def _last_start(pattern: recurrence.Pattern) -> datetime.datetime:
    """When its last time begins by its rule, which has an end."""
    return max(one.starts_at for one in recurrence.planned(pattern))


def keep_apart(row: Conference, *, now: datetime.datetime, field: str = "") -> None:
    """Raise `ValidationError` where one of its times to come begins before another has ended.

    It is about `field`, else about the length.
    """
    found = selectors.all_occurrences(row, after=now)
    for one, other in itertools.pairwise(found):
        if other.starts_at < one.ends_at:
            words = _("Two of its times would overlap: %(one)s and %(other)s.")
            told = {
                key: formats.date_format(recurrence.local(at, row.timezone), "DAY_YEAR_TIME_FORMAT")
                for key, at in (("one", one.starts_at), ("other", other.starts_at))
            }
            raise ValidationError({field or "duration_minutes": words % told})
