"""What is to be done to a live conference: orders that a job claims."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone as clock
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from conferences import policy
from conferences.models.choices import CallState, DialTargetChoice, RemovalState, RoleChoice, Way


class Removal(models.Model):
    """A wish that a participant be gone. The job claims it, the focus carries it out."""

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="removals"
    )
    participant = models.ForeignKey(
        "conferences.Participant", on_delete=models.CASCADE, related_name="removals"
    )
    actor = models.CharField(max_length=255)
    actor_name = models.CharField(max_length=100, blank=True)
    way = models.CharField(max_length=7, choices=Way.choices)
    reason = models.CharField(max_length=255, blank=True)
    ban = models.BooleanField(default=False)
    #: Who asked does not want to be known to those in the conference (RFC 3323).
    anonymous = models.BooleanField(default=False)
    #: The one phone that is to go, as the roster names it; "" for all of them.
    endpoint = models.CharField(max_length=512, blank=True, default="")
    state = models.CharField(max_length=8, choices=RemovalState.choices, default=RemovalState.DUE)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    claimed_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=255, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "participant",
                "endpoint",
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

    @property
    def asker(self) -> str:
        """Who asked, for the history of the conference."""
        return policy.NOBODY if self.anonymous else self.actor

    def __str__(self) -> str:
        return f"removal of {self.participant} ({self.state})"


class Call(models.Model):
    """A dial-out; `job` is its public id (``/api/v1/jobs/{job}``)."""

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="calls"
    )
    invitation = models.ForeignKey(
        "conferences.Invitation",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="calls",
    )
    job = models.CharField(max_length=32, unique=True)
    uri = models.CharField(max_length=255)
    display_name = models.CharField(max_length=100, blank=True)
    role = models.CharField(
        max_length=12, choices=RoleChoice.choices, default=RoleChoice.PARTICIPANT
    )
    by = models.CharField(max_length=255)
    way = models.CharField(max_length=7, choices=Way.choices)
    state = models.CharField(max_length=9, choices=CallState.choices, default=CallState.DUE)
    #: The opening that it is for; not before `again_at`, where an earlier try failed.
    due_at = models.DateTimeField()
    again_at = models.DateTimeField(null=True, blank=True)
    #: How often it has been placed.
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    #: SIP status of the last answer, once there was one.
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=255, blank=True)
    #: The Contact of the one phone that is to ring; all of them without it.
    phone = models.TextField(blank=True)
    #: Asked for as ``sips:``: a phone that is connected over TLS, or none (RFC 3261 26.2.2).
    secure = models.BooleanField(default=False)
    #: The person's call goes on there (RFC 4579 5.9).
    takes_over = models.BooleanField(default=False)
    #: The Replaces that the phone is to get (RFC 4579 5.10).
    replaces = models.TextField(blank=True)
    #: Who asked does not want to be known to those in the conference (RFC 3323).
    anonymous = models.BooleanField(default=False)
    #: Who else is called by the same list, for the phone to show (RFC 5366 5).
    history = models.TextField(blank=True)
    #: Where outside a phone has sent it on to, which takes a line like any call there.
    sent_on = models.CharField(max_length=255, blank=True)
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
            models.Index(fields=["by", "-created_at"], name="calls_of_somebody"),
        ]

    @property
    def asker(self) -> str:
        """Who asked, for the history of the conference."""
        return policy.NOBODY if self.anonymous else self.by

    def __str__(self) -> str:
        return f"call to {self.uri} ({self.state})"


class DialOutRules(models.Model):
    """How calls out are made here: one row, kept in the back office (`services.dialout`)."""

    #: The primary key of the one row.
    ONLY = 1

    busy_minutes = models.PositiveSmallIntegerField(
        _("minutes after busy"),
        default=5,
        help_text=_("An invitee who is busy is called again after so long."),
    )
    no_answer_minutes = models.PositiveSmallIntegerField(
        _("minutes after no answer"),
        default=1,
        help_text=_("An invitee who does not answer is called again after so long."),
    )
    quiet_from = models.TimeField(
        null=True,
        blank=True,
        help_text=_(
            "From then on no invitee is called by the clock, in the organizer's time zone."
        ),
    )
    quiet_until = models.TimeField(null=True, blank=True)
    calls_at_once = models.PositiveIntegerField(
        _("calls at once, a conference"),
        default=50,
        validators=[MinValueValidator(1)],
        help_text=_("Further ones wait for their turn."),
    )
    outside_at_once = models.PositiveIntegerField(
        _("calls at once to the outside"),
        default=30,
        validators=[MinValueValidator(1)],
        help_text=_("To telephones and other domains, of all conferences: what the trunk carries."),
    )
    calls_an_hour = models.PositiveIntegerField(
        _("calls an hour, a person"),
        default=300,
        validators=[MinValueValidator(1)],
        help_text=_("Who asks for more is refused."),
    )

    class Meta:
        verbose_name = verbose_name_plural = _("rules for calls out")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="there_is_one_set_of_rules"),
        ]

    def __str__(self) -> str:
        return gettext("Rules for calls out")


class DialTarget(models.Model):
    """Whom one may have called outside of our domain; of those that match the longest decides.

    As long as there is none, `dialout.UNLESS_TOLD` holds.
    """

    pattern = models.CharField(
        max_length=255,
        unique=True,
        help_text=_("As in tel:+49* or sip:*@example.org, where * stands for anything."),
    )
    who = models.CharField(max_length=10, choices=DialTargetChoice.choices)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("pattern",)

    def __str__(self) -> str:
        return self.pattern
