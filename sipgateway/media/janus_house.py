"""Which legs there are at Janus, which nodes live, and which of them has which room."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sipgateway.media.engine import LegId, MediaError, RoomId
from sipgateway.media.janus_leg import Leg, Room
from sipgateway.media.janus_node import Node, NodeGone

BACK = 5.0
"""Seconds to wait for a node where there is none: one that is started anew is there by then."""


class House:
    """The tables. A conference's room is at one node until nobody is in it or on the way to it."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.legs: dict[LegId, Leg] = {}
        self.rooms: dict[RoomId, Room] = {}

    def failing(self) -> str:
        """That no node is there."""
        if any(node.ready.is_set() for node in self.nodes):
            return ""
        told = (f"{node.address.url} ({node.trouble})" for node in self.nodes)
        return f"no Janus can be used: {', '.join(told)}"

    async def wait(self) -> None:
        """Wait for a node while there is none. Raises `MediaError` (503)."""
        waits = [asyncio.create_task(node.ready.wait()) for node in self.nodes]
        done, _ = await asyncio.wait(waits, timeout=BACK, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()
        if not done:
            raise MediaError(503, "No mixer is running")

    def node_for(self, room: RoomId | None) -> Node:
        """Where a leg that is meant for a room is made. Raises `MediaError` (503)."""
        ready = [node for node in self.nodes if node.ready.is_set()]
        if not ready:
            raise NodeGone
        if room is not None:
            if room in self.rooms:
                return self.rooms[room].node
            for one in self.legs.values():
                if one.meant == room and one.node in ready:
                    return one.node
        used = [one.node for one in self.legs.values()]
        return min(ready, key=used.count)

    def room_for(self, leg: Leg, name: RoomId) -> Room:
        """The room of a name, at the node of the leg if there is none yet."""
        return self.rooms.setdefault(name, Room(leg.node, name))

    def is_alone(self, leg: Leg) -> bool:
        """Whether nobody else is where it is to be."""
        room = leg.wanted
        others = (other for other in self.legs.values() if other is not leg)
        return room is None or not any(room in (other.wanted, other.at) for other in others)

    def is_used(self, room: Room) -> bool:
        """Whether somebody is in a room or on the way to it."""
        return any(room in (one.at, one.wanted) for one in self.legs.values())

    def handle_at(self, room: Room) -> int:
        """One by which something can be asked about a room; 0 where there is none."""
        return next((one.handle for one in self.legs.values() if one.at is room), 0)

    def forget_rooms(self) -> list[RoomId]:
        """Those that nobody is meant to be in are no more; which they are."""
        used = {one.wanted for one in self.legs.values()}
        gone = [name for name, room in self.rooms.items() if room not in used]
        for name in gone:
            del self.rooms[name]
        return gone

    def lose(self, node: Node) -> list[Leg]:
        """A node is gone, with its rooms; whose legs were there."""
        for name in [name for name, room in self.rooms.items() if room.node is node]:
            del self.rooms[name]
        return [one for one in self.legs.values() if one.node is node]

    def carry(self, leg: Leg) -> None:
        """Have a leg go on at a node that lives. Raises `MediaError` (503)."""
        leg.goes_to(self.node_for(leg.meant))
        if leg.wanted is not None and leg.meant is not None:
            leg.wanted = self.room_for(leg, leg.meant)
