"""Calling out: an order to call somebody, its legs, and how it goes (RFC 4579 5.2, 5.5).

All phones of a person ring; the first answer wins and the others are
cancelled. Orders are keyed by their id and try, so being told twice calls once;
one that is not there any more was called off. A second order for somebody who rings
already joins the first. Where the conference has answers
confirmed by a key, a phone that is picked up has not won before it was pressed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from conferences import policy
from conferences.policy import CallOrder, Identity, Refusal, Snapshot
from sipgateway.focus import answers, diversion, failures, outside
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk, Phone, uri_of
from sipgateway.focus.diversion import Allowed, Diversions, Place
from sipgateway.focus.events import Answer, CallOutAsked
from sipgateway.focus.facts import CallProgressed, Fact
from sipgateway.focus.leg import Farewell, Leg
from sipgateway.focus.outside import Way
from sipgateway.focus.questions import AskCallOut
from sipgateway.focus.referral import Telling
from sipgateway.focus.ringing import (
    CALLED_OFF,
    FOR_NOBODY,
    Ringing,
    failure_of,
    is_plain,
    leg_to,
    wanted_of,
)
from sipgateway.focus.roster import Departure, Status
from sipgateway.media.engine import LegId
from sipgateway.sip import headers, message
from sipgateway.sip.uri import SipUri, Uri

NOT_CONFIRMED = "Not Confirmed"
IN_ALREADY = "Is In Already"
"""What is told of a call to somebody who is in: no phone of his rings."""
RINGS = 60.0
"""Seconds that a phone may ring: what a person waits; voicemail answers before."""


class Host(Protocol):
    """The conference that calls."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""

    def record(self, fact: Fact, now: float) -> None:
        """Write a fact down."""

    def is_in(self, entity: str) -> bool:
        """Whether somebody is in already, with whatever phone."""

    def is_full(self, entity: str) -> bool:
        """Whether there is no place for somebody who is not in yet."""

    def may_take(self, entity: str, now: float) -> bool:
        """Whether somebody who was not called himself may come in by another's call."""

    def shown(self, entity: str) -> str:
        """The address that everybody may read for that of somebody."""

    def dialing(self, leg: Leg, status: Status, now: float) -> None:
        """Show in the roster that a phone is being called."""


class _Diverted:
    """One order, as `diversion.Caller`."""

    def __init__(self, dialings: Dialings, dialing: Ringing) -> None:
        self._dialings = dialings
        self._dialing = dialing

    @property
    def seeks(self) -> bool:
        """See `diversion.Caller`."""
        return self._dialings.seeks(self._dialing)

    def may_reach(self, entity: str, now: float) -> bool:
        """See `diversion.Caller`."""
        return self._dialings.may_take(entity, now)

    def may_leave(self, entity: str, told: Allowed) -> None:
        """See `diversion.Caller`."""
        self._dialings.may_leave(self._dialing, entity, told)

    def ring_at(self, entity: str, phones: list[Phone], now: float, way: Way | None = None) -> None:
        """See `diversion.Caller`."""
        self._dialings.ring_at(self._dialing, entity, phones, now, way)

    def no_phones_at(self, uri: SipUri) -> None:
        """See `diversion.Caller`: a conference calls no other."""

    def search_ended(self, now: float) -> None:
        """See `diversion.Caller`."""
        self._dialings.settle(self._dialing, now)


class Dialings:
    """The calls out of one conference."""

    def __init__(self, desk: Desk, host: Host, calls: Calls) -> None:
        self._desk = desk
        self._host = host
        self._calls = calls
        self._running: dict[int, Ringing] = {}
        self._seen: set[tuple[int, int]] = set()
        self._waiting: dict[int, list[Telling]] = {}

    def __len__(self) -> int:
        return len(self._running)

    def _all(self) -> list[Ringing]:
        return list(dict.fromkeys(self._running.values()))

    def _runs(self, dialing: Ringing) -> bool:
        return dialing in self._running.values()

    def _over(self, dialing: Ringing) -> None:
        for number in dialing.orders:
            self._running.pop(number, None)

    def follow(self, call: int, told: Telling) -> None:
        """Tell a REFER how the call of that id goes."""
        dialing = self._running.get(call)
        (dialing.told if dialing else self._waiting).setdefault(call, []).append(told)

    def obey(self, orders: Iterable[CallOrder], now: float) -> None:
        """Carry out what is ordered, once, and nothing that is not ordered any more."""
        ordered = {order.id: order for order in orders}
        for dialing in self._all():
            gone = [number for number in dialing.orders if number not in ordered]
            if len(gone) == len(dialing.orders):
                self._call_off(dialing, CALLED_OFF, now)
            else:
                for number in gone:
                    self._leave(dialing, number, now)
        for order in ordered.values():
            if (order.id, order.attempt) not in self._seen:
                self._seen.add((order.id, order.attempt))
                if not self._join(order, now):
                    self._place(order, now)

    def _join(self, order: CallOrder, now: float) -> bool:
        """Whether he rings already by another order that is as good: then it is for this, too."""
        alike = (one for one in self._all() if is_plain(one.order) and is_plain(order))
        place, secure = self._place_of(order)[0], order.secure
        known = (
            one
            for one in alike
            if self._place_of(one.order)[0] == place and one.order.secure == secure
        )
        dialing = next(known, None)
        if dialing is None:
            return False
        self._running[order.id] = dialing
        dialing.orders[order.id] = order
        dialing.told[order.id] = self._waiting.pop(order.id, [])
        self._host.record(CallProgressed(order.id, "calling"), now)
        if dialing.progress:
            for told in dialing.told[order.id]:
                told.tell(dialing.progress, now)
        return True

    def _leave(self, dialing: Ringing, number: int, now: float) -> None:
        """One of several orders was called off; he rings on for the others."""
        del self._running[number], dialing.orders[number]
        self._host.record(CallProgressed(number, "failed", 487, CALLED_OFF.text), now)
        for told in dialing.told.pop(number, []):
            told.tell(487, now, CALLED_OFF.text)

    def left_alone(self, now: float) -> None:
        """All others have gone: who rings on demand would come to nobody.

        Not where he was booked to be called, goes on with a call of his own, or the
        conference is a standing room.
        """
        if self._host.snapshot.closes_at is None:
            return
        legs = [leg for dialing in self._all() for leg in dialing.legs]
        ringing = {leg.id for leg in legs if not leg.joined}
        if any(leg.present and leg.id not in ringing for leg in self._calls):
            return
        for dialing in self._all():
            if not any(one.booked or not is_plain(one) for one in dialing.orders.values()):
                self._call_off(dialing, FOR_NOBODY, now)

    def _call_off(self, dialing: Ringing, bye: Farewell, now: float) -> None:
        for leg in list(dialing.legs):
            self._calls.hang_up(leg, bye, now)
        if self._runs(dialing) and not dialing.legs:  # no way was found yet
            self._fail(dialing, bye.status, bye.reason or bye.text, now)

    def _place(self, order: CallOrder, now: float) -> None:
        dialing = Ringing({order.id: order}, told={order.id: self._waiting.pop(order.id, [])})
        self._running[order.id] = dialing
        if is_plain(order):
            place = self._place_of(order)
            caller = _Diverted(self, dialing)
            dialing.diversions = Diversions(self._desk, caller, place, secure=order.secure)
        outsider = outside.read(self._desk.domain, order.uri)
        if outsider is not None:
            self._place_outside(dialing, outsider, now)
            return
        aor = self._desk.domain.uri(uri_of(order.uri).name.lower()).aor
        if self._is_settled(dialing, aor, now):
            return
        phone = headers.sip_uri_of(headers.parse_name_addr(order.phone)) if order.phone else None
        instance = phone.param("gr") if phone is not None else None

        def found(phones: list[Phone], then: float) -> None:
            if not self._runs(dialing):
                return  # it was called off meanwhile
            wanted = wanted_of(order, phones, None if instance else phone)
            if not wanted:
                reason = "No Phone Is Registered" + (" Over TLS" if order.secure else "")
                self._fail(dialing, 480, reason, then)
            else:
                self._ring(dialing, [self._leg(order, aor, phone) for phone in wanted], then)

        self._desk.find(aor, found, now, instance=instance or "")

    def _is_settled(self, dialing: Ringing, entity: str, now: float) -> bool:
        """Whether there is nobody to be called: he is in already, or there is no place."""
        order = dialing.order
        elsewhere = order.takes_over or bool(order.replaces)
        if not elsewhere and self._host.is_in(entity):
            self._done(dialing, now, reason=IN_ALREADY)
            return True
        if entity in self._host.snapshot.banned:
            status, phrase, _ = answers.REFUSALS[Refusal.BANNED]
            self._fail(dialing, status, phrase, now)
            return True
        if self._host.is_full(entity):
            self._fail(dialing, 486, "Conference Is Full", now)
            return True
        return False

    def _place_outside(self, dialing: Ringing, uri: Uri, now: float) -> None:
        """To a telephone number, or to somebody at another domain."""
        order, entity = dialing.order, outside.canonical(uri)
        if self._is_settled(dialing, entity, now):
            return

        def found(way: Way | None, then: float) -> None:
            if not self._runs(dialing):
                return  # the conference has ended meanwhile
            flow = way.next_flow() if way is not None else None
            if way is None or flow is None:
                self._fail(dialing, 480, "No Way Leads There", then)
                return
            leg = self._leg(order, entity, Phone(str(way.target), flow, way.routes))
            leg.way = way
            self._ring(dialing, [leg], then)

        outside.find(self._desk, uri, found)

    def _leg(self, order: CallOrder, entity: str, phone: Phone) -> Leg:
        shown = policy.NOBODY if order.anonymous else self._host.shown(order.by)
        return leg_to(phone, order, entity, LegId(self._desk.tokens.opaque()), by=shown)

    def _ring(self, dialing: Ringing, legs: list[Leg], now: float) -> None:
        for number in dialing.orders:
            self._host.record(CallProgressed(number, "calling"), now)
        for leg in legs:
            dialing.legs.append(leg)
            self._host.dialing(leg, Status.DIALING_OUT, now)
            self._calls.dial_out(leg)
        self._desk.later(now + RINGS, lambda then: self._no_answer(dialing, then))

    def end(self, now: float) -> None:
        """The conference is over: who is not even ringing yet is not called."""
        for dialing in self._all():
            if not dialing.legs:
                self._call_off(dialing, CALLED_OFF, now)

    def ringing(self, leg: Leg, status: int, now: float) -> None:
        """A phone rings."""
        dialing = self._of(leg)
        if dialing is None or status == 100:
            return
        self._host.dialing(leg, Status.ALERTING, now)
        dialing.tell(status, now)

    def confirming(self, leg: Leg, now: float) -> None:
        """A phone is picked up, and a key is to say that it is no machine."""
        if self._of(leg) is not None:
            self._host.dialing(leg, Status.PENDING, now)

    def answered(self, leg: Leg, now: float) -> None:
        """The first who answers wins; what he says in his answer is still to be agreed."""
        dialing = self._of(leg)
        if dialing is None:
            return
        dialing.won = leg
        elsewhere = Farewell(Departure.FAILED, status=200, text="Call completed elsewhere")
        for other in dialing.legs:
            if other is not leg:
                self._calls.hang_up(other, elsewhere, now)
        if leg.settled:
            self.agreed(leg, now)

    def agreed(self, leg: Leg, now: float) -> None:
        """A leg's description is agreed: whoever has answered by it is in."""
        dialing = self._of(leg)
        if dialing is not None and dialing.won is leg:
            self._done(dialing, now)

    def _done(self, dialing: Ringing, now: float, *, reason: str = "") -> None:
        self._over(dialing)
        for number in dialing.orders:
            self._host.record(CallProgressed(number, "done", 200, reason), now)
        dialing.tell(200, now, reason)

    def ended(self, leg: Leg, now: float) -> None:
        """A phone is not called any more."""
        dialing = self._of(leg)
        if dialing is None:
            return
        dialing.legs.remove(leg)
        bye = leg.farewell
        if leg.confirming and bye.status < 300:  # picked up, and hung up again
            bye = Farewell(Departure.FAILED, status=480, reason=NOT_CONFIRMED)
        dialing.failures.append(failure_of(bye))
        if bye.status >= 600:
            self._decline(dialing, bye.status, now)
        elif dialing.diversions is not None:
            dialing.diversions.follow(bye.elsewhere, now)
        self.settle(dialing, now)

    def _decline(self, dialing: Ringing, status: int, now: float) -> None:
        """A 6xx is a person's word for all his phones (RFC 3261 16.7, step 5), told at once."""
        declined = Farewell(Departure.FAILED, status=status, text="Declined elsewhere")
        for leg in list(dialing.legs):
            self._calls.hang_up(leg, declined, now)

    # -- where phones send a call on to ----------------------------------------

    def settle(self, dialing: Ringing, now: float) -> None:
        """With nobody left to ring or to be looked for, the best failure is told."""
        looking = dialing.diversions is not None and dialing.diversions.pending
        if self.seeks(dialing) and (dialing.legs or looking):
            return
        if self._runs(dialing):
            found = failures.best(dialing.failures)
            self._fail(dialing, found.status, found.reason, now)

    def seeks(self, dialing: Ringing) -> bool:
        """Whether it is not over, and nobody has declined."""
        declined = any(one.status >= 600 for one in dialing.failures)
        return self._runs(dialing) and not declined

    def may_take(self, entity: str, now: float) -> bool:
        """Whether somebody else of this house may take a call that was meant for another."""
        return self._host.may_take(entity, now) and not self._host.is_full(entity)

    def may_leave(self, dialing: Ringing, entity: str, told: Allowed) -> None:
        """Ask whether it may go to somebody outside, in the name of whoever had it made."""
        order = dialing.order

        def asked(answer: Answer, now: float) -> None:
            told(isinstance(answer, CallOutAsked) and answer.refusal is None, now)

        who = Identity(order.by)
        self._desk.ask(lambda number: AskCallOut(number, entity, who, call=order.id), asked)

    def ring_at(
        self, dialing: Ringing, entity: str, phones: list[Phone], now: float, way: Way | None
    ) -> None:
        """Ring there too. What is outside is another phone of the one who was to be called."""
        order = dialing.order
        called = entity if way is None else self._place_of(order)[0]
        legs = [self._leg(order, called, phone) for phone in phones]
        for leg in legs:
            leg.way = way
        self._ring(dialing, legs, now)

    def _place_of(self, order: CallOrder) -> Place:
        outsider = outside.read(self._desk.domain, order.uri)
        if outsider is not None:
            return outside.canonical(outsider), ""
        return diversion.place_of(self._desk, uri_of(order.uri))

    def _no_answer(self, dialing: Ringing, now: float) -> None:
        if not self._runs(dialing) or dialing.won is not None:
            return
        bye = Farewell(Departure.FAILED, status=408, reason="No Answer", text="No answer")
        for leg in list(dialing.legs):
            if not leg.confirming:
                self._calls.hang_up(leg, bye, now)

    def _fail(self, dialing: Ringing, status: int, reason: str, now: float) -> None:
        self._over(dialing)
        words = reason or message.REASONS.get(status, "")
        for number in dialing.orders:
            self._host.record(CallProgressed(number, "failed", status, words), now)
        dialing.tell(status, now, words)

    def _of(self, leg: Leg) -> Ringing | None:
        return next((d for d in self._running.values() if leg in d.legs), None)
