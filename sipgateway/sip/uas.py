"""The server side of the user agent: what others ask of us (RFC 3261 8.2, 12.2.2, 13.3, 17.2).

Some lines longer than a file here should be: what comes in and what goes out work on one
table of transactions, and would only pass it to each other.
"""

from __future__ import annotations

import functools
import hashlib

from sipgateway.sip import arrival, glare, headers, message, provisional, sanity
from sipgateway.sip import dialog as dialogs
from sipgateway.sip import transaction as transactions
from sipgateway.sip.arrival import Key
from sipgateway.sip.awaited import AwaitedAcks
from sipgateway.sip.dialog import Dialog, DialogKey
from sipgateway.sip.errors import BadMessage, LocalError
from sipgateway.sip.events import (
    AckReceived,
    CancelReceived,
    DialogId,
    RequestReceived,
    TransactionId,
)
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.limits import Limits
from sipgateway.sip.message import Request, Response
from sipgateway.sip.provisional import Provisionals
from sipgateway.sip.sanity import Objection
from sipgateway.sip.tables import Body, Fields, Tables, fill
from sipgateway.sip.transaction import Effect, Input, Kind, State, Timer, Transaction
from sipgateway.sip.uac import UserAgentClient

AFTER_OVERLOAD = 5
"""Seconds until one may ask again: transactions of non-INVITEs are over then on the whole."""


class UserAgentServer:
    """See the module. `client` knows what we have sent, for loops and glare."""

    def __init__(self, tables: Tables, client: UserAgentClient, limits: Limits) -> None:
        self._tables = tables
        self._client = client
        self._limits = limits
        self._salt = tables.tokens.opaque().encode()
        self._servers: dict[Key, Transaction] = {}
        self._merged: dict[Key, Key] = {}
        self._untried: list[Transaction] = []
        self._acks = AwaitedAcks(tables)
        self._reliable: dict[TransactionId, Provisionals] = {}

    # -- what comes in -------------------------------------------------------

    def receive(self, request: Request, flow: Flow, now: float, *, vouched: object = None) -> None:
        """Take a request; see `Endpoint.receive`."""
        if not sanity.answerable(request):
            self._tables.counters["dropped: unanswerable"] += 1
            return
        arrival.note_source(request, flow)
        source, flow = flow, arrival.way_back(request, flow)
        arrival.meant_by_rfc_2543(request)
        try:
            message.clip(request)
        except BadMessage as error:
            self._refuse(request, flow, Objection(400, error.reason))
            return
        known = self._servers.get(arrival.server_key(request))
        if known is not None and request.method != "ACK":
            self._step(known, Input.REQUEST, now)
            return
        if (objection := sanity.objection(request)) is not None:
            self._refuse(request, flow, objection)
        elif request.method == "ACK":
            self._acknowledged(request, flow, known, now)
        elif request.method == "CANCEL":
            self._cancelled(request, flow)
        else:
            self._new_request(request, flow, now, vouched, source=source)

    def _refuse(self, request: Request, flow: Flow, objection: Objection) -> None:
        """Answer without keeping anything (8.2.7): the same request gets the same tag."""
        if request.method == "ACK":
            self._tables.counters["dropped: malformed ACK"] += 1
            return
        self._tables.counters[f"refused: {objection.status}"] += 1
        same = "\n".join([*arrival.server_key(request), request.get("call-id") or ""])
        octets = same.encode("utf-8", "surrogateescape")
        tag = hashlib.blake2s(octets, key=self._salt[:32], digest_size=8).hexdigest()
        response = message.reply(request, objection.status, objection.reason, tag=tag)
        fill(response, objection.fields, None)
        self._tables.post(flow, response.build())

    def refuse(self, transaction: TransactionId, objection: Objection) -> None:
        """See `Endpoint.refuse`."""
        server = self._tables.transactions.get(transaction)
        if server is None or server.tag == "" or server.response is not None:
            return
        server.state = State.TERMINATED
        self._drop(server)
        self._refuse(server.request, server.flow, objection)

    def release(self, transaction: TransactionId) -> Request:
        """See `Endpoint.release`; `LocalError` for what is over or answered."""
        server = self._tables.transactions.get(transaction)
        if server is None or server.tag == "" or server.response is not None:
            raise LocalError("nothing to release")
        server.state = State.TERMINATED
        self._drop(server)
        return server.request

    def _new_request(
        self, request: Request, flow: Flow, now: float, vouched: object, *, source: Flow
    ) -> None:
        tag = request.must(headers.TO).tag
        dialog = self._tables.find(_dialog_key(request, tag)) if tag else None
        objection = self._out_of_place(request, dialog) or self._overload(request, dialog)
        if objection is None and dialog is not None:
            objection = (
                sanity.unsupported(request)
                or sanity.misplaced(request)
                or self._out_of_turn(dialog, request)
            )
        if objection is not None:
            self._refuse(request, flow, objection)
            return
        strange = dialog is not None and not dialog.came_by(source)
        if dialog is not None and not strange:
            dialog.heard(request, flow)
        transaction = self._begin(request, flow, dialog, now)
        if request.method == "PRACK":
            self._pracked(transaction, now)
            return
        known = dialog.id if dialog else None
        self._tables.tell(RequestReceived(transaction.id, request, flow, known, vouched, strange))

    def recognize(self, transaction: TransactionId) -> bool:
        """See `Endpoint.recognize`."""
        server = self._tables.transactions.get(transaction)
        dialog = self._tables.find(_dialog_key(server.request, server.tag)) if server else None
        if server is None or dialog is None or not dialog.in_order(server.request):
            self.refuse(transaction, Objection(500, "CSeq is behind"))
            return False
        dialog.heard(server.request, server.flow)
        return True

    def proved(self, transaction: TransactionId, address: str) -> None:
        """See `Endpoint.proved`."""
        if (server := self._tables.transactions.get(transaction)) is not None:
            server.proved = address

    def _begin(
        self, request: Request, flow: Flow, dialog: Dialog | None, now: float
    ) -> Transaction:
        kind = Kind.INVITE_SERVER if request.method == "INVITE" else Kind.SERVER
        transaction = self._tables.add(kind, request, flow, now)
        transaction.tag = dialog.local.tag if dialog else self._tables.tokens.tag()
        key = arrival.server_key(request)
        self._servers[key] = transaction
        if dialog is None:
            self._merged[arrival.merge_key(request)] = key
        if kind is Kind.INVITE_SERVER:
            self._untried.append(transaction)
        return transaction

    def _out_of_place(self, request: Request, dialog: Dialog | None) -> Objection | None:
        """Requests of no dialog, merged ones (8.2.2.2), and our own that have come back."""
        if request.must(headers.TO).tag:
            # With a Route it may be in a dialog that goes through us (16.4); calls do not.
            passing = request.method != "INVITE" and request.get("route") is not None
            known = dialog is not None or passing or self._acknowledges(request) is not None
            return None if known else Objection(481)
        if request.method == "PRACK":
            return Objection(481)
        if arrival.loops(request):
            return Objection(482)
        spirals = False
        for via in request.every(headers.VIA):
            # 16.3, RFC 5393 4.2: it is a spiral, and fine, if its target has changed
            sent = self._client.sent(via.branch, request.method)
            if sent is not None and sent.uri == request.uri:
                return Objection(482)
            spirals = spirals or sent is not None
        if not spirals and arrival.merge_key(request) in self._merged:
            return Objection(482, "Merged Request")
        return None

    def _overload(self, request: Request, dialog: Dialog | None) -> Objection | None:
        """What begins something new is refused where too much goes on; the rest goes on."""
        if dialog is not None:
            return None
        forms = request.method in dialogs.FORMING
        many = len(self._tables.transactions) >= self._limits.transactions
        if not many and not (forms and len(self._tables.dialogs) >= self._limits.dialogs):
            return None
        self._tables.counters["refused: too much goes on"] += 1
        return Objection(503, fields=(("Retry-After", str(AFTER_OVERLOAD)),))

    def turn_away(self, request: Request, flow: Flow, wait: int) -> None:
        """See `Endpoint.turn_away`."""
        if sanity.answerable(request):
            arrival.note_source(request, flow)
            self._refuse(request, flow, Objection(503, fields=(("Retry-After", str(wait)),)))

    def _out_of_turn(self, dialog: Dialog, request: Request) -> Objection | None:
        """CSeq behind (12.2.2), glare and overlap (14.2, RFC 3311 5.2)."""
        if not dialog.in_order(request):
            return Objection(500, "CSeq is behind")
        return glare.objection(request, dialog, self._tables.of(dialog.call_id))

    def _cancelled(self, request: Request, flow: Flow) -> None:
        invite = self._servers.get((*arrival.server_key(request)[:-1], "INVITE"))
        if invite is None:
            self._refuse(request, flow, Objection(481))
            return
        self._tables.post(flow, message.reply(request, 200, tag=invite.tag).build())
        if invite.state is State.PROCEEDING:
            self._tables.tell(CancelReceived(invite.id, request))

    def hang_up_early(self, transaction: TransactionId, now: float) -> bool:
        """See `Endpoint.hang_up_early`."""
        bye = self._tables.transactions.get(transaction)
        if bye is None or bye.request.method != "BYE":
            return False
        for invite in self._tables.of(bye.request.must(headers.CALL_ID)):
            unanswered = invite.kind is Kind.INVITE_SERVER and invite.state is State.PROCEEDING
            if unanswered and invite.tag == bye.tag and _is_in(bye.request, invite.request):
                self.respond(transaction, 200, now)
                self._tables.tell(CancelReceived(invite.id, bye.request))
                return True
        return False

    # -- acknowledgements ----------------------------------------------------

    def _acknowledged(
        self, request: Request, flow: Flow, invite: Transaction | None, now: float
    ) -> None:
        if invite is not None and invite.state is not State.ACCEPTED:
            self._step(invite, Input.ACK, now)
            return
        dialog = self._tables.find(_dialog_key(request, request.must(headers.TO).tag))
        if dialog is None and (refused := self._refused_by(request)) is not None:
            self._step(refused, Input.ACK, now)
            return
        if dialog is not None and self._acks.take(dialog.id, request.must(headers.CSEQ).number):
            if flow.remote_host == dialog.flow.remote_host:
                dialog.flow = flow
            self._tables.tell(AckReceived(dialog.id, request))

    def _refused_by(self, ack: Request) -> Transaction | None:
        """The INVITE that we refused and this ACK is for, though its branch is another's.

        17.1.1.3 wants that of the INVITE; SIPp's own example of digest, and whoever
        has copied it, makes a new one.
        """
        cseq, tag = ack.must(headers.CSEQ).number, ack.must(headers.TO).tag
        for one in self._tables.of(ack.must(headers.CALL_ID)):
            same = one.tag == tag and one.request.must(headers.CSEQ).number == cseq
            if same and one.kind is Kind.INVITE_SERVER and one.state is State.COMPLETED:
                return one
        return None

    def _pracked(self, prack: Transaction, now: float) -> None:
        """A PRACK is answered here: 200 if it is for what is out, else 481 (RFC 3262 3)."""
        invite = self._acknowledges(prack.request)
        if invite is None:
            self.respond(prack.id, 481, now)
            return
        reliable = self._reliable[invite.id]
        reliable.current = None
        # An offer in a PRACK would want an answer, which only the focus can give.
        self.respond(prack.id, 488 if prack.request.body else 200, now)
        self._send_provisional(invite, reliable, now)

    def _acknowledges(self, request: Request) -> Transaction | None:
        """The INVITE whose provisional response a PRACK is for, answered finally or not."""
        rack = request.one(headers.RACK) if request.method == "PRACK" else None
        if rack is None:
            return None
        call, tag, peer = _dialog_key(request, request.must(headers.TO).tag)
        for invite in self._tables.of(call):
            reliable = self._reliable.get(invite.id)
            same = invite.tag == tag and invite.request.must(headers.FROM).tag == peer
            if same and reliable is not None and reliable.is_out(rack):
                return invite
        return None

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
        """See `Endpoint.respond`."""
        server = self._tables.transactions.get(transaction)
        if server is None or not _takes(server, status):
            return None
        response = message.reply(server.request, status, reason, tag=server.tag)
        if contact is not None:
            if dialogs.wants_sips(server.request):
                contact = dialogs.secured(contact)
            contact = dialogs.contact_on(contact, server.flow)
            response.append("Contact", headers.build_name_addr(contact))
        if server.request.method in dialogs.FORMING and 100 < status < 300:
            for route in server.request.all("record-route"):
                response.append("Record-Route", route)
        fill(response, fields, body)
        dialog = self._dialog_for(server, status, contact)
        if 100 < status < 200 and dialog is not None and provisional.wanted(server.request):
            self._send_reliably(server, response, now)
        else:
            self._conclude(server, response, dialog, now)
        return dialog.id if dialog else None

    def pass_back(self, transaction: TransactionId, response: Response, now: float) -> None:
        """See `Endpoint.pass_back`."""
        server = self._tables.transactions.get(transaction)
        if server is None or server.response is not None:
            return
        vias = [("via", value) for value in server.request.all("via")]
        rest = [field for field in response.fields if field[0] not in {"via", "content-length"}]
        ours = Response(response.status, response.reason, [*vias, *rest], response.body)
        ours.spelt = response.spelt
        self._finish(server, ours, None, now)

    def _conclude(
        self, server: Transaction, response: Response, dialog: Dialog | None, now: float
    ) -> None:
        """Send a response the ordinary way; a 2xx may have to wait for a PRACK."""
        reliable = self._reliable.get(server.id)
        if reliable is not None and 200 <= response.status < 300 and reliable.holds_answer:
            reliable.held = functools.partial(self._finish, server, response, dialog)
            return
        self._finish(server, response, dialog, now)

    def _finish(
        self, server: Transaction, response: Response, dialog: Dialog | None, now: float
    ) -> None:
        status = response.status
        if status >= 200 and (reliable := self._reliable.get(server.id)) is not None:
            reliable.stop()
        server.response, server.octets = response, response.build()
        self._step(server, transactions.input_of(status, sending=True), now)
        if dialog is None or server.kind is not Kind.INVITE_SERVER:
            return
        if 200 <= status < 300:
            dialog.early = False
            self._acks.start(dialog, server, now)
        elif status >= 300 and dialog.early:
            self._tables.forget(dialog.id)  # 12.3

    def _send_reliably(self, invite: Transaction, response: Response, now: float) -> None:
        cseq = invite.request.must(headers.CSEQ).number
        reliable = self._reliable.setdefault(invite.id, Provisionals(cseq))
        reliable.add(response)
        self._send_provisional(invite, reliable, now)

    def _send_provisional(self, invite: Transaction, reliable: Provisionals, now: float) -> None:
        response = reliable.start_next(now)
        if response is None:
            if reliable.held is not None and not reliable.holds_answer:
                reliable.held(now)
            return
        invite.response, invite.octets = response, response.build()
        self._step(invite, Input.SEND_1XX, now)
        repeat = functools.partial(self._provisional_is_due, invite, reliable, response)
        self._tables.at(reliable.again, repeat)

    def _provisional_is_due(
        self, invite: Transaction, reliable: Provisionals, response: Response, now: float
    ) -> None:
        if reliable.current is not response or invite.state is not State.PROCEEDING:
            return
        if now >= reliable.give_up:
            self.respond(invite.id, 504, now, reason="No PRACK Came")
            self._tables.tell(CancelReceived(invite.id, invite.request))
            return
        self._tables.post(invite.flow, invite.octets)
        reliable.slow_down(now)
        repeat = functools.partial(self._provisional_is_due, invite, reliable, response)
        self._tables.at(reliable.again, repeat)

    def try_untried(self) -> None:
        """An INVITE that nobody has answered by now gets its 100 (17.2.1)."""
        for transaction in self._untried:
            if transaction.response is None and not transaction.over:
                octets = message.reply(transaction.request, 100).build()
                self._tables.post(transaction.flow, octets)
        self._untried.clear()

    def forget(self, dialog: DialogId) -> None:
        """The dialog is over: nobody waits for its ACK."""
        self._acks.forget(dialog)

    def _dialog_for(
        self, server: Transaction, status: int, contact: NameAddr | None
    ) -> Dialog | None:
        """The dialog that a response makes or belongs to (12.1.1)."""
        request = server.request
        known = self._tables.find(_dialog_key(request, server.tag))
        if known is not None:
            return known
        forms = request.method in dialogs.FORMING and 100 < status < 300
        if not forms or contact is None or request.must(headers.TO).tag:
            return None
        dialog = dialogs.as_server(
            self._tables.new_dialog_id(),
            request,
            tag=server.tag,
            contact=contact,
            flow=server.flow,
        )
        dialog.early = status < 200
        dialog.proved = server.proved
        self._tables.keep(dialog)
        return dialog

    def step(self, transaction: Transaction, what: Input | Timer, now: float) -> None:
        """Feed a machine and do what it wants."""
        self._step(transaction, what, now)

    def _step(self, transaction: Transaction, what: Input | Timer, now: float) -> None:
        for effect in transaction.feed(what, now):
            if effect is Effect.SEND and transaction.octets:
                self._tables.post(transaction.flow, transaction.octets)
        if transaction.over:
            self._drop(transaction)
        else:
            self._tables.schedule(transaction)

    def _drop(self, transaction: Transaction) -> None:
        key = arrival.server_key(transaction.request)
        merged = arrival.merge_key(transaction.request)
        self._servers.pop(key, None)
        self._reliable.pop(transaction.id, None)
        if self._merged.get(merged) == key:
            del self._merged[merged]
        self._tables.remove(transaction)


def _dialog_key(request: Request, local_tag: str) -> DialogKey:
    return (request.must(headers.CALL_ID), local_tag, request.must(headers.FROM).tag)


def _is_in(request: Request, invite: Request) -> bool:
    """Whether a request is in a dialog that the INVITE makes, not in one that it came in."""
    same = request.must(headers.FROM).tag == invite.must(headers.FROM).tag
    return same and not invite.must(headers.TO).tag


def _takes(server: Transaction, status: int) -> bool:
    """Whether a response of that status may be sent now."""
    if server.kind not in {Kind.INVITE_SERVER, Kind.SERVER}:
        return False
    if server.state in {State.COMPLETED, State.CONFIRMED, State.ACCEPTED}:
        return False
    return not 100 < status < 200 or provisional.possible(server.request)
