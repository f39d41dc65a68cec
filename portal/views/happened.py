"""All that happened in a conference, as a table for a spreadsheet and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from conferences import selectors, tables
from conferences.models import User
from portal import access
from portal.access import Visit
from portal.views import story

_COLUMNS = ("at", "kind", "actor", "target", "way", "text")
Lines = list[dict[str, Any]]


@never_cache
@require_safe
@access.signed_in
def download(request: HttpRequest, user: User, name: str, form: str) -> HttpResponse:  # noqa: ARG001
    """For those who command: each line as scripts read it, and as the page tells it."""
    build = _FORMS.get(form)
    if build is None:
        raise Http404
    visit = access.commanded(user, name)
    text, kind = build(visit, _lines(visit))
    response = HttpResponse(text, content_type=kind)
    filename = f"history-{visit.conference.name}.{form}"
    response["Content-Disposition"] = content_disposition_header(True, filename) or "attachment"
    return response


def _lines(visit: Visit) -> Lines:
    """The oldest first."""
    events = list(selectors.events(visit.conference))
    masks = selectors.aliases(visit.conference, visit.viewer)
    told = reversed(story.told(visit.conference, events, visit.viewer))
    return [
        {**selectors.event_line(event, masks), "text": line.plain}
        for event, line in zip(events, told, strict=True)
    ]


def _csv(visit: Visit, lines: Lines) -> tuple[str, str]:  # noqa: ARG001
    """Names of columns are those of the REST API, whatever the language; times are ISO 8601."""
    text = tables.build_csv(_COLUMNS, ([line[name] for name in _COLUMNS] for line in lines))
    return text, "text/csv; charset=utf-8"


def _json(visit: Visit, lines: Lines) -> tuple[str, str]:
    row = visit.conference
    told = {"conference": row.name, "title": row.title, "events": lines}
    return json.dumps(told, cls=DjangoJSONEncoder, ensure_ascii=False), "application/json"


_FORMS: Mapping[str, Callable[[Visit, Lines], tuple[str, str]]] = {"csv": _csv, "json": _json}
