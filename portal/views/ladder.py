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


LONGEST = 72
"""Signs that an arrow in the text may have: a line of it is read on one of a terminal."""


@dataclass(frozen=True, slots=True)
class _Width:
    """How wide the columns of a figure are."""

    peer: int
    shaft: int


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
    """A line for each, arrows numbered as in the RFCs, all of one length."""
    number, moments = 0, list(moments)
    arrows = [moment.arrow for moment in moments if moment.arrow is not None]
    peers = max((len(arrow.label) for arrow in arrows), default=0)
    shaft = max((len(arrow.what) for arrow in arrows), default=0) + len(f"-- F{len(arrows)}  --")
    width = _Width(max(28, peers), max(46, min(shaft, LONGEST)))
    for moment in moments:
        at = _clock(moment.at)
        if moment.line is not None:
            yield f"{at}  * {moment.line.plain}"
        elif moment.arrow is not None:
            number += 1
            yield f"{at}  {_arrow(moment.arrow, number, width)}"


def _arrow(arrow: selectors.Arrow, number: int, width: _Width) -> str:
    """What is too long for the figure stands in the message below it."""
    peer, end = arrow.label or "somebody", f" F{number} "
    room = width.shaft - len(end) - len("-- --")
    what = arrow.what if len(arrow.what) <= room else f"{arrow.what[: room - 1]}…"
    shaft = f" {what}{end}".center(width.shaft, "-")
    drawn = f"<{shaft[1:]}" if arrow.sent else f"{shaft[:-1]}>"
    return f"{peer:>{width.peer}} |{drawn}| focus{f'  ({arrow.note})' if arrow.note else ''}"


def _messages(arrows: Iterable[selectors.Arrow]) -> Iterator[str]:
    for number, arrow in enumerate(arrows, 1):
        for one in arrow.messages:
            way = f"focus -> {one.peer}" if one.sent else f"{one.peer} -> focus"
            at = _clock(datetime.fromtimestamp(one.at, tz=UTC))
            yield f"F{number}  {way}  ({one.way}, {at})"
            yield ""
            yield from (f"   {line}".rstrip() for line in one.text.rstrip().split("\n"))
            yield ""
