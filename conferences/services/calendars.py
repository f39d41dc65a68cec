"""Booking out of a calendar program (RFC 4791): an event put there is a conference.

What a program puts is compared with what is booked, and what differs is
carried out by the services of the pages, in one transaction: all of it, or
nothing and a sentence that says why.
"""

from __future__ import annotations

import datetime
from itertools import chain
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock
from django.utils.translation import gettext as _

from conferences import invitations, policy, recurrence, selectors
from conferences.models import (
    Answer,
    CalendarObject,
    Conference,
    Mail,
    MailKind,
    MailState,
    User,
    Way,
)
from conferences.services import attending, bookings, occurrences, readings, rsvp
from conferences.services.attending import NOT_YOURS
from conferences.services.names import Invitee
from conferences.services.readings import Attending, CalendarRefused, Wanted
from conferences.services.refused import Refused


def put_calendar_object(*, user: User, name: str, octets: bytes) -> bool:
    """Book or change what the object of that address says; whether it is new.

    Raises `CalendarRefused`; then nothing has changed.
    """
    wanted = readings.read(octets, zone=user.zone)
    try:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=user.pk)
            found = selectors.calendar_object(user, name)
            if found is None:
                _without_mails(_book(user, name, wanted), wanted)
            elif _may_change(user, found.conference):
                _change(user, found, wanted)
                _without_mails(found.conference, wanted)
            else:
                attending.answer(user, found, wanted)
    except ValidationError as error:
        raise _refusal(error) from error
    except Refused as refused:
        raise CalendarRefused("not-allowed", str(NOT_YOURS)) from refused
    return found is None


def _without_mails(row: Conference, wanted: Wanted) -> None:
    """To those whom the program invites by itself (RFC 6638 7.1) nothing is sent of this."""
    silent = {one.address.lower() for one in wanted.people if one.by_program}
    if not silent:
        return
    keys = [
        one.pk
        for one in row.invitations.select_related("user")
        if silent & {one.uri.lower(), one.email.lower(), one.user.email.lower() if one.user else ""}
    ]
    unsent = Mail.objects.filter(invitation__in=keys, state__in=[MailState.DUE, MailState.KEPT])
    unsent.filter(kind__in=[MailKind.INVITED, MailKind.CHANGED], sequence=row.sequence).delete()


@transaction.atomic
def delete_calendar_object(*, user: User, name: str, tell: bool = True) -> None:
    """Cancel what the object of that address is; an invitee declines, and has it no more.

    Unless the program wants nobody to be told (RFC 6638 8.1): then it is his alone to hide.
    Raises `CalendarRefused`, `Refused`.
    """
    found = selectors.calendar_object(user, name)
    if found is None:
        return
    if _may_change(user, found.conference):
        _cancel(user, found)
    else:
        _decline(user, found.conference, tell=tell)


def _may_change(user: User, row: Conference) -> bool:
    snapshot = selectors.snapshot(row.key)
    who = selectors.identity_of_user(user)
    return snapshot is not None and policy.may_change(snapshot, who) is None


def _decline(user: User, row: Conference, *, tell: bool) -> None:
    mine = row.invitations.filter(user=user)
    invitation = mine.first()
    if invitation is None:
        raise CalendarRefused("not-allowed", str(NOT_YOURS))
    over = selectors.window(row, now=clock.now()).over
    if tell and not over and invitation.answer != Answer.DECLINED:
        now = clock.now()
        rsvp.answer(invitation=invitation, answer=Answer.DECLINED, at=now, way=Way.CALDAV)
    mine.update(hidden=True)


def _cancel(user: User, found: selectors.Stored) -> None:
    """All of it; of one that was changed from one time on, the part that this object is."""
    row, actor = found.conference, selectors.aor(user.username)
    if len(selectors.series(row)) > 1:
        occurrences.cancel_part(conference=row, number=found.number, actor=actor, way=Way.CALDAV)
    else:
        bookings.cancel(conference=row, actor=actor, way=Way.CALDAV)


def _book(user: User, name: str, wanted: Wanted) -> Conference:
    if not user.is_organizer:
        raise CalendarRefused("not-allowed", _("You may not book conferences."))
    if len(name) > 255:
        raise CalendarRefused("cannot-be-booked", _("The name of the event is too long."))
    if wanted.cancelled:
        raise CalendarRefused("cannot-be-booked", _("A cancelled event is not booked."))
    if _is_of_others(user, wanted):
        words = _("%(who)s invites to this event; only what you organize is booked here.")
        raise CalendarRefused("not-allowed", words % {"who": wanted.host})
    other = selectors.uid_is_taken(user, wanted.uid)
    if other is not None:
        words = _("There is an event of that UID already.")
        raise CalendarRefused("no-uid-conflict", words, href=other.name)
    row = bookings.book(
        organizer=user,
        way=Way.CALDAV,
        title=wanted.title,
        starts_at=wanted.starts_at,
        duration_minutes=wanted.minutes,
        timezone=wanted.zone,
        rrule=wanted.rule,
        invitees=_invitees(user, None, wanted.people),
    )
    Conference.objects.filter(pk=row.pk).update(uid=wanted.uid)
    CalendarObject.objects.create(conference=row, owner=user, name=name, kept=wanted.kept)
    row.refresh_from_db()
    _follow(user, row, 0, wanted)
    return row


def _is_of_others(user: User, wanted: Wanted) -> bool:
    """Whether somebody else has invited him to it: programs keep such an event where they can.

    An organizer who is unknown may be an address of his own that nobody told us of.
    """
    own = _own(user)
    return (
        bool(wanted.host)
        and wanted.host.lower() not in own
        and any(one.address.lower() in own for one in wanted.people)
    )


def _own(user: User) -> set[str]:
    """How he is named as ORGANIZER and ATTENDEE, in lower case."""
    return {one.lower().removeprefix("mailto:") for one in invitations.objects.addresses(user)}


def _change(user: User, found: selectors.Stored, wanted: Wanted) -> None:
    row = found.conference
    if wanted.uid != invitations.uid(row, found.number):
        words = _("The UID of an event stays the same.")
        raise CalendarRefused("no-uid-conflict", words, href=found.name)
    if wanted.cancelled:
        _cancel(user, found)
        return
    before = next(one for one in selectors.series(row) if one.number == found.number)
    changes = readings.differing(before, wanted)
    invitees = _invitees(user, row, wanted.people)
    if invitees != _listed(row):
        changes["invitees"] = invitees
    if changes:
        actor = selectors.aor(user.username)
        bookings.change(conference=row, actor=actor, way=Way.CALDAV, part=found.number, **changes)
    if wanted.kept != found.kept and found.number == 0 and row.organizer_id == user.pk:
        CalendarObject.objects.update_or_create(
            conference=row, defaults={"owner": user, "name": found.name, "kept": wanted.kept}
        )
    _follow(user, row, found.number, wanted)


def _listed(row: Conference) -> list[Invitee]:
    return [
        Invitee(one.uri, one.email, policy.Role(one.role), one.dial_out)
        for one in row.invitations.select_related("user").order_by("pk")
    ]


def _invitees(user: User, row: Conference | None, people: list[Attending]) -> list[Invitee]:
    """The list: those who are on it stay what they are, unless the program says otherwise."""
    organizer = (row.organizer if row else user) or user
    own = _own(organizer)
    known = {}
    if row is not None:
        for one in row.invitations.select_related("user").order_by("pk"):
            address = invitations.objects.address(one).removeprefix("mailto:")
            known[address.lower()] = Invitee(
                one.uri, one.email, policy.Role(one.role), one.dial_out
            )
    found = {}
    for said in people:
        address = said.address.lower()
        if address not in own:
            found[address] = _invitee(said, known.get(address))
    return sorted(found.values(), key=lambda one: _place(known, one))


def _place(known: dict[str, Invitee], one: Invitee) -> int:
    """Who is on the list keeps his place; the new come behind, as they were named."""
    key = (one.uri, one.email)
    places = [(old.uri, old.email) for old in known.values()]
    return places.index(key) if key in places else len(places)


_ROLES = {"CHAIR": policy.Role.MODERATOR, "NON-PARTICIPANT": policy.Role.LISTENER}


def _invitee(said: Attending, known: Invitee | None) -> Invitee:
    role = _ROLES.get(said.role, policy.Role.PARTICIPANT)
    if known is None:
        mail = "@" in said.address and ":" not in said.address
        return Invitee("" if mail else said.address, said.address if mail else "", role, False)
    same = (known.role in policy.COMMANDING) == (role in policy.COMMANDING)
    if same and (known.role is policy.Role.LISTENER) == (role is policy.Role.LISTENER):
        return known
    return Invitee(known.uri, known.email, role, known.dial_out)


# --- Single times ------------------------------------------------------------------


def _follow(user: User, row: Conference, number: int, wanted: Wanted) -> None:
    """Bring what became of single times to what the program wants."""
    found = next(one for one in selectors.series(row) if one.number == number)
    if not found.pattern.rule:
        if wanted.changed:
            words = _("An event that takes place once has no exceptions.")
            raise CalendarRefused("valid-calendar-object-resource", words)
        return
    said: dict[str, Any] = {"actor": selectors.aor(user.username), "way": Way.CALDAV}
    for name in sorted(found.pattern.overrides.keys() - wanted.off - wanted.changed.keys()):
        _restore(row, found, name, said)
    for name in sorted(wanted.off):
        before = found.pattern.overrides.get(name)
        if not (before and before.cancelled) and recurrence.is_planned(found.pattern, name):
            occurrences.cancel_occurrence(conference=row, recurrence_id=name, **said)
    for name, single in sorted(wanted.changed.items()):
        if name not in wanted.off:
            _change_one(row, found, name, single, said)


def _restore(
    row: Conference, found: selectors.Series, name: datetime.datetime, said: dict[str, Any]
) -> None:
    """What lies in the past stays as it was."""
    if name + found.pattern.duration > clock.now():
        occurrences.restore_occurrence(conference=row, recurrence_id=name, **said)


def _change_one(
    row: Conference,
    found: selectors.Series,
    name: datetime.datetime,
    single: readings.Single,
    said: dict[str, Any],
) -> None:
    planned = selectors.planned_one(row, name)
    if planned is None:
        words = _("The series has no time of %(name)s.") % {"name": selectors.occurrence_name(name)}
        raise CalendarRefused("valid-calendar-object-resource", words)
    now, title = planned.now, " ".join(single.title.split())
    ends_at = single.starts_at + datetime.timedelta(minutes=single.minutes)
    if now is None:
        _restore(row, found, name, said)
    if now is not None and (now.starts_at, now.ends_at, now.title or found.title) == (
        single.starts_at,
        ends_at,
        title,
    ):
        return
    occurrences.change_occurrence(
        conference=row,
        recurrence_id=name,
        title=title,
        starts_at=single.starts_at,
        duration_minutes=single.minutes,
        **said,
    )


def _refusal(error: ValidationError) -> CalendarRefused:
    """What a service complains about, as a sentence; where ports are taken, when they are not."""
    by_field = getattr(error, "error_dict", None)
    found = [*chain(*by_field.values())] if by_field is not None else error.error_list
    text = " ".join(message for one in found for message in one.messages)
    full = next((one for one in found if one.code == "full"), None)
    if full is None:
        return CalendarRefused("cannot-be-booked", text)
    free = [f"{at:%Y-%m-%d %H:%M %Z}" for at in (full.params or {}).get("free", ())]
    if free:
        text += " " + _("There is room at: %(times)s.") % {"times": ", ".join(free)}
    return CalendarRefused("no-ports", text)
