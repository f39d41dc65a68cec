"""The caller's own phones: what they are told, which are registered; end one."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Body, Router, Schema, Status
from pydantic import Field

from conferences import forms, policy, selectors, services
from conferences.api import access
from conferences.api.schemas.calls import PhonesOut
from conferences.api.schemas.common import Strict
from conferences.models import SipAccount, User
from conferences.services import Refused

router = Router(tags=["Phones"])


class SipPasswordIn(Strict):
    """A password of one's own; left empty, a strong one is made up."""

    password: str = Field("", max_length=128)


class SipOut(Schema):
    """What a phone has to be told."""

    uri: str
    auth_name: str
    server: str | None = Field(description="For desk phones; null where there is no port for them.")
    websocket: str = Field(description="For phones in browsers.")
    has_password: bool
    password: str | None = Field(
        None, description="One that was made up just now; it is not told again."
    )


def _person(request: HttpRequest) -> User:
    """The caller, who needs an account: a guest's phone is his page."""
    user = access.caller(request).user
    if user is None:
        raise Refused(policy.Refusal.NOT_ALLOWED)
    return user


@router.get("/me/phones", response=PhonesOut, summary="Your registered phones")
def phones(request: HttpRequest) -> dict[str, Any]:
    """Where calls for you ring: the phones that are registered, the latest first."""
    return {"phones": list(selectors.registrations(_person(request)))}


@router.delete("/me/phones/{phone}", response={204: None}, summary="Sign a phone out")
def end(request: HttpRequest, phone: int) -> Status[None]:
    """Have no more calls ring there. The phone is refused (403) when it refreshes.

    Started anew it can register again, as long as it knows the SIP password.
    """
    services.end_registration(user=_person(request), registration=phone)
    return Status(204, None)


def _sip(user: User) -> dict[str, Any]:
    return {
        "uri": selectors.aor(user.username),
        "auth_name": user.username,
        "server": settings.SIP_DOMAIN if settings.SIP_PORT else None,
        "websocket": settings.WEBSOCKET_URL,
        "has_password": SipAccount.objects.filter(auth_name=user.username).exists(),
    }


@router.get("/me/sip", response=SipOut, exclude_unset=True, summary="What your phone is told")
def sip(request: HttpRequest) -> dict[str, Any]:
    """How a phone of yours signs in."""
    return _sip(_person(request))


@router.put(
    "/me/sip/password",
    response=SipOut,
    exclude_unset=True,
    summary="Set the password of your phones",
)
def sip_password(request: HttpRequest, said: Body[SipPasswordIn | None] = None) -> dict[str, Any]:
    """Phones with the old one have to be told. Without a body, or empty, one is made up."""
    user, chosen = _person(request), said.password if said else ""
    if not chosen:
        made = services.renew_sip_password(user)
        return {**_sip(user), "password": made}
    if len(chosen) < forms.MIN_SIP_PASSWORD:
        words = _("A password of your own has %(count)s characters or more.")
        raise ValidationError({"password": words % {"count": forms.MIN_SIP_PASSWORD}})
    services.set_sip_password(user, chosen)
    return _sip(user)
