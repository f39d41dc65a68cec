"""``manage.py phone USERNAME``: an account, and what to type into a phone."""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import transaction

from conferences import selectors, services
from conferences.management.json_command import JsonCommand
from conferences.models import User


class Command(JsonCommand):
    """Creates the user if need be and sets the SIP password."""

    help = "Create a user if need be, set the SIP password, print what a phone needs."

    def add_arguments(self, parser: CommandParser) -> None:
        """The command line."""
        parser.add_argument("username")
        parser.add_argument("--password", help="SIP password; random where not given")
        parser.add_argument("--display-name")
        parser.add_argument("--organizer", action="store_true", help="may book conferences")
        parser.add_argument("--gateway", action="store_true", help="many people call through it")

    @transaction.atomic
    def answer(self, **options: Any) -> dict[str, Any]:
        """What a phone needs; the password of the pages only where the user is new."""
        web_password = secrets.token_urlsafe(12)
        user = User.objects.filter(username=options["username"].lower()).first()
        created = user is None
        if user is None:
            user = services.create_user(username=options["username"], password=web_password)
        if options["display_name"] is not None:
            user.display_name = options["display_name"]
        user.is_organizer = user.is_organizer or options["organizer"]
        user.is_gateway = user.is_gateway or options["gateway"]
        user.save(update_fields=["display_name", "is_organizer", "is_gateway"])
        password = options["password"] or secrets.token_urlsafe(12)
        services.set_sip_password(user, password)
        return {
            "aor": selectors.aor(user.username),
            "username": user.username,
            "password": password,
            "websocket": settings.WEBSOCKET_URL,
            **({"web_password": web_password} if created else {}),
        }
