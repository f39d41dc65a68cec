"""Calls to telephone numbers and to other domains, by a trunk and without (RFC 3263, 3261 22)."""

from __future__ import annotations

import hashlib

import pytest

from conferences.policy import CallOrder
from sipgateway.focus.facts import CallProgressed
from sipgateway.sip import headers, message
from sipgateway.sip.credentials import parse_trunk
from sipgateway.sip.flow import Transport
from sipgateway.sip.message import Request
from tests.stage import ANSWER, DOMAIN, OFFER, Person, Stage

NUMBER = "tel:+4930123456"
CAROL = "sip:carol@elsewhere.test"
ACCOUNT = "sip:parley:secret@trunk.test"


@pytest.fixture
def stage() -> Stage:
    """A house from which those who command may call anybody; 4711 is Alice's."""
    stage = Stage()
    stage.conference()
    return stage


def _server(stage: Stage, name: str = "trunk", transport: Transport = Transport.UDP) -> Person:
    server = stage.person(name, transport=transport, port=5060 + len(stage.servers))
    stage.servers.append(server)
    return server


def _calls(stage: Stage, uri: str) -> None:
    """The page's button, after service and job."""
    order = CallOrder(7, "job-7", uri, by=f"sip:alice@{DOMAIN}", display_name="Carol")
    stage.changes(calls=(order,))


def _called(server: Person, **fields: str) -> Request:
    invite = server.gets("INVITE", **fields)  # type: ignore[arg-type]
    assert isinstance(invite, Request)
    return invite


def _challenges(
    server: Person, invite: Request, status: int = 407, *, nonce: str = "n1", stale: bool = False
) -> None:
    name = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}[status]
    response = message.reply(invite, status, tag="trunk")
    more = ", stale=true" if stale else ""
    response.append(name, f'Digest realm="trunk.test", nonce="{nonce}", algorithm=MD5{more}')
    server.feeds(response)
    server.gets("ACK")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def _proof(invite: Request, nonce: str) -> str:
    """What the account's response is by RFC 2617 3.2.2.1, without qop."""
    ha1, ha2 = _md5("parley:trunk.test:secret"), _md5(f"INVITE:{invite.uri}")
    return f'response="{_md5(f"{ha1}:{nonce}:{ha2}")}"'


def test_a_number_goes_to_the_trunk_which_wants_to_know_who_we_are(stage: Stage) -> None:
    """The trunk's name for the number, 407, credentials, a call like any other."""
    alice, trunk = stage.joined("alice"), _server(stage)
    stage.trunk = parse_trunk(ACCOUNT, "+4930999")
    _calls(stage, NUMBER)
    first = _called(
        trunk,
        to=f"<{NUMBER}>",
        from_='"Planning" <sip:+4930999@trunk.test>',
        p_asserted_identity="<sip:+4930999@trunk.test>",
        contact=f"<sip:4711@{DOMAIN}>;isfocus",
        body=ANSWER,
    )
    assert first.uri == "sip:+4930123456@trunk.test;user=phone"
    _challenges(trunk, first)
    again = _called(trunk, proxy_authorization=_proof(first, "n1"))
    assert again.must(headers.PROXY_AUTHORIZATION).get("uri") == first.uri
    assert again.must(headers.CSEQ).number == first.must(headers.CSEQ).number + 1
    assert (again.get("call-id"), again.get("from")) == (first.get("call-id"), first.get("from"))
    trunk.replies(again, 180)
    trunk.replies(again, 200, body=OFFER)
    # 13.2.2.4: the ACK has the credentials of the INVITE
    trunk.gets("ACK", proxy_authorization='nonce="n1"')
    assert CallProgressed(7, "done", 200) in stage.facts
    assert _entities(stage) == {f"sip:alice@{DOMAIN}", NUMBER}
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<{NUMBER};method=BYE>")
    alice.gets("202")
    bye = trunk.gets("BYE")
    assert bye.get("call-id") == first.get("call-id")
    assert stage.roster() == ["alice"]


def _entities(stage: Stage) -> set[str]:
    conference = stage.switchboard._conferences[stage.snapshots["4711"].id]
    return set(conference.roster.users)


def test_a_wrong_password_is_tried_once_a_stale_nonce_again(stage: Stage) -> None:
    stage.joined("alice")
    trunk = _server(stage)
    stage.trunk = parse_trunk(ACCOUNT)
    _calls(stage, NUMBER)
    _challenges(trunk, _called(trunk, from_="<sip:parley@trunk.test>"), 401)
    _challenges(trunk, _called(trunk, authorization='nonce="n1"'), 401, nonce="n2", stale=True)
    _challenges(trunk, _called(trunk, authorization='nonce="n2"'), 401, nonce="n3")
    assert CallProgressed(7, "failed", 401, "Unauthorized") in stage.facts
    stage.is_quiet()


def test_a_name_with_an_at_sign(stage: Stage) -> None:
    stage.joined("alice")
    trunk = _server(stage)
    stage.trunk = parse_trunk("sip:parley%40home:secret@trunk.test")
    _calls(stage, NUMBER)
    _called(trunk, from_="<sip:parley%40home@trunk.test>")


def test_a_nonce_that_is_always_stale(stage: Stage) -> None:
    stage.joined("alice")
    trunk = _server(stage)
    stage.trunk = parse_trunk(ACCOUNT)
    _calls(stage, NUMBER)
    for number in range(5):
        _challenges(trunk, _called(trunk), nonce=f"n{number}", stale=True)
    assert any(isinstance(f, CallProgressed) and f.status == 407 for f in stage.facts)
    stage.is_quiet()


def test_a_bye_that_is_challenged_is_said_again(stage: Stage) -> None:
    stage.joined("alice")
    trunk = _server(stage)
    trunk.answers_requests = False
    stage.trunk = parse_trunk(ACCOUNT)
    _calls(stage, NUMBER)
    _challenges(trunk, _called(trunk))  # both are
    trunk.replies(_called(trunk), 200, body=OFFER)
    trunk.gets("ACK")
    stage.changes(end_by="Alice")
    bye = trunk.gets("BYE")
    response = message.reply(bye, 407)  # type: ignore[arg-type]
    response.append("Proxy-Authenticate", 'Digest realm="trunk.test", nonce="n9"')
    trunk.feeds(response)
    again = trunk.gets("BYE", proxy_authorization='nonce="n9"')
    trunk.replies(again, 200)  # type: ignore[arg-type]
    assert not stage.switchboard.occupied


def test_a_foreign_address_goes_by_the_trunk_as_outbound_proxy(stage: Stage) -> None:
    """8.1.2: the Request-URI stays, the trunk is the route."""
    stage.joined("alice")
    trunk = _server(stage, transport=Transport.TCP)
    stage.trunk = parse_trunk("sip:trunk.test;transport=tcp")
    _calls(stage, CAROL)
    invite = _called(trunk, route="<sip:trunk.test;transport=tcp;lr>", from_=f"<sip:4711@{DOMAIN}>")
    assert invite.uri == CAROL
    assert invite.get("p-asserted-identity") is None
    trunk.replies(invite, 603)
    trunk.gets("ACK")
    assert CallProgressed(7, "failed", 603, "Decline") in stage.facts


def test_without_a_trunk_a_foreign_address_is_resolved_and_tells_the_world_nothing(
    stage: Stage,
) -> None:
    stage.joined("alice")
    server = _server(stage, "elsewhere")
    _calls(stage, CAROL)
    invite = _called(server, from_=f"<sip:4711@{DOMAIN}>", to=f"<{CAROL}>")
    assert (invite.uri, invite.get("route")) == (CAROL, None)
    _challenges(server, invite, 401)  # to which nobody else's credentials are given
    assert CallProgressed(7, "failed", 401, "Unauthorized") in stage.facts
    stage.is_quiet()


def test_the_next_server_is_tried_after_503(stage: Stage) -> None:
    """RFC 3263 4.3: the same request, by another branch; also where one connects but once."""
    for transport in (Transport.UDP, Transport.TCP):
        stage = Stage()
        stage.conference()
        stage.joined("alice")
        first, second = (_server(stage, name, transport) for name in ("first", "second"))
        _calls(stage, CAROL)
        invite = _called(first)
        first.replies(invite, 503)
        first.gets("ACK")
        other = _called(second)
        assert other.get("cseq") == invite.get("cseq")
        assert other.get("call-id") == invite.get("call-id")
        assert other.must(headers.VIA).branch != invite.must(headers.VIA).branch
        second.replies(other, 200, body=OFFER)
        second.gets("ACK")
        assert CallProgressed(7, "done", 200) in stage.facts
        stage.is_quiet()


def test_a_server_that_says_nothing_is_passed_over(stage: Stage) -> None:
    """Its late answer is acknowledged and let go."""
    stage.joined("alice")
    first, second = _server(stage, "first"), _server(stage, "second")
    _calls(stage, CAROL)
    invite = _called(first)
    stage.passes(4.1)
    while first.inbox:
        assert isinstance(again := first.inbox.pop(0), Request)
        assert again.method == "INVITE"
    second.replies(_called(second), 200, body=OFFER)
    second.gets("ACK")
    first.replies(invite, 200, body=OFFER)
    first.gets("ACK")
    first.gets("BYE")
    assert CallProgressed(7, "done", 200) in stage.facts
    assert len(_entities(stage)) == 2
    stage.is_quiet()


def test_nobody_answers_at_all(stage: Stage) -> None:
    """Timer B: 408, and the job says so."""
    stage.joined("alice")
    server = _server(stage)
    _calls(stage, CAROL)
    stage.passes(33)
    assert CallProgressed(7, "failed", 408, "Request Timeout") in stage.facts
    assert {repr(one) for one in server.inbox} == {repr(server.inbox[0])}
    assert stage.roster() == ["alice"]


@pytest.mark.parametrize("uri", [NUMBER, CAROL, "sips:carol@elsewhere.test"])
def test_where_no_way_leads(stage: Stage, uri: str) -> None:
    """A number without a trunk, a name that is not known, TLS where there is none."""
    stage.joined("alice")
    server = _server(stage)
    if uri == CAROL:
        stage.servers.clear()
    _calls(stage, uri)
    assert CallProgressed(7, "failed", 480, "No Way Leads There") in stage.facts
    assert server.inbox == []


def test_a_sips_address_is_called_by_tls_with_a_sips_contact(stage: Stage) -> None:
    stage.joined("alice")
    _server(stage, "clear")
    server = _server(stage, "secure", Transport.TLS)
    _calls(stage, "sips:carol@elsewhere.test")
    _called(server, contact=f"<sips:4711@{DOMAIN}")
    assert stage.people["clear"].inbox == []


def test_ended_while_the_way_is_looked_for(stage: Stage) -> None:
    stage.joined("alice")
    server = _server(stage)
    stage.dns_thinks = True
    _calls(stage, CAROL)
    stage.changes(end_by="Alice")
    called_off = CallProgressed(7, "failed", 487, "The call was called off")
    assert called_off in stage.facts
    assert server.inbox == []
    assert stage.switchboard.live == []
    stage = Stage()
    stage.conference()
    stage.joined("alice")
    server = _server(stage)
    stage.dns_thinks = True
    _calls(stage, CAROL)
    stage.changes(calls=())
    assert called_off in stage.facts
    assert server.inbox == []


def test_a_connection_that_is_lost_is_made_again(stage: Stage) -> None:
    """So that the other side hears of the end."""
    stage.joined("alice")
    trunk = _server(stage, transport=Transport.TCP)
    stage.trunk = parse_trunk("sip:trunk.test;transport=tcp")
    _calls(stage, NUMBER)
    trunk.replies(_called(trunk), 200, body=OFFER)
    trunk.gets("ACK")
    before = trunk.flow
    trunk.connects(Transport.TCP)
    stage.endpoint.flow_closed(before.id, stage.now)
    stage.pump()
    stage.changes(end_by="Alice")
    trunk.gets("BYE")
    assert not stage.switchboard.occupied


def test_refer_calls_a_number(stage: Stage) -> None:
    alice, trunk = stage.joined("alice"), _server(stage)
    stage.trunk = parse_trunk("sip:trunk.test")
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<{NUMBER}>")
    alice.gets("202")
    alice.gets("NOTIFY", body="100 Trying")
    trunk.replies(_called(trunk, referred_by=f"<sip:alice@{DOMAIN}>"), 486)
    trunk.gets("ACK")
    alice.gets("NOTIFY", body="486 Busy Here", terminated=True)
    stage.is_quiet()


# -- who may ---------------------------------------------------------------------


@pytest.mark.parametrize("uri", [NUMBER, CAROL])
def test_mallory_has_nobody_outside_called(stage: Stage, uri: str) -> None:
    """Who may add people of the house may not therefore add others: that costs money."""
    trunk = _server(stage)
    stage.trunk = parse_trunk("sip:trunk.test")
    stage.changes(participants_may_add=True)
    mallory = stage.joined("mallory")
    mallory.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<{uri}>")
    assert "Target Not Allowed" in mallory.gets("403").start_line
    mallory.sends("INVITE", uri, body=OFFER)
    mallory.gets("403")
    for method in ("INVITE", "REFER"):  # and without a name not even that
        mallory.feeds(mallory.request(method, CAROL, Refer_To="<sip:bob@conf.test>"))
        mallory.gets("401")
    guest = stage.person("guest-1", guest_of=stage.snapshots["4711"].id, organizer=True)
    guest.sends("INVITE", uri, body=OFFER)
    guest.gets("403")
    assert trunk.inbox == []


# -- from person to person -------------------------------------------------------


@pytest.mark.parametrize(
    "dialed", [NUMBER, f"sip:+4930123456@{DOMAIN}", f"sip:+4930123456@{DOMAIN};user=phone"]
)
def test_an_organizer_dials_a_number(stage: Stage, dialed: str) -> None:
    """As a telephone URI, or as desk phones do: the number at our domain."""
    alice, trunk = stage.person("alice", organizer=True), _server(stage)
    stage.trunk = parse_trunk(ACCOUNT, "+4930999")
    request = alice.sends("INVITE", dialed, body=OFFER)
    first = _called(trunk, from_='"Alice" <sip:+4930999@trunk.test>')
    assert first.uri == "sip:+4930123456@trunk.test;user=phone"
    _challenges(trunk, first)
    invite = _called(trunk)
    trunk.replies(invite, 180)
    early = alice.gets("180", contact=f"sip:+4930123456@{DOMAIN}")
    trunk.replies(invite, 200, body=OFFER)
    trunk.gets("ACK")
    answer = alice.gets("200", body=ANSWER)
    assert answer.get("contact") == early.get("contact")
    alice.accepts(request, answer)
    assert len(set(stage.media.rooms.values())) == 1
    alice.in_dialog("BYE")
    alice.gets("200")
    trunk.gets("BYE")
    assert not stage.switchboard.occupied
    stage.is_quiet()


def test_the_caller_gives_up(stage: Stage) -> None:
    """While the way is looked for, and while it rings."""
    alice, server = stage.person("alice", organizer=True), _server(stage)
    stage.dns_thinks = True
    request = alice.sends("INVITE", CAROL, body=OFFER)
    alice.cancels(request)
    alice.gets("200")
    alice.gets("487")
    assert server.inbox == []
    assert not stage.switchboard._people.calls
    stage.dns_thinks = False
    request = alice.sends("INVITE", CAROL, body=OFFER)
    invite = _called(server)
    server.replies(invite, 180)
    alice.gets("180")
    alice.cancels(request)
    alice.gets("200")
    alice.gets("487")
    cancel = server.gets("CANCEL")
    server.replies(cancel, 200)  # type: ignore[arg-type]
    server.replies(invite, 487)
    server.gets("ACK")
    assert not stage.switchboard.occupied
    stage.is_quiet()


def test_one_person_has_a_few_calls_out_at_a_time(stage: Stage) -> None:
    """Whoever has stolen a password empties no account in a minute."""
    alice, server = stage.person("alice", organizer=True), _server(stage)
    for _ in range(5):
        alice.sends("INVITE", CAROL, body=OFFER)
        _called(server)
    alice.sends("INVITE", CAROL, body=OFFER)
    alice.gets("486")
    assert server.inbox == []


def test_a_failure_is_the_callers_too(stage: Stage) -> None:
    alice, server = stage.person("alice", organizer=True), _server(stage)
    alice.sends("INVITE", CAROL, body=OFFER)
    server.replies(_called(server), 404)
    server.gets("ACK")
    alice.gets("404")
    stage.servers.clear()
    alice.sends("INVITE", CAROL, body=OFFER)
    alice.gets("480")
    assert isinstance(alice.last, Request)
    assert not stage.switchboard._people.calls
    stage.is_quiet()
