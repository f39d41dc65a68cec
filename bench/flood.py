"""What a flood costs and whom it disturbs: ``python -m bench.flood [SECONDS]`` (default 10).

A server of its own, a call that is up, a thousand connections that are slow,
then INVITEs and REGISTERs without credentials as fast as two processes can
send them, one from an address of its own, one from behind that of the phones.
Printed: how many were offered and refused, the CPU for each, how long a
request in the call and a new call took before and meanwhile, and the memory
before, at the end, and 40 s later, when all transactions are over.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import processes
from tests.live import flood
from tests.live.desk import OFFER, DeskPhone, DeskServer, serving
from tests.live.phone import Account, Dialog

SECONDS = 10.0
SLOW = 1000
AFTER = 40.0


async def calls(phone: DeskPhone, uri: str) -> Dialog:
    """INVITE, 401, INVITE, 200, ACK."""
    dialog = Dialog(phone, remote=f"<{uri}>")
    described = [("Content-Type", "application/sdp")]
    response = await phone.ask("INVITE", uri, described, body=OFFER, dialog=dialog)
    assert response.status == 200, response.start
    await phone.acknowledges(dialog, response)
    return dialog


async def disturbed(
    server: DeskServer, call: Dialog, newcomer: Account, room: str
) -> tuple[float, float]:
    """Milliseconds of an OPTIONS in the call, and of a new call."""
    began = time.monotonic()
    assert (await call.ask("OPTIONS")).status == 200
    answered = time.monotonic()
    async with await DeskPhone.open(server, newcomer, "tcp") as phone:
        dialog = await calls(phone, room)
        up = time.monotonic()
        await dialog.hang_up()
    return (answered - began) * 1000, (up - answered) * 1000


def counted(server: DeskServer) -> dict[str, Any]:
    (found,) = server.manage("sip", "counters").values()
    return dict(found)


def megabytes(server: DeskServer) -> float:
    """Resident memory of the server's own process."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    line = next(one for one in status.splitlines() if one.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


async def measure(server: DeskServer, seconds: float) -> dict[str, object]:
    """All figures."""
    assert server.process is not None
    alice, bob = server.phone("alice", "--organizer"), server.phone("bob")
    room = server.conference("--open")["uri"]
    slow, shown = [], {}
    async with await DeskPhone.open(server, alice, "tcp") as phone:
        call = await calls(phone, room)
        shown["before_ms"] = await disturbed(server, call, bob, room)
        memory = [megabytes(server)]
        for number in range(SLOW):
            port = server.ports["tcp" if number % 2 else "tls"]
            slow.append(await asyncio.open_connection("127.0.0.1", port))
        cpu = processes.cpu_seconds(server.process.pid)
        floods = [
            flood.start(server.ports["udp"], seconds, source, 3)
            for source in ("127.0.0.66", "127.0.0.1")
        ]
        await asyncio.sleep(1.5)
        shown["meanwhile_ms"] = await disturbed(server, call, bob, room)
        offered = sum([int((await asyncio.to_thread(one.communicate))[0]) for one in floods])
        cpu = processes.cpu_seconds(server.process.pid) - cpu
        memory.append(megabytes(server))
        for _, writer in slow:
            writer.transport.abort()
        found = counted(server)
        judged = sum(number for what, number in found.items() if what.startswith("gate: "))
        await asyncio.sleep(AFTER)
        memory.append(megabytes(server))
        shown["after_ms"] = await disturbed(server, call, bob, room)
        await call.hang_up()
    rounded = {what: [round(one, 1) for one in pair] for what, pair in shown.items()}
    return {
        "offered_a_second": round(offered / seconds),
        "refused_a_second": round(judged / seconds),
        "us_of_cpu_for_one": round(cpu / judged * 1e6, 1),
        **rounded,
        "megabytes": [round(one, 1) for one in memory],
        "left": {what: number for what, number in counted(server).items() if "now" in what},
    }


def main() -> int:
    """See the module."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with (
        tempfile.TemporaryDirectory(prefix="parley-flood-") as directory,
        serving(DeskServer(Path(directory))) as server,
    ):
        figures = asyncio.run(measure(server, seconds))
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
