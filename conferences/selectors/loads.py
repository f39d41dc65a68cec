"""How much is planned when: the ledger of ports, as pages show it."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from conferences import ledger
from conferences.ledger import FOR_EVER, Load, Span, Taken
from conferences.models import Hold, Ledger, User
from conferences.selectors.quotas import Quota, quotas


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time: the most ports that are taken in it, by all and by one organizer."""

    starts_at: datetime.datetime
    ends_at: datetime.datetime
    ports: int
    mine: int


@dataclass(frozen=True, slots=True)
class Planned:
    """Stretches in a row, how many ports there are, and what the organizer may take of them."""

    stretches: list[Stretch]
    ports: int
    bookable: int
    quotas: list[Quota]


def load(user: User, marks: Sequence[datetime.datetime]) -> Planned:
    """What is planned in each stretch between one of `marks` and the next. Four queries."""
    only = Ledger.objects.filter(pk=Ledger.ONLY).first() or Ledger()
    first, last = marks[0].timestamp(), marks[-1].timestamp()
    pieces = Q(starts_at__gt=first - ledger.LONGEST_PIECE, starts_at__lt=last, ends_at__gt=first)
    holds = Hold.objects.filter(pieces | Q(ends_at__isnull=True, starts_at__lt=last))
    rows = list(holds.values_list("conference__organizer", "starts_at", "ends_at", "ports"))
    taken = [
        (whose, Taken(Span(begin, FOR_EVER if end is None else end), ports))
        for whose, begin, end, ports in rows
    ]
    everything = Load(one for _, one in taken)
    mine = Load(one for whose, one in taken if whose == user.pk)
    stretches = []
    for begin, end in itertools.pairwise(marks):
        span = Span(begin.timestamp(), end.timestamp())
        stretches.append(Stretch(begin, end, everything.peak(span), mine.peak(span)))
    return Planned(stretches, only.ports, only.bookable, quotas(user.pk))
