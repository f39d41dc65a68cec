"""Runs Django's deployment checks with the settings of a production site.

That is: HTTPS and WSS by a certificate, a domain of its own, PostgreSQL and
Redis. Nothing is connected to. Any warning fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"


def production(directory: Path) -> dict[str, str]:
    """Environment of a production site whose files lie in `directory`."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    for path in (certificate, key):
        path.touch()
    return {
        **os.environ,
        "HOST": "0.0.0.0",  # noqa: S104 - nothing listens during the checks
        "SIP_DOMAIN": "conf.example.com",
        "SIPS_PORT": "5061",
        "TLS_CERT": str(certificate),
        "TLS_KEY": str(key),
        "DATA_DIR": str(directory),
        "DATABASE_URL": "postgres://parley:secret@db.example.com/parley",
        "REDIS_URL": "redis://redis.example.com:6379/0",
    }


def main() -> int:
    """Run the checks; their exit status."""
    with tempfile.TemporaryDirectory() as directory:
        return subprocess.run(
            [str(PYTHON), "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
            cwd=ROOT,
            env=production(Path(directory)),
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
