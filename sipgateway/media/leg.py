"""A leg in a worker: its path, what it says, what it is sent. Without I/O.

Datagrams go in by `receive`, frames of the mix by `send`; datagrams wait in
`data_to_send` and what happened in `reports`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict

from sipgateway.media import dtmf, quality, rtcp, rtp
from sipgateway.media.codec import PERIOD, Codec, Limits
from sipgateway.media.control import Report, Terms
from sipgateway.media.engine import LegId
from sipgateway.media.ice import Address
from sipgateway.media.mixer import Member, Output
from sipgateway.media.path import MALFORMED, Datagram, Path
from sipgateway.media.voice import Voice

SILENT_AFTER = 10.0
"""Seconds without a packet before the leg is called silent."""

HANDSHAKE = 10.0
"""Seconds in which a new leg's packets are taken at once and not at the tick."""

SILENT_AGAIN = 5.0
"""Seconds between two tellings."""

KEPT = 50
"""Packets that may be asked for again: a second; what is older is of no use to anybody."""

TOO_FAST = "digits that nobody keys so fast"
"""Counted, in the words of `/metrics`."""

MISSING = 8
"""Packets in a row that are asked for again; more are not made good in time."""


class Leg:
    """One phone."""

    def __init__(
        self,
        leg: LegId,
        path: Path,
        terms: Terms,
        *,
        codecs: Mapping[str, Codec],
        now: float,
    ) -> None:
        self.leg = leg
        self.path = path
        self.connected = False
        self.reports: list[Report] = []
        self.heard_at = now
        self._out: list[Datagram] = []
        self._codecs = codecs
        self._silent_at = now + SILENT_AFTER
        self._eager_until = now + HANDSHAKE
        self._report_at = now + rtcp.INTERVAL * secrets.randbelow(1000) / 1000
        self._digits = dtmf.DigitReader()
        self._keyed_by: int | None = None
        self._measure_at = now + quality.EVERY * (1 + secrets.randbelow(1000) / 1000)
        self._sent: dict[int, Datagram] = {}
        self._reception: rtcp.Reception | None = None
        self._incoming = terms["payload_type"]
        self._agree(terms)
        self._sender = _sender()
        self._name = secrets.token_hex(8)
        codec = codecs[terms["codecs"][str(terms["payload_type"])]]
        self.voice = Voice(codec)
        sent = codec.within(Limits(**terms["limits"]))
        self.member = Member(leg, terms["source"], self.voice, sent, hears=terms["hears"])
        self.meter = quality.Meter(codec.clock)

    def change(self, terms: Terms) -> None:
        """Take what a later description says."""
        codec = self._codecs[terms["codecs"][str(terms["payload_type"])]]
        codec = codec.within(Limits(**terms["limits"]))
        if codec.clock != self.member.codec.clock or terms["sdes"] != self._terms["sdes"]:
            self._begin_stream()
        self._agree(terms)
        self.path.change(terms)
        if codec is not self.member.codec:
            self.member.codec, self.member.encoder = codec, None
            self.meter.clock = codec.clock
        self._hear_in(terms["payload_type"])
        self.member.hears = terms["hears"]

    def _agree(self, terms: Terms) -> None:
        """Keep the terms, and of them by number what every packet is asked."""
        self._terms = terms
        self._level_id = terms["level_id"]
        self._kinds = {int(kind): self._codecs[name] for kind, name in terms["codecs"].items()}
        self._events = frozenset(terms["events"])
        self._noise = terms["noise"]
        told = terms["level_id"] if terms["tells_level"] else None
        self._told = (told, terms["levels_id"])

    def _begin_stream(self) -> None:
        """Another clock (RFC 7160 4.1) or key, another SSRC; the old stream ends.

        With a key, packets are counted anew (RFC 3711 3.2.1): none may be like one before.
        """
        if self.path.ready:
            self._append(self.path.protect_rtcp(rtcp.build_goodbye(self._sender, name=self._name)))
        self._sender = _sender()
        self._sent.clear()

    def shaking_hands(self, now: float) -> bool:
        """Whether its packets are worth waking up for."""
        return not self.connected and now < self._eager_until

    # What comes in

    def receive(self, data: bytes, source: Address, now: float, *, beside: bool = False) -> None:
        """Take a datagram, `beside` at the port of RTCP. Raises `PathClosed`."""
        packet = self.path.receive(data, source, now, beside=beside)
        if packet is None:
            return
        if rtp.is_rtcp(packet):
            self._receive_rtcp(packet, now)
        else:
            self._receive_rtp(packet, now)

    def heard(self, now: float) -> None:
        """Note a sign of life."""
        self.heard_at = now
        self._silent_at = now + SILENT_AFTER

    def _receive_rtp(self, data: bytes, now: float) -> None:
        try:
            packet = rtp.parse(data, self._level_id)
        except rtp.RtpError:
            self.path.dropped[MALFORMED] += 1
            return
        self.heard(now)
        if not self.connected and self.path.ready:
            self._connect()
        kind = packet.payload_type
        if kind in self._kinds:
            if kind != self._incoming:
                self._hear_in(kind)
            self._receive_audio(packet, now)
        elif kind in self._events:
            self._receive_event(packet, now)
        elif kind == self._noise:
            self._receive_audio(packet, now)
        else:
            self.path.dropped["of another payload type"] += 1

    def _receive_event(self, packet: rtp.Packet, now: float) -> None:
        if self._terms["speaks"]:
            # All packets of a press say when it began (RFC 4733 2.5.1.2), none when it was sent.
            self._count(packet, None, now)
        if packet.ssrc != self._keyed_by:
            self._keyed_by, self._digits.timestamp = packet.ssrc, None
        for digit in self._digits.receive(packet.payload, packet.timestamp, now):
            self._tell_digit(digit)
        self.path.dropped[TOO_FAST] += self._digits.take_left_out()

    def _receive_audio(self, packet: rtp.Packet, now: float) -> None:
        if self._terms["speaks"]:
            self._count(packet, packet.timestamp, now)
            self._take_audio(packet)

    def _count(self, packet: rtp.Packet, timestamp: int | None, now: float) -> None:
        """Count a packet of the stream, and have those asked for that are missing before it."""
        if self._reception is None or self._reception.ssrc != packet.ssrc:
            self._reception = rtcp.Reception(packet.ssrc, self.voice.codec.clock)
            self.voice.buffer.clear()
        if self._terms["nack"]:
            self._ask_again(self._reception, packet.sequence)
        self._reception.receive(packet.sequence, timestamp, now)

    def _take_audio(self, packet: rtp.Packet) -> None:
        """Have it decoded when its time comes."""
        if packet.payload_type == self._noise:
            self.voice.put_noise(packet.sequence, packet.payload)
        else:
            self.voice.buffer.put(packet.sequence, packet.payload, packet.level)

    def _ask_again(self, reception: rtcp.Reception, sequence: int) -> None:
        """Ask for what is missing before a packet, if it can be there in time (RFC 4585)."""
        trip = self.meter.round_trip
        missing = (sequence - reception.highest - 1) & 0xFFFF
        if trip is None or not 0 < missing <= MISSING:
            return
        if reception.first >= 0 and trip < (self.voice.buffer.depth - 1) * PERIOD:
            wanted = range(reception.highest + 1, reception.highest + 1 + missing)
            message = rtcp.build_nack(self._sender, reception.ssrc, wanted, name=self._name)
            self._append(self.path.protect_rtcp(message))

    def _hear_in(self, payload_type: int) -> None:
        """Decode another payload type from now on."""
        codec = self._kinds[payload_type]
        self._incoming = payload_type
        if codec is not self.voice.codec:
            self.voice = self.member.voice = Voice(codec)
            self._reception = None

    def _receive_rtcp(self, data: bytes, now: float) -> None:
        try:
            for heard in rtcp.parse(data, self._sender.ssrc):
                self._take_report(heard, now)
        except rtcp.RtcpError:
            self.path.dropped[MALFORMED] += 1
            return
        self.heard(now)

    def _take_report(self, heard: rtcp.Heard, now: float) -> None:
        if heard.told is not None:
            self.member.loss = heard.told.lost
            self.meter.hear(heard.told, now)
        reception = self._reception
        if reception is not None and heard.ntp is not None:
            reception.receive_report(heard.ntp, now)
        if reception is not None and reception.ssrc in heard.goodbye:
            # The stream has ended (RFC 3550 6.6), the call has not: another may begin.
            self._reception = None
            self.voice.buffer.clear()
        for number in heard.nacked:
            self._append(self._sent.pop(number, None))

    # What goes out

    def send(self, output: Output) -> None:
        """Send a frame of the mix."""
        codec = self.member.codec
        if not self.path.ready:
            self._sender.skip(codec.duration)
            return
        if not self.connected and self._terms["fingerprint"]:  # it has shaken hands
            self._connect()
        sequence = self._sender.sequence
        packet = self._sender.build(
            output.payload,
            codec.duration,
            payload_type=self._terms["payload_type"],
            sources=output.sources[: rtp.MAX_SOURCES],
            extension=output.extension(*self._told),
        )
        datagram = self.path.protect(packet)
        self._append(datagram)
        if self._terms["nack"] and datagram is not None:
            self._sent[sequence] = datagram
            if len(self._sent) > KEPT:
                del self._sent[next(iter(self._sent))]

    def pause(self) -> None:
        """Let a frame pass unsent."""
        self._sender.skip(self.member.codec.duration)
        if not self.connected and self.path.ready and self._terms["fingerprint"]:
            self._connect()

    def data_to_send(self) -> list[Datagram]:
        """What waits to be sent."""
        said = self.path.data_to_send()
        if not self._out:
            return said
        out, self._out = self._out, []
        return out + said if said else out

    def handle_timeout(self, now: float) -> None:
        """Do what is due: repeats, reports, digits without an end, silence.

        Raises `PathClosed`.
        """
        wait = self.path.next_timeout()
        if wait is not None and wait <= 0:
            self.path.handle_timeout()
        for digit in self._digits.handle_timeout(now):
            self._tell_digit(digit)
        if now >= self._report_at:
            # From half to one and a half, so that no two keep step (RFC 3550 6.2).
            self._report_at = now + rtcp.INTERVAL * (0.5 + secrets.randbelow(1000) / 1000)
            self._append(self.path.protect_rtcp(self._report(now)))
        if now >= self._measure_at:
            self._measure_at = now + quality.EVERY
            self._measure(now)
        if now >= self._silent_at:
            self._silent_at = now + SILENT_AGAIN
            self.reports.append(
                {"event": "silent", "leg": self.leg, "seconds": now - self.heard_at}
            )

    def close(self) -> None:
        """Say goodbye (RTCP BYE, close_notify)."""
        if self.path.ready:
            self._append(self.path.protect_rtcp(rtcp.build_goodbye(self._sender, name=self._name)))
        self.path.close()

    def _report(self, now: float) -> bytes:
        return rtcp.build(self._sender, self._reception, name=self._name, now=now)

    def _measure(self, now: float) -> None:
        """Tell how well it goes, where that has changed."""
        buffer, meter = self.voice.buffer, self.meter
        if self.connected and meter.look(self._reception, buffer.late, buffer.depth, now):
            self.reports.append(
                {
                    "event": "measured",
                    "leg": self.leg,
                    "now": asdict(meter.now),
                    "mean": asdict(meter.mean),
                    "worst": meter.worst,
                }
            )

    def _append(self, datagram: Datagram | None) -> None:
        if datagram is not None:
            self._out.append(datagram)

    def _connect(self) -> None:
        self.connected = True
        self.reports.append({"event": "connected", "leg": self.leg})

    def _tell_digit(self, digit: str) -> None:
        self.reports.append({"event": "digit", "leg": self.leg, "digit": digit})
        player = self.member.player
        if player is not None:
            self.member.player = player.interrupt()
            if self.member.player is not player:
                self.reports.append({"event": "ended", "leg": self.leg, "prompt": player.name})


def _sender() -> rtp.Sender:
    """A new stream: where it begins is random (RFC 3550 5.1)."""
    return rtp.Sender(
        ssrc=secrets.randbits(32),
        sequence=secrets.randbits(15),
        timestamp=secrets.randbits(32),
    )
