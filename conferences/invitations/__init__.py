"""Invitations as others read them: iCalendar objects, and the mails that carry them.

Nothing is sent or stored here. `ics` writes calendars (RFC 5545) with the
methods of iTIP (RFC 5546), `letters` the mails around them (RFC 6047), `objects` what
lies in a calendar (RFC 4791).
"""

from conferences.invitations import objects
from conferences.invitations.ics import PARTSTAT, PRODUCT, Attendee, exact_until, feed, uid
from conferences.invitations.letters import Letter, letter, message, way_in

__all__ = [
    "PARTSTAT",
    "PRODUCT",
    "Attendee",
    "Letter",
    "exact_until",
    "feed",
    "letter",
    "message",
    "objects",
    "uid",
    "way_in",
]
