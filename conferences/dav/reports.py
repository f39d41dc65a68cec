"""REPORT (RFC 3253 3.6): questions about the calendar.

``calendar-query``, ``calendar-multiget`` and ``free-busy-query`` (RFC 4791 7.8 to 7.10),
``sync-collection`` (RFC 6578 3.2).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from urllib.parse import unquote, urlsplit

from django.http import HttpResponse
from lxml import etree

from conferences import invitations, selectors, services
from conferences.dav import scheduling, tree, xml
from conferences.dav.tree import Place
from conferences.dav.xml import cal, dav

#: Bookings that one question may name.
MOST_NAMED = 1000
#: How a time is written in a filter (RFC 4791 9.9): UTC.
_UTC = "%Y%m%dT%H%M%SZ"
_BEGINNING = datetime.datetime(1900, 1, 1, tzinfo=datetime.UTC)
_END = datetime.datetime(2200, 1, 1, tzinfo=datetime.UTC)

Test = Callable[[Place], bool]


class _Unsupported(Exception):
    """A filter that is not understood; nothing is left out of an answer in silence."""


def report(here: Place, root: etree._Element, *, now: datetime.datetime) -> HttpResponse:
    """The answer to the report that `root` asks for."""
    answer = _REPORTS.get(str(root.tag))
    if answer is None or here.kind not in ("calendar", "object"):
        return xml.error(403, dav("supported-report"))
    return answer(here, root, now)


def _query(here: Place, root: etree._Element, now: datetime.datetime) -> HttpResponse:
    rows = [here] if here.kind == "object" else tree.bookings(here.user, now=now)
    try:
        tests = list(_tests(root.find(cal("filter"))))
    except _Unsupported as unsupported:
        return xml.error(403, cal("supported-filter"), str(unsupported))
    found = [one for one in rows if one.stored and all(test(one) for test in tests)]
    names = _names(root)
    return xml.multistatus(tree.told(one, names) for one in found)


def _multiget(here: Place, root: etree._Element, now: datetime.datetime) -> HttpResponse:
    named = [str(one.text or "").strip() for one in root.findall(dav("href"))]
    if len(named) > MOST_NAMED:
        return xml.error(403, dav("number-of-matches-within-limits"))
    known = {one.href: one for one in tree.bookings(here.user, now=now)}
    names = _names(root)
    return xml.multistatus(_one(here, href, known, names) for href in named)


def _one(here: Place, href: str, known: dict[str, Place], names: list[str] | None) -> xml.Found:
    try:
        named = urlsplit(href).path
    except ValueError:  # brackets that hold no address of IPv6
        return xml.Found(href, status=404)
    path = unquote(named)
    found = known.get(named) or known.get(path)
    if found is None and path.startswith(tree.ROOT):
        found = tree.place(here.user, path.removeprefix(tree.ROOT))
    if found is None or found.stored is None:
        return xml.Found(href, status=404)
    return tree.told(found, names)


def _sync(here: Place, root: etree._Element, now: datetime.datetime) -> HttpResponse:
    """What has changed since the program last asked, whatever its Depth (many say 1)."""
    if here.kind != "calendar":
        return xml.error(403, dav("supported-report"))
    before = _before(here, root)
    if before is None:
        return xml.error(403, dav("valid-sync-token"))
    places = {one.name: one for one in tree.bookings(here.user, now=now)}
    etags = {name: one.stored.etag for name, one in places.items() if one.stored}
    changed = sorted(name for name, etag in etags.items() if before.get(name) != etag)
    gone = sorted(before.keys() - etags.keys())
    most = _limit(root)
    told, after = [*changed, *gone][:most], etags
    cut = len(told) < len(changed) + len(gone)
    if cut:
        after = {name: etags.get(name, "") for name in told} | {
            name: etag for name, etag in before.items() if name not in told
        }
        after = {name: etag for name, etag in after.items() if etag}
    names = _names(root)
    found = [tree.told(places[name], names) for name in told if name in etags]
    lost = (Place("object", here.user, name).href for name in told if name not in etags)
    found += [xml.Found(href, status=404) for href in lost]
    if cut:
        limits = dav("number-of-matches-within-limits")
        found.append(xml.Found(here.href, status=507, precondition=limits))
    digest = services.keep_calendar_state(user=here.user, etags=after, now=now)
    return xml.multistatus(found, token=tree.STATE + digest)


def _before(here: Place, root: etree._Element) -> dict[str, str] | None:
    """What the program knows; None where nobody knows that any more."""
    token = (root.findtext(dav("sync-token")) or "").strip()
    if root.findtext(dav("sync-level"), "1").strip() not in ("1", "infinite"):
        raise xml.BadBody("A sync-level is 1 or infinite.")
    if not token:
        return {}
    known = selectors.calendar_state(here.user, token.removeprefix(tree.STATE))
    return known if token.startswith(tree.STATE) else None


def _limit(root: etree._Element) -> int | None:
    """How many changes are wanted at the most (RFC 5323 5.17)."""
    said = root.findtext(f"{dav('limit')}/{dav('nresults')}")
    if said is None:
        return None
    if not (said.strip().isascii() and said.strip().isdigit() and 0 < int(said) < 10**9):
        raise xml.BadBody("nresults is a number from 1 on.")
    return int(said)


_REPORTS = {
    cal("calendar-query"): _query,
    cal("calendar-multiget"): _multiget,
    cal("free-busy-query"): scheduling.free_busy,
    dav("sync-collection"): _sync,
}


def _names(root: etree._Element) -> list[str] | None:
    prop = root.find(dav("prop"))
    return None if prop is None else [str(one.tag) for one in xml.children(prop)]


# --- Filters (RFC 4791 9.7) --------------------------------------------------------


def _tests(found: etree._Element | None) -> Iterator[Test]:
    """VCALENDAR, in it VEVENT, in it a time range or the UID."""
    if found is None:
        return
    for calendar in xml.children(found):
        _is(calendar, "comp-filter", "VCALENDAR")
        for component in xml.children(calendar):
            if component.tag == cal("comp-filter") and component.get("name") != "VEVENT":
                yield lambda _place: False  # there are only events
                continue
            _is(component, "comp-filter", "VEVENT")
            for condition in xml.children(component):
                yield _condition(condition)


def _is(found: etree._Element, tag: str, name: str) -> None:
    if found.tag != cal(tag) or found.get("name") != name:
        raise _Unsupported(f"{found.tag} {found.get('name', '')} is not understood here")


def _condition(found: etree._Element) -> Test:
    if found.tag == cal("time-range"):
        return _in_range(found)
    _is(found, "prop-filter", "UID")
    match = xml.children(found)
    if len(match) != 1 or match[0].tag != cal("text-match"):
        raise _Unsupported("of UIDs only text-match is understood here")
    wanted = (match[0].text or "").lower()
    negated = match[0].get("negate-condition") == "yes"

    def is_named(one: Place) -> bool:
        assert one.stored is not None, "bookings alone are looked at"
        uid = invitations.uid(one.stored.conference, one.stored.number)
        return (wanted in uid.lower()) is not negated

    return is_named


def _in_range(found: etree._Element) -> Test:
    since = _moment(found.get("start"), _BEGINNING)
    until = _moment(found.get("end"), _END)

    def overlaps(one: Place) -> bool:
        stored = one.stored
        assert stored is not None, "bookings alone are looked at"
        return selectors.takes_place(stored.conference, stored.number, since=since, until=until)

    return overlaps


def _moment(text: str | None, otherwise: datetime.datetime) -> datetime.datetime:
    if text is None:
        return otherwise
    try:
        return datetime.datetime.strptime(text, _UTC).replace(tzinfo=datetime.UTC)
    except ValueError as error:
        raise _Unsupported(f"{text} is no time, as 20270118T080000Z is") from error
