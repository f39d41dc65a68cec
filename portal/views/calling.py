"""Whom a conference calls, and how far it has got with each: for those who command."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conferences import selectors, services
from conferences.models import Call, CallState, User, Way
from portal import access
from portal.access import Visit
from portal.views import story

_OPEN = (CallState.PLANNED, CallState.DUE, CallState.CALLING)
#: For so long a call that has failed stands beside those who are there.
SHOWN = datetime.timedelta(hours=1)
#: Lines at most: a list of a thousand is called in portions.
MOST = 50

#: Why nobody came, by the status (RFC 3261 21); else the reason that was written down.
_WHY: Mapping[int, Any] = {
    404: gettext_lazy("there is no such number"),
    408: gettext_lazy("no answer"),
    480: gettext_lazy("no phone is there"),
    486: gettext_lazy("busy"),
    487: gettext_lazy("no answer"),
    600: gettext_lazy("busy"),
    603: gettext_lazy("declined"),
}


@dataclass(frozen=True, slots=True)
class Called:
    """One call out, by the public id of its job."""

    job: str
    uri: str
    name: str
    words: str
    #: It can still be called off.
    open: bool


def called(visit: Visit) -> list[Called]:
    """Those who are called, or could not be reached lately; none for who does not command."""
    if not visit.commands:
        return []
    lately = timezone.now() - SHOWN
    rows = Call.objects.filter(conference=visit.conference).filter(
        Q(state__in=_OPEN) | Q(state=CallState.FAILED, done_at__gte=lately)
    )
    calls = list(rows.order_by("due_at", "pk")[:MOST])
    if not calls:
        return []
    name = story.names(visit.conference, {one.uri for one in calls}, visit.viewer)
    return [
        Called(one.job, one.uri, name(one.uri), _words(one), one.state in _OPEN) for one in calls
    ]


def _words(call: Call) -> str:
    if call.state == CallState.FAILED:
        return _("could not be reached: %(why)s") % {"why": _why(call)}
    if call.state == CallState.CALLING:
        return _("is being called")
    if call.state == CallState.DUE:
        return _("is called next")
    if call.again_at is not None:
        words = _("%(why)s; is called again at %(time)s")
        return words % {"why": _why(call), "time": _time(call.again_at)}
    return _("is called at the start, %(time)s") % {"time": _day(call.due_at)}


def _why(call: Call) -> str:
    known = story.own_words(call.reason) or str(_WHY.get(call.status or 0, ""))
    return known or call.reason or _("no answer")


def _time(at: datetime.datetime) -> str:
    return formats.time_format(timezone.localtime(at))


def _day(at: datetime.datetime) -> str:
    return formats.date_format(timezone.localtime(at), "DAY_TIME_FORMAT")


@access.pressed("conference", "name")
@access.signed_in
def call_off(request: HttpRequest, user: User, name: str, job: str) -> HttpResponse:
    """No longer call somebody, whether it rings or is planned."""
    visit = access.commanded(user, name)
    found = selectors.call_by_job(job)
    if found is None or found.conference_id != visit.conference.pk:
        raise Http404
    services.cancel_call(job=job, actor=visit.identity, way=Way.WEB)
    messages.success(request, _("They are not called any more."))
    return redirect("conference", visit.conference.name)
