"""What comes in under a flood and a scan: calls that are up, and who is somebody; not Mallory."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from sipgateway.focus.actions import Action
from sipgateway.focus.authentication import MOST_OF_ONE
from sipgateway.focus.questions import LoadAccount
from sipgateway.gate import Gate, Verdict
from sipgateway.sip.limits import DEFAULT, Limits, Meter, Rate, parse_limits
from sipgateway.sip.message import Response
from tests.stage import DOMAIN, Person, Stage

MALLORY = "203.0.113.66"
SMALL = Limits(
    source=Rate(10, 40),
    stranger=Rate(5, 20),
    resident=Rate(20, 100),
    strangers=Rate(50, 200),
    call=Rate(10, 50),
    account=Rate(10, 50),
    refusals=Rate(1, 5),
    trickle=Rate(1, 5),
)
_numbers = itertools.count(1)


@pytest.fixture
def stage() -> Stage:
    stage = Stage(limits=SMALL)
    stage.conference()
    return stage


def asked(
    method: str = "INVITE", *, from_: str = "mallory", to: str = "4711", call_id: str = ""
) -> bytes:
    """A request as a tool writes it."""
    number = next(_numbers)
    lines = (
        f"{method} sip:{to}@{DOMAIN} SIP/2.0",
        f"Via: SIP/2.0/UDP {MALLORY};branch=z9hG4bK-{number}",
        f"From: <sip:{from_}@{DOMAIN}>;tag={number}",
        f"To: <sip:{to}@{DOMAIN}>",
        f"Call-ID: {call_id or number}",
        f"CSeq: 1 {method}",
        f"Contact: <sip:{MALLORY}>",
        "Content-Length: 0",
    )
    return "\r\n".join([*lines, "", ""]).encode()


def flood(
    gate: Gate, times: int, *, now: float, host: str = MALLORY, ports: int = 1, **how: str
) -> Counter[Verdict]:
    return Counter(
        gate.judge(asked(**how), host, 5060 + number % ports, now) for number in range(times)
    )


def test_a_flood_from_one_port_leaves_the_rest_of_its_address_alone(stage: Stage) -> None:
    found = flood(stage.gate, 1000, now=stage.now)
    assert (found[Verdict.TAKE], found[Verdict.REFUSE]) == (20, 5)
    assert stage.gate.judge(asked(), MALLORY, 5999, stage.now) is Verdict.TAKE


def test_a_flood_from_all_ports_leaves_those_who_signed_in_there(stage: Stage) -> None:
    """By the same phone, and by a new port of the same person."""
    alice = stage.person("alice", host=MALLORY, port=9000)
    alice.registers()
    found = flood(stage.gate, 1000, now=stage.now, ports=500)
    assert found[Verdict.TAKE] <= 60
    assert stage.gate.judge(asked(from_="bob"), MALLORY, 4000, stage.now) is Verdict.DROP
    assert stage.gate.judge(asked(from_="alice"), MALLORY, 4000, stage.now) is Verdict.TAKE
    assert stage.gate.judge(asked(from_="bob"), alice.host, alice.port, stage.now) is Verdict.TAKE
    assert flood(stage.gate, 100, now=stage.now, from_="alice")[Verdict.TAKE] <= 25


def test_a_flood_from_some_ports_leaves_newcomers_at_others(stage: Stage) -> None:
    flood(stage.gate, 1000, now=stage.now, ports=10)
    verdicts = [stage.gate.judge(asked(), MALLORY, 7000 + n, stage.now) for n in range(10)]
    assert set(verdicts) == {Verdict.TAKE}


def test_a_flood_of_datagrams_leaves_connections_alone(stage: Stage) -> None:
    flood(stage.gate, 1000, now=stage.now, ports=500)
    judge = stage.gate.judge
    assert judge(asked(), MALLORY, 4000, stage.now) is Verdict.DROP
    assert judge(asked(), MALLORY, 4000, stage.now, connected=True) is Verdict.TAKE


def test_a_flood_from_everywhere_leaves_those_who_signed_in(stage: Stage) -> None:
    alice = stage.person("alice")
    alice.dials("4711")
    taken = sum(
        flood(stage.gate, 3, now=stage.now, host=f"203.0.{n // 250}.{n % 250}")[Verdict.TAKE]
        for n in range(500)
    )
    assert taken == 199, "one was spent by Alice"
    alice.registers()
    alice.in_dialog("OPTIONS")
    alice.gets("200")
    alice.in_dialog("BYE")
    alice.gets("200")


def test_after_a_flood_everything_is_as_before(stage: Stage) -> None:
    flood(stage.gate, 1000, now=stage.now, ports=500)
    assert flood(stage.gate, 20, now=stage.now + 10)[Verdict.TAKE] == 20


def test_a_call_that_is_up_is_untouched_by_its_own_flood_of_invites(stage: Stage) -> None:
    """Alice's phone goes mad; she can hang up."""
    alice = stage.person("alice")
    alice.dials("4711")
    found = flood(stage.gate, 1000, now=stage.now, host=alice.host)
    assert found[Verdict.TAKE] < 150
    alice.in_dialog("BYE")
    alice.gets("200")


def test_a_call_is_metered_too(stage: Stage) -> None:
    alice = stage.person("alice")
    alice.dials("4711")
    found = flood(stage.gate, 200, now=stage.now, host=alice.host, call_id=alice.call_id)
    assert found[Verdict.TAKE] == 49, "one was the ACK"
    answer = f"SIP/2.0 200 OK\r\nCall-ID: {alice.call_id}\r\n\r\n".encode()
    judged = [stage.gate.judge(answer, alice.host, 1, stage.now) for _ in range(200)]
    assert set(judged) == {Verdict.TAKE}, "answers to what we ask are ours to take"


@pytest.mark.parametrize(
    "octets",
    [
        b"SIP/2.0 200 OK\r\nCall-ID: unknown\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"ACK sip:4711@conf.test SIP/2.0\r\ni: unknown\r\n\r\n",
    ],
)
def test_answers_and_acknowledgements_of_nothing_are_dropped(stage: Stage, octets: bytes) -> None:
    assert stage.gate.judge(octets, MALLORY, 5060, stage.now) is Verdict.DROP
    assert stage.gate.counters["dropped: for nothing of ours"] == 1


@pytest.mark.parametrize("spelt", ["Call-ID: {}", "CALL-ID : {}", "i:{}", "call-id:\t{} "])
def test_a_call_is_known_however_its_name_is_spelt(stage: Stage, spelt: str) -> None:
    alice = stage.person("alice")
    alice.dials("4711")
    octets = f"ACK sip:4711@{DOMAIN} SIP/2.0\r\n{spelt.format(alice.call_id)}\r\n\r\n".encode()
    assert stage.gate.judge(octets, alice.host, 5061, stage.now) is Verdict.TAKE


def test_an_answer_to_a_challenge_comes_in_during_a_flood(stage: Stage) -> None:
    """Bob got his 401, then the flood began behind the same address."""
    bob = stage.person("bob", host=MALLORY, port=7000)
    bob.feeds(bob.request("INVITE", f"sip:4711@{DOMAIN}", body="v=0"))
    challenge = bob._take_challenge()
    assert challenge is not None
    flood(stage.gate, 1000, now=stage.now, ports=500)
    again = bob.request("INVITE", f"sip:4711@{DOMAIN}", body="v=0")
    again.append("Authorization", bob.credentials(challenge, "INVITE", f"sip:4711@{DOMAIN}"))
    bob.feeds(again)
    bob.gets("200")


def test_a_forged_nonce_does_not_open_the_gate(stage: Stage) -> None:
    forged = asked().replace(b"Contact", b'Authorization: Digest nonce="bm9uZQ=="\r\nContact')
    verdicts = Counter(stage.gate.judge(forged, MALLORY, 5060, stage.now) for _ in range(100))
    assert verdicts[Verdict.TAKE] == 20


def test_who_asks_too_much_is_told_when_to_come_again(stage: Stage) -> None:
    mallory = stage.person("mallory", host=MALLORY)
    for _ in range(22):
        mallory.feeds(asked())
    told = [one for one in mallory.inbox if isinstance(one, Response) and one.status == 503]
    assert [one.get("retry-after") for one in told] == ["5", "5"]
    assert not stage.endpoint._tables.transactions


def test_an_account_that_asks_too_much() -> None:
    stage = Stage(limits=Limits(account=Rate(10, 50)))
    alice = stage.person("alice")
    statuses = Counter[int]()
    for _ in range(60):
        alice.sends("REGISTER", f"sip:{DOMAIN}", to=f"<sip:alice@{DOMAIN}>")
        received = alice.inbox.pop(0)
        assert isinstance(received, Response)
        statuses[received.status] += 1
    assert statuses == {200: 50, 503: 10}
    stage.passes(1)
    alice.registers()


def test_an_account_that_calls_too_much_may_still_register() -> None:
    stage = Stage(limits=Limits(invites=Rate(1, 3)))
    stage.conference()
    mallory, alice = stage.person("mallory"), stage.person("alice")
    statuses = []
    for _ in range(4):
        mallory.sends("INVITE", f"sip:4711@{DOMAIN}")
        finals = [one for one in mallory.inbox if isinstance(one, Response) and one.status >= 200]
        statuses.append(finals[-1].status)
        mallory.inbox.clear()
    assert statuses == [200, 200, 200, 503]
    assert finals[-1].get("retry-after") == "1"
    mallory.registers()
    alice.dials("4711")


def test_who_has_many_answers_to_wait_for_keeps_nobody_from_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()
    mallory, alice = stage.person("mallory", host=MALLORY), stage.person("alice")
    waiting: list[LoadAccount] = []
    answer = stage._answer

    def slow(action: Action) -> bool:
        if isinstance(action, LoadAccount) and action.auth_name == "mallory":
            waiting.append(action)
            return True
        return answer(action)

    monkeypatch.setattr(stage, "_answer", slow)
    for _ in range(MOST_OF_ONE + 2):
        mallory.sends("REGISTER", f"sip:{DOMAIN}", to=f"<sip:mallory@{DOMAIN}>")
    told = [one for one in mallory.inbox if isinstance(one, Response)]
    assert [(one.status, one.get("retry-after")) for one in told] == [(503, "1"), (503, "1")]
    alice.registers()
    monkeypatch.undo()
    for action in waiting:
        assert answer(action)
    mallory.inbox.clear()
    mallory.registers()


# -- searching for names ---------------------------------------------------------


def scan(stage: Stage, names: int, *, host: str = MALLORY, seconds: float = 20.0) -> list[str]:
    """REGISTER for one name after the other; the statuses that came back, for most nothing."""
    scanner = Person(stage, "scanner", host=host)
    stage.people["a scanner"] = scanner
    for number in range(names):
        scanner.port += 1
        scanner.connects()
        octets = asked("REGISTER", to=str(100 + number)).replace(b"UDP", b"WS")
        scanner.feeds(octets)
        stage.passes(seconds / names)
    return [str(one.status) for one in scanner.inbox if isinstance(one, Response)]


def test_a_scanner_is_shut_out_and_alice_is_not() -> None:
    stage = Stage()
    stage.conference()
    alice = stage.person("alice", host=MALLORY, port=7000)
    alice.dials("4711")
    said = scan(stage, 900)
    assert set(said) == {"401", "503"}, "it is told the same of every name"
    assert said.count("401") < 800
    assert stage.switchboard.guard.searches(MALLORY, stage.now)
    alice.in_dialog("OPTIONS")
    alice.gets("200")
    alice.registers()
    neighbour = stage.person("bob", host=MALLORY, port=7001)
    stage.passes(3)
    neighbour.registers()
    elsewhere = stage.person("carol", host="192.0.2.44")
    elsewhere.registers()
    (caught,) = stage.switchboard.guard.take_notes().searching
    assert caught.who == (MALLORY, "")


def test_a_thousand_phones_that_start_together_do_not_search() -> None:
    """They ask without credentials first, all at once; then each of them signs in."""
    stage = Stage()
    phones = [stage.person(f"phone{n}", port=6000 + n) for n in range(1000)]
    challenges = []
    for phone in phones:
        phone.feeds(phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:{phone.name}@{DOMAIN}>"))
        challenges.append(phone._take_challenge())
        stage.now += 0.001
    for phone, challenge in zip(phones, challenges, strict=True):
        assert challenge is not None
        stage.now += 0.006
        again = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:{phone.name}@{DOMAIN}>")
        again.append("Authorization", phone.credentials(challenge, "REGISTER", f"sip:{DOMAIN}"))
        phone.feeds(again)
        phone.gets("200")
    stage.passes(60)
    stage.person("late", port=9000).registers()
    assert not stage.switchboard.guard.searches("192.0.2.1", stage.now)


# -- meters ----------------------------------------------------------------------


def test_a_meter_gives_so_many_at_once_and_so_many_a_second() -> None:
    meter: Meter[str] = Meter(Rate(10, 30))
    assert sum(meter.take("a", 0.0) for _ in range(100)) == 30
    assert sum(meter.take("a", second / 10) for second in range(10, 110)) == 100
    assert sum(meter.take("b", 5.0) for _ in range(100)) == 30
    assert meter.wait("b", 5.0) == 1
    assert meter.take("b", 6.0)


def test_a_meter_forgets_who_is_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Meter, "SWEEP", 100)
    meter: Meter[int] = Meter(Rate(10, 30))
    for number in range(100_000):
        assert meter.take(number, number / 100)
    assert len(meter) <= 100


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("", DEFAULT),
        ("dialogs=7", Limits(dialogs=7)),
        ("source=5, stranger=2", Limits(source=Rate(5, 50), stranger=Rate(2, 20))),
    ],
)
def test_limits_are_told_by_name(text: str, limits: Limits) -> None:
    assert parse_limits(text) == limits


@pytest.mark.parametrize("text", ["calls=5", "source", "source=0", "source=-1", "source=fast"])
def test_limits_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=text.partition("=")[0]):
        parse_limits(text)
