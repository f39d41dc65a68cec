"""Wrong passwords: counted, slowed, shown, lifted (`conferences.attempts` has the rules).

Whether the account exists is never looked at, so nothing can be told from what
is refused.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.utils import timezone as clock

from conferences import attempts, notices, selectors
from conferences.attempts import ACCOUNT, PAIR, SOURCE, Held, Rule, Tally
from conferences.models import Door, HeldOff, KnownSource

#: Rows of one door beyond which no new ones are made: an attack shows its first ones.
MOST_ROWS = 20_000
#: How long tallies that have run out, and sources that were not heard of, are kept.
KEEP_SOURCES = datetime.timedelta(days=180)


class TooManyAttempts(Exception):
    """An attempt is not looked at; `wait` is in seconds, at least one."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"too many wrong attempts; the next one is looked at in {wait} s")
        self.wait = wait


def may_try(*, door: Door, source: str, account: str = "", now: datetime.datetime) -> None:
    """Raises `TooManyAttempts` where an attempt of `source` at `account` is not looked at."""
    wait = selectors.attempt_waits(door=door, source=source, account=account, now=now)
    if wait > 0:
        raise TooManyAttempts(wait)


@transaction.atomic
def attempt_failed(*, door: Door, source: str, account: str = "", now: datetime.datetime) -> None:
    """A wrong password or token. Without an account the source alone is counted."""
    source, account = attempts.source_of(source), attempts.account_key(account)
    residents = KnownSource.objects.filter(source=source)[: attempts.MOST_BUDGET].count()
    budget = attempts.budget_of(residents)
    _count(door, Held(source, ""), SOURCE, now, budget=budget)
    if not account:
        return
    _count(door, Held(source, account), PAIR, now)
    if not KnownSource.objects.filter(source=source, account=account).exists():
        _count(door, Held("", account), ACCOUNT, now)


@transaction.atomic
def attempt_succeeded(*, door: Door, source: str, account: str, now: datetime.datetime) -> None:
    """The right password: what was mistyped there is forgotten, and the source is known."""
    source, account = attempts.source_of(source), attempts.account_key(account)
    HeldOff.objects.filter(door=door, source=source, account=account).delete()
    _know([Held(source, account)], now)


def _count(
    door: Door, who: Held, rule: Rule, now: datetime.datetime, *, budget: float = 0.0
) -> None:
    row = (
        HeldOff.objects.select_for_update()
        .filter(door=door, source=who.source, account=who.account)
        .first()
    )
    if row is None and HeldOff.objects.filter(door=door).count() >= MOST_ROWS:
        return
    before = row.tally if row is not None else Tally()
    _write(door, who, attempts.wrong_again(before, rule, now.timestamp(), budget=budget))


def _write(door: Door, who: Held, tally: Tally) -> None:
    HeldOff.objects.update_or_create(
        door=door,
        source=who.source,
        account=who.account,
        defaults={
            "wrong": tally.wrong,
            "since": _at(tally.since),
            "last_at": _at(tally.last),
            "until": _at(tally.until),
            "lifted_at": None,
        },
    )


def _know(pairs: Iterable[Held], now: datetime.datetime) -> None:
    rows = [KnownSource(account=one.account, source=one.source, last_at=now) for one in pairs]
    KnownSource.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["account", "source"],
        update_fields=["last_at"],
    )


@transaction.atomic
def write_attempts(notes: attempts.Notes, *, at: float) -> None:
    """What the gateway has counted since it last said so."""
    for door, held_off in ((Door.SIP, notes.held_off), (Door.SEARCH, notes.searching)):
        room = MOST_ROWS - HeldOff.objects.filter(door=door).count()
        for one in held_off[: max(0, room)]:
            _write(door, one.who, one.tally)
    _know(notes.known, _at(at))


def lift_attempts(*, rows: Iterable[HeldOff]) -> int:
    """Let these try again now; gives how many had to wait."""
    now = clock.now()
    keys = [row.pk for row in rows]
    lifted = HeldOff.objects.filter(pk__in=keys, lifted_at__isnull=True, until__gt=now).update(
        lifted_at=now, until=now, wrong=0
    )
    if lifted:
        notices.attempts_lifted()
    return lifted


def prune_attempts(*, now: datetime.datetime) -> None:
    """Forget what is long over."""
    HeldOff.objects.filter(last_at__lte=now - settings.ATTEMPTS_KEPT, until__lte=now).delete()
    KnownSource.objects.filter(last_at__lte=now - KEEP_SOURCES).delete()


def _at(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)
