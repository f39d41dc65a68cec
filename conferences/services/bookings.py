"""Conferences are booked, changed and cancelled here.

What a form or a script says is checked by words (`_checked`), so that every
mistake is told at once and by the name of its field; what must hold whatever
the code does is in the constraints of the tables.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone as clock

from conferences import notices, policy, recurrence, selectors
from conferences.models import (
    Admittance,
    Call,
    CallState,
    Conference,
    Event,
    Invitation,
    Kind,
    Lease,
    User,
    Way,
)
from conferences.services import capacity, guestlists, mails, names
from conferences.services.calls import plan_calls
from conferences.services.names import Invitee
from conferences.services.refused import Refused

DEFAULT_MINUTES = 60
#: A week: longer than any meeting, and short enough to be a typing mistake beyond.
LONGEST_MINUTES = 7 * 24 * 60
#: Somebody who has not answered so often does not want to come.
MOST_REDIALS = 10
#: Minutes before the start and after the end: at most a day.
LONGEST_MARGIN = 24 * 60
#: Years in which something can be booked; beyond it is a typing mistake.
YEARS = range(2000, 2101)
#: An ad-hoc conference is over after a day at the latest, so its ports are taken
#: for no longer.
ADHOC_LASTS = datetime.timedelta(hours=24)
#: A form is filled in minutes, so "now" may be a little ago when it arrives.
JUST_NOW = datetime.timedelta(minutes=1)

_PIN = re.compile(r"[0-9]{4,16}")


class Changes(TypedDict, total=False):
    """What can be said about a booking, at first and later; what is left out stays."""

    title: str
    starts_at: datetime.datetime | None
    duration_minutes: int | None
    timezone: str
    rrule: str
    pin: str
    max_participants: int | None
    admission: policy.Admission
    invitees: Iterable[Invitee]
    participants_may_add: bool | None
    hidden_focus: bool
    redials: int
    confirm_calls: bool
    creator_departs: policy.CreatorDeparts
    early_minutes: int
    grace_minutes: int


class _Complaints:
    """Collects what is to be mended, by field."""

    def __init__(self) -> None:
        self.found: dict[str, list[ValidationError]] = {}

    def say(self, field: str, text: str) -> None:
        self.found.setdefault(field, []).append(ValidationError(text))

    @contextmanager
    def about(self, field: str) -> Iterator[None]:
        """Turn a `ValidationError` or `BadRule` from inside into one about `field`."""
        try:
            yield
        except ValidationError as error:
            self.found.setdefault(field, []).extend(error.error_list)
        except recurrence.BadRule as error:
            self.say(field, str(error))

    def raise_if_any(self) -> None:
        if self.found:
            raise ValidationError(
                {field: ValidationError(errors) for field, errors in self.found.items()}
            )


def book(
    *,
    organizer: User,
    name: str = "",
    way: Way = Way.WEB,
    running: bool = False,
    **said: Unpack[Changes],
) -> Conference:
    """Book a conference: with `starts_at` a booking, without it a standing room.

    `running` allows a start in the past as long as the end is not. Raises
    `ValidationError` by field; about ``name`` with code ``taken`` where it is,
    with code ``full`` where the ports are (see `capacity.complaint`).
    """
    now = clock.now()
    complaints = _Complaints()
    with complaints.about("name"):
        name = names.checked_conference_name(name) if name else names.generated_name()
    row = Conference(name=name, organizer=organizer, timezone=organizer.timezone, created_at=now)
    listed = _say(row, said, complaints)
    if row.starts_at is not None:
        _check_start(row, complaints, now=now, running=running)
    complaints.raise_if_any()
    try:
        with transaction.atomic():
            row.save()
            capacity.take(row, now=now)
            mails.invite(row, guestlists.write(row, listed).added, now=now)
            plan_calls(row, by=selectors.aor(organizer.username), way=way, now=now)
            _note(row, "booked", actor=selectors.aor(organizer.username), way=way, at=now)
    except capacity.NoRoom as no_room:
        raise capacity.complaint(row, no_room, now=now) from no_room
    except IntegrityError as error:
        if not Conference.objects.filter(name=name).exists():
            raise
        taken = ValidationError("This name is taken; choose another one.", code="taken")
        raise ValidationError({"name": taken}) from error
    return row


def change(
    *, conference: Conference, actor: str, way: Way = Way.WEB, **said: Unpack[Changes]
) -> Conference:
    """Change what is said about a booking. Raises `ValidationError` by field, as `book`."""
    now = clock.now()
    try:
        with transaction.atomic():
            # What others changed meanwhile stays changed, size and time above all.
            conference.refresh_from_db(from_queryset=Conference.objects.select_for_update())
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
    row: Conference, said: Changes, *, actor: str, way: Way, now: datetime.datetime
) -> None:
    if row.cancelled_at is not None:
        raise ValidationError("This conference is cancelled.")
    complaints = _Complaints()
    before, shape = row.starts_at, capacity.shape(row)
    told, times = mails.told(row), mails.told(row, mails.TIMES)
    pin = row.pin
    listed = _say(row, said, complaints)
    if row.starts_at is not None and row.starts_at != before:
        _check_start(row, complaints, now=now, running=False)
    complaints.raise_if_any()
    row.save()
    if capacity.shape(row) != shape:
        capacity.take(row, now=now)
    written = guestlists.write(row, listed) if listed is not None else guestlists.Written()
    _forget_admitted(row, written.removed, pin_changed=row.pin != pin)
    mails.withdraw(row, written.removed, now=now)
    if mails.told(row) != told:
        times_changed = mails.told(row, mails.TIMES) != times
        new = [one.pk for one in written.added]
        mails.tell_change(row, times_changed=times_changed, but=new, now=now)
    mails.invite(row, written.added, now=now)
    _cancel_calls(row, CallState.PLANNED)
    plan_calls(row, by=actor, way=way, now=now)
    _note(row, "changed", actor=actor, way=way, at=now, fields=sorted(said))
    notices.conference_changed(row.pk)


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
    _cancel_calls(conference, CallState.PLANNED, CallState.DUE)
    _note(conference, "cancelled", actor=actor, way=way, at=now)
    notices.conference_changed(conference.pk)
    conference.refresh_from_db()


def create_adhoc(
    *,
    creator: policy.Identity,
    title: str = "",
    name: str = "",
    pin: str = "",
    max_participants: int | None = None,
) -> policy.ConferenceId:
    """A conference for now: by a call to the factory, the application, or a name of choice.

    It ends when its creator departs (RFC 4579 5.12). Everybody who signs in
    may join: the URI is the secret, passed on by him. It lasts `ADHOC_LASTS`, for
    which it takes its ports. Raises `ValidationError`, and `Refused` where the
    ports are all taken.
    """
    now = clock.now()
    if name:
        over = Conference.objects.filter(name=name.lower(), kind=Kind.ADHOC)
        over.filter(ended_at__isnull=False).update(name=names.generated_name())
        name = names.checked_conference_name(name)
    organizer = User.objects.filter(username=names.username_of(creator.uri)).first()
    row = Conference(
        name=name or names.generated_name(),
        organizer=organizer,
        creator="" if organizer else creator.uri,
        kind=Kind.ADHOC,
        admission=policy.Admission.SIGNED_IN,
        creator_departs=policy.CreatorDeparts.END,
        created_at=now,
        closes_at=now + ADHOC_LASTS,
    )
    complaints = _Complaints()
    title = title or f"Conference of {creator.display_name or creator.uri}"[:200]
    said = Changes(title=title, pin=pin, max_participants=max_participants)
    _say_title(row, said, complaints)
    _say_limits(row, said, complaints)
    complaints.raise_if_any()
    try:
        with transaction.atomic():
            row.save()
            capacity.take(row, now=now)
            _note(row, "booked", actor=creator.uri, way="", at=now)
    except capacity.NoRoom as no_room:
        raise Refused(policy.Refusal.FULL) from no_room
    return row.key


def _say(row: Conference, said: Changes, complaints: _Complaints) -> list[Invitee] | None:
    """Write what is said into `row`, complain about what cannot be; the list of the invited."""
    _say_title(row, said, complaints)
    _say_time(row, said, complaints)
    _say_limits(row, said, complaints)
    _say_who_may(row, said)
    if "creator_departs" in said:
        row.creator_departs = said["creator_departs"].value
    row.hidden_focus = said.get("hidden_focus", row.hidden_focus)
    _say_calls(row, said, complaints)
    if "invitees" not in said:
        return None if row.pk else []
    return _listed(said["invitees"], complaints)


def _say_calls(row: Conference, said: Changes, complaints: _Complaints) -> None:
    row.confirm_calls = said.get("confirm_calls", row.confirm_calls)
    row.redials = said.get("redials", row.redials)
    if not 0 <= row.redials <= MOST_REDIALS:
        complaints.say("redials", f"Want 0 to {MOST_REDIALS} tries more.")


def _say_who_may(row: Conference, said: Changes) -> None:
    """Where nobody says otherwise, participants of an open conference may add others."""
    before = row.admission if row.pk else None
    row.admission = said.get("admission", policy.Admission(row.admission)).value
    may_add = said.get("participants_may_add")
    if may_add is not None:
        row.participants_may_add = may_add
    elif row.admission != before:
        row.participants_may_add = row.admission == policy.Admission.OPEN


def _say_title(row: Conference, said: Changes, complaints: _Complaints) -> None:
    row.title = " ".join(said.get("title", row.title).split())
    if not 1 <= len(row.title) <= 200 or not row.title.isprintable():
        complaints.say("title", "Give it a title of 1 to 200 letters.")


def _say_time(row: Conference, said: Changes, complaints: _Complaints) -> None:
    row.timezone = said.get("timezone") or row.timezone
    if row.timezone not in zoneinfo.available_timezones():
        complaints.say("timezone", f"{row.timezone!r} is no time zone, as Europe/Berlin is.")
        row.timezone = "UTC"
    starts_at = said.get("starts_at", row.starts_at)
    if starts_at is not None and starts_at.year not in YEARS:
        complaints.say("starts_at", f"Want a year from {YEARS[0]} to {YEARS[-1]}.")
        return
    row.starts_at = _aware(starts_at, row.timezone)
    row.duration_minutes = said.get("duration_minutes", row.duration_minutes)
    if row.starts_at is None:
        row.kind = Kind.ADHOC if row.kind == Kind.ADHOC else Kind.ROOM
        row.duration_minutes, row.rrule = None, ""
        row.closes_at = row.closes_at if row.kind == Kind.ADHOC else None
        if said.get("rrule"):
            complaints.say("rrule", "Only a conference with a start can recur.")
        return
    row.kind = Kind.BOOKED
    row.duration_minutes = row.duration_minutes or DEFAULT_MINUTES
    if not 1 <= row.duration_minutes <= LONGEST_MINUTES:
        complaints.say("duration_minutes", f"Want 1 to {LONGEST_MINUTES} minutes.")
        return
    row.early_minutes = said.get("early_minutes", row.early_minutes)
    row.grace_minutes = said.get("grace_minutes", row.grace_minutes)
    for field, minutes in (
        ("early_minutes", row.early_minutes),
        ("grace_minutes", row.grace_minutes),
    ):
        if not 0 <= minutes <= LONGEST_MARGIN:
            complaints.say(field, f"Want 0 to {LONGEST_MARGIN} minutes.")
            return
    _say_rule(row, said, complaints)


def _say_rule(row: Conference, said: Changes, complaints: _Complaints) -> None:
    text = said.get("rrule", row.rrule)
    row.rrule = ""
    with complaints.about("rrule"):
        if text:
            row.rrule = recurrence.parse_rule(text)
            if len(row.rrule) > 255:
                raise recurrence.BadRule("a rule has 255 letters at most")
            row.starts_at = recurrence.first_start(selectors.pattern(row))
        last = recurrence.last_end(selectors.pattern(row))
        row.closes_at = last and last + datetime.timedelta(minutes=row.grace_minutes)


def _aware(at: datetime.datetime | None, zone: str) -> datetime.datetime | None:
    """`at` in UTC; one without an offset is local time of `zone`."""
    if at is None:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=zoneinfo.ZoneInfo(zone))
    return at.astimezone(datetime.UTC)


def _say_limits(row: Conference, said: Changes, complaints: _Complaints) -> None:
    row.pin = said.get("pin", row.pin).strip()
    if row.pin and _PIN.fullmatch(row.pin) is None:
        complaints.say("pin", "A PIN has 4 to 16 digits.")
    row.max_participants = said.get("max_participants", row.max_participants)
    if row.max_participants is not None and not 1 <= row.max_participants <= 100_000:
        complaints.say("max_participants", "Want a number from 1, or none.")


def _check_start(
    row: Conference, complaints: _Complaints, *, now: datetime.datetime, running: bool
) -> None:
    assert row.starts_at is not None, "only bookings are asked"
    if running:
        if row.closes_at is not None and row.closes_at <= now:
            complaints.say("starts_at", "This time is over.")
    elif row.starts_at < now - JUST_NOW:
        complaints.say("starts_at", "The start lies in the past.")


def _listed(invitees: Iterable[Invitee], complaints: _Complaints) -> list[Invitee]:
    try:
        return guestlists.checked(invitees)
    except ValidationError as error:
        complaints.found["invitees"] = error.error_list
    return []


def _forget_admitted(row: Conference, removed: Iterable[Invitation], *, pin_changed: bool) -> None:
    """Who is off the list may no more come in; a new PIN is asked of all who gave the old."""
    gone = [selectors.aor(one.user.username) if one.user else one.uri for one in removed]
    Admittance.objects.filter(conference=row, entity__in=gone).delete()
    if pin_changed:
        Admittance.objects.filter(conference=row, pulled_in=False).delete()


def _cancel_calls(conference: Conference, *states: CallState) -> None:
    Call.objects.filter(conference=conference, state__in=states).update(
        state=CallState.CANCELLED, invitation=None
    )


def _note(
    conference: Conference,
    kind: str,
    *,
    actor: str,
    way: Way | str,
    at: datetime.datetime,
    fields: list[str] | None = None,
) -> None:
    detail = {"fields": fields} if fields else {}
    Event.objects.create(
        conference=conference, at=at, kind=kind, actor=actor, way=way, detail=detail
    )
