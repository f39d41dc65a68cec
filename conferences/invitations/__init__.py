"""Invitations as others read them: iCalendar objects, and the mails that carry them.

Nothing is sent or stored here. `ics` writes calendars (RFC 5545) with the
methods of iTIP (RFC 5546), `letters` the mails around them (RFC 6047).
"""

from conferences.invitations.ics import Attendee, feed, uid
from conferences.invitations.letters import Letter, letter, message, way_in

__all__ = ["Attendee", "Letter", "feed", "letter", "message", "uid", "way_in"]
