"""Signing in by OpenID Connect: django-allauth's steps, with all that the standard has us check.

OpenID Connect Core 1.0 3.1.3.7: who issued the ID token, for whom, when, by which key
(also where TLS would do), and for this one sign-in (`nonce`, beside `state` and PKCE);
5.3.2: what the provider says of the person later is about the same one.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Mapping
from typing import Any

import jwt
from allauth.account.models import EmailAddress
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

#: By what ID tokens may be signed: public keys, never a secret that both sides know.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
#: Seconds by which the clocks of both sides may differ.
LEEWAY = 60
#: What is kept of all that the provider says.
KEPT = ("sub", "name", "preferred_username", "email", "email_verified")

Claims = dict[str, Any]
log = logging.getLogger(__name__)


class Adapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    """Asks the provider, and believes what can be checked."""

    #: Of this sign-in; empty for an answer that nobody waits for.
    nonce = ""

    @property
    def openid_config(self) -> Claims:
        """What the provider says of itself, if it is the one that was meant (Discovery 4.3)."""
        found: Claims = super().openid_config
        if str(found.get("issuer", "")).rstrip("/") != settings.OIDC_ISSUER:
            raise OAuth2Error("the provider calls itself otherwise than OIDC_ISSUER")
        wanted = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if missing := [one for one in wanted if not found.get(one)]:
            raise OAuth2Error(f"the provider does not say its {missing[0]}")
        return found

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:  # noqa: ARG002
        """Made of `BASE_URL`, never of the Host header."""
        return f"{settings.BASE_URL}{self.get_provider().get_callback_url()}"

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> Any:
        """Who it is. Raises `OAuth2Error` for a token that is not ours."""
        claims = self._claims(str(kwargs["response"].get("id_token", "")), app.client_id)
        if self.openid_config.get("userinfo_endpoint"):
            said = self._fetch_user_info(token.token)
            if said.get("sub") != claims["sub"]:
                raise OAuth2Error("the provider speaks of two people")
            claims = {**claims, **said}
        return self.get_provider().sociallogin_from_response(request, {"userinfo": claims})

    def _claims(self, id_token: str, client: str) -> Claims:
        try:
            claims: Claims = jwt.decode(
                id_token,
                key=self._key(id_token),
                algorithms=ALGORITHMS,
                audience=client,
                issuer=self.openid_config["issuer"],
                leeway=LEEWAY,
                options={"require": ["iss", "aud", "exp", "iat", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise OAuth2Error(f"the ID token is not good: {error}") from error
        if not self.nonce or not hmac.compare_digest(str(claims.get("nonce", "")), self.nonce):
            raise OAuth2Error("the ID token is for another sign-in")
        if claims.get("azp", client) != client:
            raise OAuth2Error("the ID token is for another client")
        return claims

    def _key(self, id_token: str) -> jwt.PyJWK:
        kid = jwt.get_unverified_header(id_token).get("kid")
        with get_adapter().get_requests_session() as session:
            response = session.get(self.openid_config["jwks_uri"])
            response.raise_for_status()
            known = jwt.PyJWKSet.from_dict(response.json()).keys
        for key in known:
            if key.key_id == kid or (kid is None and len(known) == 1):
                return key
        raise OAuth2Error("the ID token is signed by a key that the provider does not have")


class Provider(OpenIDConnectProvider):  # type: ignore[misc]  # allauth has no types
    """The one provider of the settings."""

    oauth2_adapter_class = Adapter

    def redirect(
        self,
        request: HttpRequest,
        process: str,
        next_url: str | None = None,
        data: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Send the browser there, with a nonce that the session remembers."""
        nonce = secrets.token_urlsafe(32)
        # Nothing of the request's own goes to the provider.
        kwargs["auth_params"] = {"nonce": nonce}
        kwargs["scope"] = self.get_scope()
        return super().redirect(request, process, next_url, data, nonce=nonce, **kwargs)

    def extract_extra_data(self, data: Mapping[str, Claims]) -> Claims:
        """What is kept, and the claim that says who may book."""
        wanted = {*KEPT, settings.OIDC_ORGANIZERS.partition("=")[0]}
        return {key: value for key, value in data["userinfo"].items() if key in wanted}

    def extract_email_addresses(self, data: Mapping[str, Claims]) -> list[EmailAddress]:
        """His address, if the provider has verified it; others prove nothing."""
        claims = data["userinfo"]
        email = str(claims.get("email") or "")
        if not email or not verified(claims):
            return []
        return [EmailAddress(email=email, verified=True, primary=True)]

    def extract_common_fields(self, data: Mapping[str, Claims]) -> Claims:
        """Of his names and address, what may become his here."""
        claims = data["userinfo"]
        email = claims.get("email") if verified(claims) else None
        return {
            "username": str(claims.get("preferred_username") or claims.get("nickname") or ""),
            "name": str(claims.get("name") or ""),
            "email": email,
            "email_verified": bool(email),
        }


def verified(claims: Claims) -> bool:
    """Whether the provider has verified the address; some say it as a string."""
    said = claims.get("email_verified")
    return said is True or said == "true"


class Callback(OAuth2CallbackView):  # type: ignore[misc]  # allauth has no types
    """The provider's answer."""

    def _get_state(self, request: HttpRequest, provider: Any) -> Any:
        state, response = super()._get_state(request, provider)
        self.adapter.nonce = str((state or {}).get("nonce", ""))
        return state, response


def answer(request: HttpRequest, provider: str) -> HttpResponseBase:
    """Hand an answer of the provider to `Callback`."""
    view = Callback.adapter_view(Adapter(request, provider))
    response: HttpResponseBase = view(request)
    return response
