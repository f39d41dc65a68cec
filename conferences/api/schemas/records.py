"""What happened, and who was there."""

from __future__ import annotations

import datetime
from typing import Any

from ninja import Schema
from pydantic import Field

from conferences.api.schemas.common import PageIn
from conferences.policy import Role


class EventOut(Schema):
    """What happened."""

    at: datetime.datetime
    kind: str
    actor: str
    target: str
    way: str
    detail: dict[str, Any] = {}


class EventsOut(Schema):
    """A page of the history, oldest first; pages count from 1."""

    events: list[EventOut]
    count: int
    page: int
    pages: int


class OccurrenceEventsOut(Schema):
    """The history of one time of a series, oldest first."""

    events: list[EventOut]


class AttendanceIn(PageIn):
    """A page of who was there, in all of it or in one time of a series."""

    occurrence: str = Field("", description="A time of the series, as 20270118T080000Z.")


class StayOut(Schema):
    """One stay: from coming to going. `joining_method` and `left_method` are of RFC 4575."""

    id: str
    entity: str
    display_text: str
    role: Role
    joining_method: str
    device: str = Field(description="browser, phone, or both")
    joined_at: datetime.datetime
    left_at: datetime.datetime | None
    seconds: int | None
    left_method: str
    left_by: str
    left_reason: str


class AttendanceOut(Schema):
    """A page of who was there, by when he came; pages count from 1."""

    attendance: list[StayOut]
    count: int
    page: int
    pages: int
