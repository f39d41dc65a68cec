"""Every read worth a name.

`identities` says who somebody is and how he is written, `bookings` what is
meant to be, `rosters` what is and what happened.
"""

from conferences.selectors.bookings import (
    booked,
    booking,
    calendar,
    conference_by_name,
    invitation,
    occurrence,
    occurrences,
    outbox,
    pattern,
    setup,
    snapshot,
    upcoming,
    visible_to,
    window,
)
from conferences.selectors.identities import (
    Account,
    account,
    aor,
    conference_uri,
    conference_url,
    identity_of_guest,
    identity_of_request_session,
    identity_of_user,
    person_exists,
    user_of_calendar,
    user_of_token,
)
from conferences.selectors.rosters import (
    call_by_job,
    event_line,
    events,
    job,
    participant_by_key,
    roster,
    show,
)

__all__ = [
    "Account",
    "account",
    "aor",
    "booked",
    "booking",
    "calendar",
    "call_by_job",
    "conference_by_name",
    "conference_uri",
    "conference_url",
    "event_line",
    "events",
    "identity_of_guest",
    "identity_of_request_session",
    "identity_of_user",
    "invitation",
    "job",
    "occurrence",
    "occurrences",
    "outbox",
    "participant_by_key",
    "pattern",
    "person_exists",
    "roster",
    "setup",
    "show",
    "snapshot",
    "upcoming",
    "user_of_calendar",
    "user_of_token",
    "visible_to",
    "window",
]
