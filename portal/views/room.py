"""`/c/<name>/`: the door and the room.

Whoever opens the link gets the page that fits him: the room, which asks for a
guest's name and for the PIN beside the sound check, or a door that says why it
is shut and when it opens. A stranger in front of a conference that takes no
guests is asked to sign in, whether there is such a conference or not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from conferences import policy, selectors, services
from conferences.models import (
    Conference,
    DisconnectionMethod,
    Guest,
    Participant,
    RemovalState,
    User,
)
from conferences.policy import Refusal
from portal import access
from portal.views import in_call, presence, story

R = TypeVar("R", bound=HttpResponse)

#: How long the page's phone may register where the booking sets no end.
CREDENTIALS_LAST = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Entrance:
    """A conference, what it is meant to be, and who stands before it (None: a stranger)."""

    conference: Conference
    snapshot: policy.Snapshot
    identity: policy.Identity | None


@dataclass(frozen=True, slots=True)
class Door:
    """A door that is shut: the answer's status and what stands on it."""

    status: int
    icon: str
    title: Any
    text: Any
    tone: str = "warn"
    #: It may open while one waits; the page looks again by itself.
    waiting: bool = False


#: The HTTP edge's one table from a refusal to what people read.
DOORS: Mapping[Refusal, Door] = {
    Refusal.UNKNOWN: Door(
        404, "question-circle", _("There is no such conference"), _("Check the link.")
    ),
    Refusal.TOO_EARLY: Door(
        200,
        "hourglass-split",
        _("You are early"),
        _("This page opens by itself when the time has come."),
        waiting=True,
    ),
    Refusal.OVER: Door(
        410, "calendar-x", _("This conference is over"), _("There is nothing to join any more.")
    ),
    Refusal.FULL: Door(
        200,
        "people-fill",
        _("The conference is full"),
        _("This page tries again by itself; you are let in as soon as somebody leaves."),
        waiting=True,
    ),
    Refusal.NEXT_BEGINS: Door(
        409,
        "clock-history",
        _("It cannot last longer"),
        _("The next time of this conference begins then."),
    ),
    Refusal.PORTS_BOOKED: Door(
        409,
        "clock-history",
        _("It cannot last longer"),
        _("Others have booked the ports for the time after it."),
    ),
    Refusal.NO_PORTS: Door(
        503,
        "people-fill",
        _("All ports are taken"),
        _("This server can carry no more calls right now. Try again later."),
    ),
    Refusal.LOCKED: Door(
        200,
        "lock-fill",
        _("The conference is locked"),
        _("A moderator has closed the door. This page tries again by itself."),
        waiting=True,
    ),
    Refusal.NOT_INVITED: Door(
        403,
        "shield-lock",
        _("You are not on the list"),
        _("This conference takes only those who were invited. Ask its organizer to add you."),
    ),
    Refusal.BANNED: Door(
        403,
        "ban",
        _("You may not come back"),
        _("A moderator has removed you from this conference for good."),
        tone="bad",
    ),
    Refusal.WRONG_PIN_TOO_OFTEN: Door(
        429,
        "hourglass-split",
        _("Too many wrong PINs"),
        _("Each further wrong PIN makes the wait longer."),
        tone="bad",
        waiting=True,
    ),
    Refusal.TARGET_NOT_ALLOWED: Door(
        403, "telephone-x", _("This address may not be called"), _("Ask whoever runs this server.")
    ),
    Refusal.TOO_MANY_CALLS: Door(
        429,
        "hourglass-split",
        _("Too many calls"),
        _("Wait a while before you call more people in."),
    ),
    Refusal.NOT_ALLOWED: Door(
        403, "shield-lock", _("You may not do that"), _("Only those who run this conference may.")
    ),
    Refusal.NOT_RECORDED: Door(
        403, "shield-lock", _("No recordings here"), _("This conference may not be recorded.")
    ),
    Refusal.LISTENS: Door(
        409, "mic-mute", _("Only listens"), _("Give another role to a listener who is to speak.")
    ),
}


@never_cache
@require_safe
def room(request: HttpRequest, name: str) -> HttpResponse:
    """The page for everybody who comes by the link."""
    conference = selectors.conference_by_name(name)
    snapshot = selectors.snapshot(conference.key) if conference else None
    identity = access.visitor(request, conference) if conference else None
    if conference is None or snapshot is None or _is_hidden(snapshot, identity):
        if request.user.is_authenticated:
            raise Http404
        return redirect_to_login(request.get_full_path())
    if identity is None and snapshot.admission is not policy.Admission.OPEN:
        return redirect_to_login(request.get_full_path())
    zone = access.zone_of(conference.timezone)
    if isinstance(request.user, User):
        zone = access.zone_for(request, request.user)
    with timezone.override(zone):
        return _room(request, Entrance(conference, snapshot, identity))


def _is_hidden(snapshot: policy.Snapshot, identity: policy.Identity | None) -> bool:
    """Whether PINs are being guessed: to all who would have to give one there is nothing here."""
    hidden = timezone.now().timestamp() < snapshot.hidden_until
    return hidden and (identity is None or policy.needs_pin(snapshot, identity))


def _room(request: HttpRequest, entrance: Entrance) -> HttpResponse:
    """The room, or the door where it is shut for whoever this is."""
    refusal = _refusal(entrance)
    if refusal is not None:
        return _door(request, entrance, refusal)
    return render(request, "room/room.html", _context(request, entrance))


def _refusal(entrance: Entrance) -> Refusal | None:
    """Why not, as far as it can be told before somebody has said who he is."""
    now = timezone.now().timestamp()
    if entrance.identity is None:
        return policy.when(entrance.snapshot, now=now)
    present = presence.count(entrance.conference)
    return policy.may_join(entrance.snapshot, entrance.identity, present=present, now=now)


@never_cache
@access.pressed("room", "name")
def enter(request: HttpRequest, name: str) -> JsonResponse:
    """A guest's name, a PIN: 200 with what his phone needs, 422, or the door's status."""
    conference = selectors.conference_by_name(name)
    if conference is None:
        raise Http404
    said = request.POST
    try:
        if isinstance(request.user, User):
            identity = selectors.identity_of_user(request.user)
            pin = said.get("pin", "")
            services.check_pin(conference=conference, identity=identity, pin=pin)
            return JsonResponse({"phone": None})
        return JsonResponse({"phone": _admit(request, conference)})
    except services.Refused as refused:
        if refused.refusal is Refusal.UNKNOWN:
            raise Http404 from refused
        door = DOORS[refused.refusal]
        wait = refused.wait if isinstance(refused, services.HeldOff) else 0
        text = f"{_wait_in_words(wait)} {door.text}" if wait else door.text
        body = {"refusal": refused.refusal.value, "title": door.title, "text": text}
        return _retry_after(JsonResponse(body, status=max(door.status, 403)), wait)
    except ValidationError as error:
        errors = {field: " ".join(words) for field, words in error.message_dict.items()}
        return JsonResponse({"errors": errors}, status=422)


def _admit(request: HttpRequest, conference: Conference) -> dict[str, str]:
    """Make a guest; one who was sent away for good does not become another one."""
    snapshot = selectors.snapshot(conference.key)
    before = access.visitor(request, conference)
    if before is not None and snapshot is not None and before.uri in snapshot.banned:
        raise services.Refused(Refusal.BANNED)
    guest = selectors.guest_of_session(request.session, conference.key)
    if guest is None or guest.invitation is None or guest.conference_id != conference.pk:
        guest = services.admit_guest(
            conference=conference,
            display_name=request.POST.get("display_name", ""),
            pin=request.POST.get("pin", ""),
            source=request.META.get("REMOTE_ADDR", "") or "guest",
            browser=_browser(request),
        )
    else:
        name = request.POST.get("display_name", "")
        guest = services.admit_invitee(invitation=guest.invitation, display_name=name)
    selectors.keep_guest(request.session, guest)
    identity = selectors.identity_of_guest(guest)
    phone = services.issue_phone_credentials(identity=identity, guest=guest, until=guest.expires_at)
    return asdict(phone)


def _browser(request: HttpRequest) -> str:
    """What tells this browser from others at its address: a digest of what its forms carry."""
    secret = request.COOKIES.get(settings.CSRF_COOKIE_NAME, "")
    return hashlib.sha256(secret.encode()).hexdigest()[:12] if secret else ""


def _door(request: HttpRequest, entrance: Entrance, refusal: Refusal) -> HttpResponse:
    """The shut door. Who is not on the list does not even read the title."""
    door = DOORS[refusal]
    stamp = entrance.snapshot.opens_at if refusal is Refusal.TOO_EARLY else None
    wait = 0
    if refusal is Refusal.WRONG_PIN_TOO_OFTEN and entrance.identity is not None:
        wait = selectors.pin_wait(entrance.conference, entrance.identity.uri, now=timezone.now())
    context = {
        "door": door,
        "refusal": refusal.value,
        "title": "" if _is_stranger(entrance) else entrance.snapshot.title,
        "opens": None if stamp is None else datetime.fromtimestamp(stamp, tz=UTC),
        "opens_stamp": _look_again(stamp, wait),
        "wait": _wait_in_words(wait) if wait else "",
    }
    response = render(request, "room/door.html", context, status=door.status)
    return _retry_after(response, wait)


def _is_stranger(entrance: Entrance) -> bool:
    return entrance.identity is not None and policy.is_stranger(
        entrance.snapshot, entrance.identity
    )


def _look_again(opens: float | None, wait: int) -> int | str:
    """When the page tries again by itself, in POSIX seconds; "" for now and then."""
    if wait:
        return int(timezone.now().timestamp()) + wait + 1
    return "" if opens is None else int(opens)


def _wait_in_words(seconds: int) -> str:
    """How long somebody who gave wrong PINs waits."""
    if seconds <= 120:
        words = ngettext(
            "The next PIN is looked at in %(count)s second.",
            "The next PIN is looked at in %(count)s seconds.",
            seconds,
        )
        return words % {"count": seconds}
    minutes = -(-seconds // 60)
    words = ngettext(
        "The next PIN is looked at in %(count)s minute.",
        "The next PIN is looked at in %(count)s minutes.",
        minutes,
    )
    return words % {"count": minutes}


def _retry_after(response: R, wait: int) -> R:
    """With the seconds after which a try makes sense (RFC 9110 10.2.3)."""
    if wait:
        response["Retry-After"] = str(wait)
    return response


def _context(request: HttpRequest, entrance: Entrance) -> dict[str, Any]:
    """The room's context; what the page's phone needs is in `config`."""
    conference, snapshot, identity = entrance.conference, entrance.snapshot, entrance.identity
    guest = identity is None or identity.is_guest
    stranger = _is_stranger(entrance)
    shown = in_call.context(request, conference, snapshot, identity)
    shown["config"] |= {
        "phone": _phone(request, entrance),
        "enter": reverse("room_enter", args=[conference.name]),
    }
    title = str(_("Conference")) if stranger else conference.title
    shown["config"]["conference"]["title"] = title
    return {
        **shown,
        "title": title,
        "identity": identity,
        "present": None if stranger else presence.count(conference),
        "asks_name": guest,
        "guest_name": identity.display_name if identity and guest else "",
        "hides_from_moderators": snapshot.anonymity is policy.Anonymity.STRICT,
        "has_pin": policy.has_pin(snapshot),
        "asks_pin": policy.needs_pin(snapshot, identity) if identity else policy.has_pin(snapshot),
    }


def _phone(request: HttpRequest, entrance: Entrance) -> dict[str, str] | None:
    """Credentials for the page; none for somebody who has not said his name yet."""
    if entrance.identity is None:
        return None
    user = request.user if isinstance(request.user, User) else None
    guest = None if user else selectors.guest_of_session(request.session, entrance.conference.key)
    phone = services.issue_phone_credentials(
        identity=entrance.identity, user=user, guest=guest, until=_until(entrance.snapshot, guest)
    )
    return asdict(phone)


def _until(snapshot: policy.Snapshot, guest: Guest | None) -> datetime:
    """Until when they hold: as long as the booking lives, and the guest."""
    latest = timezone.now() + CREDENTIALS_LAST
    if snapshot.closes_at is not None:
        latest = min(latest, datetime.fromtimestamp(snapshot.closes_at, tz=UTC))
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
    snapshot = selectors.snapshot(conference.key)
    if last is None or snapshot is None:
        raise Http404
    ended = conference.events.filter(
        kind__in=("end-asked", "cancelled", "ended"), at__gte=last.joined_at
    ).first()
    viewer = selectors.viewer(snapshot, identity)
    by = story.names(conference, [ended.actor], viewer) if ended and ended.actor else None
    removed = _removed(conference, last, viewer)
    if removed is None and ended is None:
        removed = _put_out(conference, last, viewer)
    return JsonResponse(
        {
            "removed": removed,
            "ended": ended is not None,
            "ended_by": by(ended.actor) if by and ended else "",
            "again": policy.when(snapshot, now=timezone.now().timestamp()) is None,
        }
    )


def _removed(
    conference: Conference, last: Participant, by: selectors.Viewer
) -> dict[str, Any] | None:
    """Who removed him and why; None where he was not removed."""
    removal = last.removals.exclude(state=RemovalState.FAILED).order_by("-pk").first()
    if removal is None:
        return None
    name = story.names(conference, [removal.actor], by)(removal.actor)
    if name != policy.ANONYMOUS:
        name = removal.actor_name or name
    return {"by": name, "reason": removal.reason, "ban": removal.ban}


def _put_out(
    conference: Conference, last: Participant, by: selectors.Viewer
) -> dict[str, Any] | None:
    """The same for one whom the focus sent away without such a wish."""
    if last.left_method != DisconnectionMethod.BOOTED:
        return None
    name = story.names(conference, [last.left_by], by)
    by_name = name(last.left_by) if last.left_by else ""
    return {"by": by_name, "reason": last.left_reason, "ban": False}
