"""C28: who wants to be anonymous is, to those who may not know (RFC 3323, RFC 4575 5.6)."""

from __future__ import annotations

import pytest

from conferences.policy import Announce, Anonymity, Role
from sipgateway.focus import conference_info
from sipgateway.focus.facts import Joined
from sipgateway.sip import headers
from sipgateway.sip.flow import Transport
from sipgateway.sip.message import Request, Response
from tests.stage import DOMAIN, OFFER, Info, Person, Stage

MASK = "anonymous-"


def _anonymous(stage: Stage, name: str, **fields: str) -> Person:
    """Somebody in the room who asked not to be known."""
    person = stage.person(name)
    person.dials(**{"Privacy": "id", **fields})
    return person


def _says_nothing_of(received: Request | Response, who: str) -> None:
    assert who not in received.build().decode().lower(), received.build().decode()


def _mask_of(stage: Stage, who: str) -> str:
    return f"sip:{MASK}{stage.key_of(who)}@anonymous.invalid"


def _watches(person: Person) -> Info:
    person.subscribes()
    return person.sees()


def test_c28_a_participant_reads_no_name_and_a_moderator_does(stage: Stage) -> None:
    alice, carol = stage.joined("alice"), stage.joined("carol")
    _watches(alice)
    _watches(carol)
    _anonymous(stage, "bob")
    stage.passes(1)
    assert alice.sees().users() == {"bob": "full"}
    told = carol.sees()
    (entity,) = told.users()
    assert entity == f"{MASK}{stage.key_of('bob')}"
    assert told.text("user", "display-text") == "Anonymous"
    _says_nothing_of(told.message, "bob")
    assert [fact.private for fact in stage.facts if isinstance(fact, Joined)][-1]
    stage.is_quiet()


def test_c28_every_way_to_ask_for_it(stage: Stage) -> None:
    """Privacy with any of its values, `none`, and the From of RFC 3323 4.1.1.3."""
    carol = stage.joined("carol")
    _watches(carol)
    for number, (value, hidden) in enumerate(
        [("id", True), ("user;critical", True), ("header", True), ("none", False), ("x", False)]
    ):
        _anonymous(stage, f"guest{number}", Privacy=value)
        stage.passes(1)
        (entity,) = carol.sees().users()
        assert entity.startswith(MASK) is hidden, value
    bob = stage.person("bob")
    request = bob.request("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    nobody = "<sip:anonymous@anonymous.invalid>;tag=bob"
    request.put(headers.FROM, headers.parse_name_addr(nobody))
    bob.feeds(request)
    challenge = bob.gets("401")
    assert isinstance(challenge, Response)
    bob.feeds(bob.ack(challenge, request))
    again = bob.request(
        "INVITE", f"sip:4711@{DOMAIN}", body=OFFER, call_id=request.must(headers.CALL_ID)
    )
    again.put(headers.FROM, headers.parse_name_addr(nobody))
    again.append("Authorization", bob.credentials(challenge, "INVITE", again.uri))
    bob.feeds(again)
    bob.accepts(again, bob.gets("200"))
    stage.passes(1)
    (entity,) = carol.sees().users()
    assert entity.startswith(MASK)


def test_c28_nobody_is_let_in_for_being_nobody(stage: Stage) -> None:
    """Identity is proved all the same: without credentials there is a challenge."""
    mallory = stage.person("mallory")
    mallory.feeds(mallory.request("INVITE", f"sip:4711@{DOMAIN}", body=OFFER, Privacy="id"))
    mallory.gets("401")
    assert stage.roster() == []


def test_c28_who_sees_is_a_matter_of_policy(stage: Stage) -> None:
    stage.changes(anonymity=Anonymity.STRICT)
    alice = stage.joined("alice")
    _watches(alice)
    _anonymous(stage, "bob")
    stage.passes(1)
    told = alice.sees()
    assert [name.startswith(MASK) for name in told.users()] == [True]
    stage.changes(anonymity=Anonymity.ASKED)
    stage.passes(1)
    assert alice.sees().users() == {"alice": "full", "bob": "full"}
    stage.is_quiet()


def test_c28_a_hall_where_nobody_sees_the_others(stage: Stage) -> None:
    """The organizer is seen by all, the others by her alone."""
    stage.changes(anonymity=Anonymity.ALL)
    alice, bob, carol = stage.joined("alice"), stage.joined("bob"), stage.joined("carol")
    assert sorted(_watches(alice).users()) == ["alice", "bob", "carol"]
    seen = _watches(bob)
    assert sorted(name.split("-")[0] for name in seen.users()) == [
        "alice",
        "anonymous",
        "anonymous",
    ]
    assert len(set(seen.users())) == 3
    _says_nothing_of(seen.message, "carol")
    stage.changes(roles={**stage.snapshots["4711"].roles, carol.identity.uri: Role.MODERATOR})
    stage.passes(1)
    told = bob.sees()
    assert told.users()["carol"] == "full"
    assert len(told.users()) == 2  # and the one without a name is gone
    alice.inbox.clear()


def test_c28_leaving_and_being_removed_name_nobody(stage: Stage) -> None:
    stage.changes(roles={**stage.snapshots["4711"].roles, f"sip:bob@{DOMAIN}": Role.MODERATOR})
    bob, carol = _anonymous(stage, "bob"), stage.joined("carol")
    mallory = stage.joined("mallory")
    _watches(carol)
    stage.removes("mallory", by=f"sip:bob@{DOMAIN}", reason="noise")
    bye = mallory.gets("BYE", reason="Removed by a moderator: noise")
    _says_nothing_of(bye, "bob")
    stage.passes(1)
    told = carol.sees()
    told = carol.sees() if told.users() == {"mallory": "partial"} else told
    assert told.users() == {"mallory": "deleted"}
    assert (
        told.text("disconnection-info", "by")
        == f"sip:{MASK}{stage.key_of('bob')}@anonymous.invalid"
    )
    _says_nothing_of(told.message, "bob")
    bob.in_dialog("BYE")
    bob.gets("200")
    stage.passes(1)
    gone = carol.sees()
    assert list(gone.users().values()) == ["deleted"]
    _says_nothing_of(gone.message, "bob")
    stage.is_quiet()


def test_c28_texts_come_from_nobody(stage: Stage) -> None:
    alice, carol, bob = stage.joined("alice"), stage.joined("carol"), _anonymous(stage, "bob")
    bob.sends("MESSAGE", f"sip:4711@{DOMAIN}", Content_Type="text/plain")
    bob.gets("202")
    alice.gets("MESSAGE", from_=f"<sip:bob@{DOMAIN}>")
    told = carol.gets("MESSAGE", from_=_mask_of(stage, "bob"))
    _says_nothing_of(told, "bob")
    carol.sends("MESSAGE", f"sip:4711@{DOMAIN}", Content_Type="text/plain", Privacy="id")
    carol.gets("202")
    alice.gets("MESSAGE", from_=f"<sip:carol@{DOMAIN}>")
    bob.gets("MESSAGE", from_="anonymous@anonymous.invalid")
    stage.is_quiet()


def test_c28_who_had_somebody_called_is_not_named(stage: Stage) -> None:
    """Referred-By and `referred` in the roster."""
    stage.changes(participants_may_add=True)
    bob, carol = _anonymous(stage, "bob"), stage.person("carol")
    carol.registers()
    _watches(carol)
    bob.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:carol@{DOMAIN}>")
    bob.gets("202")
    invite = carol.gets("INVITE", referred_by=_mask_of(stage, "bob"))
    _says_nothing_of(invite, "bob")
    stage.passes(1)
    told = carol.sees()
    assert told.text("referred", "by").startswith(f"sip:{MASK}")
    _says_nothing_of(told.message, "bob")


def test_c28_a_call_between_people(stage: Stage) -> None:
    """From and Contact of what Carol's phone gets say nothing of Bob."""
    bob, carol = stage.person("bob"), stage.person("carol")
    carol.registers()
    bob.sends("INVITE", f"sip:carol@{DOMAIN}", body=OFFER, Privacy="id")
    invite = carol.gets(
        "INVITE", from_="anonymous@anonymous.invalid", contact=f"anonymous@{DOMAIN}"
    )
    _says_nothing_of(invite, "bob")


def test_c28_a_moderator_removes_somebody_whom_he_cannot_name(stage: Stage) -> None:
    stage.changes(anonymity=Anonymity.STRICT)
    alice, bob = stage.joined("alice"), _anonymous(stage, "bob")
    target = f"<{_mask_of(stage, 'bob')};method=BYE>"
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=target)
    alice.gets("202")
    bob.gets("BYE", reason="Removed by Alice")
    assert stage.roster() == ["alice"]


@pytest.mark.parametrize(
    ("anonymity", "fields"), [(Anonymity.ASKED, {"Privacy": "id"}), (Anonymity.ALL, {})]
)
def test_c28_nobody_is_asked_to_say_a_name_that_he_hides(
    stage: Stage, anonymity: Anonymity, fields: dict[str, str]
) -> None:
    stage.changes(announce=Announce.NAMES, anonymity=anonymity)
    stage.joined("alice")
    bob = stage.person("bob", transport=Transport.UDP)
    bob.dials(**fields)
    assert stage.roster() == ["alice", "bob"]
    assert not [script for _, script in stage.media.played if "say-name" in script]


def test_two_kinds_of_viewers_cost_two_documents(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many watch, a change is written twice at the most."""
    watching = [stage.joined(f"viewer{number}") for number in range(6)]
    alice = stage.joined("alice")
    for person in [*watching, alice]:
        _watches(person)
    written: list[int] = []
    partial = conference_info.partial

    def counting(*arguments: object) -> str:
        written.append(1)
        return partial(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(conference_info, "partial", counting)
    _anonymous(stage, "bob")
    stage.passes(1)
    for person in [*watching, alice]:
        person.sees()
    assert len(written) == 2
