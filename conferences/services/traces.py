"""SIP messages of conferences, written down for a while: the answer to "why was I thrown out?"."""

from __future__ import annotations

import datetime
import json
import zlib
from collections.abc import Sequence
from typing import TypedDict

from django.conf import settings

from conferences.models import Conference, Trace

#: Messages that are kept of one conference, and a few pieces more; the oldest go first.
MOST = 5_000
#: Pieces between two looks at how many there are: that reads all of the conference's.
LOOK_EVERY = 32


class Line(TypedDict):
    """One message: POSIX seconds, whether we sent it, with whom, by what, and its text."""

    at: float
    sent: bool
    call: str
    peer: str
    way: str
    text: str


def keep_messages(*, name: str, lines: Sequence[Line], left_out: int = 0) -> None:
    """Keep what was seen of the conference called `name`; nothing where there is none."""
    row = Conference.objects.filter(name=name.lower()).values_list("pk", flat=True).first()
    if row is None or not lines:
        return
    piece = Trace.objects.create(
        conference_id=row,
        at=datetime.datetime.fromtimestamp(lines[0]["at"], tz=datetime.UTC),
        count=len(lines),
        left_out=left_out,
        packed=zlib.compress(json.dumps(lines).encode(), level=3),
    )
    if piece.pk % LOOK_EVERY == 0:
        _bound(row)


def _bound(conference: int) -> None:
    """Forget the oldest pieces of a conference that has too many messages."""
    pieces = Trace.objects.filter(conference_id=conference).order_by("-at", "-pk")
    kept = 0
    for pk, count in pieces.values_list("pk", "count"):
        kept += count
        if kept > MOST and kept != count:
            Trace.objects.filter(pk=pk).delete()


def prune_traces(*, now: datetime.datetime) -> None:
    """Forget what is old: it says who talked with whom from where."""
    Trace.objects.filter(at__lte=now - settings.PROTOCOL_KEPT).delete()
