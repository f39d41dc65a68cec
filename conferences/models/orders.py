"""What is to be done to a live conference: orders that a job claims."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone as clock

from conferences.models.choices import CallState, RemovalState, RoleChoice, Way


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
