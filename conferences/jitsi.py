"""The reservation interface that Jitsi's Prosody asks (``mod_reservations``).

As https://jitsi.github.io/handbook/docs/devops-guide/reservation has it: POST
/conference, form-encoded, when the first person opens a room; 409 with
``conflict_id`` for what is booked already, which GET /conference/ID then
tells; DELETE when the room is empty. A room of a tenant, ``[tenant]room``, is
the conference ``tenant-room``; its id is ``tenant~room``, so that its own name
can be told again. The token is that of an organizer, who books what nobody has.
"""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from conferences import selectors, services
from conferences.models import Conference, Door, User

_ROOM = re.compile(r"\[(?P<tenant>[^\]~]+)\](?P<room>.+)")

Guarded = Callable[..., HttpResponse]


def _with_token(view: Callable[..., HttpResponse]) -> Guarded:
    """`view` for who sends ``Authorization: Bearer TOKEN``; wrong ones are counted."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        user = selectors.user_of_token(token.strip()) if scheme.lower() == "bearer" else None
        if user is not None:
            return view(request, user, *args, **kwargs)
        source, now = request.META.get("REMOTE_ADDR", ""), timezone.now()
        try:
            services.may_try(door=Door.API, source=source, now=now)
        except services.TooManyAttempts as refused:
            return _message(429, "Too many wrong tokens.", {"Retry-After": str(refused.wait)})
        if token:
            services.attempt_failed(door=Door.API, source=source, now=now)
        words = "Send Authorization: Bearer TOKEN with the token of an organizer."
        return _message(401, words, {"WWW-Authenticate": 'Bearer realm="Parley"'})

    return guarded


@csrf_exempt
@never_cache
@require_POST
@_with_token
def opened(request: HttpRequest, user: User) -> HttpResponse:
    """Somebody opens a room: 200 where it is booked for him now, 409 where it was, 403."""
    room = request.POST.get("name", "")
    owner = request.POST.get("mail_owner", "").replace("\0", "")
    now = timezone.now()
    starts_at = _moment(request.POST.get("start_time", ""))
    if starts_at is None or not room:
        return _message(400, "Want name, and start_time as 2048-04-20T17:55:12.000Z.")
    name = _conference_name(room)
    try:
        found = services.reserve(by=user, name=name, starts_at=starts_at, owner=owner, now=now)
    except services.Refused as refused:
        row = selectors.conference_by_name(name)
        return _message(403, services.why_not(refused, row, now=now))
    except ValidationError as error:
        return _message(403, " ".join(error.messages))
    if not found.new:
        return JsonResponse({"conflict_id": _id(room)}, status=409)
    return JsonResponse(_told(found, room, owner))


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "DELETE"])
@_with_token
def conference(request: HttpRequest, user: User, key: str) -> HttpResponse:
    """What is known of it; or the room is empty."""
    room = _room(key)
    row = selectors.conference_by_name(_conference_name(room))
    if row is None or not _may_see(user, row):
        return _message(404, "There is no such conference.")
    now = timezone.now()
    if request.method == "DELETE":
        try:
            services.release(by=user, conference=row, now=now)
        except services.Refused:
            return _message(403, "This token may not end that conference.")
        return HttpResponse(status=204)
    if selectors.window(row, now=now).over:
        return _message(404, "This conference is over.")
    organizer = row.organizer.email or row.organizer.username if row.organizer else row.creator
    return JsonResponse(_told(services.reservation(row, now=now), room, organizer))


def _may_see(user: User, row: Conference) -> bool:
    """Whoever has a token learns of what he is invited to, and of what is open to all."""
    snapshot = selectors.snapshot(row.key)
    assert snapshot is not None, "the row was read a moment ago"
    return row.admission == "open" or selectors.aor(user.username) in snapshot.roles


def _conference_name(room: str) -> str:
    found = _ROOM.fullmatch(room)
    return (f"{found['tenant']}-{found['room']}" if found else room).lower()


def _id(room: str) -> str:
    found = _ROOM.fullmatch(room)
    return f"{found['tenant']}~{found['room']}" if found else room


def _room(key: str) -> str:
    tenant, tilde, room = key.partition("~")
    return f"[{tenant}]{room}" if tilde else key


def _moment(text: str) -> datetime.datetime | None:
    """``yyyy-MM-dd'T'HH:mm:ss.SSSX``."""
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _told(found: services.Reservation, room: str, owner: str) -> dict[str, Any]:
    at = found.starts_at.astimezone(datetime.UTC)
    told: dict[str, Any] = {
        "id": _id(room),
        "name": room,
        "mail_owner": owner,
        "start_time": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",
        "duration": round(found.lasts.total_seconds()),
    }
    if found.conference.max_participants:
        told["max_occupants"] = found.conference.max_participants
    return told


def _message(status: int, text: str, fields: dict[str, str] | None = None) -> HttpResponse:
    return JsonResponse({"message": text}, status=status, headers=fields)
