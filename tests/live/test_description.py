"""The REST API does what its description says, whatever is sent: Schemathesis tries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.live.server import running

#: Left out: that a token is needed is tried elsewhere, and a hundred wrong ones are held
#: off; a form may have rules that a schema cannot say; a job that was called off can
#: still be looked at, which is what its state is for.
LEFT_OUT = "ignored_auth,positive_data_acceptance,use_after_free"


def test_the_api_is_as_described(tmp_path: Path) -> None:
    """Every call by an administrator, with data that fits and with data that does not."""
    with running(tmp_path) as server:
        token = server.api("organizer")._headers["Authorization"]
        for title in ("Talk", "Standing"):
            status, answer = server.api("organizer").call("POST", "/conferences", {"title": title})
            assert status == 201, answer
        command = [str(Path(sys.executable).with_name("st")), "run"]
        command += [f"{server.url}/api/v1/openapi.json", "--header", f"Authorization: {token}"]
        command += ["--max-examples", "5", "--seed", "1", "--generation-deterministic"]
        command += ["--exclude-checks", LEFT_OUT, "--no-color"]
        tried = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=tmp_path)
        assert tried.returncode == 0, tried.stdout[-6000:] + tried.stderr[-2000:]
