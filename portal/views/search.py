"""All conferences of a person, found by words, people and days."""

from __future__ import annotations

import datetime
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from conferences import selectors
from conferences.models import Conference, User
from portal import access
from portal.views import presence
from portal.views.home import Row

#: Conferences on one page.
PAGE = 50
DAY = datetime.timedelta(days=1)


@require_safe
@access.signed_in
def search(request: HttpRequest, user: User) -> HttpResponse:
    """What is to come, or what is over; all of it, or what was looked for."""
    said = {key: request.GET.get(key, "") for key in ("q", "from", "to", "when")}
    since, until = _day(said["from"]), _day(said["to"])
    now = timezone.now()
    found = selectors.search(
        user,
        text=said["q"],
        since=since,
        until=until + DAY if until else None,
        past=said["when"] == "past",
        now=now,
    )
    pages = Paginator(found, PAGE)
    page = pages.get_page(request.GET.get("page"))
    rows = list(page)
    there = presence.counts(rows)
    context = {
        "said": said,
        "page": page,
        "rows": [_row(row, there.get(row.pk, 0), now) for row in rows],
        "asked": urlencode({key: text for key, text in said.items() if text}),
        "narrowed": any(said[key] for key in ("q", "from", "to")),
    }
    return render(request, "search.html", context)


def _day(text: str) -> datetime.datetime | None:
    """The beginning of that day in the person's zone; None for what is none."""
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    if not 1900 <= day.year <= 2200:
        return None
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time()))


def _row(row: Conference, present: int, now: datetime.datetime) -> Row:
    occurrence = selectors.occurrence(row, now=now) if row.cancelled_at is None else None
    if occurrence is not None:
        return Row(row, occurrence.starts_at, occurrence.ends_at, present)
    starts_at, minutes = row.starts_at, row.duration_minutes
    if starts_at is None or minutes is None:
        return Row(row, None, None, present)
    return Row(row, starts_at, starts_at + datetime.timedelta(minutes=minutes), present)
