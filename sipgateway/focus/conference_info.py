"""Documents of the conference event package (RFC 4575), full and partial.

A document is built from frozen rosters: the one that a watcher has, and the
one that is. So a watcher may skip any number of changes and still gets
exactly what he misses. Elements stand in the order of the schema (section 7).
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

from lxml import etree

from conferences.policy import Newcomers
from sipgateway.focus.roster import EndpointEntry, Marks, Roster, User

NAMESPACE = "urn:ietf:params:xml:ns:conference-info"
FLOOR = "urn:parley:xml:ns:floor"
"""Our own: recording, raised hands, who speaks, which whoever does not know them ignores."""
MEDIA_TYPE = "application/conference-info+xml"
AUDIO = "1"
"""The label of the one stream (RFC 4574)."""

_Element = etree._Element


@dataclass(frozen=True, slots=True)
class About:
    """What holds for the conference as such (5.2): its description and address."""

    entity: str
    title: str
    maximum: int | None = None
    page: str = ""


def full(about: About, roster: Roster, version: int) -> str:
    """The whole state as XML text."""
    root = _root(about, "full", version)
    _description(root, about)
    _state(root, roster)
    users = _child(root, "users", state="full")
    for user in roster.everybody.values():
        _user(users, user)
    return _text(root)


def partial(about: About, had: Roster, roster: Roster, version: int) -> str:
    """What has changed since `had` (4.6), as XML text; `had` must differ from `roster`."""
    root = _root(about, "partial", version)
    if _conference_state(had) != _conference_state(roster):
        _state(root, roster)
    before, here = had.everybody, roster.everybody
    changed = [user for key, user in here.items() if before.get(key) != user]
    gone = [key for key in before if key not in here]
    if changed or gone:
        users = _child(root, "users", state="partial")
        for user in changed:
            _changed_user(users, before.get(user.entity), user, roster)
        for key in gone:
            _gone_user(users, key, roster.departed.get(key))
    return _text(root)


def own(about: About, roster: Roster, version: int) -> str:
    """What somebody is told who waits: nothing but that he does."""
    root = _root(about, "full", version)
    _description(root, about)
    users = _child(root, "users", state="partial")
    for user in roster.waiting.values():
        _user(users, user)
    return _text(root)


def deleted(about: About, version: int) -> str:
    """The conference is no more (4.6): a document that says just that."""
    return _text(_root(about, "deleted", version))


def _root(about: About, state: str, version: int) -> _Element:
    root = etree.Element(f"{{{NAMESPACE}}}conference-info", nsmap={None: NAMESPACE})  # type: ignore[dict-item]
    root.set("entity", about.entity)
    root.set("state", state)
    root.set("version", str(version))
    return root


def _text(root: _Element) -> str:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8").decode()


def _child(parent: _Element, name: str, text: str | None = None, **attributes: str) -> _Element:
    child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}", attributes)
    if text is not None:
        child.text = printable(text)
    return child


def printable(text: str) -> str:
    """`text` without what XML 1.0 cannot hold."""
    return "".join(char if char >= " " and char not in "\ufffe\uffff" else " " for char in text)


def _description(root: _Element, about: About) -> None:
    description = _child(root, "conference-description")
    _child(description, "display-text", about.title)
    uris = _child(description, "conf-uris")
    entry = _child(uris, "entry")
    _child(entry, "uri", about.entity)
    _child(entry, "purpose", "participation")
    if about.page:
        services = _child(description, "service-uris")
        entry = _child(services, "entry")
        _child(entry, "uri", about.page)
        _child(entry, "purpose", "web-page")
    if about.maximum is not None:
        _child(description, "maximum-user-count", str(about.maximum))
    media = _child(_child(description, "available-media"), "entry", label=AUDIO)
    _child(media, "type", "audio")
    _child(media, "status", "sendrecv")


def _conference_state(roster: Roster) -> tuple[object, ...]:
    count, sound = roster.count, (roster.sound, roster.sound_by)
    kept = roster.recording, roster.tracks
    return count, roster.locked, roster.newcomers, roster.waiting_room, kept, sound


def _state(root: _Element, roster: Roster) -> None:
    count = roster.count
    state = _child(root, "conference-state")
    _child(state, "user-count", str(count))
    _child(state, "active", str(count > 0).lower())
    _child(state, "locked", str(roster.locked).lower())
    if roster.waiting_room:
        _mark(state, "waiting-room")
    if roster.newcomers is not Newcomers.HEARD:
        _mark(state, "newcomers").text = roster.newcomers
    if roster.recording:
        mark = _mark(state, "recording")
        mark.text = roster.recording
        if roster.tracks:
            mark.set("tracks", "true")
    if roster.sound:
        mark = _mark(state, "sound")
        mark.text = printable(roster.sound)
        mark.set("by", printable(roster.sound_by))


def _user(users: _Element, user: User, state: str = "full") -> _Element:
    element = _child(users, "user", entity=user.entity, state=state)
    if user.display_text:
        _child(element, "display-text", user.display_text)
    _child(_child(element, "roles"), "entry", user.role)
    for entry in user.endpoints:
        _endpoint(element, entry)
    marks = user.marks
    told = {
        "hand": marks.hand,
        "asked-to-speak": marks.asked_to_speak,
        "left-out": marks.left_out,
    }
    for name in (name for name, is_so in told.items() if is_so):
        _mark(element, name)
    if marks.speaking:
        speaking = _mark(element, "speaking")
        if marks.level is not None:
            speaking.set("level", str(marks.level))
    if marks.waits:
        waits = _mark(element, "waiting")
        waits.set("id", marks.waits)
        if marks.place:
            waits.set("place", str(marks.place))
    return element


def _mark(parent: _Element, name: str) -> _Element:
    """An element of our own, behind those of the RFC, as its schema lets any stand there."""
    element = etree.Element(f"{{{FLOOR}}}{name}", nsmap={None: FLOOR})  # type: ignore[dict-item]
    parent.append(element)
    return element


def _about_him(user: User) -> tuple[str, str, Marks]:
    return user.display_text, user.role, user.marks


def _changed_user(users: _Element, had: User | None, user: User, roster: Roster) -> None:
    if had is None or _about_him(had) != _about_him(user):
        _user(users, user)
        return
    element = _child(users, "user", entity=user.entity, state="partial")
    for entry in user.endpoints:
        if had.endpoint(entry.leg) != entry:
            _endpoint(element, entry)
    for entry in had.endpoints:
        if user.endpoint(entry.leg) is None:
            _gone_phone(element, entry, roster.left.get(entry.leg))


def _gone_phone(user: _Element, had: EndpointEntry, left: EndpointEntry | None) -> None:
    """A phone of somebody who stays; how it went is told as long as it is known."""
    if left is None:
        _child(user, "endpoint", entity=had.entity, state="deleted")
    else:
        _endpoint(user, replace(left, entity=had.entity), state="deleted")


def _gone_user(users: _Element, entity: str, departed: User | None) -> None:
    element = _child(users, "user", entity=entity, state="deleted")
    for entry in departed.endpoints if departed else ():
        _endpoint(element, entry, state="deleted")


def _endpoint(user: _Element, entry: EndpointEntry, state: str = "full") -> None:
    element = _child(user, "endpoint", entity=entry.entity, state=state)
    if entry.referred_by:
        _child(_child(element, "referred"), "by", entry.referred_by)
    _child(element, "status", entry.status)
    _child(element, "joining-method", entry.joining_method)
    _child(_child(element, "joining-info"), "when", _when(entry.joined_at))
    if entry.disconnection is not None:
        _child(element, "disconnection-method", entry.disconnection)
        info = _child(element, "disconnection-info")
        if entry.disconnected_at is not None:
            _child(info, "when", _when(entry.disconnected_at))
        if entry.disconnection_reason:
            _child(info, "reason", entry.disconnection_reason)
        if entry.disconnected_by:
            _child(info, "by", entry.disconnected_by)
        return
    media = _child(element, "media", id="1")
    _child(media, "type", "audio")
    _child(media, "label", AUDIO)
    if entry.source:
        _child(media, "src-id", str(entry.source))
    _child(media, "status", entry.media_status)


def _when(posix: float) -> str:
    """An xs:dateTime in UTC."""
    moment = datetime.datetime.fromtimestamp(posix, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
