"""Who comes in, and how far: at the call, at the PIN, into the room.

Policy is asked when somebody calls, and again when he is about to be let in:
much may have changed while his phone thought or he keyed the PIN.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from conferences import policy
from conferences.policy import Identity, Refusal, Snapshot
from sipgateway.focus import answers, lobby, messages, phrases, privacy, referral
from sipgateway.focus.attendance import Attendance
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk, same_device, uri_of
from sipgateway.focus.dialing import Dialings
from sipgateway.focus.facts import Fact, JoinRefused
from sipgateway.focus.keeper import Keeper
from sipgateway.focus.leg import Farewell, Input, Leg
from sipgateway.focus.lobby import Lobby
from sipgateway.focus.pad import Pad
from sipgateway.focus.referral import Silence
from sipgateway.focus.roster import Departure, Joining
from sipgateway.focus.wishes import Asked, Told, Wishes
from sipgateway.media.engine import LegId
from sipgateway.sip import headers
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import RequestReceived
from sipgateway.sip.message import Request

MAX_CALLS = 400
"""Calls of one person into one conference: a gateway's account may bring a hall full of
people, more are a program gone wrong (486)."""


MOVED = "Moved to another phone"
"""What a phone is told whose person has taken the call to another."""


class Host(Protocol):
    """The conference that one enters."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""

    @property
    def creator_gone(self) -> bool:
        """Whether it is over since its creator left; the row says so in a moment."""

    def record(self, fact: Fact, now: float) -> None:
        """Write a fact down."""

    def turn_away(
        self, event: RequestReceived, identity: Identity, refusal: Refusal, now: float
    ) -> None:
        """Answer a call with what a refusal means in SIP, and by voice before."""

    def occupy(self, now: float) -> None:
        """Somebody is coming."""

    def reopen(self, now: float) -> None:
        """Somebody is coming of himself: whatever ended before, this is anew."""


class Entrance:
    """See the module."""

    def __init__(
        self,
        desk: Desk,
        host: Host,
        calls: Calls,
        *,
        attendance: Attendance,
        dialings: Dialings,
        waiting: Lobby,
        pad: Pad,
        wishes: Wishes,
        keeper: Keeper,
    ) -> None:
        self._keeper = keeper
        self._desk = desk
        self._host = host
        self._calls = calls
        self._attendance = attendance
        self._dialings = dialings
        self._lobby = waiting
        self._pad = pad
        self._wishes = wishes

    def invite(
        self, event: RequestReceived, identity: Identity, now: float, *, replaces: Leg | None = None
    ) -> None:
        """Somebody dials in (RFC 4579 5.1), or changes his phone (5.9)."""
        if identity.gateway:
            identity = replace(identity, caller=privacy.caller_of(event.request))
        if sum(leg.identity.uri == identity.uri for leg in self._calls) >= MAX_CALLS:
            self._desk.endpoint.respond(event.transaction, 486, now, reason="Too Many Calls")
            return
        try:
            recipients = referral.recipients(event.request)
        except BadMessage as error:
            self._desk.endpoint.respond(event.transaction, 400, now, reason=error.reason)
            return
        refusal = self._may_come(identity, replaces, now)
        if refusal is None and recipients:
            refusal = policy.may_add(self._host.snapshot, identity, joined=True)
        if refusal is not None:
            self._host.record(JoinRefused(identity.uri, refusal), now)
            self._host.turn_away(event, identity, refusal, now)
            return
        if (fields := self._calls.timer_objection(event.request)) is not None:
            self._desk.endpoint.respond(event.transaction, 422, now, fields=fields)
            return
        leg = Leg(
            id=LegId(self._desk.tokens.opaque()),
            identity=identity,
            display_text=_display(event.request, identity),
            flow=event.flow,
            joining=Joining.DIALED_IN,
            transaction=event.transaction,
            request=event.request,
            endpoint=str(event.request.must(headers.CONTACT).uri),
            replaces=replaces.id if replaces else None,
            recipients=tuple(uri for uri in recipients if not self._is_himself(uri, identity)),
            history=referral.history(event.request) if recipients else "",
            private=privacy.wanted(event.request),
            takes_texts=messages.taken(event.request),
        )
        self._host.reopen(now)
        self._calls.dial_in(leg)

    def _is_himself(self, uri: str, who: Identity) -> bool:
        """Whether an entry of his list (RFC 5366) is the sender: he is in by this very call."""
        named = uri_of(uri)
        ours = self._desk.domain.owns(named)
        return who.uri == (self._desk.domain.uri(named.name.lower()).aor if ours else named.aor)

    def _may_come(
        self, identity: Identity, replaces: Leg | None, now: float, *, keyed: bool = False
    ) -> Refusal | None:
        """Asked when somebody calls, and again when he is about to be let in."""
        if replaces is not None and replaces.joined:
            # Who is in already may change his phone, in a full or locked conference too.
            return policy.may_subscribe(self._host.snapshot, identity)
        if self._host.creator_gone:
            return Refusal.OVER  # the row says so in a moment
        if self._pad.holds_off(identity.side, now):
            return Refusal.WRONG_PIN_TOO_OFTEN
        present = len(self._present() - {identity.uri})
        snapshot = self._host.snapshot
        if not self._lobby.has_to_wait(identity):
            return policy.may_join(snapshot, identity, present=present, now=now, keyed=keyed)
        # Whoever waits takes a port, too; those who do not are not held up by him.
        before = self._lobby.before(identity.uri)
        refusal = policy.may_join(
            snapshot, identity, present=present + before, now=now, keyed=keyed
        )
        return Refusal.FULL if refusal is None and before >= lobby.MOST else refusal

    def _may_enter(self, leg: Leg, now: float) -> Refusal | None:
        """Whether a leg whose call stands may be let in now: much may have changed since."""
        if leg.joining is Joining.DIALED_OUT:
            # Whom somebody pulls in need not be on the list.
            banned = leg.identity.uri in self._host.snapshot.banned
            return Refusal.BANNED if banned else policy.when(self._host.snapshot, now=now)
        replaced = self._calls.get(leg.replaces) if leg.replaces else None
        refusal = self._may_come(leg.identity, replaced, now, keyed=leg.pin is None)
        if refusal is Refusal.LOCKED and leg.waits:
            # Whoever lets him in knows that the door is locked; it is full all the same.
            return Refusal.FULL if self.is_full(leg.identity.uri) else None
        return refusal

    def adopt(self, leg: Leg, calls: Calls, now: float) -> None:
        """Take over a call that was for something else until now (draft 4.3, 4.9).

        It goes on in the same dialog; a re-INVITE tells the phone the conference
        URI with `isfocus`, or the 200 to a call that was not answered so far.
        """
        self._host.occupy(now)
        calls.hand_over(leg, self._calls)
        self._calls.feed(leg, Input.TAKEN_IN, now)
        if not leg.flow.web:
            leg.greeting = self._opened()
        self._attendance.join(leg, now)
        self._calls.reinvite(leg)

    def _opened(self) -> tuple[str, ...]:
        """What a phone hears that has opened a conference: the number for others to dial."""
        name = self._host.snapshot.name
        if not name.isdigit():
            return ("created-named",)
        number = phrases.digits(name)
        return ("created", *number, "pause", "once-more", "pause", *number)

    def _present(self) -> set[str]:
        """Who has a place: one who stands at the PIN has none."""
        here = (leg for leg in self._calls if leg.present and not leg.waits)
        return {leg.identity.uri for leg in here if leg.pin is None}

    def is_full(self, entity: str) -> bool:
        """Whether there is no place for somebody who is not in yet."""
        maximum = self._host.snapshot.max_participants
        return maximum is not None and len(self._present() - {entity}) >= maximum

    def admitted(self, leg: Leg, now: float) -> None:
        """See `room.Room`: into the conference, or to the PIN."""
        self._admit(leg, now)
        # Whom we call is called again by the next process, until he is in.
        if leg.present and not leg.joined and leg.joining is Joining.DIALED_IN:
            self._keeper.keep_leg(leg, now, now)

    def _admit(self, leg: Leg, now: float) -> None:
        called = leg.joining is Joining.DIALED_OUT
        if called and self._host.snapshot.confirm_calls and not leg.takes_over:
            self._dialings.confirming(leg, now)
            self._pad.ask_confirmation(leg, now)
            return
        if called:
            self._dialings.answered(leg, now)
        elif policy.needs_pin(self._host.snapshot, leg.identity) and not self._takes_over(leg):
            self._pad.ask_pin(leg, now)
            return
        self.welcome(leg, now)

    def confirmed(self, leg: Leg, now: float) -> None:
        """See `pad.Host`: whom we called has pressed the key."""
        self._dialings.answered(leg, now)
        self.welcome(leg, now)

    def welcome(self, leg: Leg, now: float) -> None:
        """Into the room, if policy still allows; a phone whose place this one takes goes."""
        if (refusal := self._may_enter(leg, now)) is not None:
            if leg.waits and refusal is Refusal.FULL:
                return  # he goes on waiting, until somebody leaves
            self._host.record(JoinRefused(leg.identity.uri, refusal), now)
            status, _, text = answers.REFUSALS[refusal]
            words = phrases.refused(self._host.snapshot, refusal, now)
            bye = Farewell(Departure.FAILED, status=status, text=text, words=words)
            self._calls.hang_up(leg, bye, now)
            return
        if not leg.waits and self._pad.wants_name(leg):
            self._pad.ask_name(leg, now)
            return
        if self._lobby.keeps(leg):
            self._lobby.take(leg, now)
            return
        self._enter(leg, now)

    def _enter(self, leg: Leg, now: float) -> None:
        self._lobby.let_go(leg, now, inside=True)
        self._lobby.greet(leg)
        replaced = self._replaced_by(leg)
        leg.private = leg.private or any(other.private for other in replaced)
        before = self._other_calls(leg)
        self._attendance.join(leg, now)
        recipients, leg.recipients = leg.recipients, ()
        for uri in recipients:
            asked = Asked(leg.private, leg.history)
            self._wishes.add(uri, leg.identity, Told(Silence()), asked=asked)
        text = MOVED if leg.takes_over else "Replaced by another phone"
        for other in replaced:
            self._calls.hang_up(other, Farewell(Departure.DEPARTED, text=text), now)
        for other in before:
            if other.flow_gone and other not in replaced:
                text = "Its phone has called anew"
                bye = Farewell(Departure.FAILED, status=408, text=text)
                self._calls.hang_up(other, bye, now)
        self._lobby.follow(now)

    def _other_calls(self, leg: Leg) -> list[Leg]:
        """What the same phone has in the conference already.

        One that was restarted has forgotten that call: where its connection is gone
        the call is over now, else once it is silent and asked (`pulse`). A gateway, or
        whoever brings many people by one phone, has several on purpose.
        """
        if leg.identity.gateway:
            return []
        here, host = uri_of(leg.endpoint), leg.flow.remote_host
        theirs = (other for other in self._calls if other.identity.uri == leg.identity.uri)
        return [
            other
            for other in theirs
            if other is not leg
            and other.joined
            and other.flow.remote_host == host
            and same_device(uri_of(other.endpoint), here)
        ]

    def _replaced_by(self, leg: Leg) -> list[Leg]:
        """The legs whose place one takes that is let in."""
        if leg.takes_over:
            own = (other for other in self._calls if other.identity.uri == leg.identity.uri)
            return [other for other in own if other.joined and other is not leg]
        replaced = self._calls.get(leg.replaces) if leg.replaces else None
        return [] if replaced is None else [replaced]

    def _takes_over(self, leg: Leg) -> bool:
        """Whether the leg takes the place of one that is in already."""
        replaced = self._calls.get(leg.replaces) if leg.replaces else None
        return replaced is not None and replaced.joined


def _display(request: Request, identity: Identity) -> str:
    """The name to show: the account's, else what the phone says."""
    return identity.display_name or request.must(headers.FROM).display_name
