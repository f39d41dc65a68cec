"""The client side of the user agent: what we ask of others (RFC 3261 8.1, 12.2.1, 13.2, 17.1)."""

from __future__ import annotations

from collections.abc import Sequence

from sipgateway.sip import arrival, headers, message, sanity
from sipgateway.sip import dialog as dialogs
from sipgateway.sip import transaction as transactions
from sipgateway.sip.dialog import Acknowledgement, Dialog
from sipgateway.sip.errors import BadMessage, LocalError
from sipgateway.sip.events import ResponseReceived, TransactionId
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import CSeq, NameAddr, RAck
from sipgateway.sip.message import Request, Response
from sipgateway.sip.tables import Body, Fields, Tables, fill
from sipgateway.sip.transaction import (
    Cancelling,
    Effect,
    Input,
    Kind,
    State,
    Timer,
    Transaction,
)

KINDS = frozenset({Kind.INVITE_CLIENT, Kind.CLIENT})


class UserAgentClient:
    """See the module."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._by_branch: dict[tuple[str, str], Transaction] = {}

    # -- what goes out -------------------------------------------------------

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
        hops: int = message.HOPS,
    ) -> TransactionId:
        """See `Endpoint.request`."""
        if contact is None and method in dialogs.FORMING:
            raise LocalError(f"{method} needs a Contact")
        tokens = self._tables.tokens
        request = Request(method, uri, [])
        request.add(headers.VIA, dialogs.via_of(flow, tokens.branch()))
        for route in routes:
            request.add(headers.ROUTE, route)
        request.add(headers.MAX_FORWARDS, hops)
        request.add(headers.FROM, dialogs.tagged(from_, tokens.tag()))
        request.add(headers.TO, to)
        request.add(headers.CALL_ID, tokens.call_id())
        request.add(headers.CSEQ, CSeq(1, method))
        if contact is not None:
            request.add(headers.CONTACT, dialogs.contact_on(contact, flow))
        fill(request, fields, body)
        return self._launch(request, flow, now).id

    def request_in_dialog(
        self, dialog: Dialog, method: str, now: float, *, fields: Fields, body: Body | None
    ) -> Transaction:
        """See `Endpoint.request_in_dialog`."""
        request = dialog.next_request(method, branch=self._tables.tokens.branch())
        if method in dialogs.TARGET_REFRESH:
            request.add(headers.CONTACT, dialogs.contact_on(dialog.contact, dialog.flow))
        fill(request, fields, body)
        return self._launch(request, dialog.flow, now)

    def retry(self, before: Request, flow: Flow, now: float, *, fields: Fields) -> TransactionId:
        """See `Endpoint.retry`."""
        request = self._by_another_branch(before, flow)
        number = before.must(headers.CSEQ).number + 1
        dialog = self._dialog_of(before)
        if dialog is not None:
            number = dialog.local_seq = dialog.local_seq + 1
        request.put(headers.CSEQ, CSeq(number, before.method))
        for name, _ in fields:
            request.drop(name)
        fill(request, fields, None)
        return self._launch(request, flow, now).id

    def elsewhere(
        self, before: Request, flow: Flow, now: float, *, contact: NameAddr | None
    ) -> TransactionId:
        """See `Endpoint.elsewhere`."""
        request = self._by_another_branch(before, flow)
        if contact is not None:
            request.put(headers.CONTACT, dialogs.contact_on(contact, flow))
        return self._launch(request, flow, now).id

    def _by_another_branch(self, before: Request, flow: Flow) -> Request:
        request = Request(before.method, before.uri, list(before.fields), before.body)
        request.spelt = dict(before.spelt)
        request.pop("via")
        request.push("Via", headers.build_via(dialogs.via_of(flow, self._tables.tokens.branch())))
        return request

    def forward(self, request: Request, flow: Flow, now: float, *, came_for: str) -> TransactionId:
        """See `Endpoint.forward`."""
        branch = self._tables.tokens.branch() + arrival.loop_mark(came_for)
        via = dialogs.via_of(flow, branch)
        request.push("Via", headers.build_via(via))
        transaction = self._launch(request, flow, now)
        transaction.passing = True
        return transaction.id

    def acknowledge(self, dialog: Dialog, cseq: int, *, body: Body | None) -> None:
        """See `Endpoint.acknowledge`."""
        request = dialog.next_request("ACK", branch=self._tables.tokens.branch())
        request.put(headers.CSEQ, CSeq(cseq, "ACK"))
        fill(request, dialog.ack.credentials if dialog.ack else (), body)
        dialog.ack = Acknowledgement(cseq, request.build())
        self._tables.post(dialog.flow, dialog.ack.octets)

    def cancel(self, invite: Transaction, now: float, *, fields: Fields) -> None:
        """See `Endpoint.cancel`."""
        if invite.kind is not Kind.INVITE_CLIENT or invite.cancelling is Cancelling.SENT:
            return
        if invite.cancelling is Cancelling.NO:
            invite.cancelling, invite.cancel_fields = Cancelling.WANTED, tuple(fields)
        if invite.state is not State.PROCEEDING:
            return
        invite.cancelling = Cancelling.SENT
        request = Request("CANCEL", invite.request.uri, [])
        request.append("Via", headers.build_via(invite.request.must(headers.VIA)))
        for key in ("route", "max-forwards", "from", "to", "call-id"):
            for value in invite.request.all(key):
                request.append(key, value)
        request.add(headers.CSEQ, CSeq(invite.request.must(headers.CSEQ).number, "CANCEL"))
        fill(request, invite.cancel_fields, None)
        self._launch(request, invite.flow, now).inner = True
        invite.give_up(now)
        self._tables.schedule(invite)

    def _launch(self, request: Request, flow: Flow, now: float) -> Transaction:
        kind = Kind.INVITE_CLIENT if request.method == "INVITE" else Kind.CLIENT
        transaction = self._tables.add(kind, request, flow, now)
        transaction.octets = request.build()
        self._by_branch[(request.must(headers.VIA).branch, request.method)] = transaction
        self._tables.post(flow, transaction.octets)
        return transaction

    def sent(self, branch: str, method: str) -> Request | None:
        """The request of ours that went out with that branch and waits for its response."""
        transaction = self._by_branch.get((branch, method))
        return transaction.request if transaction else None

    # -- what comes in -------------------------------------------------------

    def receive(self, response: Response, now: float) -> None:
        """Take a response."""
        tables = self._tables
        try:
            message.clip(response)
            via, cseq = response.must(headers.VIA), response.must(headers.CSEQ)
        except BadMessage as error:
            tables.counters[f"dropped: {error.reason}"] += 1
            return
        transaction = self._by_branch.get((via.branch, cseq.method))
        if transaction is None:
            tables.counters["dropped: stray response"] += 1
            return
        if not sanity.usable(response, transaction.request):
            tables.counters["dropped: unusable response"] += 1
            return
        transaction.response = response
        self.step(transaction, transactions.input_of(response.status, sending=False), now)

    def step(self, transaction: Transaction, what: Input | Timer, now: float) -> None:
        """Feed a machine and do what it wants."""
        for effect in transaction.feed(what, now):
            self._effect(transaction, effect, now)
        if transaction.cancelling is Cancelling.WANTED and what is Input.RESPONSE_1XX:
            self.cancel(transaction, now, fields=())
        if transaction.over:
            request = transaction.request
            self._by_branch.pop((request.must(headers.VIA).branch, request.method), None)
            self._tables.remove(transaction)
            self._end_early_dialogs(transaction)
        else:
            self._tables.schedule(transaction)

    def _effect(self, transaction: Transaction, effect: Effect, now: float) -> None:
        if effect is Effect.SEND:
            self._tables.post(transaction.flow, transaction.octets)
        elif effect is Effect.ACKNOWLEDGE:
            self._acknowledge_failure(transaction)
        elif effect is Effect.DELIVER:
            self._deliver(transaction, now)
        else:
            status = 408 if effect is Effect.TIME_OUT else 503
            local = message.reply(transaction.request, status)
            dialog = self._dialog_of(transaction.request)
            self._tell(transaction, local, dialog, local=True)

    def _deliver(self, transaction: Transaction, now: float) -> None:
        request, response = transaction.request, transaction.response
        if response is None:
            raise LocalError("nothing to deliver")
        dialog = None if transaction.passing else self._dialog_for(transaction, response)
        if dialog is not None and request.method == "INVITE":
            if response.status < 200 and not self._in_sequence(dialog, request, response, now):
                return
            if 200 <= response.status < 300 and self._known_already(dialog, request, response):
                return
        self._tell(transaction, response, dialog)
        if response.status >= 300:
            self._end_early_dialogs(transaction)

    def _tell(
        self,
        transaction: Transaction,
        response: Response,
        dialog: Dialog | None,
        *,
        local: bool = False,
    ) -> None:
        if not transaction.inner:
            known = dialog.id if dialog else None
            self._tables.tell(
                ResponseReceived(transaction.id, transaction.request, response, known, local=local)
            )

    def _known_already(self, dialog: Dialog, request: Request, response: Response) -> bool:
        """A 2xx that comes again gets its ACK again, and nobody hears of it (13.2.2.4)."""
        cseq = request.must(headers.CSEQ).number
        if dialog.ack is not None and dialog.ack.cseq == cseq:
            if dialog.ack.octets:
                self._tables.post(dialog.flow, dialog.ack.octets)
            return True
        dialog.ack = Acknowledgement(cseq, credentials=_credentials(request))
        dialog.confirm(response)
        return False

    def _in_sequence(
        self, dialog: Dialog, request: Request, response: Response, now: float
    ) -> bool:
        """Acknowledge a reliable provisional response; False if it is not the next (RFC 3262 4)."""
        rseq = response.one(headers.RSEQ)
        if rseq is None or not response.has_token(headers.REQUIRE, "100rel"):
            return True
        cseq = request.must(headers.CSEQ).number
        if dialog.heard_reliably[0] == cseq and rseq != dialog.heard_reliably[1] + 1:
            return False
        dialog.heard_reliably = (cseq, rseq)
        dialog.retarget(response)
        rack = RAck(rseq, cseq, request.method)
        fields = (("RAck", headers.RACK.build(rack)),)
        self.request_in_dialog(dialog, "PRACK", now, fields=fields, body=None).inner = True
        return True

    def _dialog_for(self, transaction: Transaction, response: Response) -> Dialog | None:
        """The dialog of a response, made if need be (12.1.2)."""
        request = transaction.request
        tag = response.must(headers.TO).tag
        key = (request.must(headers.CALL_ID), request.must(headers.FROM).tag, tag)
        if (known := self._tables.find(key)) is not None:
            return known
        forms = request.method in dialogs.FORMING and 100 < response.status < 300 and tag
        if not forms or request.must(headers.TO).tag:
            return None
        dialog = dialogs.as_client(
            self._tables.new_dialog_id(), request, response, transaction.flow
        )
        dialog.early = response.status < 200
        self._tables.keep(dialog)
        return dialog

    def _dialog_of(self, request: Request) -> Dialog | None:
        tags = (request.must(headers.FROM).tag, request.must(headers.TO).tag)
        return self._tables.find((request.must(headers.CALL_ID), *tags))

    def _end_early_dialogs(self, transaction: Transaction) -> None:
        """A final refusal ends what provisional responses had begun (12.3)."""
        request = transaction.request
        if request.method != "INVITE" or request.must(headers.TO).tag:
            return
        call, tag = request.must(headers.CALL_ID), request.must(headers.FROM).tag
        for dialog in list(self._tables.dialogs_of(call)):
            if dialog.early and dialog.local.tag == tag:
                self._tables.forget(dialog.id)

    def _acknowledge_failure(self, transaction: Transaction) -> None:
        """ACK a 300-699 within its transaction (17.1.1.3)."""
        invite, response = transaction.request, transaction.response
        if response is None:
            raise LocalError("nothing to acknowledge")
        ack = Request("ACK", invite.uri, [])
        ack.append("Via", headers.build_via(invite.must(headers.VIA)))
        for route in invite.all("route"):
            ack.append("Route", route)
        ack.add(headers.MAX_FORWARDS, 70)
        ack.append("From", invite.get("from") or "")
        ack.append("To", response.get("to") or "")
        ack.append("Call-ID", invite.get("call-id") or "")
        ack.add(headers.CSEQ, CSeq(invite.must(headers.CSEQ).number, "ACK"))
        self._tables.post(transaction.flow, ack.build())


def _credentials(invite: Request) -> tuple[tuple[str, str], ...]:
    """What the ACK to a 2xx repeats of its INVITE (13.2.2.4)."""
    return tuple(
        (name, value)
        for name in ("Authorization", "Proxy-Authorization")
        for value in invite.all(name.lower())
    )
