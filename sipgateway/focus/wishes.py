"""What a REFER asks for, one wish at a time: may it be, and carrying it out.

Calling somebody and letting him go are orders that a service writes down
(RFC 4579 5.5, 5.11); what is no call is shown to those who are in (draft 4.6),
and never fetched by us.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from conferences import policy
from conferences.policy import Identity, Refusal, Snapshot
from sipgateway.focus import answers, messages, naming, outside
from sipgateway.focus.attendance import Attendance
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk, Phone
from sipgateway.focus.dialing import Dialings
from sipgateway.focus.events import Answer, CallAsked, CancelAsked, RemovalAsked, TurnAwayAsked
from sipgateway.focus.facts import AskRefused, Fact, LinkShown
from sipgateway.focus.leg import Farewell
from sipgateway.focus.questions import AskCall, AskCancel, AskRemoval, AskTurnAway
from sipgateway.focus.referral import Telling, Wanted, Wish
from sipgateway.focus.removals import Removals
from sipgateway.focus.roster import CALLED, Departure, User
from sipgateway.sip import headers
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.headers import DialogRef, NameAddr
from sipgateway.sip.uri import SipUri, Uri

NOBODY_TO_CALL = "That Is A Conference And Nobody To Call"


class Host(Protocol):
    """The conference that is asked."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""

    @property
    def contact(self) -> NameAddr:
        """Its URI, with `isfocus` unless hidden."""

    def record(self, fact: Fact, now: float) -> None:
        """Write a fact down."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How something was asked for."""

    #: Nobody there is to read who asked (RFC 3323).
    hidden: bool = False
    #: Who is called by the same list, for those who are (RFC 5364).
    history: str = ""


class Reply(Protocol):
    """Whoever asked for a call: told at once whether it is made, and how it goes then."""

    def take(self, now: float) -> Telling:
        """It is ordered."""

    def refuse(self, status: int, reason: str, now: float) -> None:
        """It is not."""


@dataclass(frozen=True, slots=True)
class Told:
    """One who was answered before: what is refused is told as the outcome, too."""

    told: Telling

    def take(self, now: float) -> Telling:
        """See `Reply`."""
        del now
        return self.told

    def refuse(self, status: int, reason: str, now: float) -> None:
        """See `Reply`."""
        self.told.tell(status, now, reason)


class Wishes:
    """See the module."""

    def __init__(
        self,
        desk: Desk,
        host: Host,
        calls: Calls,
        *,
        attendance: Attendance,
        removals: Removals,
        dialings: Dialings,
    ) -> None:
        self._desk = desk
        self._host = host
        self._calls = calls
        self._attendance = attendance
        self._removals = removals
        self._dialings = dialings

    def refusal(self, wanted: Wanted, who: Identity, now: float) -> Refusal | None:
        """Why `who` may not have that, or None."""
        snapshot, joined = self._host.snapshot, who.uri in self._attendance
        if wanted.wish is Wish.REMOVE:
            may = policy.may_ban if wanted.ban else policy.may_remove
            return may(snapshot, who, target=self._entity(wanted))
        if wanted.wish is Wish.SHOW:
            return None if joined else policy.may_command(snapshot, who)
        return policy.may_add(snapshot, who, joined=joined) or policy.when(snapshot, now=now)

    def _find(self, wanted: Wanted) -> User | None:
        """Who is in by that URI."""
        return naming.find(self._attendance.roster.users, wanted.target, self._desk.domain)

    def _entity(self, wanted: Wanted) -> str:
        """Whom a removal means: who is in by that URI, else whoever that is."""
        user = self._find(wanted)
        return user.entity if user is not None else outside.canonical(wanted.target)

    def carry_out(
        self, wanted: Wanted, who: Identity, told: Telling, *, asked: Asked, now: float
    ) -> None:
        """Do what was asked; `told` hears how it goes."""
        if wanted.wish is Wish.SHOW:
            self._show(str(wanted.target), who, now, hidden=asked.hidden)
            told.tell(200, now)
        elif wanted.wish is not Wish.REMOVE:
            self.call(wanted, who, Told(told), asked=asked, now=now)
        elif (user := self._find(wanted)) is None:
            self._turn_away(wanted, who, told, now)
        elif all(entry.status in CALLED for entry in user.endpoints):
            self._call_off(user.entity, who, told)
        elif _means_no_phone(user, wanted.target):
            target = str(wanted.target)
            self._host.record(AskRefused(who.uri, "remove", target, Refusal.UNKNOWN), now)
            told.tell(404, now)
        else:
            self._put_out(user, wanted, who, told, hidden=asked.hidden)

    def call(
        self, wanted: Wanted, who: Identity, reply: Reply, *, asked: Asked, now: float
    ) -> None:
        """Call whom a REFER names, in place of another call where it says so."""
        if wanted.replaces:
            self._add_replacing(wanted, who, reply, asked=asked, now=now)
        else:
            self.add(str(wanted.target), who, reply, asked=asked)

    def _add_replacing(
        self, wanted: Wanted, who: Identity, reply: Reply, *, asked: Asked, now: float
    ) -> None:
        """RFC 4579 5.10: call somebody in place of a call that he has with who asks.

        Where that call is anchored here its two ends have dialogs of their own, and
        his phone knows the one that it has with us.
        """
        try:
            ref = headers.parse_dialog_ref(wanted.replaces)
        except BadMessage:
            reply.refuse(400, "Refer-To header: Replaces", now)
            return
        endpoint = self._desk.endpoint
        known = endpoint.find_dialog(ref.call_id, ref.to_tag, ref.from_tag)
        if known is None:
            self.add(str(wanted.target), who, reply, asked=asked, replaces=wanted.replaces)
            return
        end = self._desk.other_end(known.id, who)
        other = endpoint.dialog(end) if end is not None else None
        if other is None:
            reply.refuse(403, "Forbidden", now)
            return
        theirs = DialogRef(other.call_id, to_tag=other.remote.tag, from_tag=other.local.tag)
        replaces, phone = headers.REPLACES.build(theirs), f"<{other.remote_target}>"
        target = str(wanted.target)
        self.add(target, who, reply, asked=asked, replaces=replaces, phone=phone)

    def add(
        self,
        uri: str,
        who: Identity,
        reply: Reply,
        *,
        asked: Asked,
        replaces: str = "",
        phone: str = "",
    ) -> None:
        """RFC 4579 5.5: call somebody."""

        def answered(answer: Answer, then: float) -> None:
            if isinstance(answer, CallAsked) and answer.call is not None:
                told = reply.take(then)
                told.about({"call": answer.call}, then)
                self._dialings.follow(answer.call, told)
            elif isinstance(answer, CallAsked) and answer.refusal is None:
                reply.refuse(488, NOBODY_TO_CALL, then)
            else:
                if isinstance(answer, CallAsked) and answer.refusal is not None:
                    self._host.record(AskRefused(who.uri, "add", uri, answer.refusal), then)
                reply.refuse(*_refusal_in(answer), then)

        conference = self._host.snapshot.id
        self._desk.ask(
            lambda number: AskCall(
                number,
                conference,
                uri,
                who,
                phone=phone,
                replaces=replaces,
                anonymous=asked.hidden,
                history=asked.history,
            ),
            answered,
        )

    def _turn_away(self, wanted: Wanted, who: Identity, told: Telling, now: float) -> None:
        """One who is not in may stand before the door: he waits, or is to key the PIN."""
        waiter = naming.find(self._attendance.roster.waiting, wanted.target, self._desk.domain)
        entity = waiter.entity if waiter is not None else outside.canonical(wanted.target)
        at_pin = [leg for leg in self._calls if leg.identity.uri == entity and leg.pin is not None]
        if waiter is None and not at_pin:
            self._host.record(AskRefused(who.uri, "remove", entity, Refusal.UNKNOWN), now)
            told.tell(404, now)
            return

        def asked(answer: Answer, then: float) -> None:
            if isinstance(answer, TurnAwayAsked) and answer.refusal is None:
                text = "You were not let in"
                bye = Farewell(Departure.BOOTED, by=who.uri, status=403, text=text)
                for leg in at_pin:
                    self._calls.hang_up(leg, bye, then)
                told.tell(200, then)
            else:
                _refused(told, answer, then)

        conference = self._host.snapshot.id
        self._desk.ask(
            lambda number: AskTurnAway(
                number,
                conference,
                entity,
                who,
                waiter=waiter.marks.waits if waiter is not None else None,
                reason=wanted.reason,
                ban=wanted.ban,
            ),
            asked,
        )

    def _call_off(self, entity: str, who: Identity, told: Telling) -> None:
        """Who is being called is let go by calling him no longer."""

        def asked(answer: Answer, then: float) -> None:
            if isinstance(answer, CancelAsked) and answer.refusal is None:
                told.tell(200 if answer.cancelled else 404, then)
            else:
                _refused(told, answer, then)

        conference = self._host.snapshot.id
        self._desk.ask(lambda number: AskCancel(number, conference, entity, who), asked)

    def _put_out(
        self, user: User, wanted: Wanted, who: Identity, told: Telling, *, hidden: bool
    ) -> None:
        """RFC 4579 5.11: let somebody go, or one phone of his; for good he goes with all."""
        entry = None if wanted.ban else naming.phone(user, wanted.target)

        def asked(answer: Answer, then: float) -> None:
            if isinstance(answer, RemovalAsked) and answer.removal is not None:
                told.about({"removal": answer.removal}, then)
                self._removals.follow(answer.removal, told, then)
            else:
                _refused(told, answer, then)

        conference = self._host.snapshot.id
        self._desk.ask(
            lambda number: AskRemoval(
                number,
                conference,
                user.key,
                who,
                wanted.reason,
                ban=wanted.ban,
                anonymous=hidden,
                endpoint=entry.entity if entry is not None else "",
            ),
            asked,
        )

    def resume(self, order: Mapping[str, int], told: Telling, now: float) -> None:
        """Follow an order of another process's, which is placed anew here."""
        if "call" in order:
            self._dialings.follow(order["call"], told)
        elif "removal" in order:
            self._removals.follow(order["removal"], told, now)
        else:  # nobody knows any more what it was
            told.tell(503, now)

    def as_seen(self, who: Identity, viewer: Identity, *, hidden: bool = False) -> NameAddr:
        """See `naming`."""
        roster = self._attendance.roster
        return naming.as_seen(roster, self._host.snapshot, who, viewer, hidden=hidden)

    def _show(self, uri: str, who: Identity, now: float, *, hidden: bool) -> None:
        """A text with the link to everybody else who is in; nobody here follows it."""
        self._host.record(LinkShown(uri, policy.NOBODY if hidden else who.uri), now)
        for leg in self._calls.texted(besides=who.uri):
            phone = Phone(leg.endpoint, leg.flow, leg.routes)
            to = NameAddr(self._host.contact.uri)
            sender = self.as_seen(who, leg.identity, hidden=hidden)
            messages.send(self._desk.endpoint, uri, phone, from_=sender, to=to, now=now)


def _means_no_phone(user: User, target: Uri) -> bool:
    """Whether it is the GRUU of a phone of his that is not in."""
    gruu = isinstance(target, SipUri) and target.param("gr") is not None
    return gruu and naming.phone(user, target) is None


def _refused(told: Telling, answer: Answer, now: float) -> None:
    """The service says no, or the database does not answer."""
    status, phrase = _refusal_in(answer)
    told.tell(status, now, phrase)


def _refusal_in(answer: Answer) -> tuple[int, str]:
    if isinstance(answer, CallAsked | CancelAsked | RemovalAsked | TurnAwayAsked):
        status, phrase, _ = answers.REFUSALS[answer.refusal or Refusal.NOT_ALLOWED]
        return status, phrase
    return 503, ""
