"""``sips:`` means TLS on every hop, or no call (RFC 3261 12.1.1, 26.2.2)."""

from __future__ import annotations

import pytest

from sipgateway.focus.facts import CallProgressed
from sipgateway.sip.flow import Transport
from sipgateway.sip.message import Request
from tests.stage import DOMAIN, OFFER, Stage

CLEAR = [Transport.UDP, Transport.TCP, Transport.WS]


@pytest.mark.parametrize("transport", CLEAR)
def test_c30_over_anything_else_it_is_refused(stage: Stage, transport: Transport) -> None:
    """Before anybody is asked for a password in clear."""
    mallory = stage.person("mallory", transport=transport)
    mallory.feeds(mallory.request("INVITE", f"sips:4711@{DOMAIN}", body=OFFER))
    refused = mallory.gets("403")
    assert b"SIPS Wants TLS" in refused.build()
    assert stage.roster() == []
    stage.is_quiet()


@pytest.mark.parametrize(("uri", "contact"), [("sips", "sip"), ("sip", "sips")])
@pytest.mark.parametrize(("transport", "port"), [(Transport.TLS, ":5060"), (Transport.WSS, "")])
def test_the_contact_is_sips_too(
    stage: Stage, transport: Transport, port: str, uri: str, contact: str
) -> None:
    """For the whole dialog; a ``sips:`` Contact asks for it as well."""
    bob = stage.person("bob", transport=transport)
    request = bob.sends(
        "INVITE", f"{uri}:4711@{DOMAIN}", body=OFFER, contact=f"<{contact}:bob@bob.invalid>"
    )
    bob.accepts(request, bob.gets("200", contact=f"<sips:4711@{DOMAIN}{port}>;isfocus"))
    assert stage.roster() == ["bob"]
    bob.in_dialog("UPDATE")
    bob.gets("200", contact=f"<sips:4711@{DOMAIN}{port}>;isfocus")


def test_a_person_is_called_at_his_secure_phones_alone(stage: Stage) -> None:
    alice, bob = stage.person("alice", transport=Transport.TLS), stage.person("bob")
    bob.registers()
    alice.sends("INVITE", f"sips:bob@{DOMAIN}", body=OFFER)
    alice.gets("480")
    assert bob.inbox == []
    bob.connects(Transport.WSS)
    bob.registers(contact="<sips:desk@bob.invalid>")
    alice.sends("INVITE", f"sips:bob@{DOMAIN}", body=OFFER)
    invite = bob.gets("INVITE", contact=f"<sips:alice@{DOMAIN}")
    assert isinstance(invite, Request)
    assert invite.uri == "sips:desk@bob.invalid"
    bob.replies(invite, 486)
    bob.gets("ACK")
    alice.gets("486")
    stage.is_quiet()


def test_a_conference_calls_secure_phones_alone(stage: Stage) -> None:
    """What was asked for as ``sips:`` rings nowhere else (C30)."""
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol", secure=True)
    assert carol.inbox == []
    (failed,) = (fact for fact in stage.facts if isinstance(fact, CallProgressed))
    assert (failed.status, failed.reason) == (480, "No Phone Is Registered Over TLS")
    carol.connects(Transport.WSS)
    carol.registers(contact="<sips:desk@carol.invalid>")
    stage.calls("carol", secure=True)
    invite = carol.gets("INVITE")
    assert isinstance(invite, Request)
    assert invite.uri == "sips:desk@carol.invalid"
