"""What Janus is asked so that a phone's description can be answered, made or taken.

All raise `MediaError`. The caller holds the leg's lock.
"""

from __future__ import annotations

from sipgateway.media import description, janus_leg, janus_rooms
from sipgateway.media.engine import Direction, MediaError, Session
from sipgateway.media.ice import Address
from sipgateway.media.janus_leg import Leg
from sipgateway.media.janus_line import TYPE, Line
from sipgateway.media.janus_lines import Lines
from sipgateway.media.janus_node import Body
from sipgateway.media.streams import Stream


async def answer_webrtc(one: Leg, offer: str, stream: Stream, session: Session) -> str:
    """The answer; Janus's own where the offer begins or restarts a connection."""
    fragment = stream.get("ice-ufrag") or ""
    if one.relayed.known and fragment == one.relayed.fragment:
        return one.relayed.again(session, description.ANSWERS[stream.direction])
    reply = await _negotiate(one, janus_leg.without_names(offer))
    one.relayed.fragment = fragment
    return one.relayed.take(reply, session)


async def _negotiate(one: Leg, offer: str) -> str:
    """Have Janus answer an offer: the first one, or one that restarts ICE."""
    if one.handle:
        return (await one.node.ask(one.handle, {"request": "configure"}, offer)).sdp
    return (await janus_rooms.join(one, {}, offer)).sdp


async def offer_webrtc(one: Leg, session: Session) -> str:
    """Janus's offer, and later the same again."""
    if one.handle:
        return one.relayed.again(session, Direction.SENDRECV, setup="actpass")
    reply = await janus_rooms.join(one, {"generate_offer": True}, "")
    return one.relayed.offer(reply.sdp, session)


async def accept_webrtc(one: Leg, answer: str, stream: Stream) -> None:
    """Hand Janus the first answer to its offer."""
    fragment = stream.get("ice-ufrag") or ""
    if fragment == one.relayed.fragment:
        return
    if one.relayed.fragment:
        raise MediaError(488, "This mixer takes no restart of ICE in an answer")
    text = janus_leg.without_names(answer)
    await one.node.ask(one.handle, {"request": "configure"}, text, "answer")
    one.relayed.fragment = fragment


async def connect_plain(one: Leg, lines: Lines, line: Line) -> None:
    """Have a plain phone's line go on to its node, and be sent no more than the phone wants."""
    if one.handle:
        await _tell_bitrate(one, line)
        return
    place = lines.open(one.id, one.node.local_address)
    there = await _join_plain(one, line, place)
    lines.connect(one.id, there)


async def _tell_bitrate(one: Leg, line: Line) -> None:
    """Have the node encode for a phone that wants another rate by now; 0 is the node's own."""
    if one.bitrate != line.bitrate:
        one.bitrate = line.bitrate
        await one.node.ask(one.handle, {"request": "configure", "bitrate": line.bitrate})


async def _join_plain(one: Leg, line: Line, place: Address) -> Address:
    """Join with a plain phone's line, which is at `place`; where the node takes what it sends."""
    host, port = place
    rtp: Body = {"ip": host, "port": port, "payload_type": TYPE, "fec": True}
    more: Body = {"codec": "opus", "rtp": rtp}
    if line.bitrate:
        more["bitrate"] = line.bitrate
    reply = await janus_rooms.join(one, more, "")
    told = reply.data.get("rtp")
    if not told:
        raise MediaError(503, "The mixer has no RTP port")
    one.bitrate = line.bitrate
    return str(told["ip"]), int(told["port"])
