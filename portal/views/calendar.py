"""Invitations and calendars: what was sent, answering by link, one's own calendar.

`/i/<token>/` and `/calendar/<token>.ics` are for mail and calendar programs,
which cannot sign in: the link is the secret. Looking at either changes
nothing, for such programs fetch links before anybody has read them.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from conferences import invitations, selectors, services, wording
from conferences.models import Answer, Invitation, Mail, User
from portal import access
from portal.views import occurrences

#: So long after its end a booking stays in somebody's calendar.
REMEMBERED = datetime.timedelta(days=90)
#: Mails that the page of a conference's invitations shows.
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail as the organizer sees it."""

    mail: Mail
    letter: invitations.Letter


@require_safe
@access.signed_in
def outbox(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """What invitees were sent, or would be if there were a mail server.

    For the organizer alone: whoever reads a letter can answer for its addressee.
    """
    visit = access.owned(user, name)
    now = timezone.now()
    sent = [
        Sent(mail, invitations.letter(mail, at=now))
        for mail in selectors.outbox(visit.conference)[:SHOWN]
    ]
    context = {"conference": visit.conference, "sent": sent, "goes_out": settings.MAIL_GOES_OUT}
    return render(request, "calendar/outbox.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """Ask an invitee whether he comes, and take his answer."""
    invitation = selectors.invitation(token)
    if invitation is None:
        raise Http404
    if request.method == "POST":
        return _answered(request, invitation)
    wanted = request.GET.get("answer", "")
    return _question(request, invitation, chosen=wanted if wanted in Answer.values else "")


def _answered(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    said = request.POST.get("answer", "")
    if said not in Answer.values or not said:
        return _question(request, invitation, status=422)
    try:
        services.answer(invitation=invitation, answer=Answer(said), at=timezone.now())
    except ValidationError:
        return _question(request, invitation, status=410)
    return redirect("answer", token=invitation.token)


def _question(
    request: HttpRequest, invitation: Invitation, *, chosen: str = "", status: int = 200
) -> HttpResponse:
    conference = invitation.conference
    now = timezone.now()
    found = selectors.occurrence(conference, now=now)
    with timezone.override(access.zone_of(conference.timezone)):
        context = {
            "conference": conference,
            "invitation": invitation,
            "occurrence": found,
            "repeats": wording.repeats(conference.rrule) if conference.rrule else "",
            "later": occurrences.parts(selectors.after_present(conference, now=now)),
            "over": selectors.window(conference, now=now).over,
            "chosen": chosen or invitation.answer,
            "answers": [
                (Answer.ACCEPTED, _("Yes, I come"), "check2-circle"),
                (Answer.TENTATIVE, _("Maybe"), "clock-history"),
                (Answer.DECLINED, _("No, I do not"), "x-lg"),
            ],
        }
        return render(request, "calendar/answer.html", context, status=status)


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


@never_cache
@require_safe
def feed(_request: HttpRequest, token: str) -> HttpResponse:
    """Somebody's bookings, for his calendar program to fetch now and then."""
    user = selectors.user_of_calendar(token)
    if user is None:
        raise Http404
    now = timezone.now()
    rows = selectors.calendar(user, since=now - REMEMBERED)
    # A calendar program says nothing of languages.
    with translation.override(user.language or settings.LANGUAGE_CODE):
        shown = [(row, invitations.way_in(row)) for row in rows]
    calendar = invitations.feed(
        shown,
        name=f"Parley: {user.get_full_name()}",
        at=now,
    )
    return HttpResponse(calendar, content_type="text/calendar; charset=utf-8")


@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def subscription(request: HttpRequest, user: User) -> HttpResponse:
    """The link to one's own calendar; a new one where the old has come into wrong hands."""
    if request.method == "POST":
        services.new_calendar_link(user)
        messages.success(request, _("This is your new link. An older one shows nothing any more."))
        return redirect("calendar")
    token = user.calendar_token
    link = f"{settings.BASE_URL}/calendar/{token}.ics" if token else ""
    context = {"link": link, "caldav": f"{settings.BASE_URL}/dav/"}
    return render(request, "calendar/subscription.html", context)
