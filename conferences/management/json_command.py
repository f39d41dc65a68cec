"""Commands for scripts: one JSON object on standard output, or an error and status 1."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from conferences.models import User


class JsonCommand(BaseCommand):
    """A command whose `answer` is printed as JSON."""

    requires_system_checks = []

    def run_from_argv(self, argv: list[str]) -> None:
        """As Django does, but a usage error ends with status 1 like every other."""
        try:
            super().run_from_argv(argv)
        except SystemExit as leaving:
            sys.exit(1 if leaving.code else 0)

    def handle(self, **options: Any) -> str:
        """The answer in one line; what a service complains about goes to standard error."""
        try:
            return json.dumps(self.answer(**options), default=str)
        except ValidationError as error:
            raise CommandError(_in_words(error)) from error

    def answer(self, **options: Any) -> dict[str, Any]:
        """What to print."""
        raise NotImplementedError


def _in_words(error: ValidationError) -> str:
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return "; ".join(f"{field}: {' '.join(texts)}" for field, texts in error.message_dict.items())


def person(username: str) -> User:
    """The user of that name. Raises `CommandError`."""
    found = User.objects.filter(username=username.lower()).first()
    if found is None:
        raise CommandError(
            f"There is no user {username!r}; make one by: manage.py phone {username}"
        )
    return found
