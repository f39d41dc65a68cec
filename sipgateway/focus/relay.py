"""A REFER passed on to a person's phones, and their NOTIFYs passed back.

Two flows come through here: somebody refers a person by his address (draft
4.7, RFC 4579 5.6), and somebody asks the focus to have a person call in
(RFC 4579 5.7). Either way the one who asked has a dialog with us and the
phone has another; what the phone tells goes on to the one who asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from sipgateway.focus import referral
from sipgateway.focus.desk import Desk, Phone
from sipgateway.focus.forking import Forking
from sipgateway.focus.referral import Account
from sipgateway.sip import headers
from sipgateway.sip.endpoint import Body, Fields
from sipgateway.sip.events import (
    AckMissing,
    AckReceived,
    DialogId,
    FlowClosed,
    RequestReceived,
    ResponseReceived,
    TransactionId,
)
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import Request
from sipgateway.sip.subscription import Subscription


class Relay:
    """One REFER on its way; `contact` is ours towards both sides."""

    def __init__(
        self,
        desk: Desk,
        event: RequestReceived,
        contact: NameAddr,
        account: Account | None = None,
    ) -> None:
        """With an `account` the heir of this process says that no more will be told."""
        self._desk = desk
        self._account = account
        self._event = event
        self._contact = contact
        #: Whether it has been answered, before any phone has or after one took it.
        self._taken = False
        #: The dialog with the one who asked, and that with the phone which took it.
        self._mine: DialogId | None = None
        self._theirs: DialogId | None = None
        #: What is written down of the first.
        self._told: Subscription | None = None

    def take(self, now: float) -> None:
        """Take the REFER before any phone is asked (RFC 4579 5.7): what comes is told."""
        self._accept(now)
        self._tell("active", 100, "Trying", now)

    def start(
        self, phones: Sequence[Phone], *, from_: NameAddr, to: NameAddr, refer_to: str, now: float
    ) -> None:
        """Ask all phones; the first who accepts has it."""
        fields: list[tuple[str, str]] = [("Refer-To", refer_to)]
        fields.append(("Referred-By", headers.REFERRED_BY.build(NameAddr(from_.uri))))
        if referral.unsubscribed(self._event.request):
            fields.append(("Refer-Sub", "false"))

        def send(phone: Phone, at: float) -> TransactionId:
            return self._desk.endpoint.request(
                "REFER",
                phone.uri,
                at,
                flow=phone.flow,
                from_=from_,
                to=to,
                contact=self._contact,
                routes=phone.routes,
                fields=tuple(fields),
            )

        Forking(self._desk, send, self._replied).start(phones, now)

    def _replied(self, reply: ResponseReceived | None, phone: Phone | None, now: float) -> None:
        """The best answer of all phones; NOTIFYs of another that took it, too, get 481."""
        del phone
        if reply is None:
            self._failed(408 if self._taken else 480, "No Phone Answered", now)
            return
        status, reason = reply.response.status, reply.response.reason
        if status >= 300:
            self._failed(status, reason, now)
            return
        self._theirs = reply.dialog
        if self._taken:
            self._tell("active", status, reason, now)
            self._own(self._theirs)
        else:
            self._accept(now)

    def _failed(self, status: int, reason: str, now: float) -> None:
        """No phone takes it."""
        if self._taken:
            self._tell("terminated;reason=noresource", status, reason, now)
            self._end(now)
        else:
            self._desk.endpoint.respond(self._event.transaction, status, now, reason=reason)

    def _tell(self, state: str, status: int, reason: str, now: float) -> None:
        """How it goes, by ourselves; nothing where the sender wants no subscription."""
        if self._mine is None or referral.unsubscribed(self._event.request):
            return
        if state == "active":
            state = f"active;expires={referral.LIFE:.0f}"
        body = Body(f"SIP/2.0 {status} {reason}\r\n", referral.SIPFRAG)
        self._notify(state, body, now)

    def _own(self, dialog: DialogId | None) -> None:
        """Be asked about a dialog, unless it is that of a call."""
        if dialog is not None and dialog not in self._desk.dialogs:
            self._desk.own(dialog, self)

    def _accept(self, now: float) -> None:
        self._taken = True
        fields: Fields = ()
        if referral.unsubscribed(self._event.request):
            fields = (("Refer-Sub", "false"),)
        self._mine = self._desk.endpoint.respond(
            self._event.transaction, 202, now, fields=fields, contact=self._contact
        )
        for dialog in (self._mine, self._theirs):
            self._own(dialog)
        if self._account is not None and self._mine is not None and not fields:
            self._told = Subscription(
                self._mine, referral.event_of(self._event.request), now + referral.LIFE
            )
            self._account.keeper.keep_referral(self._account.who, self._told, {}, now)
        self._desk.later(now + referral.LIFE, self._end)

    def _end(self, now: float) -> None:
        if self._account is not None and self._told is not None:
            self._account.keeper.forget_referral(self._told, now)
            self._told = None
        for dialog in (self._mine, self._theirs):
            if dialog is not None and self._desk.dialogs.get(dialog) is self:
                self._desk.disown(dialog)

    # -- desk.DialogOwner ----------------------------------------------------

    def request_came(self, event: RequestReceived, now: float) -> None:
        """What the phone tells goes on; the one who asked may end it."""
        method, ours = event.request.method, event.dialog == self._theirs
        if method == "NOTIFY" and ours:
            self._desk.endpoint.respond(event.transaction, 200, now)
            self._pass_on(event.request, now)
        elif method == "SUBSCRIBE" and not ours and event.request.one(headers.EXPIRES) == 0:
            self._desk.endpoint.respond(
                event.transaction, 200, now, fields=(("Expires", "0"),), contact=self._contact
            )
            self._end(now)
        else:
            self._desk.endpoint.respond(event.transaction, 481, now)

    def _pass_on(self, notify: Request, now: float) -> None:
        state = notify.get("subscription-state") or "active"
        text = notify.body.decode("utf-8", "surrogateescape")
        self._notify(state, Body(text, notify.get("content-type") or referral.SIPFRAG), now)
        if state.lower().startswith("terminated"):
            self._end(now)

    def _notify(self, state: str, body: Body, now: float) -> None:
        if self._mine is not None:
            told = headers.EVENT.build(referral.event_of(self._event.request))
            fields = (("Event", told), ("Subscription-State", state))
            self._desk.endpoint.request_in_dialog(
                self._mine, "NOTIFY", now, fields=fields, body=body
            )

    def ack_came(self, event: AckReceived, now: float) -> None:
        """There is no INVITE here."""

    def ack_missing(self, event: AckMissing, now: float) -> None:
        """There is no INVITE here."""

    def flow_closed(self, event: FlowClosed, now: float) -> None:
        """What is told by then is told."""

    def usage_ended(self, dialog: DialogId) -> None:
        """There is one usage, which ends with the relay."""
