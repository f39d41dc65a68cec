"""Bookings that somebody keeps to book like them again."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone as clock


class BookingTemplate(models.Model):
    """What a booking was like when it was kept; it may be gone since. `key` is its public id."""

    key = models.CharField(max_length=32, unique=True)
    owner = models.ForeignKey(
        "conferences.User", on_delete=models.CASCADE, related_name="templates"
    )
    title = models.CharField(max_length=100)
    #: Columns of the conference, as `services.templates` copies them.
    fields: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField()
    invitees: models.JSONField[list[Any], list[Any]] = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("title", "pk")
        constraints = [
            models.UniqueConstraint("owner", "title", name="template_titled_once"),
        ]

    def __str__(self) -> str:
        return self.title
