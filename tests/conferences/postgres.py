"""A PostgreSQL server of the test's own, on a port of loopback that nobody else uses."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.ports import free_port

#: Where Debian keeps the programs that are not for everybody's path.
_DEBIAN = Path("/usr/lib/postgresql")


class Absent(Exception):
    """A program that the server needs is not installed; the text names it."""


def _program(name: str) -> str:
    for directory in (*sorted(_DEBIAN.glob("*/bin"), reverse=True), None):
        found = shutil.which(name, path=str(directory) if directory else None)
        if found is not None:
            return found
    raise Absent(name)


def _as_postgres() -> list[str]:
    """The server refuses to run as root."""
    if os.geteuid() != 0:
        return []
    if (runuser := shutil.which("runuser")) is None:
        raise Absent("runuser")
    return [runuser, "-u", "postgres", "--"]


class Postgres:
    """One server, which can be killed and started again. Raises `Absent`."""

    def __init__(self, place: Path) -> None:
        self._prefix = _as_postgres()
        self._place = place
        self._cluster, self._port = str(place / "cluster"), free_port()
        self._initdb, self._pg_ctl = _program("initdb"), _program("pg_ctl")
        self.url = f"postgres://parley@127.0.0.1:{self._port}/postgres"

    def create(self) -> None:
        """Make its files."""
        self._place.chmod(0o755)
        if self._prefix:
            shutil.chown(self._place, "postgres")
        self._run(self._initdb, "-A", "trust", "-U", "parley", "--no-sync")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-h 127.0.0.1 -p {self._port} -c unix_socket_directories= -c fsync=off"
        self._run(self._pg_ctl, "-l", str(self._place / "log"), "-o", options, "-w", "start")

    def stop(self) -> None:
        """Stop it as a power cut would."""
        self._run(self._pg_ctl, "-m", "immediate", "-w", "stop")

    def kill(self) -> None:
        """SIGKILL to all its processes at once."""
        lock = Path(self._cluster, "postmaster.pid")
        first = lock.read_text().split()[0]
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for process in (first, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGKILL)
        lock.unlink()  # where nobody buries the dead its number would look alive

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._prefix, program, "-D", self._cluster, *arguments]
        subprocess.run(command, cwd=self._place, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def started() -> Iterator[Postgres]:
    """A fresh server that runs. Raises `Absent`."""
    place = Path(tempfile.mkdtemp(prefix="parley-postgres-"))
    try:
        server = Postgres(place)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(place)


@contextlib.contextmanager
def running() -> Iterator[str]:
    """A fresh server; its `DATABASE_URL`. Raises `Absent`."""
    with started() as server:
        yield server.url
