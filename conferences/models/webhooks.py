"""Who is told of what happens, and what he has been told."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone as clock
from django.utils.translation import gettext_lazy as _


class WebhookState(models.TextChoices):
    """Whether an endpoint is sent anything; off is what we switched off."""

    ON = "on", _("On")
    PAUSED = "paused", _("Paused")
    OFF = "off", _("Switched off")


class Webhook(models.Model):
    """An address that is told, in order, of what happens; `name` is its public id."""

    name = models.CharField(max_length=32, unique=True)
    owner = models.ForeignKey("conferences.User", on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=500)
    #: Signing needs it, so it is kept as it is; it is shown to its owner once.
    secret = models.CharField(max_length=100)
    #: Of all conferences, as an administrator may; else of those that the owner organizes.
    everything = models.BooleanField(default=False)
    #: Types of messages (`webhooks.type_of`); all where there is none.
    types: models.JSONField[list[str], list[str]] = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=6, choices=WebhookState.choices, default=WebhookState.ON)
    #: The number of the last message; they count from 1.
    last_number = models.PositiveBigIntegerField(default=0)
    #: Attempts that have failed since the last that did not, and since when.
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    #: Why the last attempt failed.
    error = models.CharField(max_length=255, blank=True)
    #: Not before then is it tried.
    due_at = models.DateTimeField(default=clock.now)
    #: Since when a worker is sending to it.
    claimed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One message to one endpoint. Kept for a while, so that it can be sent again."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    number = models.PositiveBigIntegerField()
    #: ``webhook-id``: the same however often it is sent.
    message = models.CharField(max_length=40, unique=True)
    type = models.CharField(max_length=40)
    #: The conference that it is about, by its public id.
    conference = models.CharField(max_length=64, blank=True)
    payload: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField()
    created_at = models.DateTimeField(default=clock.now, editable=False, db_index=True)
    #: Still to be sent, or to be sent again.
    due = models.BooleanField(default=True)
    attempts = models.PositiveIntegerField(default=0)
    tried_at = models.DateTimeField(null=True, blank=True)
    #: What the last attempt was answered; none where no answer came.
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    milliseconds = models.PositiveIntegerField(null=True, blank=True)
    error = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ("-number",)
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint("webhook", "number", name="numbered_once"),
        ]
        indexes = [
            models.Index(
                fields=["webhook", "number"], condition=Q(due=True), name="deliveries_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.type}"
