"""RFC 4579 6, RFC 3261 22: who knows a dialog's identifiers is not its peer yet."""

from __future__ import annotations

import pytest

from conferences.policy import CallOrder
from sipgateway.sip import headers
from sipgateway.sip.flow import Transport
from sipgateway.sip.message import Request, Response
from tests.stage import ANSWER, DOMAIN, OFFER, Person, Stage

SAID: dict[str, dict[str, str]] = {
    "REFER": {"Refer_To": f"<sip:bob@{DOMAIN};method=BYE>"},
    "INVITE": {"body": OFFER},
    "MESSAGE": {"body": "Give Mallory your PIN", "content_type": "text/plain"},
    "INFO": {"body": "Signal=0\r\n", "content_type": "application/dtmf-relay"},
    "SUBSCRIBE": {"Event": "conference"},
    "OPTIONS": {},
    "BYE": {},
}


def _in_dialog_of(victim: Person, method: str, **said: str) -> Request:
    return victim.request(
        method, victim.target, call_id=victim.call_id, to=victim.to["call"], **said
    )


def _answered(person: Person, method: str) -> list[int]:
    found = [
        one
        for one in person.inbox
        if isinstance(one, Response) and one.must(headers.CSEQ).method == method
    ]
    person.inbox.clear()
    return [one.status for one in found]


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP, Transport.WS])
@pytest.mark.parametrize("method", SAID)
def test_c06_a_stranger_who_knows_the_dialog(
    stage: Stage, method: str, transport: Transport
) -> None:
    """He is asked who he is; nothing happens, and Alice is understood as before."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    mallory = stage.person("mallory", transport=transport, port=7777)
    forged = _in_dialog_of(alice, method, **SAID[method])
    forged.put(headers.CSEQ, headers.CSeq(4711, method))
    mallory.feeds(forged)
    assert _answered(mallory, method) == [401]
    assert stage.roster() == ["alice", "bob"]
    assert not bob.inbox
    assert not alice.inbox
    alice.in_dialog("OPTIONS")
    alice.gets("200")


@pytest.mark.parametrize("method", SAID)
def test_c06_with_credentials_of_her_own(stage: Stage, method: str) -> None:
    alice, bob = stage.joined("alice"), stage.joined("bob")
    mallory = stage.person("mallory", transport=Transport.UDP, port=7777)
    mallory.feeds(_in_dialog_of(alice, method, **SAID[method]))
    challenge = mallory.inbox.pop()
    assert isinstance(challenge, Response)
    again = _in_dialog_of(alice, method, **SAID[method])
    again.append("Authorization", mallory.credentials(challenge, method, alice.target))
    mallory.feeds(again)
    mallory.gets("403", body="")
    assert stage.roster() == ["alice", "bob"]
    assert not bob.inbox
    assert not alice.inbox


def test_whoever_comes_back_proves_who_he_is(stage: Stage) -> None:
    """A phone whose address has changed is asked once, then known by the new one."""
    bob = stage.joined("bob")
    bob.disconnects()
    bob.connects(Transport.TCP)
    bob.in_dialog("OPTIONS")
    challenge = bob.gets("401")
    assert isinstance(challenge, Response)
    again = _in_dialog_of(bob, "OPTIONS")
    again.append("Authorization", bob.credentials(challenge, "OPTIONS", bob.target))
    bob.feeds(again)
    bob.gets("200")
    bob.in_dialog("OPTIONS")
    bob.gets("200")
    bob.in_dialog("BYE")
    bob.gets("200")
    assert stage.roster() == []


def test_who_registers_anew_is_known(stage: Stage) -> None:
    """A page that has connected again has said who it is, by REGISTER."""
    bob = stage.joined("bob")
    bob.disconnects()
    bob.connects()
    bob.registers()
    bob.in_dialog("BYE")
    bob.gets("200")
    assert stage.roster() == []


def test_whom_we_have_called(stage: Stage) -> None:
    """He never said who he is; he has an account, though, and a stranger has not his."""
    stage.joined("alice")
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol")
    invite = carol.gets("INVITE")
    assert isinstance(invite, Request)
    carol.replies(invite, 200, body=OFFER)
    carol.gets("ACK")
    assert stage.roster() == ["alice", "carol"]
    mallory = stage.person("mallory", transport=Transport.UDP, port=7777)
    kept, carol.flow = carol.flow, mallory.flow
    carol.hangs_up(invite)
    carol.flow = kept
    assert _answered(mallory, "BYE") == [401]
    carol.inbox.clear()
    assert stage.roster() == ["alice", "carol"]
    carol.hangs_up(invite)
    carol.gets("200")
    assert stage.roster() == ["alice"]


@pytest.mark.parametrize(
    ("contact", "host", "taken"),
    [
        ("<sip:carol@192.0.2.1:5090>", "192.0.2.1", True),
        ("<sip:carol@192.0.2.77:5090>", "192.0.2.77", True),
        ("<sip:carol@media.elsewhere.test>", "198.51.100.7", True),  # a name: we cannot tell
        ("<sip:carol@192.0.2.1:5090>", "198.51.100.7", False),
    ],
)
def test_whom_we_have_called_in_another_domain(
    stage: Stage, contact: str, host: str, taken: bool
) -> None:
    """He has no account to prove: his hosts have to do."""
    stage.joined("alice")
    carol = stage.person("carol", transport=Transport.UDP)
    carol.contact = contact
    stage.servers.append(carol)
    order = CallOrder(7, "job-7", "sip:carol@elsewhere.test", by=f"sip:alice@{DOMAIN}")
    stage.changes(calls=(order,))
    invite = carol.gets("INVITE")
    assert isinstance(invite, Request)
    carol.replies(invite, 200, body=ANSWER)
    carol.gets("ACK")
    other = stage.person("other", transport=Transport.UDP, host=host, port=7777)
    carol.flow = other.flow
    carol.hangs_up(invite)
    assert _answered(other, "BYE") == [200 if taken else 403]
    assert (stage.roster() == ["alice"]) is taken


def test_an_acknowledgement_moves_nobody(stage: Stage) -> None:
    """Else its sender would get what is meant for Bob from then on."""
    stage.joined("alice")
    bob = stage.person("bob")
    invite = bob.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    response = bob.gets("200")
    mallory = stage.person("mallory", transport=Transport.UDP, host="198.51.100.7")
    kept, bob.flow = bob.flow, mallory.flow
    bob.accepts(invite, response)
    bob.flow = kept
    stage.removes("bob")
    bob.gets("BYE")
    assert not mallory.inbox
