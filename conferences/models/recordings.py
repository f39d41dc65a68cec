"""What was recorded of a conference."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from conferences.models.choices import RecordingState


class Recording(models.Model):
    """One recording; `name` is secret and that of its file, without an ending."""

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="recordings"
    )
    name = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=7, choices=RecordingState.choices)
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=255)
    ended_at = models.DateTimeField(null=True, blank=True)
    #: Length, once the mixer has told it.
    seconds = models.FloatField(null=True, blank=True)
    #: Each voice is kept on a track of its own, too.
    with_tracks = models.BooleanField(default=False)
    #: Why it could not be written any more.
    failure = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ("-started_at", "-pk")
        constraints = [
            models.UniqueConstraint(
                "conference",
                condition=Q(state__in=[RecordingState.RUNNING, RecordingState.PAUSED]),
                name="recorded_once_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def going(self) -> bool:
        """Whether it is being made, or paused."""
        return self.state in (RecordingState.RUNNING, RecordingState.PAUSED)


class Track(models.Model):
    """One participant's voice in a recording; `name` is that of its file, without an ending."""

    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="tracks")
    name = models.CharField(max_length=64, unique=True)
    entity = models.CharField(max_length=255)
    display_text = models.CharField(max_length=100, blank=True)
    failure = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.display_text or self.entity
