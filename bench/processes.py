"""What the processes of a group have cost, out of ``/proc`` (proc(5))."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

TICK = 1.0 / os.sysconf("SC_CLK_TCK")
#: Places in ``stat`` after the command's name: process group, user and system ticks.
GROUP, USER, SYSTEM = 2, 11, 12


def _fields(process: Path) -> list[str]:
    """Fields of ``stat`` after the name, which is in brackets and may hold anything."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _of_group(group: int) -> Iterator[list[str]]:
    for process in Path("/proc").glob("[0-9]*"):
        fields = _fields(process)
        if fields and int(fields[GROUP]) == group:
            yield fields


def cpu_seconds(group: int) -> float:
    """User and system time, in seconds, of every process of the group, all threads."""
    return sum(int(fields[USER]) + int(fields[SYSTEM]) for fields in _of_group(group)) * TICK


def count(group: int) -> int:
    """How many processes the group has."""
    return sum(1 for _ in _of_group(group))
