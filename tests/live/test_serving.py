"""Ways to run Parley: the embedded default, and the usual servers by themselves."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.live.phone import Phone
from tests.live.server import ROOT, Server, running

#: What a second start may take until all is ready; see `make run` in README.md.
READY_AGAIN_WITHIN = 5.0
SIGN_IN = re.compile(r"password\W+(\S{12,})", re.IGNORECASE)

SERVERS = {
    "daphne": ("-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "portal.asgi:application"),
    "uvicorn": ("-m", "uvicorn", "--port", "{port}", "portal.asgi:application"),
}


def test_healthz_names_what_is_ready(server: Server) -> None:
    status, answer, headers = server.request("GET", "/healthz")
    assert status == 200
    assert "json" in headers["content-type"]
    assert isinstance(answer, dict)


def test_the_first_sign_in_is_printed_once(tmp_path: Path) -> None:
    """A random password on the first start, nothing on the second, which is quick."""
    with running(tmp_path) as first:
        assert len(SIGN_IN.findall(first.log())) == 1
    again = Server(tmp_path)
    again.log_path = tmp_path / "again.log"
    began = time.monotonic()
    again.start()
    took = time.monotonic() - began
    try:
        assert not SIGN_IN.search(again.log())
        assert took < READY_AGAIN_WITHIN
    finally:
        again.stop()


@pytest.mark.parametrize("name", sorted(SERVERS))
async def test_other_servers_serve_it(tmp_path: Path, name: str) -> None:
    """Pages and phones under a plain daphne, and under uvicorn."""
    with running(tmp_path, command=SERVERS[name]) as started:
        alice = started.phone("alice", "--organizer")
        uri = started.conference()["uri"]
        assert started.request("GET", "/sign-in/")[0] == 200
        async with await Phone.connect(alice) as phone:
            assert (await phone.register()).status == 200
            await (await phone.joins(uri)).hang_up()


def test_make_names_what_one_can_type() -> None:
    printed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for goal in ("run", "test", "check", "bench"):
        assert f"make {goal} " in printed.stdout
