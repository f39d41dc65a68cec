"""Several processes as one system: gateways, Celery workers, a real Redis, a real PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.conferences import postgres
from tests.conferences.postgres import Postgres
from tests.live.desk import accepts
from tests.live.phone import Account
from tests.live.server import ROOT, Server, until
from tests.ports import free_port


class Redis:
    """One Redis, which can be killed, stopped for a while, and started again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--dir", str(self._directory)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        assert until(lambda: accepts(self.port), within=10.0), "Redis does not start"

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


class Worker:
    """A Celery worker; the one with `beat` looks at the clock as well."""

    def __init__(self, directory: Path, environment: dict[str, str], *, beat: bool) -> None:
        self._log_path = directory / f"worker-{'beat' if beat else 'plain'}.log"
        self._environment = environment
        self._options = ["--beat"] if beat else []
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        command = [sys.executable, "-m", "celery", "-A", "portal", "worker", "--pool", "solo"]
        with self._log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *command,
                    "--loglevel",
                    "INFO",
                    *self._options,
                    "-n",
                    f"{self._log_path.stem}@here",
                ],
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
        return " ready." in self.log()

    def log(self) -> str:
        return self._log_path.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Cluster:
    """Gateways that share a database and a Redis, with workers beside them."""

    def __init__(self, directory: Path, database: Postgres, *, gateways: int, workers: int) -> None:
        self.database = database
        self.redis = Redis(directory)
        first = free_port()
        shared = {
            "HOST": "127.0.0.1",
            "SIP_DOMAIN": f"127.0.0.1:{first}",
            "DATA_DIR": str(directory / "var"),
            "DATABASE_URL": database.url,
            "REDIS_URL": self.redis.url,
            "PYTHONUNBUFFERED": "1",
        }
        ports = [first, *(free_port() for _ in range(gateways - 1))]
        self.gateways = [Gateway(directory / f"gateway-{port}", port, shared) for port in ports]
        environment = {**os.environ, **shared}
        self.workers = [
            Worker(directory, environment, beat=number == 0) for number in range(workers)
        ]

    def start(self) -> None:
        """Start all, and wait until all are ready."""
        self.redis.start()
        for worker in self.workers:
            worker.start()
        for gateway in self.gateways:
            gateway.start()
        ready = until(lambda: all(worker.ready for worker in self.workers), within=30.0)
        assert ready, [worker.log() for worker in self.workers]

    def stop(self) -> None:
        """Stop what is left."""
        for gateway in self.gateways:
            if not gateway.gone():
                gateway.stop()
        for worker in self.workers:
            worker.kill()
        self.redis.kill()


class Gateway(Server):
    """One of several ``manage.py serve``, with SIP over UDP and TCP as well."""

    def __init__(self, directory: Path, sip_port: int, shared: dict[str, str]) -> None:
        self.sip_port = sip_port
        super().__init__(directory, environment={**shared, "SIP_PORT": str(sip_port)})

    def account(self, known: Account) -> Account:
        """An account of the system, whose phone connects to this process."""
        return replace(known, websocket=self.websocket)


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
