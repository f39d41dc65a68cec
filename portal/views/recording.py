"""Recordings, for those who command the conference: heard, downloaded, deleted."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from conferences import selectors, services
from conferences.models import Recording, User, Way
from portal import access
from portal.access import Visit


def _found(visit: Visit, recording: str) -> Recording:
    found = selectors.recordings(visit.conference).filter(name=recording).first()
    if found is None:
        raise Http404
    return found


@never_cache
@require_safe
@access.signed_in
def recording(request: HttpRequest, user: User, name: str, recording: str) -> FileResponse:
    """The file, Opus in Ogg."""
    del request
    visit = access.commanded(user, name)
    path = selectors.recording_file(_found(visit, recording))
    try:
        return FileResponse(path.open("rb"), content_type="audio/ogg")
    except FileNotFoundError:
        raise Http404 from None


@require_POST
@access.signed_in
def delete(request: HttpRequest, user: User, name: str, recording: str) -> HttpResponse:
    """Delete one that has ended, file and all."""
    visit = access.commanded(user, name)
    found = _found(visit, recording)
    try:
        services.delete_recording(recording=found, actor=visit.identity, way=Way.WEB)
        messages.success(request, _("The recording is deleted."))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("conference", visit.conference.name)
