"""Calling out: an order to call somebody, its legs, and how it goes (RFC 4579 5.2, 5.5).

All phones of a person ring; the first answer wins and the others are
cancelled. Orders are keyed by their id and try, so being told twice calls once;
one that is not there any more was called off. Where the conference has answers
confirmed by a key, a phone that is picked up has not won before it was pressed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from conferences import policy
from conferences.policy import CallOrder, Identity
from sipgateway.focus import outside
from sipgateway.focus.actions import CallProgressed, Fact
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk, Phone, same_device, uri_of
from sipgateway.focus.leg import Farewell, Leg
from sipgateway.focus.outside import Way
from sipgateway.focus.referral import Telling
from sipgateway.focus.roster import Departure, Joining, Status
from sipgateway.media.engine import LegId
from sipgateway.sip import headers, message
from sipgateway.sip.uri import Uri

NOT_CONFIRMED = "Not Confirmed"
RINGS = 60.0
"""Seconds that a phone may ring: what a person waits; voicemail answers before."""


class Host(Protocol):
    """The conference that calls."""

    def record(self, fact: Fact, now: float) -> None:
        """Write a fact down."""

    def is_full(self, entity: str) -> bool:
        """Whether there is no place for somebody who is not in yet."""

    def shown(self, entity: str) -> str:
        """The address that everybody may read for that of somebody."""

    def dialing(self, leg: Leg, status: Status, now: float) -> None:
        """Show in the roster that a phone is being called."""


@dataclass(slots=True)
class _Dialing:
    """One order that is being carried out."""

    order: CallOrder
    legs: list[Leg] = field(default_factory=list)
    told: list[Telling] = field(default_factory=list)
    #: The failure to tell if nobody answers: the most telling of all legs'.
    status: int = 0
    reason: str = ""


class Dialings:
    """The calls out of one conference."""

    def __init__(self, desk: Desk, host: Host, calls: Calls) -> None:
        self._desk = desk
        self._host = host
        self._calls = calls
        self._running: dict[int, _Dialing] = {}
        self._seen: set[tuple[int, int]] = set()
        self._waiting: dict[int, list[Telling]] = {}

    def __len__(self) -> int:
        return len(self._running)

    def follow(self, call: int, told: Telling) -> None:
        """Tell a REFER how the call of that id goes."""
        dialing = self._running.get(call)
        (dialing.told if dialing else self._waiting.setdefault(call, [])).append(told)

    def obey(self, orders: Iterable[CallOrder], now: float) -> None:
        """Carry out what is ordered, once, and nothing that is not ordered any more."""
        ordered = {order.id: order for order in orders}
        for dialing in list(self._running.values()):
            if dialing.order.id not in ordered:
                self._call_off(dialing, now)
        for order in ordered.values():
            if (order.id, order.attempt) not in self._seen:
                self._seen.add((order.id, order.attempt))
                self._place(order, now)

    def _call_off(self, dialing: _Dialing, now: float) -> None:
        bye = Farewell(Departure.FAILED, status=487, text="The call was called off")
        for leg in list(dialing.legs):
            self._calls.hang_up(leg, bye, now)
        if dialing.order.id in self._running and not dialing.legs:  # no way was found yet
            self._fail(dialing, bye.status, bye.text, now)

    def _place(self, order: CallOrder, now: float) -> None:
        dialing = _Dialing(order, told=self._waiting.pop(order.id, []))
        self._running[order.id] = dialing
        outsider = outside.read(self._desk.domain, order.uri)
        if outsider is not None:
            self._place_outside(dialing, outsider, now)
            return
        aor = self._desk.domain.uri(uri_of(order.uri).name.lower()).aor
        if self._host.is_full(aor):
            self._fail(dialing, 486, "Conference Is Full", now)
            return

        phone = headers.sip_uri_of(headers.parse_name_addr(order.phone)) if order.phone else None
        instance = phone.param("gr") if phone is not None else None

        def found(phones: list[Phone], then: float) -> None:
            if self._running.get(order.id) is not dialing:
                return  # it was called off meanwhile
            wanted = phones
            if phone is not None and instance is None:
                wanted = [one for one in phones if same_device(uri_of(one.uri), phone)]
            if not wanted:
                self._fail(dialing, 480, "No Phone Is Registered", then)
            else:
                self._ring(dialing, [self._leg(order, aor, phone) for phone in wanted], then)

        self._desk.find(aor, found, now, instance=instance or "")

    def _place_outside(self, dialing: _Dialing, uri: Uri, now: float) -> None:
        """To a telephone number, or to somebody at another domain."""
        order, entity = dialing.order, outside.canonical(uri)
        if self._host.is_full(entity):
            self._fail(dialing, 486, "Conference Is Full", now)
            return

        def found(way: Way | None, then: float) -> None:
            if self._running.get(order.id) is not dialing:
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
        return Leg(
            id=LegId(self._desk.tokens.opaque()),
            identity=Identity(entity, order.display_name),
            display_text=order.display_name,
            flow=phone.flow,
            joining=Joining.DIALED_OUT,
            transaction=None,
            request=None,
            endpoint=phone.uri,
            routes=phone.routes,
            agent=phone.agent,
            referred_by=policy.NOBODY if order.anonymous else order.by,
            referred_as=policy.NOBODY if order.anonymous else self._host.shown(order.by),
            takes_over=order.takes_over,
            history=order.history,
            extra=(("Replaces", order.replaces),) if order.replaces else (),
        )

    def _ring(self, dialing: _Dialing, legs: list[Leg], now: float) -> None:
        order = dialing.order
        self._host.record(CallProgressed(order.id, "calling"), now)
        for leg in legs:
            dialing.legs.append(leg)
            self._host.dialing(leg, Status.DIALING_OUT, now)
            self._calls.dial_out(leg)
        self._desk.later(now + RINGS, lambda then: self._no_answer(order.id, then))

    def end(self, now: float) -> None:
        """The conference is over: who is not even ringing yet is not called."""
        for dialing in list(self._running.values()):
            if not dialing.legs:
                self._call_off(dialing, now)

    def ringing(self, leg: Leg, status: int, now: float) -> None:
        """A phone rings."""
        dialing = self._of(leg)
        if dialing is None or status == 100:
            return
        self._host.dialing(leg, Status.ALERTING, now)
        for told in dialing.told:
            told.tell(status, now)

    def confirming(self, leg: Leg, now: float) -> None:
        """A phone is picked up, and a key is to say that it is no machine."""
        if self._of(leg) is not None:
            self._host.dialing(leg, Status.PENDING, now)

    def answered(self, leg: Leg, now: float) -> None:
        """The first who answers wins."""
        dialing = self._of(leg)
        if dialing is None:
            return
        del self._running[dialing.order.id]
        elsewhere = Farewell(Departure.FAILED, status=200, text="Call completed elsewhere")
        for other in dialing.legs:
            if other is not leg:
                self._calls.hang_up(other, elsewhere, now)
        self._host.record(CallProgressed(dialing.order.id, "done", 200), now)
        for told in dialing.told:
            told.tell(200, now)

    def ended(self, leg: Leg, now: float) -> None:
        """A phone is not called any more."""
        dialing = self._of(leg)
        if dialing is None:
            return
        dialing.legs.remove(leg)
        bye = leg.farewell
        if leg.confirming and bye.status < 300:  # picked up, and hung up again
            bye = Farewell(Departure.FAILED, status=480, reason=NOT_CONFIRMED)
        # 6xx and busy say more than a phone that could not be reached (RFC 3261 16.7).
        if not dialing.status or bye.status >= 600 or bye.method is Departure.BUSY:
            dialing.status = bye.status if bye.status >= 300 else 487
            dialing.reason = bye.reason or bye.text
        if not dialing.legs:
            self._fail(dialing, dialing.status, dialing.reason, now)

    def _no_answer(self, order: int, now: float) -> None:
        dialing = self._running.get(order)
        if dialing is None:
            return
        bye = Farewell(Departure.FAILED, status=408, reason="No Answer", text="No answer")
        for leg in list(dialing.legs):
            if not leg.confirming:
                self._calls.hang_up(leg, bye, now)

    def _fail(self, dialing: _Dialing, status: int, reason: str, now: float) -> None:
        self._running.pop(dialing.order.id, None)
        words = reason or message.REASONS.get(status, "")
        self._host.record(CallProgressed(dialing.order.id, "failed", status, words), now)
        for told in dialing.told:
            told.tell(status, now, words)

    def _of(self, leg: Leg) -> _Dialing | None:
        return next((d for d in self._running.values() if leg in d.legs), None)
