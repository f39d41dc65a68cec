"""`/setup/<token>/`: the page of a call to the conference application (draft 4.3).

The link is the secret: whoever has it answers for the caller, signed in or
not, and nothing but this one call comes of it. So there is no CSRF token to
steal, and phones without cookies can send the form.
"""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from conferences import forms, selectors, services


@never_cache
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Ask what the conference is to be; then say what became of it.

    Who wants to, looks over what he has typed before it is sent, and goes back.
    """
    row = selectors.setup(token)
    if row is None:
        raise Http404
    if not row.waits:
        return _answered(request, token)
    form = forms.SetupForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and "back" not in request.POST:
        if "look" in request.POST:
            return render(request, "setup/look.html", {"form": form, "setup": row})
        try:
            services.answer_setup(token=token, **form.values())
        except ValidationError as error:
            form.complain(error)
        else:
            return redirect("setup", token=token)
    status = 422 if form.errors else 200
    return render(request, "setup/form.html", {"form": form, "setup": row}, status=status)


def _answered(request: HttpRequest, token: str) -> HttpResponse:
    row = selectors.setup(token)
    if row is None or row.conference is None:
        return render(request, "setup/over.html", status=410)
    shown = {
        "conference": row.conference,
        "uri": selectors.conference_uri(row.conference),
        "url": selectors.conference_url(row.conference),
    }
    return render(request, "setup/done.html", shown)
