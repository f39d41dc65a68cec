"""What the jobs do: claim rows, look at the clock, tell the focus, tidy up.

A row changes hands by a conditional update whose count is looked at, so any
number of workers may run any of these at the same time, twice, or late.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q

from conferences import notices, selectors
from conferences.models import (
    CallState,
    Conference,
    DisconnectionMethod,
    Event,
    Guest,
    Kind,
    Lease,
    Participant,
    Removal,
    RemovalState,
    SipAccount,
    StandingDialog,
    Waiter,
    Way,
    WrongPin,
)
from conferences.policy import ConferenceId, ParticipantKey
from conferences.services import (
    accounts,
    answers,
    attempts,
    capacity,
    dialogs,
    dialouts,
    mails,
    parts,
    persons,
    recordings,
    records,
    registrations,
    sounds,
    synced,
    traces,
    waiting,
    webhooks,
)
from conferences.services.calls import plan_calls

#: After this long a claimed row is told again: the notice may have been lost.
TELL_AGAIN = datetime.timedelta(seconds=5)
#: A BYE is given up after 32 s (RFC 3261 17.1.2.2, timer F); by then it is done, or never.
REMOVAL_TAKES = datetime.timedelta(seconds=60)
#: A lease this long expired was not renewed because its owner is gone.
OWNER_GONE = datetime.timedelta(seconds=60)
#: An ad-hoc conference that is empty so long after it was made has been given up.
ABANDONED = datetime.timedelta(minutes=10)
#: Two sweeps, so that one that is late still sees the closing.
JUST_CLOSED = datetime.timedelta(seconds=10)
#: Rows that one sweep looks at; the next one takes the rest.
MOVED_AT_ONCE = 500
#: How long things are kept that nobody needs to act on.
KEEP_WRONG_PINS = datetime.timedelta(hours=2)
#: Longer than any occurrence for which somebody is let in.
KEEP_WAITERS = datetime.timedelta(days=10)
KEEP_GUESTS = datetime.timedelta(days=1)


def carry_out_removals(*, now: datetime.datetime) -> None:
    """Claim what is due and tell the focus; give up what nobody can carry out."""
    for removal in Removal.objects.filter(state=RemovalState.DUE).select_related("participant"):
        _carry_out(removal, now)
    carrying = Removal.objects.filter(state=RemovalState.CARRYING)
    for removal in carrying.filter(claimed_at__lte=now - REMOVAL_TAKES):
        records.removal_ended(
            removal=removal.pk, outcome="the focus did not answer", at=now.timestamp()
        )
    _tell(carrying.filter(claimed_at__lte=now - TELL_AGAIN).values_list("conference_id", flat=True))


@transaction.atomic
def _carry_out(removal: Removal, now: datetime.datetime) -> None:
    mine = Removal.objects.filter(pk=removal.pk, state=RemovalState.DUE)
    if mine.update(state=RemovalState.CARRYING, claimed_at=now) != 1:
        return
    why_not = ""
    if removal.participant.left_at is not None:
        why_not = "has left already"
    elif not _served(removal.conference_id, now):
        why_not = "no focus serves the conference"
    if why_not:
        records.removal_ended(removal=removal.pk, outcome=why_not, at=now.timestamp())
    notices.conference_changed(removal.conference_id)


def _served(conference: int, now: datetime.datetime) -> bool:
    return Lease.objects.filter(conference_id=conference, expires_at__gt=now).exists()


def _tell(conferences: Iterable[int]) -> None:
    for pk in set(conferences):
        notices.conference_changed(pk)


def open_and_close(*, now: datetime.datetime) -> None:
    """What the clock does: calls become due, endings are completed, ghosts leave."""
    _move_on(now)
    _plan_next_occurrences(now)
    if dialouts.planned(now).update(state=CallState.DUE):
        notices.wake("place_calls")
    leased = Lease.objects.filter(expires_at__gt=now).values("conference_id")
    for row in Conference.objects.exclude(end_by="").exclude(pk__in=leased):
        records.conference_ended(conference=row.key, at=now.timestamp(), by=row.end_by)
    _tell_that_time_is_over(now)
    _close_ghosts(now)
    _end_abandoned(now)


def _move_on(now: datetime.datetime) -> None:
    """What is over gives way to what comes next, for lists to be ordered by."""
    rows = Conference.objects.filter(kind=Kind.BOOKED, cancelled_at__isnull=True)
    rows = rows.filter(Q(closes_at__isnull=True) | Q(closes_at__gt=now))
    rows = rows.filter(Q(next_until__lte=now) | Q(next_until__isnull=True))
    for row in rows.prefetch_related("overrides", "others")[:MOVED_AT_ONCE]:
        with transaction.atomic():
            row.refresh_from_db(from_queryset=Conference.objects.select_for_update())
            parts.turn_to_present(row, now=now)
            found = selectors.occurrence(row, now=now)
            grace = datetime.timedelta(minutes=row.grace_minutes)
            row.next_until = found.ends_at + grace if found else row.closes_at
            row.save()


def _plan_next_occurrences(now: datetime.datetime) -> None:
    recurring = (
        Conference.objects.filter(Q(closes_at__isnull=True) | Q(closes_at__gt=now))
        .filter(kind=Kind.BOOKED, cancelled_at__isnull=True, invitations__dial_out=True)
        .exclude(rrule="")
        .exclude(calls__state=CallState.PLANNED)
        .select_related("organizer")
        .distinct()
    )
    for row in recurring:
        by = selectors.aor(row.organizer.username) if row.organizer else row.creator
        plan_calls(row, by=by, way=Way.CLOCK, now=now)


def _tell_that_time_is_over(now: datetime.datetime) -> None:
    """The focus of a booking that has just closed looks at its snapshot again."""
    for row in Conference.objects.exclude(kind=Kind.ROOM).filter(lease__expires_at__gt=now):
        closes_at = selectors.window(row, now=now - JUST_CLOSED).closes_at
        if closes_at is not None and closes_at <= now:
            notices.conference_changed(row.pk)


def _close_ghosts(now: datetime.datetime) -> None:
    """Whoever a vanished process served is not there any more."""
    leased = Lease.objects.filter(expires_at__gt=now - OWNER_GONE).values("conference_id")
    gone = StandingDialog.objects.filter(at__lte=now - OWNER_GONE)
    gone.exclude(conference_id__in=leased).delete()
    ghosts = Participant.objects.filter(
        left_at__isnull=True, joined_at__lte=now - OWNER_GONE
    ).exclude(conference_id__in=leased)
    for row in ghosts:
        records.participant_left(
            conference=ConferenceId(row.conference_id),
            key=ParticipantKey(row.key),
            method=DisconnectionMethod.FAILED,
            by="",
            reason="the server that served the call is gone",
            at=now.timestamp(),
        )
    waiters = Waiter.objects.filter(since__lte=now - OWNER_GONE)
    waiting.nobody_waits(waiters.exclude(conference_id__in=leased), at=now.timestamp())


def _end_abandoned(now: datetime.datetime) -> None:
    """An ad-hoc conference that nobody is in, or serves, ends and gives its ports back."""
    leased = Lease.objects.filter(expires_at__gt=now - OWNER_GONE).values("conference_id")
    here = Participant.objects.filter(left_at__isnull=True).values("conference_id")
    adhoc = Conference.objects.filter(kind=Kind.ADHOC, ended_at__isnull=True)
    abandoned = adhoc.filter(created_at__lte=now - ABANDONED)
    for row in abandoned.exclude(pk__in=leased).exclude(pk__in=here):
        records.conference_ended(conference=row.key, at=now.timestamp(), by="")


def prune(*, now: datetime.datetime) -> None:
    """Delete what nobody needs any more."""
    SipAccount.objects.filter(expires_at__lte=now).delete()
    Guest.objects.filter(expires_at__lte=now - KEEP_GUESTS).delete()
    WrongPin.objects.filter(at__lte=now - KEEP_WRONG_PINS).delete()
    Waiter.objects.filter(left_at__lte=now - KEEP_WAITERS).delete()
    if settings.HISTORY_KEPT:
        Event.objects.filter(at__lte=now - settings.HISTORY_KEPT).delete()
        persons.prune_history(now=now, kept=settings.HISTORY_KEPT)
    if settings.ADHOC_KEPT:
        old = Conference.objects.filter(kind=Kind.ADHOC, ended_at__lte=now - settings.ADHOC_KEPT)
        persons.delete_conferences(old)
    capacity.prune_holds(now=now)
    recordings.prune_recordings(now=now)
    sounds.prune_sounds(now=now)
    mails.prune_mails(now=now)
    traces.prune_traces(now=now)
    registrations.prune_registrations(now=now)
    attempts.prune_attempts(now=now)
    answers.prune_answers(now=now)
    webhooks.prune_deliveries(now=now)
    synced.prune_calendar_states(now=now)
    accounts.prune_links(now=now)
    dialogs.prune_gateways(now=now)
    Session.objects.filter(expire_date__lte=now).delete()
