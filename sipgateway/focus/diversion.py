"""Where phones send a call on to by a 3xx (RFC 3261 8.1.3.4), and whether it goes there.

A phone may answer that its person is elsewhere: at somebody else's of this
house, in a conference, at a telephone number. It is anybody's phone, and says
what it likes, so nothing is called that the one who calls could not have called
himself: what costs money is asked of the list of targets in his name. No place
is tried twice, and no call is sent on more often than `MOST`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from sipgateway.focus import outside
from sipgateway.focus.desk import Desk, Phone
from sipgateway.focus.outside import Way
from sipgateway.sip import headers
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import Response
from sipgateway.sip.uri import SipUri, Uri

MOST = 5
"""Places that one call is sent on to; whoever needs more goes in circles."""
#: Not 305, which names a proxy, and not 380, which is no other place for the same call.
FOLLOWED = frozenset({300, 301, 302})

Allowed = Callable[[bool, float], None]
Place = tuple[str, str]
"""Whose it is, and which phone of his (RFC 5627); "" for all of them."""


class Caller(Protocol):
    """The call that is sent on."""

    @property
    def seeks(self) -> bool:
        """Whether nobody has taken it yet, and it is not over."""

    def may_reach(self, entity: str, now: float) -> bool:
        """Whether somebody of this house may take it instead."""

    def may_leave(self, entity: str, told: Allowed) -> None:
        """Ask whether it may go to somebody outside, in the name of the one who calls."""

    def ring_at(self, entity: str, phones: list[Phone], now: float, way: Way | None = None) -> None:
        """Ring there."""

    def no_phones_at(self, uri: SipUri) -> None:
        """Nobody of that name has a phone; it may be a conference's."""

    def search_ended(self, now: float) -> None:
        """It is known by now whether there is somebody."""


class Diversions:
    """The places that one call is sent on to; `tried` is called already, `secure` by ``sips:``."""

    def __init__(self, desk: Desk, caller: Caller, tried: Place, *, secure: bool = False) -> None:
        self._desk = desk
        self._caller = caller
        self._secure = secure
        self._tried = {tried}
        self._followed = 0
        #: Searches that go on.
        self.pending = 0

    def follow(self, places: Sequence[Uri], now: float) -> bool:
        """Send the call on to these; False where none of them is followed."""
        before = self._followed
        self.pending += 1  # one that leads nowhere is not the end of the search
        for uri in places:
            if self._secure and uri.scheme != "sips":  # 8.1.3.4
                continue
            if self._followed < MOST and self._caller.seeks:
                self._try(uri, now)
        self.pending -= 1
        return self._followed > before

    def _try(self, uri: Uri, now: float) -> None:
        ours = isinstance(uri, SipUri) and self._desk.domain.owns(uri)
        number = outside.number_in(uri) if ours and isinstance(uri, SipUri) else None
        if isinstance(uri, SipUri) and ours and number is None:
            self._inside(uri, now)
        elif (foreign := number or outside.read(self._desk.domain, str(uri))) is not None:
            self._outside(foreign)

    def _is_new(self, place: Place) -> bool:
        """Whether it has not been tried, by itself or with all phones of its person."""
        if {place, (place[0], "")} & self._tried:
            return False
        self._tried.add(place)
        self._followed += 1
        return True

    # -- in this house -----------------------------------------------------------

    def _inside(self, uri: SipUri, now: float) -> None:
        place = place_of(self._desk, uri)
        if not uri.name or not self._caller.may_reach(place[0], now) or not self._is_new(place):
            return

        def found(phones: list[Phone], then: float) -> None:
            self.pending -= 1
            if self._secure or uri.scheme == "sips":
                phones = [phone for phone in phones if phone.flow.secure]
            if not self._caller.seeks:
                return
            if phones:
                self._caller.ring_at(place[0], phones, then)
            else:
                self._caller.no_phones_at(uri.bare())
            self._caller.search_ended(then)

        self.pending += 1
        self._desk.find(place[0], found, now, instance=place[1])

    # -- outside -----------------------------------------------------------------

    def _outside(self, uri: Uri) -> None:
        entity = outside.canonical(uri)
        if not self._is_new((entity, "")):
            return

        def ended(now: float) -> None:
            self.pending -= 1
            if self._caller.seeks:
                self._caller.search_ended(now)

        def reached(way: Way | None, now: float) -> None:
            flow = way.next_flow() if way is not None else None
            if way is not None and flow is not None and self._caller.seeks:
                phone = Phone(str(way.target), flow, way.routes)
                self._caller.ring_at(entity, [phone], now, way)
            ended(now)

        def allowed(may: bool, now: float) -> None:
            if may and self._caller.seeks:
                outside.find(self._desk, uri, reached)
            else:
                ended(now)

        self.pending += 1
        self._caller.may_leave(entity, allowed)


def place_of(desk: Desk, uri: SipUri) -> Place:
    """The place that a URI of this house names."""
    return desk.domain.uri(uri.name.lower()).aor, uri.param("gr") or ""


def places(response: Response) -> tuple[Uri, ...]:
    """Where a 3xx sends, the most wanted first (RFC 3261 20.10); none that cannot be read."""
    if response.status not in FOLLOWED:
        return ()
    try:
        contacts = [one for one in response.every(headers.CONTACT) if isinstance(one, NameAddr)]
    except BadMessage:
        return ()
    return tuple(one.uri for one in sorted(contacts, key=_wanted)[:MOST])


def _wanted(contact: NameAddr) -> float:
    """The lowest first; without a `q` it is 1 (20.10)."""
    try:
        return -float(contact.param("q") or 1.0)
    except ValueError:
        return 0.0
