"""What belongs to one person: himself, delegates, templates, letters, load."""

from __future__ import annotations

import datetime

from ninja import Schema
from pydantic import Field

from conferences.api.schemas.bookings import InviteeIn
from conferences.api.schemas.common import Moment, Strict


class DelegateIn(Strict):
    """What a delegate commands."""

    everything: bool = Field(False, description="All of yours, not only what he books.")


class DelegateOut(Schema):
    """Somebody who books for you."""

    username: str
    everything: bool


class DelegatesOut(Schema):
    """Who may book for whom."""

    delegates: list[DelegateOut]
    books_for: list[str]


class KeepIn(Strict):
    """What the template is called; as the booking, where it is left out."""

    title: str = ""


class RenameIn(Strict):
    """What it is called from now on."""

    title: str = Field(min_length=1, max_length=100)


class TemplateOut(Schema):
    """A booking that is kept to book like it again."""

    id: str
    title: str
    created_at: datetime.datetime
    invitees: list[InviteeIn]


class TemplatesOut(Schema):
    """Somebody's templates, by title."""

    templates: list[TemplateOut]


class MailOut(Schema):
    """A mail to an invitee: what about, and whether it went out."""

    kind: str
    address: str
    name: str
    state: str
    created_at: datetime.datetime
    done_at: datetime.datetime | None
    error: str


class MailsOut(Schema):
    """A page of mails, the latest first; pages count from 1."""

    mails: list[MailOut]
    count: int
    page: int
    pages: int


class MeIn(Strict):
    """What one may change of oneself."""

    display_name: str = Field("", max_length=100)
    timezone: str = Field("", description="As in Europe/Berlin.")


class MeOut(Schema):
    """Who has this token."""

    username: str
    uri: str
    display_name: str
    email: str
    timezone: str
    is_organizer: bool


class LoadIn(Schema):
    """Hours from a moment on (without an offset, UTC; by default now), or until another."""

    since: Moment | None = Field(None, alias="from")
    until: Moment | None = Field(None, alias="to")
    hours: int = Field(168, ge=1, le=744, description="How many, where `to` is left out.")


class StretchOut(Schema):
    """An hour: the most ports that are planned in it, by all and by you."""

    starts_at: datetime.datetime
    ends_at: datetime.datetime
    ports: int
    mine: int


class LoadOut(Schema):
    """What is planned, and how many ports there are."""

    ports: int
    bookable: int
    stretches: list[StretchOut]
