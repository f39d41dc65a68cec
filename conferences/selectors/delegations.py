"""Who may book for whom, and what he sees of it."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from conferences.models import Conference, Delegation, User


def delegations(owner: User) -> QuerySet[Delegation]:
    """Who may book for `owner`."""
    return owner.delegations.select_related("delegate")


def books_for(delegate: User) -> list[User]:
    """For whom `delegate` may book: those who may still book themselves."""
    rows = User.objects.filter(
        delegations__delegate=delegate, is_active=True, is_organizer=True
    ).order_by("username")
    return list(rows)


def may_book(user: User, organizer: User) -> bool:
    """Whether `user` may book as `organizer`: for himself, or as a delegate."""
    if user.pk == organizer.pk:
        return organizer.is_organizer
    return organizer.is_organizer and organizer.delegations.filter(delegate=user).exists()


def delegated_to(user: User) -> QuerySet[Conference, int]:
    """Primary keys of the conferences that are in the hands of `user` as a delegate."""
    given = Delegation.objects.filter(delegate=user)
    wide = Q(organizer__in=given.filter(everything=True).values("owner"))
    his = Q(organizer__in=given.values("owner"), booked_by=user)
    return Conference.objects.filter(wide | his).values_list("pk", flat=True)


def delegates_of(conference: Conference) -> list[str]:
    """User names of those who command it as delegates of its organizer. One query."""
    if conference.organizer_id is None:
        return []
    rows = Delegation.objects.filter(owner=conference.organizer_id, delegate__is_active=True)
    rows = rows.filter(Q(everything=True) | Q(delegate=conference.booked_by_id))
    return list(rows.values_list("delegate__username", flat=True))
