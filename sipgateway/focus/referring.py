"""REFERs to a conference: call somebody, let somebody go, have somebody call in, show a link.

Draft 4.6, 4.10, RFC 4579 5.5, 5.7 and 5.11. Policy is asked of everything that
a REFER wants before anything else happens. What comes of it is told as sipfrags:
in the implicit subscription of RFC 3515, to whoever subscribes (RFC 7614), or
to nobody (RFC 4488, RFC 5368).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from conferences.policy import Identity, Refusal
from sipgateway.focus import privacy, referral, standing
from sipgateway.focus.desk import Desk, DialogOwner, Phone, same_device, uri_of
from sipgateway.focus.facts import AskRefused, Fact
from sipgateway.focus.keeper import Keeper
from sipgateway.focus.refer_state import ReferState
from sipgateway.focus.referral import Account, Referral, Silence, Telling, Wanted, Wish
from sipgateway.focus.relay import Relay
from sipgateway.focus.standing import Standing
from sipgateway.focus.wishes import NOBODY_TO_CALL, Asked, Wishes
from sipgateway.sip import grammar, headers
from sipgateway.sip.endpoint import Fields
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import DialogId, RequestReceived, TransactionId
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import Request
from sipgateway.sip.subscription import Subscription
from sipgateway.sip.uri import OtherUri, SipUri, parse_uri

#: What is called; the service and the trunk know how.
_CALLABLE = frozenset({"tel"})


class Host(DialogOwner, Protocol):
    """The conference that is asked."""

    @property
    def contact(self) -> NameAddr:
        """Its URI, with `isfocus` unless hidden."""

    def identity_of(self, dialog: DialogId) -> Identity | None:
        """Who is at the other end of a dialog, if it is one of the conference's."""

    def record(self, fact: Fact, now: float) -> None:
        """Write a fact down."""

    def refuse(self, transaction: TransactionId, refusal: Refusal, now: float) -> None:
        """Answer a request with what a refusal means in SIP."""

    def maybe_idle(self, now: float) -> None:
        """Let go of what nobody needs any more."""


class Referring:
    """See the module."""

    def __init__(self, desk: Desk, host: Host, wishes: Wishes, *, keeper: Keeper) -> None:
        self._desk = desk
        self._keeper = keeper
        self._host = host
        self._wishes = wishes
        self._told: dict[DialogId, list[Referral]] = {}
        #: REFERs that are answered as soon as it is known whether what they want is done.
        self._asking: set[TransactionId] = set()
        self._states: list[ReferState] = []

    def refer(self, event: RequestReceived, who: Identity, now: float) -> None:
        """Carry out a REFER, in or out of a dialog."""
        try:
            wanted = referral.parse(event.request)
            another = self._is_anothers(event.request, who)
        except BadMessage as error:
            self._desk.endpoint.respond(event.transaction, 400, now, reason=error.reason)
            return
        refusal = Refusal.NOT_ALLOWED if another else self._refusal(wanted, who, now)
        objection = _objection(wanted) or self._no_person(wanted)
        if objection is not None and objection[0] == 501:
            self._desk.endpoint.respond(event.transaction, 501, now)
        elif refusal is not None:
            first = wanted[0]
            fact = AskRefused(who.uri, first.wish.value, str(first.target), refusal)
            self._host.record(fact, now)
            self._host.refuse(event.transaction, refusal, now)
        elif objection is not None:
            self.not_ordered(event, *objection, now)
        else:
            self._carry_out(event, who, wanted, now)

    def _no_person(self, wanted: tuple[Wanted, ...]) -> tuple[int, str] | None:
        """What is to be called has to be somebody: not the focus itself, nor what makes one."""
        ours = {self._host.contact.uri, *map(self._desk.domain.uri, self._desk.reserved)}
        names = {uri.name.lower() for uri in ours if isinstance(uri, SipUri)}
        calls = [one.target for one in wanted if one.wish in {Wish.ADD, Wish.REFER}]
        own = (uri for uri in calls if isinstance(uri, SipUri) and self._desk.domain.owns(uri))
        if any(uri.name.lower() in names for uri in own):
            return 488, NOBODY_TO_CALL
        return None

    def _is_anothers(self, request: Request, who: Identity) -> bool:
        """Whether Target-Dialog (RFC 4538) names a dialog that somebody else has with us.

        The sender has proved who he is, so one that matches nothing proves nothing more.
        """
        ref = request.one(headers.TARGET_DIALOG)
        if ref is None:
            return False
        dialog = self._desk.endpoint.find_dialog(ref.call_id, ref.to_tag, ref.from_tag)
        known = self._host.identity_of(dialog.id) if dialog else None
        return known is not None and known.uri != who.uri

    def _refusal(self, wanted: tuple[Wanted, ...], who: Identity, now: float) -> Refusal | None:
        """The first reason why not; then nothing of it is done."""
        found = (self._wishes.refusal(one, who, now) for one in wanted)
        return next((refusal for refusal in found if refusal is not None), None)

    def _carry_out(
        self, event: RequestReceived, who: Identity, wanted: tuple[Wanted, ...], now: float
    ) -> None:
        first = wanted[0]
        if first.wish is Wish.REFER and isinstance(first.target, SipUri):
            self._refer(event, who, first, first.target, now=now)
            return
        listed = len(wanted) > 1 or referral.is_list(event.request)
        if first.wish is Wish.ADD and not listed:
            self._call(event, who, first, now)
            return
        told = self._silent(event, 202, now) if listed else self._accept(event, who, now)
        told.tell(100, now)
        asked = Asked(privacy.wanted(event.request), referral.history(event.request))
        for one in wanted:
            self._wishes.carry_out(one, who, told, asked=asked, now=now)

    def _call(self, event: RequestReceived, who: Identity, wanted: Wanted, now: float) -> None:
        """RFC 4579 5.5; what is refused at once is the answer to the REFER itself."""
        asked = Asked(privacy.wanted(event.request), referral.history(event.request))
        self._asking.add(event.transaction)
        self._wishes.call(wanted, who, _Reply(self, event, who), asked=asked, now=now)

    def ordered(self, event: RequestReceived, who: Identity, now: float) -> Telling:
        """The call is ordered; gives whoever is told how it goes."""
        told = self._accept(event, who, now)
        self._asking.discard(event.transaction)
        told.tell(100, now)
        return told

    def not_ordered(self, event: RequestReceived, status: int, reason: str, now: float) -> None:
        """It is not, and why."""
        fields: Fields = ()
        if reason:
            text = grammar.quote(reason)
            fields = (("Warning", f"399 {self._desk.domain.host} {text}"),)
        self._desk.endpoint.respond(event.transaction, status, now, reason=reason, fields=fields)
        self._asking.discard(event.transaction)
        self._host.maybe_idle(now)

    @property
    def tells(self) -> bool:
        """Whether somebody is still to be told how his REFER goes."""
        open_ones = (one for told in self._told.values() for one in told if not one.over)
        return bool(self._asking) or any(True for _ in open_ones)

    def usage_ended(self, dialog: DialogId) -> bool:
        """Forget what is told to the end; whether nothing is left to tell in that dialog."""
        left = [told for told in self._told.pop(dialog, []) if not told.over]
        if left:
            self._told[dialog] = left
        return not left

    def _refer(
        self, event: RequestReceived, who: Identity, wanted: Wanted, target: SipUri, *, now: float
    ) -> None:
        """RFC 4579 5.7: have somebody call in by himself."""
        contact = self._host.contact
        if _aor_in(wanted.nested) != uri_of(str(contact.uri)).aor:
            reason = "Refer-To header: not this conference"
            self._desk.endpoint.respond(event.transaction, 400, now, reason=reason)
            return
        person = self._desk.domain.uri(target.name.lower())

        def found(phones: list[Phone], then: float) -> None:
            if not phones:
                reason = "No Phone Is Registered"
                self._desk.endpoint.respond(event.transaction, 480, then, reason=reason)
                return
            hidden = privacy.wanted(event.request)
            asker = self._wishes.as_seen(who, Identity(person.aor), hidden=hidden)
            refer_to = headers.REFER_TO.build(contact)
            relay = Relay(self._desk, event, contact, Account(who, self._keeper))
            relay.take(then)
            relay.start(phones, from_=asker, to=NameAddr(person), refer_to=refer_to, now=then)

        if self._desk.domain.owns(target):
            self._desk.find(person.aor, found, now)
        else:
            found([], now)

    def accept(self, event: RequestReceived, who: Identity, now: float) -> Telling:
        """Take a REFER that asked for this conference; gives whoever is told how it goes."""
        return self._accept(event, who, now)

    # -- who is told ---------------------------------------------------------

    def _accept(self, event: RequestReceived, who: Identity, now: float) -> Telling:
        """A 2xx, and whoever is told how it goes."""
        if referral.requires(event.request, "nosub"):
            self._desk.endpoint.respond(event.transaction, 200, now, fields=self._contact())
            return Silence()
        if referral.requires(event.request, "explicitsub"):
            return self._explicit(event, who, now)
        if referral.unsubscribed(event.request):
            return self._silent(event, 202, now)
        contact = self._host.contact
        dialog = self._desk.endpoint.respond(event.transaction, 202, now, contact=contact)
        if dialog is None:
            return Silence()
        subscription = Subscription(dialog, referral.event_of(event.request), now + referral.LIFE)
        told = self._tell(who, subscription)
        told.about({}, now)
        return told

    def _tell(self, who: Identity, subscription: Subscription) -> Referral:
        account = Account(who, self._keeper)
        told = Referral(self._desk, self._host, subscription, account)
        self._told.setdefault(subscription.dialog, []).append(told)
        self._desk.own(subscription.dialog, self._host)
        self._desk.later(subscription.expires_at, told.expire)
        return told

    # -- in several processes ------------------------------------------------

    def resume(self, one: Standing, dialog: DialogId, gone: str, now: float) -> None:
        """Tell on how a REFER goes that the process `gone` had taken, or what came of it."""
        who, subscription = standing.watcher_of(one, dialog)
        order, outcome = one.what["order"], one.what.get("outcome")
        told = self._tell(who, subscription)
        told.about(order, now)
        told.resume(gone, now)
        if outcome is not None:
            told.tell(int(outcome[0]), now, str(outcome[1]))
        else:
            self._wishes.resume(order, told, now)

    def abandon(self) -> None:
        """Another process tells from now on."""
        for state in self._states:
            state.abandon()
        for dialog, referrals in self._told.items():
            for told in referrals:
                told.subscription.over = True
            self._desk.disown(dialog)
        self._told.clear()

    def moved(self, entity: str, contact: SipUri, flow: Flow) -> None:
        """A phone has registered anew: it is told by the new flow."""
        for dialog, referrals in self._told.items():
            known = self._desk.endpoint.dialog(dialog)
            whose = {told.account.who.uri for told in referrals if told.account is not None}
            if known is not None and entity in whose:
                here = parse_uri(known.remote_target)
                if isinstance(here, SipUri) and same_device(here, contact):
                    self._desk.endpoint.move(dialog, flow)

    def _silent(self, event: RequestReceived, status: int, now: float) -> Telling:
        """RFC 4488: nobody is told."""
        fields = (("Refer-Sub", "false"), *self._contact())
        self._desk.endpoint.respond(event.transaction, status, now, fields=fields)
        return Silence()

    def _explicit(self, event: RequestReceived, who: Identity, now: float) -> Telling:
        """RFC 7614: an address to subscribe to, in a 200."""
        state = ReferState(self._desk, Account(who, self._keeper), now)
        self._states = [*(one for one in self._states if one.kept), state]
        events_at = ("Refer-Events-At", f"<{state.address.uri}>")
        fields: Fields = (events_at, *self._contact())
        self._desk.endpoint.respond(event.transaction, 200, now, fields=fields)
        return state

    def _contact(self) -> Fields:
        """RFC 3515 2.2: every 2xx has one, also where no dialog is made."""
        return (("Contact", headers.CONTACT.build(self._host.contact)),)


@dataclass(frozen=True, slots=True)
class _Reply:
    """A REFER, as `wishes.Reply`."""

    referring: Referring
    event: RequestReceived
    who: Identity

    def take(self, now: float) -> Telling:
        """See `wishes.Reply`."""
        return self.referring.ordered(self.event, self.who, now)

    def refuse(self, status: int, reason: str, now: float) -> None:
        """See `wishes.Reply`."""
        self.referring.not_ordered(self.event, status, reason, now)


def _aor_in(nested: str) -> str:
    """Whom the value of a Refer-To names, with or without brackets and parameters (20.34)."""
    try:
        uri = headers.parse_name_addr(nested).uri
    except BadMessage:
        return ""
    return uri.aor if isinstance(uri, SipUri) else ""


def _objection(wanted: tuple[Wanted, ...]) -> tuple[int, str] | None:
    """What cannot be done, whoever asks: status and reason phrase."""
    unknown = any(one.wish is Wish.OTHER for one in wanted)
    if unknown or (len(wanted) > 1 and any(one.wish is Wish.REFER for one in wanted)):
        return 501, ""
    if any(one.wish is Wish.ADD and not _callable(one) for one in wanted):
        return 488, "Only SIP Addresses And Telephone Numbers Can Be Called"
    return None


def _callable(wanted: Wanted) -> bool:
    return not isinstance(wanted.target, OtherUri) or wanted.target.scheme in _CALLABLE
