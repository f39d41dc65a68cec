"""The registrar (RFC 3261 10.3), with outbound (RFC 5626), Path (RFC 3327) and GRUUs (RFC 5627).

What holds is in memory, in `location`; what has changed is written down soon,
many phones at a time, and read again when the process starts. A registration
that its person has ended is refused under its Call-ID from then on: a phone
that is started anew begins a new one, one that was lost does not.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from email.utils import formatdate

from conferences.phonebook import Entry, Remembered
from conferences.policy import Identity
from sipgateway.focus import registering
from sipgateway.focus.actions import ForgetPhones
from sipgateway.focus.desk import Desk, Phone, uri_of
from sipgateway.focus.events import Answer, PhonesEnded, Reopened
from sipgateway.focus.location import (
    Binding,
    Location,
    Name,
    flow_elsewhere,
    of_entry,
    port_of,
    public_gruu,
)
from sipgateway.focus.questions import KeepPhones, Reopen
from sipgateway.sip import headers
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import RequestReceived
from sipgateway.sip.flow import WEB, Flow, FlowId, Transport
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.uri import SipUri, parse_sip_uri

FLOW_TIMER = 120
"""Seconds within which a phone on a connection should send something (RFC 5626 11.1)."""
CHANGE_WITHIN, REFRESH_WITHIN = 0.1, 5.0
"""Seconds until a change, or a mere refresh, is written down: what a page may be late,
and what a crash may forget, which costs a phone that much of its time."""
CONFIRMED_WITHIN = 0.02
"""The same for a change where other processes have to know of it before it is confirmed."""
SWEEP = 60.0
"""Seconds between two looks for what has expired."""
ENDED_FOR = 86_400.0
"""Seconds that a registration which was ended is not let in again."""

Moved = Callable[[str, SipUri, Flow, float], None]


class Registrar:
    """The bindings of all persons; `moved` hears of every phone that (re-)registers."""

    def __init__(self, desk: Desk, *, moved: Moved) -> None:
        self._desk = desk
        self._moved = moved
        self._location = Location()
        self._ended: dict[tuple[str, str], float] = {}
        self._unwritten: dict[Name, float] = {}
        #: What answers requests once other processes can find the phones that they registered.
        self._unconfirmed: list[Callable[[float], None]] = []
        self._sweeping = False

    # -- REGISTER ------------------------------------------------------------

    def register(self, event: RequestReceived, identity: Identity, now: float) -> None:
        """Carry out a REGISTER whose sender is known, wholly or not at all."""
        try:
            wanted, known = self._register(event, identity, now)
        except BadMessage as error:
            self._desk.endpoint.respond(event.transaction, 400, now, reason=error.reason)
        except registering.Refused as no:
            self._desk.endpoint.respond(
                event.transaction, no.status, now, reason=no.reason, fields=no.fields
            )
        else:
            placed, refreshed = self._apply(wanted, now)
            confirm = functools.partial(self._confirm, event, known, placed)
            if refreshed or not self._desk.process:
                confirm(now)
            else:
                self._unconfirmed.append(confirm)

    def _register(
        self, event: RequestReceived, identity: Identity, now: float
    ) -> tuple[list[Binding], dict[str, Binding]]:
        """What the request changes, and what the person's bindings are after it."""
        request, aor = event.request, identity.uri
        registering.check_address(request, identity, self._desk.domain)
        if (aor, request.must(headers.CALL_ID)) in self._ended:
            raise registering.Refused(403, "This Registration Was Ended")
        known = self._location.of(aor, now)
        if request.all("contact") == ["*"]:
            wanted = registering.all_gone(request, known, now)
        else:
            wanted = registering.bindings(event, identity, known, now)
        for binding in wanted:
            registering.check_order(known.get(binding.entry.key), binding)
            if binding.entry.expires_at > now:
                known[binding.entry.key] = binding
            else:
                known.pop(binding.entry.key, None)
        return [*wanted, *_crowded_out(known, wanted, now)], known

    def _apply(self, wanted: list[Binding], now: float) -> tuple[list[Binding], bool]:
        """The bindings that hold now, and whether all of them held before."""
        placed, refreshed = [], True
        for binding in wanted:
            if binding.entry.expires_at <= now:
                self._forget([binding.entry.name], now)
                continue
            before = self._location.of(binding.entry.aor, now).get(binding.entry.key)
            binding = self._at_its_port(binding, before)
            self._location.put(binding)
            refresh = before is not None and before.refreshed_by(binding)
            self._write(binding, now + (REFRESH_WITHIN if refresh else self._change_within))
            placed.append(binding)
            refreshed = refreshed and refresh
        self._sweep_later(now)
        return placed, refreshed

    def _at_its_port(self, binding: Binding, before: Binding | None) -> Binding:
        """By the flow to where a phone listens; one that is not known yet is sought."""
        entry = binding.entry
        if entry.remote_port == binding.flow.remote_port or entry.transport != Transport.UDP:
            return binding
        if before is not None and before.flow.remote_port == entry.remote_port:
            return of_entry(entry, before.flow) or binding

        def found(answer: Answer, now: float) -> None:
            flow = answer.flow if isinstance(answer, Reopened) else None
            now_known = self._location.of(entry.aor, now).get(entry.key)
            led = of_entry(entry, flow) if flow is not None else None
            if led is not None and now_known is binding:
                self._location.put(led)
                self._tell_moved(led, now)

        where = entry.transport, entry.remote_host, entry.remote_port
        self._desk.ask(lambda number: Reopen(number, *where), found)
        return binding

    def _tell_moved(self, binding: Binding, now: float) -> None:
        """A phone may have called by its Contact or by its GRUU (RFC 5627 4.3)."""
        aor = binding.entry.aor
        self._moved(aor, binding.uri, binding.flow, now)
        if binding.entry.instance:
            gruu = public_gruu(uri_of(aor), binding.entry.instance)
            self._moved(aor, gruu, binding.flow, now)

    def _confirm(
        self,
        event: RequestReceived,
        known: Mapping[str, Binding],
        placed: Iterable[Binding],
        now: float,
    ) -> None:
        """Answer, and go on with calls whose phones have come back."""
        self._answer(event, known, now)
        for binding in placed:
            self._tell_moved(binding, now)

    def _answer(self, event: RequestReceived, known: Mapping[str, Binding], now: float) -> None:
        """10.3, step 8: all bindings there are, and what of outbound and Path was taken."""
        request = event.request
        gruus = request.has_token(headers.SUPPORTED, "gruu")
        fields = [
            ("Contact", headers.CONTACT.build(self._shown(one, now, gruus=gruus)))
            for one in known.values()
        ]
        fields.append(("Date", formatdate(now, usegmt=True)))
        fields += [("Path", value) for value in request.all("path")]
        if request.has_token(headers.SUPPORTED, "outbound") and registering.flows(request):
            fields.append(("Require", "outbound"))
            if event.flow.reliable:
                fields.append(("Flow-Timer", str(FLOW_TIMER)))
        fields.append(("Supported", "path, outbound, gruu"))
        self._desk.endpoint.respond(event.transaction, 200, now, fields=fields)

    def _shown(self, binding: Binding, now: float, *, gruus: bool) -> NameAddr:
        params = list(binding.contact.params)
        params.append(("expires", str(max(0, round(binding.entry.expires_at - now)))))
        if gruus and binding.entry.instance:
            gruu = public_gruu(parse_sip_uri(binding.entry.aor), binding.entry.instance)
            params.append(("pub-gruu", f'"{gruu}"'))
        return NameAddr(binding.contact.uri, "", tuple(params))

    # -- what was, and what is written down ------------------------------------

    def remember(self, what: Remembered, now: float) -> None:
        """Take up what an earlier life of this process knew; ways to the phones are sought."""
        for name in what.ended:
            self._ended[name] = now + ENDED_FOR
        for aor, instance in what.away:
            self._location.note_away(aor, instance)
        pages = [entry.name for entry in what.entries if entry.transport in WEB]
        self._forget(pages, now)  # they come back by themselves
        for entry in what.entries:
            if entry.transport not in WEB:
                self._reopen(entry)

    def _reopen(self, entry: Entry) -> None:
        def reopened(answer: Answer, now: float) -> None:
            flow = answer.flow if isinstance(answer, Reopened) else None
            binding = of_entry(entry, flow) if flow is not None else None
            if entry.key in self._location.of(entry.aor, now):
                return  # the phone was quicker
            if binding is None:
                self._desk.act(ForgetPhones((entry.name,), now))
                return
            self._location.put(binding)
            self._write(binding, now + self._change_within)
            self._sweep_later(now)

        port = port_of(entry)
        self._desk.ask(
            lambda number: Reopen(number, entry.transport, entry.remote_host, port), reopened
        )

    def ended(self, event: PhonesEnded, now: float) -> None:
        """Their owners have ended these; a registration begun since is another one."""
        for aor, key, call_id in event.phones:
            self._ended[aor, call_id] = now + ENDED_FOR
            binding = self._location.of(aor, now).get(key)
            if binding is None or binding.entry.call_id == call_id:
                self._forget([(aor, key)], now)
        self._sweep_later(now)

    def flow_closed(self, flow: FlowId, now: float) -> None:
        """The connection to some phones is gone.

        Those that registered a flow (RFC 5626), and those that name no port at which
        they can be connected to, are forgotten; to others one is made, as their
        bindings hold until they expire (RFC 3261 10.3).
        """
        found = [self._location.get(name) for name in self._location.on(flow)]
        bindings = [one for one in found if one is not None]
        listening = [one for one in bindings if _listens(one)]
        self._forget([one.entry.name for one in bindings if one not in listening], now)
        for one in listening:
            self._location.drop(one.entry.name)
            self._reopen(one.entry)

    def phones(
        self,
        aor: str,
        now: float,
        instance: str = "",
        elsewhere: Iterable[tuple[str, Entry]] = (),
    ) -> list[Phone]:
        """The phones of a person, the best first; with `instance` that one alone.

        `elsewhere` are those that other processes hold, each with its process.
        """
        host = self._desk.domain.host
        others = (of_entry(one, flow_elsewhere(one, name, host)) for name, one in elsewhere)
        known = [binding for binding in others if binding is not None]
        phones = []
        for flows in self._location.best(aor, now, instance, known):
            spare = [_phone(one) for one in flows[1:] if one.entry.key.startswith("<")]
            phones.append(replace(_phone(flows[0]), others=tuple(spare)))
        return phones

    def knows(self, aor: str, instance: str) -> bool:
        """Whether a phone of that name has ever been registered for the person."""
        return self._location.knows(aor, instance)

    def stop(self, now: float) -> None:
        """Have everything written down that waits for it."""
        self._flush(now + REFRESH_WITHIN)

    @property
    def _change_within(self) -> float:
        return CONFIRMED_WITHIN if self._desk.process else CHANGE_WITHIN

    def _write(self, binding: Binding, when: float) -> None:
        before = self._unwritten.get(binding.entry.name)
        if before is None or when < before:
            self._unwritten[binding.entry.name] = when
            self._desk.later(when, self._flush)

    def _flush(self, now: float) -> None:
        """Write down what is due, and whatever else waits with it."""
        # One that waits to be confirmed was to be written by now, or is forgotten again.
        if not self._unconfirmed and not any(when <= now for when in self._unwritten.values()):
            return
        names, self._unwritten = self._unwritten, {}
        found = (self._location.get(name) for name in names)
        confirms, self._unconfirmed = self._unconfirmed, []

        def kept(_: Answer, then: float) -> None:
            for confirm in confirms:
                confirm(then)

        entries = tuple(one.entry for one in found if one is not None)
        if entries or confirms:
            self._desk.ask(lambda number: KeepPhones(number, entries), kept)

    def _forget(self, names: list[Name], now: float) -> None:
        for name in names:
            self._location.drop(name)
            self._unwritten.pop(name, None)
        if names:
            self._desk.act(ForgetPhones(tuple(names), now))

    def _sweep_later(self, now: float) -> None:
        if not self._sweeping and (len(self._location) or self._ended):
            self._sweeping = True
            self._desk.later(now + SWEEP, self._sweep)

    def _sweep(self, now: float) -> None:
        """Let go of what has expired."""
        self._sweeping = False
        self._forget(self._location.expired(now), now)
        self._ended = {name: until for name, until in self._ended.items() if until > now}
        self._sweep_later(now)


def _crowded_out(known: dict[str, Binding], wanted: list[Binding], now: float) -> Iterator[Binding]:
    """Take those that are too many, the longest not refreshed first; raises `Refused`.

    A phone that is started again and again, each time from another port, would
    else lock itself out until the first of its lives expires.
    """
    new = {one.entry.key for one in wanted}
    old = sorted(
        (one for key, one in known.items() if key not in new),
        key=lambda one: one.entry.refreshed_at,
    )
    for _ in range(len(known) - registering.MAX_BINDINGS):
        if not old:
            raise registering.Refused(403, f"No More Than {registering.MAX_BINDINGS} Phones")
        gone = known.pop(old.pop(0).entry.key)
        yield replace(gone, entry=replace(gone.entry, expires_at=now))


def _phone(binding: Binding) -> Phone:
    return Phone(
        str(replace(binding.uri, headers=())),
        binding.flow,
        binding.path,
        binding.contact.params,
        binding.entry.user_agent,
    )


def _listens(binding: Binding) -> bool:
    """Whether a phone whose connection is gone may be connected to."""
    entry = binding.entry
    if entry.transport not in (Transport.TCP, Transport.TLS) or entry.key.startswith("<"):
        return False
    return port_of(entry) not in (0, entry.remote_port)
