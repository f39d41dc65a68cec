"""What the engine and a worker say to each other: JSON objects, one a line.

`Order` goes to the worker and names its `op`; `Report` comes back and names
its `event`. Both sides are of one version, started from one checkout, so
nothing here is checked twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal, NotRequired, TypedDict

from sipgateway.media import engine
from sipgateway.media.engine import LegId, RoomId


class Sdes(TypedDict):
    """Keys of a leg from its descriptions (RFC 4568), base64."""

    suite: str
    ours: str
    theirs: str


class Bounds(TypedDict):
    """Those of `codec.Limits`."""

    bitrate: int
    band: int
    cbr: bool
    fec: bool


class Terms(TypedDict):
    """What was negotiated with a leg.

    `codecs` maps each payload type the phone may send to a codec's name;
    `payload_type` is the one sent to it, `noise` that of comfort noise. `level_id`
    and `levels_id` are header extensions (RFC 6464, RFC 6465), `tells_level` whether the first is
    sent and not only read, `nack` whether lost
    packets may be asked for again. `hears` and `speaks` say which ways
    the stream goes. `sip_host` is where the phone's SIP comes from, empty where that is
    not known. `association` is another one where DTLS begins anew (RFC 8842 5).
    """

    kind: str
    source: int
    payload_type: int
    codecs: dict[str, str]
    events: list[int]
    level_id: int | None
    levels_id: int | None
    tells_level: bool
    noise: int | None
    nack: bool
    limits: Bounds
    hears: bool
    speaks: bool
    # WebRTC
    ufrag: str
    password: str
    fingerprint: str
    association: str
    client: bool
    # Plain RTP
    host: str
    port: int
    rtcp_port: int
    sip_host: str
    mux: bool
    sdes: Sdes | None


class Order(TypedDict):
    """What the engine wants of a worker."""

    op: Literal[
        "leg",
        "open",
        "place",
        "mute",
        "agree",
        "track",
        "play",
        "play_room",
        "sound",
        "listen",
        "record",
        "drop",
        "ping",
    ]
    leg: NotRequired[str]
    room: NotRequired[str | None]
    terms: NotRequired[Terms]
    muted: NotRequired[bool]
    agrees: NotRequired[bool]
    prompt: NotRequired[str]
    name: NotRequired[str]
    token: NotRequired[str]
    paused: NotRequired[bool]
    seconds: NotRequired[float]
    question: NotRequired[int]


class Report(TypedDict):
    """What a worker tells."""

    event: Literal[
        "ready",
        "answer",
        "connected",
        "silent",
        "lost",
        "digit",
        "speaking",
        "ended",
        "heard",
        "kept",
        "sounded",
        "measured",
        "alive",
    ]
    leg: NotRequired[str]
    levels: NotRequired[dict[LegId, int]]
    now: NotRequired[dict[str, float | None]]
    mean: NotRequired[dict[str, float | None]]
    worst: NotRequired[float | None]
    counters: NotRequired[dict[str, int]]
    gauges: NotRequired[dict[str, int]]
    room: NotRequired[str]
    seconds: NotRequired[float]
    busy: NotRequired[float]
    reason: NotRequired[str]
    digit: NotRequired[str]
    prompt: NotRequired[str]
    name: NotRequired[str]
    question: NotRequired[int]
    port: NotRequired[int]
    fingerprint: NotRequired[str]


def encode(message: Order | Report) -> bytes:
    """A message as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Any:
    """The message in a line."""
    return json.loads(line)


EVENTS: dict[str, Callable[[Report], engine.MediaEvent]] = {
    "connected": lambda one: engine.LegConnected(LegId(one["leg"])),
    "silent": lambda one: engine.LegSilent(LegId(one["leg"]), one["seconds"]),
    "digit": lambda one: engine.DigitKeyed(LegId(one["leg"]), one["digit"]),
    "ended": lambda one: engine.PlayEnded(LegId(one["leg"]), one["prompt"]),
    "heard": lambda one: engine.Heard(LegId(one["leg"]), one["seconds"]),
    "measured": lambda one: engine.LegMeasured(
        LegId(one["leg"]),
        engine.Figures(**one["now"]),
        engine.Figures(**one["mean"]),
        one["worst"],
    ),
    "kept": lambda one: engine.RecordingClosed(
        RoomId(one["room"]), one["name"], one["seconds"], one["reason"]
    ),
    "sounded": lambda one: engine.SoundEnded(RoomId(one["room"]), one["name"], one["reason"]),
    "speaking": lambda one: engine.Speaking(
        RoomId(one["room"]), frozenset(one["levels"]), one["levels"]
    ),
}


def happened(report: Report) -> engine.MediaEvent:
    """What a report of a leg or a room tells the focus."""
    return EVENTS[report["event"]](report)
