"""`/phone/`: the browser as a phone of its own, which calls and is called while it is open."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from conferences import policy, selectors, services
from conferences.models import FACTORY, Factory, User
from portal import access
from portal.views import home, in_call

#: How long the page's phone may register; whoever leaves it open longer loads it again.
CREDENTIALS_LAST = timedelta(hours=24)
#: Conferences that the page offers to call, those that are open now; and factories.
OFFERED = 6


@never_cache
@require_safe
@access.signed_in
def phone(request: HttpRequest, user: User) -> HttpResponse:
    """The phone."""
    now = timezone.now()
    credentials = services.issue_phone_credentials(
        identity=selectors.identity_of_user(user), user=user, until=now + CREDENTIALS_LAST
    )
    agenda = home.agenda(user, now=now)
    context = {
        "aor": selectors.aor(user.username),
        "open_now": [*agenda.running, *agenda.rooms][:OFFERED],
        "factories": _factories(user),
        "config": {
            "phone": asdict(credentials),
            "domain": settings.SIP_DOMAIN,
            "call": reverse("phone_call", args=["NAME"]),
            "csrf": get_token(request),
        },
    }
    return render(request, "phone/phone.html", context)


def _factories(user: User) -> list[Factory]:
    """Those besides the one that there always is, which `user` may call."""
    others = (one for one in selectors.factories() if one.active and one.name != FACTORY)
    return [one for one in others if user.is_organizer or not one.for_organizers][:OFFERED]


@never_cache
@require_safe
@access.signed_in
def call(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """The part of the page that shows a call in one conference; 404 for who may not come in."""
    conference = selectors.conference_by_name(name)
    snapshot = selectors.snapshot(conference.key) if conference else None
    identity = selectors.identity_of_user(user)
    if conference is None or snapshot is None or policy.may_subscribe(snapshot, identity):
        raise Http404
    context = in_call.context(request, conference, snapshot, identity)
    return render(request, "phone/call.html", context)
