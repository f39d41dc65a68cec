"""The location service (RFC 3261 10.3): bindings, found by person, by phone and by flow.

A binding is reached by the flow that brought it, or at another port of the same
address that its Contact names: a phone behind a NAT is found, and nobody can
have us send to a third.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from conferences.phonebook import Entry
from sipgateway.sip import headers
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.flow import Flow, FlowId, Transport
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import Request
from sipgateway.sip.uri import SipUri, unescape

MAX_CONTACT = 1000
"""Characters of a Contact that is kept; those of real phones have under 300."""
MAX_AWAY = 20
"""Phones of one person that are remembered when they are away."""

# qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
_QVALUE = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
# pvalue = 1*paramchar (RFC 3261 25.1); what is none is escaped
_NO_PARAMCHAR = re.compile(r"[^A-Za-z0-9\-_.!~*'()\[\]/:&+$]")

Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Binding:
    """One phone of a person, with the flow that leads to it."""

    entry: Entry
    contact: NameAddr
    uri: SipUri
    path: tuple[NameAddr, ...]
    flow: Flow

    @property
    def q(self) -> float:
        """How much it is preferred, 0 to 1 (RFC 3261 10.2.1.2); 1 where it does not say."""
        return float(self.contact.param("q") or 1)

    def refreshed_by(self, other: Binding) -> bool:
        """Whether `other` says nothing of this one but that it lasts longer."""
        mine, theirs = self.entry, other.entry
        same = replace(
            theirs, cseq=mine.cseq, refreshed_at=mine.refreshed_at, expires_at=mine.expires_at
        )
        return same == mine


#: Parameters of a Contact that are the registrar's to write.
_OURS = frozenset({"expires", "pub-gruu", "temp-gruu"})


def kept(contact: NameAddr) -> NameAddr:
    """What is kept of a Contact: all but the time that it was given for."""
    return NameAddr(contact.uri, "", tuple(p for p in contact.params if p[0].lower() not in _OURS))


def checked_contact(contact: NameAddr) -> SipUri:
    """The URI of a Contact that can be kept; `BadMessage` for others."""
    uri = headers.sip_uri_of(contact, "Contact")
    text = headers.CONTACT.build(contact)
    if len(text) > MAX_CONTACT:
        raise BadMessage("Contact header: too long")
    if not text.isprintable():
        raise BadMessage("Contact header: not UTF-8")
    if (q := contact.param("q")) is not None and not _QVALUE.fullmatch(q):
        raise BadMessage("Contact header: q is a number from 0 to 1")
    return uri


def instance_of(contact: NameAddr) -> str:
    """The phone's own name, ``urn:uuid:…`` (RFC 5626 4.1), "" where it gives none."""
    return (contact.param("+sip.instance") or "").strip("<> ")[:200]


def public_gruu(aor: SipUri, instance: str) -> SipUri:
    """The URI that reaches this phone alone (RFC 5627 5.4)."""
    return replace(aor, params=(("gr", _escaped(instance)),))


def _escaped(instance: str) -> str:
    return _NO_PARAMCHAR.sub(lambda found: f"%{ord(found[0]):02X}", instance)


def flow_elsewhere(entry: Entry, process: str, host: str) -> Flow:
    """The flow of a binding that another process holds; `host` is what we are called."""
    return Flow(
        FlowId(entry.flow),
        Transport(entry.transport),
        entry.remote_host,
        entry.remote_port,
        host,
        entry.local_port,
        process,
    )


def of_entry(entry: Entry, flow: Flow) -> Binding | None:
    """The binding that was written down, by a flow of now; None for what is none any more."""
    try:
        contact = headers.CONTACT.parse(entry.contact)
        path = tuple(headers.PATH.parse(value) for value in entry.path)
        uri = checked_contact(contact)
    except BadMessage:
        return None
    entry = replace(entry, flow=flow.id, local_port=flow.local_port)
    return Binding(entry, contact, uri, path, flow)


def port_of(entry: Entry) -> int:
    """Where a phone can be connected to: its own port, if it named that of its address.

    A connection's far end is no port that anybody listens on. A Contact at
    another address is not followed: nobody can have us connect to a third.
    """
    if entry.transport == Transport.UDP:
        return entry.remote_port
    try:
        uri = headers.sip_uri_of(headers.CONTACT.parse((*entry.path, entry.contact)[0]))
    except BadMessage:
        return 0
    if uri.host.strip("[]").lower() != entry.remote_host.lower():
        return 0
    return uri.port or (5061 if entry.transport == Transport.TLS else 5060)


def port_elsewhere(request: Request, flow: Flow, uri: SipUri) -> int:
    """Where a phone listens that registered by UDP from another port; 0 where that is none.

    Its Contact counts only if no NAT is between: it knows its address, and the port that
    it sends from (RFC 3261 18.1.1). Our own port is nobody's.
    """
    via, *proxies = request.every(headers.VIA)
    at_home = via.host.strip("[]").lower() == uri.host.strip("[]").lower() == flow.remote_host
    direct = at_home and not proxies and (via.port or 5060) == flow.remote_port
    if flow.transport is not Transport.UDP or not direct:
        return 0
    plain = (uri.param("transport") or "udp").lower() == "udp" and uri.param("ob") is None
    ours = flow.remote_host == flow.local_host and uri.port == flow.local_port
    return uri.port or 0 if plain and not ours and uri.port != flow.remote_port else 0


class Location:
    """See the module."""

    def __init__(self) -> None:
        self._bindings: dict[str, dict[str, Binding]] = {}
        self._by_flow: dict[FlowId, set[Name]] = {}
        #: Phones that were here, by address of record; a dict for its order.
        self._away: dict[str, dict[str, None]] = {}

    def of(self, aor: str, now: float) -> dict[str, Binding]:
        """The bindings of a person that hold at `now`, by key."""
        known = self._bindings.get(aor, {})
        return {key: one for key, one in known.items() if one.entry.expires_at > now}

    def best(
        self, aor: str, now: float, instance: str = "", elsewhere: Iterable[Binding] = ()
    ) -> list[list[Binding]]:
        """The bindings of each phone, the most wanted and then the latest first.

        A phone with several flows is reached by the newest, and by the others when that
        fails (RFC 5626 7). With `instance` that phone alone. Those `elsewhere` count like ours.
        """
        all_ = [*self.of(aor, now).values(), *elsewhere]
        known = sorted(all_, key=lambda one: -one.entry.refreshed_at)
        found: dict[str, list[Binding]] = {}
        for one in known:
            if not instance or _is(instance, one.entry.instance):
                found.setdefault(one.entry.instance or one.entry.key, []).append(one)
        return sorted(found.values(), key=lambda flows: -flows[0].q)

    def knows(self, aor: str, instance: str) -> bool:
        """Whether a phone of that name has been here, though it may be away."""
        here = (one.entry.instance for one in self._bindings.get(aor, {}).values())
        return any(_is(instance, one) for one in [*self._away.get(aor, ()), *here] if one)

    def put(self, binding: Binding) -> None:
        """Add a binding, or change the one of that name."""
        self._take(binding.entry.name)
        self._bindings.setdefault(binding.entry.aor, {})[binding.entry.key] = binding
        self._by_flow.setdefault(binding.flow.id, set()).add(binding.entry.name)

    def drop(self, name: Name) -> Binding | None:
        """Take a binding away and give it back; its phone is away from now on."""
        binding = self._take(name)
        if binding is not None and binding.entry.instance:
            self.note_away(binding.entry.aor, binding.entry.instance)
        return binding

    def _take(self, name: Name) -> Binding | None:
        aor, key = name
        known = self._bindings.get(aor, {})
        binding = known.pop(key, None)
        if binding is None:
            return None
        if not known:
            del self._bindings[aor]
        others = self._by_flow[binding.flow.id]
        others.discard(name)
        if not others:
            del self._by_flow[binding.flow.id]
        return binding

    def note_away(self, aor: str, instance: str) -> None:
        """A phone was here."""
        away = self._away.setdefault(aor, {})
        away.pop(instance, None)
        away[instance] = None
        if len(away) > MAX_AWAY:
            del away[next(iter(away))]

    def on(self, flow: FlowId) -> list[Name]:
        """What a flow leads to."""
        return sorted(self._by_flow.get(flow, ()))

    def expired(self, now: float) -> list[Name]:
        """What holds no more."""
        return [one.entry.name for one in self if one.entry.expires_at <= now]

    def __iter__(self) -> Iterator[Binding]:
        return (one for known in list(self._bindings.values()) for one in list(known.values()))

    def __len__(self) -> int:
        return len(self._bindings)

    def get(self, name: Name) -> Binding | None:
        """The binding of that name, held or expired."""
        return self._bindings.get(name[0], {}).get(name[1])


def _is(wanted: str, instance: str) -> bool:
    """Whether a ``gr`` means that instance; percent-escapes and case are no difference."""
    return bool(instance) and unescape(wanted).lower() == instance.lower()
