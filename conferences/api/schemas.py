"""What goes in and comes out, as OpenAPI shows it. Unknown members are told, not ignored."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import BeforeValidator, ConfigDict, Field, StrictBool

from conferences.policy import (
    Admission,
    Announce,
    Anonymity,
    CreatorDeparts,
    Language,
    Recorded,
    Role,
    TwoLeft,
    WaitingRoom,
)


def _written_out(said: object) -> object:
    """Numbers are not taken for seconds since 1970: nobody who sends one means that."""
    if isinstance(said, int | float) or (isinstance(said, str) and not _DATE.match(said)):
        raise ValueError("want a date and time as 2026-03-02T09:00:00+01:00")
    return said


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Moment = Annotated[datetime.datetime, BeforeValidator(_written_out)]
"""A date and a time (RFC 3339 5.6)."""


class Strict(Schema):
    """What is sent: a member that is not known is an error."""

    model_config = ConfigDict(extra="forbid")


class InviteeIn(Strict):
    """Somebody on the list, by `uri` (or user name) or by `email`."""

    uri: str = ""
    email: str = ""
    role: Role = Role.PARTICIPANT
    dial_out: bool = Field(False, description="Call him when the conference opens.")


class PolicyIn(Strict):
    """Who may do what."""

    admission: Admission = Admission.INVITED
    participants_may_add: bool | None = Field(
        None, description="May participants have others called? By default where all may join."
    )
    hidden_focus: bool = False
    redials: int = Field(2, description="Tries more for an invitee who is busy or not there.")
    confirm_calls: bool = Field(False, description="Whoever is called presses 1 to come in.")
    anonymity: Anonymity = Field(
        Anonymity.ASKED, description="Who is shown without his name, and to whom."
    )
    creator_departs: CreatorDeparts = CreatorDeparts.KEEP
    two_left: TwoLeft = Field(
        TwoLeft.STAY,
        description="When two are left of a conference for now: it stays, or they go on in a call.",
    )
    personal_pins: bool = Field(False, description="Each invitee has a PIN of his own.")
    reminder_minutes: int | None = Field(
        None, description="Remind invitees by mail so long before each start."
    )
    early_minutes: int = Field(0, description="Open so long before the start.")
    grace_minutes: int = Field(0, description="Closed so long after the end.")
    language: Language | None = Field(None, description="What prompts speak; else the server's.")
    announce: Announce = Field(Announce.TONES, description="How coming and going is heard.")
    quiet_from: int = Field(15, description="From so many people on it is not.")
    warn_minutes: int = Field(5, description="Everybody is told so long before the end; 0: never.")
    music: bool = Field(True, description="For a phone that is alone.")
    recorded: Recorded = Field(
        Recorded.TOLD, description="Never, everybody is told, or only those who agree are kept."
    )
    tracks: bool = Field(False, description="Recordings have a track for each voice, too.")
    waiting_room: WaitingRoom = Field(
        WaitingRoom.NONE,
        description="Whoever does not command waits: not at all, until the first who does is in, "
        "or until he is let in.",
    )


class ChangeIn(Strict):
    """A booking, all of which may be left out when it is changed."""

    title: str = ""
    starts_at: Moment | None = Field(
        None, description="Without it, a standing room. Without an offset, local time."
    )
    duration_minutes: int | None = None
    timezone: str = Field("", description="As in Europe/Berlin.")
    rrule: str = Field("", description="RFC 5545, from FREQ=DAILY on.")
    pin: str = ""
    moderator_pin: str = Field("", description="Who gives it moderates.")
    max_participants: int | None = None
    invitees: list[InviteeIn] = []
    policy: PolicyIn | None = None


class BookIn(ChangeIn):
    """A new booking."""

    title: str
    id: str = Field("", description="A name of your choice; else random digits.")
    organizer: str = Field(
        "", description="The user name of whom you book for as a delegate; else yourself."
    )
    like: str = Field("", description="The id of a booking of yours; what is left out is as there.")
    template: str = Field("", description="The same of a template of yours.")


class OccurrenceIn(Strict):
    """What becomes of one time; what is left out stays, null and "" are as in the series."""

    title: str = ""
    starts_at: Moment | None = Field(
        None, description="Without an offset, local time of the booking's zone."
    )
    duration_minutes: int | None = None


class FollowingIn(Strict):
    """What becomes of this one and all that follow; what is left out stays."""

    title: str = ""
    starts_at: Moment | None = None
    duration_minutes: int | None = None
    timezone: str = ""
    rrule: str = ""


class CallIn(Strict):
    """Whom to call."""

    uri: str
    display_name: str = ""
    role: Role = Role.PARTICIPANT


class CalledIn(Strict):
    """Who is being called."""

    uri: str


class CancelledOut(Schema):
    """How many calls were called off."""

    cancelled: int


class MoveIn(Strict):
    """The `id` of the phone on which the call is to go on."""

    phone: int


class RemovalIn(Strict):
    """Why, and whether he may not come back."""

    reason: str = ""
    ban: bool = False


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


class OccurrencesIn(Schema):
    """Times that are not over at `from` (without an offset, UTC; by default now)."""

    since: Moment | None = Field(None, alias="from")
    most: int = Field(50, ge=1, le=500)


class ExtendIn(Strict):
    """For how much longer."""

    minutes: int = Field(15, ge=1, le=240)


class WindowIn(Schema):
    """A time window (without an offset, UTC) and a page of what is in it."""

    since: Moment | None = Field(None, alias="from")
    until: Moment | None = Field(None, alias="to")
    q: str = Field("", max_length=200, description="Words of a title, a person or an address.")
    page: int = Field(1, ge=1)
    page_size: int = Field(50, ge=1, le=200)


class PageIn(Schema):
    """A page; they count from 1."""

    page: int = Field(1, ge=1)
    page_size: int = Field(200, ge=1, le=1000)


class WhyIn(Schema):
    """What may also stand in the body of a removal."""

    reason: str = ""
    ban: bool = False
    endpoint: str = ""


class PolicyOut(Schema):
    """Who may do what."""

    admission: Admission
    participants_may_add: bool
    redials: int
    confirm_calls: bool
    hidden_focus: bool
    anonymity: Anonymity
    creator_departs: CreatorDeparts
    two_left: TwoLeft
    personal_pins: bool
    reminder_minutes: int | None
    early_minutes: int
    grace_minutes: int
    language: str
    announce: Announce
    quiet_from: int
    warn_minutes: int
    music: bool
    recorded: Recorded
    tracks: bool
    waiting_room: WaitingRoom


class InviteeOut(Schema):
    """Somebody on the list."""

    uri: str
    email: str
    role: Role
    dial_out: bool
    answer: str
    pin: str = Field(description="Of his own; organizers read all, others theirs alone.")


class LaterOut(Schema):
    """How a series goes on after a change of one time and all that follow."""

    title: str
    starts_at: datetime.datetime
    duration_minutes: int
    timezone: str
    rrule: str


class ConferenceOut(Schema):
    """A booking; `pin` and `invitees` only for those who may read them.

    Title, time and rule are those of what runs or comes next, `later` what follows it.
    """

    id: str
    uri: str
    url: str
    title: str
    kind: str
    organizer: str
    starts_at: datetime.datetime | None
    duration_minutes: int | None
    timezone: str
    rrule: str
    later: list[LaterOut]
    max_participants: int | None
    opens_at: datetime.datetime | None
    closes_at: datetime.datetime | None
    over: bool
    cancelled: bool
    pin_required: bool
    policy: PolicyOut
    pin: str | None = None
    moderator_pin: str | None = None
    invitees: list[InviteeOut] | None = None


class ConferencesOut(Schema):
    """One page of a list; pages count from 1."""

    conferences: list[ConferenceOut]
    count: int
    page: int
    pages: int


class OccurrenceAnswerOut(Schema):
    """What an invitee says of one time alone."""

    uri: str
    email: str
    answer: str


class OccurrenceOut(Schema):
    """One time of a booking. `id` is its RECURRENCE-ID and never changes (RFC 5545 3.8.4.4)."""

    id: str
    starts_at: datetime.datetime
    ends_at: datetime.datetime
    opens_at: datetime.datetime
    closes_at: datetime.datetime
    title: str
    cancelled: bool
    changed: bool
    answers: list[OccurrenceAnswerOut] | None = Field(
        None, description="What invitees said of this time alone; for those who command."
    )


class OccurrencesOut(Schema):
    """Times, by their place in the series; `next` is the `from` of those that follow."""

    occurrences: list[OccurrenceOut]
    next: datetime.datetime | None


class ExtendedOut(Schema):
    """When it closes now, grace included."""

    closes_at: datetime.datetime


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
