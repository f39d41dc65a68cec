"""Linphone's console phone, which plays a tone out of a file and records what it hears."""

from __future__ import annotations

import asyncio
import os
import wave
from pathlib import Path

import numpy

from tests.live import recorded
from tests.live.phone import Account
from tests.ports import free_port

PROGRAM = "linphonec"
CONFIGURATION = """\
[sip]
sip_port={port}
sip_tcp_port={port}
sip_tls_port=0
use_ipv6=0
default_proxy=0
[rtp]
audio_rtp_port={rtp}
[proxy_0]
reg_proxy=<sip:127.0.0.1:{server};transport={transport}>
reg_route=<sip:127.0.0.1:{server};transport={transport}>
reg_identity=sip:{username}@{domain}
reg_expires=600
reg_sendregister=1
[auth_info_0]
username={username}
passwd={password}
realm={domain}
"""
RATE = 8000
"""Samples a second of what it hums."""

HEARD_RATE = 48_000
"""Of what it records: Opus is its first choice."""

SECONDS = 60
"""How long it can hum."""

WITHIN = 30.0
"""Seconds in which what is waited for happens, on a machine that is busy."""


class Linphone:
    """One running phone with one account."""

    def __init__(self, directory: Path) -> None:
        self.said = ""
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()

    async def start(self, account: Account, *, through: tuple[str, int], tone: int) -> None:
        """Register by a transport and port; without a sound card it takes files."""
        transport, server = through
        # Where it keeps its database; it does not make them.
        (self._directory / ".local/share/linphone").mkdir(parents=True)
        configuration = self._directory / "linphonerc"
        configuration.write_text(
            CONFIGURATION.format(
                port=free_port(),
                rtp=free_port(2),
                server=server,
                transport=transport,
                username=account.username,
                password=account.password,
                domain=account.domain,
            )
        )
        hum = 0.25 * 32767 * numpy.sin(2 * numpy.pi * tone * numpy.arange(SECONDS * RATE) / RATE)
        with wave.open(str(self._directory / "hum.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(hum.astype("<i2").tobytes())
        self._process = await asyncio.create_subprocess_exec(
            *(PROGRAM, "-c", str(configuration)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "HOME": str(self._directory)},
            cwd=self._directory,
        )
        self._reading = asyncio.create_task(self._read())
        await self.does("soundcard use files")
        await self.says("Using wav files")

    async def calls(self, uri: str) -> None:
        """Call, hum, and record what is heard."""
        await self.does(f"call {uri}")
        await self.says("Media streams established")
        await self.does(f"play {self._directory / 'hum.wav'}")
        await self.does(f"record {self._heard}")

    async def does(self, command: str) -> None:
        """Type a command."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        await self._process.stdin.drain()

    async def says(self, text: str) -> None:
        """Wait until it has printed `text`."""
        try:
            async with asyncio.timeout(WITHIN), self._changed:
                await self._changed.wait_for(lambda: text in self.said)
        except TimeoutError:
            raise AssertionError(f"never said {text!r}:\n{self.said[-3000:]}") from None

    def level(self, tone: int) -> float:
        """Decibels (of full scale) of a tone in the last second of a call that is over."""
        rate, samples = recorded.read(self._heard)
        assert len(samples) >= rate, "too little was recorded"
        return recorded.level(tone, rate, samples[-rate:])

    def has_recorded(self, seconds: float) -> bool:
        """Whether it has heard so much; what, can be read when the call is over."""
        octets = self._heard.stat().st_size if self._heard.exists() else 0
        return octets > 2 * HEARD_RATE * seconds

    async def stop(self) -> None:
        """End it."""
        if self._process is None or self._reading is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading

    @property
    def _heard(self) -> Path:
        return self._directory / "heard.wav"

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while octets := await self._process.stdout.read(4096):
            async with self._changed:
                self.said += octets.decode(errors="replace")
                self._changed.notify_all()
