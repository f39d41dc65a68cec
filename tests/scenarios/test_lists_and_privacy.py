"""Who asked, and who else is asked: Privacy of a REFER (RFC 3323), lists (RFC 5364, 5366, 5368)."""

from __future__ import annotations

import pytest
from lxml import etree

from conferences import policy
from conferences.policy import Anonymity
from sipgateway.focus.facts import CallProgressed, Joined, LinkShown
from sipgateway.sip import headers
from sipgateway.sip.message import Request
from tests.stage import ANSWER, DOMAIN, OFFER, Info, Person, Stage

NOBODY = "sip:anonymous@anonymous.invalid"
CP = "urn:ietf:params:xml:ns:copycontrol"
ENTRIES = "{urn:ietf:params:xml:ns:resource-lists}entry"


def _called(stage: Stage, *names: str) -> list[Person]:
    people = [stage.person(name) for name in names]
    for person in people:
        person.registers()
    return people


def _answers(person: Person, invite: Request) -> None:
    person.replies(invite, 200, body=ANSWER)
    person.gets("ACK")


def _refers(stage: Stage, who: str, refer_to: str, **fields: str) -> Person:
    """Somebody who is not in the conference asks, and is told that it goes on."""
    asker = stage.people.get(who) or stage.person(who)
    asker.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=refer_to, **fields)
    asker.gets("202")
    asker.gets("NOTIFY", body="100 Trying")
    return asker


@pytest.mark.parametrize("privacy", ["id", "user", "header", "user;header;id"])
def test_c28_who_is_called_does_not_read_who_asked(stage: Stage, privacy: str) -> None:
    """Alice commands the conference, is not in it, and asks for privacy."""
    bob = stage.joined("bob")
    bob.subscribes()
    bob.sees()
    (carol,) = _called(stage, "carol")
    _refers(stage, "alice", f"<sip:carol@{DOMAIN}>", Privacy=privacy)
    invite = carol.gets("INVITE", referred_by=NOBODY)
    assert isinstance(invite, Request)
    assert b"alice" not in invite.build().lower()
    _answers(carol, invite)
    stage.passes(1)
    told = [one.body.decode() for one in bob.inbox]
    assert told
    assert not any("alice" in text for text in told)
    assert any(NOBODY in text for text in told)
    joined = [fact for fact in stage.facts if isinstance(fact, Joined)]
    assert joined[-1].by == NOBODY


def test_c28_without_privacy_he_reads_it(stage: Stage) -> None:
    stage.joined("bob")
    (carol,) = _called(stage, "carol")
    _refers(stage, "alice", f"<sip:carol@{DOMAIN}>", Privacy="none")
    carol.gets("INVITE", referred_by=f"sip:alice@{DOMAIN}")


def test_c28_who_is_removed_does_not_read_who_asked(stage: Stage) -> None:
    bob, carol = stage.joined("bob"), stage.joined("carol")
    carol.subscribes()
    carol.sees()
    _refers(stage, "alice", f"<sip:bob@{DOMAIN};method=BYE>", Privacy="id")
    bye = bob.gets("BYE", reason="Removed by a moderator")
    assert b"Alice" not in bye.build()
    stage.passes(1)
    assert not any("alice" in one.body.decode().lower() for one in carol.inbox)


def test_c28_a_link_without_a_name(stage: Stage) -> None:
    bob = stage.joined("bob")
    alice = stage.person("alice")
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To="<https://example.com/a>", Privacy="id")
    alice.gets("202")
    shown = bob.gets("MESSAGE", from_=NOBODY)
    assert b"alice" not in shown.build().lower()
    assert LinkShown("https://example.com/a", NOBODY) in stage.facts


def test_c28_mallory_is_refused_with_and_without_her_name(stage: Stage) -> None:
    """Privacy hides from people, never from the focus."""
    stage.joined("bob")
    _called(stage, "carol")
    mallory = stage.person("mallory")
    target = f"<sip:carol@{DOMAIN}>"
    mallory.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=target, Privacy="id")
    mallory.gets("403")


# -- lists ---------------------------------------------------------------------------


def _listed(*entries: str, namespace: str = CP) -> str:
    body = "".join(f"<entry {one}/>" for one in entries)
    return (
        f'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:cp="{namespace}">'
        f"<list>{body}</list></resource-lists>"
    )


def _entry(name: str, copy: str = "", *, hidden: bool = False) -> str:
    said = f' cp:copyControl="{copy}"' if copy else ""
    return f'uri="sip:{name}@{DOMAIN}"{said}' + (' cp:anonymize="true"' if hidden else "")


def _told(invite: Request) -> list[tuple[str, str, str]]:
    """URI, copy control and count of each entry of the list that the phone got."""
    offer, listed = invite.parts()
    assert (offer.media_type.value, offer.body.decode()) == ("application/sdp", ANSWER)
    assert listed.disposition.value == "recipient-list-history"
    assert listed.disposition.param("handling") == "optional"
    return [
        (
            one.get("uri") or "",
            one.get(f"{{{CP}}}copyControl") or "",
            one.get(f"{{{CP}}}count") or "",
        )
        for one in _root(listed.body).iter(ENTRIES)
    ]


def _root(body: bytes) -> etree._Element:
    return etree.fromstring(body)


EVERY_KIND = (
    _entry("bob", "to"),
    _entry("carol", "to", hidden=True),
    _entry("guest-3", "cc"),
    _entry("guest-4", "cc", hidden=True),
    _entry("guest-5", "bcc"),
    _entry("guest-6"),
)
HISTORY = [
    (f"sip:bob@{DOMAIN}", "to", ""),
    (NOBODY, "to", "1"),
    (f"sip:guest-3@{DOMAIN}", "cc", ""),
    (NOBODY, "cc", "1"),
]


def _refers_to_a_list(stage: Stage, body: str) -> None:
    alice = stage.people.get("alice") or stage.person("alice")
    alice.sends(
        "REFER",
        f"sip:4711@{DOMAIN}",
        Refer_To="<cid:list@here>",
        Refer_Sub="false",
        Require="multiple-refer",
        Content_ID="<list@here>",
        content_type="application/resource-lists+xml",
        body=body,
    )
    alice.gets("202")


@pytest.mark.parametrize("namespace", [CP, "urn:ietf:params:xml:ns:copyControl"])
def test_c16_who_is_called_by_a_refer_is_told_who_else_is(stage: Stage, namespace: str) -> None:
    """RFC 5368 8, RFC 5364 4: hidden ones are counted, blind copies are nobody's business."""
    bob, carol, _, _, fifth, sixth = people = _called(
        stage, "bob", "carol", "guest-3", "guest-4", "guest-5", "guest-6"
    )
    _refers_to_a_list(stage, _listed(*EVERY_KIND, namespace=namespace))
    for person in people:
        invite = person.gets("INVITE", contact="isfocus")
        assert isinstance(invite, Request)
        assert _told(invite) == HISTORY
        if person in (bob, carol, fifth, sixth):
            _answers(person, invite)
    assert stage.roster() == ["bob", "carol", "guest-3", "guest-4", "guest-5", "guest-6"]


def test_c12_who_is_called_by_an_invite_is_told_who_else_is(stage: Stage) -> None:
    """RFC 5366 5: a list in the INVITE to the factory."""
    bob, carol = _called(stage, "bob", "carol")
    alice = stage.person("alice")
    listed = _listed(_entry("bob", "to"), _entry("carol", "cc"))
    body = (
        f"--b\r\nContent-Type: application/sdp\r\n\r\n{OFFER}\r\n"
        "--b\r\nContent-Type: application/resource-lists+xml\r\n"
        f"Content-Disposition: recipient-list\r\n\r\n{listed}\r\n--b--\r\n"
    )
    request = alice.sends(
        "INVITE",
        f"sip:conference-factory@{DOMAIN}",
        Require="recipient-list-invite",
        content_type="multipart/mixed;boundary=b",
        body=body,
    )
    alice.accepts(request, alice.gets("200"))
    for person in (bob, carol):
        invite = person.gets("INVITE", contact="isfocus")
        assert isinstance(invite, Request)
        assert _told(invite) == [
            (f"sip:bob@{DOMAIN}", "to", ""),
            (f"sip:carol@{DOMAIN}", "cc", ""),
        ]


def test_a_list_without_a_word_about_copies_tells_nothing(stage: Stage) -> None:
    """RFC 5364 4: whoever is not marked is a blind copy."""
    (bob,) = _called(stage, "bob")
    _refers_to_a_list(stage, _listed(_entry("bob")))
    invite = bob.gets("INVITE", content_type="application/sdp")
    assert invite.body.decode() == ANSWER


def test_a_phone_that_cannot_read_it_is_called_without(stage: Stage) -> None:
    """RFC 5621 8.1: 415, and once more with the description alone."""
    (bob,) = _called(stage, "bob")
    _refers_to_a_list(stage, _listed(_entry("bob", "to")))
    first = bob.gets("INVITE", content_type="multipart/mixed")
    assert isinstance(first, Request)
    bob.replies(first, 415)
    bob.gets("ACK")
    again = bob.gets("INVITE", content_type="application/sdp")
    assert isinstance(again, Request)
    assert again.must(headers.CALL_ID) != first.must(headers.CALL_ID)
    _answers(bob, again)
    assert stage.roster() == ["bob"]


def test_a_phone_that_wants_none_of_it_is_asked_once_more_alone(stage: Stage) -> None:
    (bob,) = _called(stage, "bob")
    _refers_to_a_list(stage, _listed(_entry("bob", "to")))
    for kind in ("multipart/mixed", "application/sdp"):
        invite = bob.gets("INVITE", content_type=kind)
        assert isinstance(invite, Request)
        bob.replies(invite, 488)
        bob.gets("ACK")
    failed = [one for one in stage.facts if isinstance(one, CallProgressed)]
    assert (failed[-1].state, failed[-1].status) == ("failed", 488)
    stage.is_quiet()


def test_a_list_as_long_as_a_book_goes_with_no_call(stage: Stage) -> None:
    """It would not fit into a datagram; calling is what counts."""
    (bob,) = _called(stage, "bob")
    many = [_entry(f"somebody-with-a-long-name-{number}", "to") for number in range(120)]
    _refers_to_a_list(stage, _listed(_entry("bob", "to"), *many))
    bob.gets("INVITE", content_type="application/sdp")


def test_anonymous_to_all_by_policy_is_no_reason_to_hide_a_moderator(stage: Stage) -> None:
    """Who commands is named to those whom he calls, unless he asks not to be."""
    stage.changes(anonymity=Anonymity.ALL)
    stage.joined("alice")
    (carol,) = _called(stage, "carol")
    _refers(stage, "alice", f"<sip:carol@{DOMAIN}>")
    carol.gets("INVITE", referred_by=f"sip:alice@{DOMAIN}")
    assert policy.may_command(stage.snapshots["4711"], stage.people["alice"].identity) is None


def test_the_roster_of_the_called_is_read_by_all(stage: Stage) -> None:
    """The list says who is called, the conference package who came."""
    bob, carol = _called(stage, "bob", "carol")
    _refers_to_a_list(stage, _listed(_entry("bob", "to"), _entry("carol", "to", hidden=True)))
    for person in (bob, carol):
        invite = person.gets("INVITE")
        assert isinstance(invite, Request)
        _answers(person, invite)
    bob.subscribes()
    seen = bob.gets("NOTIFY")
    assert set(Info(seen).users()) == {"bob", "carol"}
