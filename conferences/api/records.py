"""What was said and how it sounded: the protocol of a conference, and its quality."""

from __future__ import annotations

import datetime
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from conferences import policy, selectors
from conferences.api import access
from conferences.api.schemas.calls import QualityOut
from conferences.api.schemas.common import PageIn
from conferences.api.schemas.records import EventOut
from conferences.models import Conference

router = Router(tags=["Records"])


class MessageOut(Schema):
    """One SIP message, without what is secret in it."""

    at: datetime.datetime
    sent: bool = Field(description="By the focus; else it was received.")
    peer: str = Field(description="Whom it went to or came from.")
    way: str = Field(description="Transport and address.")
    text: str


class ArrowOut(Schema):
    """One arrow of the figure (RFC 4579), and the messages that it stands for.

    A challenge, what was sent again, 100, and the answer to a NOTIFY are folded into
    the arrow that they belong to.
    """

    peer: str
    sent: bool
    what: str
    call: str = Field(description="The Call-ID.")
    method: str
    status: int | None
    note: str
    messages: list[MessageOut]


class MomentOut(Schema):
    """Something that happened, or something that was said."""

    at: datetime.datetime
    event: EventOut | None = None
    arrow: ArrowOut | None = None


class ProtocolOut(Schema):
    """A page of the timeline, oldest first; pages count from 1."""

    moments: list[MomentOut]
    left_out: int = Field(description="How many messages more were not kept.")
    count: int
    page: int
    pages: int


class HeardOut(Schema):
    """A phone that is or was in, and how well it went."""

    entity: str
    display_text: str
    joined_at: datetime.datetime
    left_at: datetime.datetime | None
    quality: QualityOut | None


class QualitiesOut(Schema):
    """A page of phones, the latest first; pages count from 1."""

    phones: list[HeardOut]
    count: int
    page: int
    pages: int


def _kept(request: HttpRequest, name: str) -> tuple[Conference, selectors.Viewer]:
    """As the page: for those who command, and for administrators."""
    caller = access.caller(request)
    if caller.user is not None and caller.user.is_staff:
        row = selectors.conference_by_name(name)
        if row is None:
            raise Http404(f"There is no conference {name!r}.")
        return row, selectors.Viewer(caller.identity.uri, identifies=True)
    return access.view(request, name, policy.may_command)


def _message(one: selectors.Seen) -> dict[str, Any]:
    at = datetime.datetime.fromtimestamp(one.at, tz=datetime.UTC)
    return {"at": at, "sent": one.sent, "peer": one.peer, "way": one.way, "text": one.text}


def _arrow(one: selectors.Arrow) -> dict[str, Any]:
    names = ("peer", "sent", "what", "call", "method", "note")
    return {
        **{name: getattr(one, name) for name in names},
        "status": one.status or None,
        "messages": [_message(message) for message in one.messages],
    }


@router.get(
    "/conferences/{conference}/protocol",
    response=ProtocolOut,
    exclude_unset=True,
    summary="What happened and what was said by SIP",
)
def protocol(request: HttpRequest, conference: str, window: Query[PageIn]) -> dict[str, Any]:
    """The timeline: events, and SIP messages folded to arrows. For those who command.

    Without the messages for those who may not see who the anonymous are.
    """
    row, by = _kept(request, conference)
    seen, left_out = selectors.messages(row) if by.identifies else ([], 0)
    masks = selectors.aliases(row, by)
    said: list[dict[str, Any]] = [
        {"at": one.at, "arrow": _arrow(one)} for one in selectors.fold(seen)
    ]
    happened: list[dict[str, Any]] = [
        {"at": one.at, "event": selectors.event_line(one, masks)} for one in selectors.events(row)
    ]
    moments = sorted([*happened, *said], key=lambda moment: moment["at"])
    page, pages = window.page, Paginator(moments, window.page_size)
    found = pages.get_page(page).object_list if page <= pages.num_pages else []
    told = {"moments": found, "left_out": left_out, "count": pages.count}
    return {**told, "page": page, "pages": pages.num_pages}


@router.get(
    "/conferences/{conference}/quality",
    response=QualitiesOut,
    summary="How well people hear each other",
)
def quality(request: HttpRequest, conference: str, window: Query[PageIn]) -> dict[str, Any]:
    """Every phone that is or was in: now, on the whole, and its worst. For those who command."""
    row, by = _kept(request, conference)
    page, pages = window.page, Paginator(selectors.phones_heard(row), window.page_size)
    found = pages.get_page(page) if page <= pages.num_pages else []
    items = [selectors.heard_line(one, by) for one in found]
    return {"phones": items, "count": pages.count, "page": page, "pages": pages.num_pages}
