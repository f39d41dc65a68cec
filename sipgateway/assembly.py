"""Builds gateway, engine and listeners out of settings; nothing else in the gateway reads them."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from channels.layers import get_channel_layer
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from redis.exceptions import RedisError

from conferences import notices
from conferences.policy import ConferenceId, Language
from sipgateway import heap
from sipgateway.control import Control
from sipgateway.directory import Directory
from sipgateway.focus import application
from sipgateway.focus.desk import Domain
from sipgateway.focus.halls import FACTORY, UserChosen
from sipgateway.focus.switchboard import House, Switchboard
from sipgateway.gate import Gate
from sipgateway.gateway import Gateway
from sipgateway.ladder import Ladder
from sipgateway.media import prompts
from sipgateway.media.engine import MediaEngine
from sipgateway.media.janus import JanusEngine
from sipgateway.media.janus_node import Address
from sipgateway.media.local import SPOKEN, LocalEngine
from sipgateway.resolver import SystemDns
from sipgateway.sip.credentials import Trunk, parse_trunk
from sipgateway.sip.digest import Digest
from sipgateway.sip.endpoint import Endpoint
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.siblings import Siblings
from sipgateway.sip.tokens import SecretTokens
from sipgateway.tenure import Tenure
from sipgateway.transport.listeners import Listeners, Places
from sipgateway.transport.peers import Peers
from sipgateway.transport.websocket import WebSocketTransport

LOG = logging.getLogger(__name__)

DEAF = 2.0
"""Seconds until notices are listened for again, once Redis has failed; what is missed
meanwhile the gateway's look finds."""


def _media() -> MediaEngine:
    data = Path(settings.DATA_DIR)
    if settings.MEDIA_ENGINE == "janus":
        return JanusEngine(
            _nodes(),
            recordings=data / "recordings",
            sounds=data / "sounds",
            library=prompts.Library(data / "prompts", SPOKEN),
            host=settings.HOST,
            announced=settings.PUBLIC_ADDRESS,
            ports=settings.RTP_PORTS,
        )
    return LocalEngine(
        host=settings.HOST,
        ports=settings.RTP_PORTS,
        announced=settings.PUBLIC_ADDRESS,
        prompts=data / "prompts",
        recordings=data / "recordings",
        sounds=data / "sounds",
        workers=max(1, (os.cpu_count() or 2) - 1),
    )


def _nodes() -> list[Address]:
    try:
        return [Address.parse(one) for one in settings.JANUS_URL.split(",") if one.strip()]
    except ValueError as error:
        raise ImproperlyConfigured(f"JANUS_URL: {error}") from error  # no secret in it


def _gateway(siblings: Siblings | None) -> Gateway:
    name = siblings.name if siblings else ""
    limits = settings.SIP_LIMITS
    tokens = SecretTokens(name)
    endpoint = Endpoint(tokens, siblings, limits)
    key = hashlib.sha256(b"digest nonces" + settings.SECRET_KEY.encode()).digest()
    house = House(
        domain=Domain.parse(settings.SIP_DOMAIN, ports=(settings.SIP_PORT, settings.SIPS_PORT)),
        user_chosen=UserChosen(settings.USER_CHOSEN_URIS),
        pages=settings.BASE_URL,
        answers_late=settings.CONFERENCE_APP_ANSWERS == "late",
        language=Language(settings.PROMPT_LANGUAGE),
    )
    digest = Digest(settings.SIP_DOMAIN, key, tokens, name=name)
    switchboard = Switchboard(
        endpoint=endpoint, tokens=tokens, digest=digest, house=house, limits=limits
    )
    gate = Gate(
        knows_call=endpoint.knows,
        guard=switchboard.guard,
        digest=digest,
        limits=limits,
        alone=siblings is None,
    )
    ladder = Ladder(house.domain.host, services=(FACTORY, application.NAME))
    return Gateway(
        endpoint=endpoint, switchboard=switchboard, media=_media(), gate=gate, ladder=ladder
    )


def _trunk() -> Trunk | None:
    if not settings.SIP_TRUNK:
        return None
    try:
        return parse_trunk(settings.SIP_TRUNK, settings.SIP_CALLER_ID)
    except BadMessage as error:
        raise ImproperlyConfigured(f"SIP_TRUNK: {error.reason}") from error  # no password in it


def _listeners(gateway: Gateway) -> Listeners:
    places = Places(
        host=settings.HOST,
        sip_port=settings.SIP_PORT,
        sips_port=settings.SIPS_PORT,
        certificate=settings.TLS_CERT,
        key=settings.TLS_KEY,
    )
    return Listeners(
        gateway,
        places,
        dns=SystemDns(),
        trunk=_trunk(),
        per_source=settings.SIP_LIMITS.connections,
    )


class Assembly:
    """Everything that a gateway process runs besides the web pages."""

    def __init__(self) -> None:
        siblings = Siblings(secrets.token_hex(4)) if settings.REDIS_URL else None
        self.gateway = _gateway(siblings)
        self._peers: Peers | None = None
        if siblings is not None:
            self._peers = Peers(self.gateway, siblings, get_channel_layer)
            self.gateway.join(self._peers)
        self.websocket = WebSocketTransport(
            self.gateway, per_source=settings.SIP_LIMITS.connections
        )
        self._listeners = _listeners(self.gateway)
        self.gateway.use(self._listeners.routes)
        # With one process always the same name, so that a restart takes its leases up.
        owner = f"{socket.gethostname()}:{siblings.name}" if siblings else "embedded"
        #: What this process is called in leases, registrations and logs.
        self.name = owner
        tenure = Tenure(owner, shared=siblings is not None)
        self._directory = Directory(
            tenure=tenure,
            ports=[port for port in (settings.SIP_PORT, settings.SIPS_PORT) if port],
            told=self.gateway.told,
        )
        self._control = Control(Path(settings.DATA_DIR), self.gateway.watch, self._everything)

    async def start(self) -> None:
        """Start all parts and listen for changes."""
        await self.gateway.start(self._directory)
        if self._peers is not None:
            await self._peers.start()
        await self._listeners.start()
        await self._control.start()
        self.gateway.remember_phones()
        self.gateway.look_at_trunks()
        self.gateway.spawn("notices", self._hear())
        self.gateway.spawn("memory", heap.give_back())
        # What lives now lives for ever. The collector looks at the rest alone, and so finds
        # what thousands of connections left behind soon, and not once there is as much again.
        gc.collect()
        gc.freeze()

    async def stop(self) -> None:
        """Say goodbye and stop all parts."""
        await self._control.stop()
        await self.gateway.stop()
        if self._peers is not None:
            await self._peers.leave()
        self._listeners.stop()

    @property
    def checks(self) -> dict[str, Callable[[], str]]:
        """Part → what is wrong with it, or ""."""
        checks = {"gateway": lambda: self.gateway.failing() or self._listeners.failing()}
        return checks if self._peers is None else {**checks, "peers": self._peers.failing}

    def failing(self) -> str:
        """What is not ready, or ""."""
        return next((words for check in self.checks.values() if (words := check())), "")

    def others(self) -> list[str]:
        """The other processes of the system that are there."""
        return self._peers.others() if self._peers is not None else []

    def counters(self) -> dict[str, int]:
        """What was counted since the start, refusals and drops first of all, by part and what."""
        counted = self.gateway.counters()
        parts = {"websocket": self.websocket.counters, **self._listeners.counters}
        for part, counter in parts.items():
            counted |= {f"{part}: {what}": number for what, number in counter.items()}
        return counted

    def gauges(self) -> dict[str, int]:
        """How much goes on at this moment."""
        return self.gateway.gauges()

    def _everything(self) -> dict[str, int]:
        now = {f"now: {what}": number for what, number in self.gauges().items()}
        return now | self.counters()

    async def _hear(self) -> None:
        """Listen for notices, and again when Redis has failed."""
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                LOG.warning("notices are not heard: %s", error)
            await asyncio.sleep(DEAF)

    async def _listen(self) -> None:
        """Hear which conferences were changed; what is lost here the gateway's look finds."""
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(notices.GROUP, channel)
        while True:
            message = await layer.receive(channel)
            if message["type"] == "conference.changed":
                self.gateway.changed(ConferenceId(message["conference"]))
            elif message["type"] == "setup.answered":
                self.gateway.setup_answered(message["setup"])
            elif message["type"] == "registrations.ended":
                self.gateway.registrations_ended()
            elif message["type"] == "attempts.lifted":
                self.gateway.attempts_lifted()
            await asyncio.sleep(0)
