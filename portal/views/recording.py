"""Recordings, for those who command the conference: heard, downloaded, deleted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from conferences import downloads, selectors, services
from conferences.models import Recording, User, Way
from portal import access
from portal.access import Visit

SOUND = "audio/ogg"


@dataclass(frozen=True, slots=True)
class Kept:
    """A recording as the conference's page shows it."""

    row: Recording
    tracks: list[selectors.TrackLine]


def kept(visit: Visit) -> list[Kept]:
    """Those of a conference, the latest first; for those who command. Three queries at most."""
    if not visit.commands:
        return []
    masks = selectors.aliases(visit.conference, visit.viewer)
    rows = selectors.recordings(visit.conference)
    return [Kept(row, selectors.tracks(row, masks)) for row in rows]


def _found(visit: Visit, recording: str) -> Recording:
    found = selectors.recordings(visit.conference).filter(name=recording).first()
    if found is None:
        raise Http404
    return found


def _sound(request: HttpRequest, path: Path) -> HttpResponseBase:
    try:
        return downloads.build_response(request, path.open("rb"), content_type=SOUND)
    except FileNotFoundError:
        raise Http404 from None


@never_cache
@require_safe
@access.signed_in
def recording(request: HttpRequest, user: User, name: str, recording: str) -> HttpResponseBase:
    """The file of the mix, Opus in Ogg."""
    visit = access.commanded(user, name)
    return _sound(request, selectors.recording_file(_found(visit, recording)))


@never_cache
@require_safe
@access.signed_in
def track(
    request: HttpRequest, user: User, name: str, recording: str, track: str
) -> HttpResponseBase:
    """The file of one voice, as long as the mix."""
    visit = access.commanded(user, name)
    for one in selectors.tracks(_found(visit, recording), {}):
        if one.id == track:
            return _sound(request, selectors.track_file(one.row))
    raise Http404


@never_cache
@require_safe
@access.signed_in
def zipped(request: HttpRequest, user: User, name: str, recording: str) -> HttpResponseBase:
    """The mix and all tracks in one file."""
    visit = access.commanded(user, name)
    found = _found(visit, recording)
    masks = selectors.aliases(visit.conference, visit.viewer)
    try:
        file = selectors.zipped(found, masks)
    except FileNotFoundError:
        raise Http404 from None
    filename = f"{visit.conference.name}-{found.started_at:%Y%m%d-%H%M}.zip"
    return downloads.build_response(
        request, file, content_type="application/zip", filename=filename
    )


@access.pressed("conference", "name")
@access.signed_in
def delete(request: HttpRequest, user: User, name: str, recording: str) -> HttpResponse:
    """Delete one that has ended, files and all."""
    visit = access.commanded(user, name)
    found = _found(visit, recording)
    try:
        services.delete_recording(recording=found, actor=visit.identity, way=Way.WEB)
        messages.success(request, _("The recording is deleted."))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("conference", visit.conference.name)
