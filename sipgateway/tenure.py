"""Which conferences this process serves: leases, taken, kept, given back, and taken over.

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
from typing import Any

from conferences import selectors, services
from conferences.phonebook import Entry
from conferences.policy import ConferenceId
from sipgateway.focus.actions import KeepCall
from sipgateway.focus.events import (
    CallInherited,
    CallLost,
    ConferenceChanged,
    ConferenceInherited,
    ConferenceLoaded,
    FocusEvent,
    LeaseLost,
    SetupAnswered,
)

LOG = logging.getLogger(__name__)

LEASE = 9.0
"""Seconds that a conference stays ours without renewal: three renewals may be missed, and
whoever takes over has looked, and called all phones, within 15 s."""
AT_ONCE = 20
"""Conferences that one process takes over in a turn, so that others get their share."""


class Tenure:
    """See the module. `owner` is what this process is called: ``host:name``, or one word."""

    def __init__(self, owner: str, *, shared: bool) -> None:
        self.owner = owner
        self.shared = shared

    def settled(self, answer: FocusEvent | None) -> list[FocusEvent]:
        """An answer about a conference, once it is clear who serves that from now on.

        Where that was a process which is gone, what it left comes before.
        """
        if answer is None or not self.shared:
            return [answer] if answer is not None else []
        if isinstance(answer, ConferenceLoaded) and answer.snapshot and not answer.vacant:
            other, inherited = self._take(answer.snapshot.id)
            return [*inherited, replace(answer, owner=other)]
        if isinstance(answer, SetupAnswered):
            self._take(answer.snapshot.id)
        if isinstance(answer, ConferenceChanged) and answer.snapshot.calls:
            other, inherited = self._take(answer.snapshot.id)
            return [] if other else [*inherited, answer]
        return [answer]

    def take_over(self) -> list[FocusEvent]:
        """The conferences whose owner has not renewed them, some at a time: now they are ours."""
        if not self.shared:
            return []
        found: list[FocusEvent] = []
        now = datetime.datetime.now(tz=datetime.UTC)
        for conference in selectors.orphans(now=now)[:AT_ONCE]:
            found += self._take(conference)[1]
        for before, group in selectors.orphaned_calls(now=now)[:AT_ONCE]:
            if services.take_call(group=group, before=before, owner=self.owner):
                left = tuple(selectors.standing_calls(group))
                LOG.warning("call %s is taken over from %s", group, before)
                found.append(CallInherited(group, left, _name(before)))
        return found

    def keep_call(self, call: KeepCall) -> None:
        """Write down a leg that lives here."""
        services.keep_call(
            owner=self.owner, group=call.group, key=call.key, what=call.what, at=call.at
        )

    def renew_calls(self, groups: Collection[str]) -> list[FocusEvent]:
        """Say that we are there for the calls that live here; some may be lost by now."""
        if not self.shared:
            return []
        services.renew_gateway(owner=self.owner, until=time.time() + LEASE)
        lost = selectors.calls_elsewhere(groups, self.owner) if groups else []
        return [CallLost(group) for group in lost]

    def _take(self, conference: ConferenceId) -> tuple[str, list[FocusEvent]]:
        """Take the lease of a conference.

        Gives its owner where that is another process, and what an owner left who is gone.
        """
        now, before = time.time(), selectors.owner_of(conference)
        if not services.take_lease(
            conference=conference, owner=self.owner, until=now + LEASE, now=now
        ):
            return _name(selectors.owner_of(conference)), []
        if before in ("", self.owner):
            return "", []
        inherited = self._inherit(conference, before, now)
        return "", [] if inherited is None else [inherited]

    def _inherit(
        self, conference: ConferenceId, before: str, now: float
    ) -> ConferenceInherited | None:
        left = tuple(
            (_with_outcome(what), at) for what, at in selectors.standing_dialogs(conference)
        )
        present = [key for what, _ in left if (key := what.get("participant"))]
        services.take_roster_over(conference=conference, present=present, at=now)
        snapshot = selectors.snapshot(conference)
        if snapshot is None or not left:
            return None
        LOG.warning("conference %s is taken over from %s", conference, before)
        version = selectors.roster_version(conference)
        return ConferenceInherited(snapshot, left, version, _name(before))

    def occupied(self, conference: ConferenceId) -> None:
        """Somebody is coming in."""
        now = time.time()
        if not services.take_lease(
            conference=conference, owner=self.owner, until=now + LEASE, now=now
        ):
            LOG.error("conference %s is served by another process as well", conference)

    def emptied(self, conference: ConferenceId) -> None:
        """Nobody is in; those who watch keep it here where others could serve it."""
        released_by = "" if self.shared else self.owner
        services.room_emptied(conference=conference, released_by=released_by)

    def released(self, conference: ConferenceId) -> None:
        """Nothing is left of it here."""
        services.release_lease(conference=conference, owner=self.owner)

    def hand_over(self) -> None:
        """Give all conferences back as if they had not been renewed: others go on with them."""
        services.expire_leases(owner=self.owner, at=time.time())
        services.renew_gateway(owner=self.owner, until=time.time())

    def renew(self, conferences: Collection[ConferenceId]) -> list[FocusEvent]:
        """Keep the leases of the conferences that are live here; some may be lost by now."""
        held = services.renew_leases(
            owner=self.owner, conferences=conferences, until=time.time() + LEASE
        )
        lost = set(conferences) - held if self.shared else set()
        return [LeaseLost(conference) for conference in sorted(lost)]

    def phones_elsewhere(self, aor: str) -> tuple[tuple[str, Entry], ...]:
        """The phones of a person that other processes hold, each with that process's name."""
        now = datetime.datetime.now(tz=datetime.UTC)
        found = selectors.registrations_of(aor, now=now)
        return tuple((_name(by), entry) for by, entry in found if by not in ("", self.owner))

    def owner_of_call(self, call_id: str) -> str:
        """The process that has the dialogs of a Call-ID, if that is written down; else ""."""
        return _name(selectors.owner_of_call(call_id))

    def begin(self) -> None:
        """Close what an earlier life of this process left, where no other may take it over."""
        if not self.shared:
            services.close_stale_rosters(owner=self.owner, at=time.time())


def _name(owner: str) -> str:
    """The name by which processes know each other, out of what a row says."""
    return owner.rpartition(":")[2]


def _with_outcome(what: dict[str, Any]) -> dict[str, Any]:
    """What came of the order that a REFER asked for, where that is over (`standing`)."""
    order = what.get("order")
    outcome = selectors.order_outcome(order) if order else None
    return what if outcome is None else {**what, "outcome": outcome}
