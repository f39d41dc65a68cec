"""Who may not come back, and letting him come again."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Status

from conferences import policy, selectors, services
from conferences.api import access
from conferences.api.schemas.calls import BanOut

router = Router(tags=["Rooms"])


@router.get("/conferences/{conference}/bans", response=list[BanOut], summary="Who may not return")
def bans(request: HttpRequest, conference: str) -> list[dict[str, Any]]:
    """Who was removed for good, the latest first. For those who command."""
    row, by = access.view(request, conference, policy.may_command)
    return selectors.bans(row, by)


@router.delete(
    "/conferences/{conference}/bans/{ban}", response={204: None}, summary="Let one come again"
)
def lift(request: HttpRequest, conference: str, ban: int) -> Status[None]:
    """Whoever was removed for good may come again; 404 for one who may already."""
    row = access.conference(request, conference, policy.may_command)
    caller = access.caller(request)
    services.lift_ban(conference=row.key, ban=ban, actor=caller.identity, way=caller.way)
    return Status(204, None)
