"""Webhooks and what was delivered to them."""

from __future__ import annotations

import datetime
from typing import Any

from ninja import Schema
from pydantic import Field

from conferences.api.schemas.common import Strict


class WebhookChangeIn(Strict):
    """An endpoint, all of which may be left out when it is changed."""

    url: str = Field("", description="Where messages are sent by POST: https:// or http://.")
    everything: bool = Field(False, description="Of all conferences; for administrators.")
    types: list[str] = Field(
        [], max_length=100, description="As participant.joined; all where there is none."
    )
    paused: bool = Field(False, description="Messages wait until it is on again.")


class WebhookIn(WebhookChangeIn):
    """A new endpoint."""

    url: str


class ReplayIn(Strict):
    """The first message that is to be sent again; all that follow are, too."""

    number: int = Field(ge=1, le=2**63 - 1)


class WebhookOut(Schema):
    """An endpoint; `secret` is there only when it is new."""

    id: str
    url: str
    everything: bool
    types: list[str]
    state: str = Field(description="on, paused, or off: switched off after failing for long.")
    last_number: int = Field(description="That of the last message; they count from 1.")
    failing_since: datetime.datetime | None
    error: str
    created_at: datetime.datetime
    secret: str | None = Field(
        None, description="Of the signatures; keep it, it is not told again."
    )


class WebhooksOut(Schema):
    """Somebody's endpoints."""

    webhooks: list[WebhookOut]


class SecretOut(Schema):
    """A new secret."""

    secret: str


class ReplayOut(Schema):
    """How many messages are sent again."""

    count: int


class DeliveryOut(Schema):
    """One message, and what came of the last attempt to send it."""

    number: int
    id: str
    type: str
    conference: str
    created_at: datetime.datetime
    due: bool
    attempts: int
    tried_at: datetime.datetime | None
    status: int | None
    milliseconds: int | None
    error: str
    payload: dict[str, Any]


class DeliveriesOut(Schema):
    """A page of messages, the latest first; pages count from 1."""

    deliveries: list[DeliveryOut]
    count: int
    page: int
    pages: int
