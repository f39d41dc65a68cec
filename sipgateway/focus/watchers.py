"""Those who watch a conference: one subscription each to the conference package.

Every watcher has his own version and his own memory of what he was told, so
a NOTIFY holds just what he misses. Changes are coalesced: the first goes out
at once, the next not before `PACE` has passed and the last NOTIFY has been
answered, and the last state is never lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from conferences.policy import Identity
from sipgateway.focus import conference_info
from sipgateway.focus.conference_info import About
from sipgateway.focus.desk import Desk, DialogOwner, same_device, uri_of
from sipgateway.focus.keeper import Keeper
from sipgateway.focus.roster import Roster, Sight
from sipgateway.sip import headers, sanity, subscription
from sipgateway.sip.endpoint import Body
from sipgateway.sip.events import DialogId, RequestReceived, ResponseReceived
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import NameAddr, Tokened
from sipgateway.sip.subscription import Subscription
from sipgateway.sip.uri import SipUri, parse_uri

PACE = 0.1
"""Seconds between two NOTIFYs to one watcher: what a person sees as at once.

RFC 4575 4.5 recommends 5 s, which would show a removed person for that long."""
RETRY = 5.0
"""Seconds until a watcher whose connection is gone is tried again."""
MAX_WATCHING = 5000
"""Subscriptions of one person to one conference: more are a program gone wrong (503)."""
LATER = ("Retry-After", "60")
DEFAULT_EXPIRES = 3600
"""RFC 4575 3.4."""


class Host(DialogOwner, Protocol):
    """The conference that is watched."""

    def sight(self, who: Identity) -> Sight:
        """How much of the roster he sees now."""


@dataclass(slots=True)
class Watcher:
    """One watcher and what he has been told."""

    identity: Identity
    subscription: Subscription
    version: int = 0
    had: Roster | None = None
    about: About | None = None
    sight: Sight = Sight.OTHERS
    not_before: float = 0.0
    woken: bool = False


class Watchers:
    """All watchers of one conference."""

    def __init__(
        self, desk: Desk, owner: Host, about: About, roster: Roster, *, keeper: Keeper
    ) -> None:
        self._desk = desk
        self._keeper = keeper
        self._owner = owner
        self._about = about
        self._roster = roster
        #: What those see who do not see all: a few views, however many watch.
        self._seen = _views(roster)
        self._watchers: dict[DialogId, Watcher] = {}
        self._cache: dict[tuple[tuple[int, int, int] | None, tuple[int, int, int], Sight], str] = {}

    def __len__(self) -> int:
        return len(self._watchers)

    def __contains__(self, dialog: DialogId) -> bool:
        return dialog in self._watchers

    def subscribe(
        self, event: RequestReceived, identity: Identity, contact: NameAddr, now: float
    ) -> None:
        """Answer a SUBSCRIBE, first or refresh, that policy allows; then tell the full state."""
        if not sanity.takes(event.request, conference_info.MEDIA_TYPE):
            self._desk.endpoint.respond(event.transaction, 406, now)
            return
        if event.dialog is None and self._watching(identity.uri) >= MAX_WATCHING:
            reason = "Too Many Subscriptions"
            self._desk.endpoint.respond(event.transaction, 503, now, reason=reason, fields=(LATER,))
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
        watcher = self._watcher(dialog, event, identity)
        watcher.subscription.expires_at = now + expires
        watcher.had = None
        if expires == 0:
            # RFC 6665 4.4.3: a fetch is told the state as it is; who stops watching is not.
            body = self._document(watcher) if event.dialog is None else None
            self._end(watcher, now, reason="timeout", body=body)
            return
        self._desk.later(now + expires, lambda later: self._expire(watcher, later))
        self._keeper.keep_watcher(identity, watcher.subscription, now)
        self._tell_all(watcher, now)

    def _watching(self, entity: str) -> int:
        return sum(watcher.identity.uri == entity for watcher in self._watchers.values())

    def _watcher(self, dialog: DialogId, event: RequestReceived, identity: Identity) -> Watcher:
        known = self._watchers.get(dialog)
        if known is None:
            asked = event.request.must(headers.EVENT)
            kept = tuple(pair for pair in asked.params if pair[0].lower() == "id")
            known = Watcher(identity, Subscription(dialog, Tokened("conference", kept), 0.0))
            self._watchers[dialog] = known
            self._desk.own(dialog, self._owner)
        return known

    def _expire(self, watcher: Watcher, now: float) -> None:
        if not watcher.subscription.over and watcher.subscription.expires_at <= now:
            self._end(watcher, now, reason="timeout")

    def changed(self, about: About, roster: Roster, now: float) -> None:
        """Tell everybody who misses something."""
        if roster is not self._roster or about != self._about:
            self._cache.clear()
            self._seen = _views(roster)
        self._about, self._roster = about, roster
        for watcher in list(self._watchers.values()):
            self._tell(watcher, now)

    def _tell_all(self, watcher: Watcher, now: float) -> None:
        """He has just said where he is: what he was sent before may have gone elsewhere."""
        watcher.subscription.overtake()
        watcher.had, watcher.woken = None, False
        watcher.not_before = min(watcher.not_before, now + PACE)
        self._tell(watcher, now)

    def _tell(self, watcher: Watcher, now: float) -> None:
        if watcher.woken or not watcher.subscription.idle or self._knows(watcher):
            return  # who is woken soon is told then
        if now < watcher.not_before:
            self._wake(watcher)
            return
        body = self._document(watcher)
        if watcher.sight is Sight.OWN:
            sent = watcher.subscription.hold(self._desk.endpoint, now, body)
        else:
            sent = watcher.subscription.notify(self._desk.endpoint, now, body)
        self._desk.replies[sent] = lambda reply, then: self._notified(watcher, reply, then)
        watcher.not_before = now + PACE

    def _knows(self, watcher: Watcher) -> bool:
        had, sight = watcher.had, self._owner.sight(watcher.identity)
        if had is None or watcher.sight is not sight or watcher.about != self._about:
            return False
        now = self._shown(watcher.identity, sight)
        return had.state == now.state

    def _shown(self, who: Identity, sight: Sight) -> Roster:
        return self._roster.own(who.uri) if sight is Sight.OWN else self._seen[sight]

    def _wake(self, watcher: Watcher) -> None:
        if not watcher.woken:
            watcher.woken = True
            self._desk.later(watcher.not_before, lambda now: self._woken(watcher, now))

    def _woken(self, watcher: Watcher, now: float) -> None:
        watcher.woken = False
        self._tell(watcher, now)

    def _document(self, watcher: Watcher) -> Body | None:
        """What a watcher misses; None for one who waits for nothing but to be let in."""
        sight = self._owner.sight(watcher.identity)
        same = watcher.about == self._about and watcher.sight is sight
        had, now = watcher.had if same else None, self._shown(watcher.identity, sight)
        watcher.had, watcher.about, watcher.sight = now, self._about, sight
        if sight is Sight.OWN and not now.waiting:
            return None
        watcher.version += 1
        if sight is Sight.OWN:
            text = conference_info.own(self._about, now, watcher.version)
            return Body(text, conference_info.MEDIA_TYPE)
        text = self._template(had, now, sight)
        text = text.replace(' version="0"', f' version="{watcher.version}"', 1)
        return Body(text, conference_info.MEDIA_TYPE)

    def _template(self, had: Roster | None, now: Roster, sight: Sight) -> str:
        """A document that all of one sight share who had the same."""
        plain = not any(one.aliases or one.queue for one in (had, now) if one is not None)
        before = None if had is None else had.state
        key = (before, now.state, Sight.ALL if plain else sight)
        template = self._cache.get(key)
        if template is None:
            if had is None:
                template = conference_info.full(self._about, now, 0)
            else:
                template = conference_info.partial(self._about, had, now, 0)
            self._cache[key] = template
        return template

    def _notified(self, watcher: Watcher, reply: ResponseReceived, now: float) -> None:
        if not watcher.subscription.answered(reply):
            return
        lost = reply.local and (reply.response.status == 503 or self._desk.deaf)
        if reply.response.status >= 300 and not lost:
            self._forget(watcher, now)
            return
        if reply.local:
            watcher.had = None  # the flow broke: tell everything on the next one
            watcher.not_before = now + RETRY
            self._wake(watcher)
            return
        self._tell(watcher, now)

    def _end(self, watcher: Watcher, now: float, *, reason: str, body: Body | None = None) -> None:
        if body is None and not (reason == "timeout" and watcher.had is None):
            body = self._document(watcher)
        watcher.subscription.terminate(self._desk.endpoint, now, reason=reason, body=body)
        self._forget(watcher, now)

    def end_of(self, entity: str, now: float, *, reason: str, phone: str = "") -> None:
        """End the subscriptions of one person (RFC 4579 5.11), or of the phone of that Contact."""
        for watcher in list(self._watchers.values()):
            if watcher.identity.uri == entity and (not phone or self._is_of(watcher, phone)):
                self._end(watcher, now, reason=reason)

    def _is_of(self, watcher: Watcher, phone: str) -> bool:
        dialog = self._desk.endpoint.dialog(watcher.subscription.dialog)
        here = uri_of(dialog.remote_target) if dialog is not None else None
        return here is not None and same_device(here, uri_of(phone))

    def end(self, now: float) -> None:
        """The conference is over: tell the last state and end all (noresource)."""
        for watcher in list(self._watchers.values()):
            self._end(watcher, now, reason="noresource")

    def _forget(self, watcher: Watcher, now: float) -> None:
        watcher.subscription.over = True
        self._keeper.forget_watcher(watcher.subscription, now)
        self._watchers.pop(watcher.subscription.dialog, None)
        self._owner.usage_ended(watcher.subscription.dialog)

    def resume(
        self, who: Identity, subscription: Subscription, *, version: int, now: float
    ) -> None:
        """Go on with a watcher of another process; he is told all as soon as he is reached."""
        watcher = Watcher(who, subscription, version=version)
        self._watchers[subscription.dialog] = watcher
        self._desk.own(subscription.dialog, self._owner)
        self._keeper.keep_watcher(who, subscription, now)
        until = max(now, subscription.expires_at)
        self._desk.later(until, lambda later: self._expire(watcher, later))

    def abandon(self) -> None:
        """Let go of all; another process tells them from now on."""
        for dialog, watcher in self._watchers.items():
            watcher.subscription.over = True
            self._desk.disown(dialog)
        self._watchers.clear()

    def moved(self, entity: str, contact: SipUri, flow: Flow, now: float) -> None:
        """A phone has registered anew: its subscriptions go on by the new flow."""
        for dialog, watcher in self._watchers.items():
            known = self._desk.endpoint.dialog(dialog)
            if known is None or watcher.identity.uri != entity:
                continue
            here = parse_uri(known.remote_target)
            if isinstance(here, SipUri) and same_device(here, contact):
                moved = known.flow != flow
                self._desk.endpoint.move(dialog, flow)
                if moved:
                    self._keeper.keep_watcher(watcher.identity, watcher.subscription, now)
                    if not watcher.subscription.idle or watcher.had is None:
                        self._tell_all(watcher, now)

    def identity_of(self, dialog: DialogId | None) -> Identity | None:
        """Who watches by that dialog."""
        watcher = self._watchers.get(dialog) if dialog is not None else None
        return watcher.identity if watcher else None


def _views(roster: Roster) -> dict[Sight, Roster]:
    """What is seen by those who see all, who command only, and by others."""
    queue = roster.without_names()
    return {Sight.ALL: roster, Sight.QUEUE: queue, Sight.OTHERS: roster.for_others()}
