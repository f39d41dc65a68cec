"""What is going on: the roster, dial-outs, removal, moderation, history."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Body, Query, Router, Status
from ninja.errors import HttpError

from conferences import policy, selectors, services
from conferences.api import access, occurrences
from conferences.api.schemas.bookings import CancelledOut, ExtendedOut, ExtendIn
from conferences.api.schemas.calls import (
    CalledIn,
    CallIn,
    EjectionIn,
    EjectionOut,
    JobOut,
    MoveIn,
    NewcomersIn,
    PhoneRemovalIn,
    PhonesOut,
    RemovalOut,
    RosterOut,
    TargetIn,
)
from conferences.api.schemas.common import PageIn, WhyIn
from conferences.api.schemas.records import AttendanceIn, AttendanceOut, EventsOut
from conferences.models import Call
from conferences.policy import ParticipantKey

router = Router(tags=["Rooms"])


@router.get(
    "/conferences/{conference}/participants",
    response=RosterOut,
    exclude_unset=True,
    summary="Who is there",
)
def participants(request: HttpRequest, conference: str) -> dict[str, Any]:
    """Who is there now; who wants to be anonymous is, but for those who command.

    Not for those who have to wait before they are let in, or to give a PIN.
    """
    row, by = access.view(request, conference, selectors.may_watch)
    return selectors.roster(row, by=by)


@router.post(
    "/conferences/{conference}/participants",
    response={202: JobOut},
    exclude_unset=True,
    summary="Call somebody in",
)
def call(request: HttpRequest, conference: str, said: CallIn) -> Status[dict[str, Any]]:
    """Have somebody called in; how that goes is at ``/jobs/{job}``."""
    row = access.conference(request, conference, access.may_look)
    asked = services.ask_to_call(
        conference=row.key,
        uri=said.uri,
        display_name=said.display_name,
        role=said.role,
        actor=access.caller(request).identity,
        way=access.caller(request).way,
    )
    return Status(202, selectors.job(asked))


@router.get(
    "/conferences/{conference}/phones", response=PhonesOut, summary="Where one's call can go on"
)
def phones(request: HttpRequest, conference: str) -> dict[str, Any]:
    """The caller's own registered phones that are not in this call of his."""
    row = access.conference(request, conference, access.may_look)
    who = access.caller(request).identity
    found = selectors.other_phones(row.key, who, now=timezone.now())
    return {"phones": found or []}


@router.post(
    "/conferences/{conference}/move",
    response={202: JobOut},
    exclude_unset=True,
    summary="Take one's call to another phone",
)
def move(request: HttpRequest, conference: str, said: MoveIn) -> Status[dict[str, Any]]:
    """That phone rings; when it answers, the call ends where it was (RFC 4579 5.9)."""
    row = access.conference(request, conference, access.may_look)
    caller = access.caller(request)
    asked = services.ask_to_move(
        conference=row.key, phone=said.phone, actor=caller.identity, way=caller.way
    )
    return Status(202, selectors.job(asked))


@router.get("/jobs/{job}", response=JobOut, exclude_unset=True, summary="How a call goes")
def job(request: HttpRequest, job: str) -> dict[str, Any]:
    """How a dial-out goes; for whoever asked for it, and for those who command."""
    return selectors.job(_job(request, job))


def _job(request: HttpRequest, job: str) -> Call:
    found = selectors.call_by_job(job)
    if found is None:
        raise Http404(f"There is no job {job!r}.")
    if found.by != access.caller(request).identity.uri:
        access.conference(request, found.conference.name, policy.may_command)
    return found


@router.delete("/jobs/{job}", response=JobOut, exclude_unset=True, summary="Call a call off")
def call_off(request: HttpRequest, job: str) -> dict[str, Any]:
    """Call a dial-out off while it is planned or rings; 409 once it is over."""
    caller = access.caller(request)
    _job(request, job)
    call = services.cancel_call(job=job, actor=caller.identity, way=caller.way)
    if call.state != "cancelled":
        raise HttpError(409, f"This call is over: it is {call.state}.")
    return selectors.job(call)


@router.post(
    "/conferences/{conference}/calls/cancel",
    response=CancelledOut,
    summary="Stop calling somebody",
)
def stop_calling(request: HttpRequest, conference: str, said: CalledIn) -> dict[str, int]:
    """Call off every call to `uri` that is planned or rings; 409 where there is none."""
    row = access.conference(request, conference, access.may_look)
    caller = access.caller(request)
    cancelled = services.cancel_calls_to(
        conference=row.key, uri=said.uri, actor=caller.identity, way=caller.way
    )
    if not cancelled:
        raise HttpError(409, _("Nobody of that address is being called."))
    return {"cancelled": cancelled}


@router.post(
    "/conferences/{conference}/participants/remove",
    response={202: EjectionOut},
    summary="Remove several",
)
def remove_several(request: HttpRequest, conference: str, said: EjectionIn) -> Status[Any]:
    """Send several away at once, for the same `reason`; all of them, or none."""
    row = access.conference(request, conference, access.may_look)
    keys = [ParticipantKey(one) for one in said.participants]
    removals = services.ask_to_remove_several(
        conference=row.key,
        participants=keys,
        actor=access.caller(request).identity,
        way=access.caller(request).way,
        reason=said.reason,
        ban=said.ban,
    )
    told = zip(dict.fromkeys(keys), removals, strict=True)
    return Status(
        202, {"removals": [{"participant": key, "state": one.state} for key, one in told]}
    )


@router.delete(
    "/conferences/{conference}/participants/{participant}",
    response={202: RemovalOut},
    summary="Remove somebody",
)
def remove(
    request: HttpRequest,
    conference: str,
    participant: str,
    why: Query[WhyIn],
    said: Body[PhoneRemovalIn | None] = None,
) -> Status[dict[str, Any]]:
    """Send somebody away; `reason`, `ban` and `endpoint` in the body or in the query.

    With the `entity` of one of his endpoints that phone alone goes; who may not come
    back goes with all of them.
    """
    row = access.conference(request, conference, access.may_look)
    removal = services.ask_to_remove(
        conference=row.key,
        participant=ParticipantKey(participant),
        actor=access.caller(request).identity,
        way=access.caller(request).way,
        reason=(said.reason if said else "") or why.reason,
        ban=(said.ban if said else False) or why.ban,
        endpoint=(said.endpoint if said else "") or why.endpoint,
    )
    return Status(202, {"participant": participant, "state": removal.state})


@router.post("/conferences/{conference}/mute", response={204: None}, summary="Mute one or all")
def mute(request: HttpRequest, conference: str, said: Body[TargetIn | None] = None) -> Status[None]:
    """Mute one participant, or everybody who does not command."""
    return _mute(request, conference, said, muted=True)


@router.post("/conferences/{conference}/unmute", response={204: None}, summary="Unmute one or all")
def unmute(
    request: HttpRequest, conference: str, said: Body[TargetIn | None] = None
) -> Status[None]:
    """Undo it."""
    return _mute(request, conference, said, muted=False)


def _mute(
    request: HttpRequest, conference: str, said: TargetIn | None, *, muted: bool
) -> Status[None]:
    row = access.conference(request, conference, access.may_look)
    meant = said.participant if said else None
    services.ask_to_mute(
        conference=row.key,
        participant=None if meant is None else ParticipantKey(meant),
        muted=muted,
        actor=access.caller(request).identity,
        way=access.caller(request).way,
        spare=[ParticipantKey(one) for one in said.spare] if said else (),
        newcomers=said.newcomers if said else False,
        may_unmute=said.may_unmute if said else False,
    )
    return Status(204, None)


@router.post(
    "/conferences/{conference}/newcomers", response={204: None}, summary="Mute who comes later"
)
def set_newcomers(request: HttpRequest, conference: str, said: NewcomersIn) -> Status[None]:
    """How those come in from now on who do not command, until the conference ends."""
    row = access.conference(request, conference, policy.may_command)
    caller = access.caller(request)
    services.set_newcomers(
        conference=row.key, newcomers=said.newcomers, actor=caller.identity, way=caller.way
    )
    return Status(204, None)


@router.post("/conferences/{conference}/lock", response={204: None}, summary="Lock a conference")
def lock(request: HttpRequest, conference: str) -> Status[None]:
    """Let nobody else in but those who command."""
    row = access.conference(request, conference, policy.may_command)
    services.lock(
        conference=row.key, actor=access.caller(request).identity, way=access.caller(request).way
    )
    return Status(204, None)


@router.post(
    "/conferences/{conference}/unlock", response={204: None}, summary="Unlock a conference"
)
def unlock(request: HttpRequest, conference: str) -> Status[None]:
    """Undo it."""
    row = access.conference(request, conference, policy.may_command)
    services.unlock(
        conference=row.key, actor=access.caller(request).identity, way=access.caller(request).way
    )
    return Status(204, None)


@router.post("/conferences/{conference}/extend", response=ExtendedOut, summary="Let it last longer")
def extend(
    request: HttpRequest, conference: str, said: Body[ExtendIn | None] = None
) -> dict[str, Any]:
    """What runs now ends later, where nothing follows: 409 where something does."""
    row = access.conference(request, conference, policy.may_command)
    closes_at = services.extend(
        conference=row.key,
        actor=access.caller(request).identity,
        way=access.caller(request).way,
        minutes=said.minutes if said else services.EXTENDED_BY,
    )
    return {"closes_at": closes_at}


@router.post("/conferences/{conference}/end", response={204: None}, summary="End it for all")
def end(request: HttpRequest, conference: str) -> Status[None]:
    """End it for all. A standing room may be joined again."""
    row = access.conference(request, conference, policy.may_command)
    services.end(
        conference=row.key, actor=access.caller(request).identity, way=access.caller(request).way
    )
    return Status(204, None)


@router.get("/conferences/{conference}/events", response=EventsOut, summary="What happened")
def events(
    request: HttpRequest,
    conference: str,
    window: Query[PageIn],
) -> dict[str, Any]:
    """What happened: joins, leaves, refusals, who removed whom. For those who command."""
    row, by = access.view(request, conference, policy.may_command)
    page, pages = window.page, Paginator(selectors.events(row), window.page_size)
    found = pages.get_page(page) if page <= pages.num_pages else []
    masks = selectors.aliases(row, by)
    items = [selectors.event_line(event, masks) for event in found]
    return {"events": items, "count": pages.count, "page": page, "pages": pages.num_pages}


@router.get("/conferences/{conference}/attendance", response=AttendanceOut, summary="Who was there")
def attendance(
    request: HttpRequest, conference: str, window: Query[AttendanceIn]
) -> dict[str, Any]:
    """Who was there, how, from when to when, and why he left. For those who command.

    As a table for a spreadsheet it is on the page of the conference.
    """
    row, by = access.view(request, conference, policy.may_command)
    found = occurrences.planned_of(row, window.occurrence) if window.occurrence else None
    page, pages = window.page, Paginator(selectors.attendance(row, found=found), window.page_size)
    rows = pages.get_page(page) if page <= pages.num_pages else []
    masks = selectors.aliases(row, by)
    items = [selectors.attendance_line(one, by, masks) for one in rows]
    return {"attendance": items, "count": pages.count, "page": page, "pages": pages.num_pages}
