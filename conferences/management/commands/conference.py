"""``manage.py conference create|show``: book a conference, see what goes on in it."""

from __future__ import annotations

import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from conferences import policy, selectors, services
from conferences.management.json_command import JsonCommand, person
from conferences.models import Way
from conferences.services import Invitee


class Command(JsonCommand):
    """Books a conference, or prints one with its live roster."""

    help = "Book a conference, or print one with its live roster."

    def add_arguments(self, parser: CommandParser) -> None:
        """The command line."""
        what = parser.add_subparsers(dest="what", required=True)
        create = what.add_parser("create")
        create.add_argument("--title", required=True)
        create.add_argument("--organizer", required=True, metavar="USERNAME")
        create.add_argument("--id", default="", help="a name of your choice; else random digits")
        create.add_argument("--start", type=_time, help="ISO 8601; without it, a standing room")
        create.add_argument("--minutes", type=int)
        create.add_argument("--rrule", default="", help="RFC 5545, from FREQ= on")
        create.add_argument("--pin", default="")
        create.add_argument("--max-participants", type=int)
        create.add_argument("--invite", action="append", default=[], metavar="URI")
        create.add_argument("--moderator", action="append", default=[], metavar="USERNAME")
        create.add_argument("--open", action="store_true", help="guests may join too")
        show = what.add_parser("show")
        show.add_argument("id")

    def answer(self, **options: Any) -> dict[str, Any]:
        """The booking; with `show`, its roster too."""
        if options["what"] == "show":
            return _show(options["id"])
        return _create(options)


def _time(text: str) -> datetime.datetime:
    """An ISO 8601 time; one without an offset is in the organizer's zone."""
    return datetime.datetime.fromisoformat(text)


def _create(options: dict[str, Any]) -> dict[str, Any]:
    moderators = [Invitee(uri=name, role=policy.Role.MODERATOR) for name in options["moderator"]]
    row = services.book(
        organizer=person(options["organizer"]),
        name=options["id"],
        way=Way.COMMAND,
        running=True,
        title=options["title"],
        starts_at=options["start"],
        duration_minutes=options["minutes"],
        rrule=options["rrule"],
        pin=options["pin"],
        max_participants=options["max_participants"],
        admission=policy.Admission.OPEN if options["open"] else policy.Admission.INVITED,
        invitees=[Invitee(uri=uri) for uri in options["invite"]] + moderators,
    )
    return selectors.booking(row, now=timezone.now(), pin=True, guest_list=True)


def _show(name: str) -> dict[str, Any]:
    row = selectors.conference_by_name(name)
    if row is None:
        raise CommandError(f"There is no conference {name!r}.")
    return selectors.show(row, now=timezone.now())
