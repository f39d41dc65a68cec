"""A socket in `DATA_DIR` by which commands ask a running gateway: counters, and what passes.

One socket for each process, for a system may be several. Who may open it may
read `DATA_DIR`: it is made for its owner alone. The question is one line of
JSON, the answers are lines of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sipgateway.wire import Follower, Passed, Watch, redacted

LOG = logging.getLogger(__name__)

MOST_WAITING = 1000
"""Messages that wait for a reader who is slow; he is told how many he has missed."""
_LONGEST_QUESTION = 4096
_LONGEST_PATH = 100
"""A little less than what sun_path takes."""

Counters = Callable[[], Mapping[str, int]]


def sockets(directory: Path) -> list[Path]:
    """The sockets of processes that have run on this directory; some may be gone."""
    return sorted(directory.glob("sip-*.sock"))


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """The path of a socket, shortened by its directory's descriptor where it is too long."""
    if len(str(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


class Control:
    """See the module."""

    def __init__(self, directory: Path, watch: Watch, counters: Counters) -> None:
        self._path = directory / f"sip-{os.getpid()}.sock"
        self._watch = watch
        self._counters = counters
        self._server: asyncio.Server | None = None
        self._asking: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}

    async def start(self) -> None:
        """Listen; without the socket everything else works, so its lack is only logged."""
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)
        try:
            os.fchmod(listener.fileno(), 0o600)  # what bind() makes takes this mode
            with reachable(self._path) as path:
                listener.bind(path)
            self._server = await asyncio.start_unix_server(
                self._asked, sock=listener, limit=_LONGEST_QUESTION
            )
        except OSError as error:
            listener.close()
            LOG.warning("%s: nobody can ask this process: %s", self._path, error)

    async def stop(self) -> None:
        """Listen no more, and let those go who ask."""
        if self._server is None:
            return
        self._server.close()
        self._path.unlink(missing_ok=True)
        for writer in self._asking.values():
            writer.close()
        await asyncio.gather(*self._asking)

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio makes one for each connection"
        self._asking[task] = writer
        try:
            question = json.loads(await reader.readline())
            answer = _ANSWERS.get(question.get("ask", "")) if isinstance(question, dict) else None
            if answer is not None:
                await answer(self, question, reader, writer)
        except (ValueError, ConnectionError):
            pass  # who asks nonsense, or has gone, gets nothing
        finally:
            del self._asking[task]
            writer.close()

    async def _tell_counters(
        self, _: Mapping[str, Any], __: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(json.dumps(dict(self._counters())).encode() + b"\n")
        await writer.drain()

    async def _tell_what_passes(
        self,
        question: Mapping[str, Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        waiting: asyncio.Queue[Passed] = asyncio.Queue(MOST_WAITING)
        missed = 0

        def told(one: Passed) -> None:
            nonlocal missed
            try:
                waiting.put_nowait(one)
            except asyncio.QueueFull:
                missed += 1

        follower = Follower(
            told,
            call_id=str(question.get("call_id", "")),
            account=str(question.get("account", "")),
        )
        gone = asyncio.ensure_future(reader.read(1))
        self._watch.tap.follow(follower)
        try:
            writer.write(json.dumps({"following": os.getpid()}).encode() + b"\n")
            while not gone.done():
                coming = asyncio.ensure_future(waiting.get())
                await asyncio.wait({coming, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    coming.cancel()
                    break
                shown, missed = _shown(coming.result(), missed), 0
                writer.write(json.dumps(shown).encode() + b"\n")
                await writer.drain()
        finally:
            self._watch.tap.leave(follower)
            gone.cancel()


def _shown(one: Passed, missed: int) -> dict[str, object]:
    return {
        "at": one.at,
        "inward": one.inward,
        "transport": one.transport,
        "peer": one.peer,
        "first_line": one.first_line,
        "call_id": one.call_id,
        "text": redacted(one.octets),
        "missed": missed,
    }


_ANSWERS: Mapping[str, Callable[..., Any]] = {
    "counters": Control._tell_counters,
    "trace": Control._tell_what_passes,
}
