"""REFERs to a conference: call somebody, let somebody go, have somebody call in.

RFC 4579 5.5, 5.7 and 5.11. Policy is asked before anything else happens; what
comes of it is told as sipfrags in the implicit subscription.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from conferences import policy
from conferences.policy import Identity, ParticipantKey, Refusal, Snapshot
from sipgateway.focus import answers, outside, referral
from sipgateway.focus.actions import AskCall, AskCancel, AskRemoval
from sipgateway.focus.attendance import Attendance
from sipgateway.focus.desk import Desk, DialogOwner, uri_of
from sipgateway.focus.dialing import Dialings
from sipgateway.focus.events import Answer, CallAsked, CancelAsked, RemovalAsked
from sipgateway.focus.referral import Referral, Wanted, Wish
from sipgateway.focus.relay import Relay
from sipgateway.focus.removals import Removals
from sipgateway.focus.roster import CALLED
from sipgateway.sip import headers
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import DialogId, RequestReceived, TransactionId
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.subscription import Subscription
from sipgateway.sip.uri import SipUri


class Host(DialogOwner, Protocol):
    """The conference that is asked."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""

    @property
    def contact(self) -> NameAddr:
        """Its URI, with `isfocus` unless hidden."""

    def refuse(self, transaction: TransactionId, refusal: Refusal, now: float) -> None:
        """Answer a request with what a refusal means in SIP."""


class Referring:
    """See the module."""

    def __init__(
        self,
        desk: Desk,
        host: Host,
        *,
        attendance: Attendance,
        removals: Removals,
        dialings: Dialings,
    ) -> None:
        self._desk = desk
        self._host = host
        self._attendance = attendance
        self._removals = removals
        self._dialings = dialings
        self._told: dict[DialogId, list[Referral]] = {}

    def refer(self, event: RequestReceived, who: Identity, now: float) -> None:
        """Carry out a REFER, in or out of a dialog."""
        try:
            wanted = referral.parse(event.request)
        except BadMessage as error:
            self._desk.endpoint.respond(event.transaction, 400, now, reason=error.reason)
            return
        handler = _WISHES.get(wanted.wish)
        if handler is None:
            self._desk.endpoint.respond(event.transaction, 501, now)
        elif isinstance(wanted.target, SipUri) or wanted.target.scheme == "tel":
            handler(self, event, who, wanted, now)
        elif not self._refused(event, who, now):
            reason = "Only SIP Addresses And Telephone Numbers Can Be Called"
            self._desk.endpoint.respond(event.transaction, 488, now, reason=reason)

    def usage_ended(self, dialog: DialogId) -> bool:
        """Forget what is told to the end; whether nothing is left to tell in that dialog."""
        left = [told for told in self._told.pop(dialog, []) if not told.over]
        if left:
            self._told[dialog] = left
        return not left

    # -- wishes --------------------------------------------------------------

    def _refused(self, event: RequestReceived, who: Identity, now: float) -> bool:
        """Refuse who may not add; whether that was done."""
        refusal = policy.may_add(self._host.snapshot, who, joined=who.uri in self._attendance)
        if refusal is None:
            refusal = policy.when(self._host.snapshot, now=now)
        if refusal is not None:
            self._host.refuse(event.transaction, refusal, now)
        return refusal is not None

    def _add(self, event: RequestReceived, who: Identity, wanted: Wanted, now: float) -> None:
        target = wanted.target
        if self._refused(event, who, now):
            return
        told = self._accept(event, now)
        told.tell(100, now)

        def asked(answer: Answer, then: float) -> None:
            if isinstance(answer, CallAsked) and answer.call is not None:
                self._dialings.follow(answer.call, told)
            else:
                _refused(told, answer, then)

        conference, uri = self._host.snapshot.id, str(target)
        self._desk.ask(lambda number: AskCall(number, conference, uri, who), asked)

    def _remove(self, event: RequestReceived, who: Identity, wanted: Wanted, now: float) -> None:
        user = self._attendance.find(wanted.target)
        entity = user.entity if user else outside.canonical(wanted.target)
        refusal = policy.may_remove(self._host.snapshot, who, target=entity)
        if refusal is not None:
            self._host.refuse(event.transaction, refusal, now)
            return
        told = self._accept(event, now)
        told.tell(100, now)
        if user is None:
            told.tell(404, now)
        elif all(entry.status in CALLED for entry in user.endpoints):
            self._call_off(user.entity, who, told)
        else:
            self._put_out(user.key, who, told)

    def _call_off(self, entity: str, who: Identity, told: Referral) -> None:
        """Who is being called is let go by calling him no longer."""

        def asked(answer: Answer, then: float) -> None:
            if isinstance(answer, CancelAsked) and answer.refusal is None:
                told.tell(200 if answer.cancelled else 404, then)
            else:
                _refused(told, answer, then)

        conference = self._host.snapshot.id
        self._desk.ask(lambda number: AskCancel(number, conference, entity, who), asked)

    def _put_out(self, key: ParticipantKey, who: Identity, told: Referral) -> None:
        def asked(answer: Answer, then: float) -> None:
            if isinstance(answer, RemovalAsked) and answer.removal is not None:
                self._removals.follow(answer.removal, told, then)
            else:
                _refused(told, answer, then)

        conference = self._host.snapshot.id
        self._desk.ask(lambda number: AskRemoval(number, conference, key, who), asked)

    def _refer(self, event: RequestReceived, who: Identity, wanted: Wanted, now: float) -> None:
        """RFC 4579 5.7: have somebody call in by himself."""
        if self._refused(event, who, now):
            return
        target = uri_of(str(wanted.target))
        contact = self._host.contact
        if uri_of(wanted.nested.strip("<> ")).aor != uri_of(str(contact.uri)).aor:
            reason = "Refer-To header: not this conference"
            self._desk.endpoint.respond(event.transaction, 400, now, reason=reason)
            return
        person = self._desk.domain.uri(target.name.lower())
        phones = self._desk.phones(person.aor, now) if self._desk.domain.owns(target) else []
        if not phones:
            reason = "No Phone Is Registered"
            self._desk.endpoint.respond(event.transaction, 480, now, reason=reason)
            return
        asker = NameAddr(uri_of(who.uri), who.display_name)
        refer_to = headers.REFER_TO.build(contact)
        relay = Relay(self._desk, event, contact)
        relay.start(phones, from_=asker, to=NameAddr(person), refer_to=refer_to, now=now)

    def _accept(self, event: RequestReceived, now: float) -> Referral:
        """202, and the implicit subscription unless it is declined (RFC 3515, RFC 4488)."""
        if referral.unsubscribed(event.request):
            fields = (("Refer-Sub", "false"),)
            self._desk.endpoint.respond(event.transaction, 202, now, fields=fields)
            return Referral(self._desk, self._host, None)
        contact = self._host.contact
        dialog = self._desk.endpoint.respond(event.transaction, 202, now, contact=contact)
        if dialog is None:
            return Referral(self._desk, self._host, None)
        subscription = Subscription(dialog, referral.event_of(event.request), now + referral.LIFE)
        told = Referral(self._desk, self._host, subscription)
        self._told.setdefault(dialog, []).append(told)
        self._desk.own(dialog, self._host)
        self._desk.later(now + referral.LIFE, told.expire)
        return told


def _refused(told: Referral, answer: Answer, now: float) -> None:
    """The service says no, or the database does not answer."""
    if isinstance(answer, CallAsked | CancelAsked | RemovalAsked):
        status, phrase, _ = answers.REFUSALS[answer.refusal or Refusal.NOT_ALLOWED]
        told.tell(status, now, phrase)
    else:
        told.tell(503, now)


_Handler = Callable[[Referring, RequestReceived, Identity, Wanted, float], None]
_WISHES: Mapping[Wish, _Handler] = {
    Wish.ADD: Referring._add,
    Wish.REMOVE: Referring._remove,
    Wish.REFER: Referring._refer,
}
