"""Celery inside the web process: one worker thread and beat, on the in-memory broker.

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

from portal.celery import app

LAST_JOB = 2.0
"""Seconds that a running job gets to finish when the process ends."""


class EmbeddedCelery:
    """See the module. `start` and `stop` are called once each."""

    def __init__(self) -> None:
        #: Whether this process runs jobs at all.
        self.wanted = settings.CELERY_BROKER_URL == "memory://"
        self._worker: Any = None
        self._beat: Any = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the worker and beat in threads of their own."""
        if not self.wanted:
            return
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()
        self._beat = EmbeddedService(app, thread=True, schedule_filename=None)
        self._beat.daemon = True
        self._beat.start()

    def _work(self) -> None:
        """In the worker's own thread: Celery closes database connections as it starts."""
        self._worker = app.WorkController(
            app=app,
            hostname="embedded@localhost",
            pool="solo",
            concurrency=1,
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
            loglevel="WARNING",
        )
        self._worker.start()

    def failing(self) -> str:
        """Empty while jobs are carried out, for ``/healthz``."""
        if not self.wanted:
            return ""
        if self._thread is None or not self._thread.is_alive():
            return "the job worker is not running"
        return ""

    def stop(self) -> None:
        """End both; a job that runs is finished, but an idle poll is not waited for."""
        if self._worker is None or self._thread is None:
            return
        self._beat.service.stop()
        self._worker.stop()
        end = time.monotonic() + LAST_JOB
        self._thread.join(0.1)
        while state.active_requests and self._thread.is_alive() and time.monotonic() < end:
            self._thread.join(0.1)
