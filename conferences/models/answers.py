"""Answers of the REST API that are given again to who asks again."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone as clock


class KeptAnswer(models.Model):
    """What a request with an ``Idempotency-Key`` was answered; no status yet while it is."""

    #: SHA-256 of whose key it is.
    owner = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    #: SHA-256 of what was asked, so that another request by the same key is found out.
    question = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    headers: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(
        default=dict, blank=True
    )
    body = models.BinaryField(default=b"", blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("owner", "key", name="key_used_once"),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.status or 'being answered'})"
