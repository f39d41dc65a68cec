"""Who has an account: invitations to have one, and ways back into it."""

from __future__ import annotations

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from conferences import forms, selectors, services
from conferences.models import AccountLink, LinkKind, User
from portal import access


@never_cache
@require_http_methods(["GET", "POST"])
@access.signed_in
def invite(request: HttpRequest, user: User) -> HttpResponse:
    """Whom one has invited and who has not come yet; and the next one."""
    if not services.may_invite(user):
        raise PermissionDenied
    form = forms.InvitePersonForm(request.POST if request.method == "POST" else None, by=user)
    if request.method == "POST" and form.is_valid():
        try:
            services.invite_person(by=user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(
                request,
                _("The invitation is on its way.")
                if settings.MAIL_GOES_OUT
                else _("Here is the link. Send it to the person: it is good once."),
            )
            return redirect("invite")
    invited = selectors.open_invitations(user, now=timezone.now())
    # A link that was sent is shown to nobody: who comes by it reads that address's mails.
    shown = [(one, "" if settings.MAIL_GOES_OUT else selectors.link_url(one)) for one in invited]
    return render(request, "people/invite.html", {"form": form, "invited": shown})


@access.pressed("invite")
@access.signed_in
def withdraw(request: HttpRequest, user: User, link: int) -> HttpResponse:
    """Think better of an invitation."""
    try:
        services.withdraw_invitation(by=user, link=link)
    except services.Refused:
        messages.info(request, _("That invitation was not open any more."))
    else:
        messages.success(request, _("The invitation is withdrawn: its link opens nothing."))
    return redirect("invite")


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def welcome(request: HttpRequest, token: str) -> HttpResponse:
    """Where a link leads: to an account of one's own, or back into it."""
    link = selectors.account_link(token, now=timezone.now())
    if link is None:
        return render(request, "people/over.html", status=410)
    return _join(request, link) if link.kind == LinkKind.INVITED else _back(request, link)


def _join(request: HttpRequest, link: AccountLink) -> HttpResponse:
    """Make the account, and sign its owner in."""
    said = request.POST if request.method == "POST" else None
    form = forms.WelcomeForm(User(), said)
    if said is not None and form.is_valid():
        values = form.cleaned_data
        try:
            user = services.accept_invitation(
                link=link,
                username=values["username"],
                display_name=values["display_name"],
                password=values["new_password1"],
                timezone=values["timezone"],
            )
        except ValidationError as error:
            form.complain(error)
        except services.Refused:
            return render(request, "people/over.html", status=410)
        else:
            response: HttpResponse = perform_password_login(
                request, {"username": user.username}, Login(user=user, redirect_url="/")
            )
            return response
    return render(request, "people/welcome.html", {"form": form, "link": link})


def _back(request: HttpRequest, link: AccountLink) -> HttpResponse:
    """Set another password. He signs in with it then, and with his second factor."""
    assert link.user is not None, "a constraint says so"
    said = request.POST if request.method == "POST" else None
    form = forms.PasswordForm(link.user, said)
    if said is not None and form.is_valid():
        try:
            services.set_password_by_link(link=link, password=form.cleaned_data["new_password1"])
        except services.Refused:
            return render(request, "people/over.html", status=410)
        messages.success(request, _("Your password is set. Sign in with it."))
        return redirect("sign_in")
    return render(request, "people/password.html", {"form": form, "link": link})


@never_cache
@require_http_methods(["GET", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a way back; what is answered tells nobody who has an account."""
    form = forms.ForgottenForm(request.POST if request.method == "POST" else None)
    sent = request.method == "POST" and form.is_valid()
    if sent:
        services.password_forgotten(who=form.cleaned_data["who"])
    context = {"form": form, "sent": sent, "mails": settings.MAIL_GOES_OUT}
    return render(request, "people/forgotten.html", context)
