"""The Celery application. What it runs is in `conferences.tasks`; when, in settings."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("parley")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# `current_app` is this one in every thread, not only in the one that imported it.
app.set_default()
