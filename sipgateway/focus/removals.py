"""Removals: orders to let somebody go, and the REFERs that wait for them (RFC 4579 5.11)."""

from __future__ import annotations

from typing import Protocol

from conferences import policy
from conferences.policy import RemovalOrder, Snapshot
from sipgateway.focus import phrases
from sipgateway.focus.calls import Calls
from sipgateway.focus.facts import Fact, RemovalEnded
from sipgateway.focus.leg import Farewell, Leg
from sipgateway.focus.referral import Telling
from sipgateway.focus.roster import Departure


class Host(Protocol):
    """The conference that removes."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""

    def record(self, fact: Fact, now: float) -> None:
        """Write a fact down."""

    def name_of(self, entity: str, name: str = "") -> str:
        """What somebody is called in words for everybody."""


class Removals:
    """The removals of one conference; told twice, each is done once."""

    def __init__(self, host: Host, calls: Calls) -> None:
        self._host = host
        self._calls = calls
        self._going: dict[int, list[Leg]] = {}
        self._over: set[int] = set()
        self._told: dict[int, list[Telling]] = {}

    def follow(self, removal: int, told: Telling, now: float) -> None:
        """Tell a REFER how the removal of that id goes."""
        if removal in self._over:
            told.tell(200, now)
        else:
            self._told.setdefault(removal, []).append(told)

    def carry_out(self, order: RemovalOrder, now: float) -> None:
        """BYE to every phone of the participant, or say that he is not there."""
        if order.id in self._over or order.id in self._going:
            return
        legs = [leg for leg in self._calls if _meant(leg, order)]
        going = [leg for leg in legs if leg.present]
        if not going:
            self._end(order.id, "absent", 404, now)
            return
        # What only rings is called off, and nobody waits for that: he is not in by it.
        self._going[order.id] = [leg for leg in going if leg.joined] or list(going)
        for leg in going:
            self._calls.hang_up(leg, self._booted(order), now)

    def _words(self, order: RemovalOrder) -> str:
        """What he hears: by whom, where that one has said his name."""
        legs = () if order.anonymous else self._calls
        by = next((leg for leg in legs if leg.identity.uri == order.by and leg.named), None)
        names = ("removed",) if by is None else ("removed-by", f"@{by.id}")
        return phrases.script(self._host.snapshot.language, *names, "goodbye")

    def departed(self, leg: Leg, now: float) -> None:
        """A phone is gone; with the last one the removal is done."""
        removal = leg.farewell.removal
        going = self._going.get(removal) if removal is not None else None
        if removal is None or going is None or leg not in going:
            return
        going.remove(leg)
        if not going:
            del self._going[removal]
            self._end(removal, "removed", 200, now)

    def _end(self, removal: int, outcome: str, status: int, now: float) -> None:
        self._over.add(removal)
        self._host.record(RemovalEnded(removal, outcome), now)
        for told in self._told.pop(removal, []):
            told.tell(status, now)

    def _booted(self, order: RemovalOrder) -> Farewell:
        by = "a moderator" if order.anonymous else self._host.name_of(order.by, order.by_name)
        text = f"Removed by {by}"
        if order.reason:
            text += f": {order.reason}"
        if order.ban:
            text += ". You may not come back."
        return Farewell(
            Departure.BOOTED,
            by=policy.NOBODY if order.anonymous else order.by,
            reason=order.reason,
            status=403 if order.ban else 200,
            text=text,
            removal=order.id,
            words=self._words(order),
        )


def _meant(leg: Leg, order: RemovalOrder) -> bool:
    """Whether a leg is of who is to go, and of the one phone where one is named."""
    return leg.participant == order.participant and order.endpoint in ("", leg.entity)
