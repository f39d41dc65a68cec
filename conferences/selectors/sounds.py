"""Sounds that are kept with a conference, and where their files lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from conferences.models import Conference, Playing, Sound

SUFFIX = ".opus"


def sounds(conference: Conference) -> QuerySet[Sound]:
    """Those of a conference, in the order in which they came."""
    return conference.sounds.order_by("added_at", "pk")


def sound_directory() -> Path:
    """Where all of them lie."""
    return Path(settings.DATA_DIR) / "sounds"


def sound_file(sound: Sound) -> Path:
    """Where one lies."""
    return sound_directory() / f"{sound.name}{SUFFIX}"


def played_sound(conference: Conference) -> int | None:
    """Which is being played, by primary key."""
    found = Playing.objects.filter(conference=conference).values_list("sound_id", flat=True)
    return found.first()


def sound_line(sound: Sound, masks: Mapping[str, str], *, playing: bool) -> dict[str, Any]:
    """A sound as scripts read it; `masks` is what `aliases` gave."""
    return {
        "id": sound.name,
        "title": sound.title,
        "seconds": sound.seconds,
        "added_at": sound.added_at,
        "added_by": masks.get(sound.added_by, sound.added_by),
        "playing": playing,
    }
