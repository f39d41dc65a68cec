"""The call as it is: who is in, waits, is called, moved, removed, recorded."""

from __future__ import annotations

import datetime
from typing import Literal

from ninja import Schema
from pydantic import Field, StrictBool

from conferences.api.schemas.common import Strict
from conferences.policy import Newcomers, Role, WaitingRoom


class CallIn(Strict):
    """Whom to call."""

    uri: str
    display_name: str = ""
    role: Role = Role.PARTICIPANT


class CalledIn(Strict):
    """Who is being called."""

    uri: str


class MoveIn(Strict):
    """The `id` of the phone on which the call is to go on."""

    phone: int


class RemovalIn(Strict):
    """Why, and whether he may not come back."""

    reason: str = ""
    ban: StrictBool = False


class PhoneRemovalIn(RemovalIn):
    """The same; with an endpoint's `entity` that phone alone goes."""

    endpoint: str = ""


class EjectionIn(RemovalIn):
    """Who is to go: the `id`s of roster entries, all of them or none."""

    participants: list[str] = Field(min_length=1, max_length=1000)


class TargetIn(Strict):
    """Whom a moderator means: a roster entry's `id`; everybody where it is left out."""

    participant: str | None = None
    spare: list[str] = Field([], description="Where all are muted: those who are not.")
    newcomers: StrictBool = Field(
        False, description="Where all are muted: those, too, who come later."
    )
    may_unmute: StrictBool = Field(
        False, description="Where all are muted: each may unmute himself."
    )


class NewcomersIn(Strict):
    """How those come in from now on who do not command."""

    newcomers: Newcomers


class LetInIn(Strict):
    """Who is let in: a waiter's `id`; everybody who waits where it is left out."""

    waiter: str | None = None


class WaitingRoomIn(Strict):
    """Who has to wait from now on."""

    waiting_room: WaitingRoom


class WaiterOut(Schema):
    """Somebody who waits to be let in."""

    id: str
    entity: str
    display_text: str
    since: datetime.datetime


class WaitingOut(Schema):
    """Who waits, in the order of arrival, and who has to."""

    waiting_room: WaitingRoom
    waiting: list[WaiterOut]


class BanOut(Schema):
    """Somebody who may not come back: who saw to it, and when."""

    id: str
    entity: str
    display_text: str
    by: str
    at: datetime.datetime


class LetInOut(Schema):
    """How many were let in."""

    let_in: int


class HandIn(Strict):
    """Whose hand: a roster entry's `id`; without one all are lowered."""

    participant: str | None = None
    raised: StrictBool = True


class WhomIn(Strict):
    """Who is meant: a roster entry's `id`."""

    participant: str


class TrackOut(Schema):
    """One voice of a recording by itself."""

    id: str
    entity: str
    name: str
    failure: str


class RecordingOut(Schema):
    """A recording; its length once the mixer has told it."""

    id: str
    state: str
    started_at: datetime.datetime
    started_by: str
    ended_at: datetime.datetime | None
    seconds: float | None
    failure: str
    with_tracks: bool
    tracks: list[TrackOut]


class SoundIn(Strict):
    """What a sound is called; left empty, as its file."""

    title: str = ""


class SoundOut(Schema):
    """A sound that can be played to everybody."""

    id: str
    title: str
    seconds: float
    added_at: datetime.datetime
    added_by: str
    playing: bool


class FiguresOut(Schema):
    """Losses in percent, jitter and times in milliseconds; null where it is not known."""

    mos: float | None = Field(None, description="Estimated mean opinion score, 1 to 4.4 (G.107).")
    loss_in: float | None = Field(None, description="Lost, or too late, of what the phone sends.")
    loss_out: float | None = Field(None, description="Lost of what it is sent; by its reports.")
    jitter_in: float | None = None
    jitter_out: float | None = None
    round_trip: float | None = None


class QualityOut(FiguresOut):
    """How well a phone goes now, and since it is in."""

    grade: Literal["good", "fair", "poor", "unknown"]
    mean: FiguresOut
    worst_mos: float | None = None
    at: datetime.datetime


class EndpointOut(Schema):
    """One phone; RFC 4575 names."""

    entity: str
    status: str
    joining_method: str
    muted: bool
    speaking: bool = Field(False, description="Absent where it does not; told every 5 s at most.")
    level: int | None = Field(None, description="How loud when it began to, in dBov (RFC 6464).")
    quality: QualityOut | None = Field(None, description="Absent until something was measured.")


class ParticipantOut(Schema):
    """A roster entry."""

    id: str
    entity: str
    display_text: str
    role: Role
    you: bool = Field(False, description="Whether this is who asks.")
    endpoints: list[EndpointOut]


class RosterOut(Schema):
    """Who is there now."""

    id: str
    uri: str
    active: bool
    locked: bool
    newcomers: Newcomers
    version: int
    participants: list[ParticipantOut]


class JobOut(Schema):
    """A dial-out; `reason` and SIP `status` where it failed."""

    job: str
    conference: str
    uri: str
    state: str
    reason: str | None = None
    status: int | None = None


class PhoneOut(Schema):
    """A phone that is registered (RFC 3261 10)."""

    id: int = Field(alias="pk")
    contact: str = Field(description="The Contact as the phone gave it, with what it can do.")
    transport: str = Field(description="UDP, TCP, TLS, WS or WSS.")
    address: str = Field(description="Where it was seen: host and port.")
    user_agent: str = Field(description="What it calls itself; empty where it does not say.")
    since: datetime.datetime
    refreshed_at: datetime.datetime
    expires_at: datetime.datetime = Field(description="Unless it refreshes before.")


class PhonesOut(Schema):
    """Where calls ring."""

    phones: list[PhoneOut]


class RemovalOut(Schema):
    """A removal that was asked for."""

    participant: str
    state: str


class EjectionOut(Schema):
    """The removals that were asked for."""

    removals: list[RemovalOut]
