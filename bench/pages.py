"""What pages cost with 10,000 bookings: ``python -m bench.pages [BOOKINGS]``.

The server's CPU for one request, the median of many, without the network, on
SQLite. The start page has to take less than `PROMISED` for who organizes them
all and for who is invited to them all; else the exit status is 1.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time

import django

DIRECTORY = tempfile.TemporaryDirectory(prefix="parley-pages-")
os.environ |= {"DATA_DIR": DIRECTORY.name, "DJANGO_SETTINGS_MODULE": "portal.settings"}
django.setup()

# Models exist once Django is set up.
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench import agenda  # noqa: E402
from conferences import services  # noqa: E402
from conferences.models import Invitation, User  # noqa: E402

BOOKINGS = 10_000
TIMES = 30
#: Milliseconds.
PROMISED = 50.0


def measured(path: str, user: User) -> float:
    """The median of what the server's process takes for a request, in milliseconds of CPU."""
    browser = Client(headers={"host": "localhost"})
    browser.force_login(user)
    taken = []
    for _ in range(TIMES):
        before = time.process_time()
        answer = browser.get(path)
        taken.append((time.process_time() - before) * 1000)
        assert answer.status_code == 200, answer.status_code
    return round(statistics.median(taken), 1)


def main() -> int:
    """See the module."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else BOOKINGS
    call_command("migrate", verbosity=0)
    alice = services.create_user(username="alice", password="a long password", is_organizer=True)
    bob = services.create_user(username="bob", password="a long password")
    agenda.book(alice, bob, count, now=timezone.now())
    invited = Invitation.objects.select_related("conference").order_by("pk")[0]
    found = {
        "/ organizer": measured("/", alice),
        "/ invited": measured("/", bob),
        "/load/": measured("/load/", alice),
        "/history/": measured("/history/", alice),
        "/conferences/… organizer": measured(f"/conferences/{invited.conference.name}/", alice),
        "/conferences/… invited": measured(f"/conferences/{invited.conference.name}/", bob),
        "/conferences/…/invited/": measured(
            f"/conferences/{invited.conference.name}/invited/", alice
        ),
        "/i/… invited": measured(f"/i/{invited.token}/", bob),
    }
    sys.stdout.write(json.dumps({"bookings": count, "cpu_ms": found, "promised": PROMISED}) + "\n")
    return 0 if max(found["/ organizer"], found["/ invited"]) < PROMISED else 1


if __name__ == "__main__":
    sys.exit(main())
