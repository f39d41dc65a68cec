"""Dialogs between phones that go through us: whose they are, and by which flow each is reached.

Record-Route keeps a phone's later requests coming here (RFC 3261 16.6); what
they name is no more than a dialog that was seen to begin. So no route, address
or tag that somebody makes up leads anywhere, and a browser, which nobody can
connect to, is reached by the flow that it has now.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sipgateway.focus.desk import same_device
from sipgateway.sip import headers
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import Message, Request
from sipgateway.sip.uri import SipUri

MOST = 20_000
"""Dialogs that pass through at a time, a kilobyte each; more are refused (503)."""
MOST_EACH = 1000
"""Of one person: a receptionist watches a few hundred."""


#: Call-ID and the caller's tag.
Name = tuple[str, str]


@dataclass(slots=True)
class Side:
    """One phone of a dialog."""

    #: Address of record of whose phone it is.
    entity: str
    flow: Flow
    #: By what proxies the phone is reached from here.
    routes: tuple[NameAddr, ...] = ()
    #: Its Contact; None until it gave one.
    contact: SipUri | None = None

    def told(self, message: Message) -> None:
        """Follow the Contact of a request or response of this side."""
        contact = message.one(headers.CONTACT)
        if contact is not None and isinstance(contact.uri, SipUri):
            self.contact = contact.uri


@dataclass(slots=True)
class Passage:
    """A request that makes dialogs, and those it has made, by the tags of the called phones."""

    call_id: str
    tag: str
    caller: Side
    #: The phones that it was sent to.
    asked: list[Side]
    until: float
    called: dict[str, Side] = field(default_factory=dict)

    @property
    def name(self) -> Name:
        """What no other has."""
        return self.call_id, self.tag

    @property
    def sides(self) -> list[Side]:
        """Everybody."""
        return [self.caller, *self.asked, *self.called.values()]


@dataclass(frozen=True, slots=True)
class Found:
    """A request in a dialog: whose it is, and for whom."""

    passage: Passage
    sender: Side
    receiver: Side
    #: The tag of the called side.
    tag: str


class Passages:
    """See the module."""

    def __init__(self) -> None:
        self._known: dict[Name, Passage] = {}
        self._of: dict[str, set[Name]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, name: Name) -> Passage | None:
        """What is known of that Call-ID and tag."""
        return self._known.get(name)

    def is_full_for(self, entity: str) -> bool:
        """Whether there are so many that no more may begin."""
        return len(self._known) >= MOST or len(self._of.get(entity, ())) >= MOST_EACH

    def begin(self, passage: Passage) -> None:
        """A request that makes a dialog is on its way: its NOTIFY may overtake its 2xx."""
        self._known[passage.name] = passage
        for side in passage.sides:
            self._of.setdefault(side.entity, set()).add(passage.name)

    def end(self, passage: Passage) -> None:
        """Nothing is left of it."""
        if self._known.pop(passage.name, None) is None:
            return
        for entity in {side.entity for side in passage.sides}:
            names = self._of[entity]
            names.discard(passage.name)
            if not names:
                del self._of[entity]

    def find(self, request: Request, flow: Flow) -> Found | None:
        """Whose dialog a request is in; None if it is in none."""
        call_id = request.must(headers.CALL_ID)
        from_, to = request.must(headers.FROM).tag, request.must(headers.TO).tag
        passage = self._known.get((call_id, from_))
        if passage is not None and to in passage.called:
            return Found(passage, passage.caller, passage.called[to], to)
        passage = self._known.get((call_id, to))
        if passage is None:
            return None
        sender = passage.called.get(from_)
        if sender is None and request.method == "NOTIFY":
            sender = next((side for side in passage.asked if side.flow.id == flow.id), None)
        return Found(passage, sender, passage.caller, from_) if sender is not None else None

    def moved(self, entity: str, contact: SipUri, flow: Flow) -> None:
        """A phone has registered, perhaps by another flow: it is reached by that from now on."""
        for name in self._of.get(entity, ()):
            for side in self._known[name].sides:
                here = side.contact
                if side.entity == entity and here is not None and same_device(here, contact):
                    side.flow = flow

    def expired(self, now: float) -> list[Passage]:
        """What has lived its time."""
        return [passage for passage in self._known.values() if passage.until <= now]
