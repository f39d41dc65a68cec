"""The addresses of signing in that django-allauth looks for by its own names.

Only what Parley uses of it is here: nobody makes himself an account.
"""

from __future__ import annotations

from allauth.account import views as account_steps
from allauth.mfa.base import views as factors
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as apps
from allauth.mfa.webauthn import views as keys
from django.urls import URLPattern, URLResolver, path, reverse_lazy

from portal.views import sign_in

_OIDC = {"provider_id": "oidc"}

urlpatterns: list[URLPattern | URLResolver] = [
    path("sign-in/", sign_in.sign_in, name="account_login"),
    path("sign-out/", sign_in.sign_out, name="account_logout"),
    path("sign-in/second-factor/", factors.authenticate, name="mfa_authenticate"),
    path("sign-in/provider/", sign_in.provider, _OIDC, name="openid_connect_login"),
    path(
        "sign-in/provider/answer/", sign_in.provider_answer, _OIDC, name="openid_connect_callback"
    ),
    path(
        "sign-in/provider/cancelled/",
        sign_in.provider_cancelled,
        name="socialaccount_login_cancelled",
    ),
    path("sign-in/switched-off/", account_steps.account_inactive, name="account_inactive"),
    path("account/prove/", account_steps.reauthenticate, name="account_reauthenticate"),
    path("account/prove/code/", factors.reauthenticate, name="mfa_reauthenticate"),
    path("account/prove/key/", keys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("account/second-factor/", factors.index, name="mfa_index"),
    path("account/second-factor/app/", apps.activate_totp, name="mfa_activate_totp"),
    path("account/second-factor/app/remove/", apps.deactivate_totp, name="mfa_deactivate_totp"),
    path("account/second-factor/codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "account/second-factor/codes/new/",
        codes.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "account/second-factor/codes/download/",
        codes.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
    path("account/second-factor/keys/add/", keys.add_webauthn, name="mfa_add_webauthn"),
    path(
        "account/second-factor/keys/<int:pk>/remove/",
        keys.RemoveWebAuthnView.as_view(success_url=reverse_lazy("mfa_index")),
        name="mfa_remove_webauthn",
    ),
    path("account/providers/", sign_in.connections, name="socialaccount_connections"),
]
