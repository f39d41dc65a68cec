"""RFC 4575: valid documents, and partial ones that lead to the same state as full ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from conferences.policy import ParticipantKey, Role
from sipgateway.focus import conference_info
from sipgateway.focus.conference_info import About
from sipgateway.focus.roster import Departure, EndpointEntry, Joining, Marks, Roster, Status, User
from sipgateway.media.engine import Direction, LegId

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "schema" / "conference-info.xsd"))
NS = "{urn:ietf:params:xml:ns:conference-info}"
ABOUT = About("sip:4711@conf.test", "Planning & <more>", 10, "http://conf.test/c/4711/")


def entry(leg: int, **how: object) -> EndpointEntry:
    """An endpoint; `how` are fields that differ from the usual."""
    usual = EndpointEntry(
        LegId(f"leg-{leg}"),
        f"sip:phone-{leg}@client.invalid;transport=ws",
        Status.CONNECTED,
        Joining.DIALED_IN,
        1_800_000_000.0,
        source=1000 + leg,
    )
    return replace(usual, **how)  # type: ignore[arg-type]


def user(
    number: int, *entries: EndpointEntry, text: str = "Bob", role: Role = Role.PARTICIPANT
) -> User:
    """A participant with those endpoints."""
    key = ParticipantKey(f"key-{number}")
    return User(key, f"sip:person-{number}@conf.test", text, role, entries or (entry(number),))


def read(text: str) -> etree._Element:
    """Parse, and hold to the schema."""
    root = etree.fromstring(text.encode())
    SCHEMA.assertValid(root)
    return root


def test_a_full_document_is_valid() -> None:
    everything = entry(
        2,
        referred_by="sip:alice@conf.test",
        muted=True,
        status=Status.DIALING_OUT,
        joining_method=Joining.DIALED_OUT,
    )
    roster = Roster(locked=True).with_user(user(1)).with_user(user(2, everything, entry(3)))
    root = read(conference_info.full(ABOUT, roster, 1))
    assert (root.get("state"), root.get("version")) == ("full", "1")
    assert root.findtext(f".//{NS}display-text") == "Planning & <more>"
    assert root.findtext(f".//{NS}user-count") == "2"
    assert root.findtext(f".//{NS}locked") == "true"
    assert root.findtext(f".//{NS}maximum-user-count") == "10"


def test_what_we_say_besides_stands_where_the_schema_lets_it() -> None:
    marked = replace(user(1), marks=Marks(hand=True, asked_to_speak=True, left_out=True))
    roster = Roster().with_user(marked).with_recording("paused", tracks=True)
    root = read(conference_info.full(ABOUT, roster, 1))
    floor = f"{{{conference_info.FLOOR}}}"
    told = [(str(one.tag).removeprefix(floor), one.text) for one in root.iter(f"{floor}*")]
    assert told == [
        ("recording", "paused"),
        ("hand", None),
        ("asked-to-speak", None),
        ("left-out", None),
    ]


def test_who_is_only_being_called_is_not_counted() -> None:
    roster = Roster().with_user(user(1, entry(1, status=Status.ALERTING)))
    root = read(conference_info.full(ABOUT, roster, 1))
    assert root.findtext(f".//{NS}user-count") == "0"
    assert root.findtext(f".//{NS}active") == "false"


def test_who_left_is_deleted_and_says_why() -> None:
    had = Roster().with_user(user(1)).with_user(user(2))
    gone = entry(
        2,
        status=Status.DISCONNECTED,
        disconnection=Departure.BOOTED,
        disconnected_at=1_800_000_060.0,
        disconnected_by="Alice",
        disconnection_reason="Removed by Alice",
    )
    now = had.without_user(user(2, gone))
    root = read(conference_info.partial(ABOUT, had, now, 7))
    assert (root.get("state"), root.get("version")) == ("partial", "7")
    (element,) = root.iter(f"{NS}user")
    assert (element.get("entity"), element.get("state")) == (
        "sip:person-2@conf.test",
        "deleted",
    )
    assert element.findtext(f".//{NS}disconnection-method") == "booted"
    assert element.findtext(f".//{NS}disconnection-info/{NS}by") == "Alice"


def test_a_mute_is_one_endpoint() -> None:
    had = Roster().with_user(user(1)).with_user(user(2, entry(2), entry(3)))
    now = had.with_user(user(2, entry(2, muted=True), entry(3)))
    root = read(conference_info.partial(ABOUT, had, now, 2))
    assert root.find(f"{NS}conference-state") is None
    (element,) = root.iter(f"{NS}user")
    assert element.get("state") == "partial"
    (endpoint,) = element.iter(f"{NS}endpoint")
    assert endpoint.findtext(f"{NS}media/{NS}status") == "recvonly"


def test_no_text_from_outside_breaks_the_document() -> None:
    mallory = user(1, text='"]]><user entity="sip:alice@conf.test"/>\x00\x1b\ufffe')
    root = read(conference_info.full(ABOUT, Roster().with_user(mallory), 1))
    assert len(list(root.iter(f"{NS}user"))) == 1


def test_deleted() -> None:
    assert read(conference_info.deleted(ABOUT, 9)).get("state") == "deleted"


# -- partial documents, applied by somebody who shares no code with us ---------------------

State = dict[str, dict[str, str]]


def _endpoints(element: etree._Element) -> dict[str, str]:
    return {
        child.get("entity") or "": etree.tostring(child, method="c14n").decode()
        for child in element.iter(f"{NS}endpoint")
        if child.get("state") != "deleted"
    }


def _about_user(element: etree._Element) -> str:
    name = element.findtext(f"{NS}display-text")
    return f"{name}|{element.findtext(f'{NS}roles/{NS}entry')}"


def applied(state: State, document: str) -> State:
    """The state after a document (RFC 4575 4.6): user → endpoint → its XML."""
    root = read(document)
    state = {} if root.get("state") == "full" else {k: dict(v) for k, v in state.items()}
    for element in root.iter(f"{NS}user"):
        entity = element.get("entity") or ""
        if element.get("state") == "deleted":
            state.pop(entity, None)
        elif element.get("state") == "partial":
            known = state[entity]
            known.update(_endpoints(element))
            for child in element.iter(f"{NS}endpoint"):
                if child.get("state") == "deleted":
                    known.pop(child.get("entity") or "", None)
        else:
            state[entity] = {"": _about_user(element), **_endpoints(element)}
    return state


_ENTRIES = st.builds(
    lambda leg, status, muted, direction: entry(
        leg, status=status, muted=muted, direction=direction
    ),
    st.integers(1, 4),
    st.sampled_from([Status.CONNECTED, Status.ALERTING, Status.DISCONNECTING]),
    st.booleans(),
    st.sampled_from(list(Direction)),
)
_USERS = st.builds(
    lambda number, entries, text, role: user(number, *entries, text=text, role=role),
    st.integers(1, 4),
    st.lists(_ENTRIES, min_size=1, max_size=3, unique_by=lambda one: one.leg),
    st.sampled_from(["Bob", "Bobby"]),
    st.sampled_from([Role.PARTICIPANT, Role.MODERATOR]),
)
_CHANGES = st.lists(st.one_of(_USERS, st.integers(1, 4), st.booleans()), max_size=12)


def _changed(roster: Roster, change: User | int | bool) -> Roster:
    if isinstance(change, bool):
        return roster.with_lock(change)
    if isinstance(change, User):
        return roster.with_user(change)
    known = roster.users.get(f"sip:person-{change}@conf.test")
    return roster.without_user(known) if known else roster


@given(_CHANGES, st.sets(st.integers(0, 12)))
def test_whatever_is_skipped_the_last_state_is_the_same(
    changes: list[User | int | bool], told_at: set[int]
) -> None:
    """A watcher who is told now and then ends where one ends who asks for everything."""
    roster = had = Roster()
    state: State = {}
    for number, change in enumerate(changes):
        roster = _changed(roster, change)
        if number in told_at and roster != had:
            state = applied(state, conference_info.partial(ABOUT, had, roster, number))
            had = roster
    if roster != had:
        state = applied(state, conference_info.partial(ABOUT, had, roster, 99))
    assert state == applied({}, conference_info.full(ABOUT, roster, 100))
