"""Book, list, read, change, cancel."""

from __future__ import annotations

import datetime
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Router, Status

from conferences import policy, selectors, services
from conferences.api import access
from conferences.api.schemas.bookings import (
    BookIn,
    ChangeIn,
    ConferenceOut,
    ConferencesOut,
    InviteeIn,
    WindowIn,
)
from conferences.models import Conference, User
from conferences.services import Invitee, Refused

router = Router(tags=["Bookings"])

#: Years that a window may name: all in which anything takes place.
YEARS = range(1900, 2201)


def _shown(row: Conference, who: policy.Identity) -> dict[str, Any]:
    """The booking for `who`: the list for those who command, the PIN for all who are on it.

    A personal PIN makes its bearer its owner: moderators read their own alone.
    """
    snapshot = selectors.snapshot(row.key)
    assert snapshot is not None, "the row was read a moment ago"
    owns = policy.may_change(snapshot, who) is None
    return selectors.booking(
        row,
        now=timezone.now(),
        pin=who.uri in snapshot.roles,
        guest_list=policy.may_command(snapshot, who) is None,
        pins_of=lambda uri: owns or uri == who.uri,
    )


def _said(said: ChangeIn) -> services.Changes:
    """The members that were sent, as `services.book` wants them."""
    sent = said.model_dump(
        exclude_unset=True, exclude={"id", "invitees", "policy", "like", "template", "organizer"}
    )
    rules = said.policy.model_dump(exclude_unset=True) if said.policy else {}
    changes = cast(services.Changes, {**sent, **rules})
    if "invitees" in said.model_fields_set:
        changes["invitees"] = [_invitee(one) for one in said.invitees]
    return changes


def _organizer(user: User, named: str) -> User:
    """Himself, or whose delegate he is. Raises `Refused`, whether or not there is somebody."""
    name = named.strip().lower() or user.username
    known = [user] if name == user.username else selectors.books_for(user)
    found = next((one for one in known if one.username == name), None)
    if found is None or not selectors.may_book(user, found):
        raise Refused(policy.Refusal.NOT_ALLOWED)
    return found


def _invitee(one: InviteeIn) -> Invitee:
    return Invitee(one.uri, one.email, one.role, one.dial_out)


@router.post(
    "/conferences", response={201: ConferenceOut}, exclude_unset=True, summary="Book a conference"
)
def book(request: HttpRequest, said: BookIn, response: HttpResponse) -> Status[dict[str, Any]]:
    """Book a conference; without `starts_at` it is a standing room, open at once."""
    caller = access.caller(request)
    if caller.user is None:
        raise Refused(policy.Refusal.NOT_ALLOWED)
    organizer = _organizer(caller.user, said.organizer)
    row = services.book(
        like=_like(request, caller.user, said),
        organizer=organizer,
        by=caller.user,
        name=said.id,
        way=access.caller(request).way,
        **_said(said),
    )
    response["Location"] = f"{settings.BASE_URL}/api/v1/conferences/{row.name}"
    return Status(201, _shown(row, caller.identity))


def _like(request: HttpRequest, user: User, said: BookIn) -> services.Copied | None:
    """What it is to be like. Raises `ValidationError` where there is no such booking of his."""
    now = timezone.now()
    if said.like:
        try:
            row = access.conference(request, said.like, access.may_change)
        except (Http404, Refused) as error:
            raise ValidationError({"like": _("You have no such booking.")}) from error
        return services.copied(row, now=now)
    if said.template:
        found = selectors.template(user, said.template)
        if found is None:
            raise ValidationError({"template": _("You have no such template.")})
        return services.of_template(found, now=now)
    return None


@router.get("/conferences", response=ConferencesOut, exclude_unset=True, summary="List conferences")
def listed(request: HttpRequest, window: Query[WindowIn]) -> dict[str, Any]:
    """What you organize or are invited to and takes place in the window; rooms always."""
    caller = access.caller(request)
    if caller.user is None:
        raise Refused(policy.Refusal.NOT_ALLOWED)
    since, until = _aware(window.since, "from"), _aware(window.until, "to")
    page = window.page
    found = selectors.booked(caller.user, since=since, until=until, text=window.q)
    pages = Paginator(found, window.page_size)
    now = timezone.now()
    items = [
        selectors.booking(row, now=now, pin=True, guest_list=row.organizer == caller.user)
        for row in pages.get_page(page)
        if page <= pages.num_pages
    ]
    return {"conferences": items, "count": pages.count, "page": page, "pages": pages.num_pages}


def _aware(at: datetime.datetime | None, field: str) -> datetime.datetime | None:
    """A time without an offset is UTC. Raises `ValidationError` about `field`."""
    if at is not None and at.year not in YEARS:
        raise ValidationError({field: f"Want a year from {YEARS[0]} to {YEARS[-1]}."})
    return at.replace(tzinfo=datetime.UTC) if at is not None and at.tzinfo is None else at


@router.get(
    "/conferences/{conference}",
    response=ConferenceOut,
    exclude_unset=True,
    summary="Read a booking",
)
def read(request: HttpRequest, conference: str) -> dict[str, Any]:
    """One booking."""
    row = access.conference(request, conference, access.may_look)
    return _shown(row, access.caller(request).identity)


@router.patch(
    "/conferences/{conference}",
    response=ConferenceOut,
    exclude_unset=True,
    summary="Change a booking",
)
def change(request: HttpRequest, conference: str, said: ChangeIn) -> dict[str, Any]:
    """Change what you send; the rest stays. `invitees` replaces the whole list."""
    row = access.conference(request, conference, access.may_change)
    who = access.caller(request).identity
    row = services.change(
        conference=row, actor=who.uri, way=access.caller(request).way, **_said(said)
    )
    return _shown(row, who)


@router.delete("/conferences/{conference}", response={204: None}, summary="Cancel a conference")
def cancel(request: HttpRequest, conference: str) -> Status[None]:
    """Call it off for good; whoever is in it is sent away."""
    row = access.conference(request, conference, access.may_change)
    services.cancel(
        conference=row, actor=access.caller(request).identity.uri, way=access.caller(request).way
    )
    return Status(204, None)
