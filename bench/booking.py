"""No port is sold twice: ``python -m bench.booking [ATTEMPTS]`` (default 1,000).

Sixteen threads want the same few ports at the same time, on SQLite and, where
it is installed, on PostgreSQL. Every attempt is booked or refused, none fails,
and no moment is oversold; else the exit status is 1.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from tests.conferences import postgres

ATTEMPTS = 1000
THREADS = 16


def contend(attempts: int, threads: int, *, database_url: str = "") -> dict[str, Any]:
    """What `bench.contenders` found, on SQLite where no other database is named."""
    with tempfile.TemporaryDirectory(prefix="parley-booking-") as directory:
        environment = {**os.environ, "DATA_DIR": directory, "DATABASE_URL": database_url}
        ran = subprocess.run(
            [sys.executable, "-m", "bench.contenders", str(attempts), str(threads)],
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
        )
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def sound(found: dict[str, Any]) -> bool:
    """Nothing failed, nothing was oversold, and there was something to refuse."""
    failed = any(key.startswith("failed") for key in found)
    return not failed and found["refused"] > 0 and found["most_sold"] <= found["ports"]


def main() -> int:
    """See the module."""
    attempts = int(sys.argv[1]) if len(sys.argv) > 1 else ATTEMPTS
    found = [contend(attempts, THREADS)]
    try:
        with postgres.running() as url:
            found.append(contend(attempts, THREADS, database_url=url))
    except postgres.Absent as absent:
        sys.stderr.write(f"PostgreSQL is not tried: {absent} is not installed\n")
    for one in found:
        sys.stdout.write(json.dumps(one) + "\n")
    return 0 if all(map(sound, found)) else 1


if __name__ == "__main__":
    sys.exit(main())
