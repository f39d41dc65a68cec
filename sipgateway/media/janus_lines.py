"""The lines of all plain phones at Janus nodes, and the sockets by which they reach both sides."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

from sipgateway.media import codecs, opus, rtp
from sipgateway.media.clips import Clips
from sipgateway.media.control import Report, Terms
from sipgateway.media.description import Local
from sipgateway.media.engine import LegId, MediaError
from sipgateway.media.ice import Address
from sipgateway.media.janus_line import Line
from sipgateway.media.janus_sockets import Sockets
from sipgateway.media.latch import MAPPED
from sipgateway.media.ports import Ports

EVERY = 0.05
"""Seconds between two looks for what is due."""

BITRATE, COMPLEXITY = 64_000, 1
"""Of what goes on to a node in place of G.711: it is not far, so bits are cheaper than time."""


class Lines:
    """Those of all plain phones, and their sockets.

    `bind` is where phones find them and `addresses` what they are told.
    `told` hears what happens, `talks` who begins or ceases to.
    """

    def __init__(
        self,
        ports: Ports,
        clips: Clips,
        told: Callable[[Report], None],
        talks: Callable[[LegId, bool], None],
    ) -> None:
        self.bind = ""
        self.addresses: tuple[str, ...] = ()
        self._ports = ports
        self._opus = opus.Library()
        self._opus.complexity = COMPLEXITY
        self._codecs = codecs.load()
        self._sockets = Sockets()
        self._clips = clips
        self._told = told
        self._talks = talks
        self._lines: dict[LegId, Line] = {}
        self._nodes: dict[LegId, tuple[socket.socket, Address]] = {}

    def local(self, leg: LegId) -> Local:
        """Where a phone is to send to. Raises `MediaError`."""
        with _ports_left():
            return Local(self.addresses, self._ports.open_pair(leg, self.bind), "")

    def get(self, leg: LegId) -> Line | None:
        """The line of a leg."""
        return self._lines.get(leg)

    def level(self, leg: LegId) -> int | None:
        """How loud (dBov) a phone speaks, where it does."""
        line = self._lines.get(leg)
        return None if line is None else line.loudness

    def agree(self, leg: LegId, terms: Terms) -> Line:
        """Make the line of a leg that has its ports, or change what was agreed with it."""
        line = self._lines.get(leg)
        if line is not None:
            line.change(terms)
            return line
        now = asyncio.get_running_loop().time()
        made = Line(
            leg, terms, codecs=self._codecs, mouth=self._make_mouth, clips=self._clips, now=now
        )
        self._lines[leg] = made
        for sock in self._ports.sockets(leg):
            self._sockets.add(sock, lambda data, source: self._from_phone(made, data, source))
        return made

    def open(self, leg: LegId, host: str) -> Address:
        """A new place for what comes from the node. Raises `MediaError`."""
        self._leave_node(leg)
        with _ports_left():
            line, sock = self._lines[leg], self._ports.open(host)
        self._nodes[leg] = (sock, ("", 0))
        self._sockets.add(sock, lambda data, source: self._from_node(line, data, source))
        address, port = sock.getsockname()[:2]
        return str(address), int(port)

    def connect(self, leg: LegId, node: Address) -> None:
        """Where the node takes what is said, and sends from."""
        if leg in self._nodes:
            self._nodes[leg] = (self._nodes[leg][0], node)
            self._lines[leg].arrive()

    def close(self, leg: LegId) -> None:
        """Say goodbye and give the ports back."""
        line = self._lines.pop(leg, None)
        if line is not None:
            line.close()
            self._flush(line)
            self._clips.forget(leg)
        self._leave_node(leg)
        for sock in self._ports.sockets(leg):
            self._sockets.remove(sock)
        self._ports.close(leg)

    def _make_mouth(self) -> opus.OpusEncoder:
        return opus.OpusEncoder(self._opus, BITRATE, application=opus.APPLICATION_AUDIO)

    async def read(self) -> None:
        """Take what comes from both sides, until cancelled."""
        await self._sockets.keep()

    async def keep(self) -> None:
        """Do what is due, until cancelled."""
        clock = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(EVERY)
            for line in list(self._lines.values()):
                line.handle_timeout(clock.time())
                self._flush(line)
            for report in self._clips.reports:
                self._told(report)
            self._clips.reports.clear()

    def _leave_node(self, leg: LegId) -> None:
        sock, _ = self._nodes.pop(leg, (None, None))
        if sock is not None:
            self._sockets.remove(sock)
            sock.close()

    def _from_phone(self, line: Line, data: bytes, source: Address) -> None:
        line.receive(data, source, asyncio.get_running_loop().time())
        self._flush(line)

    def _from_node(self, line: Line, data: bytes, source: Address) -> None:
        """Whatever does not come from where the node sends is left out."""
        if source != self._nodes[line.leg][1] or rtp.is_rtcp(data):
            return
        talked = line.loudness is not None
        line.mixed(data)
        if talked is not (line.loudness is not None):
            self._talks(line.leg, not talked)
        self._flush(line)

    def _flush(self, line: Line) -> None:
        """Send and tell what waits."""
        mapping = ":" in self.bind
        for data, (host, port) in line.data_to_send():
            there = MAPPED + host if mapping and ":" not in host else host
            _send(self._ports.rtp(line.leg), data, (there, port))
        onward, line.onward = line.onward, []
        sock, node = self._nodes.get(line.leg, (None, ("", 0)))
        if sock is not None and node[1]:
            for data in onward:
                _send(sock, data, node)
        told, line.reports = line.reports, []
        for report in told:
            self._told(report)


@contextlib.contextmanager
def _ports_left() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MediaError(503, "No RTP port is free") from error


def _send(sock: socket.socket, data: bytes, there: Address) -> None:
    with contextlib.suppress(OSError):
        # A full buffer or no route: the packet is lost, as any may be.
        sock.sendto(data, there)
