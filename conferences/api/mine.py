"""What belongs to the caller: himself, his templates, and what his invitees were sent."""

from __future__ import annotations

import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Body, Query, Router, Status

from conferences import policy, selectors, services, wording
from conferences.api import access
from conferences.api.bookings import YEARS
from conferences.api.schemas.common import PageIn
from conferences.api.schemas.mine import (
    KeepIn,
    LoadIn,
    LoadOut,
    MailsOut,
    MeIn,
    MeOut,
    RenameIn,
    TemplateOut,
    TemplatesOut,
)
from conferences.models import BookingTemplate, User
from conferences.services import Refused

router = Router(tags=["Yours"])

#: Hours of what is planned that are told at once.
MOST_HOURS = 744


def _person(request: HttpRequest) -> User:
    user = access.caller(request).user
    if user is None:
        raise Refused(policy.Refusal.NOT_ALLOWED)
    return user


def _me(user: User) -> dict[str, Any]:
    return {
        "username": user.username,
        "uri": selectors.aor(user.username),
        "display_name": user.display_name,
        "email": user.email,
        "timezone": user.zone,
        "is_organizer": user.is_organizer,
    }


@router.get("/me", response=MeOut, summary="Who you are")
def me(request: HttpRequest) -> dict[str, Any]:
    """Whose token this is."""
    return _me(_person(request))


@router.patch("/me", response=MeOut, summary="Change your name or zone")
def change_me(request: HttpRequest, said: MeIn) -> dict[str, Any]:
    """Change what you send; the rest stays."""
    user = _person(request)
    sent = said.model_dump(exclude_unset=True)
    if "timezone" in sent:
        try:
            sent["timezone"] = wording.zone(sent["timezone"])
        except ValidationError as error:
            raise ValidationError({"timezone": error}) from error
    if "display_name" in sent:
        try:
            sent["display_name"] = wording.person(sent["display_name"])
        except ValidationError as error:
            raise ValidationError({"display_name": error}) from error
    services.change_person(user=user, **sent)
    return _me(user)


def _line(row: BookingTemplate) -> dict[str, Any]:
    keys = ("uri", "email", "role", "dial_out")
    return {
        "id": row.key,
        "title": row.title,
        "created_at": row.created_at,
        "invitees": [dict(zip(keys, one, strict=True)) for one in row.invitees],
    }


@router.get("/templates", response=TemplatesOut, summary="List your templates")
def templates(request: HttpRequest) -> dict[str, Any]:
    """Bookings that you keep; book by one with `template` in `POST /conferences`."""
    return {"templates": [_line(one) for one in selectors.templates_of(_person(request))]}


@router.post(
    "/conferences/{conference}/template",
    response={201: TemplateOut},
    summary="Keep a booking as a template",
)
def keep(
    request: HttpRequest, conference: str, said: Body[KeepIn | None] = None
) -> Status[dict[str, Any]]:
    """What it is like now, whatever becomes of it; one of the same title is written over."""
    row = access.conference(request, conference, access.may_change)
    title = said.title if said else ""
    made = services.save_template(owner=_person(request), conference=row, title=title)
    return Status(201, _line(made))


@router.patch("/templates/{template}", response=TemplateOut, summary="Rename a template")
def rename(request: HttpRequest, template: str, said: RenameIn) -> dict[str, Any]:
    """What it is like stays; keep a booking under its title to write it over."""
    found = _template(request, template)
    services.rename_template(template=found, title=said.title)
    return _line(found)


def _template(request: HttpRequest, key: str) -> BookingTemplate:
    found = selectors.template(_person(request), key)
    if found is None:
        raise Http404(f"You have no template {key!r}.")
    return found


@router.delete("/templates/{template}", response={204: None}, summary="Delete a template")
def forget(request: HttpRequest, template: str) -> Status[None]:
    """What was booked by it stays."""
    services.delete_template(template=_template(request, template))
    return Status(204, None)


@router.get(
    "/conferences/{conference}/invitations", response=MailsOut, summary="What invitees were sent"
)
def invitations(request: HttpRequest, conference: str, window: Query[PageIn]) -> dict[str, Any]:
    """Mails to invitees, the latest first; kept and not sent where no mail server is set."""
    row = access.conference(request, conference, access.may_change)
    pages = Paginator(selectors.outbox(row), window.page_size)
    found = pages.get_page(window.page) if window.page <= pages.num_pages else []
    keys = ("kind", "address", "name", "state", "created_at", "done_at", "error")
    items = [{key: getattr(one, key) for key in keys} for one in found]
    return {"mails": items, "count": pages.count, "page": window.page, "pages": pages.num_pages}


def _hours(since: datetime.datetime, until: datetime.datetime) -> int:
    """The hours from one to the other, the last one whole."""
    until = until if until.tzinfo else until.replace(tzinfo=datetime.UTC)
    hours = -((since - until) // datetime.timedelta(hours=1))
    if not 1 <= hours <= MOST_HOURS:
        raise ValidationError({"to": _("Want a time after “from”, 31 days later at most.")})
    return hours


@router.get("/load", response=LoadOut, summary="What is planned by the hour")
def load(request: HttpRequest, window: Query[LoadIn]) -> dict[str, Any]:
    """How many ports bookings take, for those who book."""
    user = _person(request)
    if not (user.books or user.is_staff):
        raise Refused(policy.Refusal.NOT_ALLOWED)
    since = window.since or timezone.now()
    if since.year not in YEARS:
        raise ValidationError({"from": _("Want a year from 1900 to 2200.")})
    since = (since if since.tzinfo else since.replace(tzinfo=datetime.UTC)).replace(
        minute=0, second=0, microsecond=0
    )
    hours = window.hours if window.until is None else _hours(since, window.until)
    marks = [since + datetime.timedelta(hours=hour) for hour in range(hours + 1)]
    planned = selectors.load(user, marks)
    stretches = [
        {name: getattr(one, name) for name in ("starts_at", "ends_at", "ports", "mine")}
        for one in planned.stretches
    ]
    return {"ports": planned.ports, "bookable": planned.bookable, "stretches": stretches}
