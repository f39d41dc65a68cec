"""Webhooks: what is told, in which order, signed how, tried again when, and where never."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import override_settings
from django.utils import timezone

from conferences import policy, services, webhooks
from conferences.models import Conference, Delivery, Event, User, Way, Webhook, WebhookState
from conferences.services import posting
from conferences.services.webhooks import tell_webhooks
from tests import people
from tests.conferences.conftest import NOW, Joined

HOUR = datetime.timedelta(hours=1)


class Endpoint:
    """Somebody who is told, and answers as he likes."""

    def __init__(self) -> None:
        self.answers: list[int | None] = []
        self.got: list[tuple[dict[str, str], dict[str, Any]]] = []

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> posting.Outcome:
        status = self.answers.pop(0) if self.answers else 204
        if status is not None:
            self.got.append((dict(headers), json.loads(body)))
        return posting.Outcome(status, "" if status == 204 else f"answered {status}", 12)

    def run(self, now: datetime.datetime = NOW) -> list[int]:
        """What one run of the job brings, by number."""
        before = len(self.got)
        services.send_webhooks(now=now, post=self)
        return [body["number"] for _, body in self.got[before:]]

    @property
    def types(self) -> list[str]:
        return [body["type"] for _, body in self.got]


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


def hook(owner: User, **said: Any) -> Webhook:
    row = services.add_webhook(owner=owner, **{"url": "https://example.org/parley", **said})
    Webhook.objects.filter(pk=row.pk).update(due_at=NOW - HOUR)
    return row


def test_what_happens_is_told_in_order_and_counted(
    room: Conference, alice: User, live: Joined, endpoint: Endpoint
) -> None:
    assert endpoint.run() == []  # nobody wants to know
    row = hook(alice)
    live.leave(people.BOB)
    services.change(conference=room, actor=people.ALICE.uri, title="Daily")
    assert endpoint.run() == [1, 2]
    assert endpoint.types == ["participant.left", "conference.changed"]
    headers, body = endpoint.got[0]
    assert body["data"]["conference"]["id"] == room.name
    assert body["data"]["participant"]["display_text"] == "Bob"
    assert body["data"]["detail"]["method"] == "departed"
    assert headers["webhook-id"].startswith("msg_")
    assert endpoint.run() == []
    row.refresh_from_db()
    assert (row.last_number, row.claimed_at) == (2, None)


def test_a_message_is_signed_as_the_specification_says(
    room: Conference, alice: User, endpoint: Endpoint
) -> None:
    """Checked as a receiver would, by hand."""
    row = hook(alice)
    services.lock(conference=room.key, actor=people.ALICE, way=Way.WEB)
    raw: list[tuple[Mapping[str, str], bytes]] = []

    def post(url: str, headers: Mapping[str, str], body: bytes) -> posting.Outcome:
        raw.append((headers, body))
        return posting.Outcome(204, "", 1)

    services.send_webhooks(now=NOW, post=post)
    (headers, body) = raw[0]
    key = base64.b64decode(row.secret[len("whsec_") :])
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    want = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{want}"
    assert len(key) == 32


def test_the_first_to_come_starts_a_meeting(
    room: Conference, alice: User, endpoint: Endpoint
) -> None:
    hook(alice, types=["conference.started", "conference.ended"])
    joined = Joined(room)
    joined.join(people.ALICE, policy.Role.ORGANIZER)
    joined.join(people.BOB)
    services.conference_ended(
        conference=room.key, at=timezone.now().timestamp(), by=people.ALICE.uri
    )
    assert endpoint.run() == [1, 2]
    assert endpoint.types == ["conference.started", "conference.ended"]


def test_only_what_one_organizes_is_told_but_to_administrators(
    room: Conference, mallory: User, carol: User, endpoint: Endpoint
) -> None:
    hook(mallory)
    with pytest.raises(services.Refused):
        services.add_webhook(owner=mallory, url="https://example.org/", everything=True)
    with pytest.raises(services.Refused):
        services.add_webhook(owner=carol, url="https://example.org/")
    services.lock(conference=room.key, actor=people.ALICE, way=Way.WEB)
    assert endpoint.run() == []
    carol.is_staff = True
    carol.save()
    hook(carol, everything=True)
    services.unlock(conference=room.key, actor=people.ALICE, way=Way.WEB)
    assert endpoint.run() == [1]
    carol.is_staff = False
    carol.save()
    services.lock(conference=room.key, actor=people.ALICE, way=Way.WEB)
    assert endpoint.run() == []


def test_the_anonymous_stay_so(alice: User, carol: User, endpoint: Endpoint) -> None:
    """RFC 3323: who may not read it on the page is not told by a webhook."""
    strict = services.book(
        organizer=alice,
        title="Quiet",
        admission=policy.Admission.OPEN,
        anonymity=policy.Anonymity.STRICT,
    )
    hook(alice, types=["participant.joined"])
    Joined(strict).join(people.CAROL, private=True)
    assert endpoint.run() == [1]
    told = json.dumps(endpoint.got[0][1])
    assert "carol@" not in told
    assert '"Carol"' not in told


def test_one_that_fails_is_tried_later_and_nothing_overtakes_it(
    room: Conference, alice: User, endpoint: Endpoint
) -> None:
    row = hook(alice)
    services.lock(conference=room.key, actor=people.ALICE, way=Way.WEB)
    services.unlock(conference=room.key, actor=people.ALICE, way=Way.WEB)
    endpoint.answers = [500, None]
    assert endpoint.run() == [1]
    assert endpoint.run(NOW + datetime.timedelta(seconds=4)) == []  # too early
    assert endpoint.run(NOW + datetime.timedelta(seconds=5)) == []  # no answer came
    row.refresh_from_db()
    assert (row.failures, row.failing_since) == (2, NOW)
    assert endpoint.run(NOW + HOUR) == [1, 2]
    first, again, second = (headers["webhook-id"] for headers, _ in endpoint.got)
    assert first == again != second
    row.refresh_from_db()
    assert (row.failures, row.failing_since, row.error) == (0, None, "")
    found = Delivery.objects.get(number=1)
    assert (found.attempts, found.status, found.due) == (3, 204, False)


def test_pauses_grow() -> None:
    pauses = [webhooks.pause(failures) for failures in range(1, 12)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (5, 4 * 3600)


@pytest.mark.parametrize("gone", [True, False])
def test_a_dead_endpoint_is_switched_off_and_loses_nothing(
    room: Conference, alice: User, endpoint: Endpoint, gone: bool
) -> None:
    row = hook(alice)
    services.lock(conference=room.key, actor=people.ALICE, way=Way.WEB)
    endpoint.answers = [410] if gone else [503, 503]
    endpoint.run()
    if not gone:
        endpoint.run(NOW + datetime.timedelta(days=4))
    row.refresh_from_db()
    assert row.state == WebhookState.OFF
    assert row.error == ("answered 410" if gone else "answered 503")
    services.unlock(conference=room.key, actor=people.ALICE, way=Way.WEB)
    later = NOW + datetime.timedelta(days=5)
    assert endpoint.run(later) == []
    services.change_webhook(webhook=row, paused=False)
    Webhook.objects.update(due_at=NOW)
    assert endpoint.run(later) == [1, 2]


def test_a_paused_one_gets_it_later(room: Conference, alice: User, endpoint: Endpoint) -> None:
    row = hook(alice)
    services.change_webhook(webhook=row, paused=True)
    services.lock(conference=room.key, actor=people.ALICE, way=Way.WEB)
    assert endpoint.run() == []
    services.change_webhook(webhook=row, paused=False)
    Webhook.objects.update(due_at=NOW)
    assert endpoint.run() == [1]


def test_send_again_from_a_number(room: Conference, alice: User, endpoint: Endpoint) -> None:
    row = hook(alice)
    with pytest.raises(ValidationError, match="Nothing has been sent"):
        services.send_again(webhook=row, number=1, now=NOW)
    for _ in range(2):
        services.lock(conference=room.key, actor=people.ALICE, way=Way.WEB)
        services.unlock(conference=room.key, actor=people.ALICE, way=Way.WEB)
    assert endpoint.run() == [1, 2, 3, 4]
    assert services.send_again(webhook=row, number=3, now=NOW) == 2
    assert endpoint.run() == [3, 4]
    with pytest.raises(ValidationError, match="no message 5: those from 1 to 4 are kept"):
        services.send_again(webhook=row, number=5, now=NOW)


def test_two_workers_send_it_once(room: Conference, alice: User, endpoint: Endpoint) -> None:
    hook(alice)
    services.lock(conference=room.key, actor=people.ALICE, way=Way.WEB)
    inner = Endpoint()

    def meanwhile(url: str, headers: Mapping[str, str], body: bytes) -> posting.Outcome:
        return endpoint(url, headers, body)

    tell_webhooks(now=NOW)
    Webhook.objects.update(claimed_at=NOW)
    assert inner.run() == []  # another has it
    Webhook.objects.update(claimed_at=NOW - HOUR)
    services.send_webhooks(now=NOW, post=meanwhile)  # the other is gone
    assert endpoint.types == ["conference.locked"]


def test_it_costs_no_row_where_nobody_listens(room: Conference) -> None:
    assert Event.objects.filter(outgoing=True).exists()
    tell_webhooks(now=NOW)
    assert not Event.objects.filter(outgoing=True).exists()
    assert not Delivery.objects.exists()


WRONG = [
    "",
    "example.org",
    "ftp://example.org/",
    "https://",
    "https://alice:secret@example.org/",
    "https://example.org/#there",
    "http://127.0.0.1/",
    "http://localhost:8000/",
    "http://10.1.2.3/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[fe80::1]/",
    "http://0.0.0.0/",
]


@pytest.mark.parametrize("url", WRONG)
def test_addresses_that_are_not_taken(alice: User, url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        services.add_webhook(owner=alice, url=url)
    assert list(refused.value.message_dict) == ["url"]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("fd00::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::a00:1", False),
    ],
)
def test_what_is_public(address: str, public: bool) -> None:
    assert webhooks.is_public(address) is public


class _Listener(BaseHTTPRequestHandler):
    """Takes what is posted, but for /away, which sends on, and /silent, which says nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        assert isinstance(server, _Server)
        server.got.append((self.path, self.headers["Host"], body))
        if self.path == "/silent":
            server.done.wait(5)
            return
        self.send_response(302 if self.path == "/away" else 204)
        if self.path == "/away":
            self.send_header("Location", "/inside")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.got: list[tuple[str, str, bytes]] = []
        self.done = threading.Event()
        super().__init__(("127.0.0.1", 0), _Listener)


@pytest.fixture
def listener() -> Iterator[_Server]:
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.done.set()
        server.shutdown()
        thread.join()


@override_settings(WEBHOOKS_TO="anywhere")
def test_it_is_really_posted(listener: _Server) -> None:
    port = listener.server_address[1]
    outcome = posting.post(f"http://localhost:{port}/hook?a=b", {"webhook-id": "1"}, b"{}")
    assert (outcome.status, outcome.error) == (204, "")
    assert listener.got == [("/hook?a=b", f"localhost:{port}", b"{}")]


@override_settings(WEBHOOKS_TO="anywhere")
def test_redirects_lead_nowhere(listener: _Server) -> None:
    port = listener.server_address[1]
    outcome = posting.post(f"http://127.0.0.1:{port}/away", {}, b"{}")
    assert outcome.status == 302
    assert "not followed" in outcome.error
    assert [path for path, _, _ in listener.got] == ["/away"]


@override_settings(WEBHOOKS_TO="anywhere")
def test_silence_is_not_waited_for(listener: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TAKES", 0.2)
    outcome = posting.post(f"http://127.0.0.1:{listener.server_address[1]}/silent", {}, b"{}")
    assert (outcome.status, outcome.error) == (None, "no answer within 0 s")


@override_settings(WEBHOOKS_TO="public")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "0x7f.1", "2130706433"])
def test_names_of_our_own_network_are_found_out_when_it_is_sent(
    listener: _Server, host: str
) -> None:
    """Whatever a name or a curious spelling leads to, it is the address that is looked at."""
    outcome = posting.post(f"http://{host}:{listener.server_address[1]}/", {}, b"{}")
    assert outcome.status is None
    assert "no public address" in outcome.error
    assert listener.got == []
