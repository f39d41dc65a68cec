"""Celery inside the web process: a worker thread for each queue, and beat.

They work on the in-memory broker. What waits for other people's servers is in a queue of
its own (`settings.CELERY_TASK_QUEUES`), so that nobody is removed late because a mail
server is slow.

With `REDIS_URL` nothing is started here: `celery -A portal worker --beat`
runs beside, in as many processes as one likes.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from celery.beat import EmbeddedService
from celery.worker import state
from django.conf import settings

from portal.celery import app, application

LAST_JOB = 2.0
"""Seconds that a running job gets to finish when the process ends."""


class EmbeddedCelery:
    """See the module. `start` and `stop` are called once each."""

    def __init__(self) -> None:
        #: Whether this process runs jobs at all.
        self.wanted = settings.CELERY_BROKER_URL == "memory://"
        self._workers: list[Any] = []
        self._beat: Any = None
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the workers and beat in threads of their own."""
        if not self.wanted:
            return
        for queue in settings.CELERY_TASK_QUEUES:
            thread = threading.Thread(
                target=self._work, args=(queue.name,), name=f"jobs {queue.name}", daemon=True
            )
            self._threads.append(thread)
            thread.start()
        self._beat = EmbeddedService(app, thread=True, schedule_filename=None)
        self._beat.daemon = True
        self._beat.start()

    def _work(self, queue: str) -> None:
        """In the worker's own thread: Celery closes database connections as it starts."""
        own = application()
        worker = own.WorkController(
            app=own,
            hostname=f"embedded-{queue}@localhost",
            queues=[queue],
            pool="solo",
            concurrency=1,
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
            loglevel="WARNING",
        )
        self._workers.append(worker)
        worker.start()

    def failing(self) -> str:
        """Empty while jobs are carried out, for ``/healthz``."""
        if not self.wanted:
            return ""
        if not self._threads or not all(one.is_alive() for one in self._threads):
            return "the job worker is not running"
        return ""

    def stop(self) -> None:
        """End all; a job that runs is finished, but an idle poll is not waited for."""
        if self._beat is None:
            return
        self._beat.service.stop()
        for worker in self._workers:
            worker.stop()
        end = time.monotonic() + LAST_JOB
        for thread in self._threads:
            thread.join(0.05)
            while state.active_requests and thread.is_alive() and time.monotonic() < end:
                thread.join(0.1)
