"""What was said by SIP in a conference, for a while: pieces in the order of time."""

from __future__ import annotations

from django.db import models


class Trace(models.Model):
    """A piece: messages that were seen together, packed (`services.traces`)."""

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="traces"
    )
    #: When its first message was seen.
    at = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField()
    #: How many more there were, which were not kept.
    left_out = models.PositiveIntegerField(default=0)
    packed = models.BinaryField()

    class Meta:
        ordering = ("at", "pk")
        indexes = [models.Index(fields=["conference", "at"], name="traces_in_order")]

    def __str__(self) -> str:
        return f"{self.count} messages"
