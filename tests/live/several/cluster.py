"""Several processes as one system: gateways, Celery workers, a real Redis, a real PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.conferences import postgres
from tests.conferences.postgres import Postgres
from tests.live.desk import accepts
from tests.live.office import ROOT
from tests.live.phone import Account
from tests.live.server import Server, until
from tests.ports import free_port


class Redis:
    """One Redis, which can be killed and started again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--dir", str(self._directory)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        assert until(lambda: accepts(self.port)), "Redis does not start"

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


class Cable:
    """A way to Redis that can be cut: while it is, nothing goes through and nothing is refused."""

    def __init__(self, to: int) -> None:
        self.port = free_port()
        self._to = to
        self._plugged = threading.Event()
        self._plugged.set()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """From now on nothing goes through."""
        self._plugged.clear()

    def mend(self) -> None:
        """From now on it does again."""
        self._plugged.set()

    def close(self) -> None:
        """Take it away."""
        self._plugged.set()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError), one, other:
            while octets := one.recv(65536):
                self._plugged.wait()
                other.sendall(octets)


class Worker:
    """A Celery worker; the one with `beat` looks at the clock as well."""

    def __init__(self, directory: Path, environment: dict[str, str], *, beat: bool) -> None:
        self._name = "clock" if beat else "plain"
        self._log_path = directory / f"worker-{self._name}.log"
        self._environment = environment
        self._options = ["--beat"] if beat else []
        self._past = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        command = [sys.executable, "-m", "celery", "-A", "portal", "worker", "--pool", "solo"]
        command += ["--loglevel", "INFO", "-n", f"{self._name}@here", *self._options]
        self._past = len(self.log()) if self._log_path.exists() else 0
        with self._log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def ready(self) -> bool:
        """Whether it takes jobs."""
        return " ready." in self.log()[self._past :]

    def log(self) -> str:
        return self._log_path.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL, to the clock that is a process of its own as well."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Gateway(Server):
    """One of several ``manage.py serve``, with SIP over UDP and TCP as well."""

    def __init__(self, directory: Path, sip_port: int, shared: dict[str, str], redis: int) -> None:
        url = f"redis://127.0.0.1:{redis}/0"
        environment = {**shared, "SIP_PORT": str(sip_port), "REDIS_URL": url}
        super().__init__(directory, environment=environment)

    def account(self, known: Account) -> Account:
        """An account of the system, whose phone connects to this process."""
        return replace(known, websocket=self.websocket)


class Cluster:
    """Gateways that share a database and a Redis, with workers beside them.

    The last gateway's way to Redis is a `cable`.
    """

    def __init__(self, directory: Path, database: Postgres, *, gateways: int, workers: int) -> None:
        self.database = database
        self.redis = Redis(directory)
        self.cable = Cable(self.redis.port)
        ports = [free_port() for _ in range(gateways)]
        shared = {
            "HOST": "127.0.0.1",
            "SIP_DOMAIN": f"127.0.0.1:{ports[0]}",
            "DATA_DIR": str(directory / "var"),
            "DATABASE_URL": database.url,
            "PYTHONUNBUFFERED": "1",
        }
        self.gateways = [
            Gateway(
                directory / f"gateway-{port}",
                port,
                shared,
                self.cable.port if port == ports[-1] else self.redis.port,
            )
            for port in ports
        ]
        environment = {
            **os.environ,
            **shared,
            "REDIS_URL": f"redis://127.0.0.1:{self.redis.port}/0",
        }
        self.workers = [
            Worker(directory, environment, beat=number == 0) for number in range(workers)
        ]

    def start(self) -> None:
        """Start all, the gateways at once, and wait until all are ready."""
        self.redis.start()
        for gateway in self.gateways:
            gateway.launch()
        self.gateways[0].becomes_ready()  # then there is a database
        for worker in self.workers:
            worker.start()
        for gateway in self.gateways[1:]:
            gateway.becomes_ready()
        ready = until(lambda: all(worker.ready for worker in self.workers))
        assert ready, [worker.log() for worker in self.workers]

    def stop(self) -> None:
        """Stop what is left."""
        self.cable.mend()
        for gateway in self.gateways:
            if not gateway.gone():
                gateway.stop()
        for worker in self.workers:
            worker.kill()
        self.cable.close()
        self.redis.kill()


@contextlib.contextmanager
def running(directory: Path, *, gateways: int = 3, workers: int = 2) -> Iterator[Cluster]:
    """A cluster that is stopped at the end."""
    with postgres.started() as database:
        cluster = Cluster(directory, database, gateways=gateways, workers=workers)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
