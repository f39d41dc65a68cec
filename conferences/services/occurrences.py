"""One occurrence of a series, or this one and all that follow: moved, changed, called off.

An occurrence is named by its RECURRENCE-ID, the start that the rule gave it.
What becomes of one is an `Override`. A change of this one and the following
splits the series: what was before keeps its UID and ends before the change,
what comes after is a new series with a new UID (`services.parts`). The
conference stays one: name, URI, PIN and list are those of all its series.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, TypedDict, Unpack, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock
from django.utils.translation import gettext as _

from conferences import notices, recurrence, repetition, selectors
from conferences.models import Conference, Event, Override, Way
from conferences.selectors import Planned
from conferences.services import capacity, changes, mails, parts, terms
from conferences.services.calls import plan_again


class Times(TypedDict, total=False):
    """What can be said about one occurrence; what is left out, None or empty is as in the rest."""

    title: str
    starts_at: datetime.datetime | None
    duration_minutes: int | None


class SeriesTimes(Times, total=False):
    """What can be said about an occurrence and all that follow."""

    timezone: str
    rrule: str


def change_occurrence(
    *,
    conference: Conference,
    recurrence_id: datetime.datetime,
    actor: str,
    way: Way = Way.WEB,
    **said: Unpack[Times],
) -> Planned:
    """Move one occurrence, change its length, or what it is called.

    What is not said stays as it was changed before. Raises `ValidationError`
    by field, about ``starts_at`` with code ``full`` where there is no room.
    """

    def write(row: Conference, found: Planned, now: datetime.datetime) -> None:
        before = found.series.pattern.overrides.get(recurrence_id, recurrence.Override())
        if before.cancelled:
            words = _("This time is called off; restore it, then change it.")
            raise ValidationError(words, code="cancelled")
        after = _said(found, said, now=now, before=before)
        _put(row, found, after)

    return _carry_out(conference, recurrence_id, "occurrence-changed", actor, way, write)


def cancel_occurrence(
    *, conference: Conference, recurrence_id: datetime.datetime, actor: str, way: Way = Way.WEB
) -> Planned:
    """Call one occurrence off; who is in it is sent away. Raises `ValidationError`.

    One that is called off stays so, and nobody is told again.
    """

    def write(row: Conference, found: Planned, now: datetime.datetime) -> None:
        if found.now is not None:
            _not_over(found, now)
            _put(row, found, {"cancelled": True})

    return _carry_out(conference, recurrence_id, "occurrence-cancelled", actor, way, write)


def restore_occurrence(
    *, conference: Conference, recurrence_id: datetime.datetime, actor: str, way: Way = Way.WEB
) -> Planned:
    """Let it be as the rest of the series again. Raises `ValidationError`, as a change."""

    def write(row: Conference, found: Planned, now: datetime.datetime) -> None:
        if found.then.ends_at <= now:
            raise ValidationError(_("Its time in the series is over."))
        row.overrides.filter(series=found.series.number, recurrence_id=recurrence_id).delete()

    return _carry_out(conference, recurrence_id, "occurrence-restored", actor, way, write)


def change_following(
    *,
    conference: Conference,
    recurrence_id: datetime.datetime,
    actor: str,
    way: Way = Way.WEB,
    **said: Unpack[SeriesTimes],
) -> Conference:
    """Change an occurrence and all that follow. Raises `ValidationError`, as `change`.

    All that follow up to the next such change, which stays as it was made. What
    had become of single later ones stays with their days.
    """

    def write(row: Conference, found: Planned, now: datetime.datetime) -> None:
        before = found.series
        parts.turn(row, before.number)
        if recurrence_id != recurrence.first_start(before.pattern):
            _check_clocks(before.pattern, recurrence_id)
            parts.split(row, before, recurrence_id)
        facts = changes.facts_of_series(row)
        _change_series(row, before.pattern, said, now=now)
        became.update(changes.between(facts, changes.facts_of_series(row)))

    became: changes.Changed = {}
    _carry_out(conference, recurrence_id, "series-changed", actor, way, write, whole=became)
    return conference


def cancel_following(
    *, conference: Conference, recurrence_id: datetime.datetime, actor: str, way: Way = Way.WEB
) -> Conference:
    """Let the series end before this occurrence, with all later changes of it.

    Raises `ValidationError`, also where nothing comes before.
    """

    def write(row: Conference, found: Planned, now: datetime.datetime) -> None:
        _not_over(found, now)
        whole = selectors.series(row)
        place = [one.number for one in whole].index(found.series.number)
        if recurrence_id == recurrence.first_start(found.series.pattern):
            place -= 1
        if place < 0:
            raise ValidationError(_("Nothing of the series would be left; cancel the conference."))
        last = whole[place]
        parts.turn(row, last.number)
        parts.drop(row, [one.number for one in whole[place + 1 :]])
        if last.number == found.series.number:
            row.rrule = recurrence.rule_before(last.pattern, recurrence_id)
            row.overrides.filter(series=last.number, recurrence_id__gte=recurrence_id).delete()

    _carry_out(conference, recurrence_id, "series-ended", actor, way, write, whole={})
    return conference


def cancel_part(
    *, conference: Conference, number: int, actor: str, way: Way = Way.WEB
) -> Conference:
    """Call off one part of a series that was changed from one time on; the others stay.

    Raises `ValidationError`, also where it is the only one.
    """
    part = next((one for one in selectors.series(conference) if one.number == number), None)
    if part is None:
        raise ValidationError(_("The series has no such occurrence."), code="unknown")

    def write(row: Conference, _found: Planned, _now: datetime.datetime) -> None:
        others = [one.number for one in selectors.series(row) if one.number != number]
        if not others:
            raise ValidationError(_("Nothing of the series would be left; cancel the conference."))
        if row.series == number:
            parts.turn(row, others[0])
        parts.drop(row, [number])

    first = recurrence.first_start(part.pattern)
    _carry_out(conference, first, "series-ended", actor, way, write, whole={})
    return conference


class _Same(Exception):
    """What was asked for is so already: nothing is written, and nobody is told."""


Write = Callable[[Conference, Planned, datetime.datetime], None]


def _carry_out(
    conference: Conference,
    recurrence_id: datetime.datetime,
    kind: str,
    actor: str,
    way: Way,
    write: Write,
    *,
    whole: changes.Changed | None = None,
) -> Planned:
    """`write` in one transaction with the ports, the mails, the calls and the history of it.

    Of what is about the series, `whole` is what `write` has changed of it.
    """
    now = clock.now()
    wanted: recurrence.Occurrence | None = None
    try:
        with transaction.atomic():
            conference.refresh_from_db(from_queryset=Conference.objects.select_for_update())
            found = _found(conference, recurrence_id)
            before = selectors.series(conference)
            write(conference, found, now)
            changed, gone = selectors.differing(before, selectors.series(conference))
            if not (changed or gone):
                raise _Same
            parts.keep_apart(conference, now=now, field="starts_at" if whole is None else "")
            parts.turn_to_present(conference, now=now)
            terms.close(conference)
            conference.save()
            after = selectors.planned_one(conference, recurrence_id) or found
            wanted = after.now if whole is None else None
            capacity.take(conference, now=now)
            change = mails.Change(
                changed,
                gone=gone,
                ask_again=kind == "series-changed",
                recurrence_id=recurrence_id if whole is None else None,
            )
            mails.tell_change(conference, change, now=now)
            plan_again(conference, by=actor, way=way, now=now)
            _note(conference, kind, actor, way, now, found=found, after=after, whole=whole)
            notices.conference_changed(conference.pk)
    except capacity.NoRoom as no_room:
        complaint = capacity.complaint(conference, no_room, now=now, one=wanted)
        conference.refresh_from_db()
        raise complaint from no_room
    except ValidationError:
        conference.refresh_from_db()
        raise
    except _Same:
        conference.refresh_from_db()
        return _found(conference, recurrence_id)
    return after


def _found(row: Conference, recurrence_id: datetime.datetime) -> Planned:
    if row.cancelled_at is not None:
        raise ValidationError(_("This conference is cancelled."))
    found = selectors.planned_one(row, recurrence_id)
    if found is None:
        raise ValidationError(_("The series has no such occurrence."), code="unknown")
    if not found.series.pattern.rule:
        raise ValidationError(_("This conference takes place once; change the booking."))
    return found


def _not_over(found: Planned, now: datetime.datetime) -> None:
    if found.now is not None and found.now.ends_at <= now:
        raise ValidationError(_("This occurrence is over."))


def _said(
    found: Planned,
    said: Times,
    *,
    now: datetime.datetime,
    before: recurrence.Override,
) -> dict[str, Any]:
    """The columns of an `Override`, where what is said can be."""
    _not_over(found, now)
    complaints = terms.Complaints()
    pattern = found.series.pattern
    at = said.get("starts_at", before.starts_at)
    starts_at = terms.said_start(at, pattern.zone, complaints)
    usual = round(pattern.duration.total_seconds() / 60)
    if starts_at is not None and starts_at != before.starts_at and starts_at < now - terms.JUST_NOW:
        complaints.say("starts_at", _("The start lies in the past."))
    same = None if before.duration is None else round(before.duration.total_seconds() / 60)
    minutes = terms.said_minutes(said.get("duration_minutes", same), complaints)
    title = said.get("title", before.title)
    if title:
        title = terms.said_title(title, complaints)
    complaints.raise_if_any()
    return {
        "starts_at": None if starts_at == found.recurrence_id else starts_at,
        "duration_minutes": None if minutes == usual else minutes,
        "title": "" if title == found.series.title else title,
    }


def _put(row: Conference, found: Planned, columns: dict[str, Any]) -> None:
    """Write what became of it; nothing, where it is as the rest is."""
    if not any(columns.values()):
        mine = row.overrides.filter(series=found.series.number)
        mine.filter(recurrence_id=found.recurrence_id).delete()
        return
    Override.objects.update_or_create(
        conference=row,
        series=found.series.number,
        recurrence_id=found.recurrence_id,
        defaults=columns,
    )


def _check_clocks(pattern: recurrence.Pattern, recurrence_id: datetime.datetime) -> None:
    """A new series begins at the time of the day at which the old one does."""
    first, here = (_local_time(pattern, one) for one in (pattern.starts_at, recurrence_id))
    if first != here:
        raise ValidationError(
            _("The clocks change in that hour; change the next one and following.")
        )


def _local_time(pattern: recurrence.Pattern, at: datetime.datetime) -> datetime.time:
    return recurrence.local(at, pattern.zone).time()


def _change_series(
    row: Conference, before: recurrence.Pattern, said: SeriesTimes, *, now: datetime.datetime
) -> None:
    complaints = terms.Complaints()
    terms.is_in_time(said.get("starts_at"), complaints)
    complaints.raise_if_any()
    starts_at, whole = row.starts_at, selectors.series(row)
    changes = cast(terms.Changes, {"rrule": _moved_rule(row, said), **said})
    terms.say_title(row, changes, complaints)
    parts.check_start(row, whole, changes.get("starts_at"), complaints)
    complaints.raise_if_any()
    terms.say_time(row, changes, complaints)
    complaints.raise_if_any()
    if row.starts_at is None or not row.rrule:
        complaints.say("rrule", _("A series recurs; to change one occurrence, change that alone."))
    elif row.starts_at != starts_at:
        terms.check_start(row, complaints, now=now, running=False)
    complaints.raise_if_any()
    parts.keep_in_line(row, whole, complaints)
    complaints.raise_if_any()
    carry_overrides(row, before)


def _moved_rule(row: Conference, said: SeriesTimes) -> str:
    """Who moves a series from Monday to Tuesday means that of each week."""
    at = said.get("starts_at")
    if at is None or row.starts_at is None:
        return row.rrule
    zone = said.get("timezone") or row.timezone
    after = at if at.tzinfo is None else recurrence.local(at, zone)
    before = recurrence.local(row.starts_at, row.timezone)
    return repetition.moved(row.rrule, before.date(), after.date())


def carry_overrides(row: Conference, before: recurrence.Pattern) -> None:
    """Give what became of single occurrences to those of the same day in the changed series."""
    if not before.overrides:
        return
    mine = list(row.overrides.filter(series=row.series))
    after = recurrence.carried_over(before, selectors.pattern(row)) if row.rrule else {}
    row.overrides.filter(series=row.series).delete()
    kept = []
    for one in mine:
        if one.recurrence_id in after:
            one.pk, one.recurrence_id = None, after[one.recurrence_id]
            kept.append(one)
    Override.objects.bulk_create(kept)


def _note(
    row: Conference,
    kind: str,
    actor: str,
    way: Way,
    at: datetime.datetime,
    *,
    found: Planned,
    after: Planned,
    whole: changes.Changed | None,
) -> None:
    """The history names the occurrence, when it was and is, and what else has changed."""
    detail: dict[str, Any] = {"recurrence_id": selectors.occurrence_name(found.recurrence_id)}
    for key, one in (("from", found.now), ("to", after.now)):
        if one is not None:
            detail[key] = one.starts_at.isoformat()
    became = whole
    if became is None:
        became = changes.between(changes.facts_of_time(found), changes.facts_of_time(after))
    if became:
        detail["changes"] = became
    if "starts_at" in became:
        # A series that has moved knows that occurrence no more.
        detail["to"] = became["starts_at"]["to"]
    Event.objects.create(conference=row, at=at, kind=kind, actor=actor, way=way, detail=detail)
