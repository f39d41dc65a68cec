"""The figures of draft-00 and of RFC 4579, played by phones that know nothing of Parley.

JsSIP and SIP.js ask in turn, and desk phones of baresip are with them; on one
process, and on three with a phone at each. `docs/sip.md` has the table.
"""

from __future__ import annotations

import asyncio
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from tests.live import browser as browsers
from tests.live.harness import LIBRARIES, BrowserPhone
from tests.live.patience import PATIENCE
from tests.live.server import until
from tests.live.several.conftest import System, user_of

#: Decibels of full scale over which a desk phone hears a tone.
HEARD = -40.0
TONES = browsers.TONES
#: The library that asks; the other one answers.
ASKING = pytest.mark.parametrize("asks", LIBRARIES)


def other_than(library: str) -> str:
    """The other library."""
    return next(one for one in LIBRARIES if one != library)


async def met(condition: Callable[[], bool], *, within: float = PATIENCE) -> bool:
    """Whether a condition was met in time; nobody is held up meanwhile."""
    return await asyncio.to_thread(until, condition, within=within)


async def are_in(system: System, uri: str, *names: str) -> None:
    """Wait until those are in the conference, and nobody else."""
    there = await met(lambda: set(system.present(uri)) == set(names))
    assert there, (system.present(uri), names)


async def hear_each_other(one: BrowserPhone, other: BrowserPhone) -> None:
    """Each hears the other."""
    await asyncio.gather(browsers.hears(one.page, other.tone), browsers.hears(other.page, one.tone))


async def all_have_left(system: System, uri: str, *phones: BrowserPhone) -> None:
    """Hang up, which the roster follows."""
    for phone in reversed(phones):  # it may end when who made it departs
        await phone.hangs_up()
    for desk in system.desks:
        await desk.stop()
    await are_in(system, uri)


@ASKING
async def test_figure_1_dial_in(system: System, asks: str) -> None:
    """The newcomer reads all that is so, the others what is new; all hear each other."""
    room = system.office.conference("--open")["uri"]
    alice, bob = await system.pair(asks, other_than(asks))
    await alice.joins(room)
    await alice.subscribes(room)
    await bob.joins(room)
    await bob.subscribes(room)
    (first, *_) = await bob.notes()
    assert 'state="full"' in first
    assert system.people.alice.aor in first
    carol = await system.desk("carol", dial=room)
    await are_in(system, room, "alice", "bob", "carol")
    for phone in (alice, bob):
        await phone.page.wait_for_function(
            "(who) => phone.notes.slice(1).some("
            "(note) => note.includes(who) && note.includes('state=\"partial\"'))",
            arg=system.people.carol.aor,
        )
        await browsers.hears(phone.page, carol.tone)
    for one, other in ((alice, bob), (bob, alice)):
        await browsers.hears_the_other_alone(one.page, own=one.tone, other=other.tone)
    assert await met(lambda: carol.hears(alice.tone, HEARD))
    await all_have_left(system, room, alice, bob)


@ASKING
async def test_figure_2_dial_out(system: System, asks: str) -> None:
    """The focus calls a page that rings, and a desk phone that answers at once."""
    room = system.office.conference()["uri"]
    alice, bob = await system.pair(other_than(asks), asks)
    carol = await system.desk("carol", transport="tcp")
    await alice.joins(room)
    jobs = []
    for account in (system.people.bob, system.people.carol):
        path = f"/conferences/{user_of(room)}/participants"
        status, job = system.people.api.call("POST", path, {"uri": account.aor})
        assert status == 202, job
        jobs.append(job["job"])
    assert ";isfocus" in await bob.answers()
    await are_in(system, room, "alice", "bob", "carol")
    await hear_each_other(alice, bob)
    assert await met(lambda: carol.hears(bob.tone, HEARD))
    for job in jobs:
        assert system.people.api.call("GET", f"/jobs/{job}")[1]["state"] == "done"
    await all_have_left(system, room, alice, bob)


@ASKING
async def test_figure_3_by_an_application(system: System, asks: str) -> None:
    """200 without isfocus and with a page; its form; a re-INVITE with the URI and isfocus."""
    alice = await system.page(asks, "alice")
    answer = await alice.call(system.uri("conference-app"))
    assert answer["status"] == 200
    assert not await alice.page.evaluate("phone.isFocus")
    info = re.fullmatch(r"<(http[^>]*)>;purpose=info", await alice.page.evaluate("phone.callInfo"))
    assert info is not None
    form = urllib.parse.urlencode({"title": "By the page"}).encode()
    with urllib.request.urlopen(info[1], data=form) as page:
        assert "By the page" in page.read().decode()
    with pytest.raises(urllib.error.HTTPError) as mallory:
        urllib.request.urlopen(info[1].rsplit("/", 2)[0] + "/guessed/")
    assert mallory.value.code == 404
    mallory.value.close()
    await alice.page.wait_for_function("() => phone.contacts.length > 0")
    contact = await alice.page.evaluate("phone.contacts[0]")
    uri = re.fullmatch(r"<(sip:[0-9]{20}@[^>]*)>;isfocus", contact)
    assert uri is not None, contact
    carol = await system.desk("carol", dial=uri[1])
    await browsers.hears(alice.page, carol.tone)
    assert await met(lambda: carol.hears(alice.tone, HEARD))
    await are_in(system, uri[1], "alice", "carol")
    await all_have_left(system, uri[1], alice)


@ASKING
async def test_draft_figure_4_a_uri_of_ones_choice(system: System, asks: str) -> None:
    """An organizer's call makes it; it is routed like any other then."""
    room = system.uri(f"choice-of-{asks}")
    alice, bob = await system.pair(asks, other_than(asks))
    assert (await bob.call(room))["status"] == 404
    await alice.joins(room)
    assert user_of(await alice.contact()) == user_of(room)
    await bob.joins(room)
    await hear_each_other(alice, bob)
    await all_have_left(system, room, alice, bob)


@ASKING
async def test_figure_5_and_12_by_the_factory_until_its_creator_departs(
    system: System, asks: str
) -> None:
    """Draft figure 5, RFC figure 12: the 200 says where others call in; at the end all get BYE."""
    alice, bob = await system.pair(asks, other_than(asks))
    await alice.joins(system.uri("conference-factory"))
    room = await alice.contact()
    await bob.joins(room)
    await bob.subscribes(room)
    carol = await system.desk("carol", dial=room, transport="tcp")
    await browsers.hears(alice.page, carol.tone)
    await are_in(system, room, "alice", "bob", "carol")
    await alice.hangs_up()
    assert "ended by" in (await bob.was_removed())["reason"]
    await bob.page.wait_for_function("() => phone.watch.startsWith('terminated')")
    await carol.says("session closed")
    await are_in(system, room)


@ASKING
async def test_rfc_figure_4_a_factory_that_sends_on(system: System, asks: str) -> None:
    """302 with the URI and isfocus, and an INVITE to that; baresip follows by itself."""
    system.office.back_office(
        "Factory.objects.get_or_create(name='conference-desk', defaults={'mode': 'redirect'})"
    )
    alice, bob = await system.pair(asks, other_than(asks))
    await alice.joins(system.uri("conference-desk"))
    assert ";isfocus" in await alice.page.evaluate("phone.sentOn")
    room = await alice.contact()
    await bob.joins(room)
    await hear_each_other(alice, bob)
    await all_have_left(system, room, alice, bob)


@ASKING
async def test_rfc_figure_5_add_by_refer(system: System, asks: str) -> None:
    """The focus calls whom Alice names, and tells her how it goes."""
    room = system.office.conference()["uri"]
    alice = await system.page(asks, "alice")
    carol = await system.desk("carol")
    await alice.joins(room)
    said = await alice.refers(system.people.carol.aor)
    assert (said[0], said[-1]) == ("100", "200"), said
    await are_in(system, room, "alice", "carol")
    await browsers.hears(alice.page, carol.tone)
    assert await met(lambda: carol.hears(alice.tone, HEARD))
    await all_have_left(system, room, alice)


async def test_rfc_figure_6_refer_somebody_to_the_conference(system: System) -> None:
    """Outside any call, which JsSIP neither sends nor takes: SIP.js to SIP.js."""
    room = system.office.conference("--open")["uri"]
    alice, bob = await system.pair("sipjs", "sipjs")
    await alice.joins(room)
    await alice.page.evaluate(
        "([to, referTo]) => { phone.referOutside(to, referTo); }",
        [system.people.bob.aor, f"<{room}>;isfocus"],
    )
    await bob.has_joined()
    await are_in(system, room, "alice", "bob")
    await hear_each_other(alice, bob)
    await all_have_left(system, room, alice, bob)


@ASKING
async def test_rfc_figure_7_have_the_focus_refer(system: System, asks: str) -> None:
    """The focus sends Bob a REFER to itself, and he calls in."""
    room = system.office.conference("--open")["uri"]
    alice, bob = await system.pair(asks, "sipjs")
    await alice.joins(room)
    nested = urllib.parse.quote(room, safe="")
    await alice.page.evaluate(
        "(to) => { phone.refer(to); }", f"{system.people.bob.aor};method=REFER?Refer-To={nested}"
    )
    await bob.has_joined()
    await are_in(system, room, "alice", "bob")
    await hear_each_other(alice, bob)
    await all_have_left(system, room, alice, bob)


@ASKING
async def test_figure_8_join(system: System, asks: str) -> None:
    """Bob knows Alice's dialog and the factory: so he is where she is."""
    room = system.office.conference("--open")["uri"]
    alice, bob = await system.pair(other_than(asks), asks)
    await alice.joins(room)
    await bob.joins(system.uri("conference-factory"), f"Join: {await alice.dialog()}")
    assert user_of(await bob.contact()) == user_of(room)
    await are_in(system, room, "alice", "bob")
    await hear_each_other(alice, bob)
    await all_have_left(system, room, alice, bob)


@ASKING
async def test_rfc_figure_9_on_another_phone(system: System, asks: str) -> None:
    """The second phone learns from the dialog package what the first one has, and takes it.

    A process tells of somebody's own dialogs those that live in it; a conference's are told
    to its moderators wherever they are.
    """
    room = system.office.conference("--open")["uri"]
    first, bob = await system.page(other_than(asks), "alice"), await system.page(asks, "bob")
    await bob.joins(room)
    await first.joins(room)
    await are_in(system, room, "alice", "bob")
    entry = system.present(room)["alice"]
    second = await system.page(asks, "alice", at="bob")
    watched = room if system.spread else system.people.alice.aor
    await second.subscribes(watched, "dialog")
    replaces = dialog_with_a_conference((await second.notes())[0], system.people.alice.aor)
    await second.joins(room, f"Replaces: {replaces}")
    assert "Replaced by another phone" in (await first.was_removed())["reason"]
    assert system.present(room)["alice"] == entry
    await hear_each_other(second, bob)
    await all_have_left(system, room, second, bob)


def dialog_with_a_conference(document: str, person: str) -> str:
    """How Replaces names somebody's dialog, by a document of RFC 4235 of his or of the focus's."""
    names = {"d": "urn:ietf:params:xml:ns:dialog-info"}
    for dialog in ElementTree.fromstring(document).findall("d:dialog", names):
        tags = [dialog.get("local-tag"), dialog.get("remote-tag")]
        if dialog.findtext("d:local/d:identity", namespaces=names) == person:
            tags.reverse()
        elif dialog.findtext("d:remote/d:identity", namespaces=names) != person:
            continue
        return f"{dialog.get('call-id')};to-tag={tags[0]};from-tag={tags[1]}"
    raise AssertionError(document)


@ASKING
async def test_rfc_figure_10_a_call_of_two_is_brought_in(system: System, asks: str) -> None:
    """Alice has the focus call Bob in place of the call that the two have."""
    room = system.office.conference()["uri"]
    alice, bob = await system.pair(asks, other_than(asks))
    calling = asyncio.create_task(alice.call(system.people.bob.aor))
    await bob.answers()
    assert (await calling)["status"] == 200
    await alice.joins(room)
    said = await alice.page.evaluate("(bob) => phone.bringIn(bob)", system.people.bob.aor)
    assert said[-1] == "200", said
    assert ";isfocus" in await bob.page.evaluate("phone.contacts.at(-1)")
    await are_in(system, room, "alice", "bob")
    await hear_each_other(alice, bob)
    await all_have_left(system, room, alice, bob)


@ASKING
async def test_rfc_figure_11_remove_by_refer(system: System, asks: str) -> None:
    """And who does not moderate lets nobody go."""
    room = system.office.conference("--open")["uri"]
    alice, bob = await system.pair(asks, other_than(asks))
    await alice.joins(room)
    await bob.joins(room)
    await bob.subscribes(room)
    await hear_each_other(alice, bob)
    assert await bob.refers(f"{system.people.alice.aor};method=BYE") == ["refused 403"]
    said = await alice.refers(f"{system.people.bob.aor};method=BYE")
    assert said[-1] == "200", said
    assert (await bob.was_removed())["by"] == "remote"
    await bob.page.wait_for_function("() => phone.watch.startsWith('terminated')")
    await are_in(system, room, "alice")
    await browsers.is_silent(alice.page, bob.tone)
    await all_have_left(system, room, alice)


async def test_rfc_figure_11_a_desk_phone_is_removed(system: System) -> None:
    """Not before it has heard by whom."""
    room = system.office.conference("--open")["uri"]
    alice = await system.page("jssip", "alice")
    await alice.joins(room)
    carol = await system.desk("carol", dial=room, transport="tcp")
    await are_in(system, room, "alice", "carol")
    said = await alice.refers(f"{system.people.carol.aor};method=BYE")
    assert said[-1] == "200", said
    await carol.says("session closed")
    await all_have_left(system, room, alice)


@ASKING
async def test_figure_10_and_13_options(system: System, asks: str) -> None:
    """Draft figure 10, RFC figure 13: what a conference can do."""
    room = system.office.conference("--open")["uri"]
    bob = await system.page(asks, "bob")
    told = await bob.page.evaluate("(uri) => phone.ask(uri)", room)
    assert told["status"] == 200
    assert told["contact"] == f"<{room}>;isfocus"
    for wanted, field in (
        ({"conference", "refer", "dialog"}, "events"),
        ({"replaces", "join", "gruu"}, "supported"),
        ({"application/sdp", "application/conference-info+xml", "message/sipfrag"}, "accept"),
        ({"INVITE", "ACK", "CANCEL", "OPTIONS", "BYE", "REFER", "SUBSCRIBE", "NOTIFY"}, "allow"),
    ):
        assert wanted <= set(re.split(r",\s*", told[field])), told
    ports = {line.split()[1] for line in told["body"].splitlines() if line.startswith("m=")}
    assert ports == {"0"}
