"""RFC 4235 in several processes: a person's dialogs are told wherever they live."""

from __future__ import annotations

from conferences.policy import Role
from sipgateway.focus.events import ProcessGone
from sipgateway.sip import headers
from sipgateway.sip.message import Request
from tests.scenarios.test_dialog_package import Dialogs
from tests.scenarios.test_several_processes import THERE, System
from tests.scenarios.test_taking_over import agrees, dies
from tests.stage import ANSWER, DOMAIN, OFFER, Person, Stage


def _desk_phone(system: System, name: str = "bob") -> Person:
    """Another phone of his, connected here, which watches his dialogs."""
    return _watches(system, system.here.person(name))


def _watches(system: System, desk: Person) -> Person:
    """In a dialog of its own: what it sends in a dialog from now on is sent in that."""
    for _ in range(9):  # other Call-IDs than those of his browser
        desk.request("OPTIONS", f"sip:{DOMAIN}")
    asked = desk.sends("SUBSCRIBE", f"sip:{desk.name}@{DOMAIN}", Event="dialog")
    answer = desk.gets("200")
    desk.to["call"] = answer.get("to") or ""
    desk.call_id, desk.target = asked.must(headers.CALL_ID), asked.uri
    system.passes(0.6)
    return desk


def _told(person: Person) -> Dialogs:
    return Dialogs(person.gets("NOTIFY", event="dialog"))


def _in_a_conference_there(system: System) -> Person:
    browser = system.there.person("bob")
    browser.dials("4711")
    return browser


def test_a_call_in_another_process_is_told_from_its_beginning_to_its_end() -> None:
    """Version by version, and only once the others had the time to answer."""
    system = System()
    browser = _in_a_conference_there(system)
    desk = _desk_phone(system)
    first = _told(desk)
    assert (first.state, first.version, first.states()) == ("full", 0, ["confirmed"])
    assert first.only().get("call-id") == browser.call_id
    browser.in_dialog("BYE")
    system.passes(0.3)
    last = _told(desk)
    assert (last.state, last.version, last.states()) == ("partial", 1, ["terminated"])
    assert last.only().get("id") == first.only().get("id")
    assert desk.inbox == []


def test_the_desk_phone_takes_the_browsers_call_from_another_process() -> None:
    """RFC 4579 5.9, by nothing but what the package says."""
    system = System()
    browser = _in_a_conference_there(system)
    desk = _desk_phone(system)
    dialog = _told(desk).only()
    replaces = (
        f"{dialog.get('call-id')};to-tag={dialog.get('remote-tag')}"
        f";from-tag={dialog.get('local-tag')}"
    )
    desk.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER, Replaces=replaces)
    system.carries()
    desk.gets("200", contact="isfocus")
    browser.gets("BYE", reason="Replaced by another phone")
    assert system.there.roster() == ["bob"]


def test_calls_here_and_there_are_told_together() -> None:
    system = System()
    _in_a_conference_there(system)
    system.here.conference("4712", id=4712)
    desk = system.here.person("bob")
    desk.dials("4712")
    watcher = _desk_phone(system)
    assert _told(watcher).states() == ["confirmed", "confirmed"]


def test_who_asks_once_is_told_all() -> None:
    """RFC 6665 4.4.3: a subscription for no time at all, answered when the others have."""
    system = System()
    _in_a_conference_there(system)
    desk = system.here.person("bob")
    desk.sends("SUBSCRIBE", f"sip:bob@{DOMAIN}", Event="dialog", Expires="0")
    desk.gets("200")
    system.carries()
    assert desk.inbox == []
    system.passes(0.6)
    assert Dialogs(desk.gets("NOTIFY", terminated=True)).states() == ["confirmed"]


def test_what_is_lost_between_processes_is_told_in_the_next_round() -> None:
    system = System()
    browser = _in_a_conference_there(system)
    system.loses = 1
    desk = _desk_phone(system)
    assert system.lost == ["WatchDialogs"]
    assert _told(desk).states() == []
    system.passes(5.0)
    assert _told(desk).states() == ["confirmed"]
    system.loses = 1
    browser.in_dialog("BYE")
    system.passes(0.2)
    assert system.lost[1:] == ["TellDialogs"]
    assert desk.inbox == []
    system.passes(5.0)
    assert _told(desk).states() == ["terminated"]


def test_a_process_that_dies_takes_its_dialogs_with_it() -> None:
    """Not before another has had the time to go on with them."""
    system = System()
    _in_a_conference_there(system)
    desk = _desk_phone(system)
    _told(desk)
    system.here.happens(ProcessGone(THERE))
    system.here.passes(14.0)
    assert desk.inbox == []
    system.here.passes(2.0)
    assert _told(desk).states() == ["terminated"]


def test_a_process_that_was_only_silent_is_believed_again() -> None:
    system = System()
    _in_a_conference_there(system)
    desk = _desk_phone(system)
    _told(desk)
    system.here.happens(ProcessGone(THERE))
    system.passes(30.0)
    assert desk.inbox == []


def test_the_heir_tells_on_what_it_has_taken_over() -> None:
    """To the watcher it is the same dialog all the time: nothing has happened to it."""
    system = System()
    bob = system.person("bob")
    system.dials(bob)
    call = (bob.call_id, bob.target, bob.to["call"])
    before = _told(_watches(system, bob)).only()
    system.here.happens(ProcessGone(THERE))
    dies(system)
    agrees(bob)
    system.here.passes(60.0)
    assert bob.inbox == []
    bob.call_id, bob.target, bob.to["call"] = call
    bob.in_dialog("BYE")
    bob.gets("200")
    system.here.passes(0.3)
    assert _told(bob).only().get("id") == before.get("id")


def test_nobody_is_told_any_more_when_nobody_watches() -> None:
    system = System()
    browser = _in_a_conference_there(system)
    desk = _desk_phone(system)
    _told(desk)
    desk.in_dialog("SUBSCRIBE", Event="dialog", Expires="0")
    desk.gets("200")
    desk.gets("NOTIFY", terminated=True)
    system.passes(6.0)
    browser.in_dialog("BYE")
    system.there.passes(0.2)
    assert system.there.of_dialogs == []
    system.passes(20.0)
    assert system.here.of_dialogs == []


def test_a_refresh_is_answered_at_once() -> None:
    """It is known by then what the others have."""
    system = System()
    _in_a_conference_there(system)
    desk = _desk_phone(system)
    _told(desk)
    desk.in_dialog("SUBSCRIBE", Event="dialog")
    desk.gets("200")
    assert (_told(desk).version, desk.inbox) == (1, [])


def test_mallory_asks_no_other_process() -> None:
    """Neither for Bob's dialogs, nor is she told them when she watches her own."""
    system = System()
    _in_a_conference_there(system)
    system.here.person("bob")
    mallory = system.here.person("mallory")
    mallory.sends("SUBSCRIBE", f"sip:bob@{DOMAIN}", Event="dialog")
    mallory.gets("403")
    assert system.here.of_dialogs == []
    desk = _desk_phone(system, "mallory")
    assert _told(desk).states() == []


def test_a_process_alone_asks_nobody(stage: Stage) -> None:
    bob = stage.person("bob")
    bob.sends("SUBSCRIBE", f"sip:bob@{DOMAIN}", Event="dialog")
    bob.gets("200")
    assert _told(bob).states() == []
    stage.passes(20.0)
    assert stage.of_dialogs == []


def test_who_watches_a_conferences_dialogs_goes_on_watching_at_the_heir() -> None:
    """A moderator's subscription is written down as that to the roster is."""
    system = System()
    for stage in (system.here, system.there):
        roles = {**stage.snapshots["4711"].roles, f"sip:bob@{DOMAIN}": Role.MODERATOR}
        stage.changes(roles=roles)
    bob = system.person("bob")
    system.dials(bob)
    bob.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event="dialog")
    system.carries()
    bob.gets("200")
    before = _told(bob)
    dies(system)
    invite = bob.gets("INVITE")
    assert isinstance(invite, Request)
    bob.replies(invite, 200, body=ANSWER)
    bob.gets("ACK")
    system.here.passes(0.1)
    after = _told(bob)
    assert (after.state, after.states()) == ("full", ["confirmed"])
    assert after.version > before.version + 100


def test_who_commands_no_more_is_not_told_by_the_heir() -> None:
    """Policy is asked again before anything is told."""
    system = System()
    roles = {**system.there.snapshots["4711"].roles, f"sip:bob@{DOMAIN}": Role.MODERATOR}
    system.there.changes(roles=roles)
    bob = system.person("bob")
    bob.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event="dialog")
    system.carries()
    bob.gets("200")
    _told(bob)
    dies(system)
    system.here.passes(0.1)
    ended = bob.gets("NOTIFY", event="dialog", terminated=True)
    assert ended.body == b""
