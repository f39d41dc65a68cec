"""How well people hear each other: in words, and the page that keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import formats
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from conferences import selectors
from conferences.models import Quality, User
from portal import access

#: Phones on the page, the latest.
MOST = 200

_ICONS = {"good": "reception-4", "fair": "reception-2", "poor": "reception-1"}


@dataclass(frozen=True, slots=True)
class Mark:
    """A grade, its picture, and what it says; `details` are the figures."""

    grade: str
    icon: str
    words: str
    details: str


def mark(row: Quality | None) -> Mark:
    """How a phone goes right now."""
    grade = selectors.grade(row.mos if row else None)
    icon = _ICONS.get(grade, "reception-0")
    if row is None or grade == "unknown":
        return Mark(grade, icon, _("Quality not known"), "")
    words = {
        "good": _("Good connection"),
        "fair": _("Fair connection"),
        "poor": _("Poor connection"),
    }
    return Mark(grade, icon, words[grade], _figures(row))


def _figures(row: Quality) -> str:
    """What lies behind the word; what is not known is said, and not left out."""
    lost = max(one for one in (row.loss_in, row.loss_out, 0.0) if one is not None)
    values = {"lost": formats.number_format(round(lost, 1)), "trip": round(row.round_trip or 0)}
    if row.loss_out is None:
        return _("%(lost)s %% lost; what the phone hears is not known") % values
    if row.round_trip is None:
        return _("%(lost)s %% lost") % values
    return _("%(lost)s %% lost, %(trip)s ms there and back") % values


@require_safe
@access.signed_in
def quality(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """For those who command: every phone that was in, its means and its worst moment."""
    visit = access.commanded(user, name)
    rows = selectors.heard(visit.conference, by=visit.viewer, most=MOST)
    context = {
        "conference": visit.conference,
        "rows": [(row, mark_of_all(row.quality)) for row in rows],
        "most": MOST if len(rows) == MOST else 0,
    }
    return render(request, "conferences/quality.html", context)


def mark_of_all(row: Quality | None) -> Mark:
    """How a phone went on the whole."""
    grade = selectors.grade(row.mean_mos if row else None)
    words = {
        "good": _("Good"),
        "fair": _("Fair"),
        "poor": _("Poor"),
        "unknown": _("Not known"),
    }
    return Mark(grade, _ICONS.get(grade, "reception-0"), words[grade], "")
