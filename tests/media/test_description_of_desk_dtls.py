"""Offers and answers of desk phones whose keys come by DTLS without ICE (RFC 5763)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipgateway.media import streams
from sipgateway.media.description import Negotiation
from sipgateway.media.engine import MediaError
from tests.media.offers import BARESIP, CHROMIUM, DESK_DTLS, without
from tests.media.test_description import FINGERPRINT, LOCAL, SESSION, answered, moved


@pytest.mark.parametrize(
    ("setup", "ours", "client"),
    [("actpass", "passive", False), ("active", "passive", False), ("passive", "active", True)],
)
@pytest.mark.parametrize("protocol", ["UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVP"])
def test_dtls_without_ice_is_a_desk_phones(
    setup: str, ours: str, client: bool, protocol: str
) -> None:
    """RFC 5763 5: no candidates, the roles of RFC 4145, and RTCP where the phone has it."""
    offer = DESK_DTLS.replace("actpass", setup).replace("UDP/TLS/RTP/SAVPF", protocol)
    answer, terms = answered(Negotiation(), offer)
    (audio,) = answer.media
    assert (audio.protocol, audio.get("setup")) == (protocol, ours)
    assert audio.get("fingerprint") == FINGERPRINT
    assert not any(audio.has(name) for name in ("candidate", "ice-ufrag", "rtcp-mux", "crypto"))
    assert not answer.get("ice-lite")
    assert (terms["kind"], terms["client"], terms["sdes"]) == ("rtp", client, None)
    assert terms["fingerprint"].startswith("sha-256 7D:D0")
    assert (terms["host"], terms["port"], terms["rtcp_port"]) == ("192.0.2.2", 5016, 5017)
    both, _ = answered(Negotiation(), offer + "a=rtcp-mux\r\n")
    assert both.media[0].has("rtcp-mux")


def test_dtls_is_offered_again_and_nothing_else_is_taken() -> None:
    """With the roles open (RFC 5763 6.6), by another certificate where a mixer took it over."""
    before, again, negotiation = moved(DESK_DTLS)
    (audio,), (was,) = again.media, before.media
    assert (audio.protocol, audio.get("setup")) == (was.protocol, "actpass")
    assert audio.get("fingerprint") != was.get("fingerprint")
    for answer in (
        BARESIP,
        CHROMIUM,
        DESK_DTLS.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
        without(DESK_DTLS, "a=fingerprint"),
    ):
        with pytest.raises(MediaError):
            negotiation.accept(answer)
    _, terms = negotiation.accept(DESK_DTLS.replace("actpass", "active"))
    assert (terms["client"], terms["fingerprint"] != "") == (False, True)


def test_an_engine_without_dtls_of_its_own_takes_it_with_ice_alone() -> None:
    with pytest.raises(MediaError, match="DTLS-SRTP audio needs ICE here"):
        Negotiation().answer(
            streams.choose(streams.read(DESK_DTLS)), replace(LOCAL, fingerprint=""), SESSION
        )
