"""Who may book for oneself: let somebody, and take that back."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from conferences import forms, selectors, services
from conferences.models import User
from portal import access


@require_http_methods(["GET", "POST"])
@access.signed_in
def delegates(request: HttpRequest, user: User) -> HttpResponse:
    """Those whom one has, those whose one is, and the next one."""
    form = forms.DelegateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            row = services.make_delegate(owner=user, **form.cleaned_data)
        except services.Refused as refused:
            raise PermissionDenied from refused
        except ValidationError as error:
            form.add_error(None, error)
        else:
            words = _("%(who)s may book for you.") % {"who": row.delegate.get_full_name()}
            messages.success(request, words)
            return redirect("delegates")
    context = {
        "form": form,
        "delegates": selectors.delegations(user),
        "books_for": selectors.books_for(user),
    }
    return render(request, "account/delegates.html", context)


@access.pressed("delegates")
@access.signed_in
def dismiss(request: HttpRequest, user: User, username: str) -> HttpResponse:
    """Take it back."""
    try:
        services.dismiss_delegate(owner=user, username=username)
    except services.Refused:
        messages.info(request, _("That was no delegate of yours."))
    else:
        messages.success(request, _("Done: who booked for you does so no more."))
    return redirect("delegates")
