"""What ought to be of legs at Janus nodes, and how a node is made to follow it.

Room, mute, hold and consent of a leg are kept here; whatever has changed, its node is asked
for one thing after the other, under the leg's lock. When a node is lost, plain phones are
carried on by another one, and all other legs are told as lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from sipgateway.media import engine, janus_rooms, janus_talk
from sipgateway.media.engine import Description, LegId, LegKind, MediaError, MediaEvent, RoomId
from sipgateway.media.janus_attendant import Attendants
from sipgateway.media.janus_house import House
from sipgateway.media.janus_leg import Leg, Room
from sipgateway.media.janus_lines import Lines
from sipgateway.media.janus_node import Node, NodeGone
from sipgateway.media.janus_speaking import Speakers
from sipgateway.media.janus_tape import Tapes

LOG = logging.getLogger(__name__)

Work = Callable[[], Awaitable[Description]]

GONE = "The leg is gone"
LOST = "the Janus node is gone"
REMEMBERED = 10_000
"""Dropped legs that are known as such; see `local.REMEMBERED`."""


class Upkeep:
    """The legs of all nodes. `told` hears what happens to them."""

    def __init__(
        self,
        house: House,
        lines: Lines,
        tapes: Tapes,
        attendants: Attendants,
        told: Callable[[MediaEvent], None],
    ) -> None:
        self._house = house
        self._legs = house.legs
        self._lines = lines
        self._tapes = tapes
        self._attendants = attendants
        self._told = told
        self._speakers = Speakers(told, lines.level)
        self._dropped: dict[LegId, None] = {}  # in the order of dropping
        self._lost: dict[LegId, Leg] = {}  # until they are made anew, or dropped
        self._tasks: set[asyncio.Task[None]] = set()

    # Its own work

    def spawn(self, work: Coroutine[Any, Any, None], name: str = "janus") -> None:
        """Have something done, however it ends."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            LOG.error("a task of the Janus engine failed", exc_info=error)

    async def stop(self) -> None:
        """Drop every leg, wait for what that takes, and end all that goes on."""
        for leg in list(self._legs):
            self.drop(leg)
        await asyncio.sleep(0)
        ends = [one for one in self._tasks if one.get_name().startswith("janus drop")]
        if ends:
            await asyncio.wait(ends, timeout=1.0)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Legs come

    def kind_of_lost(self, leg: LegId) -> LegKind | None:
        """What a leg was that is to be made anew."""
        former = self._lost.get(leg)
        return former.kind if former is not None else None

    async def at_a_node(self, leg: LegId, work: Work) -> Description:
        """Have a leg described, by another node if one is lost over it. Raises `MediaError`.

        One that is known is not: with another node nothing would be left of what was agreed.
        """
        if leg not in self._legs:
            for _ in self._house.nodes:
                with contextlib.suppress(NodeGone):
                    return await work()
        return await work()

    @contextlib.asynccontextmanager
    async def made(self, leg: LegId, kind: LegKind, room: RoomId | None) -> AsyncIterator[Leg]:
        """The leg, made if it is not known, and then kept only if all goes well."""
        if leg not in self._legs:
            await self._house.wait()
        if leg in self._dropped:
            raise MediaError(500, GONE)
        known, former = self._legs.get(leg), self._lost.get(leg)
        one = known or Leg(leg, self._house.node_for(room), kind=kind, meant=room)
        if known is None:
            one.follow(former)
        if one.kind is not kind:
            raise MediaError(488, "The transport of a stream cannot change")
        self._legs[leg] = one
        well = known is not None
        try:
            async with one.lock:
                yield one
            well = True
            if self._legs.get(leg) is not one:
                raise MediaError(500, GONE)
            self._lost.pop(leg, None)
            one.described = True
        finally:
            if not well and self._legs.get(leg) is one:
                self._forget(one)

    # What is wanted of them

    def place(self, one: Leg, room: RoomId | None) -> None:
        """Put a leg into a room or take it out of any."""
        before = one.wanted
        if room is None:
            one.wanted = None
        else:
            target = self._house.room_for(one, room)
            if target.node is not one.node:
                self.lose(one, "its room lives on another node")
                return
            one.wanted, one.meant = target, room
        if one.wanted is not before:
            self._moved(one)
        self._forget_rooms()
        self.follow(one)

    def _moved(self, one: Leg) -> None:
        """What is played for ever to him ends, and what he would hear that is another's."""
        if (line := self._lines.get(one.id)) is not None:
            line.moved()
        if one.wanted is not None:
            self._attendants.hush(one.wanted)

    def mute(self, one: Leg, muted: bool) -> None:
        """Let the room hear a leg or not."""
        one.muted = muted
        if one.at is not None:
            self._speaks(one, one.at, speaks=one.talks)
        self.follow(one)

    def talks(self, leg: LegId, talks: bool) -> None:
        """A node or a line says that somebody begins or ceases to talk."""
        one = self._legs.get(leg)
        if one is not None:
            one.talks = talks
            if one.at is not None:
                self._speaks(one, one.at, speaks=talks)

    def _speaks(self, one: Leg, room: Room, *, speaks: bool) -> None:
        self._speakers.note(room.name, one.id, speaks=speaks and not one.muted)

    # What the node is asked

    def follow(self, one: Leg) -> None:
        """Make the node do what is wanted of the leg."""
        self.spawn(self._bring(one), f"janus follow {one.id}")

    async def _bring(self, one: Leg) -> None:
        try:
            async with one.lock:
                await self._bring_to_room(one)
                await janus_rooms.tell_mute(one)
                await janus_rooms.tell_group(one)
            if one.at is not None and one.at.name is not None:
                await self.tape(one.at.name)
                self._attendants.follow(one.at.name, one.at)
        except MediaError as error:
            carried = self._lines.get(one.id) is not None and not one.node.ready.is_set()
            if self._legs.get(one.id) is one and not carried:
                self.lose(one, error.reason)

    async def _bring_to_room(self, one: Leg) -> None:
        target = one.own if one.holds or one.wanted is None else one.wanted
        left = one.at
        if target is None or left is None or left is target:
            return
        await janus_rooms.enter(one, target, "changeroom")
        self._speaks(one, left, speaks=False)
        if self._lines.level(one.id) is not None:  # a node tells it anew of those who are its own
            self._speaks(one, target, speaks=True)
        await self._leave_empty(one.handle, left)

    async def _leave_empty(self, handle: int, room: Room | None) -> None:
        """End a room that nobody is in any more."""
        if room is not None and not self._house.is_used(room):
            await self._attendants.dismiss(room)
            await janus_rooms.end(room, handle)

    async def tape(self, room: RoomId) -> None:
        """Make the recording of a room what it ought to be."""
        await self._tapes.follow(room, self._house.rooms.get(room), self._house.handle_at)

    def _forget_rooms(self) -> None:
        for name in self._house.forget_rooms():
            self._speakers.forget(name)

    # Legs go

    def drop(self, leg: LegId) -> None:
        """Forget a leg for good."""
        self._dropped[leg] = None
        if len(self._dropped) > REMEMBERED:
            del self._dropped[next(iter(self._dropped))]
        self._lost.pop(leg, None)
        one = self._legs.get(leg)
        if one is not None:
            self._forget(one)

    def lose(self, one: Leg, reason: str) -> None:
        """A leg is gone against everybody's will; it may be made anew."""
        self._lost[one.id] = one
        self._forget(one)
        self._told(engine.LegLost(one.id, reason))

    def _forget(self, one: Leg) -> None:
        """Free what a leg holds."""
        del self._legs[one.id]
        self._lines.close(one.id)
        one.node.release(one.handle)
        if one.at is not None:
            self._speaks(one, one.at, speaks=False)
        self._forget_rooms()
        self.spawn(self._free(one), f"janus drop {one.id}")

    async def _free(self, one: Leg) -> None:
        async with one.lock:
            if not one.handle or not one.node.ready.is_set():
                return
            try:
                for room in {one.at, one.own}:
                    await self._leave_empty(one.handle, room)
                await one.node.detach(one.handle)
            except MediaError as error:
                LOG.info("leg %s could not be freed: %s", one.id, error.reason)

    # Nodes go

    def node_lost(self, node: Node) -> None:
        """Carry on what can be by another node, and tell of the rest."""
        self.spawn(self._attendants.forget(node))
        for one in self._house.lose(node):
            if not one.described:
                continue  # whoever makes it hears of it
            one.at = None
            if self._lines.get(one.id) is None:
                self.lose(one, LOST)
            else:
                self.spawn(self._carry_on(one), f"janus carry on {one.id}")

    async def _carry_on(self, one: Leg) -> None:
        """Have a plain phone's line go on to a node that lives; the phone need not know."""
        try:
            carried = False
            while not carried:
                await self._house.wait()
                async with one.lock:
                    carried = await self._carried(one)
        except MediaError:
            if self._legs.get(one.id) is one:
                self.lose(one, LOST)
        else:
            if self._legs.get(one.id) is one:
                self.follow(one)

    async def _carried(self, one: Leg) -> bool:
        """Whether nothing is left to do; not where that node, too, was lost over it."""
        line = self._lines.get(one.id)
        if line is None or self._legs.get(one.id) is not one or one.is_carried:
            return True
        try:
            self._house.carry(one)
            await janus_talk.connect_plain(one, self._lines, line)
        except NodeGone:
            return False
        return True
