"""Who may book for the caller: list, let, take back."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Status

from conferences import policy, selectors, services
from conferences.api import access
from conferences.api.schemas.mine import DelegateIn, DelegateOut, DelegatesOut
from conferences.models import Delegation, User
from conferences.services import Refused

router = Router(tags=["Delegates"])


def _person(request: HttpRequest) -> User:
    user = access.caller(request).user
    if user is None:
        raise Refused(policy.Refusal.NOT_ALLOWED)
    return user


def _shown(row: Delegation) -> dict[str, Any]:
    return {"username": row.delegate.username, "everything": row.everything}


@router.get("/me/delegates", response=DelegatesOut, summary="Your delegates")
def delegates(request: HttpRequest) -> dict[str, Any]:
    """Who may book for you, and for whom you may book."""
    user = _person(request)
    return {
        "delegates": [_shown(row) for row in selectors.delegations(user)],
        "books_for": [owner.username for owner in selectors.books_for(user)],
    }


@router.put("/me/delegates/{username}", response=DelegateOut, summary="Let somebody book for you")
def let(request: HttpRequest, username: str, said: DelegateIn) -> dict[str, Any]:
    """He books for you, and commands what he booked; or everything of yours."""
    row = services.make_delegate(
        owner=_person(request), username=username, everything=said.everything
    )
    return _shown(row)


@router.delete("/me/delegates/{username}", response={204: None}, summary="Dismiss a delegate")
def dismiss(request: HttpRequest, username: str) -> Status[None]:
    """He books for you no more, and commands nothing of yours."""
    services.dismiss_delegate(owner=_person(request), username=username)
    return Status(204, None)
