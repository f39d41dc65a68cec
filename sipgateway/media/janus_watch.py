"""How well browsers at Janus nodes are heard and hear: their nodes know, and are asked.

What a browser sends and gets never comes by here, so a node's admin API (``handle_info``) is
asked every few seconds, where `JANUS_URL` says how. What it counts goes into the same meter as
what the embedded mixer counts itself.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterable

import websockets

from sipgateway.media import quality
from sipgateway.media.codec import RATE
from sipgateway.media.engine import LegId, LegKind, LegMeasured
from sipgateway.media.janus_house import House
from sipgateway.media.janus_leg import Leg
from sipgateway.media.janus_node import Body, Node
from sipgateway.media.rtcp import Reception, Told

WITHIN = 3.0
"""Seconds in which a node has to answer for all of its legs."""

UNAUTHORIZED = 403
"""``JANUS_ERROR_UNAUTHORIZED``."""

DEPTH = 3
"""Frames that a node keeps in hand (`janus_rooms.SETTINGS`)."""


class Counted:
    """One leg: what its node counted so far, and the meter."""

    def __init__(self) -> None:
        self._meter = quality.Meter(RATE)
        self._reception = Reception(0, RATE)
        self._sent = self._lost = 0

    def look(self, leg: LegId, info: Body, now: float) -> LegMeasured | None:
        """What is worth telling of a handle, as the node describes it."""
        for medium in info.get("webrtc", {}).get("media", {}).values():
            counted, stats = medium["rtcp"]["main"], medium["stats"]
            self._hear(stats["in"]["packets"], counted)
            self._tell(stats["out"]["packets"], counted, now)
            meter = self._meter
            if meter.look(self._reception, 0, DEPTH, now):
                return LegMeasured(leg, meter.now, meter.mean, meter.worst)
        return None

    def _hear(self, packets: int, counted: Body) -> None:
        """What came from the browser; jitter is in milliseconds."""
        reception = self._reception
        if packets:
            reception.first, reception.highest = 0, packets + max(0, counted["lost"]) - 1
        reception.received = packets
        reception.jitter = counted["jitter-local"] * RATE / 1000

    def _tell(self, packets: int, counted: Body, now: float) -> None:
        """What the browser reports of what went to it; before its first report nothing."""
        sent, lost = packets - self._sent, counted["lost-by-remote"] - self._lost
        self._sent, self._lost = packets, counted["lost-by-remote"]
        if sent > 0 and (counted["rtt"] or counted["jitter-remote"]):
            share = min(1.0, max(0, lost) / sent)
            told = Told(share, counted["jitter-remote"] * RATE // 1000, last_report=0, delay=0)
            self._meter.told, self._meter.told_at = told, now
            self._meter.round_trip = counted["rtt"] / 1000 if counted["rtt"] else None


class Watch:
    """The legs of all nodes whose admin API may be asked."""

    def __init__(self, house: House, told: Callable[[LegMeasured], None]) -> None:
        self._house = house
        self._told = told
        self._counted: dict[LegId, Counted] = {}

    async def keep(self) -> None:
        """Ask every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(quality.EVERY)
            legs = self._house.legs
            self._counted = {leg: one for leg, one in self._counted.items() if leg in legs}
            nodes = [one for one in self._house.nodes if one.ready.is_set() and one.address.admin]
            await asyncio.gather(*(self._look(node) for node in nodes))

    async def _look(self, node: Node) -> None:
        legs = [one for one in self._house.legs.values() if one.node is node and one.handle]
        browsers = [one for one in legs if one.kind is LegKind.WEBRTC]
        try:
            found = await _asked(node, browsers) if browsers else {}
        except (OSError, websockets.WebSocketException, TimeoutError) as error:
            node.complain(f"its admin API does not answer: {error or type(error).__name__}")
            return
        now = asyncio.get_running_loop().time()
        for leg, info in found.items():
            counted = self._counted.setdefault(leg, Counted())
            if (measured := counted.look(leg, info, now)) is not None:
                self._told(measured)


async def _asked(node: Node, legs: Iterable[Leg]) -> dict[LegId, Body]:
    """What a node tells of the handles of legs; of one that is gone nothing."""
    found = {}
    async with (
        asyncio.timeout(WITHIN),
        websockets.connect(
            node.address.admin,
            subprotocols=[websockets.Subprotocol("janus-admin-protocol")],
            close_timeout=1,
        ) as socket,
    ):
        for one in legs:
            question = {
                "janus": "handle_info",
                "session_id": node.session,
                "handle_id": one.handle,
                "admin_secret": node.address.admin_secret,
                "transaction": secrets.token_hex(8),
            }
            await socket.send(json.dumps(question))
            answer: Body = json.loads(await socket.recv())
            if "info" in answer:
                found[one.id] = answer["info"]
            elif (error := answer.get("error", {})).get("code") == UNAUTHORIZED:
                node.complain(f"its admin API refuses: {error.get('reason')}")
    return found
