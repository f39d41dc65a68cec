"""Conference factories: made, changed and deleted. What they have made stays as it is."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from conferences.models import FACTORY, Factory, User
from conferences.services import names


def may_have_factories(user: User) -> bool:
    """Whether somebody may see them all, and have some of his own."""
    return user.is_organizer or user.is_staff


def may_keep_factory(user: User, factory: Factory) -> bool:
    """Whether that one is his to change and delete; those of nobody are the administrators'."""
    if not may_have_factories(user):
        return False
    return user.is_staff or (not factory._state.adding and factory.owner_id == user.pk)


def may_name_factory(user: User) -> bool:
    """Whether he chooses what a new one is called; else it gets a number."""
    return user.is_staff or settings.USER_CHOSEN_URIS != "off"


def keep_factory(*, factory: Factory) -> Factory:
    """Write a factory down, new or changed; one without a name gets a number to dial.

    Others dial its name, so that never changes. Raises `ValidationError` by field.
    """
    if factory._state.adding:
        factory.name = factory.name if factory.name == FACTORY else _name(factory.name)
    else:
        factory.name = Factory.objects.values_list("name", flat=True).get(pk=factory.pk)
    factory.full_clean(validate_unique=False)
    try:
        with transaction.atomic():
            factory.save()
    except IntegrityError as error:
        raise ValidationError({"name": _("This name is taken; choose another one.")}) from error
    return factory


def _name(said: str) -> str:
    try:
        return names.checked_conference_name(said) if said else names.generated_name()
    except ValidationError as error:
        raise ValidationError({"name": error.error_list}) from error


def delete_factory(*, factory: Factory) -> None:
    """Nobody is answered there any more. Raises `ValidationError` for the one there always is."""
    if factory.name == FACTORY:
        raise ValidationError(_("This one is always there; it can be switched off."))
    factory.delete()
