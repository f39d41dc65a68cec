"""Those who watch dialogs (RFC 4235): one's own, or a conference's.

Whoever may know a dialog learns what Join (RFC 3911) and Replaces (RFC 3891)
ask for. Whether he may is asked again before every NOTIFY.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from conferences.policy import Identity
from sipgateway.focus import dialog_info
from sipgateway.focus.desk import Desk, same_device
from sipgateway.focus.dialog_info import End, Talk, Talks
from sipgateway.focus.dialogs_elsewhere import DialogsElsewhere
from sipgateway.focus.events import DialogsTold, DialogsWatched
from sipgateway.focus.keeper import Keeper
from sipgateway.focus.leg import Leg, State
from sipgateway.focus.roster import Joining
from sipgateway.sip import headers, sanity, subscription
from sipgateway.sip.endpoint import Body
from sipgateway.sip.events import (
    AckMissing,
    AckReceived,
    DialogId,
    FlowClosed,
    RequestReceived,
    ResponseReceived,
)
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import NameAddr, Tokened
from sipgateway.sip.subscription import Subscription
from sipgateway.sip.uri import SipUri, parse_uri

DEFAULT_EXPIRES = 3600
"""RFC 4235 3.4."""
MAX_WATCHING = 1000
"""Subscriptions to the dialogs of one entity: more are a program gone wrong (503)."""
LATER = ("Retry-After", "60")

_STATES = {
    State.NEGOTIATING: "trying",
    State.OFFERING: "trying",
    State.CALLING: "proceeding",
    State.ANSWERED: "confirmed",
    State.CONNECTED: "confirmed",
    State.ENDING: "confirmed",
    State.LEAVING: "confirmed",
}

RETRY = 5.0
"""Seconds until a watcher of a conference whose connection is gone is tried again."""


@dataclass(frozen=True, slots=True)
class Line:
    """A leg as a watcher of dialogs sees it, with our end's address."""

    leg: Leg
    ours: NameAddr
    #: The conference whose dialog it is, if it is one's.
    conference: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """The dialogs of `entity` as `who` may watch them, as long as that is `allowed`."""

    entity: str
    who: Identity
    contact: NameAddr
    allowed: Callable[[], bool]
    #: Writes the subscription down, where another process could go on with it.
    keeper: Keeper | None = None
    #: They are a person's, and may be in any process.
    everywhere: bool = False


@dataclass(slots=True)
class _Watcher:
    """One who watches, and what he was told."""

    what: Watched
    subscription: Subscription
    version: int = -1
    had: Talks | None = field(default=None)
    #: What other processes have is not known before then.
    since: float = 0.0


class DialogWatchers:
    """See the module. `lines` gives the legs of all rooms."""

    def __init__(self, desk: Desk, lines: Callable[[], Iterable[Line]]) -> None:
        self._desk = desk
        self._lines = lines
        self._watchers: dict[DialogId, _Watcher] = {}
        self._elsewhere = DialogsElsewhere(desk, watched=self._people, changed=self.changed)
        self._awaited = False

    def _people(self) -> Iterable[str]:
        return (one.what.entity for one in self._watchers.values() if one.what.everywhere)

    def subscribe(self, event: RequestReceived, what: Watched, now: float) -> None:
        """Answer a SUBSCRIBE; 403 where it is not allowed."""
        refusal = self._refusal(event, what)
        if refusal is not None:
            fields = (LATER,) if refusal == 503 else ()
            self._desk.endpoint.respond(event.transaction, refusal, now, fields=fields)
            return
        expires = subscription.granted(event.request, default=DEFAULT_EXPIRES)
        if expires is None:
            fields = (("Min-Expires", str(subscription.SHORTEST)),)
            self._desk.endpoint.respond(event.transaction, 423, now, fields=fields)
            return
        dialog = self._desk.endpoint.respond(
            event.transaction, 200, now, fields=(("Expires", str(expires)),), contact=what.contact
        )
        if dialog is None:
            return
        watcher = self._watcher(dialog, event, what)
        watcher.subscription.expires_at = now + expires
        watcher.subscription.overtake()
        watcher.had = None
        watcher.since = self._elsewhere.ask(what.entity, now) if what.everywhere else now
        if watcher.since > now:
            self._desk.later(watcher.since, lambda then: self._begin(watcher, then))
        else:
            self._begin(watcher, now)

    def _begin(self, watcher: _Watcher, now: float) -> None:
        """Tell all; to somebody who subscribes for no time (RFC 6665 4.4.3) that is the last."""
        if watcher.subscription.over:
            return
        if watcher.subscription.expires_at <= now:
            self._end(watcher, now, reason="timeout")
            return
        until = watcher.subscription.expires_at
        self._desk.later(until, lambda then: self._expire(watcher, then))
        self._keep(watcher, now)
        self._tell(watcher, now)

    def _refusal(self, event: RequestReceived, what: Watched) -> int | None:
        if not what.allowed():
            return 403
        if not sanity.takes(event.request, dialog_info.MEDIA_TYPE):
            return 406
        watching = sum(one.what.entity == what.entity for one in self._watchers.values())
        return 503 if event.dialog is None and watching >= MAX_WATCHING else None

    def _watcher(self, dialog: DialogId, event: RequestReceived, what: Watched) -> _Watcher:
        known = self._watchers.get(dialog)
        if known is None:
            asked = event.request.must(headers.EVENT)
            kept = tuple(pair for pair in asked.params if pair[0].lower() == "id")
            known = _Watcher(what, Subscription(dialog, Tokened("dialog", kept), 0.0))
            self._watchers[dialog] = known
            self._desk.own(dialog, self)
        return known

    def watches(self, entity: str) -> bool:
        """Whether anybody watches the dialogs of that entity."""
        return any(one.what.entity == entity for one in self._watchers.values())

    # -- what is told --------------------------------------------------------

    def changed(self, now: float) -> None:
        """Some leg took a step: look once, when everything of this moment has happened."""
        if (self._watchers or self._elsewhere.wanted) and not self._awaited:
            self._awaited = True
            self._desk.later(now, self._look)

    def _look(self, now: float) -> None:
        self._awaited = False
        watched = {one.what.entity for one in self._watchers.values()}
        here = self._here(watched | self._elsewhere.wanted)
        self._elsewhere.changed(here)
        for watcher in list(self._watchers.values()):
            self._tell(watcher, now, here)

    def _here(self, entities: Collection[str]) -> Mapping[str, Talks]:
        """The dialogs of each that live in this process, by one look at all legs."""
        found: dict[str, dict[str, Talk]] = {}
        for line in self._lines():
            person = line.leg.identity.uri
            talk = self._talk(line) if {person, line.conference} & {*entities} else None
            if talk is None:
                continue
            if person in entities:
                found.setdefault(person, {})[talk.id] = talk
            if line.conference in entities:
                found.setdefault(line.conference, {})[talk.id] = talk.turned()
        return found

    def _talk(self, line: Line) -> Talk | None:
        """A leg's dialog as its person sees it."""
        leg, ours = line.leg, line.ours
        if leg.state not in _STATES:
            return None
        dialog = self._desk.endpoint.dialog(leg.dialog) if leg.dialog is not None else None
        return Talk(
            id=leg.id,
            direction="initiator" if leg.joining is Joining.DIALED_IN else "recipient",
            state=_STATES[leg.state],
            local=End(leg.identity.uri, leg.display_text, leg.endpoint),
            remote=End(
                str(ours.uri), ours.display_name, str(ours.uri), ours.param("isfocus") is not None
            ),
            call_id=dialog.call_id if dialog else "",
            local_tag=dialog.remote.tag if dialog else "",
            remote_tag=dialog.local.tag if dialog else "",
        )

    def _tell(self, watcher: _Watcher, now: float, here: Mapping[str, Talks] | None = None) -> None:
        if not watcher.what.allowed():
            self._end(watcher, now, reason="rejected")
            return
        if not watcher.subscription.idle or now < watcher.since:
            return
        talks = self._talks(watcher, here)
        if watcher.had == talks:
            return
        body = self._document(watcher, talks)
        sent = watcher.subscription.notify(self._desk.endpoint, now, body)
        self._desk.replies[sent] = lambda reply, then: self._notified(watcher, reply, then)

    def _talks(self, watcher: _Watcher, here: Mapping[str, Talks] | None = None) -> Talks:
        """What a watcher is to know: what lives here outdoes what others told."""
        what = watcher.what
        ours = (self._here({what.entity}) if here is None else here).get(what.entity, {})
        return {**self._elsewhere.talks(what.entity), **ours} if what.everywhere else ours

    @staticmethod
    def _document(watcher: _Watcher, talks: Talks) -> Body:
        watcher.version += 1
        had, watcher.had = watcher.had, talks
        if had is None:
            text = dialog_info.full(watcher.what.entity, talks, watcher.version)
        else:
            text = dialog_info.partial(watcher.what.entity, had, talks, watcher.version)
        return Body(text, dialog_info.MEDIA_TYPE)

    def _notified(self, watcher: _Watcher, reply: ResponseReceived, now: float) -> None:
        if not watcher.subscription.answered(reply):
            return
        if reply.local and reply.response.status == 503 and watcher.what.keeper is not None:
            watcher.had = None  # the flow broke: tell everything on the next one
            watcher.since = now + RETRY
            self._desk.later(watcher.since, self._look)
        elif reply.response.status >= 300:
            self._forget(watcher, now)
        elif not watcher.subscription.over:
            self._tell(watcher, now)

    # -- ends ----------------------------------------------------------------

    def _expire(self, watcher: _Watcher, now: float) -> None:
        if not watcher.subscription.over and watcher.subscription.expires_at <= now:
            self._end(watcher, now, reason="timeout")

    def _end(self, watcher: _Watcher, now: float, *, reason: str) -> None:
        told = reason != "rejected"
        body = self._document(watcher, self._talks(watcher)) if told else None
        watcher.subscription.terminate(self._desk.endpoint, now, reason=reason, body=body)
        self._forget(watcher, now)

    def end_of(self, entity: str, now: float) -> None:
        """There are no dialogs of that entity any more (noresource)."""
        for watcher in self._of(entity):
            self._end(watcher, now, reason="noresource")

    def _of(self, entity: str) -> list[_Watcher]:
        return [one for one in self._watchers.values() if one.what.entity == entity]

    def _forget(self, watcher: _Watcher, now: float) -> None:
        if watcher.what.keeper is not None:
            watcher.what.keeper.forget_watcher(watcher.subscription, now)
        self._let_go(watcher)

    def _let_go(self, watcher: _Watcher) -> None:
        watcher.subscription.over = True
        self._watchers.pop(watcher.subscription.dialog, None)
        self._desk.disown(watcher.subscription.dialog)

    # -- in several processes --------------------------------------------------

    def _keep(self, watcher: _Watcher, now: float) -> None:
        what = watcher.what
        if what.keeper is not None:
            what.keeper.keep_watcher(what.who, watcher.subscription, now)

    def resume(
        self, what: Watched, subscription: Subscription, *, version: int, now: float
    ) -> None:
        """Go on with a watcher of another process; he is told all at once."""
        watcher = _Watcher(what, subscription, version=version)
        self._watchers[subscription.dialog] = watcher
        self._desk.own(subscription.dialog, self)
        self._keep(watcher, now)
        until = max(now, subscription.expires_at)
        self._desk.later(until, lambda then: self._expire(watcher, then))
        self.changed(now)

    def abandon(self, entity: str) -> None:
        """Another process tells those who watch that entity from now on."""
        for watcher in self._of(entity):
            self._let_go(watcher)

    def moved(self, entity: str, contact: SipUri, flow: Flow, now: float) -> None:
        """A phone has registered anew: its subscriptions go on by the new flow."""
        for dialog, watcher in self._watchers.items():
            known = self._desk.endpoint.dialog(dialog)
            if known is None or watcher.what.who.uri != entity or known.flow == flow:
                continue
            here = parse_uri(known.remote_target)
            if isinstance(here, SipUri) and same_device(here, contact):
                self._desk.endpoint.move(dialog, flow)
                self._keep(watcher, now)
                if not watcher.subscription.idle or watcher.had is None:
                    watcher.subscription.overtake()
                    watcher.had, watcher.since = None, now
                    self._tell(watcher, now)

    def watched_elsewhere(self, event: DialogsWatched, now: float) -> None:
        """Another process asks for people's dialogs."""
        del now
        self._elsewhere.want(event)
        self._elsewhere.answer(event, self._here(event.entities))

    def told_elsewhere(self, event: DialogsTold, now: float) -> None:
        """Another process tells people's dialogs."""
        self._elsewhere.told(event, now)

    def process_gone(self, process: str, now: float) -> None:
        """A process has ended, or is not heard any more."""
        self._elsewhere.gone(process, now)

    # -- desk.DialogOwner ----------------------------------------------------

    def request_came(self, event: RequestReceived, now: float) -> None:
        """A refresh; nothing else is asked in such a dialog."""
        watcher = self._watchers.get(event.dialog) if event.dialog is not None else None
        if watcher is None or event.request.method != "SUBSCRIBE":
            self._desk.endpoint.respond(event.transaction, 481, now)
            return
        if self._desk.endpoint.dialog(watcher.subscription.dialog) is not None:
            self.subscribe(event, watcher.what, now)

    def ack_came(self, event: AckReceived, now: float) -> None:
        """There is no INVITE here."""

    def ack_missing(self, event: AckMissing, now: float) -> None:
        """There is no INVITE here."""

    def flow_closed(self, event: FlowClosed, now: float) -> None:
        """The next NOTIFY finds that out."""

    def usage_ended(self, dialog: DialogId) -> None:
        """There is one usage, which ends with the watcher."""
