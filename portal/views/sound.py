"""Sounds of a conference, for those who command it: added, heard, deleted."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from conferences import downloads, selectors, services
from conferences.models import Sound, User, Way
from portal import access
from portal.access import Visit


def _found(visit: Visit, sound: str) -> Sound:
    found = selectors.sounds(visit.conference).filter(name=sound).first()
    if found is None:
        raise Http404
    return found


@never_cache
@require_safe
@access.signed_in
def sound(request: HttpRequest, user: User, name: str, sound: str) -> HttpResponseBase:
    """The file as it is played, Opus in Ogg."""
    path = selectors.sound_file(_found(access.commanded(user, name), sound))
    try:
        return downloads.build_response(request, path.open("rb"), content_type="audio/ogg")
    except FileNotFoundError:
        raise Http404 from None


@access.pressed("conference", "name")
@access.signed_in
def add(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """Take a file in, once it has been looked at."""
    visit = access.commanded(user, name)
    file = request.FILES.get("file")
    if file is None:
        messages.error(request, _("Choose a file first."))
        return redirect("conference", name)
    try:
        made = services.add_sound(
            conference=visit.conference.key,
            actor=visit.identity,
            way=Way.WEB,
            title=(file.name or "").rpartition(".")[0],
            octets=file.chunks(),
        )
        messages.success(request, _("“%(title)s” can be played now.") % {"title": made.title})
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("conference", name)


@access.pressed("conference", "name")
@access.signed_in
def delete(request: HttpRequest, user: User, name: str, sound: str) -> HttpResponse:
    """Delete one; where it is being played that ends."""
    visit = access.commanded(user, name)
    found = _found(visit, sound)
    services.delete_sound(sound=found, actor=visit.identity, way=Way.WEB)
    messages.success(request, _("“%(title)s” is deleted.") % {"title": found.title})
    return redirect("conference", name)
