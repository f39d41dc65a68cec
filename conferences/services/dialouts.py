"""Calls out: who may be called, when a call is placed, tried again, given up, called off.

A call is a row that changes hands by its state. The job claims it, the focus
makes the call and says how it went; whoever asked for it, or a moderator, may
call it off at any time before it is answered.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone as clock

from conferences import dialout, notices, policy, selectors
from conferences.dialout import Outcome, Who
from conferences.models import (
    Call,
    CallState,
    Conference,
    DialOutRules,
    DialTarget,
    Event,
    Kind,
    Lease,
    Participant,
    Way,
)
from conferences.policy import ConferenceId, Identity, Refusal
from conferences.services import names
from conferences.services.names import username_of
from conferences.services.refused import Refused, unless_none

#: After this long a claimed call is told again: the notice may have been lost.
TELL_AGAIN = datetime.timedelta(seconds=5)
#: A call rings at most 3 minutes (RFC 3261 16.6, timer C).
CALL_TAKES = datetime.timedelta(minutes=4)
_HOUR = datetime.timedelta(hours=1)

#: States in which a call may still come to something.
OPEN = (CallState.PLANNED, CallState.DUE, CallState.CALLING)


def rules() -> DialOutRules:
    """How calls out are made here."""
    return DialOutRules.objects.get_or_create(pk=DialOutRules.ONLY)[0]


# --- Who may be called --------------------------------------------------------------


def may_call(uri: str, *, commands: bool) -> bool:
    """Whether a target may be called at all; our own people always."""
    if username_of(uri):
        return True
    patterns = [(row.pattern, Who(row.who)) for row in DialTarget.objects.all()]
    who = dialout.verdict(patterns or dialout.UNLESS_TOLD, uri)
    return who is Who.ADDERS or (who is Who.COMMANDERS and commands)


def may_call_himself(who: Identity, uri: str) -> Refusal | None:
    """Whether somebody may call a target outside from his own phone.

    Organizers where those who command may, other people where everybody may
    who adds somebody to a conference, guests never.
    """
    if who.is_guest or not may_call(uri, commands=who.organizer):
        return Refusal.TARGET_NOT_ALLOWED
    return None


def send_on(*, call: int, uri: str) -> Refusal | None:
    """A phone sends a call of a conference's on to a target outside (302); why not, or None.

    As if whoever had the call made had asked for that target, and only where there is a line,
    which it takes then.
    """
    row = Call.objects.filter(pk=call, state=CallState.CALLING).first()
    if row is None:
        return Refusal.UNKNOWN
    commanded = commands(ConferenceId(row.conference_id), Identity(row.by))
    if not may_call(uri, commands=commanded):
        return Refusal.TARGET_NOT_ALLOWED
    with transaction.atomic():  # whoever counts the calls that run does so alone
        limits = DialOutRules.objects.select_for_update().get(pk=rules().pk)
        if _outside_now() >= limits.outside_at_once:
            return Refusal.TOO_MANY_CALLS
        Call.objects.filter(pk=call).update(sent_on=uri[:255])
    return None


def commands(conference: ConferenceId, who: Identity) -> bool:
    """Whether somebody commands a conference as far as calls out are concerned.

    Whoever dials the factory commands what that makes; he is no organizer by that.
    """
    row = Conference.objects.select_related("organizer").get(pk=conference)
    booked = row.kind != Kind.ADHOC or (row.organizer is not None and row.organizer.is_organizer)
    snapshot = selectors.snapshot(conference)
    return booked and snapshot is not None and policy.may_command(snapshot, who) is None


def check(uri: str, *, by: str, commands: bool, now: datetime.datetime) -> None:
    """Raise `Refused` for a target that may not be called, and for too many calls."""
    if not may_call(uri, commands=commands):
        raise Refused(Refusal.TARGET_NOT_ALLOWED)
    lately = Call.objects.filter(by=by, created_at__gt=now - _HOUR).exclude(way=Way.CLOCK)
    if lately.count() >= rules().calls_an_hour:
        raise Refused(Refusal.TOO_MANY_CALLS)


# --- The job ------------------------------------------------------------------------


def place_calls(*, now: datetime.datetime) -> None:
    """Claim the calls that are due and tell the focus; give up those without an answer."""
    full: set[tuple[int, bool]] = set()
    for call in Call.objects.filter(state=CallState.DUE, due_at__lte=now).order_by("due_at", "pk"):
        line = (call.conference_id, bool(username_of(call.uri)))
        if line not in full and not _place(call, now):
            full.add(line)
    calling = Call.objects.filter(state=CallState.CALLING)
    for call in calling.filter(claimed_at__lte=now - CALL_TAKES):
        call_progressed(
            call=call.pk, state=CallState.FAILED, status=408, reason="no answer", at=now.timestamp()
        )
    leased = Lease.objects.filter(expires_at__gt=now).values("conference_id")
    forgotten = calling.filter(claimed_at__lte=now - TELL_AGAIN).exclude(conference_id__in=leased)
    for pk in set(forgotten.values_list("conference_id", flat=True)):
        notices.conference_changed(pk)


def planned(now: datetime.datetime) -> QuerySet[Call]:
    """Calls whose time has come, redials among them."""
    again = Q(again_at__isnull=True) | Q(again_at__lte=now)
    return Call.objects.filter(again, state=CallState.PLANNED, due_at__lte=now)


@transaction.atomic
def _place(call: Call, now: datetime.datetime) -> bool:
    """Claim one call, if it may be made now; False where it waits for its turn."""
    # Whoever counts the calls that run does so alone.
    limits = DialOutRules.objects.select_for_update().get(pk=rules().pk)
    mine = Call.objects.filter(pk=call.pk, state=CallState.DUE)
    if call.invitation_id is not None and _put_off(call, limits, mine, now):
        return True
    if _no_line(call, limits):
        return False
    claimed = {"state": CallState.CALLING, "claimed_at": now, "sent_on": ""}
    if mine.update(**claimed, attempts=F("attempts") + 1) != 1:
        return True
    why_not = _why_not(call, now)
    if why_not:
        call_progressed(
            call=call.pk, state=CallState.FAILED, reason=why_not, at=now.timestamp(), final=True
        )
    notices.conference_changed(call.conference_id)
    return True


def _put_off(
    call: Call, limits: DialOutRules, mine: QuerySet[Call], now: datetime.datetime
) -> bool:
    """What the clock calls: not at night, and not who has come by himself."""
    here = Participant.objects.filter(
        conference_id=call.conference_id, entity=call.uri, left_at__isnull=True
    )
    if here.exists():
        mine.update(state=CallState.CANCELLED, done_at=now, reason="has joined already")
        return True
    until = dialout.quiet_until(
        now, zone=_zone(call), start=limits.quiet_from, end=limits.quiet_until
    )
    if until is not None:
        mine.update(state=CallState.PLANNED, again_at=until, reason="quiet hours")
    return until is not None


def _zone(call: Call) -> str:
    """Where it is night: the zone that the organizer has chosen, else the booking's."""
    row = call.conference
    chosen = row.organizer.timezone if row.organizer else ""
    return chosen or row.timezone


def _no_line(call: Call, limits: DialOutRules) -> bool:
    running = Call.objects.filter(state=CallState.CALLING)
    if running.filter(conference_id=call.conference_id).count() >= limits.calls_at_once:
        return True
    if username_of(call.uri):
        return False
    return _outside_now() >= limits.outside_at_once


def _outside_now() -> int:
    """Calls to telephone numbers and other domains that are being made."""
    running = Call.objects.filter(state=CallState.CALLING)
    called = running.values_list("uri", "sent_on")
    return sum(bool(sent_on) or not username_of(uri) for uri, sent_on in called)


def _why_not(call: Call, now: datetime.datetime) -> str:
    snapshot = selectors.snapshot(ConferenceId(call.conference_id), now=now)
    if snapshot is None:
        return Refusal.UNKNOWN.value
    refusal = policy.when(snapshot, now=now.timestamp())
    commanded = commands(snapshot.id, Identity(call.by))
    if refusal is None and not may_call(call.uri, commands=commanded):
        refusal = Refusal.TARGET_NOT_ALLOWED
    if refusal is None and call.uri in snapshot.banned:
        refusal = Refusal.BANNED
    return refusal.value if refusal else ""


# --- How it goes --------------------------------------------------------------------


@transaction.atomic
def call_progressed(
    *,
    call: int,
    state: str,
    at: float,
    status: int | None = None,
    reason: str = "",
    final: bool = False,
) -> None:
    """A call got an answer: still ``calling``, ``done``, ``failed`` or ``cancelled``.

    An invitee who is busy or does not answer is called again later, as often
    as the conference says; not so where it is `final`. Who answered while the
    call was being called off is in, so ``done`` comes after ``cancelled``.
    """
    to, when = CallState(state), datetime.datetime.fromtimestamp(at, tz=datetime.UTC)
    before = (*OPEN, CallState.CANCELLED) if to is CallState.DONE else OPEN
    row = (
        Call.objects.select_for_update(of=("self",))
        .select_related("conference")
        .filter(pk=call, state__in=before)
        .first()
    )
    if row is None:
        return
    row.status, row.reason, row.claimed_at = status, reason[:255], when
    row.state, row.again_at = to, None
    if to is CallState.FAILED and not final:
        row.again_at = _again(row, when)
        row.state = CallState.PLANNED if row.again_at else to
    row.done_at = None if row.state in OPEN else when
    row.save(update_fields=["status", "reason", "claimed_at", "state", "again_at", "done_at"])
    if to in OPEN:
        return
    _note(row, _KINDS[to], actor=row.asker, way=row.way, at=when)
    if Call.objects.filter(state=CallState.DUE).exists():
        notices.wake("place_calls")


_KINDS = {
    CallState.DONE: "called",
    CallState.FAILED: "call-failed",
    CallState.CANCELLED: "call-cancelled",
}


def _again(call: Call, now: datetime.datetime) -> datetime.datetime | None:
    """When an invitee is tried again; None where he is not."""
    hope = dialout.outcome(call.status)
    if call.invitation_id is None or hope is Outcome.FINAL:
        return None
    if call.attempts > call.conference.redials:
        return None
    limits = rules()
    minutes = limits.busy_minutes if hope is Outcome.BUSY else limits.no_answer_minutes
    again = now + datetime.timedelta(minutes=minutes)
    snapshot = selectors.snapshot(ConferenceId(call.conference_id), now=now)
    shut = snapshot is None or policy.when(snapshot, now=again.timestamp())
    return None if shut else again


def _note(call: Call, kind: str, *, actor: str, way: str, at: datetime.datetime) -> None:
    detail = {"job": call.job, "status": call.status, "reason": call.reason}
    if call.again_at is not None:
        detail["again_at"] = call.again_at.isoformat()
    Event.objects.create(
        conference_id=call.conference_id,
        kind=kind,
        at=at,
        actor=actor,
        target=call.uri,
        way=way,
        detail=detail,
    )


# --- Calling it off -----------------------------------------------------------------


@transaction.atomic
def cancel_call(*, job: str, actor: Identity, way: Way) -> Call:
    """Call a dial-out off, ringing or planned; one that is over stays as it is.

    For whoever asked for it and those who command. Raises `Refused`.
    """
    call = selectors.call_by_job(job)
    if call is None:
        raise Refused(Refusal.UNKNOWN)
    if call.by != actor.uri:
        unless_none(_may_command(ConferenceId(call.conference_id), actor))
    _cancel([call], actor, way)
    call.refresh_from_db()
    return call


@transaction.atomic
def cancel_calls_to(*, conference: ConferenceId, uri: str, actor: Identity, way: Way) -> int:
    """Call off what is open to `uri`, and say how many calls that were. Raises `Refused`.

    Who does not command calls off what he asked for himself.
    """
    called = names.canonical_uri(uri)
    open_calls = Call.objects.filter(conference_id=conference, uri=called, state__in=OPEN)
    if _may_command(conference, actor) is not None:
        open_calls = open_calls.filter(by=actor.uri)
        if not open_calls.exists():
            raise Refused(Refusal.NOT_ALLOWED)
    return _cancel(open_calls, actor, way)


def _may_command(conference: ConferenceId, actor: Identity) -> Refusal | None:
    snapshot = selectors.snapshot(conference)
    return Refusal.UNKNOWN if snapshot is None else policy.may_command(snapshot, actor)


def _cancel(calls: Iterable[Call], actor: Identity, way: Way) -> int:
    now, cancelled = clock.now(), 0
    reason = f"cancelled by {actor.display_name or actor.uri}"[:255]
    for call in calls:
        mine = Call.objects.filter(pk=call.pk, state__in=OPEN)
        if mine.update(state=CallState.CANCELLED, done_at=now, reason=reason) == 1:
            cancelled += 1
            call.reason, call.status = reason, None
            _note(call, "call-cancelled", actor=actor.uri, way=way, at=now)
            notices.conference_changed(call.conference_id)
    return cancelled
