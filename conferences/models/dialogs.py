"""What a process leaves behind: the dialogs of the conferences and calls that it served."""

from __future__ import annotations

from typing import Any

from django.db import models


class StandingDialog(models.Model):
    """One usage of a dialog, as the next process could go on with it.

    Written by the gateway that serves the conference, where there are several;
    `what` is the gateway's own affair (`sipgateway.focus.standing`).
    """

    conference = models.ForeignKey(
        "conferences.Conference", on_delete=models.CASCADE, related_name="dialogs"
    )
    #: What no other usage has.
    key = models.CharField(max_length=100, unique=True)
    call_id = models.CharField(max_length=255, db_index=True, default="")
    what: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key


class StandingCall(models.Model):
    """One leg of a call without a conference: between two people, or to the application.

    `owner` is the process that it lives in; the legs of one call share a `group`.
    """

    owner = models.CharField(max_length=100)
    group = models.CharField(max_length=100, db_index=True)
    #: What no other leg has.
    key = models.CharField(max_length=100, unique=True)
    call_id = models.CharField(max_length=255, db_index=True)
    what: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key


class GatewayLease(models.Model):
    """Until when a process is there for the calls that live in it."""

    owner = models.CharField(max_length=100, unique=True)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.owner
