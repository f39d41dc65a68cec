"""Bookings as the calendar programs that made them know them."""

from __future__ import annotations

from django.db import models


class CalendarObject(models.Model):
    """What a calendar program called a booking of its user's, and what it alone knows of it."""

    conference = models.OneToOneField(
        "conferences.Conference", on_delete=models.CASCADE, related_name="calendar_object"
    )
    owner = models.ForeignKey(
        "conferences.User", on_delete=models.CASCADE, related_name="calendar_objects"
    )
    #: The last part of its address (RFC 4791 5.3.2: chosen by the program).
    name = models.CharField(max_length=255)
    #: A VEVENT of the properties and alarms that are none of ours, given back as they came.
    kept = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("owner", "name", name="calendar_object_named_once"),
        ]

    def __str__(self) -> str:
        return self.name


class CalendarState(models.Model):
    """What somebody's calendar was like when a program of his last looked (RFC 6578 3)."""

    owner = models.ForeignKey(
        "conferences.User", on_delete=models.CASCADE, related_name="calendar_states"
    )
    #: Made of what is in it: the same calendar has the same.
    digest = models.CharField(max_length=32)
    #: The ETags by name, as JSON, compressed.
    packed = models.BinaryField()
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("owner", "digest", name="calendar_state_kept_once"),
        ]

    def __str__(self) -> str:
        return self.digest
