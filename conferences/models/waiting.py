"""Who waits to be let in, and who was."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from conferences.models.choices import WaiterState


class Waiter(models.Model):
    """Somebody before the waiting room's door; `key` is his public id, given by the focus.

    The focus writes that he waits and when he does no more, a moderator what
    is to become of him.
    """

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="waiters"
    )
    key = models.CharField(max_length=64, unique=True)
    entity = models.CharField(max_length=255)
    display_text = models.CharField(max_length=100, blank=True)
    #: Others are not shown who he is (RFC 3323).
    private = models.BooleanField(default=False)
    since = models.DateTimeField()
    state = models.CharField(max_length=9, choices=WaiterState.choices, default=WaiterState.WAITING)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=255, blank=True)
    #: The same as he is called, for who is not let in to read.
    decided_by_name = models.CharField(max_length=100, blank=True)
    reason = models.CharField(max_length=255, blank=True)
    ban = models.BooleanField(default=False)
    #: When he was in, or gone.
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("since", "pk")
        indexes = [
            models.Index(
                fields=["conference"], condition=Q(left_at__isnull=True), name="waits_now"
            ),
            models.Index(
                fields=["conference", "decided_at"],
                condition=Q(state=WaiterState.LET_IN),
                name="was_let_in",
            ),
        ]

    def __str__(self) -> str:
        return self.display_text or self.entity
