"""The figures of the draft and of RFC 4579: all there, and those that no other file plays."""

from __future__ import annotations

import importlib

import pytest

from sipgateway.sip.flow import Flow
from sipgateway.sip.message import Request
from tests.scenarios.figures import DRAFT, FIGURES, RFC, Figure
from tests.stage import DOMAIN, OFFER, Stage


@pytest.mark.parametrize("figure", FIGURES, ids=lambda one: f"{one.document} {one.number}")
def test_every_figure_has_its_chart(figure: Figure) -> None:
    module = importlib.import_module(f"tests.scenarios.{figure.module}")
    assert callable(getattr(module, figure.test))


def test_no_figure_is_missing() -> None:
    numbers = {
        document: [f.number for f in FIGURES if f.document == document] for document in (DRAFT, RFC)
    }
    assert numbers == {DRAFT: list(range(1, 11)), RFC: list(range(1, 15))}


def test_figure_10_of_the_draft_figure_13_of_the_rfc(stage: Stage) -> None:
    """Every header field of the example, in and out of a dialog, and its description."""
    stage.changes(
        info_uri=f"http://{DOMAIN}/c/4711/", info_email=f"help@{DOMAIN}", info_phone="+18882934234"
    )
    alice = stage.joined("alice")
    alice.sends("OPTIONS", f"sip:4711@{DOMAIN}")
    alice.in_dialog("OPTIONS")
    for _ in ("outside", "inside"):
        answer = alice.gets(
            "200",
            contact=f"<sip:4711@{DOMAIN}>;isfocus",
            allow="INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY",
            content_type="application/sdp",
            accept_language="en",
        )
        for name, tokens in {
            "allow-events": ("refer", "conference", "dialog"),
            "accept": ("application/sdp", "application/conference-info+xml", "message/sipfrag"),
            "supported": ("replaces", "join", "gruu"),
        }.items():
            told = ", ".join(answer.all(name))
            assert [token for token in tokens if token not in told] == [], name
        lines = answer.body.decode().splitlines()
        assert "i=Planning" in lines
        assert f"u=http://{DOMAIN}/c/4711/" in lines
        assert f"e=help@{DOMAIN}" in lines
        assert "p=+18882934234" in lines
        assert [line.split()[1] for line in lines if line.startswith("m=")] == ["0"]
    stage.is_quiet()


def test_figure_12_the_end_of_a_conference(stage: Stage) -> None:
    """The creator departs: BYE to all, and every subscription ends with `noresource`."""
    alice, bob, carol = stage.person("alice"), stage.person("bob"), stage.person("carol")
    alice.dials("conference-factory")
    name = alice.target.removeprefix("sip:").partition("@")[0]
    for person in (bob, carol):
        person.dials(name)
        person.subscribes(name)
        person.sees()
    stage.passes(1)
    bob.inbox.clear()
    alice.in_dialog("BYE")
    alice.gets("200")
    stage.passes(1)
    for person in (bob, carol):
        methods = [message.method for message in person.inbox if isinstance(message, Request)]
        assert methods.count("BYE") == 1
        states = [message.get("subscription-state") for message in person.inbox]
        assert states[-1 if methods[-1] == "NOTIFY" else -2] == "terminated;reason=noresource"
    assert stage.switchboard.live == []


def test_c02_a_hidden_focus_leaks_nowhere(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked of it and whatever it asks, no message says that it is a focus."""
    wire: list[bytes] = []
    deliver = stage._deliver

    def listening(flow: Flow, octets: bytes) -> None:
        wire.append(octets)
        deliver(flow, octets)

    monkeypatch.setattr(stage, "_deliver", listening)
    stage.changes(hidden_focus=True)
    alice, bob, carol = stage.joined("alice"), stage.person("bob"), stage.person("carol")
    for package in ("conference", "dialog"):
        alice.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event=package)
    alice.sends("OPTIONS", f"sip:4711@{DOMAIN}")
    alice.in_dialog("OPTIONS")
    alice.in_dialog("INVITE", body=OFFER)
    for person in (bob, carol):
        person.registers()
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:bob@{DOMAIN}>")
    target = f"<sip:carol@{DOMAIN};method=REFER?Refer-To=sip%3A4711%40{DOMAIN}>"
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=target)
    stage.passes(5)
    methods = {octets.split(b" ", 1)[0] for octets in wire}
    assert {b"SIP/2.0", b"INVITE", b"NOTIFY", b"REFER"} <= methods
    assert [octets for octets in wire if b"isfocus" in octets] == []
