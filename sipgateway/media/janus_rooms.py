"""Rooms at a Janus: made when somebody enters, ended when nobody is left.

All raise `MediaError`. Whoever moves a leg holds that leg's lock.
"""

from __future__ import annotations

from sipgateway.media.janus_leg import KEPT, LEFT_OUT, Leg, Room
from sipgateway.media.janus_node import Body, Reply

SETTINGS = {
    "groups": [KEPT, LEFT_OUT],
    "description": "Parley",
    "is_private": True,
    "sampling_rate": 48_000,
    "default_prebuffering": 3,
    "audiolevel_ext": True,
    "audiolevel_event": True,
    "audio_active_packets": 25,
    "audio_level_average": 40,
    "allow_rtp_participants": True,
}
"""60 ms of buffer; somebody talks whose level is above -40 dBov for half a second."""


async def join(leg: Leg, more: Body, sdp: str) -> Reply:
    """Join the room of its own, where it hears nobody and nobody hears it."""
    if not leg.handle:
        leg.handle = await leg.node.attach(leg)
    leg.own = leg.own or Room(leg.node)
    return await enter(leg, leg.own, "join", more, sdp)


async def enter(
    leg: Leg, room: Room, request: str, more: Body | None = None, sdp: str = ""
) -> Reply:
    """``join`` or ``changeroom``."""
    await _make(room, leg.handle)
    body = {
        "request": request,
        "room": room.number,
        "pin": room.pin,
        "id": leg.number,
        "muted": not leg.speaks,
        "group": leg.group,
        **(more or {}),
    }
    reply = await leg.node.ask(leg.handle, body, sdp)
    leg.at, leg.muted_there, leg.group_there = room, bool(body["muted"]), str(body["group"])
    return reply


async def tell_mute(leg: Leg) -> None:
    """Have the room hear it or not, as is wanted."""
    if leg.at is not None and leg.muted_there is leg.speaks:
        leg.muted_there = not leg.speaks
        body = {"request": "configure", "muted": leg.muted_there}
        await leg.node.ask(leg.handle, body)


async def tell_group(leg: Leg) -> None:
    """Have it recorded or not, as it agrees."""
    if leg.at is not None and leg.group_there != leg.group:
        leg.group_there = leg.group
        await leg.node.ask(leg.handle, {"request": "configure", "group": leg.group})


async def end(room: Room, handle: int) -> None:
    """End a room, asked for by any handle of its node."""
    async with room.lock:
        if room.made:
            room.made = False
            body = {"request": "destroy", "room": room.number, "secret": room.secret}
            await room.node.ask(handle, body)


async def _make(room: Room, handle: int) -> None:
    async with room.lock:
        if room.made:
            return
        body = {
            "request": "create",
            "room": room.number,
            "secret": room.secret,
            "pin": room.pin,
            **SETTINGS,
        }
        if room.node.address.admin_key:
            body["admin_key"] = room.node.address.admin_key
        await room.node.ask(handle, body)
        room.made = True
