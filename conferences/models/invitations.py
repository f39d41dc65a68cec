"""Who is on a list, and the mail that he gets."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone as clock

from conferences.models.choices import Answer, MailKind, MailState, RoleChoice


class Invitation(models.Model):
    """Somebody on the list of a conference, by URI or, until he is known, by mail."""

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="invitations"
    )
    user = models.ForeignKey(
        "conferences.User",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="invitations",
    )
    uri = models.CharField(max_length=255, blank=True)
    email = models.EmailField(blank=True)
    role = models.CharField(
        max_length=12, choices=RoleChoice.choices, default=RoleChoice.PARTICIPANT
    )
    dial_out = models.BooleanField(default=False)
    #: The PIN that is his alone, where the conference wants them.
    pin = models.CharField(max_length=16, blank=True)
    #: The secret of the link by which he answers, and comes in.
    token = models.CharField(max_length=43, unique=True)
    answer = models.CharField(max_length=9, choices=Answer.choices, blank=True, default="")
    answered_at = models.DateTimeField(null=True, blank=True)
    #: He took it out of his calendar; it is there again when he is asked anew.
    hidden = models.BooleanField(default=False)
    #: SEQUENCE of the booking when he was last asked: an answer to less is outdated.
    asked_sequence = models.PositiveIntegerField(default=0)

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
                "conference", "pin", condition=~Q(pin=""), name="personal_pin_of_one"
            ),
            models.UniqueConstraint(
                "conference", "email", condition=~Q(email=""), name="invited_once_by_mail"
            ),
        ]

    def __str__(self) -> str:
        return self.uri or self.email


class OccurrenceAnswer(models.Model):
    """What an invitee said about one occurrence, where that is not what he said about all."""

    invitation = models.ForeignKey(
        Invitation, on_delete=models.CASCADE, related_name="occurrence_answers"
    )
    recurrence_id = models.DateTimeField()
    answer = models.CharField(max_length=9, choices=Answer.choices)
    answered_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("invitation", "recurrence_id", name="answered_once_each"),
        ]

    def __str__(self) -> str:
        return f"{self.invitation}: {self.get_answer_display()}"


class Mail(models.Model):
    """A mail to an invitee. The job claims it, and writes it from what is booked then."""

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="mails"
    )
    #: Null once he is off the list, when he is told so.
    invitation = models.ForeignKey(
        Invitation, on_delete=models.SET_NULL, null=True, blank=True, related_name="mails"
    )
    address = models.EmailField()
    name = models.CharField(max_length=100, blank=True)
    kind = models.CharField(max_length=9, choices=MailKind.choices)
    #: Number of the series that it is about.
    series = models.PositiveSmallIntegerField(default=0)
    #: The one occurrence that it is about, by its RECURRENCE-ID; null where it is about all.
    recurrence_id = models.DateTimeField(null=True, blank=True)
    #: The start that a reminder is about.
    starts_at = models.DateTimeField(null=True, blank=True)
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
        constraints = [
            models.UniqueConstraint(
                "invitation",
                "starts_at",
                condition=Q(kind="reminder"),
                name="reminded_once_of_a_start",
            ),
        ]
        indexes = [
            models.Index(
                fields=["state", "due_at"],
                condition=Q(state__in=["due", "sending"]),
                name="mails_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} to {self.address} ({self.state})"
