"""Ours in django-allauth's steps: no accounts for whoever asks, no takeovers, sealed keys."""

from __future__ import annotations

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from conferences import seals, services
from conferences.models import User

log = logging.getLogger(__name__)

#: What pages say by themselves.
_UNSAID = ("account/messages/logged_in.txt", "account/messages/logged_out.txt")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Accounts are made by administrators, by invitation, and by the provider."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Nobody makes himself an account."""
        return False

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """As allauth says it, but that somebody is in or out is seen."""
        if message_template not in _UNSAID:
            super().add_message(request, level, message_template, *args, **kwargs)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Keys of second factors are sealed; an authenticator shows them under the user name."""

    def encrypt(self, text: str) -> str:
        """See `conferences.seals`."""
        return seals.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """See `conferences.seals`."""
        return seals.unseal(encrypted_text)

    def generate_authenticator_name(self, user: Any, type: Any) -> str:  # noqa: A002
        """What a key is called at first."""
        count = Authenticator.objects.filter(user=user, type=type).count() + 1
        return _("Key %(number)d") % {"number": count}

    def _get_user_identifier(self, user: Any) -> str:
        return str(user.get_username())

    def _get_site_name(self) -> str:
        return str(settings.MFA_TOTP_ISSUER)


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Whom the provider sends: an account of his own, and what its claims give him."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:  # noqa: ARG002
        """Whether somebody who is new here gets an account."""
        return bool(settings.OIDC_NEW_ACCOUNTS)

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:  # noqa: ARG002
        """Each sign-in gives and takes the right to book, where a claim decides of it."""
        if sociallogin.is_existing and sociallogin.state.get("process") != "connect":
            _give_rights(sociallogin)

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:  # noqa: ARG002
        """A new account, whose name is taken from nobody."""
        said = sociallogin.user
        user = services.create_person(
            # allauth empties a user name that its form would not take.
            wish=str(sociallogin.account.extra_data.get("preferred_username") or ""),
            display_name=said.display_name,
            email=said.email,
        )
        sociallogin.user = user
        _give_rights(sociallogin)
        sociallogin.save(request)
        return user

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: Any) -> User:  # noqa: ARG002
        """The names that the provider knows, until `save_user` has looked at them."""
        user: User = sociallogin.user
        user.email = data.get("email") or ""
        user.display_name = data.get("name") or ""
        return user

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """The one account whose address was verified here, too, and who runs nothing here.

        Anything else would let somebody in who typed another's address, on either side.
        """
        if not settings.OIDC_LINK_BY_EMAIL:
            return None
        for one in sociallogin.email_addresses:
            known = EmailAddress.objects.filter(email__iexact=one.email, verified=True)
            found = User.objects.filter(pk__in=known.values("user"), is_active=True)[:2]
            if len(found) == 1 and not found[0].is_staff:
                return found[0], one.email
        return None

    def on_authentication_error(self, request: HttpRequest, provider: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Why, for administrators; the person reads that it did not work."""
        log.warning("nobody was signed in by %s: %s", provider, kwargs.get("exception"))

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: Any) -> str:  # noqa: ARG002
        """Back to one's account."""
        return "/account/"


def _give_rights(sociallogin: SocialLogin) -> None:
    claim, _, wanted = settings.OIDC_ORGANIZERS.partition("=")
    if not claim:
        return
    said = sociallogin.account.extra_data.get(claim)
    values = said if isinstance(said, list) else [said]
    may_book = claim == "*" or wanted in [str(value) for value in values if value is not None]
    services.let_book(user=sociallogin.user, may_book=may_book)
