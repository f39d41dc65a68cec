"""The resources and their properties.

::

    /dav/                                 the root
    /dav/principals/alice/                a person (RFC 3744 2)
    /dav/calendars/alice/                 his home (RFC 4791 6.2.1)
    /dav/calendars/alice/bookings/        his calendar
    /dav/calendars/alice/bookings/x.ics   a booking
    /dav/calendars/alice/inbox/           always empty (RFC 6638 2.2)
    /dav/calendars/alice/outbox/          who has time is asked here (RFC 6638 2.1)

Each person finds his own and nobody else's.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from django.utils.translation import gettext
from lxml import etree

from conferences import invitations, selectors, services
from conferences.dav import xml
from conferences.dav.xml import cal, dav, element
from conferences.models import User
from conferences.services.readings import LONGEST

#: So long after its end a booking stays in somebody's calendar.
REMEMBERED = datetime.timedelta(days=90)
ROOT = "/dav/"


@dataclass(frozen=True)
class Place:
    """What an address stands for: one of the kinds of `tree`, for the person who calls."""

    kind: str
    user: User
    #: The last part of the address of a booking, also where there is none yet.
    name: str = ""
    stored: selectors.Stored | None = None

    @property
    def href(self) -> str:
        """Its address."""
        return _HREFS[self.kind].format(user=self.user.username, name=quote(self.name))

    @functools.cached_property
    def data(self) -> bytes:
        """The calendar object."""
        assert self.stored is not None, "only bookings have data"
        return invitations.objects.calendar_object(
            self.stored.conference, self.stored.number, reader=self.user, kept=self.stored.kept
        )


_HREFS = {
    "root": ROOT,
    "principal": ROOT + "principals/{user}/",
    "home": ROOT + "calendars/{user}/",
    "calendar": ROOT + "calendars/{user}/bookings/",
    "inbox": ROOT + "calendars/{user}/inbox/",
    "outbox": ROOT + "calendars/{user}/outbox/",
    "object": ROOT + "calendars/{user}/bookings/{name}",
}


def place(user: User, path: str) -> Place | None:
    """What `path`, what stands behind ``/dav/``, means for `user`; None for nothing."""
    match path.strip("/").split("/"):
        case [""] | ["principals"] | ["calendars"]:
            return Place("root", user)
        case ["principals", name] if name == user.username:
            return Place("principal", user)
        case ["calendars", name] if name == user.username:
            return Place("home", user)
        case ["calendars", name, "bookings"] if name == user.username:
            return Place("calendar", user)
        case ["calendars", name, "inbox" | "outbox" as box] if name == user.username:
            return Place(box, user)
        case ["calendars", name, "bookings", event] if name == user.username:
            return Place("object", user, event, selectors.calendar_object(user, event))
    return None


def inside(here: Place, *, now: datetime.datetime) -> list[Place]:
    """What lies directly in it."""
    if here.kind == "root":
        return [Place("principal", here.user), Place("home", here.user)]
    if here.kind == "home":
        return [Place(kind, here.user) for kind in ("calendar", "inbox", "outbox")]
    return bookings(here.user, now=now) if here.kind == "calendar" else []


def bookings(user: User, *, now: datetime.datetime) -> list[Place]:
    """All that is in his calendar."""
    stored = selectors.calendar_objects(user, since=now - REMEMBERED)
    return [Place("object", user, one.name, one) for one in stored]


# --- Properties --------------------------------------------------------------------

Property = Callable[[Place], etree._Element | None]


def told(here: Place, names: Iterable[str] | None) -> xml.Found:
    """The properties of those names, in Clark's notation; without names those that it has."""
    if names is None:
        values = {name: PROPERTIES[name](here) for name in _USUAL}
        return xml.Found(here.href, {name: one for name, one in values.items() if one is not None})
    has: dict[str, etree._Element] = {}
    lacks = []
    for name in names:
        made = PROPERTIES[name](here) if name in PROPERTIES else None
        if made is None:
            lacks.append(name)
        else:
            has[name] = made
    return xml.Found(here.href, has, lacks)


def _type(here: Place) -> etree._Element:
    names = {
        "root": [dav("collection")],
        "principal": [dav("principal")],
        "home": [dav("collection")],
        "calendar": [dav("collection"), cal("calendar")],
        "inbox": [dav("collection"), cal("schedule-inbox")],
        "outbox": [dav("collection"), cal("schedule-outbox")],
        "object": [],
    }
    return element(dav("resourcetype"), *(element(name) for name in names[here.kind]))


def _name(here: Place) -> etree._Element | None:
    names = {
        "principal": here.user.get_full_name(),
        "calendar": gettext("Conferences"),
        "home": here.user.get_full_name(),
    }
    found = names.get(here.kind)
    return element(dav("displayname"), text=found) if found else None


def _principal(name: str) -> Property:
    return lambda here: element(name, xml.href(Place("principal", here.user).href))


def _home(here: Place) -> etree._Element | None:
    if here.kind not in ("principal", "root"):
        return None
    return element(cal("calendar-home-set"), xml.href(Place("home", here.user).href))


def _addresses(here: Place) -> etree._Element | None:
    if here.kind != "principal":
        return None
    found = invitations.objects.addresses(here.user)
    return element(cal("calendar-user-address-set"), *(xml.href(one) for one in found))


def _of_principals(make: Callable[[Place], etree._Element]) -> Property:
    return lambda here: make(here) if here.kind == "principal" else None


def _box(name: str, kind: str) -> Property:
    return _of_principals(lambda here: element(cal(name), xml.href(Place(kind, here.user).href)))


def _of_calendars(make: Callable[[Place], etree._Element]) -> Property:
    return lambda here: make(here) if here.kind == "calendar" else None


def _of_bookings(make: Callable[[Place], etree._Element]) -> Property:
    return lambda here: make(here) if here.stored is not None else None


def _etag(here: Place) -> etree._Element:
    assert here.stored is not None, "asked of bookings alone"
    return element(dav("getetag"), text=f'"{here.stored.etag}"')


def _schedule_tag(here: Place) -> etree._Element:
    assert here.stored is not None, "asked of bookings alone"
    return element(cal("schedule-tag"), text=f'"{here.stored.schedule_tag}"')


def ctag(user: User, *, now: datetime.datetime) -> str:
    """Another one whenever anything in his calendar is another."""
    every = "".join(one.stored.etag for one in bookings(user, now=now) if one.stored)
    return hashlib.sha256(every.encode()).hexdigest()[:32]


def _may(here: Place) -> etree._Element:
    rights = ["read", "read-current-user-privilege-set"]
    if here.kind in ("calendar", "object") and here.user.is_organizer:
        rights += ["write", "write-content", "bind", "unbind"]
    named = [dav(one) for one in rights]
    named += [cal("read-free-busy")] if here.kind == "calendar" else []
    if here.kind == "outbox" and may_ask(here.user):
        named += [cal(f"schedule-send{which}") for which in ("", "-freebusy")]
    return element(
        dav("current-user-privilege-set"),
        *(element(dav("privilege"), element(one)) for one in named),
    )


def may_ask(user: User) -> bool:
    """Whether he may ask when others are busy: those who book may."""
    return user.books


def _reports(here: Place) -> etree._Element:
    del here
    return element(
        dav("supported-report-set"),
        *(
            element(dav("supported-report"), element(dav("report"), element(name)))
            for name in (
                cal("calendar-query"),
                cal("calendar-multiget"),
                cal("free-busy-query"),
                dav("sync-collection"),
            )
        ),
    )


#: What everything has by name; `_of_…` say what has them.
PROPERTIES: Mapping[str, Property] = {
    dav("resourcetype"): _type,
    dav("displayname"): _name,
    dav("current-user-principal"): _principal(dav("current-user-principal")),
    dav("principal-URL"): _principal(dav("principal-URL")),
    dav("owner"): _principal(dav("owner")),
    dav("principal-collection-set"): lambda _: element(
        dav("principal-collection-set"), xml.href(ROOT + "principals/")
    ),
    dav("current-user-privilege-set"): _may,
    dav("getetag"): _of_bookings(_etag),
    dav("getcontenttype"): _of_bookings(
        lambda _: element(
            dav("getcontenttype"), text="text/calendar; charset=utf-8; component=vevent"
        )
    ),
    dav("supported-report-set"): _of_calendars(_reports),
    cal("calendar-home-set"): _home,
    cal("calendar-user-address-set"): _addresses,
    cal("calendar-user-type"): _of_principals(
        lambda _: element(cal("calendar-user-type"), text="INDIVIDUAL")
    ),
    cal("schedule-inbox-URL"): _box("schedule-inbox-URL", "inbox"),
    cal("schedule-outbox-URL"): _box("schedule-outbox-URL", "outbox"),
    cal("schedule-default-calendar-URL"): lambda here: (
        element(cal("schedule-default-calendar-URL"), xml.href(Place("calendar", here.user).href))
        if here.kind == "inbox"
        else None
    ),
    cal("schedule-tag"): _of_bookings(_schedule_tag),
    cal("supported-calendar-component-set"): _of_calendars(
        lambda _: element(
            cal("supported-calendar-component-set"), element(cal("comp"), name="VEVENT")
        )
    ),
    cal("supported-calendar-data"): _of_calendars(
        lambda _: element(
            cal("supported-calendar-data"),
            element(cal("calendar-data"), **{"content-type": "text/calendar", "version": "2.0"}),
        )
    ),
    cal("max-resource-size"): _of_calendars(
        lambda _: element(cal("max-resource-size"), text=str(LONGEST))
    ),
    cal("calendar-data"): _of_bookings(
        lambda here: element(cal("calendar-data"), text=here.data.decode())
    ),
}
#: What is told where nothing is asked for by name (RFC 4918 9.1).
_USUAL = (dav("resourcetype"), dav("displayname"), dav("getetag"), dav("getcontenttype"))
CTAG = f"{{{xml.CS}}}getctag"
SYNC_TOKEN = dav("sync-token")
#: Before the digest of a state of a calendar; a token is a URI (RFC 6578 6.2).
STATE = "urn:parley:sync:"


def dated(name: str, user: User, *, now: datetime.datetime) -> etree._Element:
    """What changes whenever anything in his calendar does: `CTAG` or `SYNC_TOKEN`."""
    if name == CTAG:
        return element(CTAG, text=ctag(user, now=now))
    etags = {one.name: one.stored.etag for one in bookings(user, now=now) if one.stored}
    digest = services.keep_calendar_state(user=user, etags=etags, now=now)
    return element(SYNC_TOKEN, text=STATE + digest)
