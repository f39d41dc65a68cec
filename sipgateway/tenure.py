"""Which conferences this process serves: leases, taken, kept and given back.

A conference has one owner at a time, by a row that is taken by a conditional
update, renewed, and lost by time. Everything here runs on the directory's
thread, in the order in which the focus asked, so that what is taken is ours
before the focus hears of it. With one process alone (`shared` is False) a
lease says no more than that the conference is occupied.
"""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Collection
from dataclasses import replace

from conferences import selectors, services
from conferences.phonebook import Entry
from conferences.policy import ConferenceId
from sipgateway.focus.events import (
    ConferenceChanged,
    ConferenceLoaded,
    FocusEvent,
    SetupAnswered,
)

LOG = logging.getLogger(__name__)

LEASE = 9.0
"""Seconds that a conference stays ours without renewal: three renewals may be missed, and
whoever takes over has looked, and called all phones, within 15 s."""


class Tenure:
    """See the module. `owner` is what this process is called: ``host:name``, or one word."""

    def __init__(self, owner: str, *, shared: bool) -> None:
        self.owner = owner
        self.shared = shared

    def settled(self, answer: FocusEvent | None) -> FocusEvent | None:
        """An answer about a conference, once it is clear who serves that from now on."""
        if not self.shared:
            return answer
        if isinstance(answer, ConferenceLoaded) and answer.snapshot is not None:
            return replace(answer, owner=self._other(answer.snapshot.id))
        if isinstance(answer, SetupAnswered):
            self._other(answer.snapshot.id)
        calls = isinstance(answer, ConferenceChanged) and bool(answer.snapshot.calls)
        if calls and isinstance(answer, ConferenceChanged) and self._other(answer.snapshot.id):
            return None
        return answer

    def _other(self, conference: ConferenceId) -> str:
        """Take the lease of a conference; gives its owner where that is another process."""
        now = time.time()
        if services.take_lease(conference=conference, owner=self.owner, until=now + LEASE, now=now):
            return ""
        return _name(selectors.owner_of(conference))

    def occupied(self, conference: ConferenceId) -> None:
        """Somebody is coming in."""
        if other := self._other(conference):
            LOG.error("conference %s is served by %s as well", conference, other)

    def emptied(self, conference: ConferenceId) -> None:
        """Nobody is in; those who watch keep it here where others could serve it."""
        services.room_emptied(conference=conference)
        if not self.shared:
            self.released(conference)

    def released(self, conference: ConferenceId) -> None:
        """Nothing is left of it here."""
        services.release_lease(conference=conference, owner=self.owner)

    def renew(self, conferences: Collection[ConferenceId]) -> None:
        """Keep the leases of the conferences that are live here."""
        services.renew_leases(owner=self.owner, conferences=conferences, until=time.time() + LEASE)

    def phones_elsewhere(self, aor: str) -> tuple[tuple[str, Entry], ...]:
        """The phones of a person that other processes hold, each with that process's name."""
        now = datetime.datetime.now(tz=datetime.UTC)
        found = selectors.registrations_of(aor, now=now)
        return tuple((_name(by), entry) for by, entry in found if by not in ("", self.owner))

    def begin(self) -> None:
        """Close what an earlier life of this process left, where no other may take it over."""
        if not self.shared:
            services.close_stale_rosters(owner=self.owner, at=time.time())


def _name(owner: str) -> str:
    """The name by which processes know each other, out of what a row says."""
    return owner.rpartition(":")[2]
