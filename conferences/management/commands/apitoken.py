"""``manage.py apitoken USERNAME``: a token for the REST API."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from conferences import services
from conferences.management.json_command import JsonCommand, person


class Command(JsonCommand):
    """Issues a token; it can be read this once."""

    help = "Print a new token for the REST API."

    def add_arguments(self, parser: CommandParser) -> None:
        """The command line."""
        parser.add_argument("username")

    def answer(self, **options: Any) -> dict[str, Any]:
        """The token."""
        return {"token": services.issue_api_token(person(options["username"]))}
