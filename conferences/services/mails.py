"""Invitations by mail: who is told what, and the job that sends it.

A booking, a change and a cancellation write rows; the job claims each by a
conditional update and writes the mail from what is booked at that moment, so a
late one is not an outdated one. A booking's own transaction never waits for a
mail server, and a mail server's failure never undoes a booking.

Where no server is named (`EMAIL_URL`) the rows are kept for the organizer to
read, and nothing is ever sent of them.
"""

from __future__ import annotations

import datetime
import logging
import secrets
import smtplib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import F, Q, QuerySet

from conferences import invitations, notices, recurrence, selectors
from conferences.models import (
    Answer,
    Conference,
    Invitation,
    Mail,
    MailKind,
    MailState,
    OccurrenceAnswer,
    User,
)

log = logging.getLogger(__name__)

#: What a calendar or a mail says of a booking: a change of these is told to all.
TOLD = ("title", "kind", "starts_at", "duration_minutes", "timezone", "rrule", "pin")
#: Of these, those after which whoever had accepted may not be able to come.
TIMES = ("kind", "starts_at", "duration_minutes", "rrule")
#: Seconds until the next attempt, by how many there were; after the last it has failed.
PAUSES = (60, 300, 1800, 7200)
#: A claim this old belongs to a worker that is gone.
SENDING_TAKES = datetime.timedelta(minutes=10)
#: A start is looked for so long after its hold began: early entry comes before it.
REMINDED_LATE = datetime.timedelta(days=1)
#: Mails of one run; the next one takes the rest.
AT_ONCE = 100
#: How long what was sent can be looked at.
KEEP_MAILS = datetime.timedelta(days=90)


def told(conference: Conference, fields: Iterable[str] = TOLD) -> tuple[object, ...]:
    """While this is the same there is nothing to tell."""
    return tuple(getattr(conference, field) for field in fields)


def invite(conference: Conference, listed: Iterable[Invitation], *, now: datetime.datetime) -> None:
    """Write to those who are new on the list."""
    _write(conference, listed, MailKind.INVITED, now)


@dataclass(frozen=True, slots=True)
class Change:
    """What of a booking has changed, for those who are told.

    `series` are the numbers of those that are other than they were, None for
    all; `gone` those that are called off. An answer was about a time: with
    another time it is asked for again. `but` are invitations that hear of it
    for the first time.
    """

    series: Collection[int] | None = None
    gone: Collection[int] = ()
    ask_again: bool = False
    but: Collection[int] = ()
    recurrence_id: datetime.datetime | None = None


def tell_change(conference: Conference, change: Change, *, now: datetime.datetime) -> None:
    """Write to all on the list of what has changed, and of nothing else."""
    _count_change(conference)
    if change.ask_again:
        _ask_again(conference)
    kept = list(conference.invitations.select_related("user").exclude(pk__in=change.but))
    told = _going_on(conference, now) if change.series is None else list(change.series)
    _write(conference, kept, MailKind.CHANGED, now, only=told, recurrence_id=change.recurrence_id)
    _write(conference, kept, MailKind.CANCEL, now, only=list(change.gone))


def remind(*, now: datetime.datetime) -> None:
    """Write to the invitees of what begins soon, once for each start; not to who declined.

    Who is moved to another time is reminded of that one.
    """
    soon = Conference.objects.filter(
        reminder_minutes__isnull=False,
        cancelled_at__isnull=True,
        holds__starts_at__gt=now.timestamp() - REMINDED_LATE.total_seconds(),
        holds__starts_at__lte=now.timestamp() + F("reminder_minutes") * 60,
    ).prefetch_related("overrides", "others")
    for row in soon.distinct():
        found = selectors.occurrence(row, now=now)
        if found is not None and found.starts_at > now:
            _remind(row, found, now)


def _remind(row: Conference, found: recurrence.Occurrence, now: datetime.datetime) -> None:
    before = datetime.timedelta(minutes=row.reminder_minutes or 0)
    if now < found.starts_at - before:
        return
    listed = _coming(row, found)
    known = Mail.objects.filter(kind=MailKind.REMINDER, starts_at=found.starts_at)
    listed = listed.exclude(pk__in=known.filter(conference=row).values("invitation"))
    planned = selectors.planned_one(row, found.recurrence_id)
    number = planned.series.number if planned else row.series
    written = list(_about(row, listed, MailKind.REMINDER, number))
    for one in written:
        one.recurrence_id, one.starts_at = found.recurrence_id, found.starts_at
        _stamp(one, row, now)
    # Two sweeps at once write one.
    Mail.objects.bulk_create(written, ignore_conflicts=True)
    if settings.MAIL_GOES_OUT and written:
        notices.wake("send_mail")


def _coming(row: Conference, found: recurrence.Occurrence) -> QuerySet[Invitation]:
    """Who may come to that occurrence: what was said about it goes before what was said of all."""
    said = OccurrenceAnswer.objects.filter(
        invitation__conference=row, recurrence_id=found.recurrence_id
    )
    coming = said.exclude(answer=Answer.DECLINED).values("invitation")
    gone = said.filter(answer=Answer.DECLINED).values("invitation")
    listed = row.invitations.select_related("user").exclude(pk__in=gone)
    return listed.exclude(~Q(pk__in=coming), answer=Answer.DECLINED)


def _stamp(one: Mail, conference: Conference, now: datetime.datetime) -> None:
    one.sequence, one.created_at, one.due_at = conference.sequence, now, now
    one.state = MailState.DUE if settings.MAIL_GOES_OUT else MailState.KEPT


def withdraw(
    conference: Conference, listed: Iterable[Invitation], *, now: datetime.datetime
) -> None:
    """Write to those who are on the list no more, or to all, that it is cancelled for them.

    SEQUENCE grows, or calendars would pass the word over.
    """
    gone = list(listed)
    if any(_to(gone)):
        _count_change(conference)
        _write(conference, gone, MailKind.CANCEL, now)


def _ask_again(conference: Conference) -> None:
    conference.invitations.update(
        answer=Answer.NONE, answered_at=None, hidden=False, asked_sequence=conference.sequence
    )
    OccurrenceAnswer.objects.filter(invitation__conference=conference).delete()


def _count_change(conference: Conference) -> None:
    Conference.objects.filter(pk=conference.pk).update(sequence=F("sequence") + 1)
    conference.sequence += 1


def _to(listed: Iterable[Invitation]) -> Iterator[Mail]:
    """A mail to each who has an address; the others read of it on their pages."""
    for one in listed:
        address = one.email or (one.user.email if one.user else "")
        if address:
            name = one.user.get_full_name()[:100] if one.user else ""
            yield Mail(invitation=one if one.pk else None, address=address, name=name)


def _write(
    conference: Conference,
    listed: Iterable[Invitation],
    kind: MailKind,
    now: datetime.datetime,
    *,
    only: list[int] | None = None,
    recurrence_id: datetime.datetime | None = None,
) -> None:
    """Have mails about each series sent, in place of those to the same people that still wait.

    `only` says about which series; else about all that are not over. A mail
    about one occurrence is in place of those about the same one.
    """
    people = list(listed)
    numbers = _going_on(conference, now) if only is None else only
    written = [one for number in numbers for one in _about(conference, people, kind, number)]
    waiting = Mail.objects.filter(
        conference=conference,
        address__in=[one.address for one in written],
        series__in=numbers,
        state=MailState.DUE,
        attempts=0,
    )
    # Whoever has not read of it yet is invited to what it is now, or never hears of it.
    unaware = set(waiting.filter(kind=MailKind.INVITED).values_list("address", flat=True))
    if recurrence_id is not None:
        waiting = waiting.filter(recurrence_id=recurrence_id)
        written = [one for one in written if one.address not in unaware]
    waiting.delete()
    if kind == MailKind.CANCEL:
        written = [one for one in written if one.address not in unaware]
    for one in written:
        again = kind == MailKind.CHANGED and one.address in unaware
        one.kind = MailKind.INVITED if again else kind
        one.recurrence_id = recurrence_id
        _stamp(one, conference, now)
    Mail.objects.bulk_create(written)
    if settings.MAIL_GOES_OUT and written:
        notices.wake("send_mail")


def _about(
    conference: Conference, people: Iterable[Invitation], kind: MailKind, number: int
) -> Iterator[Mail]:
    for one in _to(people):
        one.conference, one.kind, one.series = conference, kind, number
        yield one


def _going_on(conference: Conference, now: datetime.datetime) -> list[int]:
    """The numbers of its series that are not over, and of the present one in any case."""
    return [
        one.number
        for one in selectors.series(conference)
        if one.number == conference.series
        or recurrence.current_or_next(one.pattern, after=now) is not None
    ] or [conference.series]


def send_mail(*, now: datetime.datetime) -> None:
    """Send what is due."""
    if not settings.MAIL_GOES_OUT:
        return
    lost = Mail.objects.filter(state=MailState.SENDING, claimed_at__lte=now - SENDING_TAKES)
    lost.update(state=MailState.DUE)
    due = Mail.objects.filter(state=MailState.DUE, due_at__lte=now).order_by("pk")
    due = due.select_related("conference__organizer", "invitation__user")
    due = due.prefetch_related(
        "conference__overrides", "conference__others", "invitation__occurrence_answers"
    )
    mails = list(due[:AT_ONCE])
    if not mails:
        return
    with get_connection() as connection:
        for mail in mails:
            _send(mail, connection, now)
    if len(mails) == AT_ONCE:
        notices.wake("send_mail")


def _send(mail: Mail, connection: BaseEmailBackend, now: datetime.datetime) -> None:
    mine = Mail.objects.filter(pk=mail.pk, state=MailState.DUE)
    if mine.update(state=MailState.SENDING, claimed_at=now) != 1:
        return
    message = invitations.message(invitations.letter(mail, at=now), mail.conference)
    message.connection = connection
    claimed = Mail.objects.filter(pk=mail.pk, state=MailState.SENDING)
    try:
        message.send()
    except (smtplib.SMTPException, OSError) as error:
        log.warning("a mail about conference %s was not taken", mail.conference_id, exc_info=True)
        _try_later(mail, str(error)[:255], now)
    else:
        claimed.update(state=MailState.SENT, done_at=now, error="")


def _try_later(mail: Mail, error: str, now: datetime.datetime) -> None:
    claimed = Mail.objects.filter(pk=mail.pk, state=MailState.SENDING)
    attempts = mail.attempts + 1
    if attempts > len(PAUSES):
        claimed.update(state=MailState.FAILED, done_at=now, attempts=attempts, error=error)
        return
    again = now + datetime.timedelta(seconds=PAUSES[attempts - 1])
    claimed.update(state=MailState.DUE, due_at=again, attempts=attempts, error=error)


def new_calendar_link(user: User) -> str:
    """A new secret for the link to his calendar; the old one is good for nothing more."""
    token = secrets.token_urlsafe(32)
    User.objects.filter(pk=user.pk).update(calendar_token=token)
    return token


def prune_mails(*, now: datetime.datetime) -> None:
    """Forget what was sent long ago."""
    Mail.objects.filter(created_at__lte=now - KEEP_MAILS).delete()
