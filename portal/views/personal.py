"""What there is about oneself: to take away, and to delete."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from conferences import selectors, services
from conferences.models import User
from portal import access

#: Recordings on the page, the latest.
MOST = 50


@require_safe
@access.signed_in
def data(request: HttpRequest, user: User) -> HttpResponse:
    """What can be done with it, and what stays of it with others."""
    heard = list(selectors.recordings_with(user)[: MOST + 1])
    context = {"heard": heard[:MOST], "more": len(heard) > MOST}
    return render(request, "account/data.html", context)


@never_cache
@require_safe
@access.signed_in
def download(request: HttpRequest, user: User) -> HttpResponse:  # noqa: ARG001
    """All of it, as a file of JSON."""
    response = JsonResponse(selectors.everything_about(user), json_dumps_params={"indent": 1})
    response["Content-Disposition"] = f'attachment; filename="parley-{user.username}.json"'
    return response


@never_cache
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest) -> HttpResponseBase:
    """Ask once more, after proof of who it is; then it is done."""
    response: HttpResponseBase = _delete(request)
    return response


@reauthentication_required(app="allauth.account")  # type: ignore[untyped-decorator]
@access.signed_in
def _delete(request: HttpRequest, user: User) -> HttpResponse:
    error = ""
    if request.method == "POST":
        if request.POST.get("username", "").strip().lower() != user.username:
            error = _("That is not your user name.")
        else:
            try:
                services.delete_person(user=user, by=user)
            except ValidationError as refused:
                error = " ".join(refused.messages)
            else:
                logout(request)
                messages.success(request, _("Your account is deleted. Farewell."))
                return redirect("home")
    return render(request, "account/delete.html", {"error": error})
