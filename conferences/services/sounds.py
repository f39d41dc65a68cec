"""Sounds: kept with a conference, played to everybody in it, stopped, deleted.

Whatever is sent is from anybody. It is looked at by a process of its own
(`settings.SOUND_INTAKE`), which decodes it and writes it anew; only what that
wrote is kept.
"""

from __future__ import annotations

import datetime
import functools
import json
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from conferences import notices, policy, selectors
from conferences.models import Conference, Event, Participant, Playing, Sound, Way
from conferences.policy import ConferenceId, Identity
from conferences.services.refused import Refused, unless_none

LARGEST = 64 << 20
"""Octets of a file that is sent: five minutes of a CD."""

MOST = 20
"""Sounds of a conference."""

PATIENCE = 90.0
"""Seconds that looking at one may take; ten minutes of sound take five."""

ORPHANED = datetime.timedelta(days=1)
"""For so long a file that no row speaks of may still become one."""


def _broken() -> str:
    return _("The file is broken: it cannot be played to its end.")


#: What the intake says, in words for whoever sent it.
_REFUSED: Mapping[str, Callable[[], str]] = {
    "unknown": lambda: _("This is neither a WAV file nor Opus in Ogg; nothing else is taken."),
    "broken": _broken,
    "too-long": lambda: _("The sound is longer than ten minutes."),
    "too-short": lambda: _("The sound is shorter than a tenth of a second."),
    "silent": lambda: _("There is nothing to be heard in the file."),
}


def _may_play(conference: ConferenceId, actor: Identity) -> None:
    """Raises `Refused`."""
    snapshot = selectors.snapshot(conference)
    if snapshot is None:
        raise Refused(policy.Refusal.UNKNOWN)
    unless_none(policy.may_play(snapshot, actor))


def _note(conference: ConferenceId, kind: str, actor: str, way: Way | str, title: str) -> None:
    Event.objects.create(
        conference_id=conference,
        at=timezone.now(),
        kind=kind,
        actor=actor,
        way=way,
        detail={"sound": title},
    )


def add_sound(
    *,
    conference: ConferenceId,
    actor: Identity,
    way: Way,
    title: str,
    octets: Iterable[bytes],
) -> Sound:
    """Keep a sound, once it has been looked at. Raises `Refused`, `ValidationError` about ``file``.

    `octets` are the pieces of the file as they came.
    """
    _may_play(conference, actor)
    if Sound.objects.filter(conference_id=conference).count() >= MOST:
        told = _("There are %(most)d sounds already; delete one first.") % {"most": MOST}
        raise ValidationError({"file": told})
    name = secrets.token_urlsafe(24)
    directory = selectors.sound_directory()
    directory.mkdir(parents=True, exist_ok=True)
    path = selectors.sound_file(Sound(name=name))
    try:
        seconds = _taken_in(octets, path)
    except ValidationError:
        path.unlink(missing_ok=True)
        raise
    with transaction.atomic():
        title = " ".join(title.split())[:100] or _("Sound")
        _note(conference, "sound-added", actor.uri, way, title)
        return Sound.objects.create(
            conference_id=conference,
            name=name,
            title=title,
            seconds=seconds,
            added_at=timezone.now(),
            added_by=actor.uri,
        )


def _taken_in(octets: Iterable[bytes], out: Path) -> float:
    """Have it looked at and written to `out`; its seconds. Raises `ValidationError`."""
    with tempfile.NamedTemporaryFile(dir=out.parent, suffix=".new") as file:
        size = 0
        for piece in octets:
            size += len(piece)
            if size > LARGEST:
                told = _("The file is larger than %(most)d MB.") % {"most": LARGEST >> 20}
                raise ValidationError({"file": told})
            file.write(piece)
        file.flush()
        found = _looked_at(Path(file.name), out)
    if "seconds" in found:
        return float(str(found["seconds"]))
    words = _REFUSED.get(str(found.get("refused")), _broken)
    raise ValidationError({"file": words()})


def _looked_at(file: Path, out: Path) -> dict[str, object]:
    """What the intake says; a crash or endless work is the file's fault, too."""
    try:
        done = subprocess.run(  # noqa: S603 - a command of ours and two paths of ours
            [*settings.SOUND_INTAKE, str(file), str(out)],
            cwd=settings.BASE_DIR,
            env={"PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
        found: dict[str, object] = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):
        return {"refused": "broken"}
    return found


@transaction.atomic
def delete_sound(*, sound: Sound, actor: Identity, way: Way) -> None:
    """Delete one; where it is being played that ends. Raises `Refused`."""
    conference = ConferenceId(sound.conference_id)
    _may_play(conference, actor)
    _note(conference, "sound-deleted", actor.uri, way, sound.title)
    path = selectors.sound_file(sound)
    sound.delete()
    transaction.on_commit(functools.partial(path.unlink, missing_ok=True))
    notices.conference_changed(conference)


@transaction.atomic
def play_sound(*, sound: Sound, actor: Identity, way: Way) -> None:
    """Play one to everybody, in place of another. Raises `Refused`, `ValidationError`."""
    conference = ConferenceId(sound.conference_id)
    _may_play(conference, actor)
    if not Participant.objects.filter(conference_id=conference, left_at__isnull=True).exists():
        raise ValidationError(_("Nobody is in the conference."), code="empty")
    Conference.objects.select_for_update().get(pk=conference)
    Playing.objects.update_or_create(
        conference_id=conference,
        defaults={
            "sound": sound,
            "token": secrets.token_hex(16),
            "since": timezone.now(),
            "by": actor.uri,
        },
    )
    _note(conference, "sound-played", actor.uri, way, sound.title)
    notices.conference_changed(conference)


@transaction.atomic
def stop_sound(*, conference: ConferenceId, actor: Identity, way: Way) -> None:
    """Play it no more. Raises `Refused`."""
    _may_play(conference, actor)
    found = Playing.objects.filter(conference_id=conference).select_related("sound").first()
    if found is not None and Playing.objects.filter(pk=found.pk).delete()[0]:
        _note(conference, "sound-stopped", actor.uri, way, found.sound.title)
        notices.conference_changed(conference)


@transaction.atomic
def sound_ended(*, token: str, failure: str, at: float) -> None:
    """The mixer has played it to its end, or cannot."""
    found = Playing.objects.filter(token=token).select_related("sound").first()
    if found is None or not Playing.objects.filter(pk=found.pk).delete()[0]:
        return
    conference = ConferenceId(found.conference_id)
    if failure:
        Event.objects.create(
            conference_id=conference,
            at=datetime.datetime.fromtimestamp(at, tz=datetime.UTC),
            kind="sound-failed",
            detail={"sound": found.sound.title, "reason": failure},
        )
    notices.conference_changed(conference)


def forget_playing(*, conference: ConferenceId) -> None:
    """Nobody is left to hear it."""
    Playing.objects.filter(conference_id=conference).delete()


def prune_sounds(*, now: datetime.datetime) -> None:
    """Delete files whose conferences are gone; end what nobody hears."""
    here = Participant.objects.filter(left_at__isnull=True).values("conference_id")
    Playing.objects.exclude(conference_id__in=here).delete()
    known = set(Sound.objects.values_list("name", flat=True))
    for path in selectors.sound_directory().glob("*"):
        old = path.stat().st_mtime < (now - ORPHANED).timestamp()
        if old and path.stem not in known:
            path.unlink(missing_ok=True)
