"""Sounds of a conference: added, heard, played to everybody, stopped, deleted."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from ninja import File, Form, Router, Status, UploadedFile

from conferences import downloads, policy, selectors, services
from conferences.api import access
from conferences.api.schemas.calls import SoundIn, SoundOut
from conferences.models import Conference, Sound

router = Router(tags=["Rooms"])


def _line(sound: Sound, row: Conference, by: selectors.Viewer) -> dict[str, Any]:
    masks = selectors.aliases(row, by)
    return selectors.sound_line(sound, masks, playing=selectors.played_sound(row) == sound.pk)


def _found(row: Conference, sound: str) -> Sound:
    found = selectors.sounds(row).filter(name=sound).first()
    if found is None:
        raise Http404(f"There is no sound {sound!r}.")
    return found


@router.get("/conferences/{conference}/sounds", response=list[SoundOut], summary="List sounds")
def listed(request: HttpRequest, conference: str) -> list[dict[str, Any]]:
    """What can be played to everybody. For those who command."""
    row, by = access.view(request, conference, policy.may_play)
    masks, playing = selectors.aliases(row, by), selectors.played_sound(row)
    return [
        selectors.sound_line(one, masks, playing=one.pk == playing) for one in selectors.sounds(row)
    ]


@router.post("/conferences/{conference}/sounds", response={201: SoundOut}, summary="Add a sound")
def added(
    request: HttpRequest, conference: str, file: File[UploadedFile], said: Form[SoundIn]
) -> Status[dict[str, Any]]:
    """WAV or Opus in Ogg, ten minutes and 64 MB at most, as ``multipart/form-data``."""
    row, by = access.view(request, conference, policy.may_play)
    made = services.add_sound(
        conference=row.key,
        actor=access.caller(request).identity,
        way=access.caller(request).way,
        title=said.title or (file.name or "").rpartition(".")[0],
        octets=file.chunks(),
    )
    return Status(201, _line(made, row, by))


# Before those of one sound: its address would be taken for that of one.
@router.post(
    "/conferences/{conference}/sounds/stop", response={204: None}, summary="Stop the sound"
)
def stopped(request: HttpRequest, conference: str) -> Status[None]:
    """Nobody hears it any more."""
    row = access.conference(request, conference, policy.may_play)
    caller = access.caller(request)
    services.stop_sound(conference=row.key, actor=caller.identity, way=caller.way)
    return Status(204, None)


@router.get("/conferences/{conference}/sounds/{sound}", summary="Hear a sound")
def heard(request: HttpRequest, conference: str, sound: str) -> HttpResponseBase:
    """The file as it is played, Opus in Ogg. For those who command."""
    row = access.conference(request, conference, policy.may_play)
    try:
        file = selectors.sound_file(_found(row, sound)).open("rb")
    except FileNotFoundError:
        raise Http404("Its file is gone.") from None
    return downloads.build_response(request, file, content_type="audio/ogg")


@router.delete(
    "/conferences/{conference}/sounds/{sound}", response={204: None}, summary="Delete a sound"
)
def deleted(request: HttpRequest, conference: str, sound: str) -> Status[None]:
    """Delete it; where it is being played that ends."""
    row = access.conference(request, conference, policy.may_play)
    caller = access.caller(request)
    services.delete_sound(sound=_found(row, sound), actor=caller.identity, way=caller.way)
    return Status(204, None)


@router.post(
    "/conferences/{conference}/sounds/{sound}/play",
    response={204: None},
    summary="Play a sound to everybody",
)
def played(request: HttpRequest, conference: str, sound: str) -> Status[None]:
    """Everybody hears it, in place of what was played before."""
    row = access.conference(request, conference, policy.may_play)
    caller = access.caller(request)
    services.play_sound(sound=_found(row, sound), actor=caller.identity, way=caller.way)
    return Status(204, None)
