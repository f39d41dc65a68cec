"""Raised hands, asking to speak, and recordings: started, heard, deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from ninja import Router, Status
from ninja.errors import HttpError

from conferences import downloads, policy, selectors, services
from conferences.api import access
from conferences.api.schemas.calls import HandIn, RecordingOut, WhomIn
from conferences.models import Conference, Recording
from conferences.policy import ParticipantKey

router = Router(tags=["Rooms"])


@router.post("/conferences/{conference}/hand", response={204: None}, summary="Raise a hand")
def hand(request: HttpRequest, conference: str, said: HandIn) -> Status[None]:
    """Raise one's hand or lower it; those who command lower others', or all."""
    row = access.conference(request, conference, access.may_look)
    caller = access.caller(request)
    if said.participant is None:
        if said.raised:
            raise HttpError(422, "Say whose hand is raised: participant.")
        services.lower_hands(conference=row.key, actor=caller.identity, way=caller.way)
        return Status(204, None)
    services.raise_hand(
        conference=row.key,
        participant=ParticipantKey(said.participant),
        raised=said.raised,
        actor=access.caller(request).identity,
        way=access.caller(request).way,
    )
    return Status(204, None)


@router.post(
    "/conferences/{conference}/ask-to-speak", response={204: None}, summary="Ask one to speak"
)
def ask_to_speak(request: HttpRequest, conference: str, said: WhomIn) -> Status[None]:
    """Ask somebody who is muted to open his microphone; only he does."""
    row = access.conference(request, conference, access.may_look)
    services.ask_to_speak(
        conference=row.key,
        participant=ParticipantKey(said.participant),
        actor=access.caller(request).identity,
        way=access.caller(request).way,
    )
    return Status(204, None)


@router.post(
    "/conferences/{conference}/recordings",
    response={201: RecordingOut},
    summary="Start recording",
)
def start(request: HttpRequest, conference: str) -> Status[dict[str, Any]]:
    """Record what is heard; one that is paused goes on. Everybody is told."""
    row, by = access.view(request, conference, policy.may_record)
    made = services.start_recording(
        conference=row.key, actor=access.caller(request).identity, way=access.caller(request).way
    )
    return Status(201, selectors.recording_line(made, selectors.aliases(row, by)))


@router.post(
    "/conferences/{conference}/recordings/pause", response={204: None}, summary="Pause recording"
)
def pause(request: HttpRequest, conference: str) -> Status[None]:
    """Leave out what is said until it is started again."""
    row = access.conference(request, conference, policy.may_record)
    services.pause_recording(
        conference=row.key, actor=access.caller(request).identity, way=access.caller(request).way
    )
    return Status(204, None)


@router.post(
    "/conferences/{conference}/recordings/stop", response={204: None}, summary="End recording"
)
def stop(request: HttpRequest, conference: str) -> Status[None]:
    """End the recording for good."""
    row = access.conference(request, conference, policy.may_record)
    services.stop_recording(
        conference=row.key, actor=access.caller(request).identity, way=access.caller(request).way
    )
    return Status(204, None)


@router.post(
    "/conferences/{conference}/recordings/agree", response={204: None}, summary="Agree to it"
)
def agree(request: HttpRequest, conference: str, said: WhomIn) -> Status[None]:
    """Say that one's own voice may be kept."""
    row = access.conference(request, conference, access.may_look)
    services.agree_to_recording(
        conference=row.key,
        participant=ParticipantKey(said.participant),
        actor=access.caller(request).identity,
        way=access.caller(request).way,
    )
    return Status(204, None)


@router.get(
    "/conferences/{conference}/recordings",
    response=list[RecordingOut],
    summary="List recordings",
)
def listed(request: HttpRequest, conference: str) -> list[dict[str, Any]]:
    """What was recorded, the latest first. For those who command."""
    row, by = access.view(request, conference, policy.may_command)
    masks = selectors.aliases(row, by)
    return [selectors.recording_line(one, masks) for one in selectors.recordings(row)]


def _found(row: Conference, recording: str) -> Recording:
    found = selectors.recordings(row).filter(name=recording).first()
    if found is None:
        raise Http404(f"There is no recording {recording!r}.")
    return found


@router.get("/conferences/{conference}/recordings/{recording}", summary="Hear a recording")
def heard(request: HttpRequest, conference: str, recording: str) -> HttpResponseBase:
    """The file of the mix, Opus in Ogg. For those who command."""
    row = access.conference(request, conference, policy.may_command)
    return _sound(request, selectors.recording_file(_found(row, recording)))


def _sound(request: HttpRequest, path: Path) -> HttpResponseBase:
    try:
        return downloads.build_response(request, path.open("rb"), content_type="audio/ogg")
    except FileNotFoundError:
        raise Http404("Nothing of it has been written.") from None


@router.get(
    "/conferences/{conference}/recordings/{recording}/tracks/{track}", summary="Hear one voice"
)
def track(request: HttpRequest, conference: str, recording: str, track: str) -> HttpResponseBase:
    """One voice by itself, as long as the mix. For those who command."""
    row = access.conference(request, conference, policy.may_command)
    for one in selectors.tracks(_found(row, recording), {}):
        if one.id == track:
            return _sound(request, selectors.track_file(one.row))
    raise Http404(f"There is no track {track!r}.")


@router.get("/conferences/{conference}/recordings/{recording}/zip", summary="Take a recording home")
def zipped(request: HttpRequest, conference: str, recording: str) -> HttpResponseBase:
    """The mix and all tracks in one file. For those who command."""
    row, by = access.view(request, conference, policy.may_command)
    try:
        file = selectors.zipped(_found(row, recording), selectors.aliases(row, by))
    except FileNotFoundError:
        raise Http404("Nothing of it has been written.") from None
    return downloads.build_response(
        request, file, content_type="application/zip", filename=f"{row.name}.zip"
    )


@router.delete(
    "/conferences/{conference}/recordings/{recording}",
    response={204: None},
    summary="Delete a recording",
)
def deleted(request: HttpRequest, conference: str, recording: str) -> Status[None]:
    """Delete one that has ended, file and all."""
    row = access.conference(request, conference, policy.may_command)
    services.delete_recording(
        recording=_found(row, recording),
        actor=access.caller(request).identity,
        way=access.caller(request).way,
    )
    return Status(204, None)
