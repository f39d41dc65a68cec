"""Bookings and their times, as they go in and come out."""

from __future__ import annotations

import datetime

from ninja import Schema
from pydantic import Field, StrictBool

from conferences.api.schemas.common import Moment, Start, Strict
from conferences.policy import (
    Admission,
    Announce,
    Anonymity,
    CreatorDeparts,
    Language,
    Newcomers,
    Recorded,
    Role,
    TwoLeft,
    WaitingRoom,
)


class InviteeIn(Strict):
    """Somebody on the list, by `uri` (or user name) or by `email`."""

    uri: str = ""
    email: str = ""
    role: Role = Role.PARTICIPANT
    dial_out: StrictBool = Field(False, description="Call him when the conference opens.")


class PolicyIn(Strict):
    """Who may do what."""

    admission: Admission = Admission.INVITED
    participants_may_add: StrictBool | None = Field(
        None, description="May participants have others called? By default where all may join."
    )
    hidden_focus: StrictBool = False
    redials: int = Field(2, description="Tries more for an invitee who is busy or not there.")
    confirm_calls: StrictBool = Field(False, description="Whoever is called presses 1 to come in.")
    anonymity: Anonymity = Field(
        Anonymity.ASKED, description="Who is shown without his name, and to whom."
    )
    creator_departs: CreatorDeparts = CreatorDeparts.KEEP
    two_left: TwoLeft = Field(
        TwoLeft.STAY,
        description="When two are left of a conference for now: it stays, or they go on in a call.",
    )
    personal_pins: StrictBool = Field(False, description="Each invitee has a PIN of his own.")
    reminder_minutes: int | None = Field(
        None, description="Remind invitees by mail so long before each start."
    )
    early_minutes: int = Field(0, description="Open so long before the start.")
    grace_minutes: int = Field(0, description="Closed so long after the end.")
    language: Language | None = Field(None, description="What prompts speak; else the server's.")
    announce: Announce = Field(Announce.TONES, description="How coming and going is heard.")
    quiet_from: int = Field(15, description="From so many people on it is not.")
    warn_minutes: int = Field(5, description="Everybody is told so long before the end; 0: never.")
    music: StrictBool = Field(True, description="For a phone that is alone.")
    recorded: Recorded = Field(
        Recorded.TOLD, description="Never, everybody is told, or only those who agree are kept."
    )
    tracks: StrictBool = Field(False, description="Recordings have a track for each voice, too.")
    waiting_room: WaitingRoom = Field(
        WaitingRoom.NONE,
        description="Whoever does not command waits: not at all, until the first who does is in, "
        "or until he is let in.",
    )
    newcomers: Newcomers = Field(
        Newcomers.HEARD,
        description="Whether whoever comes in and does not command is heard, is muted and may "
        "unmute himself, or is muted until a moderator unmutes him.",
    )


class ChangeIn(Strict):
    """A booking, all of which may be left out when it is changed."""

    title: str = ""
    starts_at: Start | None = Field(
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
    starts_at: Start | None = Field(
        None, description="Without an offset, local time of the booking's zone."
    )
    duration_minutes: int | None = None


class FollowingIn(Strict):
    """What becomes of this one and all that follow; what is left out stays."""

    title: str = ""
    starts_at: Start | None = None
    duration_minutes: int | None = None
    timezone: str = ""
    rrule: str = ""


class CancelledOut(Schema):
    """How many calls were called off."""

    cancelled: int


class OccurrencesIn(Schema):
    """Times that are not over at `from` (without an offset, UTC; by default now)."""

    since: Moment | None = Field(None, alias="from")
    most: int = Field(50, ge=1, le=500)


class ExtendIn(Strict):
    """For how much longer."""

    minutes: int = Field(15, ge=1, le=240)


class WindowIn(Schema):
    """A time window (without an offset, UTC) and a page of what is in it."""

    since: Moment | None = Field(
        None, alias="from", description="What is not over by then, an RFC 3339 date and time."
    )
    until: Moment | None = Field(None, alias="to", description="What begins before.")
    q: str = Field("", max_length=200, description="Words of a title, a person or an address.")
    page: int = Field(1, ge=1)
    page_size: int = Field(50, ge=1, le=200)


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
    newcomers: Newcomers


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
    number: str = Field(
        description='What any telephone can dial; the id, or a number beside it, or "".'
    )
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
