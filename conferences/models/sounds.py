"""Sounds that are kept with a conference, and the one that is being played into it."""

from __future__ import annotations

from django.db import models


class Sound(models.Model):
    """A file that can be played to everybody; `name` is secret and that of its file."""

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="sounds"
    )
    name = models.CharField(max_length=64, unique=True)
    title = models.CharField(max_length=100)
    seconds = models.FloatField()
    added_at = models.DateTimeField()
    added_by = models.CharField(max_length=255)

    class Meta:
        ordering = ("added_at", "pk")

    def __str__(self) -> str:
        return self.title


class Playing(models.Model):
    """The one that is played to everybody now; gone when it is over."""

    conference = models.OneToOneField(
        "conferences.Conference", on_delete=models.CASCADE, related_name="playing"
    )
    sound = models.ForeignKey(Sound, on_delete=models.CASCADE)
    token = models.CharField(max_length=32, unique=True)
    since = models.DateTimeField()
    by = models.CharField(max_length=255)

    def __str__(self) -> str:
        return self.token
