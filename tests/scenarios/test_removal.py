"""Draft 4.10, RFC 4579 5.11: the focus removes a participant."""

from __future__ import annotations

import pytest

from conferences.policy import Refusal, RemovalOrder, Role
from sipgateway.focus.facts import AskRefused, Left, RemovalEnded
from sipgateway.focus.roster import Departure
from tests.stage import ANSWER, DOMAIN, OFFER, Stage

SPELLINGS = [
    f"<sip:bob@{DOMAIN};method=BYE>",
    f"<sip:bob@{DOMAIN}&method=BYE>",
    f"<sip:bob@{DOMAIN}?method=BYE>",
    f"<sip:bob@{DOMAIN}>;method=BYE",
    f"<sip:BOB@{DOMAIN.upper()};method=bye>",
    f"sip:bob@{DOMAIN};method=BYE",
]


@pytest.mark.parametrize("refer_to", SPELLINGS)
def test_c25_c26_figure_9(stage: Stage, refer_to: str) -> None:
    """A moderator removes a participant by REFER, in the RFC's and in the draft's spelling."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    alice.subscribes()
    alice.sees()
    bob.subscribes()
    bob.sees()
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=refer_to)
    alice.gets("202", contact="isfocus")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 100 Trying", terminated=False)
    bob.gets("BYE", reason="Removed by Alice")
    last = bob.gets("NOTIFY", event="conference", terminated=True)
    assert "reason=rejected" in (last.get("subscription-state") or "")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 200 OK", terminated=True)
    stage.passes(1)
    told = alice.sees()
    assert told.users() == {"bob": "deleted"}
    assert told.text("disconnection-method") == "booted"
    assert told.text("disconnection-info", "by") == "Alice"
    assert stage.roster() == ["alice"]
    stage.is_quiet()


STICKY = [
    f"<sip:bob@{DOMAIN};method=BYE?Reason=SIP%3Bcause%3D403%3Btext%3D%22Noise%22>",
    f"<sip:bob@{DOMAIN}?method=BYE&Reason=SIP%3Bcause%3D403%3Btext%3D%22Noise%22>",
    f"<sip:bob@{DOMAIN}?Reason=SIP%3Bcause%3D403%3Btext%3D%22Noise%22&method=BYE>",
]


@pytest.mark.parametrize("refer_to", STICKY)
def test_c25_removed_for_good_by_refer(stage: Stage, refer_to: str) -> None:
    """The Reason that the BYE is to have (RFC 3326): 403 is what he gets when he comes back."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=refer_to)
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    bob.gets("BYE", reason="Removed by Alice: Noise. You may not come back.")
    alice.gets("NOTIFY", event="refer", body="200 OK", terminated=True)
    bob.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    bob.gets("403", reason="may not come back")
    assert stage.roster() == ["alice"]
    stage.is_quiet()


@pytest.mark.parametrize("cause", ["cause%3D200", "text%3D%22Noise%22", "cause%3Dx"])
def test_c25_another_reason_is_a_reason_alone(stage: Stage, cause: str) -> None:
    alice, bob = stage.joined("alice"), stage.joined("bob")
    refer_to = f"<sip:bob@{DOMAIN};method=BYE?Reason=SIP%3B{cause}>"
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=refer_to)
    alice.gets("202")
    bob.gets("BYE", reason="Removed by Alice")
    assert stage.snapshots["4711"].banned == frozenset()


def test_c25_nobody_shuts_himself_out_and_mallory_nobody(stage: Stage) -> None:
    """Leaving is always allowed; for good is for those who command."""
    stage.joined("alice")
    bob, mallory = stage.joined("bob"), stage.joined("mallory")
    for person in (bob, mallory):
        person.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=STICKY[0])
        person.gets("403")
    assert stage.roster() == ["alice", "bob", "mallory"]


def test_in_the_dialog_of_the_call(stage: Stage) -> None:
    alice, bob = stage.joined("alice"), stage.joined("bob")
    alice.in_dialog("REFER", Refer_To=SPELLINGS[0])
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    bob.gets("BYE")
    alice.gets("NOTIFY", event="refer", body="200 OK", terminated=True)
    alice.in_dialog("BYE")
    alice.gets("200")
    stage.is_quiet()


def test_mallory_removes_nobody(stage: Stage) -> None:
    """403 before any BYE is sent, in and out of a dialog."""
    stage.joined("alice")
    bob, mallory = stage.joined("bob"), stage.joined("mallory")
    mallory.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=SPELLINGS[0])
    mallory.gets("403")
    mallory.in_dialog("REFER", Refer_To=SPELLINGS[0])
    mallory.gets("403")
    assert stage.roster() == ["alice", "bob", "mallory"]
    assert bob.inbox == []
    stage.is_quiet()


def test_nobody_removes_the_organizer_but_himself(stage: Stage) -> None:
    stage.changes(
        roles={f"sip:alice@{DOMAIN}": Role.ORGANIZER, f"sip:bob@{DOMAIN}": Role.MODERATOR}
    )
    alice, bob = stage.joined("alice"), stage.joined("bob")
    bob.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:alice@{DOMAIN};method=BYE>")
    bob.gets("403")
    bob.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:bob@{DOMAIN};method=BYE>")
    bob.gets("202")
    bob.gets("NOTIFY", event="refer", body="100 Trying")
    bob.gets("BYE")
    bob.gets("NOTIFY", event="refer", body="200 OK")
    assert stage.roster() == ["alice"]
    assert alice.inbox == []


def test_who_is_not_there_is_a_404_in_the_sipfrag(stage: Stage) -> None:
    alice = stage.joined("alice")
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:carol@{DOMAIN};method=BYE>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 404 Not Found", terminated=True)
    refused = AskRefused(alice.identity.uri, "remove", f"sip:carol@{DOMAIN}", Refusal.UNKNOWN)
    assert refused in stage.facts
    stage.is_quiet()


def test_without_subscription(stage: Stage) -> None:
    """RFC 4488: Refer-Sub: false."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=SPELLINGS[0], Refer_Sub="false")
    alice.gets("202", refer_sub="false")
    bob.gets("BYE")
    stage.is_quiet()


@pytest.mark.parametrize("broken", ["", "<sip:bob@conf.test", "nonsense"])
def test_a_broken_refer_to_is_named(stage: Stage, broken: str) -> None:
    alice = stage.joined("alice")
    fields = {"Refer_To": broken} if broken else {}
    alice.sends("REFER", f"sip:4711@{DOMAIN}", **fields)
    assert "Refer-To" in alice.gets("400").start_line
    stage.is_quiet()


def test_by_the_page_with_reason_and_for_good(stage: Stage) -> None:
    """The page's button: the removed one reads who, why, and that he may not come back."""
    stage.joined("alice")
    bob = stage.joined("bob")
    stage.removes("bob", reason="noise", ban=True)
    text = "Removed by Alice: noise. You may not come back."
    bob.gets("BYE", reason=f'SIP;cause=403;text="{text}"')
    bob.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    bob.gets("403", reason="may not come back")
    bob.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event="conference")
    bob.gets("403")
    assert RemovalEnded(1, "removed") in stage.facts
    left = next(fact for fact in stage.facts if isinstance(fact, Left))
    assert (left.method, left.by, left.reason) == (Departure.BOOTED, "Alice", "noise")
    stage.is_quiet()


def test_desk_phones_read_names_too(stage: Stage) -> None:
    """The Reason has the name where there is one; the record has the address."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    order = RemovalOrder(7, stage.key_of("bob"), by=alice.identity.uri, by_name="Alice")
    stage.changes(removals=(order,))
    bob.gets("BYE", reason='text="Removed by Alice"')
    left = next(fact for fact in stage.facts if isinstance(fact, Left))
    assert left.by == alice.identity.uri
    stage.changes(end_by=alice.identity.uri)
    alice.gets("BYE", reason="The conference was ended by Alice")


def test_told_twice_it_is_done_once(stage: Stage) -> None:
    stage.joined("alice")
    bob = stage.joined("bob")
    bob.answers_requests = False
    stage.removes("bob")
    stage.changes(title="Planning again")
    bye = bob.gets("BYE")
    assert [fact for fact in stage.facts if isinstance(fact, RemovalEnded)] == []
    bob.replies(bye, 200)  # type: ignore[arg-type]
    assert [fact for fact in stage.facts if isinstance(fact, RemovalEnded)] == [
        RemovalEnded(1, "removed")
    ]
    stage.is_quiet()


def test_a_dead_phone_is_gone_soon_all_the_same(stage: Stage) -> None:
    """408 means gone too, and the roster does not wait 32 s for it."""
    stage.joined("alice")
    bob = stage.joined("bob")
    bob.answers_requests = False
    stage.removes("bob")
    bob.gets("BYE")
    assert list(stage.media.rooms.values()).count("conference-1") == 1
    stage.passes(3)
    assert stage.roster() == ["alice"]
    assert RemovalEnded(1, "removed") in stage.facts


def test_all_devices_of_one_person(stage: Stage) -> None:
    stage.joined("alice")
    bob = stage.joined("bob")
    bob.dials(contact="<sip:desk@bob.invalid>")
    stage.removes("bob")
    bob.gets("BYE")
    bob.gets("BYE")
    assert stage.roster() == ["alice"]
    stage.is_quiet()


def test_end_for_all(stage: Stage) -> None:
    """RFC 4579 5.12: BYE to everybody, subscriptions end with noresource."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    bob.subscribes()
    bob.sees()
    stage.changes(end_by="Alice")
    alice.gets("BYE", reason="The conference was ended by Alice")
    bob.gets("BYE")
    last = bob.gets("NOTIFY", event="conference", terminated=True)
    assert "noresource" in (last.get("subscription-state") or "")
    assert stage.switchboard.live == []
    stage.is_quiet()


def test_mute_is_one_truth(stage: Stage) -> None:
    """The mixer, the roster and the conference package tell the same."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    alice.subscribes()
    alice.sees()
    stage.passes(1)
    stage.changes(muted=frozenset({stage.key_of("bob")}))
    assert stage.media.muted[stage.leg_of("bob")] is True
    assert alice.sees().text("media", "status") == "recvonly"
    stage.passes(1)
    stage.changes(muted=frozenset())
    assert stage.media.muted[stage.leg_of("bob")] is False
    assert alice.sees().text("media", "status") == "sendrecv"
    assert bob.inbox == []
    stage.is_quiet()


def test_lock_is_seen(stage: Stage) -> None:
    alice = stage.joined("alice")
    alice.subscribes()
    assert alice.sees().text("conference-state", "locked") == "false"
    stage.passes(1)
    stage.changes(locked=True)
    assert alice.sees().text("conference-state", "locked") == "true"
    mallory = stage.person("mallory")
    mallory.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    mallory.is_turned_away("403", reason="locked")
    stage.is_quiet()


def test_the_server_stops_with_calls_up(stage: Stage) -> None:
    alice = stage.joined("alice")
    stage.switchboard.stop(stage.now)
    stage.pump()
    alice.gets("BYE", reason="The server is stopping")
    assert not stage.switchboard.occupied


def test_whom_a_moderator_calls_may_come_back(stage: Stage) -> None:
    """Removed for good, and then called: whoever may ban has the word that lifts it."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    bob.registers()
    stage.removes("bob", ban=True)
    bob.gets("BYE", reason="may not come back")
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:bob@{DOMAIN}>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    invite = bob.gets("INVITE")
    bob.replies(invite, 200, body=ANSWER)  # type: ignore[arg-type]
    bob.gets("ACK")
    alice.gets("NOTIFY", event="refer", body="200 OK", terminated=True)
    stage.passes(1)
    assert stage.roster() == ["alice", "bob"]
    stage.is_quiet()


def test_nobody_else_has_one_called_who_may_not_come_back(stage: Stage) -> None:
    """Mallory may add people, but not those: they are not rung, whoever asks or asked."""
    stage.changes(participants_may_add=True)
    bob = stage.joined("bob")
    bob.registers()
    mallory = stage.joined("mallory")
    stage.removes("bob", ban=True)
    bob.gets("BYE")
    mallory.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:bob@{DOMAIN}>")
    mallory.gets("403")
    stage.calls("bob")  # was ordered before he was removed
    stage.is_quiet()


def test_an_organizer_does_not_shut_herself_out(stage: Stage) -> None:
    alice = stage.joined("alice")
    for_good = f"<sip:alice@{DOMAIN};method=BYE?Reason=SIP%3Bcause%3D403>"
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=for_good)
    alice.gets("403")
    assert stage.snapshots["4711"].banned == frozenset()
    assert stage.roster() == ["alice"]
    stage.is_quiet()
