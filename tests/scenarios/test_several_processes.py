"""One conference for phones of two processes: what one passes on the other answers."""

from __future__ import annotations

from dataclasses import replace

from conferences.policy import Admission, CallOrder, ParticipantKey, RemovalOrder, Role
from sipgateway.focus.actions import Forward, TellDialogs, WatchDialogs
from sipgateway.focus.events import DialogsTold, DialogsWatched, PhoneAnnounced
from sipgateway.focus.facts import CallProgressed, Released
from sipgateway.media.engine import LegSilent
from sipgateway.sip import headers, message
from sipgateway.sip.flow import Flow, Transport
from tests.stage import ANSWER, DOMAIN, OFFER, Person, Stage

HERE, THERE = "aaaaaaaa", "bbbbbbbb"


class System:
    """Two processes, and what goes between them: nothing is lost unless `loses` says how much."""

    def __init__(self) -> None:
        self.here, self.there = Stage(name=HERE), Stage(name=THERE)
        self._stages = {HERE: self.here, THERE: self.there}
        for stage in self._stages.values():
            stage.conference()
        self.here.owners["4711"] = THERE
        self.loses = 0
        self.lost: list[str] = []

    def person(self, name: str) -> Person:
        """Somebody whose phone is connected here, and who is known there as well."""
        person = self.here.person(name)
        self.there.people[name] = Person(self.there, name)
        return person

    def carries(self) -> None:
        """Carry between the processes until nothing is left to carry."""
        while any(
            s.forwarded or s.sent_elsewhere or s.announced or s.of_dialogs
            for s in self._stages.values()
        ):
            for stage in self._stages.values():
                self._carry_from(stage)

    def _carry_from(self, stage: Stage) -> None:
        forwarded, stage.forwarded = stage.forwarded, []
        for action in forwarded:
            if not self._lose(action.octets):
                self._forward(stage, action)
        sent, stage.sent_elsewhere = stage.sent_elsewhere, []
        for flow, octets in sent:
            if not self._lose(octets):
                self._send(stage, flow, octets)
        announced, stage.announced = stage.announced, []
        for one in announced:
            for other in self._stages.values():
                if other is not stage:
                    flow = replace(one.flow, via=stage.name)
                    other.happens(PhoneAnnounced(one.entity, one.contact, flow))

        self._carry_dialogs(stage)

    def _carry_dialogs(self, stage: Stage) -> None:
        of_dialogs, stage.of_dialogs = stage.of_dialogs, []
        for told in of_dialogs:
            if not self._lose(type(told).__name__.encode()):
                self._tell(stage, told)

    def _tell(self, by: Stage, told: WatchDialogs | TellDialogs) -> None:
        """Of people's dialogs."""
        if isinstance(told, TellDialogs):
            self._stages[told.to].happens(DialogsTold(by.name, told.talks, told.whole))
            return
        for other in self._stages.values():
            if other is not by:
                other.happens(DialogsWatched(by.name, told.entities, told.whole))

    def _lose(self, octets: bytes) -> bool:
        if not self.loses:
            return False
        self.loses -= 1
        self.lost.append(octets.split(b"\r\n")[0].decode())
        return True

    def _forward(self, by: Stage, action: Forward) -> None:
        stage = self._stages[action.to]
        flow = replace(action.flow, via=action.flow.via or by.name)
        stage.endpoint.receive(action.octets, flow, stage.now, vouched=action.identity)
        stage.pump()

    def _send(self, by: Stage, flow: Flow, octets: bytes) -> None:
        stage = self._stages[flow.via]
        call_id = message.parse(octets).get("call-id") or ""
        stage.siblings.learn(call_id, by.name)
        stage._deliver(replace(flow, via=""), octets)
        stage.pump()

    def dials(self, person: Person, name: str = "4711") -> None:
        """INVITE, 200, ACK."""
        invite = person.sends("INVITE", f"sip:{name}@{DOMAIN}", body=OFFER)
        self.carries()
        person.accepts(invite, person.gets("200"))
        self.carries()

    def passes(self, seconds: float) -> None:
        """Time goes by for both."""
        for _ in range(round(seconds * 10)):
            for stage in self._stages.values():
                stage.passes(0.1)
            self.carries()


def test_who_is_asked_here_is_answered_there() -> None:
    """Challenged and known here; let in, and written down, there."""
    system = System()
    bob = system.person("bob")
    system.dials(bob)
    assert system.there.roster() == ["bob"]
    assert system.here.switchboard.live == []
    bob.in_dialog("BYE")
    system.carries()
    bob.gets("200")
    assert system.there.roster() == []
    assert isinstance(system.there.facts[-1], Released)
    assert system.here.facts == []


def test_a_removed_one_hears_of_it_through_the_other_process() -> None:
    system = System()
    bob = system.person("bob")
    system.dials(bob)
    order = RemovalOrder(1, ParticipantKey(system.there.key_of("bob")), by="Alice", reason="")
    system.there.changes(removals=(order,))
    system.carries()
    bye = bob.gets("BYE")
    assert "Alice" in (bye.get("reason") or "")
    bob.replies(bye, 200)  # type: ignore[arg-type]
    system.carries()
    assert system.there.roster() == []


def test_mallory_is_refused_there() -> None:
    system = System()
    system.there.snapshots["4711"] = replace(
        system.there.snapshots["4711"], admission=Admission.INVITED, roles={}
    )
    mallory = system.person("mallory")
    mallory.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    system.carries()
    mallory.gets("403")
    assert isinstance(system.there.facts[-1], Released)


def test_nobody_is_taken_at_his_word_without_the_other_process_vouching() -> None:
    """A nonce is good in the process that made it: what was sniffed opens no other."""
    system = System()
    bob = system.person("bob")
    invite = bob.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    (passed_on,) = system.here.forwarded
    system.here.forwarded = [replace(passed_on, identity=None)]
    system.carries()
    challenge = bob.gets("401")
    assert "stale=true" in (challenge.get("www-authenticate") or "")
    assert system.there.roster() == []
    assert invite.method == "INVITE"


def test_a_cancel_follows_its_invite() -> None:
    system = System()
    bob = system.person("bob")
    system.there.media_thinks(True)
    invite = bob.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    system.carries()
    bob.cancels(invite)
    system.carries()
    bob.gets("200")
    bob.gets("487")
    system.there.media_thinks(False)
    assert system.there.roster() == []


def test_what_is_lost_between_processes_is_sent_again() -> None:
    """The way through another process is unreliable in SIP's sense, also for a browser."""
    system = System()
    bob = system.person("bob")
    system.dials(bob)
    bob.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event="conference")
    system.carries()
    bob.gets("200")
    bob.gets("NOTIFY")
    alice = system.there.person("alice")
    system.loses = 1
    alice.dials("4711")
    system.passes(0.2)
    assert [line.split()[0] for line in system.lost] == ["NOTIFY"]
    assert bob.inbox == []
    system.passes(1.0)
    assert "sip:alice@" in bob.gets("NOTIFY").body.decode()


def test_a_call_goes_on_when_its_phone_comes_back_by_the_other_process() -> None:
    """A connection is lost there; the phone registers here, and the BYE finds it."""
    system = System()
    bob = system.there.person("bob")
    bob.registers()
    bob.dials("4711")
    bob.disconnects()
    again = system.here.person("bob")
    again.registers()
    system.carries()
    system.there.changes(end_by="Alice")
    system.carries()
    bye = again.gets("BYE")
    again.replies(bye, 200)  # type: ignore[arg-type]
    system.carries()
    assert system.there.roster() == []


def test_join_and_replaces_find_the_dialog_in_the_other_process() -> None:
    """RFC 3891: another phone of Bob's, connected here, takes the call that lives there."""
    system = System()
    desk = system.there.person("bob")
    desk.dials("4711")
    remote = desk.to["call"].partition("tag=")[2]
    phone = system.here.person("bob")
    replaces = f"{desk.call_id};to-tag={remote};from-tag=bob"
    invite = phone.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER, Replaces=replaces)
    system.carries()
    phone.accepts(invite, phone.gets("200"))
    system.carries()
    desk.replies(desk.gets("BYE"), 200)  # type: ignore[arg-type]
    system.carries()
    assert system.there.roster() == ["bob"]
    assert system.there.snapshots["4711"].role_of(phone.identity) is Role.PARTICIPANT


def test_a_person_is_called_at_phones_of_both_processes() -> None:
    """The database knows who holds which; the first who answers wins."""
    system = System()
    system.here.passes(1.0)
    desk = system.here.person("carol")
    desk.registers(contact="<sip:carol@desk.invalid;transport=ws>")
    page = system.there.person("carol")
    page.registers()
    system.passes(1.0)
    aor = f"sip:carol@{DOMAIN}"
    (entry,) = system.here.phones.values()
    system.there.elsewhere[aor] = ((HERE, entry),)
    order = CallOrder(1, "job", aor, "Alice", "Carol", Role.PARTICIPANT)
    system.there.changes(calls=(order,))
    system.carries()
    ringing = desk.gets("INVITE")
    other = page.gets("INVITE")
    desk.replies(ringing, 200, body=ANSWER)  # type: ignore[arg-type]
    system.carries()
    desk.gets("ACK")
    page.replies(other, 180)  # type: ignore[arg-type]
    page.gets("CANCEL")
    assert system.there.roster() == ["carol"]
    assert CallProgressed(1, "done", 200) in system.there.facts


def test_a_phone_that_called_by_its_gruu_is_found_again() -> None:
    """RFC 5627 4.3: JsSIP's Contact is the GRUU that the registrar gave it."""
    system = System()
    bob = system.there.person("bob")
    name = '"<urn:uuid:6e3c>"'
    contact = f"<sip:bob@bob.invalid;transport=ws>;+sip.instance={name};reg-id=1"
    gruu = f"<sip:bob@{DOMAIN};gr=urn:uuid:6e3c>"
    bob.registers(contact=contact, Supported="gruu, outbound, path")
    bob.dials("4711", contact=gruu)
    bob.disconnects()
    again = system.here.person("bob")
    again.registers(contact=contact, Supported="gruu, outbound, path")
    system.carries()
    system.there.changes(end_by="Alice")
    system.carries()
    again.gets("BYE")
    system.carries()
    assert system.there.roster() == []


def test_a_phone_on_udp_outlives_the_process_that_it_came_by() -> None:
    """Nothing has told it: it is reached by a socket of the owner's, and asked when silent."""
    system = System()
    bob = system.here.person("bob", transport=Transport.UDP)
    system.there.people["bob"] = Person(system.there, "bob", transport=Transport.UDP)
    system.dials(bob)
    again = Person(system.there, "bob", transport=Transport.UDP)
    system.there.people["bob again"] = again
    system.there.found_again[bob.host, bob.port] = again.flow
    system.there.endpoint.flow_closed(bob.flow.id, system.there.now)
    system.there.pump()
    system.there.media_tells(LegSilent(system.there.leg_of("bob"), 11.0))
    options = again.gets("OPTIONS")
    again.replies(options, 200)  # type: ignore[arg-type]
    assert system.there.roster() == ["bob"]
    system.there.passes(11)
    system.there.media_tells(LegSilent(system.there.leg_of("bob"), 22.0))
    again.gets("OPTIONS")
    system.there.passes(11)
    system.there.media_tells(LegSilent(system.there.leg_of("bob"), 33.0))
    assert system.there.roster() == []


def test_a_subscription_between_phones_of_two_processes() -> None:
    """It is passed on by the one where the watcher is; what the phone tells goes there."""
    system = System()
    bob, alice = system.person("bob"), system.there.person("alice")
    bob.answers_requests = False
    bob.registers()
    system.passes(1.0)
    (entry,) = system.here.phones.values()
    system.there.elsewhere[entry.aor] = ((HERE, entry),)
    alice.sends("SUBSCRIBE", entry.aor, Event="presence")
    system.carries()
    asked = bob.gets("SUBSCRIBE", event="presence")
    bob.replies(asked, 200)  # type: ignore[arg-type]
    system.carries()
    alice.gets("200")
    contact = asked.must(headers.CONTACT)
    notify = bob.request("NOTIFY", str(contact.uri), call_id=asked.get("call-id") or "")
    notify.put(headers.FROM, headers.parse_name_addr(f"{asked.get('to')};tag=bob-uas"))
    notify.put(headers.TO, asked.must(headers.FROM))
    notify.append("Event", "presence")
    notify.append("Subscription-State", "active;expires=60")
    for route in asked.all("record-route"):
        notify.append("Route", route)
    bob.feeds(notify)
    system.carries()
    alice.gets("NOTIFY", event="presence")
    system.carries()
    bob.gets("200")
