"""Conferences are booked, changed and cancelled here.

What a form or a script says is checked by words (`_checked`), so that every
mistake is told at once and by the name of its field; what must hold whatever
the code does is in the constraints of the tables.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import Unpack

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone as clock
from django.utils.translation import gettext as _

from conferences import notices, policy, selectors
from conferences.models import (
    Admittance,
    CallState,
    Conference,
    Event,
    Invitation,
    Kind,
    Lease,
    User,
    Way,
)
from conferences.services import (
    capacity,
    changes,
    guestlists,
    mails,
    names,
    parts,
    templates,
    terms,
)
from conferences.services.calls import cancel_calls, plan_again, plan_calls
from conferences.services.occurrences import carry_overrides
from conferences.services.refused import Refused


def book(
    *,
    organizer: User,
    by: User | None = None,
    name: str = "",
    way: Way = Way.WEB,
    running: bool = False,
    like: templates.Copied | None = None,
    **said: Unpack[terms.Changes],
) -> Conference:
    """Book a conference: with `starts_at` a booking, without it a standing room.

    `by` is who books it for her as her delegate; else she does so herself. What is
    not said is as in `like`, where there is one. `running` allows a start in the
    past as long as the end is not. Raises `ValidationError` by field; about
    ``name`` with code ``taken`` where it is, with code ``full`` where the ports
    are (see `capacity.complaint`), and `Refused` where he is not her delegate.
    """
    now = clock.now()
    if by is not None and not selectors.may_book(by, organizer):
        raise Refused(policy.Refusal.NOT_ALLOWED)
    other = by if by != organizer else None
    complaints = terms.Complaints()
    with complaints.about("name"):
        name = names.checked_conference_name(name) if name else names.generated_name()
    row = like.conference() if like is not None else Conference(timezone=organizer.zone)
    row.name, row.organizer, row.booked_by, row.created_at = name, organizer, other, now
    row.number = None if name.isdigit() else names.generated_name()
    if like is not None:
        said = {"invitees": like.invitees, **said}
    listed = terms.say(row, said, complaints)
    if row.starts_at is not None:
        terms.check_start(row, complaints, now=now, running=running)
    complaints.raise_if_any()
    parts.keep_apart(row, now=now)
    try:
        with transaction.atomic():
            row.save()
            capacity.take(row, now=now)
            mails.invite(row, guestlists.write(row, listed).added, now=now)
            plan_calls(row, by=selectors.aor(organizer.username), way=way, now=now)
            _note_booked(row, other, way=way, at=now)
    except capacity.NoRoom as no_room:
        raise capacity.complaint(row, no_room, now=now) from no_room
    except IntegrityError as error:
        if not Conference.objects.filter(name=name).exists():
            raise
        taken = ValidationError(_("This name is taken; choose another one."), code="taken")
        raise ValidationError({"name": taken}) from error
    return row


def change(
    *,
    conference: Conference,
    actor: str,
    way: Way = Way.WEB,
    part: int | None = None,
    **said: Unpack[terms.Changes],
) -> Conference:
    """Change what is said about a booking. Raises `ValidationError` by field, as `book`.

    Title, time and rule are those of the `part` of that number, where a series
    was changed from one time on; of the present one where none is named.
    """
    now = clock.now()
    try:
        with transaction.atomic():
            # What others changed meanwhile stays changed, size and time above all.
            conference.refresh_from_db(from_queryset=Conference.objects.select_for_update())
            if part is None:
                parts.turn_to_present(conference, now=now)
            else:
                parts.turn(conference, part)
            _change(conference, said, actor=actor, way=way, now=now)
    except capacity.NoRoom as no_room:
        complaint = capacity.complaint(conference, no_room, now=now)
        conference.refresh_from_db()
        raise complaint from no_room
    except ValidationError:
        conference.refresh_from_db()
        raise
    return conference


def _change(
    row: Conference, said: terms.Changes, *, actor: str, way: Way, now: datetime.datetime
) -> None:
    if row.cancelled_at is not None:
        raise ValidationError(_("This conference is cancelled."))
    complaints = terms.Complaints()
    before, kind, shape = row.starts_at, row.kind, capacity.shape(row)
    told, times = mails.told(row), mails.told(row, mails.TIMES)
    pins = (row.pin, row.moderator_pin, row.personal_pins)
    series, facts = selectors.series(row), changes.facts(row)
    listed = terms.say(row, said, complaints)
    if row.starts_at is not None and row.starts_at != before:
        terms.check_start(row, complaints, now=now, running=False)
    complaints.raise_if_any()
    if capacity.shape(row) != shape:
        _carry_series(row, series, now=now)
        row.save()
        capacity.take(row, now=now)
    row.save()
    written = guestlists.write(row, listed) if listed is not None else guestlists.Written()
    guestlists.give_pins(row)
    other_pins = (row.pin, row.moderator_pin, row.personal_pins) != pins
    _forget_admitted(row, written.removed, pin_changed=other_pins)
    mails.withdraw(row, written.removed, now=now)
    if mails.told(row) != told:
        times_changed = mails.told(row, mails.TIMES) != times
        changed, gone = selectors.differing(series, selectors.series(row))
        change = mails.Change(
            changed if row.pin == pins[0] and row.kind == kind else None,
            gone=[number for number in gone if number != row.series],
            ask_again=times_changed,
            but=[one.pk for one in written.added],
        )
        mails.tell_change(row, change, now=now)
    became = {**changes.between(facts, changes.facts(row)), **changes.of_list(written)}
    number = row.series
    parts.turn_to_present(row, now=now)
    if row.series != number:
        row.save()
    mails.invite(row, written.added, now=now)
    plan_again(row, by=actor, way=way, now=now)
    if became:
        _note(row, "changed", actor=actor, way=way, at=now, became=became)
    notices.conference_changed(row.pk)


def _carry_series(
    row: Conference, before: list[selectors.Series], *, now: datetime.datetime
) -> None:
    """What became of single occurrences stays with their days; a room has no series at all.

    Nor has what takes place once any after it.
    """
    mine = next((one for one in before if one.number == row.series), None)
    if row.kind != Kind.BOOKED:
        row.overrides.all().delete()
        row.others.update(cancelled=True)
        return
    if mine is not None:
        later = before[before.index(mine) + 1 :]
        if not row.rrule:
            parts.drop(row, [one.number for one in later])
        complaints = terms.Complaints()
        parts.keep_in_line(row, before if row.rrule else before[: -len(later) or None], complaints)
        complaints.raise_if_any()
        carry_overrides(row, mine.pattern)
    parts.keep_apart(row, now=now)
    terms.close(row)


@transaction.atomic
def cancel(*, conference: Conference, actor: str, way: Way = Way.WEB) -> None:
    """Call the conference off for good. Those who are in it are sent away."""
    now = clock.now()
    todo = Conference.objects.filter(pk=conference.pk, cancelled_at__isnull=True)
    if todo.update(cancelled_at=now) != 1:
        return
    if Lease.objects.filter(conference=conference, expires_at__gt=now).exists():
        Conference.objects.filter(pk=conference.pk).update(end_by=actor)
    capacity.give_back(conference.pk)
    mails.withdraw(conference, conference.invitations.select_related("user"), now=now)
    cancel_calls(conference, CallState.PLANNED, CallState.DUE)
    _note(conference, "cancelled", actor=actor, way=way, at=now)
    notices.conference_changed(conference.pk)
    conference.refresh_from_db()


def _forget_admitted(
    row: Conference, removed: Collection[Invitation], *, pin_changed: bool
) -> None:
    """Who is off the list may no more come in; a new PIN is asked of all who gave the old."""
    gone = [selectors.aor(one.user.username) if one.user else one.uri for one in removed]
    Admittance.objects.filter(conference=row, entity__in=gone).delete()
    personal = any(one.pin for one in removed)
    if pin_changed or personal:
        Admittance.objects.filter(conference=row, pulled_in=False).delete()


def _note_booked(row: Conference, by: User | None, *, way: Way, at: datetime.datetime) -> None:
    """By whom, and for whom where that is somebody else."""
    assert row.organizer is not None, "whoever books has an account"
    organizer = selectors.aor(row.organizer.username)
    actor, target = (selectors.aor(by.username), organizer) if by else (organizer, "")
    _note(row, "booked", actor=actor, target=target, way=way, at=at)


def _note(
    conference: Conference,
    kind: str,
    *,
    actor: str,
    way: Way | str,
    at: datetime.datetime,
    target: str = "",
    became: changes.Changed | None = None,
) -> None:
    detail = {"fields": sorted(became), "changes": became} if became else {}
    Event.objects.create(
        conference=conference, at=at, kind=kind, actor=actor, target=target, way=way, detail=detail
    )
