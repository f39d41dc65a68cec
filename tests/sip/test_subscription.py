"""The notifier's side of a subscription (RFC 6665)."""

from __future__ import annotations

import pytest

from sipgateway.sip import subscription
from sipgateway.sip.endpoint import Body
from sipgateway.sip.headers import Tokened
from sipgateway.sip.message import Request
from sipgateway.sip.subscription import Subscription
from tests.sip import ua
from tests.sip.ua import Table

BODY = Body("<conference-info/>", "application/conference-info+xml")


def subscribed(table: Table) -> Subscription:
    """Bob watches."""
    request = ua.request("SUBSCRIBE", Event="conference;id=7", Expires="600")
    table.hears(request.build())
    event = table.asked()
    dialog = table.endpoint.respond(event.transaction, 200, table.now, contact=ua.OURS)
    table.out()
    assert dialog is not None
    return Subscription(dialog, Tokened("conference", (("id", "7"),)), table.now + 600)


def test_notify() -> None:
    table = Table()
    watching = subscribed(table)
    table.now += 100.4
    watching.notify(table.endpoint, table.now, BODY)
    assert not watching.idle
    (notify,) = table.out()
    assert isinstance(notify, Request)
    assert notify.method == "NOTIFY"
    assert notify.uri == "sip:bob@192.0.2.1"
    assert notify.get("event") == "conference;id=7"
    assert notify.get("subscription-state") == "active;expires=500"
    assert notify.body == BODY.text.encode()
    assert notify.get("contact") == "<sip:4711@conf.test>"


def test_the_last_word() -> None:
    table = Table()
    watching = subscribed(table)
    watching.terminate(table.endpoint, table.now, reason="noresource", body=None)
    (notify,) = table.out()
    assert notify.get("subscription-state") == "terminated;reason=noresource"
    assert watching.over
    watching.in_flight = None
    assert not watching.idle


def test_late_is_not_negative() -> None:
    table = Table()
    watching = subscribed(table)
    watching.notify(table.endpoint, table.now + 700, None)
    (notify,) = table.out()
    assert notify.get("subscription-state") == "active;expires=0"


@pytest.mark.parametrize(
    ("asked", "granted"),
    [(None, 3600), (0, 0), (1, None), (9, None), (10, 10), (3600, 3600), (86400, 3600)],
)
def test_how_long(asked: int | None, granted: int | None) -> None:
    request = ua.request("SUBSCRIBE", Event="conference")
    if asked is not None:
        request.append("Expires", str(asked))
    assert subscription.granted(request, default=3600) == granted
