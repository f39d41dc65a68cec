"""Invitations and calendars: what was sent, and one's own calendar.

`/calendar/<token>.ics` is for calendar programs, which cannot sign in: the link
is the secret.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from conferences import invitations, selectors, services
from conferences.models import Mail, User
from portal import access

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
