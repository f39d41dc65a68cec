"""What is for a person goes on to his phones (RFC 3261 16), and to nobody else."""

from __future__ import annotations

import itertools

import pytest

from sipgateway.focus import passage
from sipgateway.sip import headers
from sipgateway.sip.flow import Transport
from sipgateway.sip.message import Request, Response
from tests.stage import DOMAIN, Person, Stage

BOB = f"sip:bob@{DOMAIN}"
HERE = f"<sip:{DOMAIN};lr>"


def _request(person: Person, method: str, *, event: str = "", **fields: str) -> Request:
    """The next message, which has to be that request."""
    got = person.gets(method, event=event, terminated=None, body="", **fields)
    assert isinstance(got, Request)
    return got


def _in_dialog(person: Person, received: Request, method: str, **fields: str) -> Request:
    """A request of the one who was asked, in the dialog that this request made."""
    contact = received.must(headers.CONTACT)
    request = person.request(method, str(contact.uri), call_id=received.get("call-id") or "")
    request.drop("from")
    request.append("From", f"{received.get('to')};tag={person.name}-uas")
    request.put(headers.TO, received.must(headers.FROM))
    for route in received.every(headers.RECORD_ROUTE):
        request.add(headers.ROUTE, route)
    for name, value in fields.items():
        request.append(name.replace("_", "-"), value)
    return request


def _notifies(person: Person, received: Request, state: str, **fields: str) -> Request:
    notify = _in_dialog(person, received, "NOTIFY", Event="presence", **fields)
    notify.append("Contact", person.contact)
    notify.append("Subscription-State", state)
    person.feeds(notify)
    return notify


def _watches(watcher: Person, **fields: str) -> Request:
    """SUBSCRIBE to Bob's presence, as sent."""
    return watcher.sends("SUBSCRIBE", BOB, Event="presence", **fields)


@pytest.fixture
def alice(stage: Stage) -> Person:
    return stage.person("alice")


@pytest.fixture
def bob(stage: Stage) -> Person:
    """With a browser phone, registered."""
    bob = stage.person("bob")
    bob.answers_requests = False
    bob.registers()
    return bob


def _desk_phone(stage: Stage) -> Person:
    """Bob's other phone, on UDP."""
    desk = stage.person("desk", transport=Transport.UDP)
    desk.answers_requests = False
    desk.name = "bob"
    desk._numbers = itertools.count(1000)  # other Call-IDs than the browser's
    desk.registers(contact="<sip:bob@192.0.2.1:5061>")
    return desk


# -- there and back --------------------------------------------------------------


@pytest.mark.parametrize("method", ["MESSAGE", "OPTIONS", "REFER", "SUBSCRIBE"])
def test_a_request_goes_on(stage: Stage, alice: Person, bob: Person, method: str) -> None:
    """16.6: one hop less, our Via on top, and all else as it was."""
    fields = {"Event": "presence"} if method == "SUBSCRIBE" else {}
    if method == "REFER":
        fields = {"Refer_To": f"<sip:4711@{DOMAIN}>"}
    sent = alice.sends(method, BOB, X_Unknown="stays", Subject="Hello", **fields)
    got = _request(bob, method, x_unknown="stays", subject="Hello", max_forwards="69")
    assert got.uri == "sip:bob@bob.invalid;transport=ws"
    for key in ("from", "to", "call-id", "cseq"):
        assert got.get(key) == sent.get(key)
    assert len(got.every(headers.VIA)) == 2
    assert got.get("authorization") is None
    assert got.get("proxy-authorization") is None
    answer = Response(299, "Fine", [(k, v) for k, v in got.fields if k in {"via", "from", "cseq"}])
    answer.append("To", f"{got.get('to')};tag=bob-uas")
    answer.append("Call-ID", got.get("call-id") or "")
    answer.append("X-Own", "also stays")
    bob.feeds(answer)
    back = alice.gets("299", x_own="also stays")
    assert back.all("via") == sent.all("via")
    assert back.must(headers.TO).tag == "bob-uas"
    stage.is_quiet()


@pytest.mark.parametrize("method", ["MESSAGE", "OPTIONS", "REFER", "SUBSCRIBE"])
def test_what_is_required_is_asked_of_who_answers(
    stage: Stage, alice: Person, bob: Person, method: str
) -> None:
    """16.3: we are asked by Proxy-Require alone; 8.2.2.3: by Require where it is for us."""
    stage.conference()
    event = "presence" if method == "SUBSCRIBE" else ""
    fields = {"Event": event or "conference"} if method == "SUBSCRIBE" else {}
    refer = {"Refer_To": f"<sip:carol@{DOMAIN}>"} if method == "REFER" else {}
    alice.sends(method, BOB, Require="teleport", **fields, **refer)
    bob.replies(_request(bob, method, require="teleport"), 202)
    alice.gets("202")
    alice.sends(method, BOB, Proxy_Require="teleport", **fields, **refer)
    alice.gets("420", unsupported="teleport")
    if method == "SUBSCRIBE":
        fields = {"Event": "conference"}
    alice.sends(method, f"sip:4711@{DOMAIN}", Require="teleport", **fields, **refer)
    alice.gets("420", unsupported="teleport")
    stage.is_quiet()


@pytest.mark.parametrize(
    "name", ["", "4711@", "conference-factory@", "conference-app@", "hall@", "bob@"]
)
def test_what_options_for_us_require(stage: Stage, alice: Person, bob: Person, name: str) -> None:
    """8.2.2.3: the domain, a conference and the services answer themselves; Bob's last hop too."""
    stage.conference()
    stage.factories["hall"] = {}
    uri = f"sip:{name}{DOMAIN}"
    request = alice.request("OPTIONS", uri, Require="timer, teleport")
    request.put(headers.MAX_FORWARDS, 0)
    if name:
        alice.feeds(request)
        challenge = alice.gets("401")
        assert isinstance(challenge, Response)
        request = alice.request("OPTIONS", uri, Require="timer, teleport")
        request.put(headers.MAX_FORWARDS, 0)
        request.append("Authorization", alice.credentials(challenge, "OPTIONS", uri))
    alice.feeds(request)
    assert alice.gets("420").all("unsupported") == ["teleport"]
    stage.is_quiet()


def test_fields_keep_their_places(stage: Stage, alice: Person, bob: Person) -> None:
    """7.3.1: of the same name in any case, their order tells; our secrets go."""
    theirs = 'Digest realm="far.test", nonce="n", response="r", username="a", uri="sip:b@far.test"'
    alice.sends("MESSAGE", BOB, X_One="1", Proxy_Authorization=theirs, x_two="2", X_Two="3")
    got = _request(bob, "MESSAGE")
    names = [key for key, _ in got.fields if key in {"x-one", "proxy-authorization", "x-two"}]
    assert names == ["x-one", "proxy-authorization", "x-two", "x-two"]
    assert got.all("x-two") == ["2", "3"]
    bob.replies(got, 200)
    alice.gets("200")


def test_the_best_answer_wins(stage: Stage, alice: Person, bob: Person) -> None:
    """16.7: all phones are asked; a 2xx at once, else 6xx, else what helps most."""
    desk = _desk_phone(stage)
    for first, second, told in (
        (200, None, "200"),
        (486, 200, "200"),
        (486, 302, "302"),
        (404, 603, "603"),
        (405, 415, "415"),
        (503, 503, "500"),
    ):
        alice.sends("MESSAGE", BOB)
        at_browser, at_desk = _request(bob, "MESSAGE"), _request(desk, "MESSAGE")
        bob.replies(at_browser, first)
        if second is not None:
            assert alice.inbox == []
            desk.replies(at_desk, second)
        alice.gets(told)
        desk.replies(at_desk, second or 200)
        assert alice.inbox == [], "one answer to one request"


def test_a_decline_does_not_wait_for_the_others(stage: Stage, alice: Person, bob: Person) -> None:
    """16.7 step 5: there is no better answer to come."""
    desk = _desk_phone(stage)
    alice.sends("MESSAGE", BOB)
    bob.replies(_request(bob, "MESSAGE"), 603)
    alice.gets("603")
    desk.replies(_request(desk, "MESSAGE"), 404)
    assert alice.inbox == []


def test_challenges_of_phones_go_back_together(stage: Stage, alice: Person, bob: Person) -> None:
    """16.7 step 7; and what a phone asked for goes on to it, ours does not."""
    desk = _desk_phone(stage)
    alice.sends("MESSAGE", BOB)
    for phone, realm in ((bob, "one"), (desk, "two")):
        answer = stage_reply(phone, _request(phone, "MESSAGE"), 401)
        answer.append("WWW-Authenticate", f'Digest realm="{realm}", nonce="n"')
        phone.feeds(answer)
    got = alice.gets("401")
    realms = [auth.get("realm") for auth in got.every(headers.WWW_AUTHENTICATE)]
    assert sorted(realms) == ["one", "two"]
    theirs = 'Digest username="alice", realm="one", nonce="n", uri="sip:b", response="0"'
    alice.sends("MESSAGE", BOB, Authorization=theirs)
    kept = _request(bob, "MESSAGE").every(headers.AUTHORIZATION)
    assert [auth.get("realm") for auth in kept] == ["one"]


def stage_reply(person: Person, request: Request, status: int) -> Response:
    """A response that the phone may add to."""
    fields = [(k, v) for k, v in request.fields if k in {"via", "from", "call-id", "cseq"}]
    response = Response(status, "Said", fields)
    response.append("To", f"{request.get('to')};tag={person.name}-uas")
    return response


def test_no_phone_answers(stage: Stage, alice: Person, bob: Person) -> None:
    """480 before the sender gives up: a 408 must not come then (RFC 4320 4.2)."""
    alice.sends("MESSAGE", BOB)
    _request(bob, "MESSAGE")
    stage.passes(31)
    alice.gets("480")
    stage.passes(60)
    stage.is_quiet()


def test_options_that_goes_no_further(alice: Person, bob: Person) -> None:
    """RFC 3261 11: with Max-Forwards 0 we answer for ourselves; others get 483."""
    for method, status in (("OPTIONS", "200"), ("MESSAGE", "483")):
        request = alice.request(method, BOB)
        request.put(headers.MAX_FORWARDS, 0)
        alice.feeds(request)
        answer = alice.gets("401" if method == "OPTIONS" else status)
        if method == "OPTIONS":
            assert isinstance(answer, Response)
            again = alice.request(method, BOB)
            again.put(headers.MAX_FORWARDS, 0)
            again.append("Authorization", alice.credentials(answer, method, BOB))
            alice.feeds(again)
            alice.gets(status, allow="INVITE")
    assert bob.inbox == []


def test_loops_and_breadth(stage: Stage, alice: Person, bob: Person) -> None:
    """RFC 5393: what comes back as it went is 482; more branches than allowed are 440."""
    alice.sends("MESSAGE", BOB)
    got = _request(bob, "MESSAGE")
    back = Request("MESSAGE", got.uri, list(got.fields), got.body)
    back.push("Via", "SIP/2.0/WS bob.invalid;branch=z9hG4bK-back")
    bob.feeds(back)
    bob.gets("482")
    bob.replies(got, 200)
    alice.gets("200")
    _desk_phone(stage)
    alice.sends("MESSAGE", BOB, Max_Breadth="1")
    alice.gets("440")
    alice.sends("MESSAGE", BOB, Max_Breadth="5")
    assert _request(bob, "MESSAGE").must(headers.MAX_BREADTH) == 2


@pytest.mark.parametrize("answered", [False, True])
def test_a_phone_that_sends_on_to_its_own_address(
    stage: Stage, alice: Person, bob: Person, *, answered: bool
) -> None:
    """RFC 5393 4.2: a loop if it comes for whom it came for; for another it is a spiral."""
    desk = _desk_phone(stage)
    alice.answers_requests = False
    alice.registers()
    alice.sends("MESSAGE", BOB)
    got = _request(bob, "MESSAGE")
    _request(desk, "MESSAGE")
    if answered:  # the loop is seen though our transaction may be over
        bob.replies(got, 200)
        alice.gets("200")
    assert _sent_on(bob, got, BOB).status == 482
    assert _sent_on(bob, got, f"sip:bob@{DOMAIN.upper()}").status == 482
    assert desk.inbox == []
    spiral = _sent_on(bob, got, f"sip:alice@{DOMAIN}")
    assert spiral.status == 401
    again = _onward(bob, got, f"sip:alice@{DOMAIN}")
    again.append("Authorization", bob.credentials(spiral, "MESSAGE", again.uri))
    bob.feeds(again)
    assert len(_request(alice, "MESSAGE").all("via")) == 4


def _onward(person: Person, got: Request, uri: str) -> Request:
    """What came, for another address and in his own name, all Via kept."""
    onward = Request(got.method, uri, list(got.fields), got.body)
    onward.drop("from")
    onward.append("From", f"<sip:{person.name}@{DOMAIN}>;tag={person.name}-on")
    onward.push("Via", person.request(got.method, uri).get("via") or "")
    return onward


def _sent_on(person: Person, got: Request, uri: str) -> Response:
    person.feeds(_onward(person, got, uri))
    answer = person.inbox.pop(0)
    assert isinstance(answer, Response)
    return answer


# -- dialogs that go through us ---------------------------------------------------


def _subscribed(alice: Person, bob: Person, **fields: str) -> tuple[Request, Response]:
    _watches(alice, **fields)
    got = _request(bob, "SUBSCRIBE")
    answer = stage_reply(bob, got, 200)
    answer.append("Contact", bob.contact)
    answer.append("Expires", "600")
    for route in got.all("record-route"):
        answer.append("Record-Route", route)
    bob.feeds(answer)
    told = alice.gets("200", contact="bob.invalid", expires="600")
    assert isinstance(told, Response)
    return got, told


def test_a_subscription_between_phones(stage: Stage, alice: Person, bob: Person) -> None:
    """SUBSCRIBE, NOTIFY, refresh, end: all by us, whatever the package says."""
    got, told = _subscribed(alice, bob)
    assert got.all("record-route") == [HERE]
    _notifies(bob, got, "active;expires=600")
    notify = _request(alice, "NOTIFY", event="presence", max_forwards="69")
    assert notify.get("route") is None
    alice.replies(notify, 200)
    bob.gets("200")
    refresh = alice.request(
        "SUBSCRIBE",
        "sip:bob@bob.invalid;transport=ws",
        call_id=got.get("call-id") or "",
        to=told.get("to") or "",
        Event="presence",
        Route=HERE,
        Expires="0",
    )
    alice.feeds(refresh)
    got_again = _request(bob, "SUBSCRIBE", expires="0")
    assert got_again.uri == "sip:bob@bob.invalid;transport=ws"
    bob.feeds(stage_reply(bob, got_again, 200))
    alice.gets("200")
    _notifies(bob, got, "terminated;reason=timeout")
    alice.replies(_request(alice, "NOTIFY"), 200)
    bob.gets("200")
    _notifies(bob, got, "active")
    bob.gets("481")
    assert len(stage.switchboard._proxy._passages) == 0
    stage.is_quiet()


def test_a_notify_that_overtakes_the_200(stage: Stage, alice: Person, bob: Person) -> None:
    """RFC 6665 4.4.1: it makes the dialog, from a phone that was asked."""
    desk = _desk_phone(stage)
    _watches(alice)
    got, at_desk = _request(bob, "SUBSCRIBE"), _request(desk, "SUBSCRIBE")
    assert at_desk.all("record-route") == [HERE]
    _notifies(bob, got, "active;expires=600")
    alice.replies(_request(alice, "NOTIFY"), 200)
    bob.gets("200")
    bob.feeds(stage_reply(bob, got, 200))
    alice.gets("200")
    stage.is_quiet()


def test_two_transports_are_two_routes(stage: Stage) -> None:
    """RFC 5658: each side has a route to us by its own transport."""
    alice = stage.person("alice", transport=Transport.TCP)
    bob = stage.person("bob")
    bob.answers_requests = False
    bob.registers()
    got, _ = _subscribed(alice, bob)
    assert got.all("record-route") == [HERE, f"<sip:{DOMAIN};lr;transport=tcp>"]
    _notifies(bob, got, "active")
    alice.replies(_request(alice, "NOTIFY"), 200)
    bob.gets("200")


def test_who_comes_back_on_another_connection_goes_on(
    stage: Stage, alice: Person, bob: Person
) -> None:
    """By registering; or, where he has not, by proving who he is (407)."""
    got, _ = _subscribed(alice, bob)
    bob.disconnects()
    bob.connects()
    notify = _notifies(bob, got, "active")
    challenge = bob.gets("407")
    assert isinstance(challenge, Response)
    again = _in_dialog(bob, got, "NOTIFY", Event="presence", Subscription_State="active")
    proof = bob.credentials(challenge, "NOTIFY", notify.uri)
    again.append("Proxy-Authorization", proof)
    bob.feeds(again)
    seen = _request(alice, "NOTIFY")
    assert seen.get("proxy-authorization") is None
    alice.replies(seen, 200)
    bob.gets("200")
    bob.disconnects()
    bob.connects()
    bob.registers()
    _notifies(bob, got, "active")
    alice.replies(_request(alice, "NOTIFY"), 200)
    bob.gets("200")
    stage.is_quiet()


def test_dialogs_live_their_time(stage: Stage, alice: Person, bob: Person) -> None:
    got, _ = _subscribed(alice, bob)
    stage.passes(700)
    _notifies(bob, got, "active")
    bob.gets("481")
    assert len(stage.switchboard._proxy._passages) == 0


# -- Mallory ---------------------------------------------------------------------


def test_mallory_is_asked_who_he_is(stage: Stage, bob: Person) -> None:
    """407 where the form alone says that it is passed on, 401 where it could be for us.

    For people and for nobody alike: neither tells whether there is a Bob.
    """
    mallory = stage.person("mallory")
    for name in ("bob", "nobody"):
        uri = f"sip:{name}@{DOMAIN}"
        mallory.feeds(mallory.request("SUBSCRIBE", uri, Event="presence"))
        mallory.gets("407")
        mallory.feeds(mallory.request("MESSAGE", f"{uri};gr=urn:uuid:a"))
        mallory.gets("407")
        for method in ("MESSAGE", "OPTIONS", "INVITE"):
            mallory.feeds(mallory.request(method, uri))
            mallory.gets("401")
    assert bob.inbox == []


@pytest.mark.parametrize("method", ["MESSAGE", "REFER", "SUBSCRIBE"])
def test_mallory_is_nobody_else(stage: Stage, bob: Person, method: str) -> None:
    """Signed in as himself, he sends nothing in Alice's name."""
    mallory = stage.person("mallory")
    request = mallory.request(method, BOB, Event="presence")
    mallory.feeds(request)
    challenge = mallory.gets("407" if method == "SUBSCRIBE" else "401")
    assert isinstance(challenge, Response)
    again = mallory.request(method, BOB, Event="presence", Refer_To=f"<sip:4711@{DOMAIN}>")
    again.drop("from")
    again.append("From", f'"Alice" <sip:alice@{DOMAIN}>;tag=m')
    again.append("Authorization", mallory.credentials(challenge, method, BOB))
    mallory.feeds(again)
    mallory.gets("403")
    assert bob.inbox == []


def test_mallory_finds_no_relay(stage: Stage, bob: Person) -> None:
    """Another domain, a Route to elsewhere, a Route to elsewhere behind ours."""
    mallory = stage.person("mallory")
    mallory.sends("MESSAGE", "sip:victim@elsewhere.test")
    mallory.gets("404")
    elsewhere = "<sip:elsewhere.test;lr>"
    for route in (elsewhere, f"{HERE}, {elsewhere}", "<sip:198.51.100.1>"):
        mallory.sends("MESSAGE", BOB, Route=route)
        mallory.gets("403")
    mallory.sends("MESSAGE", BOB, Route=HERE)
    assert _request(bob, "MESSAGE").get("route") is None


def test_mallory_forges_what_is_within_a_dialog(stage: Stage, alice: Person, bob: Person) -> None:
    """Without the dialog's tags 481, from another connection 407, as somebody else 403."""
    got, told = _subscribed(alice, bob)
    mallory = stage.person("mallory")
    victim = "sip:victim@elsewhere.test"
    made_up = mallory.request("NOTIFY", victim, to=f"<{BOB}>;tag=no", Event="presence")
    for route in (HERE, "<sip:elsewhere.test;lr>"):
        made_up.put(headers.ROUTE, headers.parse_name_addr(route))
        mallory.feeds(made_up)
        mallory.gets("481")
    known = {"call_id": got.get("call-id") or "", "to": told.get("to") or ""}
    forged = mallory.request("MESSAGE", "sip:victim@elsewhere.test", Route=HERE, **known)
    forged.put(headers.FROM, got.must(headers.FROM))
    mallory.feeds(forged)
    challenge = mallory.gets("407")
    assert isinstance(challenge, Response)
    proven = mallory.request("MESSAGE", forged.uri, Route=HERE, **known)
    proven.put(headers.FROM, got.must(headers.FROM))
    proven.append("Proxy-Authorization", mallory.credentials(challenge, "MESSAGE", forged.uri))
    mallory.feeds(proven)
    mallory.gets("403")
    for method in ("INVITE", "BYE", "UPDATE"):
        call = mallory.request(method, forged.uri, Route=HERE, **known)
        call.put(headers.FROM, got.must(headers.FROM))
        mallory.feeds(call)
        mallory.gets("481")
    assert (alice.inbox, bob.inbox) == ([], [])


def test_mallory_takes_nobodys_dialog(stage: Stage, alice: Person, bob: Person) -> None:
    """A SUBSCRIBE with the Call-ID and the tag of Alice's."""
    got, _ = _subscribed(alice, bob)
    mallory = stage.person("mallory")
    request = mallory.request("SUBSCRIBE", BOB, Event="presence")
    mallory.feeds(request)
    challenge = mallory.gets("407")
    assert isinstance(challenge, Response)
    again = mallory.request("SUBSCRIBE", BOB, Event="presence", call_id=got.get("call-id") or "")
    again.drop("from")
    again.append("From", f"<sip:mallory@{DOMAIN}>;tag=alice")
    again.put(headers.CSEQ, headers.CSeq(99, "SUBSCRIBE"))
    again.append("Proxy-Authorization", mallory.credentials(challenge, "SUBSCRIBE", BOB))
    mallory.feeds(again)
    mallory.gets("403")
    assert bob.inbox == []


def test_mallory_fills_no_table(stage: Stage, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passage, "MOST_EACH", 3)
    mallory = stage.person("mallory")
    for _ in range(3):
        _watches(mallory)
    _watches(mallory)
    mallory.gets("503", retry_after="60")


def test_a_method_that_is_not_carried(alice: Person, bob: Person) -> None:
    alice.sends("FROBNICATE", BOB)
    alice.gets("405")
    assert bob.inbox == []


def test_who_wants_no_name_is_given_none(stage: Stage, alice: Person, bob: Person) -> None:
    """RFC 3323: what is passed on would show it, so we ask in nobody's name, or not at all."""
    alice.sends("MESSAGE", BOB, Privacy="id")
    got = _request(bob, "MESSAGE", from_="anonymous@anonymous.invalid")
    assert b"alice" not in got.build()
    bob.replies(got, 200)
    alice.gets("200")
    alice.sends("REFER", BOB, Privacy="id", Refer_To=f"<sip:4711@{DOMAIN}>")
    assert b"alice" not in _request(bob, "REFER").build()
    _watches(alice, Privacy="id")
    alice.gets("433")
    stage.is_quiet()


def test_a_text_bears_the_name_that_is_its_senders(stage: Stage, bob: Person) -> None:
    """Whoever writes another into From would pass for somebody else to those who read it."""
    mallory = stage.person("mallory")
    text = mallory.request("MESSAGE", BOB, body="Hello", content_type="text/plain")
    mallory.feeds(text)
    challenge = mallory.gets("401")
    assert isinstance(challenge, Response)
    again = mallory.request("MESSAGE", BOB, body="Hello", content_type="text/plain")
    again.drop("from")
    again.append("From", f'"Alice" <sip:mallory@{DOMAIN}>;tag=mallory')
    again.append("Authorization", mallory.credentials(challenge, "MESSAGE", BOB))
    mallory.feeds(again)
    sender = _request(bob, "MESSAGE").must(headers.FROM)
    assert (sender.display_name, sender.tag) == ("Mallory", "mallory")
