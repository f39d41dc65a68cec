"""Signing in and out, and what belongs to a person: name, zone, phones, tokens, password."""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import forms as auth_forms
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth import views as auth_views
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from conferences import forms, selectors, services
from conferences.models import SipAccount, User
from portal import access, backends

#: Octets of a made-up SIP password, 128 bits: it is typed into a phone once.
SIP_PASSWORD_OCTETS = 16


class SignInForm(auth_forms.AuthenticationForm):
    """Django's form in our clothes and words."""

    error_messages = {
        "invalid_login": gettext_lazy(
            "User name and password do not fit together. Mind the case of letters."
        ),
        "inactive": gettext_lazy("This account is switched off."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("User name")
        forms.dress(self)

    def get_invalid_login_error(self) -> ValidationError:
        """Why nobody is let in; after too many wrong passwords until when."""
        if not (wait := backends.wait_of(self.request)):
            return super().get_invalid_login_error()
        return ValidationError(
            _(
                "Too many wrong passwords came from your address or for this name. "
                "Your last one was not looked at; try again in %(wait)s."
            ),
            code="wait",
            params={"wait": _in_words(wait)},
        )


def _in_words(seconds: int) -> str:
    """How long, as one says it: rounded up, so that one does not come too early."""
    if seconds < 60:
        words = ngettext("%(count)s second", "%(count)s seconds", seconds)
        return words % {"count": seconds}
    minutes = -(-seconds // 60)
    return ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}


class SignIn(auth_views.LoginView):
    """The door for people with an account."""

    template_name = "account/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_invalid(self, form: auth_forms.AuthenticationForm) -> HttpResponse:
        """The form again; with 429 (RFC 6585 4) where the password was not looked at."""
        response = super().form_invalid(form)
        if wait := backends.wait_of(self.request):
            response.status_code = 429
            response["Retry-After"] = str(wait)
        return response


sign_in = SignIn.as_view()


class SignOut(auth_views.LogoutView):
    """The way out: the phones that pages of this person ran are signed out with him."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """See the class."""
        if isinstance(request.user, User):
            services.withdraw_phone_credentials(request.user)
        return super().post(request, *args, **kwargs)


sign_out = SignOut.as_view()


@never_cache
@require_http_methods(["GET", "POST"])
@access.signed_in
def account(request: HttpRequest, user: User) -> HttpResponse:
    """Name and zone; everything else on the page has its own address."""
    form = forms.AccountForm(request.POST if request.method == "POST" else None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("account")
    user.refresh_from_db()
    return _page(request, user, form=form)


@never_cache
@sensitive_post_parameters("password")
@require_POST
@access.signed_in
def sip_password(request: HttpRequest, user: User) -> HttpResponse:
    """Set the password of the person's phones; a made-up one is shown once."""
    form = forms.SipPasswordForm(request.POST)
    if not form.is_valid():
        return _page(request, user, sip_form=form)
    chosen = form.cleaned_data["password"]
    password = chosen or secrets.token_urlsafe(SIP_PASSWORD_OCTETS)
    services.set_sip_password(user, password)
    messages.success(
        request, _("The SIP password is set. Phones with the old one have to be told.")
    )
    return _page(request, user, sip_password="" if chosen else password)


@never_cache
@require_POST
@access.signed_in
def end_phone(request: HttpRequest, user: User, registration: int) -> HttpResponse:
    """End one of the person's registrations."""
    try:
        services.end_registration(user=user, registration=registration)
    except services.Refused:
        messages.info(request, _("That phone was not registered any more."))
    else:
        messages.success(request, _("The phone is signed out: calls ring there no more."))
    return redirect("account")


@never_cache
@require_POST
@access.signed_in
def token(request: HttpRequest, user: User) -> HttpResponse:
    """Make a token, shown once; or revoke them all."""
    if request.POST.get("do") == "revoke":
        user.api_tokens.all().delete()
        messages.success(request, _("All tokens are revoked."))
        return redirect("account")
    return _page(request, user, token=services.issue_api_token(user))


@never_cache
@sensitive_post_parameters()
@require_POST
@access.signed_in
def password(request: HttpRequest, user: User) -> HttpResponse:
    """Change the password of the site; this session stays signed in."""
    form = auth_forms.PasswordChangeForm(user, request.POST)
    if not form.is_valid():
        return _page(request, user, password_form=form)
    form.save()
    update_session_auth_hash(request, user)
    services.withdraw_phone_credentials(user)
    messages.success(request, _("Your password is changed."))
    return redirect("account")


def _page(
    request: HttpRequest,
    user: User,
    *,
    form: forms.AccountForm | None = None,
    sip_form: forms.SipPasswordForm | None = None,
    password_form: auth_forms.PasswordChangeForm | None = None,
    sip_password: str = "",
    token: str = "",
) -> HttpResponse:
    password_form = password_form or auth_forms.PasswordChangeForm(user)
    forms.dress(password_form)
    password_form.fields["old_password"].widget.attrs.pop("autofocus", None)
    context = {
        "form": form or forms.AccountForm(instance=user),
        "sip_form": sip_form or forms.SipPasswordForm(),
        "password_form": password_form,
        "sip_password": sip_password,
        "token": token,
        "phones": selectors.registrations(user),
        "token_count": user.api_tokens.count(),
        "sip": {
            "aor": selectors.aor(user.username),
            "websocket": settings.WEBSOCKET_URL,
            "server": settings.SIP_DOMAIN if settings.SIP_PORT else "",
            "has_password": SipAccount.objects.filter(auth_name=user.username).exists(),
        },
    }
    return render(request, "account/account.html", context)
