"""`/c/<name>/`: the door and the room.

Whoever opens the link gets the one page that fits him: the room, a form for
his name or the PIN, or a door that says why it is shut and when it opens.
A stranger in front of a conference that takes no guests is asked to sign in,
whether there is such a conference or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from conferences import forms, policy, selectors, services
from conferences.models import (
    Conference,
    DisconnectionMethod,
    Guest,
    Participant,
    RemovalState,
    User,
)
from conferences.policy import Refusal
from conferences.selectors.identities import GUEST_KEY
from portal import access
from portal.access import Visit
from portal.views import presence, story

#: How long the page's phone may register where the booking sets no end.
CREDENTIALS_LAST = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Door:
    """A door that is shut: the answer's status and what stands on it."""

    status: int
    icon: str
    title: str
    text: str
    tone: str = "warn"
    #: It may open while one waits; the page looks again by itself.
    waiting: bool = False


#: The HTTP edge's one table from a refusal to what people read.
DOORS: Mapping[Refusal, Door] = {
    Refusal.UNKNOWN: Door(404, "question-circle", "There is no such conference", "Check the link."),
    Refusal.TOO_EARLY: Door(
        200,
        "hourglass-split",
        "You are early",
        "This page opens by itself when the time has come.",
        waiting=True,
    ),
    Refusal.OVER: Door(
        410, "calendar-x", "This conference is over", "There is nothing to join any more."
    ),
    Refusal.FULL: Door(
        200,
        "people-fill",
        "The conference is full",
        "This page tries again by itself; you are let in as soon as somebody leaves.",
        waiting=True,
    ),
    Refusal.LOCKED: Door(
        200,
        "lock-fill",
        "The conference is locked",
        "A moderator has closed the door. This page tries again by itself.",
        waiting=True,
    ),
    Refusal.NOT_INVITED: Door(
        403,
        "shield-lock",
        "You are not on the list",
        "This conference takes only those who were invited. Ask its organizer to add you.",
    ),
    Refusal.BANNED: Door(
        403,
        "ban",
        "You may not come back",
        "A moderator has removed you from this conference for good.",
        tone="bad",
    ),
    Refusal.WRONG_PIN_TOO_OFTEN: Door(
        429,
        "hourglass-split",
        "Too many wrong PINs",
        "Wait a while before the next try. Each further wrong PIN makes the wait longer.",
        tone="bad",
        waiting=True,
    ),
    Refusal.NOT_ALLOWED: Door(
        403, "shield-lock", "You may not do that", "Only those who run this conference may."
    ),
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def room(request: HttpRequest, name: str) -> HttpResponse:
    """The page for everybody who comes by the link."""
    conference = selectors.conference_by_name(name)
    identity = access.visitor(request, conference) if conference else None
    if identity is None or conference is None:
        return _stranger(request, conference)
    snapshot = selectors.snapshot(conference.key)
    if snapshot is None:
        raise Http404
    zone = request.user.timezone if isinstance(request.user, User) else conference.timezone
    with timezone.override(access.zone_of(zone)):
        return _known(request, Visit(conference, snapshot, identity))


def _stranger(request: HttpRequest, conference: Conference | None) -> HttpResponse:
    """Nobody is signed in, or there is no such conference."""
    if request.user.is_authenticated:
        raise Http404
    if conference is None or conference.admission != policy.Admission.OPEN:
        return redirect_to_login(request.get_full_path())
    with timezone.override(access.zone_of(conference.timezone)):
        return _guest(request, conference)


def _guest(request: HttpRequest, conference: Conference) -> HttpResponse:
    """Type a name, and the PIN where there is one."""
    snapshot = selectors.snapshot(conference.key)
    if snapshot is None:
        raise Http404
    refusal = policy.when(snapshot, now=timezone.now().timestamp())
    if refusal is not None:
        return _door(request, conference, snapshot, refusal)
    form = forms.GuestForm(request.POST or None, with_pin=bool(conference.pin))
    if request.method == "POST" and form.is_valid():
        try:
            guest = services.admit_guest(
                conference=conference,
                display_name=form.cleaned_data["display_name"],
                pin=form.cleaned_data.get("pin", ""),
                source=request.META.get("REMOTE_ADDR", "") or "guest",
            )
        except services.Refused as refused:
            return _door(request, conference, snapshot, refused.refusal)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            request.session[GUEST_KEY] = guest.pk
            return redirect("room", conference.name)
    return render(request, "room/guest.html", {"conference": conference, "form": form})


def _known(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Somebody who has proved who he is: let him in, ask for the PIN, or say why not."""
    conference, snapshot = visit.conference, visit.snapshot
    refusal = policy.may_join(
        snapshot,
        visit.identity,
        present=presence.count(conference),
        now=timezone.now().timestamp(),
    )
    if refusal is not None:
        return _door(request, conference, snapshot, refusal)
    if policy.needs_pin(snapshot, visit.identity):
        return _pin(request, visit)
    return render(request, "room/room.html", _room(request, visit))


def _pin(request: HttpRequest, visit: Visit) -> HttpResponse:
    conference = visit.conference
    form = forms.PinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.check_pin(
                conference=conference, identity=visit.identity, pin=form.cleaned_data["pin"]
            )
        except services.Refused as refused:
            return _door(request, conference, visit.snapshot, refused.refusal)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect("room", conference.name)
    return render(request, "room/pin.html", {"conference": conference, "form": form})


def _door(
    request: HttpRequest, conference: Conference, snapshot: policy.Snapshot, refusal: Refusal
) -> HttpResponse:
    """The shut door. Who is not on the list does not even read the title."""
    door = DOORS[refusal]
    opens = None
    if refusal is Refusal.TOO_EARLY and snapshot.opens_at is not None:
        opens = datetime.fromtimestamp(snapshot.opens_at, tz=UTC)
    context = {
        "door": door,
        "refusal": refusal.value,
        "title": "" if refusal is Refusal.NOT_INVITED else conference.title,
        "conference": conference,
        "opens": opens,
        "opens_stamp": int(opens.timestamp()) if opens else "",
    }
    return render(request, "room/door.html", context, status=door.status)


def _room(request: HttpRequest, visit: Visit) -> dict[str, Any]:
    """The room's context: what the page's phone needs is in `config`."""
    conference = visit.conference
    phone = services.issue_phone_credentials(
        identity=visit.identity,
        **_holder(request, visit),
        until=_until(request, visit),
    )
    return {
        "conference": conference,
        "visit": visit,
        "present": presence.count(conference),
        "config": {
            "phone": asdict(phone),
            "conference": {
                "uri": selectors.conference_uri(conference),
                "name": conference.name,
                "title": conference.title,
            },
            "role": visit.snapshot.role_of(visit.identity).value,
            "commands": visit.commands,
            "api": f"/api/v1/conferences/{conference.name}",
            "standing": reverse("room_standing", args=[conference.name]),
            "csrf": get_token(request),
        },
    }


def _guest_of(request: HttpRequest) -> Guest | None:
    key = request.session.get(GUEST_KEY)
    return Guest.objects.filter(pk=key).first() if isinstance(key, int) else None


def _holder(request: HttpRequest, visit: Visit) -> dict[str, Any]:
    """Whose credentials they are: a person's or a guest's."""
    if visit.identity.is_guest:
        return {"guest": _guest_of(request)}
    return {"user": request.user}


def _until(request: HttpRequest, visit: Visit) -> datetime:
    """Until when they hold: as long as the booking lives, and the guest."""
    latest = timezone.now() + CREDENTIALS_LAST
    if visit.snapshot.closes_at is not None:
        latest = min(latest, datetime.fromtimestamp(visit.snapshot.closes_at, tz=UTC))
    guest = _guest_of(request) if visit.identity.is_guest else None
    return min(latest, guest.expires_at) if guest else latest


@never_cache
@require_safe
def standing(request: HttpRequest, name: str) -> JsonResponse:
    """How somebody stands with the conference after his call: removed by whom, or ended."""
    conference = selectors.conference_by_name(name)
    identity = access.visitor(request, conference) if conference else None
    if conference is None or identity is None:
        raise Http404
    last = (
        Participant.objects.filter(conference=conference, entity=identity.uri)
        .order_by("-joined_at", "-pk")
        .first()
    )
    if last is None:
        raise Http404
    ended = conference.events.filter(
        kind__in=("end-asked", "cancelled", "ended"), at__gte=last.joined_at
    ).first()
    by = story.names(conference, [ended.actor]) if ended and ended.actor else None
    return JsonResponse(
        {
            "removed": _removed(conference, last),
            "ended": ended is not None,
            "ended_by": by(ended.actor) if by and ended else "",
        }
    )


def _removed(conference: Conference, last: Participant) -> dict[str, Any] | None:
    """Who removed him and why; None where he was not removed."""
    removal = last.removals.exclude(state=RemovalState.FAILED).order_by("-pk").first()
    if removal is not None:
        name = removal.actor_name or story.names(conference, [removal.actor])(removal.actor)
        return {"by": name, "reason": removal.reason, "ban": removal.ban}
    if last.left_method != DisconnectionMethod.BOOTED:
        return None
    by = story.names(conference, [last.left_by])(last.left_by) if last.left_by else ""
    return {"by": by, "reason": last.left_reason, "ban": False}
