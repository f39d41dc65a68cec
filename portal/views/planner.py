"""`/planner/`: the week and the month, to look at, to book in and to move things in.

Without scripts the page is the list of a week. With them it is a calendar: a
span that is dragged over leads to the form, and what is dragged elsewhere is
moved at once, or goes back with the reason. All times in it are of the
person's own zone and say no offset, because that is how the calendar shows them.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from conferences import selectors, services
from conferences.models import Conference, User
from portal import access

WEEK = datetime.timedelta(days=7)
LONGEST = datetime.timedelta(days=62)
"""The most that is asked for at once: a month with the days around it."""
MOST = 2000
"""Times that are shown at once."""


@dataclass(frozen=True, slots=True)
class Time:
    """A conference at one time, as the page shows it."""

    conference: Conference
    on: str
    title: str
    starts_at: datetime.datetime
    ends_at: datetime.datetime
    cancelled: bool
    mine: bool

    @property
    def url(self) -> str:
        """Its page."""
        if self.conference.rrule:
            return reverse("occurrence", args=[self.conference.name, self.on])
        return reverse("conference", args=[self.conference.name])


@require_safe
@access.signed_in
def planner(request: HttpRequest, user: User) -> HttpResponse:
    """The page, with the list of a week."""
    monday = _monday(request.GET.get("week", ""))
    start = timezone.make_aware(datetime.datetime.combine(monday, datetime.time()))
    end = timezone.make_aware(datetime.datetime.combine(monday + WEEK, datetime.time()))
    times = sorted(_times(user, start, end), key=lambda one: (one.starts_at, one.title))
    days = [monday + datetime.timedelta(days=number) for number in range(7)]
    context = {
        "days": [
            (day, [one for one in times if timezone.localdate(one.starts_at) == day])
            for day in days
        ],
        "before": f"{monday - WEEK:%G-W%V}",
        "after": f"{monday + WEEK:%G-W%V}",
        "config": {
            "date": monday.isoformat(),
            "now": _wall(timezone.now()),
            "zone": timezone.get_current_timezone_name(),
            "events": reverse("planner_events"),
            "move": reverse("planner_move"),
            "book": reverse("book") if user.books else "",
        },
    }
    return render(request, "calendar/planner.html", context)


@require_safe
@access.signed_in
def events(request: HttpRequest, user: User) -> HttpResponse:
    """What takes place from `start` to `end`, as FullCalendar's events; 422 for no such span."""
    start, end = _moment(request.GET.get("start", "")), _moment(request.GET.get("end", ""))
    if start is None or end is None or not start < end <= start + LONGEST:
        return JsonResponse(
            {"error": _("Say a start and an end, two months apart at most.")}, status=422
        )
    now = timezone.now()
    return JsonResponse([_event(one, now) for one in _times(user, start, end)], safe=False)


def _event(one: Time, now: datetime.datetime) -> dict[str, object]:
    return {
        "id": f"{one.conference.name}/{one.on}",
        "title": _("Called off: %(title)s") % {"title": one.title} if one.cancelled else one.title,
        "start": _wall(one.starts_at),
        "end": _wall(one.ends_at),
        "url": one.url,
        "editable": one.mine and not one.cancelled and one.starts_at > now,
        "classNames": [
            *(["fc-called-off"] if one.cancelled else []),
            *(["fc-invited"] if not one.mine else []),
        ],
        "conference": one.conference.name,
        "on": one.on if one.conference.rrule else "",
    }


@access.pressed("planner")
@access.signed_in
def move(request: HttpRequest, user: User) -> HttpResponse:
    """Move what was dragged: 204, or 422 with the reason."""
    said = request.POST
    visit = access.owned(user, said.get("conference", ""))
    starts_at = _moment(said.get("starts_at", ""))
    minutes = said.get("minutes", "")
    if starts_at is None or not (minutes.isascii() and minutes.isdigit()):
        return JsonResponse({"error": _("Say when it starts and how long it is.")}, status=422)
    try:
        _carry_out(visit, said.get("on", ""), starts_at, int(minutes))
    except ValidationError as error:
        return JsonResponse({"error": " ".join(error.messages)}, status=422)
    return HttpResponse(status=204)


def _carry_out(visit: access.Visit, on: str, starts_at: datetime.datetime, minutes: int) -> None:
    """One time of a series, or all of a booking."""
    conference, actor = visit.conference, visit.identity.uri
    if not on:
        services.change(
            conference=conference, actor=actor, starts_at=starts_at, duration_minutes=minutes
        )
        return
    recurrence_id = selectors.occurrence_named(on)
    if recurrence_id is None:
        raise Http404
    services.change_occurrence(
        conference=conference,
        recurrence_id=recurrence_id,
        actor=actor,
        starts_at=starts_at,
        duration_minutes=minutes,
    )


def _times(user: User, start: datetime.datetime, end: datetime.datetime) -> Iterator[Time]:
    found = 0
    for conference in selectors.calendar(user, since=start):
        for one in selectors.planned(conference, since=start):
            if one.then.starts_at >= end and one.recurrence_id > _last_moved(one, end):
                break
            line = selectors.occurrence_line(conference, one)
            if line["starts_at"] < end and line["ends_at"] > start:
                found += 1
                yield Time(
                    conference=conference,
                    on=line["id"],
                    title=line["title"],
                    starts_at=line["starts_at"],
                    ends_at=line["ends_at"],
                    cancelled=line["cancelled"],
                    mine=conference.organizer_id == user.pk,
                )
            if found >= MOST:
                return


def _last_moved(found: selectors.Planned, end: datetime.datetime) -> datetime.datetime:
    """The last time of its series that was moved to before `end`; `end` where none was."""
    overrides = found.series.pattern.overrides.items()
    moved = [on for on, one in overrides if one.starts_at is not None and one.starts_at < end]
    return max([*moved, end])


def _monday(text: str) -> datetime.date:
    """The first day of a week as ``2026-W48`` (ISO 8601); of this one for anything else."""
    found = re.fullmatch(r"([12][0-9]{3})-W([0-9]{2})", text)
    year, week, _ = timezone.localdate().isocalendar()
    if found:
        year, week = int(found[1]), int(found[2])
    try:
        return datetime.date.fromisocalendar(year, week, 1)
    except ValueError:  # a week that the year has not
        return datetime.date.fromisocalendar(year, 1, 1)


def _moment(text: str) -> datetime.datetime | None:
    """A wall-clock time of the person's zone; None for what is none."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    if found is None or not datetime.MINYEAR + 1 < found.year < datetime.MAXYEAR:
        return None
    return timezone.make_aware(found.replace(tzinfo=None))


def _wall(moment: datetime.datetime) -> str:
    return timezone.localtime(moment).replace(tzinfo=None).isoformat(timespec="seconds")
