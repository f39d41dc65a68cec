"""Many who want the same ports at the same moment; run by `bench.booking`, never by hand.

``python -m bench.contenders ATTEMPTS THREADS`` with `DATA_DIR` or `DATABASE_URL`
of a database made for it. Prints one line of JSON.
"""

from __future__ import annotations

import datetime
import json
import os
import random
import sys
import threading
from collections import Counter

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

# Models exist once Django is set up.
from django.core.exceptions import ValidationError  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError, connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from conferences import ledger, selectors, services  # noqa: E402
from conferences.models import Conference, Kind, Ledger, User  # noqa: E402

PORTS = 40
QUOTA = 25
ORGANIZERS = 4
DAYS = 10
#: Seconds after which somebody who waits for the others to be ready gives up.
READY_WITHIN = 60.0


class Contender(threading.Thread):
    """Books, moves, resizes and cancels at one of a few times that everybody wants."""

    def __init__(self, seed: int, attempts: int, organizer: User, start: threading.Barrier) -> None:
        super().__init__()
        self.outcomes: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._attempts = attempts
        self._organizer = organizer
        self._start = start
        self._mine: list[Conference] = []

    def run(self) -> None:
        """Every attempt is booked, refused, or failed, which it never should."""
        self._start.wait(READY_WITHIN)
        for _ in range(self._attempts):
            try:
                self.outcomes[self._attempt()] += 1
            except ValidationError:
                self.outcomes["refused"] += 1
            except services.Refused:
                self.outcomes["refused"] += 1
            except DatabaseError as error:
                self.outcomes[f"failed: {error}"] += 1
        connection.close()

    def _attempt(self) -> str:
        kind = self._random.random()
        if self._mine and kind < 0.15:
            services.cancel(conference=self._mine.pop(), actor="bench")
            return "cancelled"
        if self._mine and kind < 0.3:
            row = self._random.choice(self._mine)
            services.change(conference=row, actor="bench", max_participants=self._size())
            return "changed"
        if kind < 0.35:
            services.create_adhoc(
                creator=selectors.identity_of_user(self._organizer), max_participants=self._size()
            )
            return "booked"
        row = services.book(
            organizer=self._organizer,
            title="Contended",
            starts_at=self._when(),
            duration_minutes=self._random.choice((15, 30, 60)),
            grace_minutes=self._random.choice((0, 5)),
            max_participants=self._size(),
            rrule=self._random.choice(("", "", "FREQ=DAILY;COUNT=3")),
        )
        self._mine.append(row)
        return "booked"

    def _size(self) -> int:
        return self._random.randint(1, 12)

    def _when(self) -> datetime.datetime:
        tomorrow = timezone.now().replace(minute=0, second=0, microsecond=0)
        return tomorrow + datetime.timedelta(
            days=1, minutes=15 * self._random.randint(0, 8 if self._random.random() < 0.5 else 200)
        )


def most_sold() -> int:
    """The most ports of any moment, counted from the bookings and not from the ledger."""
    now = timezone.now()
    horizon = now + datetime.timedelta(days=DAYS)
    taken = []
    for row in Conference.objects.filter(cancelled_at__isnull=True):
        assert row.closes_at is not None, "whatever a contender makes has an end"
        spans = [ledger.Span(now.timestamp(), row.closes_at.timestamp())]
        if row.kind == Kind.BOOKED:
            grace = datetime.timedelta(minutes=row.grace_minutes)
            spans = [
                ledger.Span(one.starts_at.timestamp(), (one.ends_at + grace).timestamp())
                for one in selectors.occurrences(row, since=now, until=horizon)
            ]
        assert row.max_participants is not None, "every contender says so"
        taken += [ledger.Taken(span, row.max_participants) for span in spans]
    return ledger.Load(taken).peak(ledger.Span(0.0))


def main() -> None:
    """See the module."""
    attempts, threads = int(sys.argv[1]), int(sys.argv[2])
    call_command("migrate", verbosity=0)
    Ledger.objects.update_or_create(pk=Ledger.ONLY, defaults={"ports": PORTS})
    organizers = [
        services.create_user(username=f"organizer-{number}", password="", is_organizer=True)
        for number in range(ORGANIZERS)
    ]
    User.objects.filter(username="organizer-0").update(ports_quota=QUOTA)
    start = threading.Barrier(threads + 1)
    contenders = [
        Contender(number, -(-attempts // threads), organizers[number % ORGANIZERS], start)
        for number in range(threads)
    ]
    for one in contenders:
        one.start()
    start.wait(READY_WITHIN)
    began = timezone.now()
    for one in contenders:
        one.join()
    seconds = (timezone.now() - began).total_seconds()
    outcomes = sum((one.outcomes for one in contenders), Counter[str]())
    told = {
        "database": connection.vendor,
        "attempts": sum(outcomes.values()),
        "seconds": round(seconds, 2),
        "ports": PORTS,
        "most_sold": most_sold(),
        **outcomes,
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
