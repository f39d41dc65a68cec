"""RFC 3841 with the predicates that its text explains."""

from __future__ import annotations

import pytest

from sipgateway.focus import preferences
from sipgateway.focus.desk import Phone
from sipgateway.sip.flow import Flow, FlowId, Transport
from sipgateway.sip.headers import CONTACT
from tests.sip import ua

FLOW = Flow(FlowId(1), Transport.UDP, "192.0.2.1", 5060, "192.0.2.9", 5060)
CONTACTS = {
    "desk": '<sip:a@x>;audio;methods="INVITE,BYE,OPTIONS";mobility="fixed"',
    "film": '<sip:a@x>;audio;video;methods="INVITE,BYE,MESSAGE";+sip.message="TRUE"',
    "text": '<sip:a@x>;audio="FALSE";text;language="en,de";+x.name="<Hall>"',
    "mute": "<sip:a@x>;q=0.5;expires=60",
}
PHONES = [
    Phone(name, FLOW, features=CONTACT.parse(contact).params) for name, contact in CONTACTS.items()
]
ALL = list(CONTACTS)


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({}, ALL),
        ({"Accept-Contact": "*;video"}, ALL),  # it sorts, and all ring at once
        ({"Accept-Contact": "*;audio;require"}, ["desk", "film", "mute"]),
        ({"Accept-Contact": "*;video;require"}, ["desk", "film", "text", "mute"]),
        ({"Accept-Contact": "*;video;require;explicit"}, ["film", "mute"]),
        ({"Accept-Contact": "*;AUDIO;require;Explicit"}, ["desk", "film", "mute"]),
        ({"Accept-Contact": '*;methods="MESSAGE";require'}, ["film", "text", "mute"]),
        (
            {"Accept-Contact": '*;methods="message,options";require'},
            ["desk", "film", "text", "mute"],
        ),
        ({"Accept-Contact": '*;mobility="!fixed";require'}, ["film", "text", "mute"]),
        ({"Accept-Contact": '*;+x.name="<Hall>";require;explicit'}, ["text", "mute"]),
        ({"Accept-Contact": '*;+x.name="<hall>";require;explicit'}, ["mute"]),
        ({"Accept-Contact": "*;text;require;explicit, *;audio;require"}, ["mute"]),
        ({"Reject-Contact": "*;video"}, ["desk", "text", "mute"]),
        ({"Reject-Contact": "*;audio;video"}, ["desk", "text", "mute"]),
        ({"Reject-Contact": '*;audio="FALSE"'}, ["desk", "film", "mute"]),
        ({"Reject-Contact": '*;language="de"'}, ["desk", "film", "mute"]),
        ({"Reject-Contact": "*"}, ALL),
    ],
)
def test_chosen(fields: dict[str, str], left: list[str]) -> None:
    request = ua.invite(**fields)
    assert [phone.uri for phone in preferences.chosen(request, PHONES)] == left
