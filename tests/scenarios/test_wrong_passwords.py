"""Wrong passwords on the wire: slowed, refused, forgiven; and nothing tells who exists."""

from __future__ import annotations

import itertools

import pytest

from conferences.attempts import Held, Notes
from sipgateway.focus import actions
from sipgateway.focus.events import AttemptsLifted, AttemptsRestored
from sipgateway.sip import headers
from sipgateway.sip.digest import hash_octets, response_of, user_hash
from sipgateway.sip.headers import Auth
from sipgateway.sip.message import Response
from tests.stage import DOMAIN, Person, Stage

REGISTRAR = f"sip:{DOMAIN}"


def tries(person: Person, *, password: str = "wrong") -> str:
    """REGISTER with that password; the status of what came of it."""
    right, person.password = person.password, password
    person.sends("REGISTER", REGISTRAR, to=f"<sip:{person.name}@{DOMAIN}>")
    person.password = right
    return status(person)


def status(person: Person) -> str:
    received = person.inbox.pop(0)
    assert isinstance(received, Response)
    if received.status == 503:
        assert int(received.get("retry-after") or "") >= 1
    return str(received.status)


class Mallory(Person):
    """Calls herself by other people's names; to the stage she is `mallory`."""

    def poses(self, as_: str) -> Mallory:
        self.name = as_
        # Her branches are not those of whom she plays.
        self._numbers = itertools.count(1000 * self.flow.id)
        return self


def mallory(stage: Stage, *, host: str = "203.0.113.66", port: int = 5060) -> Mallory:
    person = Mallory(stage, "mallory", host=host, port=port)
    stage.people[f"mallory at {host}:{port}"] = person
    return person


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_slowed_then_refused_then_heard_again(stage: Stage, name: str) -> None:
    """The same whether or not there is such a user."""
    stage.person("alice").registers()
    guesser = mallory(stage).poses(name)
    assert [tries(guesser) for _ in range(15)] == ["401"] * 11 + ["503"] * 4
    stage.passes(2)
    assert [tries(guesser), tries(guesser)] == ["401", "503"]


def test_alice_is_not_locked_out(stage: Stage) -> None:
    """Mallory guesses from her own addresses and from behind Alice's."""
    alice = stage.person("alice")
    alice.registers()
    for number in range(60):
        tries(mallory(stage, host=f"203.0.113.{number}").poses("alice"))
    neighbour = mallory(stage, host=alice.host, port=40001).poses("alice")
    assert [tries(neighbour) for _ in range(12)][-1] == "503"
    assert tries(mallory(stage, host="198.51.100.9").poses("alice")) == "503"
    alice.registers()
    alice.dials("4711")
    assert stage.roster() == ["alice"]


def test_the_right_password_is_not_looked_at_while_one_has_to_wait(stage: Stage) -> None:
    """Otherwise one would go on guessing, and listen for the 200."""
    stage.person("alice")
    guesser = mallory(stage).poses("alice")
    assert any(tries(guesser) == "503" for _ in range(100)), "never held off"
    assert tries(guesser, password="secret") == "503"
    stage.passes(2)
    assert tries(guesser, password="secret") == "200"


def test_of_many_that_come_together_the_first_ones_are_looked_at(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is slow, and a hundred guesses wait for it."""
    stage.person("alice")
    guesser = mallory(stage).poses("alice")
    guesser.password = "wrong"
    kept: list[actions.Action] = []
    with monkeypatch.context() as slow:
        slow.setattr(stage, "_act", kept.append)
        for _ in range(100):
            guesser.sends("REGISTER", REGISTRAR, to=f"<sip:alice@{DOMAIN}>")
    assert len(kept) == 100
    for action in kept:
        stage._act(action)
        stage.pump()
    assert [status(guesser) for _ in range(100)] == ["401"] * 11 + ["503"] * 89


def test_nothing_is_kept_of_what_strangers_ask(stage: Stage) -> None:
    guesser = mallory(stage).poses("alice")
    for _ in range(40):
        tries(guesser)
        guesser.feeds(guesser.request("INVITE", f"sip:4711@{DOMAIN}"))
    assert not stage.endpoint._tables.transactions


def test_a_stale_nonce_is_no_guess(stage: Stage) -> None:
    alice = stage.person("alice")
    for number in range(30):
        request = alice.request("REGISTER", REGISTRAR, to=f"<sip:alice@{DOMAIN}>")
        alice.feeds(request)
        challenge = alice._take_challenge()
        assert challenge is not None
        stage.passes(301)
        again = alice.request("REGISTER", REGISTRAR, to=f"<sip:alice@{DOMAIN}>")
        again.append("Authorization", alice.credentials(challenge, "REGISTER", REGISTRAR))
        alice.feeds(again)
        told = alice.gets("401").every(headers.WWW_AUTHENTICATE)
        assert [one.get("stale") for one in told] == ["true", "true"], number
    alice.registers()


def test_a_forged_nonce_is_no_guess_and_costs_the_database_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.person("alice")
    guesser = mallory(stage).poses("alice")
    asked: list[actions.Action] = []
    monkeypatch.setattr(stage, "_act", asked.append)
    for number in range(50):
        guesser.sends("REGISTER", REGISTRAR, to=f"<sip:alice@{DOMAIN}>") if not number else None
        request = guesser.request("REGISTER", REGISTRAR, to=f"<sip:alice@{DOMAIN}>")
        request.append(
            "Authorization",
            f'Digest username="alice", realm="{DOMAIN}", nonce="forged", uri="{REGISTRAR}", '
            'response="00000000000000000000000000000000", qop=auth, nc=00000001, cnonce="c"',
        )
        guesser.feeds(request)
        assert status(guesser) == "401"
    assert len(asked) == 1, "the one with a nonce of ours"


def test_a_request_played_again_is_refused(stage: Stage) -> None:
    """The nc of a nonce is good once (RFC 7616 3.4); without the password that is no guess."""
    alice = stage.person("alice")
    caught = alice.sends("REGISTER", REGISTRAR, to=f"<sip:alice@{DOMAIN}>")
    alice.gets("200")
    thief = mallory(stage)
    caught.put(headers.VIA, headers.parse_via("SIP/2.0/WS thief.invalid;branch=z9hG4bK-thief"))
    stage.passes(40)
    thief.feeds(caught)
    told = thief.gets("401").every(headers.WWW_AUTHENTICATE)
    assert told[0].get("stale") == "true"


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_a_hashed_name_is_accepted_and_counted_as_its_own(stage: Stage, algorithm: str) -> None:
    """RFC 7616 3.4.4; hashing the name buys no further guesses."""
    alice = stage.person("alice", host="203.0.113.66")
    guesser = mallory(stage).poses("alice")
    assert by_hash(alice, algorithm, "secret") == "200"
    del stage.people["alice"]
    stage.people["alice"] = alice
    assert [tries(guesser) for _ in range(6)] == ["401"] * 6
    looked = [by_hash(guesser, algorithm, "wrong") for _ in range(6)]
    assert looked == ["401"] * 5 + ["503"]


def by_hash(person: Person, algorithm: str, password: str) -> str:
    """REGISTER with the name hashed and auth-int; the status of what came of it."""
    person.feeds(person.request("REGISTER", REGISTRAR, to=f"<sip:alice@{DOMAIN}>"))
    challenge = person._take_challenge()
    assert challenge is not None
    offered = challenge.every(headers.WWW_AUTHENTICATE)
    nonce = next(one.get("nonce") for one in offered if one.get("algorithm") == algorithm)
    how = {"nonce": nonce, "nc": "00000001", "cnonce": "c", "qop": "auth-int"}
    ha1 = hash_octets(algorithm, f"alice:{DOMAIN}:{password}".encode())
    response = response_of(
        algorithm,
        ha1,
        method="REGISTER",
        uri=REGISTRAR,
        body_hash=hash_octets(algorithm, b""),
        **how,
    )
    proof = {
        "username": user_hash(algorithm, "alice", DOMAIN),
        "realm": DOMAIN,
        "uri": REGISTRAR,
        "response": response,
        "userhash": "true",
        "algorithm": algorithm,
        **how,
    }
    request = person.request("REGISTER", REGISTRAR, to=f"<sip:alice@{DOMAIN}>")
    request.append("Authorization", headers.build_auth(Auth("digest", tuple(proof.items()))))
    person.feeds(request)
    return status(person)


def test_what_was_wrong_is_written_down_restored_and_lifted(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.person("alice").registers()
    guesser = mallory(stage).poses("alice")
    assert any(tries(guesser) == "503" for _ in range(100)), "never held off"
    written: list[actions.Action] = []
    monkeypatch.setattr(stage, "_note", written.append)
    stage.switchboard.write_attempts(stage.now)
    stage.pump()
    (write,) = written
    assert isinstance(write, actions.WriteAttempts)
    pair = Held("203.0.113.66", "alice")
    assert [one.who for one in write.notes.held_off] == [pair]
    assert write.notes.known == (Held("192.0.2.1", "alice"),)

    after = Stage()
    after.person("alice")
    again = mallory(after).poses("alice")
    after.happens(AttemptsRestored(write.notes))
    assert tries(again) == "503"
    after.happens(AttemptsLifted(((pair, after.now + 1),)))
    assert tries(again) == "401"
    after.switchboard.write_attempts(after.now)
    assert after.switchboard.next_action() is None, "nothing new is nothing to write"
    assert Notes() == after.switchboard.guard.take_notes()
