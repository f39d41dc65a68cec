"""Where a request goes.

One in a dialog goes to the dialog's owner, once it is clear that it is its
peer's (`recognition`). One outside is first asked who it is from (digest), then
goes by its Request-URI: to the registrar, to a service, to a person, to a
conference, which is loaded if it is not live.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from conferences.policy import Identity
from sipgateway.focus import (
    answers,
    application,
    joining,
    outside,
    recognition,
    refer_state,
)
from sipgateway.focus.application import Application
from sipgateway.focus.authentication import Authentication
from sipgateway.focus.desk import Desk
from sipgateway.focus.halls import FACTORY, Halls
from sipgateway.focus.people import People
from sipgateway.focus.proxy import Proxy
from sipgateway.focus.registrar import Registrar
from sipgateway.sip import headers
from sipgateway.sip.events import RequestReceived
from sipgateway.sip.uri import SipUri, parse_uri

#: Requests that make sense only in a dialog (RFC 3261 12.2.2).
_DIALOG_ONLY = frozenset({"BYE", "INFO", "UPDATE", "NOTIFY"})


class RequestRouting:
    """See the module."""

    def __init__(
        self,
        desk: Desk,
        *,
        authentication: Authentication,
        registrar: Registrar,
        application: Application,
        people: People,
        proxy: Proxy,
        halls: Halls,
    ) -> None:
        self._desk = desk
        self._authentication = authentication
        self._registrar = registrar
        self._application = application
        self._people = people
        self._proxy = proxy
        self._halls = halls

    def take(self, event: RequestReceived, now: float) -> None:
        """Hand a request to whoever answers it."""
        if event.dialog is not None:
            if event.strange:
                recognition.recognize(self._desk, self._authentication, event, self._inside, now)
            else:
                self._inside(event, now)
            return
        request = event.request
        if request.must(headers.TO).tag:
            self._proxy.inside(event, self._authentication.of, now)
            return
        if request.method in _DIALOG_ONLY:
            self._desk.endpoint.respond(event.transaction, 481, now)
            return
        target = self._target(request.uri)
        if target.scheme == "sips" and not event.flow.secure:  # RFC 3261 26.2.2: every hop
            self._desk.endpoint.refuse(event.transaction, 403, reason="SIPS Wants TLS")
            return
        if request.method == "OPTIONS" and target.user is None:
            if self._desk.understands(event):
                fields = answers.CAPABILITIES
                self._desk.endpoint.respond(event.transaction, 200, now, fields=fields)
            return
        self._authentication.of(event, lambda who, then: self._known(event, target, who, then), now)

    def _inside(self, event: RequestReceived, now: float) -> None:
        owner = self._desk.dialogs.get(event.dialog) if event.dialog is not None else None
        if owner is not None:
            owner.request_came(event, now)
        elif not self._desk.endpoint.hang_up_early(event.transaction, now):
            self._desk.endpoint.respond(event.transaction, 481, now)

    def _target(self, text: str) -> SipUri:
        """The Request-URI; a telephone number is dialed here like any other name."""
        uri = parse_uri(text)
        if isinstance(uri, SipUri):
            return uri
        number = outside.canonical(uri).removeprefix("tel:")
        return replace(self._desk.domain.uri(number), params=(("user", "phone"),))

    def _known(
        self, event: RequestReceived, target: SipUri, identity: Identity, now: float
    ) -> None:
        if event.request.method == "REGISTER":
            self._registrar.register(event, identity, now)
        elif event.request.method == "INVITE" and self._takes(event, target, identity, now):
            return
        elif self._desk.domain.owns(target):
            self._to_name(event, target, identity, now)
        elif event.request.method == "INVITE":
            self._people.call_out(event, target, identity, now)
        else:
            self._desk.endpoint.respond(event.transaction, 404, now, reason="Not Our Domain")

    def _to_name(
        self, event: RequestReceived, target: SipUri, identity: Identity, now: float
    ) -> None:
        """By the user part of the Request-URI."""
        service = _SERVICES.get(target.name.lower())
        if service is not None:
            service(self, event, identity, now)
        elif (answers_it := self._desk.services.get(target.name.lower())) is not None:
            if self._desk.understands(event):
                answers_it(event, identity, now)
        elif (process := self._elsewhere(target.name.lower())) is not None:
            self._desk.forward(event, process, identity)
        else:
            self._halls.request(event, target, identity, now)

    def _elsewhere(self, name: str) -> str | None:
        """The other process that tells how a REFER goes (RFC 7614), by the name of its address."""
        process = refer_state.process_of(name) if self._desk.process else ""
        return process if process not in {"", self._desk.process} else None

    def _takes(
        self, event: RequestReceived, target: SipUri, identity: Identity, now: float
    ) -> bool:
        """Whether an INVITE names another dialog, and is taken up for that."""
        conference = target.name.lower() not in {"", *_SERVICES}
        return joining.take(self._desk, event, identity, now, conference=conference)

    def _factory(self, event: RequestReceived, identity: Identity, now: float) -> None:
        self._halls.factory(event, identity, FACTORY, now)

    def _to_application(self, event: RequestReceived, identity: Identity, now: float) -> None:
        self._application.request(event, identity, now)


_SERVICES: Mapping[str, Callable[[RequestRouting, RequestReceived, Identity, float], None]] = {
    FACTORY: RequestRouting._factory,
    application.NAME: RequestRouting._to_application,
}
#: User parts that are services of ours.
SERVICES = frozenset(_SERVICES)
