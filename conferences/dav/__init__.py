"""CalDAV (RFC 4791): everybody's bookings as a calendar that his program reads and writes.

One collection a person. `access` says who calls, `xml` reads and writes bodies
(RFC 4918), `tree` has the resources and their properties, `reports` the
questions, `methods` what is done. What an event means for a booking is
decided by `conferences.services`.
"""

from conferences.dav.methods import serve, well_known

__all__ = ["serve", "well_known"]
