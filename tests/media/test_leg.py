"""A leg of a worker by itself: reports, packets that are asked for again, what it tells."""

from __future__ import annotations

import pytest

from sipgateway.media import codec, codecs, dtmf, quality, rtcp, rtp
from sipgateway.media.control import Sdes, Terms
from sipgateway.media.engine import LegId
from sipgateway.media.latch import Place
from sipgateway.media.leg import KEPT, TOO_FAST, Leg
from sipgateway.media.mixer import Output
from sipgateway.media.plain import PlainPath
from tests.media import sounds

CODECS = codecs.load()
ALICE = ("192.0.2.1", 4000)
THEIRS = 77
TERMS: Terms = {
    "kind": "rtp",
    "source": 5,
    "payload_type": 0,
    "codecs": {"0": "pcmu"},
    "events": [101],
    "level_id": None,
    "levels_id": None,
    "tells_level": True,
    "noise": 13,
    "nack": False,
    "limits": {"bitrate": 0, "band": 0, "cbr": False, "fec": True},
    "hears": True,
    "speaks": True,
    "ufrag": "",
    "password": "",
    "fingerprint": "",
    "association": "",
    "client": False,
    "host": ALICE[0],
    "port": ALICE[1],
    "rtcp_port": ALICE[1],
    "sip_host": "",
    "mux": True,
    "sdes": None,
}


def leg(**terms: object) -> Leg:
    """A desk phone."""
    agreed: Terms = {**TERMS, **terms}  # type: ignore[typeddict-item]
    return Leg(LegId("alice"), PlainPath(Place(ALICE, ALICE), None), agreed, codecs=CODECS, now=0.0)


class Phone:
    """What sends to a leg, 20 ms after 20 ms."""

    def __init__(self, to: Leg) -> None:
        self.to = to
        self.sender = rtp.Sender(THEIRS, 1, 0)
        self.encoder = CODECS["pcmu"].encoder()
        self.now = 0.0
        self.sound = sounds.frames(sounds.sine(440, 1000))

    def says(self, count: int = 1, *, lost: bool = False, kind: int = 0) -> None:
        for _ in range(count):
            payload = self.encoder.encode(self.sound[int(self.now * 50) % 1000])
            data = self.sender.build(payload if kind == 0 else b"\x32", 160, payload_type=kind)
            self.now += 0.02
            if not lost:
                self.to.receive(data, ALICE, self.now)

    def reports(self, data: bytes) -> None:
        self.to.receive(data, ALICE, self.now)


def sent(one: Leg) -> list[bytes]:
    """What waits, of RTP."""
    return [data for data, _ in one.data_to_send() if not rtp.is_rtcp(data)]


def reported(one: Leg) -> list[rtcp.Heard]:
    """What waits, of RTCP."""
    packets = [data for data, _ in one.data_to_send() if rtp.is_rtcp(data)]
    return [heard for data in packets for heard in rtcp.parse(data, THEIRS)]


def round_trip(phone: Phone, seconds: float) -> None:
    """A report of the phone by which the leg knows how far away it is."""
    ssrc = phone.to._sender.ssrc
    seen = rtcp.Reception(ssrc, 8000)
    seen.receive(1, 160, phone.now)
    seen.receive_report(int((phone.now - seconds) * 2**32), phone.now)
    phone.reports(rtcp.build(phone.sender, seen, name="alice", now=phone.now))


def test_what_was_measured_is_told_and_only_news() -> None:
    one = leg()
    phone = Phone(one)
    told = []
    for _ in range(1200):
        phone.says()
        one.handle_timeout(phone.now)
        told += [report for report in one.reports if report["event"] == "measured"]
        one.reports.clear()
        one.data_to_send()
    assert len(told) == 1
    assert told[0]["now"]["loss_in"] == 0.0
    assert told[0]["now"]["round_trip"] is None, "it sends no reports"
    mark = told[0]["now"]["mos"]
    assert mark is not None
    assert mark > 4
    phone.says(25, lost=True)
    for _ in range(300):
        phone.says()
        one.handle_timeout(phone.now)
    (report,) = [report for report in one.reports if report["event"] == "measured"][:1]
    assert (report["now"]["loss_in"] or 0) > 5
    worst = report["worst"]
    assert worst is not None
    assert worst < mark


def test_the_round_trip_of_a_phone_that_reports() -> None:
    one = leg()
    phone = Phone(one)
    phone.now = 100.0
    phone.says(10)
    round_trip(phone, 0.12)
    phone.says(500)
    one.meter.look(one._reception, 0, 2, phone.now - 9)
    assert one.meter.now.round_trip == pytest.approx(120, abs=1)
    assert one.member.loss == 0.0


def test_goodbye_ends_the_stream_and_not_the_call() -> None:
    """RFC 3550 6.6: what is left of it is not played; another stream may begin."""
    one = leg()
    phone = Phone(one)
    phone.says(10)
    phone.reports(rtcp.build_goodbye(rtp.Sender(99, 1, 1), name="mallory"))
    assert one.voice.buffer.packets, "that was another source"
    phone.reports(rtcp.build_goodbye(phone.sender, name="alice"))
    assert not one.voice.buffer.packets
    assert one.voice.advance() == 127
    phone.sender.ssrc += 1
    phone.says(5)
    assert one.voice.advance() < 30


def test_it_says_goodbye_itself() -> None:
    one = leg()
    one.send(Output(b"x"))
    one.data_to_send()
    one.close()
    assert [heard.goodbye for heard in reported(one)][-1] == (one._sender.ssrc,)


def test_a_packet_that_is_asked_for_again_is_sent_again_once() -> None:
    one = leg(nack=True)
    phone = Phone(one)
    phone.says()
    for number in range(3 * KEPT):
        one.send(Output(bytes((number,))))
    first = sent(one)
    wanted = rtp.parse(first[-10]).sequence
    old = rtp.parse(first[0]).sequence
    message = rtcp.build_nack(phone.sender, one._sender.ssrc, [old, wanted], name="alice")
    phone.reports(message)
    assert sent(one) == [first[-10]], "the same to the octet, or SRTP would refuse it"
    phone.reports(message)
    assert sent(one) == []
    assert len(one._sent) <= KEPT


def test_who_did_not_agree_to_it_gets_nothing_again() -> None:
    one = leg()
    phone = Phone(one)
    phone.says()
    one.send(Output(b"x"))
    (only,) = sent(one)
    asked = [rtp.parse(only).sequence]
    phone.reports(rtcp.build_nack(phone.sender, one._sender.ssrc, asked, name="alice"))
    assert sent(one) == []


@pytest.mark.parametrize(("seconds", "asks"), [(0.01, True), (0.2, False)])
def test_what_is_missing_is_asked_for_where_it_can_be_in_time(seconds: float, asks: bool) -> None:
    """RFC 4585: a phone 10 ms away is asked, one 200 ms away is not."""
    one = leg(nack=True)
    phone = Phone(one)
    phone.now = 100.0
    phone.says(3)
    round_trip(phone, seconds)
    one.data_to_send()
    phone.says(2, lost=True)
    phone.says()
    assert [heard.nacked for heard in reported(one) if heard.nacked] == ([(4, 5)] if asks else [])


def test_levels_of_the_mixed_for_those_who_asked() -> None:
    """RFC 6465, and RFC 6464 beside it; nothing for who offered neither."""
    output = Output(b"x", (1, 2), 30, (31, 45))
    plain, both = leg(), leg(level_id=1, levels_id=2)
    for one in (plain, both):
        one.send(output)
    (without,), (with_levels,) = sent(plain), sent(both)
    assert without[0] & 0x10 == 0
    assert rtp.parse(with_levels, 1).level == 30
    assert bytes((2 << 4 | 1, 31, 45)) in with_levels
    assert rtp.parse(with_levels).payload == b"x"


def test_an_extension_that_is_only_read_is_not_sent() -> None:
    one = leg(level_id=1, tells_level=False)
    one.send(Output(b"x", (1,), 30, (31,)))
    (packet,) = sent(one)
    assert packet[0] & 0x10 == 0


def test_a_phone_is_sent_what_it_asks_for_and_heard_as_ever() -> None:
    tight = {"bitrate": 12_000, "band": 0, "cbr": False, "fec": True}
    one = leg(codecs={"0": "opus"}, limits=tight)
    assert one.member.codec is not CODECS["opus"]
    assert one.voice.codec is CODECS["opus"]
    one.change({**TERMS, "codecs": {"0": "opus"}})
    assert one.member.codec is CODECS["opus"]


def test_another_clock_is_another_stream() -> None:
    """RFC 7160 4.1; the old one says goodbye, and a re-INVITE that changes nothing is none."""
    one = leg(codecs={"0": "opus"})

    def source() -> int:
        one.send(Output(b"x"))
        return int.from_bytes(sent(one)[-1][8:12], "big")

    first = source()
    one.change({**TERMS, "codecs": {"0": "opus"}, "events": []})
    assert source() == first
    one.change(TERMS)
    assert [heard.goodbye for heard in reported(one)][-1] == (first,)
    second = source()
    assert second != first
    keys: Sdes = {"suite": "AES_CM_128_HMAC_SHA1_80", "ours": "A" * 40, "theirs": "B" * 40}
    one.change({**TERMS, "sdes": keys})
    assert source() not in (first, second)


def test_no_two_phones_get_their_reports_in_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 3550 6.2: by chance, from half of the interval to one and a half."""
    drawn = iter((0, 0, 0, 999))
    monkeypatch.setattr("secrets.randbelow", lambda _: next(drawn))
    one = leg()
    Phone(one).says()
    told = []
    for step in range(100):
        one.handle_timeout(step * 0.1)
        told += [step * 0.1 for _ in reported(one)]
    assert told == pytest.approx([0.0, 2.5])


def test_comfort_noise_is_taken_for_what_it_is() -> None:
    """It has its place among the packets: nothing is missing where it was."""
    one = leg()
    phone = Phone(one)
    phone.says(5)
    phone.says(kind=13)
    phone.says(3)
    for _ in range(10):
        one.voice.advance()
        frame = one.voice.samples()
    assert frame is not None
    assert codec.level(frame) < 127
    assert one.path.dropped == {}
    assert one.voice.undecodable == 0
    stranger = leg(noise=None)
    Phone(stranger).says(kind=13)
    assert stranger.path.dropped == {"of another payload type": 1}


def test_reports_are_looked_at_every_few_seconds() -> None:
    assert quality.EVERY == rtcp.INTERVAL


def keys(phone: Phone, digit: str, packets: int = 8) -> None:
    """Press a key: the packets take the place of audio, and have one timestamp."""
    began = phone.sender.timestamp
    for number in range(packets):
        end = number >= packets - 3
        payload = dtmf.build(digit, 160 * (number + 1), end=end)
        phone.sender.timestamp = began
        data = phone.sender.build(payload, 160, payload_type=101)
        phone.now += 0.0 if end else 0.02
        phone.to.receive(data, ALICE, phone.now)
    phone.sender.timestamp = began + 160 * packets


def test_what_is_keyed_is_not_lost() -> None:
    one = leg(nack=True)
    phone = Phone(one)
    phone.says(20)
    round_trip(phone, 0.001)
    for _ in range(6):
        keys(phone, "2")
        phone.says(20)
    one.handle_timeout(phone.now + 2 * quality.EVERY)
    told = reported(one)
    assert not [heard for heard in told if heard.nacked], "nothing is missing"
    assert [heard.told.lost for heard in told if heard.told is not None] == [0.0]
    measured = [report for report in one.reports if report["event"] == "measured"]
    assert [report["now"]["loss_in"] for report in measured] == [0.0]
    assert [report["now"]["jitter_in"] for report in measured] == [pytest.approx(0, abs=8)]


def test_who_floods_with_digits_is_bounded_and_counted() -> None:
    one = leg()
    phone = Phone(one)
    for number in range(1000):
        data = phone.sender.build(dtmf.build("*2"[number % 2], 80, end=True), 160, payload_type=101)
        one.receive(data, ALICE, 1.0)
    digits = [report for report in one.reports if report["event"] == "digit"]
    assert len(digits) <= dtmf.AT_ONCE
    assert one.path.dropped[TOO_FAST] == 1000 - len(digits)
