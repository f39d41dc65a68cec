"""REPORT (RFC 3253 3.6): ``calendar-query`` and ``calendar-multiget`` (RFC 4791 7.8, 7.9)."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from urllib.parse import unquote, urlsplit

from django.http import HttpResponse
from lxml import etree

from conferences import invitations, selectors
from conferences.dav import tree, xml
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
    path = unquote(urlsplit(href).path)
    found = known.get(urlsplit(href).path) or known.get(path)
    if found is None and path.startswith(tree.ROOT):
        found = tree.place(here.user, path.removeprefix(tree.ROOT))
    if found is None or found.stored is None:
        return xml.Found(href, status=404)
    return tree.told(found, names)


_REPORTS = {cal("calendar-query"): _query, cal("calendar-multiget"): _multiget}


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
