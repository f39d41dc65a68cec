"""The application behind a user agent that is fuzzed, and how a chart is played to it.

A chart is messages, one behind the other, each led by an octet that says by
which flow it comes, how much time passes before it and what is done with what
has come in.
"""

from __future__ import annotations

from sipgateway.sip import message
from sipgateway.sip.endpoint import Body, Endpoint
from sipgateway.sip.events import (
    AckMissing,
    DialogId,
    RequestReceived,
    ResponseReceived,
    SipEvent,
    TransactionId,
)
from sipgateway.sip.flow import Flow, FlowId, Transport
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.uri import parse_uri
from tests.stage import CountingTokens

#: Stands between the messages of a chart.
SPLIT = b"\x1e\x1e"
FLOWS = (
    Flow(FlowId(1), Transport.UDP, "192.0.2.1", 5060, "192.0.2.9", 5060),
    Flow(FlowId(2), Transport.TCP, "192.0.2.1", 5061, "192.0.2.9", 5060),
    Flow(FlowId(3), Transport.WS, "192.0.2.1", 5062, "192.0.2.9", 8000),
    Flow(FlowId(4), Transport.UDP, "2001:db8::1", 5060, "2001:db8::9", 5060),
)
OURS = NameAddr(parse_uri("sip:4711@conf.test"))
SDP = Body.sdp("v=0\r\n")
MAX_STEPS = 24
MAX_TIMERS = 2000
"""Timers of one chart; so many never run out if one of them stays due."""
WAITS = (0.0, 0.5, 5.0, 40.0)
STATUSES = (200, 180, 183, 486, 202, 401, 487, 100)


class StaysDue(Exception):
    """A timer is due again and again without end."""


class Application:
    """Somebody who answers everything, in ways that the input chooses."""

    def __init__(self) -> None:
        self.endpoint = Endpoint(CountingTokens())
        self.now = 1000.0
        self.waiting: list[TransactionId] = []
        self.dialogs: list[DialogId] = []
        self.calls: list[TransactionId] = []
        self.seen: list[SipEvent] = []
        self.sent: list[bytes] = []

    def run(self, chart: bytes) -> None:
        """Play one chart."""
        self.calls.append(self._call())
        self._settle(0)
        for step in chart.split(SPLIT, MAX_STEPS)[:MAX_STEPS]:
            how, octets = (step[0] if step else 0), step[1:]
            self._pass(WAITS[how >> 2 & 3])
            self.endpoint.receive(octets, FLOWS[how & 3], self.now)
            self._settle(how >> 4)
            if how == 0xFF:
                self.endpoint.flow_closed(FLOWS[0].id, self.now)
        self._pass(200.0)

    def _call(self) -> TransactionId:
        return self.endpoint.request(
            "INVITE",
            "sip:bob@192.0.2.1",
            self.now,
            flow=FLOWS[0],
            from_=OURS,
            to=NameAddr(parse_uri("sip:bob@192.0.2.1")),
            contact=OURS,
            body=SDP,
        )

    def _hear(self) -> None:
        while (event := self.endpoint.next_event()) is not None:
            self.seen.append(event)
            if isinstance(event, RequestReceived):
                self.waiting.append(event.transaction)
            elif isinstance(event, ResponseReceived | AckMissing) and event.dialog is not None:
                self.dialogs.append(event.dialog)
        for _, octets in self.endpoint.data_to_send():
            message.parse(octets)
            self.sent.append(octets)

    def _settle(self, how: int) -> None:
        self._hear()
        if self.waiting and how & 8 == 0:
            self._answer(self.waiting[-1], STATUSES[how & 7])
        elif self.dialogs:
            self._ask(self.dialogs[-1], how & 7)
        if how == 15:
            self.endpoint.cancel(self.calls[0], self.now)
        self._hear()

    def _answer(self, transaction: TransactionId, status: int) -> None:
        body = SDP if status in {183, 200} else None
        dialog = self.endpoint.respond(transaction, status, self.now, contact=OURS, body=body)
        if dialog is not None:
            self.dialogs.append(dialog)

    def _ask(self, dialog: DialogId, how: int) -> None:
        known = self.endpoint.dialog(dialog)
        if known is None:
            return
        if how == 7:
            self.endpoint.forget(dialog)
        elif how == 6:
            self.endpoint.acknowledge(dialog, known.local_seq, body=SDP)
        else:
            method = ("INVITE", "UPDATE", "BYE", "NOTIFY", "INFO", "INVITE")[how]
            self.calls.append(self.endpoint.request_in_dialog(dialog, method, self.now, body=SDP))

    def _pass(self, seconds: float) -> None:
        end, left = self.now + seconds, MAX_TIMERS
        while (when := self.endpoint.next_timeout()) is not None and when <= end:
            left -= 1
            if not left:
                raise StaysDue
            self.now = max(self.now, when)
            self.endpoint.handle_timeout(self.now)
            self._hear()
        self.now = end
