"""The Celery application. What it runs is in `conferences.tasks`; when, in settings."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


def application() -> Celery:
    """A new application; each has its own idea of which queues it serves."""
    made = Celery("parley", set_as_current=False)
    made.config_from_object("django.conf:settings", namespace="CELERY")
    made.autodiscover_tasks()
    return made


app = application()
# `current_app` is this one in every thread, not only in the one that imported it.
app.set_default()
