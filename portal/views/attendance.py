"""Who was in a conference: as a page, as a table for a spreadsheet, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.paginator import Paginator
from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from conferences import selectors, tables
from conferences.models import User
from portal import access
from portal.access import Visit

#: Stays on one page.
PAGE = 100

_HOW: Mapping[str, Any] = {
    "dialed-in": _("Came in"),
    "dialed-out": _("Was called in"),
    "focus-owner": _("Made the conference"),
}
_DEVICES: Mapping[str, Any] = {
    "browser": _("Browser"),
    "phone": _("Phone"),
    "browser+phone": _("Browser and phone"),
}
_WHY: Mapping[str, Any] = {
    "departed": _("Left"),
    "booted": _("Was put out"),
    "failed": _("Lost the connection"),
    "busy": _("Was busy"),
}


@require_safe
@access.signed_in
def attendance(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """The page, for those who command; with ``on`` one time of a series alone."""
    visit = access.commanded(user, name)
    found = _occurrence(visit, request.GET.get("on", ""))
    pages = Paginator(selectors.attendance(visit.conference, found=found), PAGE)
    page = pages.get_page(request.GET.get("page"))
    masks = selectors.aliases(visit.conference, visit.viewer)
    rows = [_shown(selectors.attendance_line(one, visit.viewer, masks)) for one in page]
    context = {
        "conference": visit.conference,
        "page": page,
        "rows": rows,
        "on": request.GET.get("on", ""),
        "found": found,
    }
    return render(request, "conferences/attendance.html", context)


@never_cache
@require_safe
@access.signed_in
def download(request: HttpRequest, user: User, name: str, form: str) -> HttpResponse:
    """All of it as a file."""
    build = _FORMS.get(form)
    if build is None:
        raise Http404
    visit = access.commanded(user, name)
    found = _occurrence(visit, request.GET.get("on", ""))
    masks = selectors.aliases(visit.conference, visit.viewer)
    rows = selectors.attendance(visit.conference, found=found)
    lines = (selectors.attendance_line(one, visit.viewer, masks) for one in rows)
    text, kind = build(visit, lines)
    response = HttpResponse(text, content_type=kind)
    filename = f"attendance-{visit.conference.name}.{form}"
    response["Content-Disposition"] = content_disposition_header(True, filename) or "attachment"
    return response


def _occurrence(visit: Visit, on: str) -> selectors.Planned | None:
    """The time of a series that is meant; none for all of it. Raises `Http404`."""
    if not on:
        return None
    name = selectors.occurrence_named(on)
    found = selectors.planned_one(visit.conference, name) if name else None
    if found is None:
        raise Http404
    return found


def _shown(line: dict[str, Any]) -> dict[str, Any]:
    """With words for a person; a script reads RFC 4575's."""
    # Nobody was meant: the focus says of all who are in that it was ended.
    ended = line["left_method"] == "booted" and line["left_reason"] == "ended"
    return {
        **line,
        "name": line["display_text"] or line["entity"],
        "how": _HOW.get(line["joining_method"], ""),
        "by": _DEVICES.get(line["device"], ""),
        "why": _("The conference was ended") if ended else _WHY.get(line["left_method"], ""),
        "left_reason": "" if ended else line["left_reason"],
        "whom": line["left_by"] if line["left_by"] != line["entity"] else "",
    }


def _csv(visit: Visit, lines: Iterator[dict[str, Any]]) -> tuple[str, str]:  # noqa: ARG001
    """Names of columns are those of the REST API, whatever the language; times are ISO 8601."""
    rows = [{**line, **_iso(line)} for line in lines]
    header = list(rows[0]) if rows else ["id", "entity", "display_text", "joined_at", "left_at"]
    text = tables.build_csv(header, (row.values() for row in rows))
    return text, "text/csv; charset=utf-8"


def _iso(line: dict[str, Any]) -> dict[str, str]:
    times = {key: line[key] for key in ("joined_at", "left_at")}
    return {key: at.isoformat() if at else "" for key, at in times.items()}


def _json(visit: Visit, lines: Iterator[dict[str, Any]]) -> tuple[str, str]:
    told = {
        "conference": visit.conference.name,
        "title": visit.conference.title,
        "attendance": list(lines),
    }
    return json.dumps(told, cls=DjangoJSONEncoder, ensure_ascii=False), "application/json"


_FORMS = {"csv": _csv, "json": _json}
