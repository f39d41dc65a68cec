"""``manage.py second_factor USERNAME``: takes it away from whoever has lost it."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import CommandParser

from conferences.management.json_command import JsonCommand, person


class Command(JsonCommand):
    """For the administrator who has lost his own; the others' he takes away in the back office."""

    help = "Take somebody's second factor away: apps, keys and recovery codes."

    def add_arguments(self, parser: CommandParser) -> None:
        """The command line."""
        parser.add_argument("username")

    def answer(self, **options: Any) -> dict[str, Any]:
        """How many things he can no longer prove himself by."""
        user = person(options["username"])
        taken, _kinds = Authenticator.objects.filter(user=user).delete()
        return {"username": user.username, "taken": taken}
