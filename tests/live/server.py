"""Parley as a process of its own, with a database and ports that nobody else uses."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.live.office import ROOT, Office
from tests.live.patience import PATIENCE
from tests.live.phone import Account
from tests.ports import free_port

#: Seconds until the server has to be ready, on a machine that is busy; one that ends is not
#: waited for.
READY_WITHIN = 6 * PATIENCE
#: In `DATA_DIR`.
DATABASE = "parley.sqlite3"
#: Words of the log that no run may leave behind.
ALARMS = ("Traceback (most recent call last)", "Unhandled", "never retrieved")


class NotReady(Exception):
    """The server ended, or did not become ready in time; the text is its log."""


def until(met: Callable[[], bool], *, within: float = PATIENCE, every: float = 0.05) -> bool:
    """Wait until `met`, looking every so often; whether it was met in time."""
    never = threading.Event()
    for _ in range(max(1, int(within / every))):
        if met():
            return True
        never.wait(every)
    return met()


@functools.cache
def fresh_database() -> bytes:
    """The file of a database that nobody has used: it takes seconds to make."""
    with tempfile.TemporaryDirectory() as directory:
        office = Office({**os.environ, "DATA_DIR": directory})
        office.run("migrate", "--verbosity", "0")
        office.close()
        return Path(directory, DATABASE).read_bytes()


class Server:
    """One running Parley with SIP over UDP and TCP; `host` is what it listens on."""

    host = "127.0.0.1"

    def __init__(
        self,
        directory: Path,
        *,
        command: Sequence[str] = ("manage.py", "serve"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        sip = (environment or {}).get("SIP_PORT") or free_port()
        self.ports = {"udp": int(sip), "tcp": int(sip)}
        self.directory = directory
        self.log_path = directory / "server.log"
        self._command = command
        self._environment = {
            **os.environ,
            "HOST": self.host,
            "PORT": str(self.port),
            "SIP_PORT": str(sip),
            "DATA_DIR": str(directory / "var"),
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
        }
        self._office = Office(self._environment)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def authority(self) -> str:
        """The host as URIs write it."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def url(self) -> str:
        return f"http://{self.authority}:{self.port}"

    @property
    def websocket(self) -> str:
        return f"ws://{self.authority}:{self.port}/sip"

    @property
    def domain(self) -> str:
        """What SIP_DOMAIN is by default."""
        return f"{self.authority}:{self.ports['udp']}"

    def trust(self) -> ssl.SSLContext:
        """Whoever trusts this server's certificate; here there is none."""
        return ssl.create_default_context()

    def start(self) -> None:
        """Start, and wait until ``/healthz`` says that all is ready."""
        self.migrate()
        self.launch()
        self.becomes_ready()

    def migrate(self) -> None:
        """See to it that there is a database."""
        if "DATABASE_URL" in self._environment:
            self._manage("migrate", "--verbosity", "0")
            return
        database = Path(self._environment["DATA_DIR"], DATABASE)
        if not database.exists():
            database.parent.mkdir(parents=True, exist_ok=True)
            database.write_bytes(fresh_database())

    def launch(self) -> None:
        """Start, and do not wait."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *(part.format(port=self.port) for part in self._command)],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def becomes_ready(self) -> None:
        """Wait until ``/healthz`` says that all is ready; `NotReady` with the log otherwise."""
        ready = until(lambda: self.gone() or self.healthy(), within=READY_WITHIN)
        if not ready or self.gone():
            self.kill()
            raise NotReady(self.log())

    def gone(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def healthy(self) -> bool:
        """Whether ``/healthz`` answers 200."""
        try:
            return self.request("GET", "/healthz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def alarms(self) -> list[str]:
        """Lines of the log that tell of a mistake of ours."""
        lines = self.log().splitlines()
        return [line for line in lines if any(word in line for word in ALARMS)]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; the exit status. Fails where the server stays too long."""
        assert self.process is not None
        self._office.close()
        self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"still there {PATIENCE} s after {number.name}:\n{self.log()[-3000:]}"
            ) from None

    def kill(self) -> None:
        """End the server's own process group, however it feels."""
        self._office.close()
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _manage(self, *arguments: str) -> str:
        return self._office.run(*arguments)

    def back_office(self, line: str) -> None:
        """Change how factories are, as an administrator does; `NAME` is the one there always is."""
        names = "from conferences.models import FACTORY as NAME, Factory"
        self._manage("shell", "--no-imports", "-c", f"{names}; {line}")

    def manage(self, *arguments: str) -> dict[str, Any]:
        """Run a command for scripts; the JSON object that it printed."""
        printed: dict[str, Any] = json.loads(self._manage(*arguments))
        return printed

    def phone(self, username: str, *options: str) -> Account:
        """Make an account with a random password."""
        name = ("--display-name", username.capitalize())
        printed = self.manage("phone", username, *name, *options)
        return Account(
            username=printed["username"],
            password=printed["password"],
            aor=printed["aor"],
            websocket=printed["websocket"],
            web_password=printed.get("web_password", ""),
        )

    def conference(self, *options: str, organizer: str = "alice") -> dict[str, Any]:
        """Book a conference; a standing room unless options say otherwise."""
        named = ("--title", "Weekly", "--organizer", organizer)
        return self.manage("conference", "create", *named, *options)

    def roster(self, conference: str) -> list[str]:
        """Who is in, one entry for every endpoint."""
        shown = self.manage("conference", "show", conference)
        return [
            participant["entity"]
            for participant in shown["participants"]
            for _ in participant["endpoints"]
        ]

    def api(self, username: str) -> Api:
        """The REST API with a token of `username`."""
        return Api(self, self.manage("apitoken", username)["token"])

    def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any, Mapping[str, str]]:
        """One HTTP request: status, JSON (or text) of the answer, its header fields."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        content = None if body is None else json.dumps(body)
        sent = {"Content-Type": "application/json", **(headers or {})}
        with contextlib.closing(connection):
            connection.request(method, path, content, sent)
            response = connection.getresponse()
            text = response.read().decode()
            fields = {name.lower(): value for name, value in response.getheaders()}
        is_json = "json" in fields.get("content-type", "")
        return response.status, json.loads(text) if is_json and text else text, fields


class Api:
    """The REST API as one person."""

    def __init__(self, server: Server, token: str) -> None:
        self._server = server
        self._headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """One call: status and JSON."""
        status, answer, _ = self._server.request(method, f"/api/v1{path}", body, self._headers)
        return status, answer

    def uri(self, conference: str) -> str:
        """SIP URI of the conference."""
        status, answer = self.call("GET", f"/conferences/{quote(conference)}")
        assert status == 200, answer
        uri: str = answer["uri"]
        return uri

    def roster(self, conference: str) -> list[dict[str, Any]]:
        """Who is in the conference now."""
        status, answer = self.call("GET", f"/conferences/{quote(conference)}/participants")
        assert status == 200, answer
        participants: list[dict[str, Any]] = answer["participants"]
        return participants

    def events(self, conference: str) -> list[dict[str, Any]]:
        """What happened in the conference."""
        status, answer = self.call("GET", f"/conferences/{quote(conference)}/events")
        assert status == 200, answer
        happened: list[dict[str, Any]] = answer.get("events", answer)
        return happened


@contextlib.contextmanager
def running(
    directory: Path,
    *,
    command: Sequence[str] = ("manage.py", "serve"),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server that is stopped by SIGTERM at the end, and must have left no alarm."""
    server = Server(directory, command=command, environment=environment)
    server.start()
    try:
        yield server
    except BaseException:
        server.kill()
        raise
    if not server.gone():
        server.stop()
    assert not server.alarms(), server.log()[-6000:]
