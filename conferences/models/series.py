"""What became of the occurrences of a series, and the other series of its conference."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q


class OtherSeries(models.Model):
    """How a conference recurs before, or after, the series that its own row has.

    A change of "this and following" makes two series of one. For calendars each
    is one of its own, with its own UID, which `number` (from 0, the first) makes.
    The conference's row has the one that runs or comes next (`services.parts`),
    and these rows the others.
    """

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="others"
    )
    number = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=200)
    starts_at = models.DateTimeField()
    duration_minutes = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    timezone = models.CharField(max_length=64)
    rrule = models.CharField(max_length=255)
    #: Called off as a whole: kept because calendars are told of it by its UID.
    cancelled = models.BooleanField(default=False)

    class Meta:
        ordering = ("starts_at", "number")
        constraints = [
            models.UniqueConstraint("conference", "number", name="other_series_counted"),
        ]

    def __str__(self) -> str:
        return f"{self.title}, series {self.number}"


class Override(models.Model):
    """What became of one occurrence: called off, moved, longer or shorter, called otherwise.

    What is null or empty is as in the rest of the series.
    """

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="overrides"
    )
    #: Number of the series that the occurrence belongs to.
    series = models.PositiveSmallIntegerField(default=0)
    #: The start that the rule gave it (RFC 5545 3.8.4.4).
    recurrence_id = models.DateTimeField()
    cancelled = models.BooleanField(default=False)
    starts_at = models.DateTimeField(null=True, blank=True)
    duration_minutes = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)]
    )
    title = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("recurrence_id",)
        constraints = [
            models.UniqueConstraint(
                "conference", "series", "recurrence_id", name="occurrence_overridden_once"
            ),
            models.CheckConstraint(
                condition=Q(duration_minutes__isnull=True) | Q(duration_minutes__gte=1),
                name="occurrence_lasts_a_minute",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.conference_id}, {self.recurrence_id:%Y%m%dT%H%M%SZ}"
