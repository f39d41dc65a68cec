"""REFER with its extensions: RFC 4488, 4538, 5366, 5368, 7614 and 7647, and links (C18)."""

from __future__ import annotations

import pytest

from conferences.policy import Refusal, Role
from sipgateway.focus.facts import AskRefused, LinkShown
from sipgateway.sip import headers
from sipgateway.sip.message import Request, Response
from sipgateway.sip.uri import parse_sip_uri
from tests.stage import ANSWER, DOMAIN, OFFER, Person, Stage

CONFERENCE = f"sip:4711@{DOMAIN}"
LIST = "application/resource-lists+xml"


def _list(*uris: str) -> str:
    entries = "".join(f'<entry uri="{uri}"/>' for uri in uris)
    namespace = "urn:ietf:params:xml:ns:resource-lists"
    return f'<resource-lists xmlns="{namespace}"><list>{entries}</list></resource-lists>'


def _refers_many(person: Person, *uris: str, refer_to: str = "<cid:list@conf.test>") -> None:
    """RFC 5368, figure 3."""
    person.sends(
        "REFER",
        CONFERENCE,
        body=_list(*uris),
        Refer_To=refer_to,
        Refer_Sub="false",
        Require="multiple-refer, norefersub",
        Content_ID="<list@conf.test>",
        Content_Disposition="recipient-list",
        content_type=LIST,
    )


def _phone(stage: Stage, name: str) -> Person:
    person = stage.person(name)
    person.registers()
    return person


# --- Nobody is told (RFC 4488, RFC 7614 5) -------------------------------------------


def test_refer_sub_false(stage: Stage) -> None:
    alice, carol = stage.joined("alice"), _phone(stage, "carol")
    alice.sends("REFER", CONFERENCE, Refer_To=f"<sip:carol@{DOMAIN}>", Refer_Sub="false")
    alice.gets("202", refer_sub="false")
    invite = carol.gets("INVITE")
    assert isinstance(invite, Request)
    carol.replies(invite, 200, body=OFFER)
    carol.gets("ACK")
    assert stage.roster() == ["alice", "carol"]
    stage.is_quiet()


def test_nosub(stage: Stage) -> None:
    """RFC 7614 5: 200, no subscription, and no dialog by the REFER."""
    alice, carol = stage.joined("alice"), _phone(stage, "carol")
    alice.in_dialog("REFER", Refer_To=f"<sip:carol@{DOMAIN}>", Require="nosub")
    assert alice.gets("200").get("contact") == f"<sip:4711@{DOMAIN}>;isfocus"
    carol.gets("INVITE")
    stage.is_quiet()


# --- Whoever wants to know subscribes (RFC 7614 4) -----------------------------------


def _explicit(person: Person) -> str:
    """The address at which one may subscribe."""
    person.in_dialog("REFER", Refer_To=f"<sip:carol@{DOMAIN}>", Require="explicitsub")
    accepted = person.gets("200")
    assert accepted.must(headers.CONTACT).uri == parse_sip_uri(f"sip:4711@{DOMAIN}")
    at = accepted.get("refer-events-at") or ""
    assert at.startswith("<sip:refer-")
    return at.strip("<>")


def test_an_explicit_subscription(stage: Stage) -> None:
    alice, carol = stage.joined("alice"), _phone(stage, "carol")
    at = _explicit(alice)
    invite = carol.gets("INVITE")
    assert isinstance(invite, Request)
    alice.sends("SUBSCRIBE", at, Event="refer")
    alice.gets("200", expires="180")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 100 Trying", terminated=False)
    carol.replies(invite, 180)
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 180 Ringing", terminated=False)
    carol.replies(invite, 200, body=OFFER)
    carol.gets("ACK")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 200 OK", terminated=True)
    stage.is_quiet()


def test_who_subscribes_late_reads_how_it_ended(stage: Stage) -> None:
    """RFC 7614 4.7: for 64 s; after that there is nothing at that address."""
    alice, carol = stage.joined("alice"), _phone(stage, "carol")
    at = _explicit(alice)
    invite = carol.gets("INVITE")
    assert isinstance(invite, Request)
    carol.replies(invite, 603)
    carol.gets("ACK")
    stage.passes(30)
    alice.sends("SUBSCRIBE", at, Event="refer")
    alice.gets("200")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 603 Decline", terminated=True)
    stage.passes(40)
    alice.sends("SUBSCRIBE", at, Event="refer")
    alice.gets("404")
    stage.is_quiet()


def test_the_address_of_anothers_refer_tells_mallory_nothing(stage: Stage) -> None:
    alice, mallory = stage.joined("alice"), stage.person("mallory")
    _phone(stage, "carol")
    at = _explicit(alice)
    mallory.sends("SUBSCRIBE", at, Event="refer")
    mallory.gets("403")
    alice.sends("SUBSCRIBE", at, Event="conference")
    alice.gets("489", allow_events="refer")
    alice.sends("OPTIONS", at)
    alice.gets("405", allow="SUBSCRIBE")
    alice.sends("SUBSCRIBE", at, Event="refer", Expires="3")
    alice.gets("423", min_expires="10")
    alice.sends("SUBSCRIBE", at, Event="refer", Expires="0")
    alice.gets("200", expires="0")
    alice.gets("NOTIFY", event="refer", terminated=True)


# --- Target-Dialog (RFC 4538) --------------------------------------------------------


def _dialog_of(person: Person) -> str:
    """A person's call as the focus sees it: local is the focus's tag."""
    local = person.to["call"].partition("tag=")[2]
    return f"{person.call_id};local-tag={local};remote-tag={person.name}"


def test_a_refer_may_name_the_call_that_it_belongs_to(stage: Stage) -> None:
    alice, carol = stage.joined("alice"), _phone(stage, "carol")
    target = {"Refer_To": f"<sip:carol@{DOMAIN}>", "Require": "tdialog"}
    alice.sends("REFER", CONFERENCE, Target_Dialog=_dialog_of(alice), **target)
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    carol.gets("INVITE")


def test_who_names_anothers_call_is_refused(stage: Stage) -> None:
    """To know a dialog's identifiers is not to be the one whose dialog it is."""
    stage.conference("4711", participants_may_add=True)
    alice, mallory = stage.joined("alice"), stage.joined("mallory")
    carol = _phone(stage, "carol")
    wish = f"<sip:carol@{DOMAIN}>"
    mallory.sends("REFER", CONFERENCE, Refer_To=wish, Target_Dialog=_dialog_of(alice))
    mallory.gets("403")
    assert carol.inbox == []
    mallory.sends("REFER", CONFERENCE, Refer_To=wish, Target_Dialog="x;local-tag=1;remote-tag=2")
    mallory.gets("202")
    mallory.sends("REFER", CONFERENCE, Refer_To=wish, Target_Dialog="nonsense")
    mallory.skips("400")


# --- Several targets (RFC 5368) ------------------------------------------------------


def test_one_refer_calls_several(stage: Stage) -> None:
    alice = stage.joined("alice")
    bob, carol = _phone(stage, "bob"), _phone(stage, "carol")
    _refers_many(alice, f"sip:bob@{DOMAIN}", f"sip:carol@{DOMAIN}", f"sip:bob@{DOMAIN}")
    alice.gets("202", refer_sub="false")
    for person in (bob, carol):
        invite = person.gets("INVITE", referred_by=f"<sip:alice@{DOMAIN}>")
        assert isinstance(invite, Request)
        person.replies(invite, 200, body=OFFER)
        person.gets("ACK")
    assert stage.roster() == ["alice", "bob", "carol"]
    stage.is_quiet()


@pytest.mark.parametrize("spelling", ["?method=BYE", ";method=BYE"])
def test_mass_ejection(stage: Stage, spelling: str) -> None:
    """RFC 5368 figure 2: a BYE to each."""
    alice, bob, carol = (stage.joined(name) for name in ("alice", "bob", "carol"))
    _refers_many(alice, f"sip:bob@{DOMAIN}{spelling}", f"sip:carol@{DOMAIN}{spelling}")
    alice.gets("202", refer_sub="false")
    bob.gets("BYE")
    carol.gets("BYE")
    assert stage.roster() == ["alice"]


def test_c26_mass_ejection_by_a_method_for_all(stage: Stage) -> None:
    """Behind the angles, as of a single target; nobody who was to go is called instead."""
    alice, bob, carol = (stage.joined(name) for name in ("alice", "bob", "carol"))
    everybody = (f"sip:bob@{DOMAIN}", f"sip:carol@{DOMAIN}")
    _refers_many(alice, *everybody, refer_to="<cid:list@conf.test>;method=BYE")
    alice.gets("202", refer_sub="false")
    bob.gets("BYE")
    carol.gets("BYE")
    assert stage.roster() == ["alice"]


def test_mallory_does_nothing_to_nobody_by_a_list(stage: Stage) -> None:
    """One that is not allowed, and nothing of the list is done."""
    stage.conference(
        "4711", roles={f"sip:alice@{DOMAIN}": Role.ORGANIZER, f"sip:bob@{DOMAIN}": Role.MODERATOR}
    )
    alice, bob, mallory = (stage.joined(name) for name in ("alice", "bob", "mallory"))
    carol = _phone(stage, "carol")
    _refers_many(mallory, f"sip:mallory@{DOMAIN};method=BYE", f"sip:bob@{DOMAIN};method=BYE")
    mallory.gets("403")
    _refers_many(mallory, f"sip:carol@{DOMAIN}")
    mallory.gets("403")
    _refers_many(bob, f"sip:carol@{DOMAIN}", f"sip:alice@{DOMAIN};method=BYE")
    bob.gets("403")
    assert carol.inbox == alice.inbox == []
    assert stage.roster() == ["alice", "bob", "mallory"]


@pytest.mark.parametrize(
    ("uris", "refer_to", "status"),
    [
        (("sip:carol@conf.test",), "<cid:another@conf.test>", "400"),
        ((), "<cid:list@conf.test>", "400"),
        (("nonsense",), "<cid:list@conf.test>", "400"),
        (("sip:carol@conf.test;method=SUBSCRIBE",), "<cid:list@conf.test>", "501"),
        (("sip:a@conf.test", "sip:b@conf.test;method=REFER"), "<cid:list@conf.test>", "501"),
    ],
)
def test_a_list_that_cannot_be_done(
    stage: Stage, uris: tuple[str, ...], refer_to: str, status: str
) -> None:
    alice, carol = stage.joined("alice"), _phone(stage, "carol")
    _refers_many(alice, *uris, refer_to=refer_to)
    alice.gets(status)
    assert carol.inbox == []
    stage.is_quiet()


# --- A list in the INVITE (RFC 5366) -------------------------------------------------


def _with_list(*uris: str) -> str:
    parts = [("application/sdp", "session", OFFER), (LIST, "recipient-list", _list(*uris))]
    blocks = [
        f"--b\r\nContent-Type: {kind}\r\nContent-Disposition: {what}\r\n\r\n{body}\r\n"
        for kind, what, body in parts
    ]
    return "".join(blocks) + "--b--\r\n"


def _invites(person: Person, uri: str, *uris: str) -> Request:
    return person.sends(
        "INVITE",
        uri,
        body=_with_list(*uris),
        Require="recipient-list-invite",
        content_type="multipart/mixed;boundary=b",
    )


def test_the_factory_calls_a_list(stage: Stage) -> None:
    """RFC 5366 figure 1: the conference is created, and all are called in."""
    alice = stage.person("alice")
    bob, carol = _phone(stage, "bob"), _phone(stage, "carol")
    request = _invites(
        alice, f"sip:conference-factory@{DOMAIN}", f"sip:bob@{DOMAIN}", f"sip:carol@{DOMAIN}"
    )
    created = alice.gets("200", body=ANSWER)
    alice.accepts(request, created)
    for person in (bob, carol):
        invite = person.gets("INVITE", contact=created.get("contact") or "")
        assert isinstance(invite, Request)
        person.replies(invite, 200, body=OFFER)
        person.gets("ACK")
    stage.is_quiet()


def test_a_list_that_names_its_sender_does_not_ring_him(stage: Stage) -> None:
    """He is in by this very call (RFC 5366), whatever other phones of his there are."""
    alice, carol = _phone(stage, "alice"), _phone(stage, "carol")
    names = (f"sip:ALICE@{DOMAIN}", f"sip:alice@{DOMAIN};transport=tcp", f"sip:carol@{DOMAIN}")
    request = _invites(alice, f"sip:conference-factory@{DOMAIN}", *names)
    alice.accepts(request, alice.gets("200"))
    carol.gets("INVITE")
    stage.is_quiet()


def test_a_list_needs_the_right_to_add(stage: Stage) -> None:
    """403 before anybody is called, and a list that is none loses nothing but itself."""
    mallory, carol = stage.person("mallory"), _phone(stage, "carol")
    _invites(mallory, CONFERENCE, f"sip:carol@{DOMAIN}")
    mallory.gets("403")
    alice = stage.person("alice")
    _invites(alice, CONFERENCE, f"sip:carol@{DOMAIN};method=BYE")
    alice.gets("400")
    _invites(alice, CONFERENCE, "nonsense")
    alice.gets("400")
    assert carol.inbox == []
    assert stage.switchboard.live == []


@pytest.mark.parametrize("where", ["carol", "conference-app"])
def test_a_list_to_who_makes_no_conference(stage: Stage, where: str) -> None:
    _phone(stage, "carol")
    alice = stage.person("alice")
    _invites(alice, f"sip:{where}@{DOMAIN}", f"sip:bob@{DOMAIN}")
    alice.gets("420", unsupported="recipient-list-invite")


# --- C18: what is no call is shown ---------------------------------------------------


@pytest.mark.parametrize(
    "link", ["https://agenda.example/today", "http://x.example", "im:carol@example.com"]
)
def test_c18_a_link_is_shown_to_all_and_fetched_by_nobody(stage: Stage, link: str) -> None:
    alice, bob = stage.joined("alice"), stage.joined("bob")
    alice.sends("REFER", CONFERENCE, Refer_To=f"<{link}>")
    alice.gets("202")
    shown = bob.gets("MESSAGE", body=link)
    assert f"sip:alice@{DOMAIN}" in (shown.get("from") or "")
    assert isinstance(shown, Request)
    bob.replies(shown, 200)
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 100 Trying")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 200 OK", terminated=True)
    assert LinkShown(link, f"sip:alice@{DOMAIN}") in stage.facts
    stage.is_quiet()


@pytest.mark.parametrize("link", ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x"])
def test_what_is_no_link_is_not_shown(stage: Stage, link: str) -> None:
    alice, bob = stage.joined("alice"), stage.joined("bob")
    alice.sends("REFER", CONFERENCE, Refer_To=f"<{link}>")
    alice.gets("488")
    assert bob.inbox == []


def test_mallory_shows_nothing_from_outside(stage: Stage) -> None:
    bob, mallory = stage.joined("bob"), stage.person("mallory")
    mallory.sends("REFER", CONFERENCE, Refer_To="<https://evil.example>")
    mallory.gets("403")
    assert bob.inbox == []


# --- Removal -------------------------------------------------------------------------


def test_all_phones_of_one_person_go(stage: Stage) -> None:
    """RFC 4579 5.11: whoever is let go is let go with every endpoint."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    bob.dials(contact="<sip:desk@bob.invalid>")
    alice.sends("REFER", CONFERENCE, Refer_To=f"<sip:bob@{DOMAIN};method=BYE>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    bob.gets("BYE")
    bob.gets("BYE")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 200 OK", terminated=True)
    assert stage.roster() == ["alice"]


def test_who_is_not_in_is_not_found(stage: Stage) -> None:
    alice = stage.joined("alice")
    alice.sends("REFER", CONFERENCE, Refer_To=f"<sip:carol@{DOMAIN};method=BYE>")
    accepted = alice.gets("202")
    assert isinstance(accepted, Response)
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 404 Not Found", terminated=True)


# --- C31: what was refused is written down, with who and by which rule ---------------


def test_c31_what_mallory_asked_for_is_in_the_history(stage: Stage) -> None:
    alice, mallory = stage.joined("alice"), stage.joined("mallory")
    me, carol = f"sip:mallory@{DOMAIN}", f"sip:carol@{DOMAIN}"
    mallory.sends("REFER", CONFERENCE, Refer_To=f"<{carol}>")
    mallory.gets("403")
    mallory.sends("REFER", CONFERENCE, Refer_To=f"<sip:alice@{DOMAIN};method=BYE>")
    mallory.gets("403")
    replaces = _dialog_of(alice).replace("local-tag", "to-tag").replace("remote-tag", "from-tag")
    mallory.sends("INVITE", CONFERENCE, body=OFFER, Replaces=replaces)
    mallory.gets("403")
    asked = [fact for fact in stage.facts if isinstance(fact, AskRefused)]
    assert asked == [
        AskRefused(me, "add", carol, Refusal.NOT_ALLOWED),
        AskRefused(me, "remove", f"sip:alice@{DOMAIN}", Refusal.NOT_ALLOWED),
        AskRefused(me, "replace", f"sip:alice@{DOMAIN}", Refusal.NOT_ALLOWED),
    ]
