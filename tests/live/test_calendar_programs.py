"""Real programs that others wrote book, change and cancel: `caldav` and vdirsyncer.

And what happens is told to a listener of ours, by the job that does it.
"""

from __future__ import annotations

import datetime
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import caldav
import pytest
from caldav.lib.error import AuthorizationError, PutError

from tests.live.server import Server, running, until

pytestmark = pytest.mark.live

START = datetime.datetime(datetime.datetime.now(datetime.UTC).year + 1, 6, 7, 9)  # noqa: DTZ001
SERIES = f"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example//Calendar//EN
BEGIN:VEVENT
UID:weekly@example.org
DTSTAMP:20260101T000000Z
DTSTART;TZID=Europe/Berlin:{START:%Y%m%dT%H%M%S}
DURATION:PT1H
RRULE:FREQ=WEEKLY;COUNT=4
SUMMARY:Weekly
END:VEVENT
END:VCALENDAR
"""
PAIR = """
[general]
status_path = "{directory}/status"
[pair bookings]
a = "here"
b = "there"
collections = [["bookings", "bookings", "bookings"]]
conflict_resolution = "b wins"
[storage here]
type = "filesystem"
path = "{directory}/here"
fileext = ".ics"
[storage there]
type = "caldav"
url = "{url}/"
username = "alice"
password = "{token}"
"""


@contextmanager
def listening() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address that takes messages, and what it took."""
    got: list[dict[str, Any]] = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", got
        finally:
            server.shutdown()
            thread.join()


def _caldav(server: Server, token: str) -> None:
    """The library finds the calendar by itself; a series, an exception, a refusal, the end."""
    client: Any = caldav.DAVClient(url=f"{server.url}/dav/", username="alice", password=token)
    (calendar,) = client.principal().calendars()
    event = calendar.save_event(SERIES)
    (row,) = server.api("alice").call("GET", "/conferences")[1]["conferences"]
    assert (row["title"], row["rrule"]) == ("Weekly", "FREQ=WEEKLY;COUNT=4")
    found = calendar.event_by_uid("weekly@example.org")
    assert row["url"] in found.data.replace("\r\n", "\n").replace("\n ", "")
    second = START + datetime.timedelta(days=7)
    found.data = found.data.replace(
        # The clocks' own rules stand before it.
        "RRULE:FREQ=WEEKLY",
        f"EXDATE;TZID=Europe/Berlin:{second:%Y%m%dT%H%M%S}\r\nRRULE:FREQ=WEEKLY",
    )
    found.save()
    for at, count in ((START, 1), (second, 0)):
        day = at.replace(hour=0)
        times = calendar.search(start=day, end=day + datetime.timedelta(days=1), event=True)
        assert len(times) == count
    with pytest.raises((PutError, AuthorizationError)):
        calendar.save_event(SERIES.replace("weekly@", "daily@").replace("WEEKLY", "HOURLY"))
    day = START.replace(hour=0)
    busy = calendar.freebusy_request(day, day + datetime.timedelta(days=1))
    assert f"FREEBUSY;FBTYPE=BUSY:{START:%Y%m%d}T070000Z/{START:%Y%m%d}T080000Z" in busy.data
    assert client.check_scheduling_support()
    assert client.principal().schedule_outbox().url.path == "/dav/calendars/alice/outbox/"
    changes = calendar.objects_by_sync_token(load_objects=True)
    assert len(list(changes)) == 1
    event.delete()
    changes.sync()
    assert list(changes) == []
    assert calendar.events() == []


def _vdirsyncer(server: Server, token: str, directory: Path) -> None:
    """It takes a file there, brings what another added back, and loses nothing."""
    (directory / "here" / "bookings").mkdir(parents=True)
    (directory / "here" / "bookings" / "a.ics").write_text(SERIES.replace("weekly@", "synced@"))
    config = directory / "config"
    config.write_text(PAIR.format(directory=directory, url=f"{server.url}/dav", token=token))

    def sync(*command: str) -> None:
        program = Path(sys.executable).with_name("vdirsyncer")
        done = subprocess.run(
            [program, "-c", config, *command], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr

    sync("discover")
    sync("sync")
    rows = server.api("alice").call("GET", "/conferences")[1]["conferences"]
    assert [row["title"] for row in rows] == ["Weekly"]
    said = {"title": "By script", "starts_at": f"{START:%Y-%m-%dT%H:%M:%S}"}
    assert server.api("alice").call("POST", "/conferences", said)[0] == 201
    sync("sync")
    texts = [one.read_text() for one in (directory / "here" / "bookings").glob("*.ics")]
    assert len(texts) == 2
    assert any("SUMMARY:By script" in text for text in texts)
    assert any("UID:synced@example.org" in text and rows[0]["id"] in text for text in texts)


def test_book_from_a_calendar_program(tmp_path: Path) -> None:
    with running(tmp_path, environment={"WEBHOOKS_TO": "anywhere"}) as server, listening() as told:
        server.phone("alice", "--organizer")
        address, got = told
        alice = server.api("alice")
        token = alice._headers["Authorization"].removeprefix("Bearer ")
        assert alice.call("POST", "/webhooks", {"url": address})[0] == 201
        _caldav(server, token)
        _vdirsyncer(server, token, tmp_path)
        want = ["conference.booked", "occurrence.cancelled", "conference.cancelled"]
        want += ["conference.booked", "conference.booked"]
        assert until(lambda: len(got) >= len(want))
        assert [one["type"] for one in got] == want
        assert [one["number"] for one in got] == [1, 2, 3, 4, 5]
