"""Where a person's phones can be reached (RFC 3261 10, RFC 5626)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from conferences.policy import Identity
from sipgateway.focus.desk import Desk, Phone
from sipgateway.sip import headers
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import RequestReceived
from sipgateway.sip.flow import Flow, FlowId
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import Request
from sipgateway.sip.uri import SipUri

DEFAULT_EXPIRES = 3600
LONGEST = 7200
SHORTEST = 10
"""Seconds: browser phones test with as little; less would be a flood (423)."""
MAX_BINDINGS = 20
"""Phones of one person; more are a program gone wrong (403)."""

Moved = Callable[[str, SipUri, Flow, float], None]


@dataclass(frozen=True, slots=True)
class Binding:
    """One phone of a person."""

    contact: NameAddr
    uri: SipUri
    flow: Flow
    expires_at: float
    call_id: str
    cseq: int
    instance: str = ""
    reg_id: str = ""

    @property
    def key(self) -> str:
        """What a later REGISTER of the same phone has in common with this one (RFC 5626 6)."""
        if self.instance and self.reg_id:
            return f"{self.instance};{self.reg_id}"
        return str(self.uri.bare())


class Registrar:
    """The bindings of all persons; `moved` hears of every phone that (re-)registers."""

    def __init__(self, desk: Desk, *, moved: Moved) -> None:
        self._desk = desk
        self._moved = moved
        self._bindings: dict[str, dict[str, Binding]] = {}

    def register(self, event: RequestReceived, identity: Identity, now: float) -> None:
        """Carry out a REGISTER whose sender is known."""
        try:
            self._register(event, identity, now)
        except BadMessage as error:
            self._desk.endpoint.respond(event.transaction, 400, now, reason=error.reason)

    def _register(self, event: RequestReceived, identity: Identity, now: float) -> None:
        request, endpoint = event.request, self._desk.endpoint
        owner = headers.sip_uri_of(request.must(headers.TO))
        if not self._desk.domain.owns(owner) or self._aor(owner) != identity.uri:
            endpoint.respond(event.transaction, 403, now, reason="Not Your Address")
            return
        known = self._live(identity.uri, now)
        if request.all("contact") == ["*"]:
            if request.one(headers.EXPIRES) != 0:
                raise BadMessage("Contact header: * needs Expires: 0")
            self._store(event, identity.uri, {}, [], now=now)
            return
        wanted = [self._binding(event, contact, now) for contact in request.every(headers.CONTACT)]
        if any(0 < binding.expires_at - now < SHORTEST for binding in wanted):
            fields = (("Min-Expires", str(SHORTEST)),)
            endpoint.respond(event.transaction, 423, now, fields=fields)
        elif len(known.keys() | {b.key for b in wanted}) > MAX_BINDINGS:
            endpoint.respond(event.transaction, 403, now, reason="Too Many Phones")
        else:
            self._store(event, identity.uri, known, wanted, now=now)

    def _store(
        self,
        event: RequestReceived,
        aor: str,
        known: dict[str, Binding],
        wanted: list[Binding],
        *,
        now: float,
    ) -> None:
        for binding in wanted:
            self._bind(known, binding, now)
        self._bindings[aor] = known
        self._confirm(event, known, now)
        for binding in wanted:
            if binding.expires_at > now:
                self._moved(aor, binding.uri, event.flow, now)

    def _aor(self, uri: SipUri) -> str:
        return self._desk.domain.uri(uri.name.lower()).aor

    @staticmethod
    def _binding(event: RequestReceived, contact: NameAddr, now: float) -> Binding:
        request = event.request
        cseq = request.must(headers.CSEQ)
        return Binding(
            contact=contact,
            uri=headers.sip_uri_of(contact),
            flow=event.flow,
            expires_at=now + _expires(request, contact),
            call_id=request.must(headers.CALL_ID),
            cseq=cseq.number,
            instance=contact.param("+sip.instance") or "",
            reg_id=contact.param("reg-id") or "",
        )

    @staticmethod
    def _bind(known: dict[str, Binding], binding: Binding, now: float) -> None:
        before = known.get(binding.key)
        if before is not None and before.call_id == binding.call_id and before.cseq >= binding.cseq:
            return  # an older request that came late (10.3, step 7)
        if binding.expires_at <= now:
            known.pop(binding.key, None)
        else:
            known[binding.key] = binding

    def _confirm(self, event: RequestReceived, known: dict[str, Binding], now: float) -> None:
        fields = []
        for binding in known.values():
            kept = tuple(p for p in binding.contact.params if p[0].lower() != "expires")
            left = ("expires", str(max(0, round(binding.expires_at - now))))
            address = NameAddr(binding.contact.uri, "", (*kept, left))
            fields.append(("Contact", headers.CONTACT.build(address)))
        self._desk.endpoint.respond(event.transaction, 200, now, fields=fields)

    def _live(self, aor: str, now: float) -> dict[str, Binding]:
        known = self._bindings.get(aor, {})
        return {key: binding for key, binding in known.items() if binding.expires_at > now}

    def phones(self, aor: str, now: float) -> list[Phone]:
        """The phones of a person, the latest first."""
        bindings = sorted(self._live(aor, now).values(), key=lambda binding: -binding.expires_at)
        return [Phone(str(binding.uri), binding.flow) for binding in bindings]

    def flow_closed(self, flow: FlowId) -> None:
        """Forget the phones that were reached by a connection which is gone."""
        for aor, known in list(self._bindings.items()):
            left = {key: binding for key, binding in known.items() if binding.flow.id != flow}
            if left:
                self._bindings[aor] = left
            else:
                del self._bindings[aor]


def _expires(request: Request, contact: NameAddr) -> int:
    own = contact.param("expires")
    if own is not None and own.isdecimal() and own.isascii():
        return min(int(own[:10]), LONGEST)
    asked = request.one(headers.EXPIRES)
    return DEFAULT_EXPIRES if asked is None else min(asked, LONGEST)
