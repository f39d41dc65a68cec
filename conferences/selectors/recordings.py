"""Recordings, and where their files lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from conferences.models import Conference, Recording

SUFFIX = ".opus"


def recordings(conference: Conference) -> QuerySet[Recording]:
    """Those of a conference, the latest first."""
    return conference.recordings.order_by("-started_at", "-pk")


def recording_file(recording: Recording) -> Path:
    """Where it lies; it may not be there (yet)."""
    return Path(settings.DATA_DIR) / "recordings" / f"{recording.name}{SUFFIX}"


def recording_line(recording: Recording) -> dict[str, Any]:
    """A recording as scripts read it."""
    return {
        "id": recording.name,
        "state": recording.state,
        "started_at": recording.started_at,
        "started_by": recording.started_by,
        "ended_at": recording.ended_at,
        "seconds": recording.seconds,
        "failure": recording.failure,
    }
