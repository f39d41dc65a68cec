"""What a REGISTER asks for (RFC 3261 10.3, RFC 5626 6), and why it cannot be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from conferences.phonebook import Entry
from conferences.policy import Identity
from sipgateway.focus.desk import Domain
from sipgateway.focus.location import (
    Binding,
    checked_contact,
    instance_of,
    kept,
    port_elsewhere,
)
from sipgateway.sip import headers
from sipgateway.sip.errors import BadMessage, RemoteError
from sipgateway.sip.events import RequestReceived
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import Request
from sipgateway.sip.uri import parse_sip_uri

DEFAULT_EXPIRES = 3600
LONGEST = 7200
SHORTEST = 10
"""Seconds: browser phones test with as little; less would be a flood (423)."""
MAX_BINDINGS = 20
"""Phones of one person; whoever brings one more loses the one that was longest not heard of.
More in one REGISTER are refused (403)."""
MAX_CALL_ID = 255
"""Characters of a Call-ID that is kept; real ones have under 100."""


class Refused(RemoteError):
    """A REGISTER that changes nothing, with the header fields that say why."""

    def __init__(self, status: int, reason: str = "", *fields: tuple[str, str]) -> None:
        super().__init__(status, reason)
        self.fields = fields


def check_address(request: Request, identity: Identity, domain: Domain) -> None:
    """10.3, steps 1, 4 and 5."""
    if not domain.owns(parse_sip_uri(request.uri)):
        raise Refused(404, "Not Our Domain")
    owner = headers.sip_uri_of(request.must(headers.TO), "To")
    if not domain.owns(owner) or domain.uri(owner.name.lower()).aor != identity.uri:
        raise Refused(403, "Not Your Address")


def bindings(
    event: RequestReceived, identity: Identity, known: Mapping[str, Binding], now: float
) -> list[Binding]:
    """The bindings that are to be made, or (expired by `now`) removed; all of them or none.

    Raises `Refused` and `BadMessage`.
    """
    request = event.request
    with_flows = flows(request)
    wanted: list[Binding] = []
    for contact in request.every(headers.CONTACT):
        seconds = _expires(request, contact)
        if 0 < seconds < SHORTEST:
            raise Refused(423, "", ("Min-Expires", str(SHORTEST)))
        reg_id = _reg_id(contact) if with_flows else ""
        binding = _binding(event, identity, contact, reg_id, now + seconds, now=now)
        wanted.append(_renamed(binding, known, wanted))
    lasting = [binding for binding in wanted if binding.entry.expires_at > now]
    if with_flows and len(lasting) > 1:
        raise BadMessage("Contact header: reg-id is for one Contact alone")  # RFC 5626 6
    # The same phone twice: its last word counts.
    return list({binding.entry.key: binding for binding in wanted}.values())


def _renamed(binding: Binding, known: Mapping[str, Binding], others: list[Binding]) -> Binding:
    """Under the name, and with the age, that the phone has here already."""
    same = known.get(binding.entry.key)
    if not _by_flow(binding):
        plain = [one for one in [*others, *known.values()] if not _by_flow(one)]
        same = next((one for one in plain if one.uri.matches(binding.uri)), None)
    if same is None:
        return binding
    since = min(same.entry.since, binding.entry.since)
    return replace(binding, entry=replace(binding.entry, key=same.entry.key, since=since))


def flows(request: Request) -> bool:
    """Whether the request registers flows (RFC 5626 6): the first hop has to know of them.

    That is us, or a proxy that says so by ``ob`` in its Path.
    """
    if request.all("contact") == ["*"]:
        return False
    if not any(_reg_id(contact) for contact in request.every(headers.CONTACT)):
        return False
    if len(request.every(headers.VIA)) == 1:
        return True
    first = request.one(headers.PATH)
    if first is not None and headers.sip_uri_of(first, "Path").param("ob") is not None:
        return True
    if request.has_token(headers.SUPPORTED, "outbound"):
        raise Refused(439)
    return False


def _reg_id(contact: NameAddr) -> str:
    """The number of a flow, from 1 (RFC 5626 4.2); without the phone's name it means nothing."""
    number = contact.param("reg-id") or ""
    known = number.isdecimal() and number.isascii() and instance_of(contact)
    return number.lstrip("0")[:10] if known else ""


def _by_flow(binding: Binding) -> bool:
    """Whether it is known by instance and reg-id rather than by its URI."""
    return binding.entry.key.startswith("<")


def _binding(
    event: RequestReceived,
    identity: Identity,
    contact: NameAddr,
    reg_id: str,
    expires_at: float,
    *,
    now: float,
) -> Binding:
    request, flow = event.request, event.flow
    contact = kept(contact)
    uri = checked_contact(contact)
    instance = instance_of(contact)
    if len(request.must(headers.CALL_ID)) > MAX_CALL_ID:
        raise BadMessage("Call-ID header: too long")
    entry = Entry(
        aor=identity.uri,
        key=f"<{instance}>;reg-id={reg_id}" if reg_id else str(uri),
        contact=headers.CONTACT.build(contact),
        path=tuple(headers.PATH.build(one) for one in request.every(headers.PATH)),
        transport=flow.transport.value,
        remote_host=flow.remote_host,
        remote_port=port_elsewhere(request, flow, uri) or flow.remote_port,
        local_port=flow.local_port,
        flow=flow.id,
        call_id=request.must(headers.CALL_ID),
        cseq=request.must(headers.CSEQ).number,
        since=now,
        refreshed_at=now,
        expires_at=expires_at,
        # The phone of a guest's page lasts as long as its connection: nobody asks for it later.
        instance="" if identity.is_guest else instance,
        user_agent=request.one(headers.USER_AGENT) or "",
    )
    return Binding(entry, contact, uri, tuple(request.every(headers.PATH)), flow)


def all_gone(request: Request, known: Mapping[str, Binding], now: float) -> list[Binding]:
    """10.2.2: ``*`` removes everything, and nothing else may be said with it."""
    if request.one(headers.EXPIRES) != 0:
        raise BadMessage("Contact header: * needs Expires: 0")
    call_id, cseq = request.must(headers.CALL_ID), request.must(headers.CSEQ).number
    return [
        replace(b, entry=replace(b.entry, expires_at=now, call_id=call_id, cseq=cseq))
        for b in known.values()
    ]


def check_order(before: Binding | None, binding: Binding) -> None:
    """10.3, step 7: of one registration only the latest word counts, or none does."""
    if before is None or before.entry.call_id != binding.entry.call_id:
        return
    if before.entry.cseq >= binding.entry.cseq:
        raise Refused(500, "CSeq Is Behind")


def _expires(request: Request, contact: NameAddr) -> int:
    """Seconds; what is not a number counts as an hour (10.2.1.1, 10.3)."""
    own = contact.param("expires")
    if own is not None:
        known = own.isdecimal() and own.isascii()
        return min(int(own[:10]), LONGEST) if known else DEFAULT_EXPIRES
    if not headers.is_delta(request.get("expires") or ""):
        return DEFAULT_EXPIRES
    return min(request.must(headers.EXPIRES), LONGEST)
