"""Delegates: somebody lets somebody else book for her, and takes that back."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock
from django.utils.translation import gettext as _

from conferences import notices, policy
from conferences.models import Delegation, Lease, User
from conferences.services.refused import Refused

#: Delegates of one organizer.
MOST = 50


@transaction.atomic
def make_delegate(*, owner: User, username: str, everything: bool = False) -> Delegation:
    """Let the person of that user name book for `owner`; said again, it changes what for.

    Raises `Refused` where the owner may not book, `ValidationError` about ``username``.
    """
    if not owner.is_organizer:
        raise Refused(policy.Refusal.NOT_ALLOWED)
    person = User.objects.filter(username=username.strip().lower(), is_active=True).first()
    if person is None:
        raise ValidationError({"username": _("Nobody here has this user name.")})
    if person == owner:
        raise ValidationError({"username": _("You may book for yourself already.")})
    others = owner.delegations.exclude(delegate=person)
    if others.count() >= MOST:
        words = _("You have %(count)s delegates already; that is the most.") % {"count": MOST}
        raise ValidationError({"username": words})
    row, _new = Delegation.objects.update_or_create(
        owner=owner, delegate=person, defaults={"everything": everything}
    )
    _tell(owner)
    return row


@transaction.atomic
def dismiss_delegate(*, owner: User, username: str) -> None:
    """He books for her no more, and commands nothing of hers. Raises `Refused`."""
    rows = owner.delegations.filter(delegate__username=username.strip().lower())
    if not rows.delete()[0]:
        raise Refused(policy.Refusal.UNKNOWN)
    _tell(owner)


def _tell(owner: User) -> None:
    """What goes on now looks again at who commands it."""
    live = Lease.objects.filter(conference__organizer=owner, expires_at__gt=clock.now())
    for pk in live.values_list("conference_id", flat=True):
        notices.conference_changed(pk)
