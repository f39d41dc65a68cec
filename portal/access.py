"""Who may see what: a request and a name give the conference, or 404, or 403.

Whoever organizes a conference or is invited by name sees its page; to anybody
else it is not there (404), so that nobody learns of a booking by trying names.
Somebody who sees it and may not do what he asks for gets 403.

The room is another door: it lets in whom `policy` lets in, guests included.
"""

from __future__ import annotations

import functools
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from conferences import policy, selectors, zones
from conferences.models import Conference, User

P = ParamSpec("P")

ZONE_COOKIE = "zone"


@dataclass(frozen=True, slots=True)
class Visit:
    """A conference, what it is meant to be, and who looks at it."""

    conference: Conference
    snapshot: policy.Snapshot
    identity: policy.Identity

    @property
    def commands(self) -> bool:
        """Whether he may remove, mute others, lock and end."""
        return policy.may_command(self.snapshot, self.identity) is None

    @property
    def viewer(self) -> selectors.Viewer:
        """What he may see of those who are in it."""
        return selectors.viewer(self.snapshot, self.identity)

    @property
    def owns(self) -> bool:
        """Whether he may change and cancel the booking."""
        return policy.may_change(self.snapshot, self.identity) is None


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """The zone of that name; UTC for one that this machine does not know."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")


def zone_for(request: HttpRequest, user: User) -> zoneinfo.ZoneInfo:
    """In which somebody reads times: the zone that he chose, else that of his browser.

    The pages' script keeps what the browser says in a cookie.
    """
    return zone_of(user.timezone or zones.named(request.COOKIES.get(ZONE_COOKIE, "")) or "UTC")


def signed_in(
    view: Callable[Concatenate[HttpRequest, User, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """A view for people with an account, who is handed to it; times are in his zone."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        user = request.user
        if not isinstance(user, User):
            return redirect_to_login(request.get_full_path())
        with timezone.override(zone_for(request, user)):
            return view(request, user, *args, **kwargs)

    return guarded


def pressed(
    page: str, *places: str
) -> Callable[
    [Callable[Concatenate[HttpRequest, P], HttpResponseBase]],
    Callable[Concatenate[HttpRequest, P], HttpResponseBase],
]:
    """A view behind a button, by POST alone; `page` is where the button is, by its `places`.

    Whoever comes there otherwise is led to the page: one who pressed it when his session was
    over comes back from signing in by GET, and nothing has been done yet.
    """

    def behind(
        view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @functools.wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.method == "POST":
                return view(request, *args, **kwargs)
            if request.method not in ("GET", "HEAD"):
                return HttpResponseNotAllowed(["POST"])
            messages.warning(request, _("Nothing is done yet: press the button once more."))
            return redirect(page, *[str(kwargs[one]) for one in places])

        return guarded

    return behind


def seen(user: User, name: str) -> Visit:
    """The conference for somebody who organizes it or is invited. Raises `Http404`."""
    conference = selectors.conference_by_name(name)
    snapshot = selectors.snapshot(conference.key) if conference else None
    identity = selectors.identity_of_user(user)
    if conference is None or snapshot is None or identity.uri not in snapshot.roles:
        raise Http404
    return Visit(conference, snapshot, identity)


def commanded(user: User, name: str) -> Visit:
    """The conference for somebody who may moderate it. Raises `Http404`, `PermissionDenied`."""
    visit = seen(user, name)
    if not visit.commands:
        raise PermissionDenied
    return visit


def owned(user: User, name: str) -> Visit:
    """The conference for its organizer. Raises `Http404`, `PermissionDenied`."""
    visit = seen(user, name)
    if not visit.owns:
        raise PermissionDenied
    return visit


def visitor(request: HttpRequest, conference: Conference) -> policy.Identity | None:
    """Who stands at the door of the room: a person, a guest of this conference, or nobody."""
    identity = selectors.identity_of_request_session(request.user, request.session, conference.key)
    if identity is None or identity.guest_of not in (None, conference.key):
        return None
    return identity
