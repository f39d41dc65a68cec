"""The start page: for strangers what Parley is, for people what is coming."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from conferences import selectors
from conferences.models import Conference, User
from portal import access
from portal.views import presence


@dataclass(frozen=True, slots=True)
class Row:
    """One conference on the start page."""

    conference: Conference
    starts_at: datetime | None
    ends_at: datetime | None
    present: int


@dataclass(slots=True)
class Agenda:
    """What runs, what comes, what is always there."""

    running: list[Row] = field(default_factory=list)
    coming: list[Row] = field(default_factory=list)
    rooms: list[Row] = field(default_factory=list)
    #: There are others that are not listed here.
    more: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing at all."""
        return not (self.running or self.coming or self.rooms)


def home(request: HttpRequest) -> HttpResponseBase:
    """What Parley is, or what is coming."""
    if not request.user.is_authenticated:
        return render(request, "landing.html")
    return _dashboard(request)


@access.signed_in
def _dashboard(request: HttpRequest, user: User) -> HttpResponse:
    return render(request, "home.html", {"agenda": agenda(user, now=timezone.now())})


def agenda(user: User, *, now: datetime) -> Agenda:
    """The agenda of `user` at `now`."""
    soon = selectors.soon(user, now=now)
    there = presence.counts(conference for conference, _ in soon.entries)
    found = Agenda(more=soon.more)
    for conference, occurrence in soon.entries:
        present = there.get(conference.pk, 0)
        if occurrence is None:
            row = Row(conference, None, None, present)
            (found.running if present else found.rooms).append(row)
            continue
        row = Row(conference, occurrence.starts_at, occurrence.ends_at, present)
        running = present or occurrence.starts_at <= now
        (found.running if running else found.coming).append(row)
    return found
