"""Who has to wait, and who is known where."""

from __future__ import annotations

import datetime
import math

from django.db.models import Max, Q

from conferences import attempts
from conferences.attempts import Held, Notes
from conferences.models import Door, HeldOff, KnownSource

#: How many accounts' sources, and tallies, a gateway takes up again as it starts.
MOST_RESTORED = 20_000


def attempt_waits(*, door: Door, source: str, account: str = "", now: datetime.datetime) -> int:
    """Whole seconds until an attempt is looked at; 0 for at once.

    Where the account is known to sign in from, only what was mistyped there counts.
    """
    source, account = attempts.source_of(source), attempts.account_key(account)
    who = Q(source=source, account=account)
    known = KnownSource.objects.filter(source=source, account=account)
    if not (account and known.exists()):
        who |= Q(source=source, account="") | (Q(source="", account=account) if account else Q())
    until = HeldOff.objects.filter(who, door=door).aggregate(Max("until"))["until__max"]
    return max(0, math.ceil((until - now).total_seconds())) if until else 0


def standing_attempts(*, now: datetime.datetime) -> Notes:
    """What a gateway has to know of phones as it starts."""
    known = KnownSource.objects.order_by("-last_at")[:MOST_RESTORED]
    return Notes(
        _waiting(Door.SIP, now),
        tuple(Held(*pair) for pair in known.values_list("source", "account")),
        _waiting(Door.SEARCH, now),
    )


def _waiting(door: Door, now: datetime.datetime) -> tuple[attempts.HeldOff, ...]:
    rows = HeldOff.objects.filter(door=door, until__gt=now)[:MOST_RESTORED]
    return tuple(attempts.HeldOff(Held(row.source, row.account), row.tally) for row in rows)


def lifted_attempts(*, since: datetime.datetime) -> list[tuple[Held, float]]:
    """Which phones' attempts were forgiven since then, and when."""
    rows = HeldOff.objects.filter(door__in=(Door.SIP, Door.SEARCH), lifted_at__gte=since)
    return [
        (Held(row.source, row.account), row.lifted_at.timestamp()) for row in rows if row.lifted_at
    ]
