"""The protocol page: arrows as the figures have them, and who may see them."""

from __future__ import annotations

import datetime
import re
from dataclasses import replace

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conferences import policy, selectors, services
from conferences.models import Conference, Trace, User
from conferences.selectors import Seen
from conferences.services import traces


def _seen(first_line: str, cseq: str, *, sent: bool, call: str = "a", peer: str = "bob@x") -> Seen:
    text = f"{first_line}\nCall-ID: {call}\nCSeq: {cseq}\n\n"
    return Seen(1_700_000_000.0, sent, call, peer, "WS 192.0.2.1:1", text)


CALL = [
    _seen("INVITE sip:4711@x SIP/2.0", "1 INVITE", sent=False),
    _seen("SIP/2.0 100 Trying", "1 INVITE", sent=True),
    _seen("SIP/2.0 401 Unauthorized", "1 INVITE", sent=True),
    _seen("ACK sip:4711@x SIP/2.0", "1 ACK", sent=False),
    _seen("INVITE sip:4711@x SIP/2.0", "2 INVITE", sent=False),
    _seen("SIP/2.0 200 OK", "2 INVITE", sent=True),
    _seen("SIP/2.0 200 OK", "2 INVITE", sent=True),
    _seen("ACK sip:4711@x SIP/2.0", "2 ACK", sent=False),
    _seen("NOTIFY sip:bob@x SIP/2.0", "1 NOTIFY", sent=True, call="n"),
    _seen("SIP/2.0 200 OK", "1 NOTIFY", sent=False, call="n"),
    _seen("NOTIFY sip:bob@x SIP/2.0", "2 NOTIFY", sent=True, call="n"),
    _seen("SIP/2.0 481 Gone", "2 NOTIFY", sent=False, call="n"),
    _seen("BYE sip:bob@x SIP/2.0", "1 BYE", sent=True),
    _seen("SIP/2.0 200 OK", "1 BYE", sent=False),
]


def test_messages_are_folded_to_the_arrows_of_the_figure() -> None:
    """RFC 4579 figure 1 has INVITE, 200, ACK: not the challenge, 100, or what was sent twice."""
    arrows = selectors.fold(CALL)
    assert [(arrow.what, arrow.sent, arrow.note) for arrow in arrows] == [
        ("INVITE", False, "after a challenge"),
        ("200 OK", True, "sent 2 times"),
        ("ACK", False, ""),
        ("NOTIFY", True, ""),
        ("NOTIFY", True, ""),
        ("481 Gone", False, ""),
        ("BYE", True, ""),
        ("200 OK", False, ""),
    ]
    assert sum(len(arrow.messages) for arrow in arrows) == len(CALL)
    assert [arrow.failed for arrow in arrows].count(True) == 1


@pytest.mark.parametrize(
    ("first", "field", "what"),
    [
        ("NOTIFY x SIP/2.0", "Event: refer;id=3", "NOTIFY refer"),
        (
            "NOTIFY x SIP/2.0",
            "o: conference\nSubscription-State: terminated",
            "NOTIFY conference, over",
        ),
        (
            "NOTIFY x SIP/2.0",
            "Event: refer\nSubscription-State: terminated\n\nSIP/2.0 404 Not Found",
            "NOTIFY refer (404 Not Found), over",
        ),
        ("NOTIFY x SIP/2.0", "Event: refer\n\nSIP/2.0 100 Trying", "NOTIFY refer (100 Trying)"),
        ("REFER x SIP/2.0", "r: <sip:bob@x;method=BYE>", "REFER <sip:bob@x;method=BYE>"),
        ("BYE x SIP/2.0", 'Reason: SIP;cause=200;text="Removed by Alice"', "BYE Removed by Alice"),
        ("SIP/2.0 486 Busy Here", 'Reason: SIP;cause=486;text="Full"', "486 Busy Here (Full)"),
    ],
)
def test_an_arrow_says_what_it_is_about_and_why(first: str, field: str, what: str) -> None:
    (arrow,) = selectors.fold([replace(CALL[0], text=f"{first}\n{field}\n\n")])
    assert arrow.what == what


def test_two_phones_of_one_person_are_told_apart() -> None:
    """By their connections, in the order of their coming; who has one is called as he is."""
    desk = replace(CALL[0], call="b", way="UDP 192.0.2.7:5060", text=f"{CALL[0].text}b")
    other = replace(CALL[0], call="c", peer="carol@x", text=f"{CALL[0].text}c")
    arrows = selectors.fold([*CALL[:2], desk, other])
    assert [arrow.label for arrow in arrows] == ["bob@x (1)", "bob@x (2)", "carol@x"]


def test_nothing_breaks_the_fold() -> None:
    odd = [replace(CALL[0], text=text) for text in ("", "\n", "SIP/2.0", "SIP/2.0 x", "CSeq:")]
    assert len(selectors.fold(odd)) == len({one.text for one in odd})
    alone = selectors.fold([CALL[2], CALL[3], CALL[9]])
    assert [arrow.what for arrow in alone] == ["401 Unauthorized", "ACK", "200 OK"]


@pytest.fixture
def told(room: Conference) -> Conference:
    """A conference in which something was said."""
    now = timezone.now().timestamp()
    lines: list[services.Line] = [
        {
            "at": now + number,
            "sent": one.sent,
            "call": one.call,
            "peer": one.peer,
            "way": one.way,
            "text": one.text,
        }
        for number, one in enumerate(CALL)
    ]
    services.keep_messages(name=room.name, lines=lines, left_out=3)
    return room


def _page(user: User, row: Conference, **query: str) -> tuple[int, str]:
    client = Client()
    client.force_login(user)
    answer = client.get(reverse("conference_protocol", args=[row.name]), query)
    return answer.status_code, answer.content.decode()


def test_its_organizer_reads_it(told: Conference, alice: User) -> None:
    status, page = _page(alice, told)
    assert status == 200
    assert page.count('class="ladder-arrow"') == 8
    assert "3 more messages were not kept" in page
    assert "after a challenge" in page
    status, page = _page(alice, told, who="nobody")
    assert "Nothing yet" in page


def test_as_text_it_reads_like_an_rfc(told: Conference, alice: User) -> None:
    _, text = _page(alice, told, **{"as": "text"})
    assert re.search(r"bob@x \|-+ INVITE F1 -+>\| focus  \(after a challenge\)", text)
    assert re.search(r"bob@x \|<-+ 200 OK F2 -+\| focus  \(sent 2 times\)", text)
    assert "200 OK F2" in text
    assert "F1  bob@x -> focus" in text
    assert "3 more messages were not kept." in text
    assert "* Alice booked the conference" in text


def test_long_labels_keep_the_figure_straight(told: Conference, alice: User) -> None:
    """All arrows end below each other; what is too long stands whole in its message."""
    target = f"<sip:{'a' * 120}@x;method=BYE>"
    text = f"REFER sip:4711@x SIP/2.0\nCall-ID: r\nCSeq: 3 REFER\nRefer-To: {target}\n\n"
    line: services.Line = {
        "at": timezone.now().timestamp() + 60,
        "sent": False,
        "call": "r",
        "peer": "somebody-with-a-long-name@elsewhere",
        "way": "WS 192.0.2.1:1",
        "text": text,
    }
    services.keep_messages(name=told.name, lines=[line], left_out=0)
    _, page = _page(alice, told, **{"as": "text"})
    figure = [one for one in page.split("\n") if re.search(r" F\d+ -+>?\|", one)]
    assert len(figure) == 9
    assert len({one.index("| focus") for one in figure}) == 1
    assert f"Refer-To: {target}" in page


def test_mallory_and_bob_do_not(told: Conference, mallory: User, bob: User) -> None:
    assert _page(mallory, told)[0] == 404
    assert _page(bob, told)[0] == 403
    answer = Client().get(reverse("conference_protocol", args=[told.name]))
    assert answer.status_code == 302
    assert _page(mallory, replaced_name(told))[0] == 404


def replaced_name(row: Conference) -> Conference:
    row.name = "never-was"
    return row


def test_administrators_read_all(told: Conference, db: None) -> None:
    admin = User.objects.create_superuser("root", password="a password")
    assert _page(admin, told)[1].count('class="ladder-arrow"') == 8
    assert _page(admin, replaced_name(told))[0] == 404


def test_who_is_anonymous_to_all_is_so_here(told: Conference, alice: User) -> None:
    """Messages say who sent them."""
    Conference.objects.update(anonymity=policy.Anonymity.STRICT)
    status, page = _page(alice, told)
    assert status == 200
    assert "ladder-arrow" not in page
    assert "bob@x" not in page
    assert "bob@x" not in _page(alice, told, **{"as": "text"})[1]


def test_what_is_kept_is_bounded_and_pruned(
    told: Conference, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "MOST", 20)
    monkeypatch.setattr(traces, "LOOK_EVERY", 1)
    line: services.Line = {
        "at": timezone.now().timestamp(),
        "sent": True,
        "call": "z",
        "peer": "bob@x",
        "way": "",
        "text": "x",
    }
    services.keep_messages(name=told.name, lines=[line] * 15)
    services.keep_messages(name=told.name, lines=[line] * 5)
    assert list(Trace.objects.values_list("count", flat=True)) == [15, 5]
    services.keep_messages(name=told.name, lines=[line] * 100)
    assert [piece.count for piece in Trace.objects.all()] == [100]
    services.keep_messages(name="never-was", lines=[line])
    services.keep_messages(name=told.name, lines=[])
    assert len(selectors.messages(told)[0]) == 100
    services.prune(now=timezone.now() + settings.PROTOCOL_KEPT + datetime.timedelta(days=1))
    assert not Trace.objects.exists()
