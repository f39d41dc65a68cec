"""baresip, a phone that hums a tone and records what it hears.

It takes its calls from the command line and ends by itself; what it heard lies
in a WAV file of its codec's rate, written by its module sndfile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from tests.live import recorded
from tests.live.patience import PATIENCE
from tests.live.phone import Account
from tests.live.recorded import Samples
from tests.ports import free_port

MODULES = Path("/usr/lib/baresip/modules")
CONFIGURATION = """\
poll_method epoll
sip_listen 127.0.0.1:{port}
audio_player aubridge,nil
audio_alert aubridge,nil
audio_source ausine,{tone}
ausrc_srate 48000
ausrc_channels 2
auplay_channels 1
rtp_ports {rtp}-{rtp_end}
snd_path {directory}
module_path {modules}
module opus.so
module g711.so
module g722.so
module srtp.so
module dtls_srtp.so
module ausine.so
module aubridge.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""


class Baresip:
    """One running baresip with one account."""

    def __init__(self, directory: Path, *, tone: int) -> None:
        self.directory = directory
        self.tone = tone
        self.said = ""
        self._control = 0
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()

    async def start(
        self,
        account: Account,
        *,
        through: tuple[str, int],
        codec: str = "PCMU",
        encryption: str = "",
        dial: str = "",
        registers: bool = True,
        answers: bool = False,
    ) -> None:
        """Register by a transport and port, and call."""
        transport, port = through
        self.directory.mkdir(parents=True)
        rtp = free_port(22)
        self._control = free_port()
        configuration = CONFIGURATION.format(
            control=self._control,
            port=free_port(2),  # and the next for TLS
            tone=self.tone,
            rtp=rtp,
            rtp_end=rtp + 20,
            directory=self.directory,
            modules=MODULES,
        )
        (self.directory / "config").write_text(configuration)
        (self.directory / "contacts").touch()
        described = (
            f"<sip:{account.username}@{account.domain};transport={transport}>"
            f";auth_user={account.username};auth_pass={account.password};regint=600"
            f';audio_codecs={codec};outbound="sip:127.0.0.1:{port};transport={transport}"'
        )
        if answers:
            described += ";answermode=auto"
        if encryption:
            described += f";mediaenc={encryption}"
        (self.directory / "accounts").write_text(described + "\n")
        await self._run(["-e", f"/dial {dial}"] if dial else [])

    async def _run(self, options: Sequence[str]) -> None:
        self._process = await asyncio.create_subprocess_exec(
            "baresip",
            *("-f", str(self.directory), *options),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self.directory,
        )
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while octets := await self._process.stdout.read(4096):
            async with self._changed:
                self.said += octets.decode(errors="replace")
                self._changed.notify_all()

    async def says(self, text: str, *, within: float = PATIENCE) -> None:
        """Wait until it has printed `text`."""
        try:
            async with asyncio.timeout(within), self._changed:
                await self._changed.wait_for(lambda: text in self.said)
        except TimeoutError:
            raise AssertionError(f"never said {text!r}:\n{self.said[-3000:]}") from None

    async def stop(self) -> None:
        """Hang up and end, as Ctrl-C does."""
        if self._process is None or self._reading is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(8.0):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading

    async def keys(self, digits: str) -> None:
        """Press keys in the call, one after the other (RFC 4733)."""
        _, writer = await asyncio.open_connection("127.0.0.1", self._control)
        for digit in digits:
            command = json.dumps({"command": "sndcode", "params": digit})
            writer.write(f"{len(command)}:{command},".encode())
            await writer.drain()
            await asyncio.sleep(0.3)  # the length of a press
        writer.close()
        await writer.wait_closed()

    async def is_switched_off(self) -> None:
        """It is gone without a word."""
        assert self._process is not None
        assert self._reading is not None
        self._process.kill()
        await self._process.wait()
        await self._reading

    def hears(self, tone: int, above: float) -> bool:
        """Whether a tone is in the last second that it heard, if there was one yet."""
        if not self.heard():
            return False
        rate, samples = self._last_second()
        return len(samples) == rate and recorded.level(tone, rate, samples) > above

    def level(self, tone: int) -> float:
        """Decibels (of full scale) of a tone in the last second that it heard."""
        rate, samples = self._last_second()
        assert len(samples) >= rate // 2, "too little was recorded"
        return recorded.level(tone, rate, samples)

    def _last_second(self) -> tuple[int, Samples]:
        rate, samples = self.heard()[-1]
        return rate, samples[-rate:]

    def heard(self) -> list[tuple[int, Samples]]:
        """All that it has heard, with its rate, in a piece for each time that it was set up."""
        found = self.directory.glob("dump-*-dec.wav")
        in_order = sorted(found, key=lambda path: path.stat().st_mtime_ns)
        return [recorded.read(path) for path in in_order]
