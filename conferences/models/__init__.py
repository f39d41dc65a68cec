"""What is stored, with the constraints that must hold.

Two kinds of rows lie side by side. What *should be* (bookings, invitations,
bans, removals, calls) is written by people, scripts and jobs; what *happened*
(participants, endpoints, events, leases) is written by the gateway's one
database thread, in order. Nobody writes both kinds of fact into one row,
except where a row changes hands by its `state`.

Names that SIP compares (user names, conference names) are stored in lower
case. All times are UTC; a booking keeps the name of its zone beside them,
because a rule recurs in local time.
"""

from conferences.models.answers import KeptAnswer
from conferences.models.attempts import HeldOff, KnownSource
from conferences.models.bookings import Conference, Hold, Lease, Ledger, Setup
from conferences.models.calendars import CalendarObject, CalendarState
from conferences.models.choices import (
    AdmissionChoice,
    AnnounceChoice,
    AnonymityChoice,
    Answer,
    CallState,
    CreatorDepartsChoice,
    DialTargetChoice,
    DisconnectionMethod,
    Door,
    EndpointStatus,
    FactoryModeChoice,
    FactoryTwoLeftChoice,
    JoiningMethod,
    Kind,
    LanguageChoice,
    LinkKind,
    MailKind,
    MailState,
    MutedBy,
    NewcomersChoice,
    RecordedChoice,
    RecordingState,
    RemovalState,
    RoleChoice,
    Transport,
    TwoLeftChoice,
    WaiterState,
    WaitingRoomChoice,
    Way,
)
from conferences.models.delegations import Delegation
from conferences.models.dialogs import GatewayLease, StandingCall, StandingDialog
from conferences.models.factories import FACTORY, Factory
from conferences.models.invitations import Invitation, Mail, OccurrenceAnswer
from conferences.models.links import AccountLink
from conferences.models.orders import Call, DialOutRules, DialTarget, Removal
from conferences.models.people import USER_PART, ApiToken, Guest, PeopleManager, SipAccount, User
from conferences.models.quotas import GroupQuota
from conferences.models.recordings import Recording, Track
from conferences.models.registrations import Registration
from conferences.models.rosters import (
    Admittance,
    Ban,
    Endpoint,
    Event,
    Participant,
    Quality,
    WrongPin,
)
from conferences.models.series import OtherSeries, Override
from conferences.models.sounds import Playing, Sound
from conferences.models.templates import BookingTemplate
from conferences.models.traces import Trace
from conferences.models.trunks import Trunk
from conferences.models.waiting import Waiter
from conferences.models.webhooks import Delivery, Webhook, WebhookState

__all__ = [
    "FACTORY",
    "USER_PART",
    "AccountLink",
    "AdmissionChoice",
    "Admittance",
    "AnnounceChoice",
    "AnonymityChoice",
    "Answer",
    "ApiToken",
    "Ban",
    "BookingTemplate",
    "CalendarObject",
    "CalendarState",
    "Call",
    "CallState",
    "Conference",
    "CreatorDepartsChoice",
    "Delegation",
    "Delivery",
    "DialOutRules",
    "DialTarget",
    "DialTargetChoice",
    "DisconnectionMethod",
    "Door",
    "Endpoint",
    "EndpointStatus",
    "Event",
    "Factory",
    "FactoryModeChoice",
    "FactoryTwoLeftChoice",
    "GatewayLease",
    "GroupQuota",
    "Guest",
    "HeldOff",
    "Hold",
    "Invitation",
    "JoiningMethod",
    "KeptAnswer",
    "Kind",
    "KnownSource",
    "LanguageChoice",
    "Lease",
    "Ledger",
    "LinkKind",
    "Mail",
    "MailKind",
    "MailState",
    "MutedBy",
    "NewcomersChoice",
    "OccurrenceAnswer",
    "OtherSeries",
    "Override",
    "Participant",
    "PeopleManager",
    "Playing",
    "Quality",
    "RecordedChoice",
    "Recording",
    "RecordingState",
    "Registration",
    "Removal",
    "RemovalState",
    "RoleChoice",
    "Setup",
    "SipAccount",
    "Sound",
    "StandingCall",
    "StandingDialog",
    "Trace",
    "Track",
    "Transport",
    "Trunk",
    "TwoLeftChoice",
    "User",
    "Waiter",
    "WaiterState",
    "WaitingRoomChoice",
    "Way",
    "Webhook",
    "WebhookState",
    "WrongPin",
]
