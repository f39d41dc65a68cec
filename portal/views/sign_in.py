"""Signing in and out: by password, by the provider of OpenID Connect, by a second factor.

The password is looked at here, by Django's form behind `CountedBackend`; from there on
django-allauth goes through its steps, so that no way in leaves the second factor out.
"""

from __future__ import annotations

from typing import Any

import requests
from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.views import ConnectionsView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import forms as auth_forms
from django.contrib.auth import views as auth_views
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase, HttpResponseRedirectBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from conferences import forms, services
from conferences.models import User
from portal import access, backends, oidc


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
        self.fields["username"].label = gettext_lazy("User name")
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
        return ngettext("%(count)s second", "%(count)s seconds", seconds) % {"count": seconds}
    minutes = -(-seconds // 60)
    return ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}


class SignIn(auth_views.LoginView):
    """The door for people with an account."""

    template_name = "account/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What else one can do instead of typing a password."""
        return super().get_context_data(**kwargs) | {
            "provider": settings.OIDC_NAME if settings.OIDC_ISSUER else "",
        }

    def form_valid(self, form: auth_forms.AuthenticationForm) -> HttpResponse:
        """The password is right: whoever has a second factor is asked for it."""
        user = form.get_user()
        login = Login(user=user, redirect_url=self.get_success_url())
        said = {"username": user.get_username()}
        response: HttpResponse = perform_password_login(self.request, said, login)
        return response

    def form_invalid(self, form: auth_forms.AuthenticationForm) -> HttpResponse:
        """The form again; with 429 (RFC 6585 4) where the password was not looked at."""
        response = super().form_invalid(form)
        if wait := backends.wait_of(self.request):
            response.status_code = 429
            response["Retry-After"] = str(wait)
        return response


sign_in = SignIn.as_view()


class Connections(ConnectionsView):  # type: ignore[misc]  # allauth has no types
    """The provider's account that leads to one's own; connected and let go of here."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Nothing where there is no provider."""
        _unless_set()
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """How the provider is called."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"provider_name": settings.OIDC_NAME}


connections = never_cache(Connections.as_view())


def administration(request: HttpRequest) -> HttpResponseBase:
    """The back office's door is the same one; who is in and may not go there reads so."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return sign_in(request)


class SignOut(auth_views.LogoutView):
    """The way out: the phones that pages of this person ran are signed out with him."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """See the class."""
        if isinstance(request.user, User):
            services.withdraw_phone_credentials(request.user)
        return super().post(request, *args, **kwargs)


sign_out = access.pressed("home")(SignOut.as_view())


@never_cache
@require_POST
def provider(request: HttpRequest, provider_id: str) -> HttpResponse:
    """To the provider, by a page that goes on by itself.

    A form's answer may not lead elsewhere (`form-action` of our content policy, which
    browsers hold all its redirects to), and where a provider sends people is his affair.
    """
    _unless_set()
    asked = get_adapter().get_provider(request, provider_id)
    try:
        response = asked.redirect_from_request(request)
    except (OAuth2Error, requests.RequestException, ValueError) as error:
        return _unreachable(request, error)
    if not isinstance(response, HttpResponseRedirectBase):
        return _unreachable(request, None)
    return render(request, "account/onward.html", {"url": response.url, "name": asked.name})


@never_cache
@require_GET
def provider_answer(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Back from the provider."""
    _unless_set()
    return oidc.answer(request, provider_id)


@require_GET
def provider_cancelled(request: HttpRequest) -> HttpResponse:
    """He thought better of it over there."""
    messages.info(request, _("You have not signed in: that was cancelled at the provider."))
    return redirect("account" if request.user.is_authenticated else "sign_in")


def _unless_set() -> None:
    if not settings.OIDC_ISSUER:
        raise Http404


def _unreachable(request: HttpRequest, error: Exception | None) -> HttpResponse:
    oidc.log.warning("the provider of OpenID Connect cannot be asked: %s", error)
    return render(request, "socialaccount/authentication_error.html", status=502)
