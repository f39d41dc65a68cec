"""After commit: says that a conference changed, and wakes the job that is to carry it out.

Both may be lost. A hearer looks at the row from time to time anyway, and a
beat sweep finds what a lost wake-up left behind, so neither failure reaches
whoever changed something: it is logged, and healed.
"""

from __future__ import annotations

import logging
from typing import TypedDict

from asgiref.sync import async_to_sync
from celery import current_app
from channels.exceptions import ChannelFull
from channels.layers import get_channel_layer
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

#: The group on which everybody who serves or shows conferences listens.
GROUP = "conferences"


class ConferenceChanged(TypedDict):
    """The message: which conference, and never what changed."""

    type: str
    conference: int


class SetupAnswered(TypedDict):
    """The message: whose questions are answered, and never the answers."""

    type: str
    setup: str


class RegistrationsEnded(TypedDict):
    """The message: some registration was ended, and not which."""

    type: str


class AttemptsLifted(TypedDict):
    """The message: somebody may try again, and never who."""

    type: str


def conference_changed(pk: int) -> None:
    """Tell all hearers, once the running transaction is committed."""
    transaction.on_commit(lambda: _tell(pk))


def setup_answered(token: str) -> None:
    """Tell all hearers that a caller's questions are answered, once that is committed."""
    message = SetupAnswered(type="setup.answered", setup=token)
    transaction.on_commit(lambda: _send(message, f"setup {token[:6]}… was answered"))


def registrations_ended() -> None:
    """Tell all gateways that phones are to be let go, once that is committed."""
    message = RegistrationsEnded(type="registrations.ended")
    transaction.on_commit(lambda: _send(message, "registrations were ended"))


def attempts_lifted() -> None:
    """Tell all gateways that somebody may try his password again, once that is committed."""
    message = AttemptsLifted(type="attempts.lifted")
    transaction.on_commit(lambda: _send(message, "attempts were lifted"))


def wake(task: str) -> None:
    """Have `conferences.tasks.<task>` run soon after commit."""
    transaction.on_commit(lambda: _wake(f"conferences.tasks.{task}"))


def _tell(pk: int) -> None:
    message = ConferenceChanged(type="conference.changed", conference=pk)
    _send(message, f"conference {pk} changed")


def _send(
    message: ConferenceChanged | SetupAnswered | RegistrationsEnded | AttemptsLifted, what: str
) -> None:
    try:
        async_to_sync(get_channel_layer().group_send)(GROUP, message)
    except (ChannelFull, RedisError, OSError):
        log.warning("nobody was told that %s", what, exc_info=True)


def _wake(task: str) -> None:
    try:
        current_app.send_task(task)
    except (OperationalError, RedisError, OSError):
        log.warning("%s was not woken; its sweep will do", task, exc_info=True)
