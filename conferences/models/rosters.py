"""Who is in, who may not come back, and what happened."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q

from conferences.models.choices import (
    DisconnectionMethod,
    EndpointStatus,
    JoiningMethod,
    Kind,
    MutedBy,
    RoleChoice,
    Way,
)


class Participant(models.Model):
    """A roster entry (RFC 4575 ``user``); `key` is its public id, given by the focus."""

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="participants"
    )
    key = models.CharField(max_length=64, unique=True)
    entity = models.CharField(max_length=255)
    display_text = models.CharField(max_length=100, blank=True)
    role = models.CharField(max_length=12, choices=RoleChoice.choices)
    #: Others are not shown who he is (RFC 3323).
    private = models.BooleanField(default=False)
    joined_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)
    left_method = models.CharField(
        max_length=8, choices=DisconnectionMethod.choices, blank=True, default=""
    )
    left_by = models.CharField(max_length=255, blank=True)
    left_reason = models.CharField(max_length=255, blank=True)
    muted_by = models.CharField(max_length=9, choices=MutedBy.choices, blank=True, default="")
    #: A moderator has asked him to speak; over when he is heard, or muted again.
    asked_to_speak = models.BooleanField(default=False)
    hand_raised_at = models.DateTimeField(null=True, blank=True)
    agreed_to_recording = models.BooleanField(default=False)

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
    speaking = models.BooleanField(default=False)
    #: How loud he came in when he began to speak, in dBov (RFC 6464); null where nobody knows.
    level = models.SmallIntegerField(null=True)
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


class Quality(models.Model):
    """How well a phone hears and is heard; nothing where that is not known.

    Losses in percent, jitter and round trip in milliseconds, `mos` an estimated mean
    opinion score from 1 to 4.4. `in` is what comes from the phone; what goes `out`
    is known from its reports alone. The means are since it came in.
    """

    endpoint = models.OneToOneField(Endpoint, on_delete=models.CASCADE, related_name="quality")
    at = models.DateTimeField()
    mos = models.FloatField(null=True)
    loss_in = models.FloatField(null=True)
    loss_out = models.FloatField(null=True)
    jitter_in = models.FloatField(null=True)
    jitter_out = models.FloatField(null=True)
    round_trip = models.FloatField(null=True)
    worst_mos = models.FloatField(null=True)
    mean_mos = models.FloatField(null=True)
    mean_loss_in = models.FloatField(null=True)
    mean_loss_out = models.FloatField(null=True)
    mean_jitter_in = models.FloatField(null=True)
    mean_jitter_out = models.FloatField(null=True)
    mean_round_trip = models.FloatField(null=True)

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.mos}"


class Ban(models.Model):
    """Somebody who may not come back."""

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="bans"
    )
    entity = models.CharField(max_length=255)
    by = models.CharField(max_length=255)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("conference", "entity", name="banned_once"),
        ]

    def __str__(self) -> str:
        return self.entity


class Admittance(models.Model):
    """Somebody who need not key the PIN: he typed it on a page, or was pulled in."""

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="admittances"
    )
    entity = models.CharField(max_length=255)
    #: A moderator had him called: he may come in though he is not on the list.
    pulled_in = models.BooleanField(default=False)
    #: A PIN keyed in a call gave him that role, until he leaves it.
    keyed = models.BooleanField(default=False)
    role = models.CharField(max_length=12, choices=RoleChoice.choices, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("conference", "entity", name="admitted_once"),
        ]

    def __str__(self) -> str:
        return self.entity


class WrongPin(models.Model):
    """A wrong PIN, kept until a right one or until it is old."""

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="wrong_pins"
    )
    entity = models.CharField(max_length=255)
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.entity


class Event(models.Model):
    """One line of a conference's history. Never changed but for `outgoing`, pruned when old."""

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="events"
    )
    at = models.DateTimeField(db_index=True)
    kind = models.CharField(max_length=20)
    actor = models.CharField(max_length=255, blank=True)
    target = models.CharField(max_length=255, blank=True)
    way = models.CharField(max_length=7, choices=Way.choices, blank=True)
    detail: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(
        default=dict, blank=True
    )
    #: What the conference was called and was when it happened: that is what webhooks tell.
    title = models.CharField(max_length=200, blank=True, editable=False)
    conference_kind = models.CharField(
        max_length=8, choices=Kind.choices, blank=True, editable=False
    )
    #: Webhooks have not been told of it yet (`services.webhooks`).
    outgoing = models.BooleanField(default=True, editable=False)

    class Meta:
        ordering = ("at", "pk")
        indexes = [
            models.Index(F("conference"), F("at"), name="history"),
            models.Index(fields=["id"], condition=Q(outgoing=True), name="events_to_tell"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write it down with what the conference is at this moment."""
        if self._state.adding and not self.conference_kind:
            self.title, self.conference_kind = self.conference.title, self.conference.kind
        super().save(*args, **kwargs)
