"""What a node counts of a browser becomes figures, as those of the embedded mixer."""

from __future__ import annotations

import pytest

from sipgateway.media.engine import LegId
from sipgateway.media.janus_node import Address, Body
from sipgateway.media.janus_watch import Counted

LEG = LegId("alice")


def told(
    came: int, lost: int = 0, *, went: int = 0, lost_there: int = 0, trip: int = 0, jitter: int = 0
) -> Body:
    """What a Janus 1.1 answers, as far as it is read."""
    counted = {
        "rtt": trip,
        "lost": lost,
        "lost-by-remote": lost_there,
        "jitter-local": jitter,
        "jitter-remote": jitter,
    }
    stats = {"in": {"packets": came}, "out": {"packets": went}}
    return {"webrtc": {"media": {"0": {"rtcp": {"main": counted}, "stats": stats}}}}


def test_a_good_leg() -> None:
    counted = Counted()
    counted.look(LEG, told(100, went=100), 5.0)
    found = counted.look(LEG, told(350, went=350, trip=40, jitter=7), 10.0)
    assert found is not None
    now = found.now
    assert (now.loss_in, now.loss_out, now.jitter_in, now.round_trip) == (0.0, 0.0, 7, 40)
    assert now.mos is not None
    assert now.mos > 4.0


def test_loss_is_that_since_the_last_look_each_way() -> None:
    counted = Counted()
    counted.look(LEG, told(200, went=200, trip=1), 5.0)
    found = counted.look(LEG, told(425, 25, went=450, lost_there=50, trip=1), 10.0)
    assert found is not None
    assert (found.now.loss_in, found.now.loss_out) == (10.0, 20.0)
    assert found.worst is not None
    assert found.worst < 3.0
    again = counted.look(LEG, told(675, 25, went=700, lost_there=50, trip=1), 15.0)
    assert again is not None
    assert (again.now.loss_in, again.now.loss_out) == (0.0, 0.0)
    assert again.worst == found.worst


def test_what_a_browser_hears_is_not_known_before_it_tells() -> None:
    found = Counted().look(LEG, told(250, went=250), 5.0)
    assert found is not None
    assert (found.now.loss_in, found.now.loss_out, found.now.round_trip) == (0.0, None, None)


@pytest.mark.parametrize("info", [{}, {"webrtc": {}}, {"webrtc": {"media": {}}}])
def test_a_handle_without_a_connection_has_no_figures(info: Body) -> None:
    assert Counted().look(LEG, info, 5.0) is None


def test_where_the_admin_api_is() -> None:
    text = "wss://:api%20word@[::1]:8989/janus?admin_key=k&admin_port=7989&admin_secret=two%20words"
    assert Address.parse(text) == Address(
        "wss://[::1]:8989/janus", "api word", "k", "wss://[::1]:7989/", "two words"
    )
    assert Address.parse("ws://127.0.0.1:8188").admin == ""
    with pytest.raises(ValueError, match="admin_port"):
        Address.parse("ws://127.0.0.1:8188/?admin_port=here")
