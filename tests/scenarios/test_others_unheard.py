"""What connects the processes is down: the silence of phones elsewhere says nothing."""

from __future__ import annotations

from sipgateway.focus.events import OthersHeard
from sipgateway.media.engine import LegSilent
from sipgateway.sip.flow import Transport
from sipgateway.sip.message import Response
from tests.scenarios.test_several_processes import System
from tests.stage import DOMAIN, Person


def _in_by_the_other_process(system: System) -> Person:
    bob = system.here.person("bob", transport=Transport.TCP)
    system.there.people["bob"] = Person(system.there, "bob")
    invite = bob.sends("INVITE", f"sip:4711@{DOMAIN}", body="v=0\r\n")
    system.carries()
    bob.accepts(invite, bob.gets("200"))
    system.carries()
    return bob


def _is_silent(system: System, *, until: int) -> None:
    """The mixer says so every second from the tenth on; nothing goes between the processes."""
    for seconds in range(10, until):
        system.there.media_tells(LegSilent(system.there.leg_of("bob"), float(seconds)))
        system.there.passes(1)
        system.there.sent_elsewhere.clear()
        if not system.there.roster():
            return


def test_who_is_on_hold_stays_while_redis_is_away() -> None:
    """For minutes; and he is asked as soon as he can be heard again."""
    system = System()
    _in_by_the_other_process(system)
    system.there.happens(OthersHeard(heard=False))
    _is_silent(system, until=200)
    assert system.there.roster() == ["bob"]
    system.there.happens(OthersHeard(heard=True))
    _is_silent(system, until=40)
    assert system.there.roster() == []


def test_who_was_asked_just_before_redis_went_away() -> None:
    system = System()
    _in_by_the_other_process(system)
    _is_silent(system, until=12)  # an OPTIONS is out
    system.there.happens(OthersHeard(heard=False))
    _is_silent(system, until=60)
    assert system.there.roster() == ["bob"]


def test_who_watches_is_told_all_once_redis_is_back() -> None:
    """What he was sent meanwhile was lost, and ends nothing."""
    system = System()
    bob = system.person("bob")
    bob.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event="conference")
    system.carries()
    bob.gets("200")
    bob.gets("NOTIFY")
    system.carries()
    system.there.happens(OthersHeard(heard=False))
    system.there.joined("alice")
    system.there.passes(40)
    system.there.sent_elsewhere.clear()
    system.there.happens(OthersHeard(heard=True))
    system.there.passes(10)
    system.carries()
    told = next(one for one in bob.inbox if not isinstance(one, Response))
    assert (told.method, b"sip:alice@" in told.body) == ("NOTIFY", True)
