"""Our INVITEs: sent, challenged, tried elsewhere, answered (RFC 3261 13.2, 22; RFC 3263 4.3).

A phone of this house is asked once, on its flow. Somebody outside may have
several servers, and they may want to know who we are: that is seen to here,
so that `calls` hears of one answer, whatever it took.
"""

from __future__ import annotations

from typing import Protocol

from sipgateway.focus import answers, outside, resource_lists
from sipgateway.focus.desk import Desk, uri_of
from sipgateway.focus.leg import Leg, State
from sipgateway.focus.outside import Way
from sipgateway.sip import dialog, headers, multipart
from sipgateway.sip.endpoint import Body
from sipgateway.sip.events import ResponseReceived, TransactionId
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import Request, Response
from sipgateway.sip.multipart import Part

HEARD_WITHIN = 4.0
"""Seconds until a server that has not even said 100 is passed over for the next one. Timer B
would be 32 (RFC 3263 4.3); nobody holds a receiver for so long without a sound."""
_CHALLENGES = frozenset({401, 407})
#: Tried elsewhere when it comes from outside: a server that cannot, or is not there.
_ELSEWHERE = frozenset({408, 503})
#: By this flow the phone is not reached (RFC 5626 11.3).
_FLOW_FAILED = 430
#: What a phone says that cannot take a body of several parts (RFC 5621 8.1): it gets one.
_UNREADABLE = frozenset({400, 415, 488})


def proved(desk: Desk, leg: Leg, reply: ResponseReceived, now: float) -> TransactionId | None:
    """Send a request of ours again with credentials, if it was refused for lack of them."""
    if leg.way is None or reply.response.status not in _CHALLENGES:
        return None
    fields = leg.way.proof(reply, desk.tokens)
    if fields is None:
        return None
    return desk.endpoint.retry(reply.request, leg.flow, now, fields=fields)


def is_flow_failed(reply: ResponseReceived) -> bool:
    """Whether another flow of the same phone is to be tried (RFC 5626 7)."""
    return reply.response.status == (503 if reply.local else _FLOW_FAILED)


class Room(Protocol):
    """What is asked of the leg's room."""

    def contact_of(self, leg: Leg) -> NameAddr:
        """See `calls.Room`."""

    def caller_of(self, leg: Leg) -> NameAddr:
        """See `calls.Room`."""


class Outcome(Protocol):
    """Whoever hears how it goes."""

    def progressed(self, leg: Leg, status: int, now: float) -> None:
        """A provisional response."""

    def accepted(self, leg: Leg, reply: ResponseReceived, now: float) -> None:
        """A 2xx."""

    def declined(self, leg: Leg, response: Response, now: float) -> None:
        """The last final response, none of which was a 2xx."""


class Inviting:
    """See the module."""

    def __init__(self, desk: Desk, room: Room, outcome: Outcome) -> None:
        self._desk = desk
        self._room = room
        self._outcome = outcome

    def call(self, leg: Leg, now: float) -> None:
        """RFC 4579 5.2: INVITE with the room's Contact, a conference's with isfocus."""
        fields: list[tuple[str, str]] = list(answers.CAPABILITIES)
        if referrer := leg.referred_as or leg.referred_by:
            fields.append(("Referred-By", f"<{referrer}>"))
        way, caller = leg.way, self._room.caller_of(leg)
        sent = self._desk.endpoint.request(
            "INVITE",
            leg.endpoint,
            now,
            flow=leg.flow,
            from_=way.caller(caller) if way else caller,
            to=NameAddr(way.uri if way else uri_of(leg.identity.uri)),
            contact=self._contact(leg),
            routes=leg.routes,
            fields=(*fields, *leg.extra, *(way.assertion if way else ())),
            body=self._body(leg),
            hops=leg.hops,
        )
        self._sent(leg, sent, now)

    def _body(self, leg: Leg) -> Body:
        """The offer, with who else is called where a list said so (RFC 5366 5)."""
        if not leg.history:
            return Body.sdp(leg.sdp)
        listed = Part.of(leg.history, resource_lists.MEDIA_TYPE, resource_lists.HISTORY)
        boundary = self._desk.tokens.opaque()
        text, media_type = multipart.build([Part.of(leg.sdp, "application/sdp"), listed], boundary)
        return Body(text, media_type)

    def _contact(self, leg: Leg) -> NameAddr:
        """8.1.1.8: a ``sips:`` request has a ``sips:`` Contact."""
        contact = self._room.contact_of(leg)
        return dialog.secured(contact) if leg.endpoint.startswith("sips:") else contact

    def _sent(self, leg: Leg, sent: TransactionId, now: float) -> None:
        leg.transaction = sent
        self._desk.replies[sent] = lambda reply, then: self._replied(leg, reply, then)
        if leg.way is not None and leg.way.flows:
            self._desk.later(now + HEARD_WITHIN, lambda then: self._unheard(leg, sent, then))

    # -- what comes back -------------------------------------------------------

    def _replied(self, leg: Leg, reply: ResponseReceived, now: float) -> None:
        status = reply.response.status
        if reply.transaction != leg.transaction:
            self._too_late(reply, now)
        elif status < 200:
            _note_early(leg, reply)
            self._outcome.progressed(leg, status, now)
        elif status < 300:
            if leg.dialog is not None and reply.dialog != leg.dialog:
                self._too_late(reply, now)  # a proxy forked it, and another phone was quicker
            else:
                self._outcome.accepted(leg, reply, now)
        elif leg.state is not State.CALLING:
            self._decline(leg, reply, now)
        else:
            self._refused(leg, reply, now)

    def _refused(self, leg: Leg, reply: ResponseReceived, now: float) -> None:
        """There may be another way."""
        status = reply.response.status
        if (again := proved(self._desk, leg, reply, now)) is not None:
            self._sent(leg, again, now)
        elif leg.history and status in _UNREADABLE:
            leg.history = ""
            self.call(leg, now)
        elif leg.spare is not None and is_flow_failed(reply):
            leg.flow, leg.flow_gone = leg.spare.flow, False
            leg.endpoint, leg.routes = leg.spare.uri, leg.spare.routes
            leg.spare = leg.spare.next
            self.call(leg, now)
        elif leg.way is not None and status in _ELSEWHERE:
            self._try_elsewhere(leg, leg.way, reply, now)
        else:
            self._decline(leg, reply, now)

    def _decline(self, leg: Leg, reply: ResponseReceived, now: float) -> None:
        self._outcome.declined(leg, reply.response, now)

    def _too_late(self, reply: ResponseReceived, now: float) -> None:
        """An answer nobody waits for any more: it is acknowledged and let go."""
        if reply.dialog is None or not 200 <= reply.response.status < 300:
            return
        self._desk.endpoint.acknowledge(reply.dialog, reply.request.must(headers.CSEQ).number)
        self._desk.endpoint.request_in_dialog(reply.dialog, "BYE", now)
        self._desk.disown(reply.dialog)

    # -- the next server -------------------------------------------------------

    def _unheard(self, leg: Leg, sent: TransactionId, now: float) -> None:
        """Nobody has said anything: on to the next; a late answer is cancelled."""
        way, request = leg.way, self._desk.endpoint.unheard(sent)
        if way is None or leg.transaction != sent or request is None:
            return
        if leg.state is State.CALLING and self._next(leg, way, request, now):
            self._desk.endpoint.cancel(sent, now)

    def _try_elsewhere(self, leg: Leg, way: Way, reply: ResponseReceived, now: float) -> None:
        if self._next(leg, way, reply.request, now):
            return

        def looked(then: float) -> None:
            if leg.state is not State.CALLING or not self._next(leg, way, reply.request, then):
                self._decline(leg, reply, then)

        outside.find_more(self._desk, way, looked)

    def _next(self, leg: Leg, way: Way, request: Request, now: float) -> bool:
        flow = way.next_flow()
        if flow is None:
            return False
        leg.flow, leg.flow_gone = flow, False
        contact = self._contact(leg)
        sent = self._desk.endpoint.elsewhere(request, flow, now, contact=contact)
        self._sent(leg, sent, now)
        return True


def _note_early(leg: Leg, reply: ResponseReceived) -> None:
    answer = reply.response.body_as("application/sdp")
    if answer and reply.dialog is not None:
        leg.early[reply.dialog] = answer
