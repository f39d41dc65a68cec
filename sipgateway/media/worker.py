"""A mixer worker: one process, one thread, one UDP port for its WebRTC legs.

    python -m sipgateway.media.worker --control FD --host ADDRESS --ports FIRST-LAST
                                      --prompts DIRECTORY --spoken DIRECTORY
                                      --recordings DIRECTORY --sounds DIRECTORY

Started by `sipgateway.media.local`, which talks to it over a socket pair
(`control`). It ticks every 20 ms by an absolute schedule: drain the sockets,
mix every room, send. Between ticks it waits for orders and, while a leg is
still shaking hands, for packets too, so that ICE and DTLS go on at once and
not at the pace of the tick; once all legs are connected the kernel keeps
their packets for the next tick, which costs fewer wake-ups.

It ends when its parent does, or closes the socket pair. SIGINT and SIGTERM
are ignored: when they are sent to all processes at once, the gateway says BYE
first, while there still is audio.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import gc
import os
import select
import signal
import socket
import time
from collections import Counter
from pathlib import Path

from sipgateway.media import codecs, control, dtls, ice, latch, legs, opus, prompts, rtp, sounds
from sipgateway.media.archive import Archive
from sipgateway.media.clips import Clips
from sipgateway.media.codec import PERIOD
from sipgateway.media.control import Order, Report
from sipgateway.media.engine import LegId, RoomId
from sipgateway.media.ice import Address
from sipgateway.media.leg import Leg
from sipgateway.media.legs import Legs
from sipgateway.media.load import Load
from sipgateway.media.path import PathClosed, WebRtcPath
from sipgateway.media.plain import PlainPath
from sipgateway.media.ports import Ports
from sipgateway.media.rooms import Rooms, sounded

RECEIVE_BUFFER = 4 << 20
"""Octets: a burst of a packet from each of a thousand legs (the kernel may cap it)."""

DATAGRAM = 2048
BURST = 4096
"""Datagrams read at once; a flood of more must not keep the mixer from mixing."""

LATE = 0.1
"""Seconds behind schedule after which ticks are left out instead of made up for."""

TARDY = 0.005
"""Seconds behind schedule from which on a tick is counted as late."""

SPEAKING_EVERY = 0.2
ALIVE_EVERY = 1.0


class Worker:
    """The sockets, the clock and the legs."""

    def __init__(
        self,
        connection: socket.socket,
        host: str,
        ports: Ports,
        library: prompts.Library,
        recordings: Path,
        heard: Path,
    ) -> None:
        self.control = connection
        self.control.setblocking(False)
        self.ports = ports
        self.host = host
        self.mapping = ":" in host
        """Whether an IPv4 address has to be written as a socket for both families takes it."""
        self.identity = dtls.Identity(datetime.datetime.now(datetime.UTC))
        self.opus = opus.Library()
        self.codecs = codecs.load(self.opus)
        self.load = Load(time.monotonic())
        self.prompts = library
        self.legs = Legs()
        self.rooms = Rooms()
        self.clips = Clips()
        self.archive = Archive(recordings, self.codecs["opus"])
        self.sounds = heard
        self.said_speaking_at = self.said_alive_at = 0.0
        self.counters: Counter[str] = Counter()
        """What was dropped and went wrong, by what."""
        self.parent = os.getppid()
        self.running = True
        self._unread = b""
        self._unwritten = b""
        self.epoll = select.epoll()
        self.epoll.register(self.control, select.EPOLLIN)
        self.udp = ports.open(host)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.eager = True
        self.epoll.register(self.udp, select.EPOLLIN)

    # The loop

    def run(self) -> None:
        """Serve until the engine goes away."""
        self.report(
            {
                "event": "ready",
                "port": self.udp.getsockname()[1],
                "fingerprint": dtls.build_fingerprint(self.identity.fingerprint),
            }
        )
        due = time.monotonic() + PERIOD
        try:
            self.serve(due)
        finally:
            for leg in self.legs:
                leg.close()
                self.flush(leg)
            self.archive.close()

    def serve(self, due: float) -> None:
        """Tick from the time `due` on."""
        while self.running:
            self.wait(due)
            now = time.monotonic()
            if now < due:
                continue
            self.counters["ticks"] += 1
            self.counters["ticks late by 5 ms"] += now - due > TARDY
            self.drain()
            self.tick(now)
            self.load.spent(time.thread_time())
            due += PERIOD
            if now - due > LATE:
                self.counters["ticks left out"] += int((now - due) / PERIOD)
                due = now + PERIOD

    def wait(self, due: float) -> None:
        """Wait for an order, a packet that is waited for, or the tick."""
        now = time.monotonic()
        eager = any(leg.shaking_hands(now) for leg in self.legs)
        if eager != self.eager:
            self.eager = eager
            self.epoll.modify(self.udp, select.EPOLLIN if eager else 0)
        for descriptor, _ in self.epoll.poll(max(0.0, due - now)):
            if descriptor == self.control.fileno():
                self.listen()
            else:
                self.read(self.udp, None)

    def drain(self) -> None:
        """Read all that the sockets hold."""
        self.read(self.udp, None)
        for leg in self.legs:
            for number, sock in enumerate(self.ports.sockets(leg.leg)):
                self.read(sock, leg, beside=number > 0)

    def tick(self, now: float) -> None:
        """Mix and send a frame of every room."""
        for name, output in self.rooms.tick():
            leg = self.legs.get(name)
            assert leg is not None, "who is in a room is a leg"
            if output is None:
                leg.pause()
            else:
                leg.send(output)
        for one in self.legs:
            self.handle_timeout(one, now)
        if now - self.said_speaking_at >= SPEAKING_EVERY:
            self.said_speaking_at = now
            self.rooms.look_who_speaks()
        self.tell(self.rooms.reports)
        self.tell(self.clips.reports)
        if now - self.said_alive_at >= ALIVE_EVERY:
            self.said_alive_at = now
            if self.load.look(now):
                self.opus.complexity = self.load.complexity
            self.report(
                {
                    "event": "alive",
                    "busy": round(self.load.busy, 3),
                    "counters": dict(self.counters),
                    "gauges": self.gauges(),
                }
            )
            self.tell(self.archive.look(self.rooms))
            self.running = self.running and os.getppid() == self.parent

    def gauges(self) -> dict[str, int]:
        """How much there is of what costs something."""
        return {
            "legs": sum(1 for _ in self.legs),
            "rooms": self.rooms.count,
            "encoders": self.rooms.encoders,
        }

    def handle_timeout(self, leg: Leg, now: float) -> None:
        """Do what is due for a leg, and send it."""
        try:
            leg.handle_timeout(now)
        except PathClosed as reason:
            self.lose(leg, str(reason))
        else:
            self.flush(leg)

    # Packets

    def read(self, sock: socket.socket, owner: Leg | None, *, beside: bool = False) -> None:
        """Take the datagrams a socket holds, but not for longer than a tick.

        One with an `owner` is his alone, and `beside` is that of his RTCP.
        """
        now = time.monotonic()
        for _ in range(BURST):
            try:
                data, source = sock.recvfrom(DATAGRAM)
            except BlockingIOError:
                return
            except ConnectionError:
                # An ICMP error about something sent before (Linux tells it here).
                continue
            self.take(data, source[:2], owner, now, beside=beside)

    def take(
        self, data: bytes, source: Address, owner: Leg | None, now: float, *, beside: bool = False
    ) -> None:
        """Give a datagram to its leg (RFC 7983: by the first octet)."""
        if owner is None and ice.is_stun(data):
            self.check(data, source, now)
            return
        leg = owner or self.legs.at(source)
        if leg is None:
            self.counters[latch.UNBOUND] += 1
            return
        try:
            leg.receive(data, source, now, beside=beside)
        except PathClosed as reason:
            self.lose(leg, str(reason))
            return
        if self.eager:  # else the tick follows at once, and sends all there is
            self.flush(leg)

    def check(self, data: bytes, source: Address, now: float) -> None:
        """Take a connectivity check; an authentic one binds its source to the leg."""
        leg = self.legs.checked(ice.username(data).partition(":")[0])
        if leg is None or not isinstance(leg.path, WebRtcPath):
            self.counters["STUN for nobody"] += 1
            return
        if not self.legs.may_bind(source, leg, now):
            self.counters["STUN from the address of another"] += 1
            return
        try:
            leg.path.check(data, source)
        except ice.IceError:
            self.counters["STUN that is not authentic"] += 1
            return
        except PathClosed as reason:
            self.lose(leg, str(reason))
            return
        self.legs.bind(source, leg)
        leg.heard(now)
        self.flush(leg)

    def flush(self, leg: Leg) -> None:
        """Send what a leg has to send and tell what it has to tell."""
        way = leg.path
        if isinstance(way, PlainPath):
            sock, beside = self.ports.sockets(leg.leg)
            for data, destination in leg.data_to_send():
                apart = rtp.is_rtcp(data) and way.latch.apart
                self.send(beside if apart else sock, data, destination)
            for data, destination in way.data_beside():
                self.send(beside, data, destination)
        else:
            for data, destination in leg.data_to_send():
                self.send(self.udp, data, destination)
        self.tell(leg.reports)

    def send(self, sock: socket.socket, data: bytes, destination: Address) -> None:
        """Send a datagram; a full buffer or no route lose it, as any may be lost."""
        if self.mapping and ":" not in destination[0]:
            destination = (latch.MAPPED + destination[0], destination[1])
        try:
            sock.sendto(data, destination)
        except OSError:
            self.counters["not sent"] += 1

    # Orders

    def listen(self) -> None:
        """Take what the engine orders."""
        try:
            data = self.control.recv(1 << 20)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self.running = False
            return
        lines = (self._unread + data).split(b"\n")
        self._unread = lines.pop()
        for line in lines:
            order: Order = control.decode(line)
            ORDERS[order["op"]](self, order)

    def tell(self, reports: list[Report]) -> None:
        """Tell the engine what has gathered."""
        for report in reports:
            self.report(report)
        reports.clear()

    def report(self, report: Report) -> None:
        """Tell the engine something; what does not fit waits for the next time."""
        self._unwritten += control.encode(report)
        try:
            sent = self.control.send(self._unwritten)
        except BlockingIOError:
            return
        except OSError:
            self.running = False
            return
        self._unwritten = self._unwritten[sent:]

    def set_leg(self, order: Order) -> None:
        """Make a leg, or change what was negotiated with it."""
        name, terms = LegId(order["leg"]), order["terms"]
        leg = self.legs.get(name)
        if leg is None:
            way = legs.path_of(terms, self.identity)
            way.dropped = self.counters
            leg = Leg(name, way, terms, codecs=self.codecs, now=time.monotonic())
            self.legs.add(leg)
            self.rooms.place(leg.member, None)
        else:
            leg.change(terms)
        if terms["ufrag"]:
            self.legs.expect(terms["ufrag"], leg)

    def open_ports(self, order: Order) -> None:
        """Open a port pair for a plain leg and say its number (0: none is free)."""
        try:
            port = self.ports.open_pair(LegId(order["leg"]), self.host)
        except OSError:
            port = 0
        self.report({"event": "answer", "question": order["question"], "port": port})

    def place(self, order: Order) -> None:
        """Put a leg into a room, or into one of its own."""
        leg = self.legs.get(order["leg"])
        if leg is None:
            return
        room = order["room"]
        moved = self.rooms.place(leg.member, None if room is None else RoomId(room))
        player = leg.member.player
        if moved and player is not None:  # the music was that of where he was
            leg.member.player = None if player.looped else player
            player.then = None

    def mute(self, order: Order) -> None:
        """Let the room hear a leg or not."""
        leg = self.legs.get(order["leg"])
        if leg is not None:
            leg.member.muted = order["muted"]

    def play(self, order: Order) -> None:
        """Play a prompt to a leg; an empty name ends what is played."""
        leg = self.legs.get(order["leg"])
        if leg is None:
            return
        player, before = self.prompts.player(order["prompt"], self.clips.get), leg.member.player
        if before is not None:
            self.report({"event": "ended", "leg": leg.leg, "prompt": before.name})
            player = before.give_way(player)
        leg.member.player = player

    def play_room(self, order: Order) -> None:
        """Play a prompt to everybody in a room."""
        player = self.prompts.player(order["prompt"], self.clips.get)
        self.rooms.play(RoomId(order["room"] or ""), player)

    def sound(self, order: Order) -> None:
        """Play a file to everybody in a room, from so many seconds on, or (no name) no more."""
        room, token = RoomId(order["room"] or ""), order["token"]
        if not order["name"]:
            self.rooms.sound(room, None)
            return
        try:
            path = sounds.find(self.sounds, order["name"])
            decoder = self.codecs["opus"].decoder()
            file = sounds.SoundFile(path, token, decoder, start=order["seconds"])
        except OSError as error:
            self.report(sounded(room, token, error.strerror or str(error)))
            return
        self.rooms.sound(room, file)

    def listen_to(self, order: Order) -> None:
        """Remember what a leg says that is alone, or (0 seconds) no more."""
        leg = self.legs.get(order["leg"])
        if leg is not None:
            self.clips.begin(leg.leg, order["seconds"])
            self.rooms.listen(leg.leg, functools.partial(self.clips.take, leg.leg))

    def record(self, order: Order) -> None:
        """Record a room, pause that, or (no name) end it."""
        room = RoomId(order["room"] or "")
        self.tell(self.archive.record(self.rooms, room, order["name"], paused=order["paused"]))

    def agree(self, order: Order) -> None:
        """Whether a leg's voice may be recorded."""
        leg = self.legs.get(order["leg"])
        if leg is not None:
            leg.member.agrees = order["agrees"]

    def track(self, order: Order) -> None:
        """On which track a leg's voice is kept, none for an empty name."""
        leg = self.legs.get(order["leg"])
        if leg is not None:
            leg.member.track = order["name"]

    def drop(self, order: Order) -> None:
        """Forget a leg."""
        leg = self.legs.get(order["leg"])
        if leg is None:
            self.ports.close(LegId(order["leg"]))
            return
        leg.close()
        self.flush(leg)
        self.forget(leg)

    def lose(self, leg: Leg, reason: str) -> None:
        """Forget a leg that cannot go on, and say so."""
        self.counters["legs lost"] += 1
        self.flush(leg)
        self.forget(leg)
        self.report({"event": "lost", "leg": leg.leg, "reason": reason})

    def forget(self, leg: Leg) -> None:
        """Free all that a leg held."""
        self.rooms.leave(leg.leg)
        self.clips.forget(leg.leg)
        self.tell(self.rooms.reports)
        self.legs.forget(leg)
        self.ports.close(leg.leg)


ORDERS = {
    "leg": Worker.set_leg,
    "open": Worker.open_ports,
    "place": Worker.place,
    "mute": Worker.mute,
    "play": Worker.play,
    "play_room": Worker.play_room,
    "sound": Worker.sound,
    "listen": Worker.listen_to,
    "record": Worker.record,
    "agree": Worker.agree,
    "track": Worker.track,
    "drop": Worker.drop,
}


def main() -> None:
    """Run a worker as the command line says."""
    parser = argparse.ArgumentParser(description="A mixer worker; started by the gateway.")
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--ports", required=True)
    parser.add_argument("--prompts", type=Path, required=True)
    parser.add_argument("--spoken", type=Path, required=True)
    parser.add_argument("--recordings", type=Path, required=True)
    parser.add_argument("--sounds", type=Path, required=True)
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    first, _, last = arguments.ports.partition("-")
    library = prompts.Library(arguments.prompts, arguments.spoken)
    with socket.socket(fileno=arguments.control) as connection:
        ports = Ports(int(first), int(last))
        worker = Worker(
            connection, arguments.host, ports, library, arguments.recordings, arguments.sounds
        )
        # What lives now lives for ever: the collector need not look at it again.
        gc.freeze()
        worker.run()


if __name__ == "__main__":
    main()
