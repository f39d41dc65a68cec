"""Webhooks: one's endpoints, what each was sent, and having it sent again."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from conferences import forms, selectors, services
from conferences.models import User, Webhook
from portal import access

#: Messages on one page.
PAGE = 50


def _found(user: User, name: str) -> Webhook:
    found = selectors.webhook(user, name)
    if found is None:
        raise Http404
    return found


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def webhooks(request: HttpRequest, user: User) -> HttpResponse:
    """One's endpoints, and a form for another; the secret of a new one is shown once."""
    if not (user.is_organizer or user.is_staff):
        raise PermissionDenied
    form = forms.WebhookForm(request.POST if request.method == "POST" else None, owner=user)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.add_webhook(owner=user, **form.values())
        except ValidationError as error:
            form.complain(error)
        else:
            return _page(request, user, made.name, secret=made.secret)
    context = {"webhooks": selectors.webhooks_of(user), "form": form}
    return render(request, "webhooks/list.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def webhook(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """How it goes, what it was sent, and what it is told from now on."""
    if request.method != "POST":
        return _page(request, user, name)
    row = _found(user, name)
    form = forms.WebhookForm(request.POST, owner=user, webhook=row)
    if form.is_valid():
        try:
            services.change_webhook(webhook=row, **form.values())
        except ValidationError as error:
            form.complain(error)
        else:
            messages.success(request, _("The changes are saved."))
            return redirect("webhook", name)
    return _page(request, user, name, form=form)


@never_cache
@access.pressed("webhook", "name")
@access.signed_in
def do(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """The buttons of that page."""
    row = _found(user, name)
    action = _ACTIONS.get(request.POST.get("do", ""))
    if action is None:
        raise Http404
    return action(request, user, row)


def _test(request: HttpRequest, user: User, row: Webhook) -> HttpResponse:  # noqa: ARG001
    made = services.try_webhook(webhook=row, now=timezone.now())
    words = _("Message %(number)s is on its way. Look again in a moment.")
    messages.success(request, words % {"number": made.number})
    return redirect("webhook", row.name)


def _pause(request: HttpRequest, user: User, row: Webhook) -> HttpResponse:  # noqa: ARG001
    services.change_webhook(webhook=row, paused=True)
    messages.success(request, _("Messages wait until you let them go on."))
    return redirect("webhook", row.name)


def _resume(request: HttpRequest, user: User, row: Webhook) -> HttpResponse:  # noqa: ARG001
    services.change_webhook(webhook=row, paused=False)
    messages.success(request, _("It is on: what waits is sent now."))
    return redirect("webhook", row.name)


def _secret(request: HttpRequest, user: User, row: Webhook) -> HttpResponse:
    return _page(request, user, row.name, secret=services.new_webhook_secret(webhook=row))


def _delete(request: HttpRequest, user: User, row: Webhook) -> HttpResponse:  # noqa: ARG001
    services.delete_webhook(webhook=row)
    messages.success(request, _("%(url)s is told nothing more.") % {"url": row.url})
    return redirect("webhooks")


def _again(request: HttpRequest, user: User, row: Webhook) -> HttpResponse:
    form = forms.ReplayForm(request.POST)
    if form.is_valid():
        number = form.cleaned_data["number"]
        try:
            count = services.send_again(webhook=row, number=number, now=timezone.now())
        except ValidationError as error:
            form.add_error("number", error.error_dict["number"])
        else:
            words = ngettext(
                "%(count)s message is sent again.", "%(count)s messages are sent again.", count
            )
            messages.success(request, words % {"count": count})
            return redirect("webhook", row.name)
    return _page(request, user, row.name, replay=form)


_ACTIONS: dict[str, Callable[[HttpRequest, User, Webhook], HttpResponse]] = {
    "test": _test,
    "pause": _pause,
    "resume": _resume,
    "secret": _secret,
    "delete": _delete,
    "again": _again,
}


def _page(
    request: HttpRequest,
    user: User,
    name: str,
    *,
    form: forms.WebhookForm | None = None,
    replay: forms.ReplayForm | None = None,
    secret: str = "",
) -> HttpResponse:
    row = _found(user, name)
    pages = Paginator(selectors.deliveries(row), PAGE)
    context = {
        "webhook": row,
        "form": form or forms.WebhookForm(owner=user, webhook=row),
        "replay": replay or forms.ReplayForm(),
        "secret": secret,
        "page": pages.get_page(request.GET.get("page")),
    }
    return render(request, "webhooks/webhook.html", context)
