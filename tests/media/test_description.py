"""Offers and answers of a leg (RFC 3264, RFC 8839, RFC 8843)."""

from __future__ import annotations

import pytest

from sipgateway.media import agreed, description, dtls, streams
from sipgateway.media.control import Terms
from sipgateway.media.description import Local, Negotiation
from sipgateway.media.engine import Direction, LegKind, MediaError, Session
from sipgateway.sip import sdp
from tests.media import offers
from tests.media.offers import BARESIP, CHROMIUM, DESK_DTLS, SAVP, SIPJS, without

FINGERPRINT = dtls.build_fingerprint(dtls.Fingerprint("sha-256", bytes(range(32))))
LOCAL = Local(("127.0.0.1",), 20000, FINGERPRINT)
SESSION = Session(name="Weekly", info="About things", uri="http://conf.test/c/1")


def answered(negotiation: Negotiation, offer: str) -> tuple[sdp.Description, Terms]:
    """Our answer, read again, and the terms for the mixer."""
    stream = streams.choose(streams.read(offer))
    text, terms = negotiation.answer(stream, LOCAL, SESSION)
    return sdp.parse(text), terms


@pytest.mark.parametrize("offer", offers.WEBRTC.values(), ids=offers.WEBRTC)
def test_a_browser_is_answered(offer: str) -> None:
    answer, terms = answered(Negotiation(), offer)
    audio = answer.media[0]
    assert audio.protocol == "UDP/TLS/RTP/SAVPF"
    assert audio.port == 20000
    assert audio.get("setup") == "passive"
    assert audio.get("mid") == "0"
    assert audio.has("rtcp-mux")
    assert audio.has("end-of-candidates")
    assert audio.get("fingerprint") == FINGERPRINT
    assert audio.get("candidate") == "1 1 udp 2130706431 127.0.0.1 20000 typ host"
    assert answer.get("ice-lite") == ""
    assert answer.get("group") == "BUNDLE 0"
    assert answer.direction(audio) == "sendrecv"
    assert terms["kind"] == "webrtc"
    assert terms["fingerprint"].startswith("sha-")
    assert terms["codecs"] == {audio.formats[0]: "opus"}
    assert "useinbandfec=1" in audio.fmtp(terms["payload_type"])
    assert not terms["client"]


def test_what_a_browser_offers_beside_audio_with_opus_is_refused() -> None:
    answer, _ = answered(Negotiation(), SIPJS)
    _, data = answer.media
    assert (data.kind, data.port, data.get("mid")) == ("application", 0, "1")
    assert answer.get("group") == "BUNDLE 0"


def test_digits_and_levels_are_agreed_as_offered() -> None:
    answer, terms = answered(Negotiation(), CHROMIUM)
    (audio,) = answer.media
    assert audio.formats == ("111", "110", "126")
    assert audio.rtpmaps()[110].clock == 48_000
    assert terms["events"] == [110, 126]
    assert audio.extmaps() == (sdp.ExtMap(1, streams.LEVEL_URI),)
    assert terms["level_id"] == 1
    _, terms = answered(Negotiation(), without(CHROMIUM, "a=extmap:1"))
    assert terms["level_id"] is None


def test_audio_that_is_not_the_first_stream() -> None:
    video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=rtpmap:96 VP8/90000\r\n"
    offer = CHROMIUM.replace("m=audio", video + "m=audio").replace("BUNDLE 0", "BUNDLE v 0")
    answer, terms = answered(Negotiation(), offer)
    assert [one.port for one in answer.media] == [0, 20000]
    assert answer.get("group") == "BUNDLE 0"
    assert terms["payload_type"] == 111


def test_a_second_audio_stream_is_refused() -> None:
    second = CHROMIUM[CHROMIUM.index("m=audio") :].replace("a=mid:0", "a=mid:1")
    answer, _ = answered(Negotiation(), CHROMIUM + second)
    assert [one.port for one in answer.media] == [20000, 0]


@pytest.mark.parametrize(
    ("theirs", "ours", "hears", "speaks"),
    [
        ("sendrecv", "sendrecv", True, True),
        ("sendonly", "recvonly", False, True),
        ("recvonly", "sendonly", True, False),
        ("inactive", "inactive", False, False),
    ],
)
def test_hold_and_resume(theirs: str, ours: str, hears: bool, speaks: bool) -> None:
    negotiation = Negotiation()
    answered(negotiation, CHROMIUM)
    answer, terms = answered(negotiation, CHROMIUM.replace("a=sendrecv", f"a={theirs}"))
    assert answer.direction(answer.media[0]) == ours
    assert (terms["hears"], terms["speaks"]) == (hears, speaks)


def test_a_re_offer_keeps_everything_but_the_version() -> None:
    negotiation = Negotiation()
    first, before = answered(negotiation, CHROMIUM)
    second, after = answered(negotiation, CHROMIUM)
    assert second.origin.session == first.origin.session
    assert second.origin.version == first.origin.version + 1
    assert second.media == first.media
    assert after == before


def test_an_ice_restart_is_answered_with_new_credentials() -> None:
    negotiation = Negotiation()
    first, _ = answered(negotiation, CHROMIUM)
    restart = CHROMIUM.replace("sOd2", "Xy3z").replace("rWsH8LGH", "AAAAAAAA")
    second, terms = answered(negotiation, restart)
    assert second.media[0].get("ice-ufrag") != first.media[0].get("ice-ufrag")
    assert second.media[0].get("ice-pwd") != first.media[0].get("ice-pwd")
    assert second.media[0].get("fingerprint") == first.media[0].get("fingerprint")
    assert terms["ufrag"] == second.media[0].get("ice-ufrag")
    third, _ = answered(negotiation, restart)
    assert third.media[0].get("ice-ufrag") == second.media[0].get("ice-ufrag")


def test_a_phone_that_waits_gets_a_client() -> None:
    answer, terms = answered(Negotiation(), CHROMIUM.replace("setup:actpass", "setup:passive"))
    assert answer.media[0].get("setup") == "active"
    assert terms["client"]


@pytest.mark.parametrize(
    ("offer", "status", "reason"),
    [
        (without(CHROMIUM, "a=rtcp-mux"), 488, "DTLS-SRTP audio needs rtcp-mux here"),
        (without(CHROMIUM, "a=fingerprint"), 488, "DTLS-SRTP audio needs a DTLS fingerprint here"),
        (without(CHROMIUM, "a=ice-ufrag"), 488, "DTLS-SRTP audio needs ICE here"),
        (without(CHROMIUM, "a=ice-pwd"), 488, "DTLS-SRTP audio needs ICE here"),
        (
            CHROMIUM.replace("sha-256 7D", "sha-1 7D"),
            488,
            "DTLS-SRTP audio needs a fingerprint by SHA-256 or better",
        ),
        (CHROMIUM.replace(" 111 63 9 0 8 13 110 126", " 63 13 110"), 488, "No codec in common"),
        (CHROMIUM.replace("m=audio", "m=video"), 488, "No audio stream"),
        (CHROMIUM.replace("m=audio 47612", "m=audio 0"), 488, "No audio stream"),
        (
            CHROMIUM.replace("UDP/TLS/RTP/SAVPF", "TCP/MSRP"),
            488,
            "Transport TCP/MSRP is not supported",
        ),
        ("garbage", 400, "Bad session description: v=: a description begins with its version"),
        ("", 400, "Bad session description: v=: a description begins with its version"),
        (
            CHROMIUM.replace("opus/48000/2", "opus"),
            400,
            "Bad session description: a=rtpmap: not <payload type> <encoding>/<clock>",
        ),
        (SAVP.replace("AES_CM_128_HMAC_SHA1_80", "X"), 488, "No SRTP key in common"),
        (
            BARESIP.replace("c=IN IP4 192.0.2.2", "c=IN IP4 mallory.test"),
            488,
            "mallory.test is not an IP address",
        ),
        (
            BARESIP.replace("c=IN IP4 192.0.2.2", "c=IN IP4 224.0.0.1/127"),
            488,
            "224.0.0.1 is a multicast address",
        ),
        (without(BARESIP, "c="), 400, "Bad session description: m=audio: no c= line"),
        (
            DESK_DTLS.replace("SHA-256", "SHA-1"),
            488,
            "DTLS-SRTP audio needs a fingerprint by SHA-256 or better",
        ),
        (SAVP.replace("inline:WVN", "inline:W"), 488, "Cannot use a key that is not base64"),
    ],
)
def test_what_is_refused(offer: str, status: int, reason: str) -> None:
    with pytest.raises(MediaError) as caught:
        answered(Negotiation(), offer)
    assert (caught.value.status, caught.value.reason) == (status, reason)


def test_our_offer_to_a_browser_is_accepted() -> None:
    ours = Negotiation()
    offer = sdp.parse(ours.offer(LegKind.WEBRTC, LOCAL, SESSION))
    (audio,) = offer.media
    assert audio.get("setup") == "actpass"
    assert offer.get("group") == "BUNDLE 0"
    answer = CHROMIUM.replace("setup:actpass", "setup:active")
    stream, terms = ours.accept(answer)
    assert stream.direction is Direction.SENDRECV
    assert (terms["payload_type"], terms["events"], terms["client"]) == (111, [110, 126], False)
    assert terms["ufrag"] == audio.get("ice-ufrag")


def test_a_session_refresh_repeats_what_was_agreed() -> None:
    negotiation = Negotiation()
    first, _ = answered(negotiation, SIPJS.replace("a=sendrecv", "a=sendonly"))
    refresh = sdp.parse(negotiation.offer(LegKind.WEBRTC, LOCAL, SESSION))
    assert refresh.origin.version == first.origin.version + 1
    assert refresh.media[1] == first.media[1]
    audio = refresh.media[0]
    assert audio.formats == first.media[0].formats
    assert audio.extmaps() == first.media[0].extmaps()
    assert (audio.get("mid"), audio.get("setup")) == ("0", "actpass")
    assert refresh.direction(audio) == "sendrecv"
    assert refresh.get("group") == "BUNDLE 0"


def moved(offer: str) -> tuple[sdp.Description, sdp.Description, Negotiation]:
    """Our answer, and our offer once another mixer has taken the leg."""
    negotiation = Negotiation()
    before, _ = answered(negotiation, offer)
    negotiation.move()
    there = Local(("127.0.0.1", "::1"), 30000, FINGERPRINT.replace("00:01", "AA:AA"))
    kind = negotiation.kind or LegKind.RTP
    return before, sdp.parse(negotiation.offer(kind, there, SESSION)), negotiation


def test_another_mixer_goes_on_with_the_session_of_a_browser() -> None:
    """Same session, streams, types and extensions; other credentials (RFC 3264 8, RFC 8839 4.4)."""
    before, again, negotiation = moved(SIPJS)
    assert again.origin.session == before.origin.session
    assert again.origin.version == before.origin.version + 1
    assert [one.port for one in again.media] == [30000, 0]
    audio, was = again.media[0], before.media[0]
    assert (audio.protocol, audio.formats) == (was.protocol, was.formats)
    assert audio.get("mid") == was.get("mid")
    assert [*audio.all("extmap")] == [*was.all("extmap")]
    assert audio.get("setup") == "actpass"
    assert audio.get("fingerprint") != was.get("fingerprint")
    assert audio.get("ice-ufrag") != was.get("ice-ufrag")
    assert audio.get("ice-pwd") != was.get("ice-pwd")
    assert [one.split()[4:6] for one in audio.all("candidate")] == [
        ["127.0.0.1", "30000"],
        ["::1", "30000"],
    ]
    _, terms = negotiation.accept(without(SIPJS, "a=setup") + "a=setup:active\r\n")
    assert (terms["kind"], terms["ufrag"]) == ("webrtc", audio.get("ice-ufrag"))


def test_another_mixer_speaks_to_a_desk_phone_as_secretly_as_the_first() -> None:
    """By SRTP, with a key of its own, and never in clear."""
    before, again, negotiation = moved(SAVP)
    (audio,), (was,) = again.media, before.media
    assert (audio.protocol, audio.port, audio.formats) == ("RTP/SAVP", 30000, was.formats)
    (mine,), (first,) = audio.cryptos(), was.cryptos()
    assert (mine.tag, mine.suite) == (first.tag, first.suite)
    assert mine.key != first.key
    _, terms = negotiation.accept(SAVP)
    assert terms["sdes"] is not None
    assert terms["sdes"]["ours"] == mine.key
    with pytest.raises(MediaError):
        negotiation.accept(BARESIP)


@pytest.mark.parametrize("offer", [SIPJS, SAVP, BARESIP, DESK_DTLS])
def test_another_process_goes_on_with_the_session(offer: str) -> None:
    """By what was written down, in which is no secret; keys and credentials are its own."""
    first = Negotiation()
    before, terms = answered(first, offer)
    written = str(first.agreed)
    secrets = [terms["ufrag"], terms["password"], *(one.key for one in before.media[0].cryptos())]
    assert not [one for one in secrets if one and one in written]
    known = agreed.read(written)
    assert known is not None
    negotiation = Negotiation()
    negotiation.go_on(known)
    there = Local(("192.0.2.77",), 30000, FINGERPRINT.replace("00:01", "AA:AA"))
    again = sdp.parse(negotiation.offer(known.kind, there, SESSION))
    assert negotiation.source == first.source
    assert again.origin.session == before.origin.session
    assert again.origin.version == before.origin.version + 1
    audio, was = again.media[0], before.media[0]
    assert (audio.protocol, audio.formats) == (was.protocol, was.formats)
    assert audio.get("mid") == was.get("mid")
    assert [*audio.all("extmap")] == [*was.all("extmap")]
    assert audio.get("fingerprint") != was.get("fingerprint") or not was.has("fingerprint")
    assert [(one.tag, one.suite) for one in audio.cryptos()] == [
        (one.tag, one.suite) for one in was.cryptos()
    ]
    assert "192.0.2.1 " not in sdp.build(again)
    _, anew = negotiation.accept(offer.replace("a=setup:actpass", "a=setup:active"))
    assert anew["kind"] == terms["kind"]
    assert anew["ufrag"] == (audio.get("ice-ufrag") or "")
    ours = [] if anew["sdes"] is None else [anew["sdes"]["ours"]]
    assert ours == [one.key for one in audio.cryptos()]


@pytest.mark.parametrize("text", ["", "agreed", "[]", "{}", '{"kind": "rtp"}'])
def test_what_cannot_be_read_any_more_is_agreed_anew(text: str) -> None:
    assert agreed.read(text) is None
    assert agreed.kind_of(text) is (LegKind.RTP if "rtp" in text else None)


def test_what_the_browser_dropped_is_not_offered_again() -> None:
    negotiation = Negotiation()
    negotiation.offer(LegKind.WEBRTC, LOCAL, SESSION)
    answer = without(CHROMIUM, "a=extmap").replace(" 111 63 9 0 8 13 110 126", " 111 126")
    negotiation.accept(answer.replace("actpass", "active"))
    (audio,) = sdp.parse(negotiation.offer(LegKind.WEBRTC, LOCAL, SESSION)).media
    assert audio.formats == ("111", "126")
    assert not audio.extmaps()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (CHROMIUM.replace("m=audio 47612", "m=audio 0"), 488),
        (SIPJS, 488),
        (BARESIP, 488),
        ("garbage", 400),
    ],
)
def test_an_answer_that_does_not_fit(answer: str, status: int) -> None:
    negotiation = Negotiation()
    negotiation.offer(LegKind.WEBRTC, LOCAL, SESSION)
    with pytest.raises(MediaError) as caught:
        negotiation.accept(answer)
    assert caught.value.status == status


def test_a_desk_phone_is_answered() -> None:
    answer, terms = answered(Negotiation(), BARESIP)
    (audio,) = answer.media
    assert (audio.protocol, audio.port, audio.formats) == ("RTP/AVP", 20000, ("96", "101"))
    assert answer.get("ice-lite") is None
    assert (terms["host"], terms["port"], terms["rtcp_port"]) == ("192.0.2.2", 5016, 5017)
    assert terms["codecs"] == {"96": "opus"}
    assert not audio.has("fingerprint")


def test_a_static_payload_type_needs_no_map() -> None:
    offer = BARESIP.replace(" 96 0 8 101", " 8 0")
    _, terms = answered(Negotiation(), offer)
    assert terms["codecs"] == {"8": "pcma"}


def test_hold_as_it_was_before_rfc_3264() -> None:
    offer = BARESIP.replace("c=IN IP4 192.0.2.2", "c=IN IP4 0.0.0.0")
    answer, terms = answered(Negotiation(), offer)
    assert answer.direction(answer.media[0]) == "recvonly"
    assert not terms["hears"]


def test_keys_of_a_desk_phone() -> None:
    negotiation = Negotiation()
    answer, terms = answered(negotiation, SAVP)
    (line,) = answer.media[0].cryptos()
    assert (line.tag, line.suite) == (2, "AES_CM_128_HMAC_SHA1_80")
    assert terms["sdes"] == {
        "suite": line.suite,
        "ours": line.key,
        "theirs": "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
    }
    again, _ = answered(negotiation, SAVP)
    assert again.media == answer.media


def test_our_offer_to_a_desk_phone() -> None:
    negotiation = Negotiation()
    (audio,) = sdp.parse(negotiation.offer(LegKind.RTP, LOCAL, SESSION)).media
    assert [one.encoding for one in audio.rtpmaps().values()] == [
        "opus",
        "G722",
        "PCMU",
        "PCMA",
        "telephone-event",
        "telephone-event",
    ]
    _, terms = negotiation.accept(BARESIP.replace("96 0 8 101", "8 126"))
    assert terms["codecs"] == {"8": "pcma"}


def test_a_phone_that_answers_with_several_codecs_may_send_any_of_them() -> None:
    """RFC 3264 7; it is sent the first."""
    for several, taken in ((True, {"8": "pcma", "0": "pcmu"}), (False, {"8": "pcma"})):
        negotiation = Negotiation(several=several)
        negotiation.offer(LegKind.RTP, LOCAL, SESSION)
        _, terms = negotiation.accept(BARESIP.replace("96 0 8 101", "8 0 18 126"))
        assert (terms["payload_type"], terms["codecs"]) == (8, taken)


def test_the_transport_of_a_leg_cannot_change() -> None:
    negotiation = Negotiation()
    answered(negotiation, CHROMIUM)
    with pytest.raises(MediaError, match="transport"):
        answered(negotiation, BARESIP)


def test_what_the_session_says_of_itself() -> None:
    """RFC 4579 3.1; a title never begins a line of its own."""
    session = Session(
        name="Weekly\r\na=injected", info="i", uri="http://x", email="a@x", phone="+1"
    )
    stream = streams.choose(streams.read(CHROMIUM))
    text, _ = Negotiation().answer(stream, LOCAL, session)
    answer = sdp.parse(text)
    assert answer.name == "Weekly a=injected"
    assert (answer.info, answer.uri) == ("i", "http://x")
    assert (answer.emails, answer.phones) == (("a@x",), ("+1",))


def test_capabilities_have_no_port() -> None:
    """RFC 4579 5.13, RFC 3261 11.2."""
    able = sdp.parse(description.capabilities(LOCAL, SESSION))
    assert {one.port for one in able.media} == {0}
    assert able.name == "Weekly"


def test_version_6_addresses() -> None:
    local = Local(("fd00::2",), 20000, FINGERPRINT)
    text, _ = Negotiation().answer(streams.choose(streams.read(CHROMIUM)), local, SESSION)
    answer = sdp.parse(text)
    assert answer.connection == sdp.Connection("fd00::2", "IP6")
    assert answer.media[0].get("candidate") == "1 1 udp 2130706431 fd00::2 20000 typ host"


ASKS = "a=extmap:5 urn:ietf:params:rtp-hdrext:csrc-audio-level\r\na=rtcp-fb:111 nack\r\n"


def test_the_levels_of_the_mixed_and_packets_again_for_those_who_ask() -> None:
    """RFC 6465 and RFC 4585, only where they were offered."""
    answer, terms = answered(Negotiation(), CHROMIUM + ASKS)
    (audio,) = answer.media
    assert audio.extmaps() == (
        sdp.ExtMap(1, streams.LEVEL_URI),
        sdp.ExtMap(5, streams.LEVELS_URI),
    )
    assert list(audio.all("rtcp-fb")) == ["111 nack"]
    assert (terms["levels_id"], terms["nack"]) == (5, True)
    answer, terms = answered(Negotiation(), CHROMIUM)
    (audio,) = answer.media
    assert not list(audio.all("rtcp-fb")), "transport-cc is not done"
    assert (terms["levels_id"], terms["nack"]) == (None, False)


def test_comfort_noise_of_a_desk_phone_is_agreed() -> None:
    """RFC 3389, beside a codec of its clock."""
    phone = offers.BARESIP.replace("96 0 8 101", "0 8 13 101")
    answer, terms = answered(Negotiation(), phone)
    assert terms["noise"] == 13
    assert answer.media[0].formats == ("0", "13", "101")
    _, terms = answered(Negotiation(), offers.BARESIP.replace("96 0 8 101", "96 0 13 101"))
    assert terms["noise"] is None, "Opus has its own"


def test_another_peer_connection_is_another_association() -> None:
    """RFC 8842 5: by its certificate or tls-id, with roles of its own; ICE alone is none."""
    negotiation = Negotiation()
    _, first = answered(negotiation, CHROMIUM)
    _, restarted = answered(negotiation, CHROMIUM.replace("sOd2", "Xy3z"))
    assert restarted["association"] == first["association"]
    other = CHROMIUM.replace("sha-256 7D", "sha-256 00")
    answer, second = answered(negotiation, other.replace("actpass", "passive"))
    assert second["association"] != first["association"]
    assert (answer.media[0].get("setup"), second["client"]) == ("active", True)
    answer, again = answered(negotiation, other)
    assert again["association"] == second["association"]
    assert answer.media[0].get("setup") == "active", "as it was, for it is the same"


def test_who_names_his_associations_is_told_the_name_of_ours() -> None:
    negotiation = Negotiation()
    named = CHROMIUM.replace("a=mid:0", "a=mid:0\r\na=tls-id:91bbf309c0990a6bec11e38ba2933cee")
    first, before = answered(negotiation, named)
    again, _ = answered(negotiation, named)
    other, after = answered(negotiation, named.replace("91bbf309", "00000000"))
    ours = [one.media[0].get("tls-id") or "" for one in (first, again, other)]
    assert len(ours[0]) >= 20
    assert ours[0] == ours[1] != ours[2]
    assert before["association"] != after["association"]
    plain, _ = answered(Negotiation(), CHROMIUM)
    assert plain.media[0].get("tls-id") is None


def test_keys_that_were_given_up_are_forgotten() -> None:
    """RTP/SAVP, then RTP/AVP, then RTP/SAVP again: what is said is what is done."""
    negotiation = Negotiation()
    _, terms = answered(negotiation, SAVP)
    assert terms["sdes"] is not None
    answer, terms = answered(negotiation, without(SAVP, "a=crypto").replace("SAVP", "AVP"))
    assert answer.media[0].protocol == "RTP/AVP"
    assert not answer.media[0].cryptos()
    assert terms["sdes"] is None
    answer, terms = answered(negotiation, SAVP)
    assert terms["sdes"] is not None
    assert answer.media[0].cryptos()[0].key == terms["sdes"]["ours"]


@pytest.mark.parametrize("protocol", ["RTP/SAVPF", "RTP/SAVP"])
def test_srtp_with_feedback_is_srtp(protocol: str) -> None:
    """RFC 5124: keys in the description, no ICE."""
    answer, terms = answered(Negotiation(), SAVP.replace("RTP/SAVP", protocol))
    assert (answer.media[0].protocol, terms["kind"]) == (protocol, "rtp")
    assert terms["sdes"] is not None


@pytest.mark.parametrize(
    ("parameters", "limits"),
    [
        ("minptime=10;useinbandfec=1", (0, 0, False, True)),
        ("maxaveragebitrate=12000; maxplaybackrate=16000", (12_000, 8000, False, True)),
        ("MaxAverageBitrate=20000;cbr=1;useinbandfec=0", (20_000, 0, True, False)),
        ("maxaveragebitrate=-1;maxplaybackrate=;cbr=yes;=;;99999999999", (0, 0, False, True)),
        ("maxaveragebitrate=99999999999999", (0, 0, False, True)),
    ],
)
def test_what_a_phone_asks_of_opus(parameters: str, limits: tuple[int, int, bool, bool]) -> None:
    """RFC 7587 6.1."""
    offer = BARESIP.replace("stereo=1;sprop-stereo=1", parameters)
    _, terms = answered(Negotiation(), offer)
    assert tuple(terms["limits"].values()) == limits
    _, terms = answered(Negotiation(), offer.replace("96 0 8 101", "0 96 8 101"))
    assert tuple(terms["limits"].values()) == (0, 0, False, True), "G.711 was chosen"


@pytest.mark.parametrize("offer", [BARESIP, CHROMIUM])
def test_a_stream_that_is_given_up_may_come_back(offer: str) -> None:
    """RFC 3264 8.2: port 0 is answered by port 0, and the leg is on hold."""
    negotiation = Negotiation()
    ended = sdp.parse(offer.replace("m=audio 5016", "m=audio 0").replace("o 47612", "o 0"))
    assert not negotiation.gives_up(ended), "nothing has been agreed yet"
    first, before = answered(negotiation, offer)
    assert not negotiation.gives_up(sdp.parse(offer))
    assert negotiation.gives_up(ended)
    text, terms = negotiation.hold(ended, LOCAL, SESSION)
    answer = sdp.parse(text)
    assert [one.port for one in answer.media] == [0]
    assert answer.origin.version == first.origin.version + 1
    assert (terms["hears"], terms["speaks"]) == (False, False)
    again, after = answered(negotiation, offer)
    assert again.media == first.media
    assert after == before
    ours = sdp.parse(negotiation.offer(LegKind(before["kind"]), LOCAL, SESSION))
    assert ours.media[0].port == 20000


def test_packets_that_a_phone_cannot_take_are_not_sent() -> None:
    """RFC 8866 6.4; ptime is a wish (6.5)."""
    short = BARESIP.replace("a=ptime:20", "a=ptime:10")
    answer, _ = answered(Negotiation(), short)
    assert answer.media[0].get("ptime") == "20"
    answered(Negotiation(), short + "a=maxptime:20\r\n")
    with pytest.raises(MediaError, match="Packets are of 20 ms, not of 10"):
        answered(Negotiation(), short + "a=maxptime:10\r\n")


def test_a_desk_phone_is_told_an_address_of_its_own_family() -> None:
    """And a browser all of them; where there is none of its family, that is the reason."""
    six = BARESIP.replace("IN IP4 192.0.2.2", "IN IP6 2001:db8::2")
    both = Local(("203.0.113.7", "2001:db8::7"), 20000, FINGERPRINT)
    for offer, address in ((BARESIP, "203.0.113.7"), (six, "2001:db8::7")):
        stream = streams.choose(streams.read(offer))
        text, _ = Negotiation().answer(stream, both, SESSION)
        answer = sdp.parse(text)
        assert answer.connection is not None
        assert answer.connection.address == answer.origin.address == address
    with pytest.raises(MediaError, match="Nothing here has an IPv6 address"):
        answered(Negotiation(), six)
    negotiation = Negotiation()
    negotiation.sip_host = "2001:db8::99"
    ours = sdp.parse(negotiation.offer(LegKind.RTP, both, SESSION))
    assert ours.connection == sdp.Connection("2001:db8::7", "IP6")
    held = BARESIP.replace("IN IP4 192.0.2.2", "IN IP6 ::")
    answer, _ = answered(Negotiation(), held)
    assert answer.direction(answer.media[0]) == "recvonly"


def test_feedback_without_srtp_is_plain() -> None:
    """RFC 4585."""
    offer = BARESIP.replace("RTP/AVP", "RTP/AVPF") + "a=rtcp-fb:96 nack\r\n"
    answer, terms = answered(Negotiation(), offer)
    assert (answer.media[0].protocol, terms["kind"], terms["nack"]) == ("RTP/AVPF", "rtp", True)


def test_a_browser_of_old_is_a_browser() -> None:
    """RTP/SAVPF with a fingerprint, as it was written before RFC 5764 8 was followed."""
    _, terms = answered(Negotiation(), CHROMIUM.replace("UDP/TLS/RTP/SAVPF", "RTP/SAVPF"))
    assert terms["kind"] == "webrtc"


def test_a_key_that_cannot_be_used_before_one_that_can() -> None:
    bad = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:dG9vIHNob3J0\r\n"
    offer = SAVP.replace("a=crypto:1 F8", bad + "a=crypto:3 F8")
    answer, terms = answered(Negotiation(), offer)
    assert [one.tag for one in answer.media[0].cryptos()] == [2]
    assert terms["sdes"] is not None
    assert terms["sdes"]["theirs"].startswith("WVN")


@pytest.mark.parametrize(
    ("theirs", "ours", "tells"),
    [("sendonly", "recvonly", False), ("recvonly", "sendonly", True), ("sendrecv",) * 2 + (True,)],
)
def test_the_direction_of_an_extension_is_mirrored(theirs: str, ours: str, tells: bool) -> None:
    """RFC 8285 6; what the phone only sends is not sent to it."""
    offer = CHROMIUM.replace("a=extmap:1 ", f"a=extmap:1/{theirs} ")
    answer, terms = answered(Negotiation(), offer)
    assert answer.media[0].extmaps() == (sdp.ExtMap(1, streams.LEVEL_URI, ours),)
    assert (terms["level_id"], terms["tells_level"]) == (1, tells)
