"""Removing several people at once."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from conferences import forms, services
from conferences.models import User, Way
from conferences.policy import ParticipantKey
from portal import access
from portal.access import Visit
from portal.views import presence


@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def eject(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """Choose who is to go, say why and for how long, then have them removed."""
    visit = access.commanded(user, name)
    people = [one for one in presence.people(visit) if one.removable]
    there = [one for one in people if one.entity != visit.identity.uri]
    data = request.POST if request.method == "POST" else None
    form = forms.EjectionForm(data, people=[(one.key, one.name) for one in there])
    if form.is_valid():
        count = _remove(visit, form)
        words = ngettext(
            "%(count)s person is being removed.", "%(count)s people are being removed.", count
        )
        messages.success(request, words % {"count": count})
        return redirect("conference", visit.conference.name)
    context = {"conference": visit.conference, "form": form, "people": there}
    return render(request, "conferences/eject.html", context)


def _remove(visit: Visit, form: forms.EjectionForm) -> int:
    try:
        removals = services.ask_to_remove_several(
            conference=visit.conference.key,
            participants=[ParticipantKey(key) for key in form.cleaned_data["who"]],
            actor=visit.identity,
            way=Way.WEB,
            reason=form.cleaned_data["reason"],
            ban=form.cleaned_data["ban"],
        )
    except services.Refused as refused:
        raise PermissionDenied from refused
    return len(removals)
