"""A PostgreSQL server of the test's own, on a port of loopback that nobody else uses."""

from __future__ import annotations

import contextlib
import os
import shutil
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


@contextlib.contextmanager
def running() -> Iterator[str]:
    """A fresh server; its `DATABASE_URL`. Raises `Absent`."""
    initdb, pg_ctl, prefix = _program("initdb"), _program("pg_ctl"), _as_postgres()
    place = Path(tempfile.mkdtemp(prefix="parley-postgres-"))
    place.chmod(0o755)
    if prefix:
        shutil.chown(place, "postgres")
    cluster, port = str(place / "cluster"), free_port()
    options = f"-h 127.0.0.1 -p {port} -k {place} -c fsync=off"
    try:
        _run([*prefix, initdb, "-D", cluster, "-A", "trust", "-U", "parley", "--no-sync"], place)
        log = str(place / "log")
        _run([*prefix, pg_ctl, "-D", cluster, "-l", log, "-o", options, "-w", "start"], place)
        try:
            yield f"postgres://parley@127.0.0.1:{port}/postgres"
        finally:
            _run([*prefix, pg_ctl, "-D", cluster, "-m", "immediate", "-w", "stop"], place)
    finally:
        shutil.rmtree(place)


def _run(command: list[str], place: Path) -> None:
    subprocess.run(command, cwd=place, check=True, stdout=subprocess.DEVNULL)
