"""A SIP user agent that does no I/O: transactions, dialogs and their timers.

Feed it octets and the time; drain `next_event`; act by `respond`, `request`
and their like; then send what `data_to_send` gives and call `handle_timeout`
when `next_timeout` has come. It never blocks, never reads a clock and knows
nothing of conferences.

This is the door; the rules stand in `uas` (what others ask of us) and `uac`
(what we ask of others), and both keep their books in `tables`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sipgateway.sip import message
from sipgateway.sip.dialog import Dialog
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import DialogId, FlowClosed, SipEvent, Strayed, TransactionId
from sipgateway.sip.flow import Flow, FlowId
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.limits import DEFAULT, Limits
from sipgateway.sip.message import Request, Response
from sipgateway.sip.sanity import Objection
from sipgateway.sip.siblings import Siblings
from sipgateway.sip.tables import Body as Body
from sipgateway.sip.tables import Fields as Fields
from sipgateway.sip.tables import Tables
from sipgateway.sip.tokens import Tokens
from sipgateway.sip.transaction import Input, State, Timer, Transaction
from sipgateway.sip.uac import KINDS as CLIENT_KINDS
from sipgateway.sip.uac import UserAgentClient
from sipgateway.sip.uas import UserAgentServer


class Endpoint:
    """See the module. `now` is in seconds of whatever clock the caller keeps.

    With `siblings` this process is one of several, and says of a message that
    is for another that it has strayed here.
    """

    def __init__(
        self, tokens: Tokens, siblings: Siblings | None = None, limits: Limits = DEFAULT
    ) -> None:
        self._tables = Tables(tokens)
        self._siblings = siblings
        self._uac = UserAgentClient(self._tables)
        self._uas = UserAgentServer(self._tables, self._uac, limits)
        #: What was dropped or refused here, by reason.
        self.counters = self._tables.counters

    # -- what comes in -------------------------------------------------------

    def receive(
        self,
        octets: bytes,
        flow: Flow,
        now: float,
        *,
        vouched: object = None,
        settled: bool = False,
    ) -> None:
        """Take one whole message that came by `flow`.

        `vouched` tells who sent it, where another process has asked already. What is
        `settled`, or was passed on to us, is ours whatever its tags say.
        """
        if not octets.strip(b"\r\n\x00 "):
            self.counters["keep-alive"] += 1  # RFC 5626 3.5.1, and what old phones send
            return
        try:
            if len(octets) > message.MAX_MESSAGE:
                raise BadMessage("Message too large")
            received = message.parse(octets)
        except BadMessage as error:
            self.counters[f"dropped: {error.reason}"] += 1
            return
        if self._siblings is not None and not settled and not flow.via:
            to = self._siblings.whose(received)
            if to:
                call_id = received.get("call-id") or ""
                self._tables.tell(Strayed(to, call_id, octets, flow))
                return
        if isinstance(received, Response):
            self._uac.receive(received, now)
        else:
            self._uas.receive(received, flow, now, vouched=vouched)

    def gauges(self) -> dict[str, int]:
        """How many transactions and dialogs there are."""
        return {
            "transactions": len(self._tables.transactions),
            "dialogs": len(self._tables.dialogs),
        }

    def knows(self, call_id: str) -> bool:
        """Whether a dialog or a transaction of that Call-ID is here, or a call at a sibling."""
        elsewhere = self._siblings is not None and self._siblings.knows(call_id)
        return elsewhere or self._tables.knows(call_id)

    def turn_away(self, octets: bytes, flow: Flow, wait: int) -> None:
        """Answer a request by 503 with Retry-After (seconds), at the least cost, keeping nothing.

        What is no request, or cannot be answered, is dropped.
        """
        try:
            received = message.parse(octets)
            if isinstance(received, Request):
                self._uas.turn_away(received, flow, wait)
        except BadMessage as error:
            self.counters[f"dropped: {error.reason}"] += 1

    def flow_closed(self, flow: FlowId, now: float) -> None:
        """The connection is gone: what waits for an answer on it has failed."""
        for transaction in self._tables.of(flow):
            self._step(transaction, Input.FLOW_LOST, now)
        self._tables.tell(FlowClosed(flow))

    def give_up(self, transaction: TransactionId, now: float) -> None:
        """No answer will come by the connection that a request of ours went out by."""
        request = self._tables.transactions.get(transaction)
        if request is not None:
            self._step(request, Input.FLOW_LOST, now)

    def next_event(self) -> SipEvent | None:
        """The next thing that happened, or None."""
        return self._tables.events.popleft() if self._tables.events else None

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
        Where the INVITE requires it, a provisional response is sent reliably, or,
        if the INVITE has no offer, not at all.
        """
        return self._uas.respond(
            transaction, status, now, reason=reason, fields=fields, body=body, contact=contact
        )

    def refuse(
        self, transaction: TransactionId, status: int, *, reason: str = "", fields: Fields = ()
    ) -> None:
        """Refuse a request that nothing was answered to yet, and keep nothing of it.

        For what strangers ask, who may ask a lot: a challenge, an overload (RFC 3261
        8.2.7, 26.3.2.4). Asked once more, the same request is a new one.
        """
        self._uas.refuse(transaction, Objection(status, reason, tuple(fields)))

    def hang_up_early(self, transaction: TransactionId, now: float) -> bool:
        """Take a BYE in an early dialog: 200, and its INVITE counts as cancelled (RFC 3261 15).

        False, and it is not answered, where it is no BYE or the INVITE has its answer.
        """
        return self._uas.hang_up_early(transaction, now)

    def proved(self, transaction: TransactionId, address: str) -> None:
        """The sender of a request has proved that `address` is his; so it is in its dialog."""
        self._uas.proved(transaction, address)

    def recognize(self, transaction: TransactionId) -> bool:
        """A `strange` request is its peer's after all: learn its number, and where he is now.

        False, and it is answered, where others have come meanwhile that are newer.
        """
        return self._uas.recognize(transaction)

    def process_of(self, call_id: str, tag: str) -> str:
        """The process that has the dialog with that tag of ours; "" if this one, or none."""
        found = self._siblings.of_call(call_id, tag) if self._siblings is not None else ""
        return "" if self._siblings is None or found == self._siblings.name else found

    def release(self, transaction: TransactionId, to: str) -> bytes:
        """Let go of a request that another process is to answer; gives its octets.

        Nothing was answered to it yet, and what follows it (its CANCEL, its ACK,
        itself again) goes to that process as well.
        """
        request = self._uas.release(transaction)
        if self._siblings is not None:
            self._siblings.learn(request.get("call-id") or "", to)
        return request.build()

    def forward(self, request: Request, flow: Flow, now: float, *, came_for: str) -> TransactionId:
        """Send somebody else's request on by `flow`, our Via on top (RFC 3261 16.6).

        `came_for` is the Request-URI that it came with: should it come with that
        again, it goes round in a loop. Its responses come as `ResponseReceived`, without a dialog.
        """
        return self._uac.forward(request, flow, now, came_for=came_for)

    def pass_back(self, transaction: TransactionId, response: Response, now: float) -> None:
        """Answer a request with somebody else's final response (RFC 3261 16.7)."""
        self._uas.pass_back(transaction, response, now)

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
        """Send a request outside any dialog; what makes one needs a `contact`.

        `hops` is its Max-Forwards, 0 to 255.
        """
        return self._uac.request(
            method,
            uri,
            now,
            flow=flow,
            from_=from_,
            to=to,
            contact=contact,
            routes=routes,
            fields=fields,
            body=body,
            hops=hops,
        )

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
        known = self._tables.dialog(dialog)
        return self._uac.request_in_dialog(known, method, now, fields=fields, body=body).id

    def retry(
        self, before: Request, flow: Flow, now: float, *, fields: Fields = ()
    ) -> TransactionId:
        """Send a refused request once more, with these fields: credentials, or a longer interval.

        The same Call-ID and From tag, the next CSeq (RFC 3261 8.1.3.5, 22.2).
        """
        return self._uac.retry(before, flow, now, fields=fields)

    def elsewhere(
        self, before: Request, flow: Flow, now: float, *, contact: NameAddr | None = None
    ) -> TransactionId:
        """Send a request to the next server, when the first one has failed (RFC 3263 4.3).

        It is the same request, by another branch: whoever gets it twice can tell.
        """
        return self._uac.elsewhere(before, flow, now, contact=contact)

    def acknowledge(self, dialog: DialogId, cseq: int, *, body: Body | None = None) -> None:
        """Send the ACK to a 2xx to our INVITE of that CSeq; `body` is the answer, if owed."""
        self._uac.acknowledge(self._tables.dialog(dialog), cseq, body=body)

    def cancel(self, transaction: TransactionId, now: float, *, fields: Fields = ()) -> None:
        """Cancel an INVITE of ours (RFC 3261 9.1), as soon as that is allowed."""
        invite = self._tables.transactions.get(transaction)
        if invite is not None:
            self._uac.cancel(invite, now, fields=fields)

    def data_to_send(self) -> list[tuple[Flow, bytes]]:
        """What is to be sent, in order; asked once after every feeding.

        An INVITE that nobody has answered by now gets its 100 (RFC 3261 17.2.1).
        """
        self._uas.try_untried()
        outgoing, self._tables.outgoing = self._tables.outgoing, []
        return outgoing

    # -- dialogs and transactions --------------------------------------------

    def dialog(self, dialog: DialogId) -> Dialog | None:
        """The dialog, or None once it is forgotten."""
        return self._tables.dialogs.get(dialog)

    def find_dialog(self, call_id: str, local_tag: str, remote_tag: str) -> Dialog | None:
        """The dialog of that identifier, as Replaces, Join and Target-Dialog name it."""
        return self._tables.find((call_id, local_tag, remote_tag))

    def has_ended(self, call_id: str, local_tag: str, remote_tag: str) -> bool:
        """Whether a dialog of that identifier was here, and is over."""
        return self._tables.has_ended((call_id, local_tag, remote_tag))

    @property
    def process(self) -> str:
        """The name of this process, where it is one of several; else ""."""
        return self._siblings.name if self._siblings is not None else ""

    def restore(self, dialog: Dialog) -> DialogId:
        """Go on with a dialog of another process; one that is known already stays as it is."""
        known = self._tables.find(dialog.key)
        if known is not None:
            return known.id
        made = replace(dialog, id=self._tables.new_dialog_id())
        self._tables.keep(made)
        if self._siblings is not None:
            self._siblings.learn(dialog.call_id, self._siblings.name)
        return made.id

    def forget(self, dialog: DialogId) -> None:
        """No usage is left in the dialog: requests in it are 481 from now on."""
        self._tables.forget(dialog)
        self._uas.forget(dialog)

    def move(self, dialog: DialogId, flow: Flow) -> None:
        """The peer is reached by another flow now (RFC 5626 5.3)."""
        if (known := self._tables.dialogs.get(dialog)) is not None:
            known.flow = flow

    def unheard(self, transaction: TransactionId) -> Request | None:
        """The request of ours, if nothing has come back for it yet."""
        known = self._tables.transactions.get(transaction)
        if known is None or known.state not in {State.CALLING, State.TRYING}:
            return None
        return known.request

    def pending(self, transaction: TransactionId) -> bool:
        """Whether a request still waits for its final response."""
        known = self._tables.transactions.get(transaction)
        return known is not None and known.state in {
            State.CALLING,
            State.TRYING,
            State.PROCEEDING,
        }

    # -- time ----------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called, or None."""
        return self._tables.next_timeout()

    def handle_timeout(self, now: float) -> None:
        """Do what is due by `now`."""
        while (what := self._tables.pop_due(now)) is not None:
            if not isinstance(what, Transaction):
                what(now)
                continue
            for timer in [t for t, when in what.deadlines.items() if when <= now]:
                if timer in what.deadlines and not what.over:
                    self._step(what, timer, now)
            if not what.over:
                self._tables.schedule(what)

    def _step(self, transaction: Transaction, what: Input | Timer, now: float) -> None:
        side = self._uac if transaction.kind in CLIENT_KINDS else self._uas
        side.step(transaction, what, now)
