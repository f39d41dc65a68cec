"""One time of a series: what became of it, what happened in it; change it, call it off."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from conferences import forms, recurrence, selectors, services, wording
from conferences.models import User
from portal import access
from portal.access import Visit
from portal.views import story


@dataclass(frozen=True, slots=True)
class Time:
    """One time of a series as pages show it; called off when it would have been."""

    name: str
    starts_at: datetime.datetime
    ends_at: datetime.datetime
    title: str
    cancelled: bool
    changed: bool
    planned_at: datetime.datetime


def time(visit: Visit, found: selectors.Planned) -> Time:
    """`found` as pages show it."""
    line = selectors.occurrence_line(visit.conference, found)
    return Time(
        name=line["id"],
        starts_at=line["starts_at"],
        ends_at=line["ends_at"],
        title=line["title"],
        cancelled=line["cancelled"],
        changed=line["changed"],
        planned_at=found.then.starts_at,
    )


@dataclass(frozen=True, slots=True)
class Part:
    """How a series goes on from some time on, where that was changed."""

    title: str
    starts_at: datetime.datetime
    ends_at: datetime.datetime
    repeats: str
    #: Its first time, as it is named.
    name: str


def parts(found: list[selectors.Series]) -> list[Part]:
    """`found` as pages show them."""
    shown = []
    for one in found:
        first = recurrence.first(one.pattern)
        shown.append(
            Part(
                title=one.title,
                starts_at=first.starts_at,
                ends_at=first.ends_at,
                repeats=wording.repeats_here(one.pattern) if one.pattern.rule else "",
                name=selectors.occurrence_name(first.recurrence_id),
            )
        )
    return shown


def _next_part(visit: Visit, found: selectors.Planned) -> Part | None:
    whole = selectors.series(visit.conference)
    place = [one.number for one in whole].index(found.series.number)
    return next(iter(parts(whole[place + 1 : place + 2])), None)


def _found(visit: Visit, name: str) -> selectors.Planned:
    """The time of that name. Raises `Http404`, also where nothing recurs."""
    recurrence_id = selectors.occurrence_named(name)
    found = recurrence_id and selectors.planned_one(visit.conference, recurrence_id)
    if not found or not found.series.pattern.rule:
        raise Http404
    return found


@require_safe
@access.signed_in
def occurrence(request: HttpRequest, user: User, name: str, on: str) -> HttpResponse:
    """What became of it, and what happened in it."""
    visit = access.seen(user, name)
    return _page(request, visit, _found(visit, on))


def _page(
    request: HttpRequest,
    visit: Visit,
    found: selectors.Planned,
    form: forms.OccurrenceForm | None = None,
) -> HttpResponse:
    now = timezone.now()
    shown = time(visit, found)
    over = shown.ends_at <= now or visit.conference.cancelled_at is not None
    may_change = visit.owns and not over
    changes = may_change and not shown.cancelled
    events = selectors.events_of(visit.conference, found) if visit.commands else []
    context = {
        "conference": visit.conference,
        "one": shown,
        "over": over,
        "runs": not shown.cancelled and shown.starts_at <= now < shown.ends_at,
        "repeats": wording.repeats_here(found.series.pattern),
        "zone": found.series.pattern.zone,
        "may_change": may_change,
        "next_part": _next_part(visit, found),
        "form": (form or forms.OccurrenceForm(found=found)) if changes else None,
        "commands": visit.commands,
        "answers": selectors.answers_of(visit.conference, found) if visit.commands else [],
        "story": story.told(visit.conference, list(events), visit.viewer),
    }
    return render(request, "conferences/occurrence.html", context)


@access.pressed("occurrence", "name", "on")
@access.signed_in
def change(request: HttpRequest, user: User, name: str, on: str) -> HttpResponse:
    """Change this one, or this and all that follow."""
    visit = access.owned(user, name)
    found = _found(visit, on)
    form = forms.OccurrenceForm(request.POST, found=found)
    if form.is_valid():
        try:
            _carry_out(visit, found, form)
        except ValidationError as error:
            form.complain(error)
        else:
            messages.success(request, _("The change is saved."))
            return redirect("conference", visit.conference.name)
    return _page(request, visit, found, form)


def _carry_out(visit: Visit, found: selectors.Planned, form: forms.OccurrenceForm) -> None:
    change = services.change_following if form.following else services.change_occurrence
    change(
        conference=visit.conference,
        recurrence_id=found.recurrence_id,
        actor=visit.identity.uri,
        **form.values(),
    )


@require_http_methods(["GET", "POST"])
@access.signed_in
def cancel(request: HttpRequest, user: User, name: str, on: str) -> HttpResponse:
    """Ask whether this one, or all that follow too, and call it off."""
    visit = access.owned(user, name)
    found = _found(visit, on)
    if request.method == "POST":
        following = request.POST.get("range") == "following"
        call_off = services.cancel_following if following else services.cancel_occurrence
        try:
            call_off(
                conference=visit.conference,
                recurrence_id=found.recurrence_id,
                actor=visit.identity.uri,
            )
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(
                request, _("Called off.") if not following else _("The series ends there.")
            )
        return redirect("conference", visit.conference.name)
    context = {
        "conference": visit.conference,
        "one": time(visit, found),
        "next_part": _next_part(visit, found),
    }
    return render(request, "conferences/occurrence_cancel.html", context)


@access.pressed("occurrence", "name", "on")
@access.signed_in
def restore(request: HttpRequest, user: User, name: str, on: str) -> HttpResponse:
    """Let it be as the rest of the series again."""
    visit = access.owned(user, name)
    found = _found(visit, on)
    try:
        services.restore_occurrence(
            conference=visit.conference,
            recurrence_id=found.recurrence_id,
            actor=visit.identity.uri,
        )
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("It is as the rest of the series again."))
    return redirect("conference", visit.conference.name)
