"""Recordings and their tracks, and where their files lie."""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from conferences import policy
from conferences.models import Conference, Participant, Recording, Track, User
from conferences.selectors.identities import aor

SUFFIX = ".opus"


def recordings(conference: Conference) -> QuerySet[Recording]:
    """Those of a conference, the latest first."""
    return conference.recordings.order_by("-started_at", "-pk").prefetch_related("tracks")


def recordings_with(user: User) -> QuerySet[Recording]:
    """Recordings of others' conferences that were made while he was in; his voice is in the mix.

    The latest first. One query.
    """
    there = Participant.objects.filter(
        Q(left_at__isnull=True) | Q(left_at__gt=OuterRef("started_at")),
        conference=OuterRef("conference"),
        entity=aor(user.username),
    ).exclude(joined_at__gt=Coalesce(OuterRef("ended_at"), Now()))
    others = Recording.objects.exclude(conference__organizer=user)
    rows = others.select_related("conference__organizer").filter(Exists(there))
    return rows.order_by("-started_at", "-pk")


def recording_file(recording: Recording) -> Path:
    """Where it lies; it may not be there (yet)."""
    return _path(recording.name)


def track_file(track: Track) -> Path:
    """Where it lies; it may not be there (yet)."""
    return _path(track.name)


def _path(name: str) -> Path:
    return Path(settings.DATA_DIR) / "recordings" / f"{name}{SUFFIX}"


@dataclass(frozen=True, slots=True)
class TrackLine:
    """A track as somebody reads it who may not know everybody's name."""

    id: str
    entity: str
    name: str
    failure: str
    row: Track


def tracks(recording: Recording, masks: Mapping[str, str]) -> list[TrackLine]:
    """In the order in which they began; `masks` is what `aliases` gave."""
    return [
        TrackLine(
            id=one.name.rpartition("-")[2],
            entity=masks.get(one.entity, one.entity),
            name=policy.ANONYMOUS if one.entity in masks else one.display_text or one.entity,
            failure=one.failure,
            row=one,
        )
        for one in recording.tracks.all()
    ]


def recording_line(recording: Recording, masks: Mapping[str, str]) -> dict[str, Any]:
    """A recording as scripts read it."""
    return {
        "id": recording.name,
        "state": recording.state,
        "started_at": recording.started_at,
        "started_by": masks.get(recording.started_by, recording.started_by),
        "ended_at": recording.ended_at,
        "seconds": recording.seconds,
        "failure": recording.failure,
        "with_tracks": recording.with_tracks,
        "tracks": [
            {"id": one.id, "entity": one.entity, "name": one.name, "failure": one.failure}
            for one in tracks(recording, masks)
        ],
    }


def zipped(recording: Recording, masks: Mapping[str, str]) -> IO[bytes]:
    """The mix and all tracks in one file, open at its beginning. Raises `OSError`.

    Nothing is compressed, for Opus is; who reads it closes it, and it is gone.
    """
    file = tempfile.TemporaryFile(dir=_path("").parent)  # noqa: SIM115 - handed on
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        files = {"mix": recording_file(recording)}
        for number, one in enumerate(tracks(recording, masks), 1):
            files[f"{number:02} {_plain(one.name)}"] = track_file(one.row)
        for name, path in files.items():
            if path.exists():
                archive.write(path, f"{name}{SUFFIX}")
    file.seek(0)
    return file


def _plain(name: str) -> str:
    """A name as every file system takes it.

    >>> _plain("../Bob: B")
    'Bob B'
    """
    return re.sub(r"[^\w .@-]+", "", name).strip(" .")[:60] or "somebody"
