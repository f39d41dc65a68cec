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

from __future__ import annotations

import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone as clock

from conferences import policy

#: Letters that stand for themselves in the user part of a SIP URI (RFC 3261 25.1
#: unreserved), in a URL's path and in a digest username alike; 63 at most.
USER_PART = r"^[a-z0-9][a-z0-9._-]{0,62}\Z"


class Kind(models.TextChoices):
    """How a conference came to be."""

    BOOKED = "booked", "Booked"
    ROOM = "room", "Standing room"
    ADHOC = "adhoc", "Ad hoc"


class AdmissionChoice(models.TextChoices):
    """`policy.Admission` as a form shows it."""

    INVITED = policy.Admission.INVITED.value, "The invited only"
    SIGNED_IN = policy.Admission.SIGNED_IN.value, "Everybody who signs in"
    OPEN = policy.Admission.OPEN.value, "Everybody, guests included"


class RoleChoice(models.TextChoices):
    """`policy.Role` as a form shows it."""

    ORGANIZER = policy.Role.ORGANIZER.value, "Organizer"
    MODERATOR = policy.Role.MODERATOR.value, "Moderator"
    PARTICIPANT = policy.Role.PARTICIPANT.value, "Participant"
    LISTENER = policy.Role.LISTENER.value, "Listener"


class CreatorDepartsChoice(models.TextChoices):
    """`policy.CreatorDeparts` as a form shows it."""

    KEEP = policy.CreatorDeparts.KEEP.value, "The conference goes on"
    END = policy.CreatorDeparts.END.value, "The conference ends"


class MutedBy(models.TextChoices):
    """Who silenced a participant."""

    NOBODY = "", "Nobody"
    SELF = "self", "Himself"
    MODERATOR = "moderator", "A moderator"


class Way(models.TextChoices):
    """The way by which a wish came in."""

    WEB = "web", "Web page"
    REST = "rest", "REST API"
    REFER = "refer", "REFER"
    KEYPAD = "keypad", "Keypad"
    CLOCK = "clock", "Clock"
    COMMAND = "command", "Command line"


class EndpointStatus(models.TextChoices):
    """RFC 4575 5.7.2 ``status``."""

    PENDING = "pending"
    DIALING_OUT = "dialing-out"
    DIALING_IN = "dialing-in"
    ALERTING = "alerting"
    ON_HOLD = "on-hold"
    CONNECTED = "connected"
    MUTED_VIA_FOCUS = "muted-via-focus"
    DISCONNECTING = "disconnecting"
    DISCONNECTED = "disconnected"


class JoiningMethod(models.TextChoices):
    """RFC 4575 5.7.3 ``joining-method``."""

    DIALED_IN = "dialed-in"
    DIALED_OUT = "dialed-out"
    FOCUS_OWNER = "focus-owner"


class DisconnectionMethod(models.TextChoices):
    """RFC 4575 5.7.5 ``disconnection-method``; empty while connected."""

    NONE = "", "-"
    DEPARTED = "departed"
    BOOTED = "booted"
    FAILED = "failed"
    BUSY = "busy"


class RemovalState(models.TextChoices):
    """A removal's way: asked for, claimed by the job, over."""

    DUE = "due"
    CARRYING = "carrying"
    DONE = "done"
    FAILED = "failed"


class CallState(models.TextChoices):
    """A dial-out's way, as the REST API names it."""

    PLANNED = "planned"
    DUE = "due"
    CALLING = "calling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Answer(models.TextChoices):
    """What an invitee said (RFC 5545 3.2.12 ``PARTSTAT``)."""

    NONE = "", "No answer yet"
    ACCEPTED = "accepted", "Comes"
    TENTATIVE = "tentative", "May come"
    DECLINED = "declined", "Does not come"


class MailKind(models.TextChoices):
    """What a mail is about; its calendar object's method follows from it (RFC 5546)."""

    INVITED = "invited", "Invitation"
    CHANGED = "changed", "Change"
    CANCEL = "cancel", "Cancellation"


class MailState(models.TextChoices):
    """A mail's way. It is kept, and never sent, where no mail server is named."""

    KEPT = "kept", "Not sent, no mail server is set"
    DUE = "due", "To be sent"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    FAILED = "failed", "Could not be sent"


class PeopleManager(UserManager["User"]):
    """Finds people whatever the case in which a name was typed."""

    def get_by_natural_key(self, username: str | None) -> User:
        """The user; raises `User.DoesNotExist`."""
        return super().get_by_natural_key((username or "").lower())


class User(AbstractUser):
    """A person. `username` is lower case and is the user part of his SIP URI."""

    username = models.CharField(
        max_length=63,
        unique=True,
        validators=[
            RegexValidator(
                USER_PART,
                "Use letters a-z, digits, dots, hyphens and underscores,"
                " and begin with a letter or digit.",
            )
        ],
        help_text="The user part of the person's SIP address.",
    )
    display_name = models.CharField(max_length=100, blank=True)
    is_organizer = models.BooleanField(
        "may book", default=False, help_text="May book conferences and choose their names."
    )
    timezone = models.CharField(max_length=64, default="UTC")
    ports_quota = models.PositiveIntegerField(
        "quota of ports",
        null=True,
        blank=True,
        help_text="How many ports his conferences may take at any moment; empty for no limit.",
    )
    #: The secret of the link to his own calendar; null until he asks for one.
    calendar_token = models.CharField(
        max_length=43, unique=True, null=True, blank=True, editable=False
    )

    objects: ClassVar[UserManager[User]] = PeopleManager()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(username=Lower("username")), name="user_name_in_lower_case"
            ),
        ]

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """In lower case, whoever makes the user: a page, the back office, a command."""
        return super().normalize_username(username).strip().lower()

    def get_full_name(self) -> str:
        """What others read in the roster."""
        return self.display_name or super().get_full_name() or self.username


class Conference(models.Model):
    """A booking, a standing room or an ad-hoc conference; `name` is its public id."""

    name = models.CharField(max_length=64, unique=True)
    title = models.CharField(max_length=200)
    organizer = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="conferences", null=True, blank=True
    )
    #: Who created an ad-hoc conference without an account of his own (a foreign URI).
    creator = models.CharField(max_length=255, blank=True)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.ROOM)
    starts_at = models.DateTimeField(null=True, blank=True)
    duration_minutes = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)]
    )
    #: When the last occurrence is over, grace included; null where there is no last one.
    closes_at = models.DateTimeField(null=True, blank=True, editable=False)
    timezone = models.CharField(max_length=64, default="UTC")
    rrule = models.CharField(max_length=255, blank=True)
    early_minutes = models.PositiveIntegerField(default=0)
    grace_minutes = models.PositiveIntegerField(default=0)
    pin = models.CharField(max_length=16, blank=True)
    max_participants = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)]
    )
    admission = models.CharField(
        max_length=10, choices=AdmissionChoice.choices, default=AdmissionChoice.INVITED
    )
    locked = models.BooleanField(default=False)
    hidden_focus = models.BooleanField(default=False)
    participants_may_add = models.BooleanField(default=False)
    creator_departs = models.CharField(
        max_length=4, choices=CreatorDepartsChoice.choices, default=CreatorDepartsChoice.KEEP
    )
    cancelled_at = models.DateTimeField(null=True, blank=True)
    #: When it was last ended for all. An occurrence that had opened by then is over.
    ended_at = models.DateTimeField(null=True, blank=True)
    #: Who asked that it be ended for all; empty once the focus has done so.
    end_by = models.CharField(max_length=255, blank=True)
    #: Version of the roster as last published by the focus (RFC 4575 4.1).
    roster_version = models.PositiveBigIntegerField(default=0)
    #: How often what a calendar shows of it has changed (RFC 5545 3.8.7.4).
    sequence = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("starts_at", "title", "pk")
        constraints = [
            models.CheckConstraint(
                condition=Q(name=Lower("name")) & ~Q(name=""),
                name="conference_has_a_name_in_lower_case",
            ),
            models.CheckConstraint(
                # A comparison with NULL is not false, and so would let the row pass.
                condition=Q(
                    kind=Kind.BOOKED,
                    starts_at__isnull=False,
                    duration_minutes__isnull=False,
                    duration_minutes__gte=1,
                )
                | (~Q(kind=Kind.BOOKED) & Q(starts_at__isnull=True, rrule="")),
                name="booking_has_a_time_and_nothing_else_has",
            ),
            models.CheckConstraint(
                condition=Q(max_participants__isnull=True) | Q(max_participants__gte=1),
                name="conference_has_room_for_one",
            ),
            models.CheckConstraint(
                condition=Q(organizer__isnull=False) | ~Q(creator=""),
                name="conference_has_somebody_behind_it",
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=Q(kind=Kind.ADHOC, ended_at__isnull=True),
                name="adhoc_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.name})"

    @property
    def key(self) -> policy.ConferenceId:
        """The primary key as the focus knows it."""
        return policy.ConferenceId(self.pk)


class Ledger(models.Model):
    """How many ports there are: one row, locked by whoever takes some (`services.capacity`)."""

    #: The primary key of the one row.
    ONLY = 1

    ports = models.PositiveIntegerField(
        default=10_000,
        help_text="How many can be in calls at the same moment: what the machine can mix.",
    )
    overbooked_percent = models.PositiveSmallIntegerField(
        "overbooking",
        default=0,
        help_text="How much more is booked than there is, in percent.",
    )

    class Meta:
        verbose_name_plural = "ledger"
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="there_is_one_ledger"),
        ]

    def __str__(self) -> str:
        return f"{self.ports} ports"

    @property
    def bookable(self) -> int:
        """What bookings may take at any moment, overbooking included."""
        return self.ports * (100 + self.overbooked_percent) // 100


class Hold(models.Model):
    """Ports that a conference takes for a time; `ends_at` is null for ever.

    Times are whole POSIX seconds, rounded outwards: a booking reads tens of
    thousands of them while all others wait, and numbers are read ten times as
    fast as dates.

    Written whenever a conference is booked, changed or over, in that
    transaction. Those of one conference never overlap, and none with an end is
    longer than `ledger.LONGEST_PIECE`.
    """

    conference = models.ForeignKey(Conference, on_delete=models.CASCADE, related_name="holds")
    starts_at = models.BigIntegerField()
    ends_at = models.BigIntegerField(null=True, blank=True)
    ports = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ports__gte=1), name="hold_takes_a_port"),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="hold_ends_after_its_start",
            ),
        ]
        indexes = [
            models.Index(fields=["starts_at", "ends_at"], name="holds_of_a_time"),
            models.Index(
                fields=["ports"], condition=Q(ends_at__isnull=True), name="holds_for_ever"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ports} ports for {self.conference_id}"


class Guest(models.Model):
    """Somebody without an account, let in by a link to one conference."""

    conference = models.ForeignKey(Conference, on_delete=models.CASCADE, related_name="guests")
    uri_user = models.CharField(max_length=64, unique=True)
    display_name = models.CharField(max_length=100)
    expires_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return self.display_name


class SipAccount(models.Model):
    """Credentials of one phone: hashes alone, never the password (RFC 8760).

    A person's own account is named like him and lasts; those handed to a
    browser have a random name and expire.
    """

    auth_name = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="sip_accounts"
    )
    guest = models.ForeignKey(
        Guest, on_delete=models.CASCADE, null=True, blank=True, related_name="sip_accounts"
    )
    ha1_md5 = models.CharField(max_length=32)
    ha1_sha256 = models.CharField(max_length=64)
    expires_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, guest__isnull=True)
                | Q(user__isnull=True, guest__isnull=False, expires_at__isnull=False),
                name="account_is_a_persons_or_a_guests_for_a_while",
            ),
        ]

    def __str__(self) -> str:
        return self.auth_name


class ApiToken(models.Model):
    """A bearer token of the REST API: only its SHA-256 is kept.

    256 random bits need no slow hash: there is nothing to guess.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return f"token of {self.user}"


class Invitation(models.Model):
    """Somebody on the list of a conference, by URI or, until he is known, by mail."""

    conference = models.ForeignKey(Conference, on_delete=models.CASCADE, related_name="invitations")
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="invitations"
    )
    uri = models.CharField(max_length=255, blank=True)
    email = models.EmailField(blank=True)
    role = models.CharField(
        max_length=11, choices=RoleChoice.choices, default=RoleChoice.PARTICIPANT
    )
    dial_out = models.BooleanField(default=False)
    #: The secret of the link by which he answers.
    token = models.CharField(max_length=43, unique=True)
    answer = models.CharField(max_length=9, choices=Answer.choices, blank=True, default="")
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.CheckConstraint(
                condition=~Q(uri="") | ~Q(email=""), name="invitation_says_whom"
            ),
            models.CheckConstraint(
                condition=~Q(role=RoleChoice.ORGANIZER), name="invitation_makes_no_organizer"
            ),
            models.CheckConstraint(
                condition=Q(dial_out=False) | ~Q(uri=""), name="dial_out_needs_a_uri"
            ),
            models.UniqueConstraint(
                "conference", "uri", condition=~Q(uri=""), name="invited_once_by_uri"
            ),
            models.UniqueConstraint(
                "conference", "email", condition=~Q(email=""), name="invited_once_by_mail"
            ),
        ]

    def __str__(self) -> str:
        return self.uri or self.email


class Mail(models.Model):
    """A mail to an invitee. The job claims it, and writes it from what is booked then."""

    conference = models.ForeignKey(Conference, on_delete=models.CASCADE, related_name="mails")
    #: Null once he is off the list, when he is told so.
    invitation = models.ForeignKey(
        Invitation, on_delete=models.SET_NULL, null=True, blank=True, related_name="mails"
    )
    address = models.EmailField()
    name = models.CharField(max_length=100, blank=True)
    kind = models.CharField(max_length=9, choices=MailKind.choices)
    #: SEQUENCE of the booking when it was written; what is sent has this or a higher one.
    sequence = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=7, choices=MailState.choices, default=MailState.DUE)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    due_at = models.DateTimeField(default=clock.now)
    claimed_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ("-pk",)
        indexes = [
            models.Index(
                fields=["state", "due_at"],
                condition=Q(state__in=["due", "sending"]),
                name="mails_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} to {self.address} ({self.state})"


class Participant(models.Model):
    """A roster entry (RFC 4575 ``user``); `key` is its public id, given by the focus."""

    conference = models.ForeignKey(
        Conference, on_delete=models.CASCADE, related_name="participants"
    )
    key = models.CharField(max_length=64, unique=True)
    entity = models.CharField(max_length=255)
    display_text = models.CharField(max_length=100, blank=True)
    role = models.CharField(max_length=11, choices=RoleChoice.choices)
    joined_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)
    left_method = models.CharField(
        max_length=8, choices=DisconnectionMethod.choices, blank=True, default=""
    )
    left_by = models.CharField(max_length=255, blank=True)
    left_reason = models.CharField(max_length=255, blank=True)
    muted_by = models.CharField(max_length=9, choices=MutedBy.choices, blank=True, default="")

    class Meta:
        ordering = ("joined_at", "pk")
        indexes = [
            models.Index(
                fields=["conference"], condition=Q(left_at__isnull=True), name="roster_now"
            ),
            models.Index(fields=["conference", "entity", "-joined_at"], name="joins_of_somebody"),
        ]

    def __str__(self) -> str:
        return self.display_text or self.entity


class Endpoint(models.Model):
    """One phone of a participant (RFC 4575 ``endpoint``)."""

    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="endpoints")
    uri = models.CharField(max_length=512)
    status = models.CharField(max_length=16, choices=EndpointStatus.choices)
    joining_method = models.CharField(max_length=11, choices=JoiningMethod.choices)
    muted = models.BooleanField(default=False)
    joined_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)
    disconnection_method = models.CharField(
        max_length=8, choices=DisconnectionMethod.choices, blank=True, default=""
    )

    class Meta:
        ordering = ("joined_at", "pk")
        constraints = [
            models.UniqueConstraint("participant", "uri", name="endpoint_once_a_participant"),
        ]

    def __str__(self) -> str:
        return self.uri


class Ban(models.Model):
    """Somebody who may not come back."""

    conference = models.ForeignKey(Conference, on_delete=models.CASCADE, related_name="bans")
    entity = models.CharField(max_length=255)
    by = models.CharField(max_length=255)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("conference", "entity", name="banned_once"),
        ]

    def __str__(self) -> str:
        return self.entity


class Removal(models.Model):
    """A wish that a participant be gone. The job claims it, the focus carries it out."""

    conference = models.ForeignKey(Conference, on_delete=models.CASCADE, related_name="removals")
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="removals")
    actor = models.CharField(max_length=255)
    actor_name = models.CharField(max_length=100, blank=True)
    way = models.CharField(max_length=7, choices=Way.choices)
    reason = models.CharField(max_length=255, blank=True)
    ban = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=RemovalState.choices, default=RemovalState.DUE)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    claimed_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=255, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "participant",
                condition=Q(state__in=["due", "carrying"]),
                name="removed_by_one_wish_at_a_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["state", "claimed_at"],
                condition=Q(state__in=["due", "carrying"]),
                name="removals_open",
            ),
        ]

    def __str__(self) -> str:
        return f"removal of {self.participant} ({self.state})"


class Call(models.Model):
    """A dial-out; `job` is its public id (``/api/v1/jobs/{job}``)."""

    conference = models.ForeignKey(Conference, on_delete=models.CASCADE, related_name="calls")
    invitation = models.ForeignKey(
        Invitation, on_delete=models.SET_NULL, null=True, blank=True, related_name="calls"
    )
    job = models.CharField(max_length=32, unique=True)
    uri = models.CharField(max_length=255)
    display_name = models.CharField(max_length=100, blank=True)
    role = models.CharField(
        max_length=11, choices=RoleChoice.choices, default=RoleChoice.PARTICIPANT
    )
    by = models.CharField(max_length=255)
    way = models.CharField(max_length=7, choices=Way.choices)
    state = models.CharField(max_length=9, choices=CallState.choices, default=CallState.DUE)
    due_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    #: SIP status of the last answer, once there was one.
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint("invitation", "due_at", name="called_once_an_occurrence"),
        ]
        indexes = [
            models.Index(
                fields=["state", "due_at"],
                condition=Q(state__in=["planned", "due", "calling"]),
                name="calls_open",
            ),
        ]

    def __str__(self) -> str:
        return f"call to {self.uri} ({self.state})"


class Admittance(models.Model):
    """Somebody who need not key the PIN: he typed it on a page, or was pulled in."""

    conference = models.ForeignKey(Conference, on_delete=models.CASCADE, related_name="admittances")
    entity = models.CharField(max_length=255)
    #: A moderator had him called: he may come in though he is not on the list.
    pulled_in = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint("conference", "entity", name="admitted_once"),
        ]

    def __str__(self) -> str:
        return self.entity


class WrongPin(models.Model):
    """A wrong PIN, kept until a right one or until it is old."""

    conference = models.ForeignKey(Conference, on_delete=models.CASCADE, related_name="wrong_pins")
    entity = models.CharField(max_length=255)
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.entity


class Event(models.Model):
    """One line of a conference's history. Never changed, pruned when old."""

    conference = models.ForeignKey(Conference, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(db_index=True)
    kind = models.CharField(max_length=20)
    actor = models.CharField(max_length=255, blank=True)
    target = models.CharField(max_length=255, blank=True)
    way = models.CharField(max_length=7, choices=Way.choices, blank=True)
    detail: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(
        default=dict, blank=True
    )

    class Meta:
        ordering = ("at", "pk")
        indexes = [models.Index(F("conference"), F("at"), name="history")]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"


class Setup(models.Model):
    """A call to the conference application that waits for its caller's answers (draft 4.3).

    The token is the secret of the page's link, good for that call alone.
    """

    token = models.CharField(max_length=64, unique=True)
    entity = models.CharField(max_length=255)
    display_name = models.CharField(max_length=100, blank=True)
    opened_at = models.DateTimeField()
    #: What came of it.
    conference = models.OneToOneField(
        Conference, on_delete=models.SET_NULL, null=True, blank=True, related_name="setup"
    )
    #: The caller hung up, or was handed over to his conference.
    closed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.display_name or self.entity

    @property
    def waits(self) -> bool:
        """Whether the caller is still on the line and nothing has been created."""
        return self.conference_id is None and self.closed_at is None


class Lease(models.Model):
    """Which process serves a conference, until when."""

    conference = models.OneToOneField(Conference, on_delete=models.CASCADE, related_name="lease")
    owner = models.CharField(max_length=100)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.owner

    def live(self, now: datetime.datetime) -> bool:
        """Whether it still holds."""
        return self.expires_at > now
