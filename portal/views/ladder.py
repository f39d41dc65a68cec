"""`/conferences/<name>/protocol/`: what happened and what was said by SIP, in order.

For those who run the conference, and for administrators.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from conferences import selectors
from conferences.models import Conference, User
from portal import access
from portal.views import story

#: Arrows on the page, the latest; the text has all that are kept.
MOST = 300


@dataclass(frozen=True, slots=True)
class Moment:
    """One row of the page: something that happened, or an arrow."""

    at: datetime
    line: story.Line | None = None
    arrow: selectors.Arrow | None = None


@require_safe
@access.signed_in
def ladder(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """The page, or with ``?as=text`` the same as a file."""
    conference, by = _conference(user, name)
    seen, left_out = selectors.messages(conference) if by.identifies else ([], 0)
    peers = list(dict.fromkeys(selectors.bare(one.peer) for one in seen))
    who = request.GET.get("who", "")
    arrows = selectors.fold(one for one in seen if who in ("", selectors.bare(one.peer)))
    lines, _more = story.lines(conference, by)
    if request.GET.get("as") == "text":
        return _as_text(conference, lines, arrows, left_out=left_out)
    moments = _moments(() if who else lines, arrows[-MOST:])
    shown = {
        "conference": conference,
        "moments": moments,
        "peers": peers,
        "who": who,
        "left_out": left_out,
        "more": max(0, len(arrows) - MOST),
        "hidden": not by.identifies,
    }
    return render(request, "conferences/ladder.html", shown)


def _conference(user: User, name: str) -> tuple[Conference, selectors.Viewer]:
    """The conference, and what its reader may see of who talked; 404 or 403 for others.

    Messages say who sent them, so they are for those who may see who the anonymous are.
    """
    if user.is_staff:
        conference = selectors.conference_by_name(name)
        if conference is None:
            raise Http404
        return conference, selectors.Viewer(selectors.aor(user.username), identifies=True)
    visit = access.seen(user, name)
    if not visit.commands:
        raise PermissionDenied
    return visit.conference, visit.viewer


def _moments(lines: Iterable[story.Line], arrows: Iterable[selectors.Arrow]) -> list[Moment]:
    happened = [Moment(line.at, line=line) for line in lines]
    said = [Moment(arrow.at, arrow=arrow) for arrow in arrows]
    return sorted([*happened, *said], key=lambda moment: moment.at)


def _as_text(
    conference: Conference, lines: list[story.Line], arrows: list[selectors.Arrow], *, left_out: int
) -> HttpResponse:
    rows = [
        f"{conference.title} ({selectors.conference_uri(conference)})",
        _("Times are in %(zone)s.") % {"zone": timezone.get_current_timezone_name()},
        *([_not_kept(left_out)] if left_out else []),
        "",
        *_figure(_moments(lines, arrows)),
        "",
        *_messages(arrows),
    ]
    answer = HttpResponse("\n".join(rows) + "\n", content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{conference.name}.txt"'
    return answer


def _not_kept(number: int) -> str:
    return ngettext(
        "%(count)s more message was not kept.", "%(count)s more messages were not kept.", number
    ) % {"count": number}


def _clock(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def _figure(moments: Iterable[Moment]) -> Iterator[str]:
    """A line for each, arrows numbered as in the RFCs."""
    number = 0
    for moment in moments:
        at = _clock(moment.at)
        if moment.line is not None:
            yield f"{at}  * {moment.line.plain}"
        elif moment.arrow is not None:
            number += 1
            yield f"{at}  {_arrow(moment.arrow, number)}"


def _arrow(arrow: selectors.Arrow, number: int) -> str:
    peer, label = arrow.peer or "somebody", f" {arrow.what} F{number} "
    shaft = label.center(max(46, len(label) + 4), "-")
    drawn = f"<{shaft[1:]}" if arrow.sent else f"{shaft[:-1]}>"
    return f"{peer:>28} |{drawn}| focus{f'  ({arrow.note})' if arrow.note else ''}"


def _messages(arrows: Iterable[selectors.Arrow]) -> Iterator[str]:
    for number, arrow in enumerate(arrows, 1):
        for one in arrow.messages:
            way = f"focus -> {one.peer}" if one.sent else f"{one.peer} -> focus"
            at = _clock(datetime.fromtimestamp(one.at, tz=UTC))
            yield f"F{number}  {way}  ({one.way}, {at})"
            yield ""
            yield from (f"   {line}".rstrip() for line in one.text.rstrip().split("\n"))
            yield ""
