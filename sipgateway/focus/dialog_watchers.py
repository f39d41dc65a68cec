"""Those who watch dialogs (RFC 4235): one's own, or a conference's.

Whoever may know a dialog learns what Join (RFC 3911) and Replaces (RFC 3891)
ask for. Whether he may is asked again before every NOTIFY.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sipgateway.focus import dialog_info
from sipgateway.focus.desk import Desk
from sipgateway.focus.dialog_info import End, Talk, Talks
from sipgateway.focus.leg import Leg, State
from sipgateway.focus.roster import Joining
from sipgateway.sip import headers, subscription
from sipgateway.sip.endpoint import Body
from sipgateway.sip.events import (
    AckMissing,
    AckReceived,
    DialogId,
    FlowClosed,
    RequestReceived,
    ResponseReceived,
)
from sipgateway.sip.headers import NameAddr, Tokened
from sipgateway.sip.subscription import Subscription

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

Legs = Callable[[str], Iterable[tuple[Leg, NameAddr]]]


@dataclass(slots=True)
class _Watcher:
    """One who watches the dialogs of `entity`."""

    entity: str
    allowed: Callable[[], bool]
    subscription: Subscription
    version: int = -1
    had: Talks | None = field(default=None)


class DialogWatchers:
    """See the module. `legs` gives the legs of an entity, each with our end's address."""

    def __init__(self, desk: Desk, legs: Legs) -> None:
        self._desk = desk
        self._legs = legs
        self._watchers: dict[DialogId, _Watcher] = {}
        self._awaited = False

    def subscribe(
        self,
        event: RequestReceived,
        entity: str,
        contact: NameAddr,
        *,
        allowed: Callable[[], bool],
        now: float,
    ) -> None:
        """Answer a SUBSCRIBE for the dialogs of `entity`; 403 where it is not allowed."""
        refusal = self._refusal(event, entity, allowed)
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
            event.transaction, 200, now, fields=(("Expires", str(expires)),), contact=contact
        )
        if dialog is None:
            return
        watcher = self._watcher(dialog, event, entity, allowed)
        watcher.subscription.expires_at = now + expires
        watcher.had = None
        if expires:
            self._desk.later(now + expires, lambda then: self._expire(watcher, then))
            self._tell(watcher, now)
        else:
            self._end(watcher, now, reason="timeout")

    def _refusal(
        self, event: RequestReceived, entity: str, allowed: Callable[[], bool]
    ) -> int | None:
        accepted = [value.value for value in event.request.every(headers.ACCEPT)]
        if not allowed():
            return 403
        if accepted and not {dialog_info.MEDIA_TYPE, "application/*", "*/*"} & {*accepted}:
            return 406
        watching = sum(watcher.entity == entity for watcher in self._watchers.values())
        return 503 if event.dialog is None and watching >= MAX_WATCHING else None

    def _watcher(
        self, dialog: DialogId, event: RequestReceived, entity: str, allowed: Callable[[], bool]
    ) -> _Watcher:
        known = self._watchers.get(dialog)
        if known is None:
            asked = event.request.must(headers.EVENT)
            kept = tuple(pair for pair in asked.params if pair[0].lower() == "id")
            known = _Watcher(entity, allowed, Subscription(dialog, Tokened("dialog", kept), 0.0))
            self._watchers[dialog] = known
            self._desk.own(dialog, self)
        return known

    def watches(self, entity: str) -> bool:
        """Whether anybody watches the dialogs of that entity."""
        return any(watcher.entity == entity for watcher in self._watchers.values())

    # -- what is told --------------------------------------------------------

    def changed(self, now: float) -> None:
        """Some leg took a step: look once, when everything of this moment has happened."""
        if self._watchers and not self._awaited:
            self._awaited = True
            self._desk.later(now, self._look)

    def _look(self, now: float) -> None:
        self._awaited = False
        for watcher in list(self._watchers.values()):
            self._tell(watcher, now)

    def _talks(self, entity: str) -> dict[str, Talk]:
        found = {}
        for leg, ours in self._legs(entity):
            talk = self._talk(leg, ours)
            if talk is not None:
                found[talk.id] = talk if leg.identity.uri == entity else talk.turned()
        return found

    def _talk(self, leg: Leg, ours: NameAddr) -> Talk | None:
        """A leg's dialog as its person sees it."""
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

    def _tell(self, watcher: _Watcher, now: float) -> None:
        if not watcher.allowed():
            self._end(watcher, now, reason="rejected")
            return
        talks = self._talks(watcher.entity)
        if not watcher.subscription.idle or watcher.had == talks:
            return
        body = self._document(watcher, talks)
        sent = watcher.subscription.notify(self._desk.endpoint, now, body)
        self._desk.replies[sent] = lambda reply, then: self._notified(watcher, reply, then)

    @staticmethod
    def _document(watcher: _Watcher, talks: Talks) -> Body:
        watcher.version += 1
        had, watcher.had = watcher.had, talks
        if had is None:
            text = dialog_info.full(watcher.entity, talks, watcher.version)
        else:
            text = dialog_info.partial(watcher.entity, had, talks, watcher.version)
        return Body(text, dialog_info.MEDIA_TYPE)

    def _notified(self, watcher: _Watcher, reply: ResponseReceived, now: float) -> None:
        watcher.subscription.in_flight = None
        if reply.response.status >= 300:
            self._forget(watcher)
        elif not watcher.subscription.over:
            self._tell(watcher, now)

    # -- ends ----------------------------------------------------------------

    def _expire(self, watcher: _Watcher, now: float) -> None:
        if not watcher.subscription.over and watcher.subscription.expires_at <= now:
            self._end(watcher, now, reason="timeout")

    def _end(self, watcher: _Watcher, now: float, *, reason: str) -> None:
        told = reason != "rejected"
        body = self._document(watcher, self._talks(watcher.entity)) if told else None
        watcher.subscription.terminate(self._desk.endpoint, now, reason=reason, body=body)
        self._forget(watcher)

    def end_of(self, entity: str, now: float) -> None:
        """There are no dialogs of that entity any more (noresource)."""
        for watcher in list(self._watchers.values()):
            if watcher.entity == entity:
                self._end(watcher, now, reason="noresource")

    def _forget(self, watcher: _Watcher) -> None:
        watcher.subscription.over = True
        self._watchers.pop(watcher.subscription.dialog, None)
        self._desk.disown(watcher.subscription.dialog)

    # -- desk.DialogOwner ----------------------------------------------------

    def request_came(self, event: RequestReceived, now: float) -> None:
        """A refresh; nothing else is asked in such a dialog."""
        watcher = self._watchers.get(event.dialog) if event.dialog is not None else None
        if watcher is None or event.request.method != "SUBSCRIBE":
            self._desk.endpoint.respond(event.transaction, 481, now)
            return
        known = self._desk.endpoint.dialog(watcher.subscription.dialog)
        if known is not None:
            self.subscribe(event, watcher.entity, known.contact, allowed=watcher.allowed, now=now)

    def ack_came(self, event: AckReceived, now: float) -> None:
        """There is no INVITE here."""

    def ack_missing(self, event: AckMissing, now: float) -> None:
        """There is no INVITE here."""

    def flow_closed(self, event: FlowClosed, now: float) -> None:
        """The next NOTIFY finds that out."""

    def usage_ended(self, dialog: DialogId) -> None:
        """There is one usage, which ends with the watcher."""
