"""Ways to run Parley: the embedded default, and the usual servers by themselves."""

from __future__ import annotations

import itertools
import os
import re
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.live.office import ROOT
from tests.live.phone import Phone
from tests.live.server import Server, running
from tests.ports import free_port

#: How many times the work of ``manage.py check`` a second start may be until all is ready; it
#: is half as much again.
READY_AGAIN_WITHIN = 3.0
SIGN_IN = re.compile(r"password\W+(\S{12,})", re.IGNORECASE)

SERVERS = {
    "daphne": ("-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "portal.asgi:application"),
    "uvicorn": ("-m", "uvicorn", "--port", "{port}", "portal.asgi:application"),
}


def test_healthz_names_what_is_ready(server: Server) -> None:
    status, answer, headers = server.request("GET", "/healthz")
    assert status == 200
    assert "json" in headers["content-type"]
    assert set(answer["parts"]) >= {"database", "gateway", "jobs"}
    assert (answer["process"], answer["others"]) == ("embedded", [])


def started_again(directory: Path, number: int) -> tuple[float, str]:
    """Start on what an earlier start has left, and stop: CPU seconds until ready, and the log."""
    again = Server(directory)
    again.log_path = directory / f"again-{number}.log"
    again.start()
    assert again.process is not None
    fields = Path(f"/proc/{again.process.pid}/stat").read_text().rpartition(")")[2].split()
    took = sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    again.stop()
    return took, again.log()


def checked(directory: Path) -> float:
    """CPU seconds of a command that reads all the code and does next to nothing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "manage.py", "check"]
    environment = {**os.environ, "DATA_DIR": str(directory)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_first_sign_in_is_printed_once(tmp_path: Path) -> None:
    """A random password on the first start, nothing on later ones, each of which is quick."""
    with running(tmp_path) as first:
        assert len(SIGN_IN.findall(first.log())) == 1
    starts = [started_again(tmp_path, number) for number in range(3)]
    assert not any(SIGN_IN.search(log) for _, log in starts)
    assert min(took for took, _ in starts) < READY_AGAIN_WITHIN * checked(tmp_path)


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


def frame(text: str) -> bytes:
    """A client's frame of 126 to 65535 octets, masked with zeros (RFC 6455 5.2)."""
    octets = text.encode()
    return b"\x81\xfe" + len(octets).to_bytes(2) + bytes(4) + octets


def opened(port: int) -> socket.socket:
    """A SIP WebSocket by hand: no library reads ahead in it."""
    mallory = socket.create_connection(("127.0.0.1", port), timeout=30.0)
    mallory.sendall(
        b"GET /sip HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
    )
    assert b" 101 " in mallory.recv(4096).partition(b"\r\n")[0]
    return mallory


def test_a_phone_that_does_not_read_is_cut_off(server: Server) -> None:
    """Mallory asks without reading: what waits for him has an end."""
    question = (
        "OPTIONS sip:127.0.0.1 SIP/2.0\r\n"
        "Via: SIP/2.0/WS mallory.invalid;branch=z9hG4bK-{number}\r\n"
        f"From: <sip:mallory@127.0.0.1>;tag={'x' * 8000}\r\n"
        "To: <sip:127.0.0.1>\r\nCall-ID: {number}\r\nCSeq: 1 OPTIONS\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )

    def flood(mallory: socket.socket) -> None:
        end = time.monotonic() + 30.0
        for number in itertools.count():
            assert time.monotonic() < end
            mallory.sendall(frame(question.format(number=number)))

    with opened(server.port) as mallory, pytest.raises(ConnectionError):
        flood(mallory)
    assert server.healthy()


def served_in_vain(environment: dict[str, str]) -> str:
    """What ``manage.py serve`` says when it does not start, and says by its status."""
    command = [sys.executable, "manage.py", "serve"]
    given = {**os.environ, **environment}
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


def test_why_it_does_not_start_is_told(tmp_path: Path) -> None:
    """A directory that is none in one line; a port that another program has by its name."""
    (nowhere := tmp_path / "file").touch()
    told = served_in_vain({"DATA_DIR": str(nowhere)})
    assert told.startswith(f"Parley is not set up: DATA_DIR='{nowhere}': ")
    assert told.count("\n") == 1
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = served_in_vain(
            {"DATA_DIR": str(tmp_path / "var"), "PORT": str(port), "SIP_PORT": str(free_port())}
        )
    assert f"PORT: Parley cannot listen on 127.0.0.1 port {port}" in told


def test_make_names_what_one_can_type() -> None:
    printed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for goal in ("run", "test", "check", "bench"):
        assert f"make {goal} " in printed.stdout
