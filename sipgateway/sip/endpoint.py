"""A SIP user agent that does no I/O: transactions, dialogs and their timers.

Feed it octets and the time; drain `next_event`; act by `respond`, `request`
and their like; then send what `data_to_send` gives and call `handle_timeout`
when `next_timeout` has come. It never blocks, never reads a clock and knows
nothing of conferences.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from sipgateway.sip import dialog as dialogs
from sipgateway.sip import headers, message, sanity, timers
from sipgateway.sip import transaction as transactions
from sipgateway.sip.dialog import Dialog, DialogKey
from sipgateway.sip.errors import BadMessage, LocalError, RemoteError
from sipgateway.sip.events import (
    AckMissing,
    AckReceived,
    CancelReceived,
    DialogId,
    FlowClosed,
    RequestReceived,
    ResponseReceived,
    SipEvent,
    TransactionId,
)
from sipgateway.sip.flow import Flow, FlowId
from sipgateway.sip.headers import CSeq, NameAddr
from sipgateway.sip.message import Message, Request, Response
from sipgateway.sip.tokens import MAGIC_COOKIE, Tokens
from sipgateway.sip.transaction import Effect, Input, Kind, State, Timer, Transaction

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Body:
    """A message body and its media type."""

    text: str
    media_type: str

    @classmethod
    def sdp(cls, text: str) -> Body:
        """A session description."""
        return cls(text, "application/sdp")


@dataclass(slots=True)
class _AckWait:
    """A 2xx of ours that goes out again until it is acknowledged (RFC 3261 13.3.1.4)."""

    dialog: DialogId
    transaction: TransactionId
    interval: float
    again: float
    give_up: float


_Due = tuple[float, int, Transaction | _AckWait]


class Endpoint:
    """See the module. `now` is in seconds of whatever clock the caller keeps."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._ids = itertools.count(1)
        self._order = itertools.count()
        self._events: deque[SipEvent] = deque()
        self._outgoing: list[tuple[Flow, bytes]] = []
        self._by_id: dict[TransactionId, Transaction] = {}
        self._servers: dict[tuple[str, ...], Transaction] = {}
        self._clients: dict[tuple[str, str], Transaction] = {}
        self._merged: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._untried: list[Transaction] = []
        self._dialogs: dict[DialogId, Dialog] = {}
        self._dialog_keys: dict[DialogKey, DialogId] = {}
        self._waiting_for_ack: dict[DialogId, _AckWait] = {}
        self._due: list[_Due] = []
        #: What was dropped or refused here, by reason.
        self.counters: Counter[str] = Counter()

    # -- what comes in -------------------------------------------------------

    def receive(self, octets: bytes, flow: Flow, now: float) -> None:
        """Take one whole message that came by `flow`."""
        try:
            if len(octets) > message.MAX_MESSAGE:
                raise BadMessage("Message too large")
            received = message.parse(octets)
        except BadMessage as error:
            self.counters[f"dropped: {error.reason}"] += 1
            return
        if isinstance(received, Response):
            self._response_came(received, now)
        else:
            self._request_came(received, flow, now)

    def flow_closed(self, flow: FlowId, now: float) -> None:
        """The connection is gone: what waits for an answer on it has failed."""
        for transaction in [t for t in self._by_id.values() if t.flow.id == flow]:
            self._step(transaction, Input.FLOW_LOST, now)
        self._events.append(FlowClosed(flow))

    def _request_came(self, request: Request, flow: Flow, now: float) -> None:
        if not sanity.answerable(request):
            self.counters["dropped: unanswerable"] += 1
            return
        self._note_source(request, flow)
        try:
            message.clip(request)
        except BadMessage as error:
            self._refuse(request, flow, sanity.Objection(400, error.reason))
            return
        if request.method == "ACK":
            self._ack_came(request, flow, now)
            return
        known = self._servers.get(self._server_key(request))
        if known is not None:
            for effect in known.feed(Input.REQUEST, now):
                self._server_effect(known, effect)
            return
        if (objection := sanity.objection(request)) is not None:
            self._refuse(request, flow, objection)
            return
        if request.method == "CANCEL":
            self._cancel_came(request, flow)
            return
        self._new_request(request, flow, now)

    @staticmethod
    def _note_source(request: Request, flow: Flow) -> None:
        """Fill in received and rport (RFC 3261 18.2.1, RFC 3581); a browser needs neither."""
        if flow.web:
            return
        try:
            vias = request.every(headers.VIA)
        except BadMessage:
            return
        params = []
        for name, value in vias[0].params:
            asked = name.lower() == "rport"
            params.append((name, str(flow.remote_port)) if asked else (name, value))
        if vias[0].host.strip("[]").lower() != flow.remote_host.lower() or any(
            name.lower() == "rport" for name, _ in params
        ):
            params.append(("received", flow.remote_host))
        top = headers.Via(vias[0].transport, vias[0].host, vias[0].port, tuple(params))
        rest = [headers.build_via(via) for via in vias[1:]]
        request.put(headers.VIA, top)
        at = next(i for i, (key, _) in enumerate(request.fields) if key == "via")
        request.fields[at + 1 : at + 1] = [("via", text) for text in rest]

    def _refuse(self, request: Request, flow: Flow, objection: sanity.Objection) -> None:
        """Answer without keeping anything (RFC 3261 8.2.7)."""
        self.counters[f"refused: {objection.status}"] += 1
        if request.method == "ACK":
            return
        tag = self._tokens.tag()
        response = message.reply(request, objection.status, objection.reason, tag=tag)
        for name, value in objection.fields:
            response.append(name, value)
        self._send(flow, response)

    def _new_request(self, request: Request, flow: Flow, now: float) -> None:
        in_dialog = bool(request.must(headers.TO).tag)
        dialog = self._dialog_of(request) if in_dialog else None
        if in_dialog and dialog is None:
            self._refuse(request, flow, sanity.Objection(481))
            return
        merged = self._merge_key(request)
        if not in_dialog and merged in self._merged:
            self._refuse(request, flow, sanity.Objection(482, "Merged Request"))
            return
        if dialog is not None and (objection := self._out_of_turn(dialog, request)):
            self._refuse(request, flow, objection)
            return
        if dialog is not None:
            try:
                dialog.heard(request, flow)
            except RemoteError as error:
                self._refuse(request, flow, sanity.Objection(error.status, error.reason))
                return
        kind = Kind.INVITE_SERVER if request.method == "INVITE" else Kind.SERVER
        transaction = self._add(kind, request, flow, now)
        transaction.tag = dialog.local.tag if dialog else self._tokens.tag()
        key = self._server_key(request)
        self._servers[key] = transaction
        if not in_dialog:
            self._merged[merged] = key
        if kind is Kind.INVITE_SERVER:
            self._untried.append(transaction)
        self._events.append(
            RequestReceived(transaction.id, request, flow, dialog.id if dialog else None)
        )

    def _out_of_turn(self, dialog: Dialog, request: Request) -> sanity.Objection | None:
        """Glare and overlapping INVITEs (RFC 3261 14.2)."""
        if request.method != "INVITE":
            return None
        for other in self._by_id.values():
            if other.request.get("call-id") != dialog.call_id:
                continue
            if other.kind is Kind.INVITE_CLIENT and other.state in {
                State.CALLING,
                State.PROCEEDING,
            }:
                return sanity.Objection(491)
            if other.kind is Kind.INVITE_SERVER and other.state is State.PROCEEDING:
                return sanity.Objection(500, "INVITE in progress", (("Retry-After", "1"),))
        return None

    def _ack_came(self, request: Request, flow: Flow, now: float) -> None:
        if sanity.objection(request) is not None:
            self.counters["dropped: malformed ACK"] += 1
            return
        transaction = self._servers.get(self._server_key(request))
        if transaction is not None and transaction.state is not State.ACCEPTED:
            transaction.feed(Input.ACK, now)
            self._schedule(transaction)
            return
        dialog = self._dialog_of(request)
        if dialog is None or self._waiting_for_ack.pop(dialog.id, None) is None:
            return
        dialog.flow = flow
        self._events.append(AckReceived(dialog.id, request))

    def _cancel_came(self, request: Request, flow: Flow) -> None:
        invite = self._servers.get((*self._server_key(request)[:-1], "INVITE"))
        if invite is None:
            self._refuse(request, flow, sanity.Objection(481))
            return
        self._send(flow, message.reply(request, 200, tag=invite.tag))
        if invite.state is State.PROCEEDING:
            self._events.append(CancelReceived(invite.id, request))

    def _response_came(self, response: Response, now: float) -> None:
        try:
            message.clip(response)
            via, cseq = response.must(headers.VIA), response.must(headers.CSEQ)
            response.must(headers.TO)
        except BadMessage as error:
            self.counters[f"dropped: {error.reason}"] += 1
            return
        transaction = self._clients.get((via.branch, cseq.method))
        if transaction is None:
            self.counters["dropped: stray response"] += 1
            return
        transaction.response = response
        self._step(transaction, transactions.input_of(response.status, sending=False), now)

    # -- what goes out -------------------------------------------------------

    def respond(
        self,
        transaction: TransactionId,
        status: int,
        now: float,
        *,
        reason: str = "",
        fields: Fields = (),
        body: Body | None = None,
        contact: NameAddr | None = None,
    ) -> DialogId | None:
        """Answer a request; gives the dialog that the answer makes or belongs to.

        `contact` is needed for what makes a dialog (1xx and 2xx to INVITE, 2xx to
        SUBSCRIBE and REFER). A transaction that is over or answered is left alone.
        """
        server = self._by_id.get(transaction)
        if server is None or server.state in {State.COMPLETED, State.CONFIRMED, State.ACCEPTED}:
            return None
        response = message.reply(server.request, status, reason, tag=server.tag)
        if contact is not None:
            response.add(headers.CONTACT, contact)
        if server.request.method in dialogs.FORMING and 100 < status < 300:
            for route in server.request.all("record-route"):
                response.append("Record-Route", route)
        self._fill(response, fields, body)
        dialog = self._dialog_for(server, status, contact)
        server.response, server.octets = response, response.build()
        self._step(server, transactions.input_of(status, sending=True), now)
        if dialog is not None and server.kind is Kind.INVITE_SERVER and 200 <= status < 300:
            dialog.early = False
            self._await_ack(dialog, server, now)
        return dialog.id if dialog else None

    def _dialog_for(
        self, server: Transaction, status: int, contact: NameAddr | None
    ) -> Dialog | None:
        request = server.request
        known = self._dialog_keys.get(self._key_as_server(request, server.tag))
        if known is not None:
            return self._dialogs[known]
        forms = request.method in dialogs.FORMING and 100 < status < 300
        if not forms or contact is None:
            return None
        dialog = dialogs.as_server(
            DialogId(next(self._ids)), request, tag=server.tag, contact=contact, flow=server.flow
        )
        self._keep(dialog)
        return dialog

    def request(
        self,
        method: str,
        uri: str,
        now: float,
        *,
        flow: Flow,
        from_: NameAddr,
        to: NameAddr,
        contact: NameAddr | None = None,
        routes: Sequence[NameAddr] = (),
        fields: Fields = (),
        body: Body | None = None,
    ) -> TransactionId:
        """Send a request outside any dialog."""
        request = Request(method, uri, [])
        request.add(headers.VIA, dialogs.via_of(flow, self._tokens.branch()))
        for route in routes:
            request.add(headers.ROUTE, route)
        request.add(headers.MAX_FORWARDS, 70)
        request.add(headers.FROM, dialogs.tagged(from_, self._tokens.tag()))
        request.add(headers.TO, to)
        request.add(headers.CALL_ID, self._tokens.call_id())
        request.add(headers.CSEQ, CSeq(1, method))
        if contact is not None:
            request.add(headers.CONTACT, contact)
        return self._launch(request, flow, now, fields, body)

    def request_in_dialog(
        self,
        dialog: DialogId,
        method: str,
        now: float,
        *,
        fields: Fields = (),
        body: Body | None = None,
    ) -> TransactionId:
        """Send a request in a dialog; `LocalError` if there is no such dialog."""
        known = self._dialog(dialog)
        request = known.next_request(method, branch=self._tokens.branch())
        if method in dialogs.TARGET_REFRESH:
            request.add(headers.CONTACT, known.contact)
        return self._launch(request, known.flow, now, fields, body)

    def _launch(
        self, request: Request, flow: Flow, now: float, fields: Fields, body: Body | None
    ) -> TransactionId:
        self._fill(request, fields, body)
        kind = Kind.INVITE_CLIENT if request.method == "INVITE" else Kind.CLIENT
        transaction = self._add(kind, request, flow, now)
        transaction.octets = request.build()
        self._clients[(request.must(headers.VIA).branch, request.method)] = transaction
        self._outgoing.append((flow, transaction.octets))
        return transaction.id

    def acknowledge(self, dialog: DialogId, cseq: int, *, body: Body | None = None) -> None:
        """Send the ACK to a 2xx to our INVITE of that CSeq; `body` is the answer, if owed."""
        known = self._dialog(dialog)
        request = known.next_request("ACK", branch=self._tokens.branch())
        request.put(headers.CSEQ, CSeq(cseq, "ACK"))
        self._fill(request, (), body)
        known.ack = request.build()
        self._outgoing.append((known.flow, known.ack))

    def cancel(self, transaction: TransactionId, now: float, *, fields: Fields = ()) -> None:
        """Cancel an INVITE of ours (RFC 3261 9.1), as soon as that is allowed."""
        invite = self._by_id.get(transaction)
        if invite is None or invite.kind is not Kind.INVITE_CLIENT or invite.over:
            return
        invite.cancelling = True
        if invite.state is not State.PROCEEDING:
            return
        request = Request("CANCEL", invite.request.uri, [])
        request.add(headers.VIA, invite.request.must(headers.VIA))
        for key in ("route", "max-forwards", "from", "to", "call-id"):
            for value in invite.request.all(key):
                request.append(key, value)
        request.add(headers.CSEQ, CSeq(invite.request.must(headers.CSEQ).number, "CANCEL"))
        self._launch(request, invite.flow, now, fields, None)

    @staticmethod
    def _fill(into: Message, fields: Fields, body: Body | None) -> None:
        for name, value in fields:
            into.append(name, value)
        if body is not None:
            into.append("Content-Type", body.media_type)
            into.body = body.text.encode("utf-8", "surrogateescape")

    def data_to_send(self) -> list[tuple[Flow, bytes]]:
        """What is to be sent, in order; asked once after every feeding.

        An INVITE that nobody has answered by now gets its 100 (RFC 3261 17.2.1).
        """
        for transaction in self._untried:
            if transaction.response is None and not transaction.over:
                self._send(transaction.flow, message.reply(transaction.request, 100))
        self._untried.clear()
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def next_event(self) -> SipEvent | None:
        """The next thing that happened, or None."""
        return self._events.popleft() if self._events else None

    # -- dialogs -------------------------------------------------------------

    def dialog(self, dialog: DialogId) -> Dialog | None:
        """The dialog, or None once it is forgotten."""
        return self._dialogs.get(dialog)

    def find_dialog(self, call_id: str, local_tag: str, remote_tag: str) -> Dialog | None:
        """The dialog of that identifier, as Replaces, Join and Target-Dialog name it."""
        known = self._dialog_keys.get((call_id, local_tag, remote_tag))
        return self._dialogs.get(known) if known is not None else None

    def forget(self, dialog: DialogId) -> None:
        """No usage is left in the dialog: requests in it are 481 from now on."""
        known = self._dialogs.pop(dialog, None)
        self._waiting_for_ack.pop(dialog, None)
        if known is not None:
            self._dialog_keys.pop(known.key, None)

    def move(self, dialog: DialogId, flow: Flow) -> None:
        """The peer is reached by another flow now (RFC 5626 5.3)."""
        if (known := self._dialogs.get(dialog)) is not None:
            known.flow = flow

    def flow_of(self, transaction: TransactionId) -> Flow | None:
        """The flow a transaction runs on, or None once it is over."""
        known = self._by_id.get(transaction)
        return known.flow if known else None

    def pending(self, transaction: TransactionId) -> bool:
        """Whether a request still waits for its final response."""
        known = self._by_id.get(transaction)
        return known is not None and known.state in {State.TRYING, State.PROCEEDING}

    def _dialog(self, dialog: DialogId) -> Dialog:
        known = self._dialogs.get(dialog)
        if known is None:
            raise LocalError("no such dialog")
        return known

    def _keep(self, dialog: Dialog) -> None:
        self._dialogs[dialog.id] = dialog
        self._dialog_keys[dialog.key] = dialog.id

    def _dialog_of(self, request: Request) -> Dialog | None:
        key = self._key_as_server(request, request.must(headers.TO).tag)
        known = self._dialog_keys.get(key)
        return self._dialogs.get(known) if known is not None else None

    @staticmethod
    def _key_as_server(request: Request, tag: str) -> DialogKey:
        tagged = request.must(headers.TO).tag or tag
        return (request.must(headers.CALL_ID), tagged, request.must(headers.FROM).tag)

    def _await_ack(self, dialog: Dialog, server: Transaction, now: float) -> None:
        wait = _AckWait(
            dialog.id, server.id, timers.T1, again=now + timers.T1, give_up=now + timers.GIVE_UP
        )
        self._waiting_for_ack[dialog.id] = wait
        heapq.heappush(self._due, (wait.again, next(self._order), wait))

    # -- time ----------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called, or None."""
        return self._due[0][0] if self._due else None

    def handle_timeout(self, now: float) -> None:
        """Do what is due by `now`."""
        while self._due and self._due[0][0] <= now:
            _, _, what = heapq.heappop(self._due)
            if isinstance(what, _AckWait):
                self._ack_is_due(what, now)
            else:
                self._timers_are_due(what, now)

    def _timers_are_due(self, transaction: Transaction, now: float) -> None:
        due = [timer for timer, when in transaction.deadlines.items() if when <= now]
        for timer in due:
            if timer in transaction.deadlines and not transaction.over:
                self._step(transaction, timer, now)

    def _ack_is_due(self, wait: _AckWait, now: float) -> None:
        if self._waiting_for_ack.get(wait.dialog) is not wait:
            return
        server, dialog = self._by_id.get(wait.transaction), self._dialogs[wait.dialog]
        if now >= wait.give_up or server is None:
            del self._waiting_for_ack[wait.dialog]
            self._events.append(AckMissing(wait.dialog))
            return
        self._outgoing.append((dialog.flow, server.octets))
        wait.interval = min(2 * wait.interval, timers.T2)
        wait.again = min(now + wait.interval, wait.give_up)
        heapq.heappush(self._due, (wait.again, next(self._order), wait))

    # -- machines ------------------------------------------------------------

    def _add(self, kind: Kind, request: Request, flow: Flow, now: float) -> Transaction:
        transaction = Transaction(TransactionId(next(self._ids)), kind, request, flow)
        self._by_id[transaction.id] = transaction
        transaction.begin(now)
        self._schedule(transaction)
        return transaction

    def _step(self, transaction: Transaction, what: Input | Timer, now: float) -> None:
        client = transaction.kind in {Kind.INVITE_CLIENT, Kind.CLIENT}
        for effect in transaction.feed(what, now):
            if client:
                self._client_effect(transaction, effect)
            else:
                self._server_effect(transaction, effect)
        if transaction.cancelling and what is Input.RESPONSE_1XX:
            self.cancel(transaction.id, now)
        if transaction.over:
            self._remove(transaction)
        else:
            self._schedule(transaction)

    def _schedule(self, transaction: Transaction) -> None:
        if transaction.deadlines:
            when = min(transaction.deadlines.values())
            heapq.heappush(self._due, (when, next(self._order), transaction))

    def _remove(self, transaction: Transaction) -> None:
        self._by_id.pop(transaction.id, None)
        request = transaction.request
        if transaction.kind in {Kind.INVITE_CLIENT, Kind.CLIENT}:
            self._clients.pop((request.must(headers.VIA).branch, request.method), None)
            return
        self._servers.pop(self._server_key(request), None)
        self._merged.pop(self._merge_key(request), None)

    def _server_effect(self, transaction: Transaction, effect: Effect) -> None:
        if effect is Effect.SEND and transaction.octets:
            self._outgoing.append((transaction.flow, transaction.octets))

    def _client_effect(self, transaction: Transaction, effect: Effect) -> None:
        if effect is Effect.SEND:
            self._outgoing.append((transaction.flow, transaction.octets))
        elif effect is Effect.ACKNOWLEDGE:
            self._ack_failure(transaction)
        elif effect is Effect.DELIVER:
            self._deliver(transaction)
        else:
            status = 408 if effect is Effect.TIME_OUT else 503
            local = message.reply(transaction.request, status)
            self._events.append(
                ResponseReceived(
                    transaction.id,
                    transaction.request,
                    local,
                    self._dialog_id_of(transaction),
                    local=True,
                )
            )

    def _deliver(self, transaction: Transaction) -> None:
        request, response = transaction.request, transaction.response
        if response is None:
            raise LocalError("nothing to deliver")
        dialog = self._client_dialog(transaction, response)
        if dialog is not None and request.method == "INVITE" and 200 <= response.status < 300:
            if dialog.ack and transaction.state is State.ACCEPTED and not dialog.early:
                cseq = request.must(headers.CSEQ).number
                if f"CSeq: {cseq} ACK".encode() in dialog.ack:
                    self._outgoing.append((dialog.flow, dialog.ack))
                    return
            dialog.early = False
            dialog.retarget(response)
        self._events.append(
            ResponseReceived(transaction.id, request, response, dialog.id if dialog else None)
        )

    def _client_dialog(self, transaction: Transaction, response: Response) -> Dialog | None:
        request = transaction.request
        tag = response.must(headers.TO).tag
        key = (request.must(headers.CALL_ID), request.must(headers.FROM).tag, tag)
        if (known := self._dialog_keys.get(key)) is not None:
            return self._dialogs[known]
        forms = request.method in dialogs.FORMING and 100 < response.status < 300 and tag
        if not forms or request.must(headers.TO).tag:
            return None
        dialog = dialogs.as_client(DialogId(next(self._ids)), request, response, transaction.flow)
        self._keep(dialog)
        return dialog

    def _dialog_id_of(self, transaction: Transaction) -> DialogId | None:
        request = transaction.request
        key = (
            request.must(headers.CALL_ID),
            request.must(headers.FROM).tag,
            request.must(headers.TO).tag,
        )
        return self._dialog_keys.get(key)

    def _ack_failure(self, transaction: Transaction) -> None:
        """ACK a 300-699 within its transaction (RFC 3261 17.1.1.3)."""
        invite, response = transaction.request, transaction.response
        if response is None:
            raise LocalError("nothing to acknowledge")
        ack = Request("ACK", invite.uri, [])
        ack.add(headers.VIA, invite.must(headers.VIA))
        for route in invite.every(headers.ROUTE):
            ack.add(headers.ROUTE, route)
        ack.add(headers.MAX_FORWARDS, 70)
        ack.append("From", invite.get("from") or "")
        ack.append("To", response.get("to") or "")
        ack.add(headers.CALL_ID, invite.must(headers.CALL_ID))
        ack.add(headers.CSEQ, CSeq(invite.must(headers.CSEQ).number, "ACK"))
        self._outgoing.append((transaction.flow, ack.build()))

    def _send(self, flow: Flow, response: Response) -> None:
        self._outgoing.append((flow, response.build()))

    @staticmethod
    def _server_key(request: Request) -> tuple[str, ...]:
        """RFC 3261 17.2.3; without the magic cookie the rules of RFC 2543."""
        try:
            via = request.must(headers.VIA)
        except BadMessage:
            return ("", "", request.method)
        method = "INVITE" if request.method == "ACK" else request.method
        if via.branch.startswith(MAGIC_COOKIE):
            return (via.branch, via.sent_by, method)
        cseq = (request.get("cseq") or "").split()
        old = "|".join(
            (request.uri, request.get("from") or "", request.get("call-id") or "", *cseq[:1])
        )
        return (old, headers.build_via(via), method)

    @staticmethod
    def _merge_key(request: Request) -> tuple[str, ...]:
        """RFC 3261 8.2.2.2."""
        return (
            request.must(headers.FROM).tag,
            request.must(headers.CALL_ID),
            request.get("cseq") or "",
        )
