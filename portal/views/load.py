"""How much is planned over a week: a picture, and the same as a table."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from conferences import selectors
from conferences.models import User
from conferences.selectors import Stretch
from portal import access

HOUR = datetime.timedelta(hours=1)
DAYS = 7
#: The picture's size, in its own units.
WIDTH, HEIGHT = 1008.0, 240.0
#: A scale is never shorter than this, or three ports would look like the end of the world.
SMALLEST_SCALE = 10


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the table; `most_from` and `most_until` are when the most is planned."""

    day: datetime.date
    most: int
    mine: int
    most_from: datetime.datetime
    most_until: datetime.datetime
    whole: bool
    #: Where it begins in the picture.
    x: float


@require_safe
@access.signed_in
def load(request: HttpRequest, user: User) -> HttpResponse:
    """For whoever books: all ports that are planned, and his own among them."""
    if not (user.is_organizer or user.is_staff):
        raise PermissionDenied
    monday = _week(request.GET.get("week", ""))
    days = [_hours(monday + datetime.timedelta(days=number)) for number in range(DAYS)]
    marks = [mark for hours in days for mark in hours[:-1]] + [days[-1][-1]]
    planned = selectors.load(user, marks)
    peak = max(one.ports for one in planned.stretches)
    scale = _scale(peak)
    week = datetime.timedelta(days=7)
    context = {
        "planned": planned,
        "all": _steps([one.ports for one in planned.stretches], scale),
        "mine": _steps([one.mine for one in planned.stretches], scale),
        "limit": HEIGHT * (1 - planned.bookable / scale) if planned.bookable <= scale else None,
        "days": list(_days(days, planned.stretches)),
        "peak": peak,
        "scale": scale,
        "width": WIDTH,
        "height": HEIGHT,
        "monday": monday,
        "sunday": monday + datetime.timedelta(days=6),
        "before": monday - week,
        "after": monday + week,
    }
    return render(request, "load.html", context)


def _week(text: str) -> datetime.date:
    """The Monday of that day's week; of this week where it is no day of our time."""
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        day = timezone.localdate()
    if not 2000 <= day.year <= 2100:
        day = timezone.localdate()
    return day - datetime.timedelta(days=day.weekday())


def _hours(day: datetime.date) -> list[datetime.datetime]:
    """From midnight to midnight in the active zone; 23 or 25 hours where the clocks change."""
    zone = timezone.get_current_timezone()
    begin, end = (
        datetime.datetime.combine(one, datetime.time(), tzinfo=zone).astimezone(datetime.UTC)
        for one in (day, day + datetime.timedelta(days=1))
    )
    marks = itertools.takewhile(lambda at: at < end, (begin + n * HOUR for n in itertools.count()))
    return [*marks, end]


def _scale(peak: int) -> int:
    """A round number above `peak`: 1, 2 or 5 with noughts."""
    scale = SMALLEST_SCALE
    for factor in itertools.cycle((2, 2.5, 2)):
        if scale >= peak * 1.1:
            return scale
        scale = round(scale * factor)
    raise AssertionError("there is always a longer scale")


def _steps(ports: list[int], scale: int) -> str:
    """The path of an area that steps from hour to hour (SVG 2, 9.3)."""
    width = WIDTH / len(ports)
    path = [f"M0 {HEIGHT:g}"]
    for number, one in enumerate(ports):
        path.append(f"V{HEIGHT * (1 - one / scale):.1f}H{width * (number + 1):.1f}")
    return "".join([*path, f"V{HEIGHT:g}Z"])


def _days(days: list[list[datetime.datetime]], stretches: list[Stretch]) -> Iterator[Day]:
    begin = 0
    for hours in days:
        some = stretches[begin : begin + len(hours) - 1]
        most = max(one.ports for one in some)
        busy = [one for one in some if one.ports == most]
        run = [a for a, b in itertools.takewhile(_adjoin, itertools.pairwise(busy))]
        last = busy[len(run)] if run else busy[0]
        yield Day(
            day=timezone.localtime(hours[0]).date(),
            most=most,
            mine=max(one.mine for one in some),
            most_from=busy[0].starts_at,
            most_until=last.ends_at,
            whole=len(run) + 1 == len(some),
            x=WIDTH * begin / len(stretches),
        )
        begin += len(some)


def _adjoin(pair: tuple[Stretch, Stretch]) -> bool:
    return pair[0].ends_at == pair[1].starts_at
