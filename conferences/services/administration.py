"""Accounts as administrators have them: made, changed, switched off.

What the back office asks of whoever does it is asked here, too: the right by Django's
permissions, and nobody reaches above himself.
"""

from __future__ import annotations

from typing import TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from conferences import policy, wording
from conferences.models import User
from conferences.services import accounts, people
from conferences.services.refused import Refused


class AccountTerms(TypedDict, total=False):
    """What administrators say of an account."""

    display_name: str
    email: str
    timezone: str
    is_organizer: bool
    is_gateway: bool
    is_active: bool
    ports_quota: int | None


def may_administer(by: User, verb: str, user: User | None = None) -> bool:
    """Whether `by` may "view", "add" or "change" accounts, and that of `user`."""
    above = verb != "view" and user is not None and user.is_superuser and not by.is_superuser
    return by.is_staff and not above and by.has_perm(f"conferences.{verb}_user")


@transaction.atomic
def make_account(*, by: User, username: str, **said: Unpack[AccountTerms]) -> User:
    """An account without a password; `password_link` lets its owner set one.

    Raises `Refused`, and `ValidationError` by field.
    """
    if not may_administer(by, "add"):
        raise Refused(policy.Refusal.NOT_ALLOWED)
    user = people.create_user(username=username, password=None)
    _apply(user, said)
    return user


@transaction.atomic
def change_account(*, by: User, user: User, **said: Unpack[AccountTerms]) -> None:
    """What is not said stays. Raises `Refused`, and `ValidationError` by field."""
    if not may_administer(by, "change", user):
        raise Refused(policy.Refusal.NOT_ALLOWED)
    if user == by and said.get("is_active") is False:
        raise ValidationError({"is_active": _("You cannot switch yourself off.")})
    _apply(user, said)


def _apply(user: User, said: AccountTerms) -> None:
    _check(said)
    for name, value in said.items():
        setattr(user, name, value)
    user.save(update_fields=list(said))
    if "email" in said:
        # As in the back office: administrators know their people.
        accounts.address_verified(user)
    if said.get("is_active") is False:
        people.withdraw_phone_credentials(user)


def _check(said: AccountTerms) -> None:
    wrong: dict[str, str] = {}
    if "display_name" in said:
        try:
            said["display_name"] = wording.person(said["display_name"])
        except ValidationError as error:
            wrong["display_name"] = " ".join(error.messages)
    if "timezone" in said:
        try:
            said["timezone"] = wording.zone(said["timezone"])
        except ValidationError as error:
            wrong["timezone"] = " ".join(error.messages)
    if said.get("email"):
        try:
            validate_email(said["email"])
        except ValidationError as error:
            wrong["email"] = " ".join(error.messages)
    if wrong:
        raise ValidationError(wrong)
