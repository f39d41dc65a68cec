"""The waiting room: who waits, who is let in, who is not."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Body, Query, Router, Status

from conferences import policy, selectors, services
from conferences.api import access
from conferences.api.schemas.calls import LetInIn, LetInOut, RemovalIn, WaitingOut, WaitingRoomIn
from conferences.api.schemas.common import WhyIn
from conferences.policy import WaiterKey

router = Router(tags=["Rooms"])


@router.get("/conferences/{conference}/waiting", response=WaitingOut, summary="Who waits")
def waiting(request: HttpRequest, conference: str) -> dict[str, Any]:
    """Who waits to be let in, in the order of arrival. For those who command."""
    row, by = access.view(request, conference, policy.may_command)
    return {"waiting_room": row.waiting_room, "waiting": selectors.waiting(row, by)}


@router.post("/conferences/{conference}/waiting/let-in", response=LetInOut, summary="Let in")
def let_in(
    request: HttpRequest, conference: str, said: Body[LetInIn | None] = None
) -> dict[str, int]:
    """Let one in, or all who wait; 404 for one who waits no more, 409 where it is full."""
    row = access.conference(request, conference, policy.may_command)
    caller, meant = access.caller(request), said.waiter if said else None
    count = services.let_in(
        conference=row.key,
        waiter=None if meant is None else WaiterKey(meant),
        actor=caller.identity,
        way=caller.way,
    )
    return {"let_in": count}


@router.delete(
    "/conferences/{conference}/waiting/{waiter}",
    response={204: None},
    summary="Do not let one in",
)
def turn_away(
    request: HttpRequest,
    conference: str,
    waiter: str,
    why: Query[WhyIn],
    said: Body[RemovalIn | None] = None,
) -> Status[None]:
    """Send away who waits; `reason`, and `ban` against coming again, in the body or the query."""
    row = access.conference(request, conference, policy.may_command)
    caller = access.caller(request)
    services.turn_away(
        conference=row.key,
        waiter=WaiterKey(waiter),
        actor=caller.identity,
        way=caller.way,
        reason=(said.reason if said else "") or why.reason,
        ban=(said.ban if said else False) or why.ban,
    )
    return Status(204, None)


@router.post(
    "/conferences/{conference}/waiting-room", response={204: None}, summary="Have people wait"
)
def set_waiting_room(request: HttpRequest, conference: str, said: WaitingRoomIn) -> Status[None]:
    """Have people wait from now on, or no more: then all who wait come in."""
    row = access.conference(request, conference, policy.may_command)
    caller = access.caller(request)
    services.set_waiting_room(
        conference=row.key, room=said.waiting_room, actor=caller.identity, way=caller.way
    )
    return Status(204, None)
