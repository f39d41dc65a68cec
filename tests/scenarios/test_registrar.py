"""Where a person's phones can be reached: RFC 3261 10, RFC 5626, RFC 3327, RFC 5627."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest

from conferences.policy import ConferenceId
from sipgateway.focus.desk import Phone, over_tls
from sipgateway.focus.events import PhonesEnded
from sipgateway.focus.registrar import CONFIRMED_WITHIN
from sipgateway.sip import headers
from sipgateway.sip.flow import Flow, FlowId, Transport
from sipgateway.sip.message import Request, Response
from tests.stage import DOMAIN, OFFER, Person, Stage

BOB = f"sip:bob@{DOMAIN}"
ONE = '"<urn:uuid:00000000-0000-1000-8000-00000000000A>"'
TWO = '"<urn:uuid:00000000-0000-1000-8000-00000000000B>"'


def _registers(person: Person, *contacts: str, **fields: str) -> Response:
    """REGISTER with these Contacts; gives the answer."""
    how = dict(fields)
    request_to = how.pop("to", f"<sip:{person.name}@{DOMAIN}>")
    person.sends("REGISTER", f"sip:{DOMAIN}", to=request_to, contact=", ".join(contacts), **how)
    answer = person.inbox.pop(0)
    assert isinstance(answer, Response)
    return answer


def _asks(person: Person, call_id: str = "") -> list[str]:
    """The Contacts that a query is told."""
    request = person.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:{person.name}@{DOMAIN}>")
    person.feeds(_authorized(person, request, call_id))
    return _contacts(person.gets("200"))


def _authorized(person: Person, request: Request, call_id: str = "") -> Request:
    """The request with credentials and without Contact."""
    request.drop("contact")
    person.feeds(request)
    challenge = person.gets("401")
    assert isinstance(challenge, Response)
    again = person.request(request.method, request.uri, to=request.get("to") or "")
    again.drop("contact")
    if call_id:
        again.put(headers.CALL_ID, call_id)
    again.append("Authorization", person.credentials(challenge, request.method, request.uri))
    return again


def _contacts(answer: Request | Response) -> list[str]:
    return [str(contact.uri) for contact in answer.every(headers.CONTACT)]


def _left(answer: Response) -> dict[str, str]:
    """Contact URI → seconds that it holds."""
    found = answer.every(headers.CONTACT)
    return {str(contact.uri): contact.param("expires") or "" for contact in found}


@pytest.fixture
def bob(stage: Stage) -> Person:
    return stage.person("bob")


def test_several_contacts_each_with_its_time(stage: Stage, bob: Person) -> None:
    """10.2.1: the parameter, the field, an hour; what is not a number counts as an hour."""
    answer = _registers(
        bob,
        "<sip:bob@a.invalid>;expires=60;q=0.5",
        "<sip:bob@b.invalid>",
        "<sip:bob@c.invalid>;expires=soon",
        Expires="600",
    )
    assert answer.status == 200
    assert _left(answer) == {
        "sip:bob@a.invalid": "60",
        "sip:bob@b.invalid": "600",
        "sip:bob@c.invalid": "3600",
    }
    assert answer.get("date") == "Fri, 15 Jan 2027 08:00:00 GMT"
    stage.passes(61)
    assert _asks(bob) == ["sip:bob@b.invalid", "sip:bob@c.invalid"]


def test_a_time_that_is_none_is_an_hour(bob: Person) -> None:
    """10.2.1.1, 20.19."""
    answer = _registers(bob, "<sip:bob@a.invalid>", Expires="abc")
    assert answer.status == 200
    assert _left(answer) == {"sip:bob@a.invalid": "3600"}
    assert _registers(bob, "*", Expires="abc").status == 400


def test_the_same_contact_twice_in_one_request(bob: Person) -> None:
    """Order is that of requests (10.3, step 7); of one request the last word counts."""
    twice = "<sip:bob@a.invalid>;expires=60", "<sip:bob@A.invalid>;expires=600"
    answer = _registers(bob, *twice)
    assert (answer.status, list(_left(answer).values())) == (200, ["600"])
    gone = _registers(bob, "<sip:bob@a.invalid>", "<sip:bob@a.invalid>;expires=0")
    assert (gone.status, _contacts(gone)) == (200, [])
    assert _asks(bob) == []


def test_the_most_wanted_first(stage: Stage, bob: Person) -> None:
    _registers(bob, "<sip:bob@a.invalid>;q=0.2", "<sip:bob@b.invalid>;q=1.0")
    _registers(bob, "<sip:bob@c.invalid>;q=0.7")
    phones = stage.switchboard._registrar.phones(BOB, stage.now)
    assert [phone.uri for phone in phones] == [
        "sip:bob@b.invalid",
        "sip:bob@c.invalid",
        "sip:bob@a.invalid",
    ]


def test_too_brief(stage: Stage, bob: Person) -> None:
    """10.3 step 7: 423, and nothing of the request is done."""
    answer = _registers(bob, "<sip:bob@a.invalid>", "<sip:bob@b.invalid>;expires=9")
    assert (answer.status, answer.get("min-expires")) == (423, "10")
    assert _asks(bob) == []
    assert stage.phones == {}


def test_contacts_are_compared_as_uris(bob: Person) -> None:
    """19.1.4: escapes, case of host and order of parameters are no difference."""
    _registers(bob, "<sip:%62ob@Phone.invalid;a=1;transport=tcp>")
    _registers(bob, "<sip:bob@phone.INVALID;transport=TCP;a=1>")
    assert len(_asks(bob)) == 1
    _registers(bob, "<sip:bob@phone.invalid>")
    assert len(_asks(bob)) == 2
    _registers(bob, "<sip:bob@PHONE.invalid>;expires=0")
    assert _asks(bob) == ["sip:bob@phone.INVALID;transport=TCP;a=1"]


@pytest.mark.parametrize(
    ("fields", "status", "left"),
    [
        ({"Expires": "0"}, 200, 0),
        ({"Expires": "1"}, 400, 2),
        ({}, 400, 2),
    ],
)
def test_all_contacts_at_once(bob: Person, fields: dict[str, str], status: int, left: int) -> None:
    """10.2.2: ``*`` with Expires 0 and with nothing else."""
    _registers(bob, "<sip:bob@a.invalid>", "<sip:bob@b.invalid>")
    assert _registers(bob, "*", **fields).status == status
    assert len(_asks(bob)) == left


def test_an_older_word_of_the_same_registration_changes_nothing(bob: Person) -> None:
    """10.3 step 7: it fails, all of it, the Contact beside it too."""
    contact = "<sip:bob@a.invalid>"
    early = bob.request("REGISTER", f"sip:{DOMAIN}", to=f"<{BOB}>", contact=contact)
    bob.sends("REGISTER", f"sip:{DOMAIN}", to=f"<{BOB}>", contact=contact)
    call_id = bob.gets("200").must(headers.CALL_ID)
    late = _authorized(bob, early, call_id)
    late.put(headers.CSEQ, early.must(headers.CSEQ))
    late.append("Contact", "<sip:bob@b.invalid>, <sip:bob@a.invalid>;expires=0")
    bob.feeds(late)
    bob.gets("500", cseq="1 REGISTER")
    assert _asks(bob) == ["sip:bob@a.invalid"]


def test_one_more_phone_than_a_person_has_takes_the_place_of_the_oldest(
    stage: Stage, bob: Person
) -> None:
    """A softphone that is started again and again, each time from another port."""
    for number in range(25):
        assert _registers(bob, f"<sip:bob@{number}.invalid>").status == 200
        stage.passes(1)
    assert _asks(bob) == [f"sip:bob@{number}.invalid" for number in range(5, 25)]
    many = [f"<sip:bob@new-{number}.invalid>" for number in range(21)]
    refused = _registers(bob, *many)
    assert (refused.status, refused.reason) == (403, "No More Than 20 Phones")
    assert len(_asks(bob)) == 20


PORTS = [
    ("192.0.2.1:5061", "<sip:bob@192.0.2.1:7000>", 7000),
    ("192.0.2.1:5061", "<sip:bob@192.0.2.1:7000;transport=tcp>", 5061),
    ("192.0.2.1:5061", "<sip:bob@192.0.2.1>", 5061),
    ("192.0.2.1:5061", "<sip:bob@198.51.100.7:7000>", 5061),  # nobody has us send to a third
    ("192.0.2.1:6000", "<sip:bob@192.0.2.1:7000>", 5061),  # a NAT has changed its port
    ("10.0.0.1:5061", "<sip:bob@192.0.2.1:7000>", 5061),
]


@pytest.mark.parametrize(("via", "contact", "reached"), PORTS)
def test_a_phone_on_udp_listens_where_it_says(
    stage: Stage, via: str, contact: str, reached: int
) -> None:
    """10.3: at its Contact, as far as that is on the address that it registered from."""
    bob = stage.person("bob", transport=Transport.UDP)
    ear = stage.person("ear", transport=Transport.UDP, port=7000)
    ear.answers_requests = bob.answers_requests = False
    stage.found_again["192.0.2.1", 7000] = ear.flow
    alice = stage.person("alice")
    for _ in range(2):  # a refresh changes nothing
        bob.feeds(bob.request("REGISTER", f"sip:{DOMAIN}", to=f"<{BOB}>", contact=contact))
        challenge = bob.gets("401")
        assert isinstance(challenge, Response)
        again = bob.request("REGISTER", f"sip:{DOMAIN}", to=f"<{BOB}>", contact=contact)
        branch = again.must(headers.VIA).branch
        again.drop("via")
        again.push("Via", f"SIP/2.0/UDP {via};branch={branch};rport")
        again.append("Authorization", bob.credentials(challenge, "REGISTER", f"sip:{DOMAIN}"))
        bob.feeds(again)
        bob.gets("200")
        alice.sends("MESSAGE", BOB)
        found = {port: [type(one) for one in p.inbox] for port, p in ((5061, bob), (7000, ear))}
        assert found == {port: [Request] if port == reached else [] for port in found}
        ear.inbox.clear()
        bob.inbox.clear()


@pytest.mark.parametrize(
    ("contact", "reason"),
    [
        ("<sip:bob@a.invalid>;q=2", "Contact header: q is a number from 0 to 1"),
        ("<tel:+4930>", "Contact header: Not a SIP URI"),
        (f"<sip:{'b' * 1000}@a.invalid>", "Contact header: too long"),
    ],
)
def test_contacts_that_cannot_be_kept(stage: Stage, bob: Person, contact: str, reason: str) -> None:
    answer = _registers(bob, contact)
    assert (answer.status, answer.reason) == (400, reason)
    assert stage.phones == {}


def test_mallory_registers_for_nobody_else(stage: Stage) -> None:
    """Not for Bob, not for a domain of others, not with a wrong password."""
    mallory = stage.person("mallory")
    bob = stage.person("bob")
    assert _registers(mallory, "<sip:m@a.invalid>", to=f"<{BOB}>").status == 403
    assert _registers(mallory, "<sip:m@a.invalid>", to="<sip:mallory@else.test>").status == 403
    elsewhere = "sip:elsewhere.test"
    mallory.sends("REGISTER", elsewhere, to=f"<sip:mallory@{DOMAIN}>")
    mallory.gets("404")
    mallory.name, mallory.password = "bob", "guessed"
    mallory.sends("REGISTER", f"sip:{DOMAIN}", to=f"<{BOB}>")
    mallory.gets("401")
    assert _asks(bob) == []


# -- RFC 5626 ----------------------------------------------------------------


def _flow(instance: str, reg_id: int, host: str = "bob.invalid") -> str:
    return f"<sip:bob@{host};transport=ws>;+sip.instance={instance};reg-id={reg_id}"


def test_outbound(stage: Stage, bob: Person) -> None:
    """6: known by instance and reg-id, said by Require, with a time for keep-alives."""
    answer = _registers(bob, _flow(ONE, 1), Supported="path, outbound, gruu")
    assert answer.get("require") == "outbound"
    assert answer.get("flow-timer") == "120"
    again = _registers(bob, _flow(ONE, 1, "moved.invalid"), Supported="path, outbound")
    assert _contacts(again) == ["sip:bob@moved.invalid;transport=ws"]
    plain = _registers(bob, "<sip:bob@plain.invalid>", Supported="outbound")
    assert plain.get("require") is None


def test_the_number_of_a_flow_starts_at_one(bob: Person) -> None:
    """4.2: 0 is none, and 01 is 1."""
    none = _registers(bob, _flow(ONE, 0, "zero.invalid"), Supported="outbound")
    assert (none.status, none.get("require")) == (200, None)
    _registers(bob, _flow(TWO, 1), Supported="outbound")
    again = _registers(bob, f"<sip:bob@new.invalid>;+sip.instance={TWO};reg-id=01")
    assert sorted(_contacts(again)) == [
        "sip:bob@new.invalid",
        "sip:bob@zero.invalid;transport=ws",
    ]


def test_the_newest_flow_of_a_phone_is_taken(stage: Stage, bob: Person) -> None:
    """7: one branch for each phone; the other flow is there when the newest has died."""
    first = bob.flow
    _registers(bob, _flow(ONE, 1), Supported="outbound")
    bob.connects()
    stage.passes(1)
    _registers(bob, _flow(ONE, 2), Supported="outbound")
    found = stage.switchboard._registrar.phones(BOB, stage.now)
    assert [phone.flow for phone in found] == [bob.flow]
    bob.disconnects()
    found = stage.switchboard._registrar.phones(BOB, stage.now)
    assert [phone.flow for phone in found] == [first]


def test_a_dead_flow_takes_its_bindings_with_it(stage: Stage, bob: Person) -> None:
    alice = stage.person("alice")
    bob.registers()
    bob.disconnects()
    alice.sends("INVITE", BOB, body=OFFER)
    alice.gets("480")
    assert stage.phones == {}


def test_a_desk_phone_whose_connection_is_gone_is_connected_to(stage: Stage) -> None:
    """Where it names a port at its address, and only then: it may have closed what it opened."""
    bob = stage.person("bob", transport=Transport.TCP)
    contact = f"<sip:bob@{bob.host}:5070;transport=tcp>"
    assert _registers(bob, contact).status == 200
    before = Person(stage, "bob", transport=Transport.TCP)
    stage.found_again[bob.host, 5070] = before.flow
    bob.disconnects()
    found = stage.switchboard._registrar.phones(BOB, stage.now)
    assert [phone.flow for phone in found] == [before.flow]
    stage.found_again.clear()
    before.disconnects()
    assert stage.switchboard._registrar.phones(BOB, stage.now) == []
    assert stage.phones == {}


def test_a_first_hop_that_knows_nothing_of_flows(bob: Person) -> None:
    """6: 439 where outbound is wanted, else the reg-id is as if it were not there."""
    far = "SIP/2.0/UDP phone.invalid;branch=z9hG4bK-far"
    refused = _registers(bob, _flow(ONE, 1), Via=far, Supported="outbound")
    assert refused.status == 439
    knowing = _registers(
        bob, _flow(ONE, 1), Via=far, Supported="outbound", Path="<sip:e.test;lr;ob>"
    )
    assert (knowing.status, knowing.get("require")) == (200, "outbound")
    ignored = _registers(bob, _flow(TWO, 1), Via=far)
    assert ignored.status == 200
    again = _registers(bob, _flow(TWO, 1, "else.invalid"), Via=far)
    assert len(_contacts(again)) == 3


def test_two_flows_in_one_request(stage: Stage, bob: Person) -> None:
    answer = _registers(bob, _flow(ONE, 1), _flow(ONE, 2), Supported="outbound")
    assert answer.status == 400
    assert stage.phones == {}


# -- RFC 3327 ----------------------------------------------------------------


def test_path_is_kept_given_back_and_gone(stage: Stage, bob: Person) -> None:
    """5.3, 5.4: a call takes the proxies by which the phone registered."""
    alice = stage.person("alice")
    path = "<sip:edge.test;lr>, <sip:inner.test;lr>"
    answer = _registers(bob, "<sip:bob@a.invalid>", Path=path, Supported="path")
    assert answer.get("path") == path
    alice.sends("INVITE", BOB, body=OFFER)
    invite = bob.gets("INVITE")
    assert [str(route.uri) for route in invite.every(headers.ROUTE)] == [
        "sip:edge.test;lr",
        "sip:inner.test;lr",
    ]
    stage.restarts()
    assert len(stage.phones) == 0, "a browser comes back by itself"


# -- RFC 5627 ----------------------------------------------------------------


def _gruu(answer: Response) -> str:
    found = re.search(r'pub-gruu="([^"]+)"', answer.get("contact") or "")
    assert found is not None, answer.get("contact")
    return found[1]


def test_a_gruu_reaches_one_phone(stage: Stage) -> None:
    alice, bob = stage.person("alice"), stage.person("bob")
    gruu = _gruu(_registers(bob, _flow(ONE, 1, "a.invalid"), Supported="gruu"))
    assert gruu == f"{BOB};gr=urn:uuid:00000000-0000-1000-8000-00000000000A"
    _registers(bob, _flow(TWO, 1, "b.invalid"), Supported="gruu")
    alice.sends("INVITE", gruu, body=OFFER)
    invite = bob.gets("INVITE")
    assert isinstance(invite, Request)
    assert invite.uri == "sip:bob@a.invalid;transport=ws"
    stage.is_quiet()


def test_a_gruu_whose_phone_is_away_and_one_of_nobody(stage: Stage) -> None:
    """5.1: 480 and 404; also after a restart."""
    alice, bob = stage.person("alice"), stage.person("bob")
    gruu = _gruu(_registers(bob, _flow(ONE, 1), Supported="gruu"))
    _registers(bob, f"{_flow(ONE, 1)};expires=0")
    bob.registers(contact="<sip:bob@other.invalid>")
    alice.sends("INVITE", gruu, body=OFFER)
    alice.gets("480")
    alice.sends("INVITE", f"{BOB};gr=urn:uuid:none", body=OFFER)
    alice.gets("404")
    stage.restarts(away=((BOB, ONE.strip('"<>')),))
    alice.sends("INVITE", gruu, body=OFFER)
    alice.gets("480")


def test_who_does_not_ask_gets_no_gruu(stage: Stage) -> None:
    bob = stage.person("bob")
    assert "gruu" not in (_registers(bob, _flow(ONE, 1)).get("contact") or "")
    stage.conference()
    guest = stage.person("guest-1", guest_of=ConferenceId(1))
    answer = _registers(guest, _flow(ONE, 1), Supported="gruu", to=f"<sip:guest-1@{DOMAIN}>")
    assert "gruu" not in (answer.get("contact") or "")


# -- what is written down ------------------------------------------------------


def test_a_refresh_is_written_later_than_a_change(stage: Stage, bob: Person) -> None:
    """New phones and other flows at once, the rest by and by and together."""
    contact = "<sip:bob@a.invalid>"
    bob.sends("REGISTER", f"sip:{DOMAIN}", to=f"<{BOB}>", contact=contact)
    call_id = bob.gets("200").must(headers.CALL_ID)
    assert stage.phones == {}
    stage.passes(0.2)
    (first,) = stage.phones.values()
    stage.passes(60)
    again = bob.request("REGISTER", f"sip:{DOMAIN}", to=f"<{BOB}>", contact=contact)
    again = _authorized(bob, again, call_id)
    again.append("Contact", contact)
    bob.feeds(again)
    bob.gets("200")
    stage.passes(1)
    assert stage.phones == {first.name: first}
    stage.passes(5)
    (second,) = stage.phones.values()
    assert (second.since, second.expires_at - first.expires_at > 59) == (first.since, True)


def test_a_desk_phone_is_reached_after_a_restart(stage: Stage) -> None:
    """Its pair of addresses is its flow; a browser has to come back."""
    alice = stage.person("alice")
    desk = stage.person("bob", transport=Transport.UDP)
    bob = stage.person("carol")
    desk.registers(contact="<sip:bob@192.0.2.1:5061>", User_Agent="Desk 1.0")
    bob.registers()
    stage.passes(1)
    assert len(stage.phones) == 2
    number = stage.people["bob"].connects(Transport.UDP)
    stage.found_again["192.0.2.1", 5061] = number
    stage.found_again.pop(("", 0), None)
    stage.restarts()
    stage.passes(1)
    kept = stage.phones[BOB, "sip:bob@192.0.2.1:5061"]
    assert (kept.flow, kept.user_agent) == (number.id, "Desk 1.0")
    alice.sends("INVITE", BOB, body=OFFER)
    desk.gets("INVITE")


def test_what_has_expired_is_forgotten(stage: Stage, bob: Person) -> None:
    _registers(bob, "<sip:bob@a.invalid>", Expires="30")
    stage.passes(1)
    assert len(stage.phones) == 1
    stage.passes(120)
    assert stage.phones == {}
    assert len(stage.switchboard._registrar._location) == 0


def test_a_registration_that_was_ended_stays_ended(stage: Stage) -> None:
    """The same phone started anew is another one; also after a restart."""
    alice, bob = stage.person("alice"), stage.person("bob")
    contact = "<sip:bob@a.invalid>"
    bob.sends("REGISTER", f"sip:{DOMAIN}", to=f"<{BOB}>", contact=contact)
    call_id = bob.gets("200").must(headers.CALL_ID)
    stage.happens(PhonesEnded(((BOB, "sip:bob@a.invalid", call_id),)))
    alice.sends("INVITE", BOB, body=OFFER)
    alice.gets("480")
    for _ in range(2):
        again = bob.request("REGISTER", f"sip:{DOMAIN}", to=f"<{BOB}>", contact=contact)
        bob.feeds(_authorized(bob, again, call_id))
        refused = bob.gets("403")
        assert isinstance(refused, Response)
        assert refused.reason == "This Registration Was Ended"
        stage.restarts((BOB, call_id))
    bob.registers(contact=contact)
    stage.happens(PhonesEnded(((BOB, "sip:bob@a.invalid", call_id),)))
    assert stage.switchboard._registrar.phones(BOB, stage.now), "begun since"


def test_a_phone_that_was_quicker_than_the_restart(stage: Stage) -> None:
    """What it says now counts, not what was written down."""
    bob = stage.person("bob", transport=Transport.UDP)
    bob.registers(contact="<sip:bob@192.0.2.1:5061>")
    stage.passes(1)
    old: Flow = bob.connects(Transport.UDP)
    new = bob.connects(Transport.UDP)
    kept = dict(stage.phones)
    stage.restarts()
    bob.registers(contact="<sip:bob@192.0.2.1:5061>")
    stage.found_again["192.0.2.1", 5061] = old
    stage.phones = kept
    stage.happens(stage.memories())
    found = stage.switchboard._registrar.phones(BOB, stage.now)
    assert [phone.flow for phone in found] == [new]


def test_who_is_registered_is_found_by_all_processes() -> None:
    """The 200 waits for the binding to be written down; a mere refresh does not."""
    stage = Stage(name="0000abcd")
    bob = stage.person("bob")
    register = ("REGISTER", f"sip:{DOMAIN}")
    fields = {"to": f"<{BOB}>", "call_id": "of-bobs-phone"}
    bob.sends(*register, **fields)
    assert (bob.inbox, stage.phones) == ([], {})
    stage.passes(CONFIRMED_WITHIN)
    assert [entry.aor for entry in stage.phones.values()] == [BOB]
    bob.gets("200")
    bob.sends(*register, **fields)
    bob.gets("200")


def test_who_registers_and_is_gone_at_once_is_answered_twice() -> None:
    """What waits to be written down, and is forgotten meanwhile, keeps nobody waiting."""
    stage = Stage(name="0000abcd")
    bob = stage.person("bob")
    contact = "<sip:bob@bob.invalid>"
    bob.sends("REGISTER", f"sip:{DOMAIN}", to=f"<{BOB}>", contact=contact)
    bob.sends("REGISTER", f"sip:{DOMAIN}", to=f"<{BOB}>", contact=f"{contact};expires=0")
    bob.gets("200")
    assert bob.inbox == []
    stage.passes(CONFIRMED_WITHIN)
    bob.gets("200")
    assert stage.phones == {}


# -- a flow that fails: RFC 5626 7 and 11.3 ------------------------------------


def _two_flows(stage: Stage, bob: Person) -> Person:
    """A second flow of Bob's phone, the newest."""
    _registers(bob, _flow(ONE, 1, "one.invalid"), Supported="outbound")
    stage.passes(1)
    newest = Person(stage, "bob")
    newest._numbers = itertools.count(1000)
    stage.people["bob's newest flow"] = newest
    _registers(newest, _flow(ONE, 2, "two.invalid"), Supported="outbound")
    return newest


def _takes(person: Person, method: str) -> Request:
    received = person.gets(method)
    assert isinstance(received, Request)
    return received


def test_a_call_goes_by_the_other_flow_of_a_phone_when_the_newest_fails(
    stage: Stage, bob: Person
) -> None:
    alice, newest = stage.person("alice"), _two_flows(stage, bob)
    request = alice.sends("INVITE", BOB, body=OFFER)
    newest.replies(_takes(newest, "INVITE"), 430)
    newest.gets("ACK")
    invite = _takes(bob, "INVITE")
    assert invite.uri == "sip:bob@one.invalid;transport=ws"
    bob.replies(invite, 200, body=OFFER)
    bob.gets("ACK")
    alice.accepts(request, alice.gets("200"))
    alice.in_dialog("BYE")
    alice.gets("200")
    bob.gets("BYE")
    assert not stage.switchboard.occupied
    stage.is_quiet()


def test_a_call_goes_by_the_other_flow_when_the_newest_dies_while_it_rings(
    stage: Stage, bob: Person
) -> None:
    alice, newest = stage.person("alice"), _two_flows(stage, bob)
    request = alice.sends("INVITE", BOB, body=OFFER)
    newest.replies(_takes(newest, "INVITE"), 180)
    alice.gets("180")
    newest.disconnects()
    bob.replies(_takes(bob, "INVITE"), 200, body=OFFER)
    bob.gets("ACK")
    alice.accepts(request, alice.gets("200"))
    stage.is_quiet()


@pytest.mark.parametrize("dies", [True, False])
def test_a_text_goes_by_the_other_flow(stage: Stage, bob: Person, *, dies: bool) -> None:
    alice, newest = stage.person("alice"), _two_flows(stage, bob)
    alice.sends("MESSAGE", BOB, body="Hello", content_type="text/plain")
    text = _takes(newest, "MESSAGE")
    if dies:
        newest.disconnects()
    else:
        newest.replies(text, 430)
    again = _takes(bob, "MESSAGE")
    assert (again.uri, again.body) == ("sip:bob@one.invalid;transport=ws", b"Hello")
    bob.replies(again, 200)
    alice.gets("200")
    stage.is_quiet()


def test_no_caller_hears_of_flows(stage: Stage, bob: Person) -> None:
    """430 is for whoever chose the flow (11.3)."""
    alice, newest = stage.person("alice"), _two_flows(stage, bob)
    for method, body in (("MESSAGE", "Hello"), ("INVITE", OFFER)):
        kind = "application/sdp" if method == "INVITE" else "text/plain"
        alice.sends(method, BOB, body=body, content_type=kind)
        for one in (newest, bob):
            one.replies(_takes(one, method), 430)
            one.inbox.clear()  # an ACK
        alice.gets("480")
    assert not stage.switchboard.occupied


def test_a_conference_calls_by_the_other_flow(stage: Stage, bob: Person) -> None:
    newest = _two_flows(stage, bob)
    stage.joined("alice")
    stage.calls("bob")
    newest.replies(_takes(newest, "INVITE"), 430)
    newest.gets("ACK")
    bob.replies(_takes(bob, "INVITE"), 200, body=OFFER)
    bob.gets("ACK")
    assert stage.roster() == ["alice", "bob"]


def test_a_secure_call_goes_by_secure_flows_alone() -> None:
    """RFC 3261 26.2.2: the next flow may be none."""
    plain = Flow(FlowId(1), Transport.TCP, "192.0.2.1", 1, "192.0.2.9", 5060)
    safe = replace(plain, id=FlowId(2), transport=Transport.TLS)
    first, second = Phone("sip:one@bob.invalid", plain), Phone("sip:two@bob.invalid", safe)
    assert over_tls([replace(first, others=(second,))]) == [second]
    assert over_tls([replace(second, others=(first,))]) == [second]
    assert over_tls([first]) == []
