"""What is booked, and the ports that it takes."""

from __future__ import annotations

import datetime

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone as clock
from django.utils.translation import gettext_lazy as _

from conferences import policy
from conferences.models.choices import (
    AdmissionChoice,
    AnnounceChoice,
    AnonymityChoice,
    CreatorDepartsChoice,
    Kind,
    LanguageChoice,
    NewcomersChoice,
    RecordedChoice,
    TwoLeftChoice,
    WaitingRoomChoice,
)


class Conference(models.Model):
    """A booking, a standing room or an ad-hoc conference; `name` is its public id."""

    name = models.CharField(max_length=64, unique=True)
    #: Digits that reach it, too, where its name was chosen and cannot be dialed.
    number = models.CharField(max_length=20, unique=True, null=True, blank=True, editable=False)
    title = models.CharField(max_length=200)
    organizer = models.ForeignKey(
        "conferences.User",
        on_delete=models.CASCADE,
        related_name="conferences",
        null=True,
        blank=True,
    )
    #: Who booked it for the organizer, as her delegate.
    booked_by = models.ForeignKey(
        "conferences.User",
        on_delete=models.SET_NULL,
        related_name="booked_for_others",
        null=True,
        blank=True,
        editable=False,
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
    #: Until then only its creator may be the first, whom a factory has sent there (302).
    reserved_until = models.DateTimeField(null=True, blank=True, editable=False)
    #: When the occurrence that runs or comes next is over, grace included; a sweep moves it
    #: on. Lists are ordered by it, so that what is soon is found among ten thousand.
    next_until = models.DateTimeField(null=True, blank=True, editable=False)
    timezone = models.CharField(max_length=64, default="UTC")
    rrule = models.CharField(max_length=255, blank=True)
    #: Number of the series that runs or comes next; those before and after are `OtherSeries`.
    series = models.PositiveSmallIntegerField(default=0, editable=False)
    early_minutes = models.PositiveIntegerField(default=0)
    grace_minutes = models.PositiveIntegerField(default=0)
    #: Minutes before the start at which invitees are written to; null for never.
    reminder_minutes = models.PositiveIntegerField(null=True, blank=True)
    pin = models.CharField(max_length=16, blank=True)
    #: Who gives it moderates.
    moderator_pin = models.CharField(max_length=16, blank=True)
    #: Each invitee has a PIN of his own, by which he is known.
    personal_pins = models.BooleanField(default=False)
    max_participants = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)]
    )
    admission = models.CharField(
        max_length=10, choices=AdmissionChoice.choices, default=AdmissionChoice.INVITED
    )
    locked = models.BooleanField(default=False)
    hidden_focus = models.BooleanField(default=False)
    participants_may_add = models.BooleanField(default=False)
    anonymity = models.CharField(
        max_length=6, choices=AnonymityChoice.choices, default=AnonymityChoice.ASKED
    )
    creator_departs = models.CharField(
        max_length=4, choices=CreatorDepartsChoice.choices, default=CreatorDepartsChoice.KEEP
    )
    two_left = models.CharField(
        max_length=4, choices=TwoLeftChoice.choices, default=TwoLeftChoice.STAY
    )
    #: How many more times an invitee is called who is busy or does not answer.
    redials = models.PositiveSmallIntegerField(default=2)
    #: Who is called presses 1 before he is in, which no voicemail does.
    confirm_calls = models.BooleanField(default=False)
    #: What prompts speak; empty for the one of the settings.
    language = models.CharField(
        max_length=2, choices=LanguageChoice.choices, blank=True, default=""
    )
    announce = models.CharField(
        max_length=7, choices=AnnounceChoice.choices, default=AnnounceChoice.TONES
    )
    quiet_from = models.PositiveIntegerField(default=15)
    warn_minutes = models.PositiveIntegerField(default=5)
    music = models.BooleanField(default=True)
    recorded = models.CharField(
        max_length=6, choices=RecordedChoice.choices, default=RecordedChoice.TOLD
    )
    #: Whether a recording has a track for each voice, too.
    tracks = models.BooleanField(default=False)
    waiting_room = models.CharField(
        max_length=9, choices=WaitingRoomChoice.choices, default=WaitingRoomChoice.NONE
    )
    #: How those come in who do not command, as it is booked.
    newcomers_at_first = models.CharField(
        max_length=8, choices=NewcomersChoice.choices, default=NewcomersChoice.HEARD
    )
    #: The same as a moderator has it now, until it ends.
    newcomers = models.CharField(
        max_length=8, choices=NewcomersChoice.choices, default=NewcomersChoice.HEARD
    )
    cancelled_at = models.DateTimeField(null=True, blank=True)
    #: When it was last ended for all. An occurrence that had opened by then is over.
    ended_at = models.DateTimeField(null=True, blank=True)
    #: Who asked that it be ended for all; empty once the focus has done so.
    end_by = models.CharField(max_length=255, blank=True)
    #: Version of the roster as last published by the focus (RFC 4575 4.1).
    roster_version = models.PositiveBigIntegerField(default=0)
    #: The UID that the calendar program gave it which booked it; empty for one of ours.
    uid = models.CharField(max_length=255, blank=True, editable=False)
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
            models.Index(fields=["organizer", "next_until"], name="next_of_an_organizer"),
            models.Index(
                fields=["next_until"],
                condition=Q(kind=Kind.BOOKED, cancelled_at__isnull=True),
                name="next_of_all",
            ),
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

    @property
    def digits(self) -> str:
        """What any telephone can dial to get here: the name, else the number; "" for neither."""
        return self.name if self.name.isdigit() else self.number or ""


class Ledger(models.Model):
    """How many ports there are: one row, locked by whoever takes some (`services.capacity`)."""

    #: The primary key of the one row.
    ONLY = 1

    ports = models.PositiveIntegerField(
        default=10_000,
        help_text=_("How many can be in calls at the same moment: what the machine can mix."),
    )
    overbooked_percent = models.PositiveSmallIntegerField(
        _("overbooking"),
        default=0,
        help_text=_("How much more is booked than there is, in percent."),
    )

    class Meta:
        verbose_name_plural = _("ledger")
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
