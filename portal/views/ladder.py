"""`/conferences/<name>/protocol/`: what happened and what was said by SIP, in order.

For those who run the conference, and for administrators. Messages are folded
to the arrows that the figures of RFC 4579 have: a request that was challenged
is one arrow with the one that carried credentials, so is what was sent again,
100 is left out, and a NOTIFY has its answer in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from conferences import selectors
from conferences.models import Conference, User
from conferences.selectors import Seen
from portal import access
from portal.views import story

#: Arrows on the page, the latest; the text has all that are kept.
MOST = 300
_CHALLENGES = (401, 407)


@dataclass(slots=True)
class Arrow:
    """One arrow of the figure, and the messages that it stands for."""

    peer: str
    sent: bool
    what: str
    call: str
    method: str
    status: int
    messages: list[Seen] = field(default_factory=list)

    @property
    def at(self) -> datetime:
        """When its first message was seen."""
        return datetime.fromtimestamp(self.messages[0].at, tz=UTC)

    @property
    def way(self) -> str:
        """By what, and where to or from."""
        return self.messages[0].way

    @property
    def failed(self) -> bool:
        """Whether it says no."""
        return self.status >= 400

    @property
    def note(self) -> str:
        """What is folded into it, in words."""
        if any(one.status in _CHALLENGES for one in self.messages):
            return "after a challenge"
        again = sum(one.text == self.messages[0].text for one in self.messages) - 1
        return f"sent {again + 1} times" if again else ""


@dataclass(frozen=True, slots=True)
class Moment:
    """One row of the page: something that happened, or an arrow."""

    at: datetime
    line: story.Line | None = None
    arrow: Arrow | None = None


def fold(messages: Iterable[Seen]) -> list[Arrow]:
    """The arrows of a figure."""
    arrows: list[Arrow] = []
    challenged: dict[tuple[str, str], list[Seen]] = {}
    for one in messages:
        key = (one.call, one.method)
        into = _into(arrows, one)
        if into is not None:
            into.messages.append(one)
        elif one.status in _CHALLENGES and (asked := _asked(arrows, one)) is not None:
            arrows.remove(asked)
            challenged[key] = [*asked.messages, one]
        elif one.method == "ACK" and (one.call, "INVITE") in challenged:
            challenged[(one.call, "INVITE")].append(one)
        else:
            before = challenged.pop(key, []) if not one.status else []
            arrow = Arrow(_bare(one.peer), one.sent, _what(one), one.call, one.method, one.status)
            arrow.messages = [*before, one]
            arrows.append(arrow)
    return arrows


def _bare(peer: str) -> str:
    """Our own people by their user name."""
    return peer.removesuffix(f"@{settings.SIP_DOMAIN}")


#: What of a request is written on its arrow besides its method.
_TELLING = {
    "NOTIFY": "event",
    "SUBSCRIBE": "event",
    "REFER": "refer-to",
    "BYE": "reason",
    "CANCEL": "reason",
}
_TEXT = re.compile(r'text="((?:[^"\\]|\\.)*)"')


def _what(one: Seen) -> str:
    """What is written on an arrow: method or status, and what it is about or why."""
    if one.status:
        why = _TEXT.search(one.field("reason"))
        return f"{one.first_line} ({why[1]})" if why else one.first_line
    method = one.first_line.partition(" ")[0]
    told = one.field(_TELLING.get(method, "")).partition(";id=")[0]
    if _TELLING.get(method) == "reason":
        why = _TEXT.search(told)
        told = why[1] if why else ""
    over = ", over" if one.field("subscription-state").startswith("terminated") else ""
    return f"{method} {told}{over}".strip()


def _into(arrows: list[Arrow], one: Seen) -> Arrow | None:
    """The arrow that already says what a message says: sent again, 100, 200 to NOTIFY."""
    for arrow in reversed(arrows):
        if arrow.call != one.call:
            continue
        if any(one.text == known.text for known in arrow.messages):
            return arrow
        progress = one.status == 100 or (one.status == 200 and one.method == "NOTIFY")
        if progress and arrow.method == one.method and not arrow.status:
            return arrow
    return None


def _asked(arrows: list[Arrow], answer: Seen) -> Arrow | None:
    """The request that a challenge answers."""
    for arrow in reversed(arrows):
        if (arrow.call, arrow.method, arrow.status) == (answer.call, answer.method, 0):
            return arrow
    return None


@require_safe
@access.signed_in
def ladder(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """The page, or with ``?as=text`` the same as a file."""
    conference, by = _conference(user, name)
    seen, left_out = selectors.messages(conference) if by.identifies else ([], 0)
    peers = list(dict.fromkeys(_bare(one.peer) for one in seen))
    who = request.GET.get("who", "")
    arrows = fold(one for one in seen if who in ("", _bare(one.peer)))
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


def _moments(lines: Iterable[story.Line], arrows: Iterable[Arrow]) -> list[Moment]:
    happened = [Moment(line.at, line=line) for line in lines]
    said = [Moment(arrow.at, arrow=arrow) for arrow in arrows]
    return sorted([*happened, *said], key=lambda moment: moment.at)


def _as_text(
    conference: Conference, lines: list[story.Line], arrows: list[Arrow], *, left_out: int
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


def _arrow(arrow: Arrow, number: int) -> str:
    peer, label = arrow.peer or "somebody", f" {arrow.what} F{number} "
    shaft = label.center(max(46, len(label) + 4), "-")
    drawn = f"<{shaft[1:]}" if arrow.sent else f"{shaft[:-1]}>"
    return f"{peer:>28} |{drawn}| focus{f'  ({arrow.note})' if arrow.note else ''}"


def _messages(arrows: Iterable[Arrow]) -> Iterator[str]:
    for number, arrow in enumerate(arrows, 1):
        for one in arrow.messages:
            way = f"focus -> {one.peer}" if one.sent else f"{one.peer} -> focus"
            at = _clock(datetime.fromtimestamp(one.at, tz=UTC))
            yield f"F{number}  {way}  ({one.way}, {at})"
            yield ""
            yield from (f"   {line}".rstrip() for line in one.text.rstrip().split("\n"))
            yield ""
