"""The phones that the caller has registered: list them, end one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Status

from conferences import policy, selectors, services
from conferences.api import access
from conferences.api.schemas import PhonesOut
from conferences.models import User
from conferences.services import Refused

router = Router(tags=["Phones"])


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
