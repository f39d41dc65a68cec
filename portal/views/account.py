"""What belongs to a person: name, zone, phones, tokens, password."""

from __future__ import annotations

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import forms as auth_forms
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from conferences import forms, selectors, services
from conferences.models import SipAccount, User
from portal import access


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
@access.pressed("account")
@access.signed_in
def sip_password(request: HttpRequest, user: User) -> HttpResponse:
    """Set the password of the person's phones; a made-up one is shown once."""
    form = forms.SipPasswordForm(request.POST)
    if not form.is_valid():
        return _page(request, user, sip_form=form)
    chosen = form.cleaned_data["password"]
    if chosen:
        services.set_sip_password(user, chosen)
    password = "" if chosen else services.renew_sip_password(user)
    messages.success(
        request, _("The SIP password is set. Phones with the old one have to be told.")
    )
    return _page(request, user, sip_password=password)


@never_cache
@access.pressed("account")
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
@access.pressed("account")
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
@access.pressed("account")
@access.signed_in
def password(request: HttpRequest, user: User) -> HttpResponse:
    """Change the password of the site; this session stays signed in."""
    form = _password_form(user, request.POST)
    if not form.is_valid():
        return _page(request, user, password_form=form)
    form.save()
    update_session_auth_hash(request, user)
    services.close_links(user)
    services.withdraw_phone_credentials(user)
    messages.success(request, _("Your password is changed."))
    return redirect("account")


def _password_form(user: User, said: QueryDict | None = None) -> auth_forms.SetPasswordForm[User]:
    """For his next password, or the first one of somebody whom a provider sent."""
    form: auth_forms.SetPasswordForm[User]
    if user.has_usable_password():
        form = auth_forms.PasswordChangeForm(user, said)
        form.fields["old_password"].widget.attrs.pop("autofocus", None)
    else:
        form = auth_forms.SetPasswordForm(user, said)
    forms.dress(form)
    return form


def _page(
    request: HttpRequest,
    user: User,
    *,
    form: forms.AccountForm | None = None,
    sip_form: forms.SipPasswordForm | None = None,
    password_form: auth_forms.SetPasswordForm[User] | None = None,
    sip_password: str = "",
    token: str = "",
) -> HttpResponse:
    context = {
        "form": form or forms.AccountForm(instance=user),
        "sip_form": sip_form or forms.SipPasswordForm(),
        "password_form": password_form or _password_form(user),
        "second_factor": is_mfa_enabled(user),
        "provider": settings.OIDC_NAME if settings.OIDC_ISSUER else "",
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
