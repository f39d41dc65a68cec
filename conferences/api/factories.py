"""Factories: addresses that make a conference of whoever calls them (RFC 4579 5.4)."""

from __future__ import annotations

from typing import Any, Literal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from pydantic import Field, StrictBool, StrictInt

from conferences import policy, selectors, services
from conferences.api import access
from conferences.api.schemas.common import Strict
from conferences.models import FACTORY, Factory, User
from conferences.policy import Admission, CreatorDeparts, WaitingRoom
from conferences.services import Refused

router = Router(tags=["Factories"])

Mode = Literal["answer", "redirect"]
WhenTwoAreLeft = Literal["stay", "back", "call"]


class FactoryChangeIn(Strict):
    """A factory, all of which may be left out when it is changed."""

    title: str = Field(
        "",
        max_length=200,
        description="Of what it makes; {creator} is whoever calls. Empty: the usual one.",
    )
    mode: Mode = Field("answer", description="It answers, or sends on by a 302.")
    admission: Admission = Admission.SIGNED_IN
    waiting_room: WaitingRoom = WaitingRoom.NONE
    for_organizers: StrictBool = Field(
        False, description="Else everybody who can sign in may call it."
    )
    pin: str = ""
    max_participants: StrictInt | None = Field(None, ge=1, le=100_000)
    lasts_minutes: StrictInt = Field(1440, ge=5, le=10_080, description="Over at the latest after.")
    creator_departs: CreatorDeparts = CreatorDeparts.END
    two_left: WhenTwoAreLeft = Field(
        "stay",
        description="When two are left it stays, they go on in a call, or (back) they do where "
        "it was a call before.",
    )
    participants_may_add: StrictBool = False
    active: StrictBool = True


class FactoryIn(FactoryChangeIn):
    """A new factory."""

    id: str = Field("", description="A name of your choice; else random digits.")


class FactoryOut(Schema):
    """A factory; `pin` only for those who may change it."""

    id: str
    uri: str
    owner: str | None = Field(description="Whose it is; null: the administrators'.")
    standard: bool = Field(description="The one that there always is.")
    title: str
    mode: Mode
    admission: Admission
    waiting_room: WaitingRoom
    for_organizers: bool
    pin_required: bool
    pin: str | None = None
    max_participants: int | None
    lasts_minutes: int
    creator_departs: CreatorDeparts
    two_left: WhenTwoAreLeft
    participants_may_add: bool
    active: bool


class FactoriesOut(Schema):
    """All factories, the one that there always is first."""

    factories: list[FactoryOut]


def _person(request: HttpRequest) -> User:
    """The caller, who books or administers."""
    user = access.caller(request).user
    if user is None or not services.may_have_factories(user):
        raise Refused(policy.Refusal.NOT_ALLOWED)
    return user


def _found(name: str) -> Factory:
    found = next((one for one in selectors.factories() if one.name == name.lower()), None)
    if found is None:
        raise Http404(f"There is no factory {name!r}.")
    return found


def _mine(request: HttpRequest, name: str) -> Factory:
    user, found = _person(request), _found(name)
    if not services.may_keep_factory(user, found):
        raise Refused(policy.Refusal.NOT_ALLOWED)
    return found


_SHOWN = (
    "title",
    "mode",
    "admission",
    "waiting_room",
    "for_organizers",
    "max_participants",
    "lasts_minutes",
    "creator_departs",
    "two_left",
    "participants_may_add",
    "active",
)


def _line(row: Factory, user: User) -> dict[str, Any]:
    return {
        "id": row.name,
        "uri": selectors.aor(row.name),
        "owner": row.owner.username if row.owner else None,
        "standard": row.name == FACTORY,
        "pin_required": bool(row.pin),
        **{name: getattr(row, name) for name in _SHOWN},
        **({"pin": row.pin} if services.may_keep_factory(user, row) else {}),
    }


@router.get("/factories", response=FactoriesOut, exclude_unset=True, summary="List the factories")
def listed(request: HttpRequest) -> dict[str, Any]:
    """All that there are, for those who book; each says whose it is."""
    user = _person(request)
    return {"factories": [_line(one, user) for one in selectors.factories()]}


@router.post("/factories", response={201: FactoryOut}, exclude_unset=True, summary="Make a factory")
def make(request: HttpRequest, said: FactoryIn, response: HttpResponse) -> Status[dict[str, Any]]:
    """Whoever calls its address makes a conference from now on."""
    user = _person(request)
    if said.id and not services.may_name_factory(user):
        raise ValidationError({"name": _("Names cannot be chosen here; leave it out.")})
    factory = Factory(name=said.id, owner=None if user.is_staff else user)
    kept = services.keep_factory(factory=_applied(factory, said))
    response["Location"] = f"{settings.BASE_URL}/api/v1/factories/{kept.name}"
    return Status(201, _line(kept, user))


@router.get(
    "/factories/{factory}", response=FactoryOut, exclude_unset=True, summary="Read a factory"
)
def read(request: HttpRequest, factory: str) -> dict[str, Any]:
    """What becomes of a call to it."""
    user = _person(request)
    return _line(_found(factory), user)


@router.patch(
    "/factories/{factory}", response=FactoryOut, exclude_unset=True, summary="Change a factory"
)
def change(request: HttpRequest, factory: str, said: FactoryChangeIn) -> dict[str, Any]:
    """Change what you send; what it has made stays as it is. For its owner and administrators."""
    row = _mine(request, factory)
    return _line(services.keep_factory(factory=_applied(row, said)), _person(request))


def _applied(factory: Factory, said: FactoryChangeIn) -> Factory:
    for name, value in said.model_dump(exclude_unset=True, exclude={"id"}).items():
        setattr(factory, name, value)
    factory.title = factory.title.strip() or str(Factory._meta.get_field("title").get_default())
    return factory


@router.delete("/factories/{factory}", response={204: None}, summary="Delete a factory")
def delete(request: HttpRequest, factory: str) -> Status[None]:
    """Nobody is answered there any more. The one that there always is can be switched off."""
    services.delete_factory(factory=_mine(request, factory))
    return Status(204, None)
