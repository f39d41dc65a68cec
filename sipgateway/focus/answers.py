"""What the focus says of itself, and how it says no: the SIP edge's tables."""

from __future__ import annotations

from collections.abc import Mapping

from conferences.policy import Refusal, Snapshot
from sipgateway.focus import conference_info
from sipgateway.media.engine import Session
from sipgateway.sip import grammar, sanity
from sipgateway.sip.endpoint import Fields

#: Refusal → status, reason phrase, and what a person is told.
REFUSALS: Mapping[Refusal, tuple[int, str, str]] = {
    Refusal.UNKNOWN: (404, "Not Found", "There is no such conference"),
    Refusal.TOO_EARLY: (480, "Conference Not Open Yet", "The conference is not open yet"),
    Refusal.OVER: (410, "Conference Is Over", "The conference is over"),
    Refusal.FULL: (486, "Conference Is Full", "The conference is full"),
    Refusal.NEXT_BEGINS: (403, "Next Time Begins", "The next time of the conference begins then"),
    Refusal.PORTS_BOOKED: (403, "Ports Are Booked", "Others have booked the ports then"),
    Refusal.NO_PORTS: (486, "All Ports Are Taken", "All ports of this server are taken"),
    Refusal.LOCKED: (403, "Conference Is Locked", "The conference is locked"),
    Refusal.NOT_INVITED: (403, "Not Invited", "You are not on the list"),
    Refusal.BANNED: (403, "Removed For Good", "You were removed and may not come back"),
    Refusal.WRONG_PIN_TOO_OFTEN: (403, "Wrong PIN Too Often", "Wrong PIN too often"),
    Refusal.TARGET_NOT_ALLOWED: (403, "Target Not Allowed", "This target may not be called"),
    Refusal.TOO_MANY_CALLS: (403, "Too Many Calls", "You have had too many people called"),
    Refusal.NOT_ALLOWED: (403, "Forbidden", "You may not do this here"),
    Refusal.NOT_RECORDED: (403, "Not Recorded", "This conference may not be recorded"),
    Refusal.LISTENS: (403, "Only Listens", "Listeners only listen"),
}

#: RFC 4579 5.13, what is really done of it.
CAPABILITIES: Fields = (
    ("Allow", ", ".join(sanity.METHODS)),
    ("Allow-Events", ", ".join(sanity.EVENT_PACKAGES)),
    ("Accept", f"application/sdp, {conference_info.MEDIA_TYPE}, message/sipfrag"),
    ("Accept-Language", "en"),
    ("Supported", ", ".join(sanity.EXTENSIONS)),
)


def refusal_fields(refusal: Refusal, snapshot: Snapshot, now: float) -> Fields:
    """The header fields that explain a refusal."""
    reason = reason_value(REFUSALS[refusal][0], REFUSALS[refusal][2])
    return (("Reason", reason), *retry_after(refusal, snapshot, now))


def retry_after(refusal: Refusal, snapshot: Snapshot, now: float) -> Fields:
    """Until when somebody who is too early has to wait."""
    if refusal is not Refusal.TOO_EARLY or snapshot.opens_at is None:
        return ()
    return (("Retry-After", str(max(1, round(snapshot.opens_at - now)))),)


def reason_value(status: int, text: str) -> str:
    """A Reason (RFC 3326)."""
    return f"SIP;cause={status};text={grammar.quote(text)}"


def warning_fields(status: int, reason: str, host: str) -> Fields:
    """What of a description cannot be done here, as a 488 says it (RFC 3261 20.43, 21.4.26)."""
    if status != 488:
        return ()
    code = 304 if reason == "No audio stream" else 305  # media type; media format
    text = grammar.quote(reason or "Incompatible media format")
    return (("Warning", f"{code} {host} {text}"),)


def session_of(snapshot: Snapshot) -> Session:
    """The session-level lines of our descriptions (RFC 4579 3.1)."""
    return Session(
        name=snapshot.title or "-",
        info=snapshot.title,
        uri=snapshot.info_uri,
        email=snapshot.info_email,
        phone=snapshot.info_phone,
    )
