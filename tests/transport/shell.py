"""A gateway that only remembers: what transports are tried on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from sipgateway.sip.flow import Flow, FlowId, Transport
from sipgateway.transport.sockets import Address


class Shell:
    """Keeps flows and messages, and answers each message if told to."""

    def __init__(self) -> None:
        self.flows: list[Flow] = []
        self.closed: list[Flow] = []
        self.messages: list[tuple[Flow, bytes]] = []
        self.answer = b""
        self._sends: dict[FlowId, Callable[[bytes], None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._happened = asyncio.Event()

    def open_flow(
        self, transport: Transport, remote: Address, local: Address, send: Callable[[bytes], None]
    ) -> Flow:
        flow = self._named(transport, remote, local)
        self._sends[flow.id] = send
        return flow

    def datagram_flow(self, remote: Address, local: Address) -> Flow:
        return self._named(Transport.UDP, remote, local)

    def _named(self, transport: Transport, remote: Address, local: Address) -> Flow:
        flow = Flow(FlowId(len(self.flows) + 1), transport, *remote, *local)
        self.flows.append(flow)
        self._happened.set()
        return flow

    def received(self, flow: Flow, octets: bytes) -> None:
        self.messages.append((flow, octets))
        if self.answer:
            self.send(flow, self.answer)
        self._happened.set()

    def close_flow(self, flow: Flow) -> None:
        self.closed.append(flow)
        self._sends.pop(flow.id)
        self._happened.set()

    def send(self, flow: Flow, octets: bytes) -> None:
        """What the gateway does with a flow that is a connection."""
        self._sends[flow.id](octets)

    def spawn(self, owner: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=owner)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def until(self, met: Callable[[], bool]) -> None:
        """Wait for something to be so; everything happens within a turn or two on loopback."""
        async with asyncio.timeout(5.0):
            while not met():
                self._happened.clear()
                await self._happened.wait()
