"""What fuzzing starts from does what it is meant to, and what it has found stays mended."""

from __future__ import annotations

import pytest

from sipgateway.sip.events import (
    AckReceived,
    CancelReceived,
    RequestReceived,
    ResponseReceived,
)
from tests.fuzz import seeds
from tests.fuzz.application import Application

MEANT: dict[str, dict[type, int]] = {
    "call": {RequestReceived: 4, AckReceived: 2},
    "cancelled": {RequestReceived: 1, CancelReceived: 1},
    "twice": {RequestReceived: 1},
    "reliable": {RequestReceived: 1, AckReceived: 1},
    "watching": {RequestReceived: 2},
    "forks": {ResponseReceived: 5},
    "refused": {ResponseReceived: 2},
}
#: Charts that once broke something, and how they are answered since.
FOUND: dict[str, tuple[bytes, bytes]] = {
    "lengths that differ": (
        b"\x00OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nl: 2\r\nl: 1\r\n\r\nhi",
        b"SIP/2.0 400 Conflicting Content-Length headers",
    ),
    "a Via without a value": (
        b"\x00OPTIONS sip:h SIP/2.0\r\nVia: ,\r\n\r\n",
        b"SIP/2.0 400 Missing Via header",
    ),
}


@pytest.mark.parametrize("name", list(seeds.charts()))
def test_seeds_go_well(name: str) -> None:
    application = Application()
    application.run(seeds.charts()[name])
    heard = [type(event) for event in application.seen if not getattr(event, "local", False)]
    got = {kind: heard.count(kind) for kind in MEANT[name]}
    assert got == MEANT[name]


@pytest.mark.parametrize(("chart", "answer"), FOUND.values(), ids=list(FOUND))
def test_what_was_found(chart: bytes, answer: bytes) -> None:
    application = Application()
    application.run(chart)
    answers = [octets for octets in application.sent if octets.startswith(b"SIP/2.0 ")]
    assert [octets.partition(b"\r\n")[0] for octets in answers] == [answer]
