"""Draft 4.5, RFC 4579 5.4 and 5.12: factories, as answering ones and as sending on (C12-C14)."""

from __future__ import annotations

import pytest

from conferences.policy import ConferenceId, CreatorDeparts, Refusal, Role
from sipgateway.focus.halls import UserChosen
from sipgateway.focus.leg import Leg
from sipgateway.sip.flow import Transport
from sipgateway.sip.message import Request
from tests.stage import ANSWER, DOMAIN, OFFER, Person, Stage

FACTORY = f"sip:conference-factory@{DOMAIN}"


def _created(person: Person, factory: str = FACTORY) -> str:
    """The URI of the conference that a call to a factory made, with its caller in it."""
    request = person.sends("INVITE", factory, body=OFFER)
    created = person.gets("200", body=ANSWER, contact=";isfocus")
    person.accepts(request, created)
    return person.target


def test_c12_the_factory_answers(stage: Stage) -> None:
    """Figure 5: the 200 has the new conference's URI, which others may call."""
    alice = stage.person("alice")
    uri = _created(alice)
    user = uri.removeprefix("sip:").partition("@")[0]
    assert user != "conference-factory"
    stage.joined("bob", user)
    assert stage.roster(user) == ["alice", "bob"]


def test_c13_the_factory_sends_on(stage: Stage) -> None:
    """RFC 4579 figure 4: 302 with the conference's URI and isfocus, then INVITE to that."""
    stage.factories["conference-factory"] = {"redirect": True}
    alice = stage.person("alice")
    alice.sends("INVITE", FACTORY, body=OFFER)
    moved = alice.gets("302", contact=";isfocus")
    uri = (moved.get("contact") or "").partition("<")[2].partition(">")[0]
    assert stage.switchboard.live == []
    user = uri.removeprefix("sip:").partition("@")[0]
    alice.dials(user)
    assert stage.roster(user) == ["alice"]
    stage.is_quiet()


def test_c13_nobody_is_there_before_its_creator(stage: Stage) -> None:
    """Mallory has been told the address; later than a minute it is as open as any."""
    stage.factories["conference-factory"] = {"redirect": True, "reserved_until": stage.now + 60}
    alice, mallory = stage.person("alice"), stage.person("mallory")
    alice.sends("INVITE", FACTORY, body=OFFER)
    uri = (alice.gets("302").get("contact") or "").partition("<")[2].partition(">")[0]
    mallory.sends("INVITE", uri, body=OFFER)
    mallory.gets("403")
    user = uri.removeprefix("sip:").partition("@")[0]
    alice.dials(user)
    stage.joined("bob", user)
    assert stage.roster(user) == ["alice", "bob"]


def test_c13_a_creator_who_does_not_come_keeps_nobody_out(stage: Stage) -> None:
    stage.factories["conference-factory"] = {"redirect": True, "reserved_until": stage.now + 60}
    alice = stage.person("alice")
    alice.sends("INVITE", FACTORY, body=OFFER)
    uri = (alice.gets("302").get("contact") or "").partition("<")[2].partition(">")[0]
    stage.passes(61)
    user = uri.removeprefix("sip:").partition("@")[0]
    stage.joined("bob", user)
    assert stage.roster(user) == ["bob"]


def test_c02_a_hidden_focus_leaks_nowhere_in_a_302(stage: Stage) -> None:
    stage.factories["conference-factory"] = {"redirect": True, "hidden_focus": True}
    alice = stage.person("alice")
    alice.sends("INVITE", FACTORY, body=OFFER)
    assert "isfocus" not in (alice.gets("302").get("contact") or "")


@pytest.mark.parametrize(
    ("departs", "left"), [(CreatorDeparts.END, []), (CreatorDeparts.KEEP, ["bob"])]
)
def test_c14_what_the_creators_leaving_does_is_the_factorys_policy(
    stage: Stage, departs: CreatorDeparts, left: list[str]
) -> None:
    stage.factories["hall"] = {"creator_departs": departs}
    alice = stage.person("alice")
    user = _created(alice, f"sip:hall@{DOMAIN}").removeprefix("sip:").partition("@")[0]
    bob = stage.joined("bob", user)
    alice.in_dialog("BYE")
    alice.gets("200")
    if not left:
        bob.gets("BYE")
    assert len(stage.switchboard.live) == len(left)
    assert stage.roster(user) == left


def test_several_factories_are_several_templates(stage: Stage) -> None:
    stage.factories |= {"hall": {"max_participants": 1}, "talk": {"title": "Talk"}}
    alice, bob = stage.person("alice"), stage.person("bob")
    hall = _created(alice, f"sip:hall@{DOMAIN}").removeprefix("sip:").partition("@")[0]
    bob.sends("INVITE", f"sip:{hall}@{DOMAIN}", body=OFFER)
    bob.is_turned_away("486", reason="The conference is full")
    _created(bob, f"sip:talk@{DOMAIN}")
    bob.sends("OPTIONS", f"sip:hall@{DOMAIN}")
    bob.gets("200")
    bob.sends("REFER", f"sip:hall@{DOMAIN}", Refer_To=f"<sip:alice@{DOMAIN}>")
    bob.gets("405", allow="INVITE")


@pytest.mark.parametrize(
    ("refusal", "status", "text"),
    [
        (Refusal.NO_PORTS, "486", "All ports of this server are taken"),
        (Refusal.NOT_ALLOWED, "403", "You may not do this here"),
    ],
)
@pytest.mark.parametrize("target", ["conference-factory", "hall", "my-own-name"])
def test_a_factory_says_why_not(
    stage: Stage, refusal: Refusal, status: str, text: str, target: str
) -> None:
    """The same for a name of one's own choice, which is refused by a factory without a name."""
    stage.factories |= {name: {"refusal": refusal} for name in ("conference-factory", "hall", "")}
    if target == "my-own-name":
        stage.factories.pop("my-own-name", None)
    mallory = stage.person("mallory", organizer=True)
    mallory.sends("INVITE", f"sip:{target}@{DOMAIN}", body=OFFER)
    mallory.gets(status, reason=text)
    assert stage.switchboard.live == []


def test_a_guest_makes_no_conference(stage: Stage) -> None:
    stage.factories["hall"] = {}
    guest = stage.person("guest-1", guest_of=ConferenceId(1))
    for target in (FACTORY, f"sip:hall@{DOMAIN}"):
        guest.sends("INVITE", target, body=OFFER)
        guest.gets("403")


# --- C15, draft 4.4: a URI of one's own choice ---------------------------------------


@pytest.mark.parametrize(
    ("rule", "who", "status"),
    [
        (UserChosen.OFF, "organizer", "404"),
        (UserChosen.OFF, "person", "404"),
        (UserChosen.OFF, "guest", "404"),
        (UserChosen.ORGANIZERS, "organizer", "200"),
        (UserChosen.ORGANIZERS, "person", "404"),
        (UserChosen.ORGANIZERS, "guest", "404"),
        (UserChosen.ANYONE, "organizer", "200"),
        (UserChosen.ANYONE, "person", "200"),
        (UserChosen.ANYONE, "guest", "404"),
    ],
)
def test_c15_who_may_choose_a_uri(rule: UserChosen, who: str, status: str) -> None:
    """The URI that was called comes back in Contact; then it is a conference like any other."""
    stage = Stage(user_chosen=rule)
    guest_of = ConferenceId(1) if who == "guest" else None
    alice = stage.person("alice", organizer=who == "organizer", guest_of=guest_of)
    request = alice.sends("INVITE", f"sip:my-room@{DOMAIN}", body=OFFER)
    answer = alice.gets(status)
    if status != "200":
        assert stage.switchboard.live == []
        return
    assert answer.get("contact") == f"<sip:my-room@{DOMAIN}>;isfocus"
    alice.accepts(request, answer)
    stage.joined("bob", "my-room")
    assert stage.roster("my-room") == ["alice", "bob"]


def test_c15_only_in_our_domain_and_by_an_invite() -> None:
    stage = Stage(user_chosen=UserChosen.ANYONE)
    alice = stage.person("alice")
    alice.sends("INVITE", "sip:my-room@elsewhere.example", body=OFFER)
    alice.gets("403", reason="")
    for method in ("SUBSCRIBE", "OPTIONS", "MESSAGE"):
        alice.sends(method, f"sip:my-room@{DOMAIN}", Event="conference")
        alice.gets("404")
    assert stage.switchboard.live == []


def test_c15_whoever_comes_second_joins(stage: Stage) -> None:
    """Draft 4.4: a collision joins what exists, and makes nobody its organizer."""
    alice, bob = (stage.person(name, organizer=True) for name in ("alice", "bob"))
    for person in (alice, bob):
        request = person.sends("INVITE", f"sip:my-room@{DOMAIN}", body=OFFER)
        assert isinstance(request, Request)
        person.accepts(request, person.gets("200", contact=f"<sip:my-room@{DOMAIN}>;isfocus"))
    assert stage.roster("my-room") == ["alice", "bob"]
    bob.sends("REFER", f"sip:my-room@{DOMAIN}", Refer_To=f"<sip:alice@{DOMAIN};method=BYE>")
    bob.gets("403")


@pytest.mark.parametrize(("who", "status"), [("organizer", "200"), ("person", "410")])
def test_c15_a_name_of_choice_may_be_had_anew(stage: Stage, who: str, status: str) -> None:
    """What bore it is over: whoever may choose names gets a new conference, others read that."""
    stage.conference("my-room", over=True)
    stage.vacant.add("my-room")
    alice = stage.person("alice", organizer=who == "organizer")
    alice.sends("INVITE", f"sip:my-room@{DOMAIN}", body=OFFER)
    if status == "200":
        alice.gets(status)
    else:
        alice.is_turned_away(status)
    assert stage.snapshots["my-room"].over == (status == "410")


def test_c15_names_are_written_in_lower_case(stage: Stage) -> None:
    """User parts of this domain are aliases of their lower case (RFC 3261 10.3): one conference."""
    alice, bob = (stage.person(name, organizer=True) for name in ("alice", "bob"))
    for person, typed in ((alice, "My-Room"), (bob, "MY-ROOM")):
        request = person.sends("INVITE", f"sip:{typed}@{DOMAIN}", body=OFFER)
        answer = person.gets("200", contact=f"<sip:my-room@{DOMAIN}>;isfocus")
        person.accepts(request, answer)
    assert stage.roster("my-room") == ["alice", "bob"]
    alice.sends("SUBSCRIBE", f"sip:My-Room@{DOMAIN}", Event="conference")
    alice.gets("200")
    assert alice.sees().root.get("entity") == f"sip:my-room@{DOMAIN}"


# --- Roles are the same for all phones -----------------------------------------------


@pytest.mark.parametrize("transport", [Transport.WS, Transport.UDP, Transport.TCP])
@pytest.mark.parametrize("called", [False, True])
def test_a_listener_is_heard_by_no_phone(
    stage: Stage, transport: Transport, *, called: bool
) -> None:
    """Browser or desk phone, dialed in or called, first phone or second; and adds nobody."""
    listener = {f"sip:bob@{DOMAIN}": Role.LISTENER, f"sip:alice@{DOMAIN}": Role.ORGANIZER}
    stage.conference("4712", roles=listener, participants_may_add=False)
    stage.joined("alice", "4712")
    bob = stage.person("bob", transport=transport)
    if called:
        bob.registers()
        stage.calls("bob", "4712")
        invite = bob.gets("INVITE")
        assert isinstance(invite, Request)
        bob.replies(invite, 200, body=OFFER)
        bob.gets("ACK")
    else:
        bob.dials("4712")
    bob.dials("4712", contact="<sip:second@bob.invalid>")
    legs = [leg.id for leg in _legs(stage, "bob", "4712")]
    assert len(legs) == 2
    assert [stage.media.muted[leg] for leg in legs] == [True, True]
    bob.sends("REFER", f"sip:4712@{DOMAIN}", Refer_To=f"<sip:carol@{DOMAIN}>")
    bob.gets("403")
    stage.changes("4712", roles={f"sip:alice@{DOMAIN}": Role.ORGANIZER})
    assert [stage.media.muted[leg] for leg in legs] == [False, False]


def _legs(stage: Stage, who: str, name: str) -> list[Leg]:
    conference = stage.switchboard._conferences[stage.snapshots[name].id]
    return [leg for leg in conference.calls if leg.identity.uri == f"sip:{who}@{DOMAIN}"]


def test_a_join_that_finds_nothing_makes_no_conference(stage: Stage) -> None:
    """RFC 3911 4: 481, by a factory of whatever name."""
    alice = stage.person("alice")
    for name in ("conference-factory", "board"):
        stage.factories[name] = {"redirect": True}
        before = dict(stage.snapshots)
        alice.sends("INVITE", f"sip:{name}@{DOMAIN}", body=OFFER, Join="x;to-tag=1;from-tag=2")
        alice.gets("481")
        assert stage.snapshots == before
