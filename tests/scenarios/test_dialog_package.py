"""RFC 4235: who may know a dialog learns what Join and Replaces ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from conferences.policy import Anonymity, Role
from sipgateway.sip.message import Request, Response
from tests.stage import DOMAIN, OFFER, Person, Stage

SCHEMA = etree.XMLSchema(
    etree.parse(Path(__file__).parents[1] / "focus" / "schema" / "dialog-info.xsd")
)
NAMESPACE = "{urn:ietf:params:xml:ns:dialog-info}"


class Dialogs:
    """A document, valid by the schema of RFC 4235."""

    def __init__(self, received: Request | Response) -> None:
        self.root = etree.fromstring(received.body)
        SCHEMA.assertValid(self.root)
        self.state = self.root.get("state")
        self.version = int(self.root.get("version") or -1)

    def states(self) -> list[str]:
        return [element.text or "" for element in self.root.iter(f"{NAMESPACE}state")]

    def only(self) -> etree._Element:
        (dialog,) = self.root.iter(f"{NAMESPACE}dialog")
        return dialog


def _watches(person: Person, target: str) -> None:
    person.sends("SUBSCRIBE", f"sip:{target}@{DOMAIN}", Event="dialog")
    person.gets("200")


def _sees(person: Person, *, terminated: bool = False) -> Dialogs:
    return Dialogs(person.gets("NOTIFY", event="dialog", terminated=terminated))


def test_c22_the_desk_phone_learns_the_browsers_call_and_takes_it(stage: Stage) -> None:
    """RFC 4579 5.9, figure 9: by nothing but what the package says."""
    bob = stage.joined("bob")
    _watches(bob, "bob")
    told = _sees(bob)
    assert (told.state, told.version, told.states()) == ("full", 0, ["confirmed"])
    dialog = told.only()
    remote = dialog.find(f"{NAMESPACE}remote/{NAMESPACE}target")
    assert remote is not None
    assert remote.get("uri") == f"sip:4711@{DOMAIN}"
    replaces = (
        f"{dialog.get('call-id')};to-tag={dialog.get('remote-tag')}"
        f";from-tag={dialog.get('local-tag')}"
    )
    bob.sends("INVITE", str(remote.get("uri")), body=OFFER, Replaces=replaces)
    bob.gets("200", contact="isfocus")
    bob.gets("BYE", reason="Replaced by another phone")
    assert stage.roster() == ["bob"]


def test_a_call_from_its_beginning_to_its_end(stage: Stage) -> None:
    """Partial documents, one version after the other, and `terminated` at the end."""
    bob, carol = stage.person("bob"), stage.person("carol")
    carol.registers()
    carol.answers_requests = False
    _watches(carol, "carol")
    first = carol.gets("NOTIFY", event="dialog")
    assert isinstance(first, Request)
    carol.replies(first, 200)
    assert Dialogs(first).states() == []
    bob.sends("INVITE", f"sip:carol@{DOMAIN}", body=OFFER)
    invite = carol.gets("INVITE")
    stage.passes(0.1)
    seen: list[Dialogs] = []

    def reads() -> None:
        stage.passes(0.1)
        while carol.inbox:
            received = carol.gets("NOTIFY", event="dialog")
            assert isinstance(received, Request)
            seen.append(Dialogs(received))
            carol.replies(received, 200)
            stage.passes(0.1)

    reads()
    assert isinstance(invite, Request)
    carol.replies(invite, 200, body=OFFER)
    carol.gets("ACK")
    assert bob.last is not None
    bob.accepts(bob.last, bob.gets("200"))
    reads()
    confirmed = len(seen) - 1
    bob.in_dialog("BYE")
    bob.gets("200")
    bye = carol.gets("BYE")
    assert isinstance(bye, Request)
    carol.replies(bye, 200)
    reads()
    assert [document.state for document in seen] == ["partial"] * len(seen)
    assert [document.version for document in seen] == list(range(1, len(seen) + 1))
    assert seen[0].only().get("direction") == "recipient"
    assert seen[confirmed].states() == ["confirmed"]
    assert seen[-1].states() == ["terminated"]
    identity = seen[-1].only().find(f"{NAMESPACE}remote/{NAMESPACE}identity")
    assert identity is not None
    assert identity.text == f"sip:bob@{DOMAIN}"


def test_the_dialogs_of_a_conference_are_for_its_moderators(stage: Stage) -> None:
    """And tell whom to Join: RFC 4579 5.8 by the package."""
    alice, carol = stage.joined("alice"), stage.person("carol")
    _watches(alice, "4711")
    dialog = _sees(alice).only()
    join = (
        f"{dialog.get('call-id')};to-tag={dialog.get('local-tag')}"
        f";from-tag={dialog.get('remote-tag')}"
    )
    request = carol.sends("INVITE", f"sip:conference-factory@{DOMAIN}", body=OFFER, Join=join)
    carol.accepts(request, carol.gets("200", contact=f"<sip:4711@{DOMAIN}>;isfocus"))
    stage.passes(0.1)
    assert _sees(alice).states()[-1] == "confirmed"
    stage.passes(0.1)
    alice.inbox.clear()
    carol.in_dialog("BYE")
    carol.gets("200")
    stage.passes(0.1)
    assert _sees(alice).states() == ["terminated"]
    assert stage.roster() == ["alice"]


def test_mallory_watches_nobodys_dialogs(stage: Stage) -> None:
    stage.joined("alice")
    mallory = stage.joined("mallory")
    for target in ("4711", "alice"):
        mallory.sends("SUBSCRIBE", f"sip:{target}@{DOMAIN}", Event="dialog")
        mallory.gets("403")
    mallory.sends("SUBSCRIBE", f"sip:mallory@{DOMAIN}", Event="conference")
    mallory.gets("489")
    mallory.in_dialog("SUBSCRIBE", Event="dialog")
    mallory.gets("489")
    stage.is_quiet()


def test_who_may_no_longer_know_is_told_nothing_more(stage: Stage) -> None:
    """Demoted, or where nobody is to be known at all."""
    roles = {**stage.snapshots["4711"].roles, f"sip:bob@{DOMAIN}": Role.MODERATOR}
    stage.changes(roles=roles)
    alice, bob = stage.joined("alice"), stage.joined("bob")
    for person in (alice, bob):
        _watches(person, "4711")
        _sees(person)
    stage.changes(roles={**roles, f"sip:bob@{DOMAIN}": Role.PARTICIPANT})
    stage.joined("carol")
    stage.passes(0.1)
    ended = bob.gets("NOTIFY", event="dialog", terminated=True)
    assert ended.body == b""
    assert "confirmed" in _sees(alice).states()
    stage.passes(1)
    alice.inbox.clear()
    stage.changes(anonymity=Anonymity.STRICT)
    stage.joined("mallory")
    stage.passes(0.1)
    alice.gets("NOTIFY", event="dialog", terminated=True)
    stage.is_quiet()


def test_the_end_of_the_conference_ends_what_is_watched_of_it(stage: Stage) -> None:
    alice = stage.joined("alice")
    _watches(alice, "4711")
    _sees(alice)
    stage.changes(end_by=f"sip:alice@{DOMAIN}")
    stage.passes(4)
    states = [m.get("subscription-state") for m in alice.inbox if m.get("event") == "dialog"]
    assert states[-1] == "terminated;reason=noresource"


def test_a_subscription_is_refreshed_and_ended(stage: Stage) -> None:
    bob = stage.person("bob")
    bob.sends("SUBSCRIBE", f"sip:bob@{DOMAIN}", Event="dialog", Expires="5")
    bob.gets("423", min_expires="10")
    bob.sends("SUBSCRIBE", f"sip:bob@{DOMAIN}", Event="dialog", Accept="text/plain")
    bob.gets("406")
    bob.sends("SUBSCRIBE", f"sip:bob@{DOMAIN}", Event="dialog;id=7", Expires="0")
    bob.gets("200")
    ended = bob.gets("NOTIFY", event="dialog", terminated=True)
    assert "id=7" in (ended.get("event") or "")
    _watches(bob, "bob")
    _sees(bob)
    stage.passes(3601)
    bob.gets("NOTIFY", event="dialog", terminated=True)
    stage.is_quiet()


@pytest.mark.parametrize(
    ("accept", "status"),
    [("", "406"), ("application/dialog-info+xml;q=0", "406"), ("application/*;q=0.5", "200")],
)
def test_what_a_watcher_of_dialogs_accepts(stage: Stage, accept: str, status: str) -> None:
    bob = stage.person("bob")
    bob.sends("SUBSCRIBE", f"sip:bob@{DOMAIN}", Event="dialog", Accept=accept)
    bob.gets(status)
