"""``manage.py take_reply``: a mail that answers an invitation, on standard input.

For a mail server's pipe, as in ``|/srv/parley/.venv/bin/python /srv/parley/manage.py take_reply``.
"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from conferences import selectors, services
from conferences.management.json_command import JsonCommand


class Command(JsonCommand):
    """Takes in the answer of an invitee."""

    help = "Take in an iTIP reply, a mail on standard input."

    def answer(self, **options: Any) -> dict[str, Any]:  # noqa: ARG002
        """Who answered what."""
        try:
            reply = services.take_reply(sys.stdin.buffer.read(), now=timezone.now())
        except services.BadReply as error:
            raise CommandError(f"This is no answer to an invitation: {error}.") from error
        one, proposed = reply.occurrence, reply.proposed
        return {
            "conference": reply.invitation.conference.name,
            "invitee": str(reply.invitation),
            "answer": reply.answer.value,
            "occurrence": None if one is None else selectors.occurrence_name(one),
            "proposed": None if proposed is None else [time.isoformat() for time in proposed],
        }
