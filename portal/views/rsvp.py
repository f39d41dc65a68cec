"""An invitee's own pages: whether he comes, to all times or to one, and his way in.

`/i/<token>/` is for who cannot sign in: the link is the secret. Looking changes
nothing, for programs fetch links before anybody has read them.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from conferences import selectors, services, wording
from conferences.models import Answer, Invitation
from portal import access
from portal.views import occurrences

#: Times that are listed at once.
LISTED = 6


@dataclass(frozen=True, slots=True)
class Answerable:
    """One time of the series, and what was said to it."""

    name: str
    title: str
    starts_at: datetime.datetime
    ends_at: datetime.datetime
    cancelled: bool
    #: What counts for it, and whether that was said of it alone.
    answer: Answer
    alone: bool


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """Ask an invitee whether he comes, and take his answer; `on` names one time of a series."""
    invitation = selectors.invitation(token)
    if invitation is None:
        raise Http404
    one = _named(invitation, request.GET.get("on", ""))
    if request.method == "POST":
        return _answered(request, invitation, one)
    wanted = request.GET.get("answer", "")
    return _question(request, invitation, one, chosen=wanted if wanted in Answer.values else "")


def _named(invitation: Invitation, name: str) -> Answerable | None:
    if not name:
        return None
    recurrence_id = selectors.occurrence_named(name)
    found = recurrence_id and selectors.planned_one(invitation.conference, recurrence_id)
    if not found or not found.series.pattern.rule:
        raise Http404
    return _answerable(invitation, found, selectors.single_answers(invitation))


def _answerable(
    invitation: Invitation, found: selectors.Planned, single: Mapping[datetime.datetime, Answer]
) -> Answerable:
    line = selectors.occurrence_line(invitation.conference, found)
    said = single.get(found.recurrence_id)
    return Answerable(
        name=line["id"],
        title=line["title"],
        starts_at=line["starts_at"],
        ends_at=line["ends_at"],
        cancelled=line["cancelled"],
        answer=said or Answer(invitation.answer),
        alone=said is not None,
    )


def _answered(request: HttpRequest, invitation: Invitation, one: Answerable | None) -> HttpResponse:
    said = request.POST.get("answer", "")
    # "As the rest" is nothing to be said of the rest.
    if said not in Answer.values or (not said and ("answer" not in request.POST or one is None)):
        return _question(request, invitation, one, status=422)
    try:
        services.answer(
            invitation=invitation,
            answer=Answer(said),
            at=timezone.now(),
            recurrence_id=selectors.occurrence_named(one.name) if one else None,
        )
    except ValidationError:
        return _question(request, invitation, one, status=410)
    back = reverse("answer", args=[invitation.token])
    return redirect(f"{back}?on={one.name}" if one else back)


def _question(
    request: HttpRequest,
    invitation: Invitation,
    one: Answerable | None = None,
    *,
    chosen: str = "",
    status: int = 200,
) -> HttpResponse:
    conference = invitation.conference
    now = timezone.now()
    said = one.answer if one else Answer(invitation.answer)
    over = selectors.window(conference, now=now).over
    times, later = ([], "") if over or one else _times(request, invitation, now=now)
    with timezone.override(access.zone_of(conference.timezone)):
        context = {
            "conference": conference,
            "invitation": invitation,
            "one": one,
            "occurrence": one or selectors.occurrence(conference, now=now),
            "repeats": wording.repeats(conference.rrule) if conference.rrule else "",
            "later": occurrences.parts(selectors.after_present(conference, now=now)),
            "over": over or (one is not None and (one.cancelled or one.ends_at <= now)),
            "said": said,
            "said_words": said.label,
            "asked": chosen if chosen != said else "",
            "chosen": chosen or said,
            "answers": [
                (Answer.ACCEPTED, _("Yes, I come"), "check2-circle"),
                (Answer.TENTATIVE, _("Maybe"), "clock-history"),
                (Answer.DECLINED, _("No, I do not"), "x-lg"),
            ],
            "times": times,
            "later_times": later,
        }
        return render(request, "calendar/answer.html", context, status=status)


def _times(
    request: HttpRequest, invitation: Invitation, *, now: datetime.datetime
) -> tuple[list[Answerable], str]:
    """Some times of a series to come, and by what name the list goes on."""
    conference = invitation.conference
    if not (conference.rrule or conference.series):
        return [], ""
    begin = selectors.occurrence_named(request.GET.get("from", "")) or now
    planned = selectors.planned(conference, since=max(begin, now))
    found = [one for one in itertools.islice(planned, LISTED + 1) if one.series.pattern.rule]
    single = selectors.single_answers(invitation)
    times = [_answerable(invitation, one, single) for one in found]
    return times[:LISTED], times[LISTED].name if len(times) > LISTED else ""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """An invitee's own way in: under his name, without an account and without a PIN.

    Who has an account signs in as always. Looking lets nobody in.
    """
    invitation = selectors.invitation(token)
    if invitation is None:
        raise Http404
    conference = invitation.conference
    if invitation.user is not None or request.user.is_authenticated:
        return redirect("room", conference.name)
    if request.method == "POST":
        try:
            name = request.POST.get("display_name", "")
            guest = services.admit_invitee(invitation=invitation, display_name=name)
        except services.Refused:
            return _question(request, invitation, status=410)
        except ValidationError as error:
            return _welcome(request, invitation, error=" ".join(error.messages))
        selectors.keep_guest(request.session, guest)
        return redirect("room", conference.name)
    return _welcome(request, invitation)


def _welcome(request: HttpRequest, invitation: Invitation, *, error: str = "") -> HttpResponse:
    conference = invitation.conference
    now = timezone.now()
    with timezone.override(access.zone_of(conference.timezone)):
        context = {
            "conference": conference,
            "occurrence": selectors.occurrence(conference, now=now),
            "over": selectors.window(conference, now=now).over,
            "name": request.POST.get("display_name", selectors.invitee_name(invitation)),
            "error": error,
        }
        return render(request, "calendar/join.html", context, status=422 if error else 200)
