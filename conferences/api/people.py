"""People: accounts, for administrators; and invitations to have one."""

from __future__ import annotations

import datetime
from typing import Any, cast

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field, StrictBool, StrictInt

from conferences import policy, selectors, services
from conferences.api import access
from conferences.api.schemas.common import PageIn, Strict
from conferences.models import AccountLink, User
from conferences.services import Refused

router = Router(tags=["People"])


class PersonChangeIn(Strict):
    """An account, all of which may be left out when it is changed."""

    display_name: str = Field("", max_length=100)
    email: str = Field("", max_length=254)
    timezone: str = Field("UTC", description="As in Europe/Berlin.")
    is_organizer: StrictBool = Field(False, description="May book.")
    is_gateway: StrictBool = Field(False, description="Many people call through it.")
    is_active: StrictBool = Field(True, description="May sign in, on pages and by phone.")
    ports_quota: StrictInt | None = Field(
        None, ge=0, le=2_147_483_647, description="Ports he may take at a time; null: no limit."
    )


class PersonIn(PersonChangeIn):
    """A new account."""

    username: str


class PersonOut(Schema):
    """An account."""

    username: str
    uri: str
    display_name: str
    email: str
    timezone: str
    is_organizer: bool
    is_gateway: bool
    is_active: bool
    is_staff: bool
    ports_quota: int | None
    last_login: datetime.datetime | None


class PeopleIn(PageIn):
    """A page of accounts; `q` is looked for in names and addresses."""

    q: str = Field("", max_length=200)


class PeopleOut(Schema):
    """A page of accounts, by user name; pages count from 1."""

    people: list[PersonOut]
    count: int
    page: int
    pages: int


class PasswordLinkOut(Schema):
    """Where somebody sets his password, once."""

    url: str
    expires_at: datetime.datetime


class InvitationIn(Strict):
    """Who is to have an account."""

    email: str = Field(max_length=254)
    may_book: StrictBool = Field(False, description="For administrators to say.")


class InvitationOut(Schema):
    """An invitation that is open; `url` only where no mails go out, to be passed on."""

    id: int
    email: str
    may_book: bool
    by: str
    created_at: datetime.datetime
    expires_at: datetime.datetime
    state: str
    url: str | None = None


class InvitationsOut(Schema):
    """Who was invited and has not come yet."""

    invitations: list[InvitationOut]


def _administrator(request: HttpRequest, verb: str, user: User | None = None) -> User:
    by = _person(request)
    if not services.may_administer(by, verb, user):
        raise Refused(policy.Refusal.NOT_ALLOWED)
    return by


def _person(request: HttpRequest) -> User:
    user = access.caller(request).user
    if user is None:
        raise Refused(policy.Refusal.NOT_ALLOWED)
    return user


def _found(username: str) -> User:
    found = selectors.people().filter(username=username.lower()).first()
    if found is None:
        raise Http404(f"There is nobody called {username!r}.")
    return found


_SHOWN = tuple(name for name in PersonOut.model_fields if name != "uri")


def _line(user: User) -> dict[str, Any]:
    shown = {name: getattr(user, name) for name in _SHOWN}
    return {"uri": selectors.aor(user.username), **shown, "timezone": user.zone}


def _said(said: PersonChangeIn) -> services.AccountTerms:
    sent = said.model_dump(exclude_unset=True, exclude={"username"})
    return cast(services.AccountTerms, sent)


@router.get("/people", response=PeopleOut, summary="List the accounts")
def listed(request: HttpRequest, window: Query[PeopleIn]) -> dict[str, Any]:
    """For administrators."""
    _administrator(request, "view")
    page, pages = window.page, Paginator(selectors.people(window.q), window.page_size)
    found = pages.get_page(page) if page <= pages.num_pages else []
    items = [_line(one) for one in found]
    return {"people": items, "count": pages.count, "page": page, "pages": pages.num_pages}


@router.post("/people", response={201: PersonOut}, summary="Make an account")
def make(request: HttpRequest, said: PersonIn, response: HttpResponse) -> Status[dict[str, Any]]:
    """It has no password; have its owner set one by ``/people/{username}/password-link``."""
    by = _administrator(request, "add")
    user = services.make_account(by=by, username=said.username, **_said(said))
    response["Location"] = f"{settings.BASE_URL}/api/v1/people/{user.username}"
    return Status(201, _line(user))


@router.get("/people/{username}", response=PersonOut, summary="Read an account")
def read(request: HttpRequest, username: str) -> dict[str, Any]:
    """For administrators."""
    _administrator(request, "view")
    return _line(_found(username))


@router.patch("/people/{username}", response=PersonOut, summary="Change an account")
def change(request: HttpRequest, username: str, said: PersonChangeIn) -> dict[str, Any]:
    """Change what you send; one that is not active is nobody, on pages and by phone."""
    by = _administrator(request, "change")
    user = _found(username)
    services.change_account(by=by, user=user, **_said(said))
    return _line(user)


@router.delete("/people/{username}", response={204: None}, summary="Delete an account")
def delete(request: HttpRequest, username: str) -> Status[None]:
    """What he booked is called off, and histories of others keep no name of his."""
    by = _administrator(request, "change")
    services.delete_person(user=_found(username), by=by)
    return Status(204, None)


@router.post(
    "/people/{username}/password-link",
    response={201: PasswordLinkOut},
    summary="Let somebody set a password",
)
def password_link(request: HttpRequest, username: str) -> Status[dict[str, Any]]:
    """A link to pass on; it is good once, within a day."""
    by = _administrator(request, "change")
    link = services.password_link(user=_found(username), by=by)
    return Status(201, {"url": selectors.link_url(link), "expires_at": link.expires_at})


def _invitation(row: AccountLink) -> dict[str, Any]:
    shown = {} if settings.MAIL_GOES_OUT else {"url": selectors.link_url(row)}
    names = ("email", "may_book", "created_at", "expires_at", "state")
    by = row.by.username if row.by else ""
    return {"id": row.pk, "by": by, **{name: getattr(row, name) for name in names}, **shown}


def _inviter(request: HttpRequest) -> User:
    user = _person(request)
    if not services.may_invite(user):
        raise Refused(policy.Refusal.NOT_ALLOWED)
    return user


@router.get(
    "/invitations", response=InvitationsOut, exclude_unset=True, summary="Who is invited to join"
)
def invitations(request: HttpRequest) -> dict[str, Any]:
    """Open invitations to have an account: yours; administrators read everybody's."""
    rows = selectors.open_invitations(_inviter(request), now=timezone.now())
    return {"invitations": [_invitation(one) for one in rows]}


@router.post(
    "/invitations",
    response={201: InvitationOut},
    exclude_unset=True,
    summary="Invite somebody to have an account",
)
def invite(request: HttpRequest, said: InvitationIn) -> Status[dict[str, Any]]:
    """A link goes out by mail; where no mails go out, it is in the answer."""
    user = _inviter(request)
    return Status(201, _invitation(services.invite_person(by=user, **said.model_dump())))


@router.delete("/invitations/{invitation}", response={204: None}, summary="Withdraw an invitation")
def withdraw(request: HttpRequest, invitation: int) -> Status[None]:
    """Its link opens nothing any more."""
    services.withdraw_invitation(by=_inviter(request), link=invitation)
    return Status(204, None)
