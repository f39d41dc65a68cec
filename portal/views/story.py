"""The history of a conference in sentences: who did what to whom, how and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from conferences import policy, selectors
from conferences.models import Conference, Event, Participant, User, Way

#: As the focus writes it: why somebody is in a conference no more, who hung up on nobody.
PARTED = "parted"
#: How many lines a page shows; the REST API has them all.
LINES = 60


@dataclass(frozen=True, slots=True)
class Line:
    """`who` `what` `whom``rest`: `reason`, as the page strings them together."""

    at: datetime
    icon: str
    who: str
    what: str
    whom: str = ""
    rest: str = ""
    reason: str = ""
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class _Told:
    icon: str
    what: str
    tone: str = "plain"
    #: The target is somebody else and is named.
    whom: bool = False


_KINDS: Mapping[str, _Told] = {
    "booked": _Told("calendar-plus", "booked the conference"),
    "changed": _Told("pencil", "changed the booking"),
    "occurrence-changed": _Told("pencil", "changed one time"),
    "occurrence-cancelled": _Told("calendar-x", "called off one time", "bad"),
    "occurrence-restored": _Told("calendar-check", "brought back one time"),
    "series-changed": _Told("pencil", "changed the series"),
    "series-ended": _Told("calendar-x", "ended the series", "bad"),
    "cancelled": _Told("calendar-x", "cancelled the conference", "bad"),
    "joined": _Told("box-arrow-in-right", "joined"),
    "left": _Told("box-arrow-right", "left"),
    "refused": _Told("slash-circle", "was not let in", "bad"),
    "wrong-pin": _Told("key", "keyed a wrong PIN", "bad"),
    "pin-given": _Told("key", "keyed a PIN of their own"),
    "answered": _Told("envelope", "answered"),
    "extended": _Told("clock-history", "extended the conference"),
    "removed": _Told("person-dash", "removed", "bad", whom=True),
    "removal-failed": _Told("exclamation-triangle", "could not remove", "bad", whom=True),
    "muted": _Told("mic-mute-fill", "muted", whom=True),
    "unmuted": _Told("mic-fill", "unmuted", whom=True),
    "locked": _Told("lock-fill", "locked the conference"),
    "unlocked": _Told("unlock-fill", "unlocked the conference"),
    "end-asked": _Told("stop-circle", "ended the conference for all", "bad"),
    "ended": _Told("door-closed", "closed the conference"),
    "called": _Told("telephone-fill", "called", whom=True),
    "call-failed": _Told("telephone-x-fill", "could not reach", "bad", whom=True),
    "ask-refused": _Told("slash-circle", "was refused", "bad", whom=True),
    "link-shown": _Told("link-45deg", "showed everybody a link"),
    "hand-raised": _Told("hand-index", "raised a hand"),
    "hand-lowered": _Told("hand-index", "lowered a hand"),
    "asked-to-speak": _Told("mic-fill", "asked to speak:", whom=True),
    "recording-started": _Told("record-circle", "started recording"),
    "recording-paused": _Told("pause-circle", "paused the recording"),
    "recording-resumed": _Told("record-circle", "went on recording"),
    "recording-ended": _Told("stop-circle", "ended the recording"),
    "recording-ready": _Told("check2-circle", "made the recording ready to be heard"),
    "recording-failed": _Told("exclamation-triangle", "could not record any more", "bad"),
    "recording-agreed": _Told("check2-circle", "agreed to be recorded"),
    "recording-deleted": _Told("trash", "deleted a recording", "bad"),
    "call-cancelled": _Told("telephone-x-fill", "no longer called", whom=True),
}
#: Of "ended": the two who were left went on without a conference.
_PARTED = _Told("people", "closed the conference: the two who were left went on in a call")
_UNKNOWN = _Told("info-circle", "did something")

_WAYS: Mapping[str, str] = {
    Way.REST.value: ", by the REST API",
    Way.REFER.value: ", by REFER from a phone",
    Way.KEYPAD.value: ", by keypad",
    Way.CLOCK.value: ", by the clock",
    Way.COMMAND.value: ", from the command line",
    Way.WEB.value: ", on the page",
    Way.MAIL.value: ", by mail",
}

#: What somebody asked for by SIP who may not.
_ASKED: Mapping[str, str] = {
    "add": "may not call",
    "remove": "may not remove",
    "refer": "may not refer",
    "show": "may not show the others",
    "replace": "may not take the place of",
}

_PUT_OUT = "was put out"
_LEAVING: Mapping[str, str] = {
    "departed": "left",
    "booted": _PUT_OUT,
    "failed": "lost the connection",
    "busy": "was busy",
}

_REFUSALS: Mapping[str, str] = {
    "too-early": "too early",
    "over": "it was over",
    "full": "it was full",
    "locked": "it was locked",
    "not-invited": "not on the list",
    "banned": "may not come back",
    "wrong-pin-too-often": "too many wrong PINs",
    "not-allowed": "not allowed",
    "target-not-allowed": "that address may not be called",
    "too-many-calls": "too many calls",
    "not-recorded": "not recorded",
    "unknown": "unknown",
}


def lines(
    conference: Conference, by: selectors.Viewer, *, most: int = LINES
) -> tuple[list[Line], bool]:
    """The latest `most` lines for `by`, newest first, and whether there are older ones.

    Three queries, and one for a reader to whom some are anonymous.
    """
    latest = list(selectors.events(conference).order_by("-at", "-pk")[: most + 1])
    name = names(conference, _uris(latest), by)
    return [_line(event, name) for event in latest[:most]], len(latest) > most


def told(conference: Conference, events: list[Event], by: selectors.Viewer) -> list[Line]:
    """These events for `by`, newest first. Two queries, and one as for `lines`."""
    name = names(conference, _uris(events), by)
    return [_line(event, name) for event in reversed(events)]


def _uris(events: Iterable[Event]) -> set[str]:
    return {uri for event in events for uri in (event.actor, event.target) if uri}


def names(
    conference: Conference, uris: Iterable[str], by: selectors.Viewer
) -> Callable[[str], str]:
    """How those behind `uris` are called: people of ours, participants, else the address."""
    masks = selectors.aliases(conference, by)
    wanted = set(uris)
    usernames = {uri.removeprefix("sip:").partition("@")[0] for uri in wanted}
    known = {
        selectors.aor(user.username): user.get_full_name()
        for user in User.objects.filter(username__in=usernames)
    }
    rows = Participant.objects.filter(conference=conference, entity__in=wanted)
    guests = dict(rows.exclude(display_text="").values_list("entity", "display_text"))

    def name(uri: str) -> str:
        if uri in masks or uri == policy.NOBODY:
            return policy.ANONYMOUS
        return known.get(uri) or guests.get(uri) or _bare(uri) or "Parley"

    return name


def _bare(uri: str) -> str:
    return uri.removeprefix("sip:").removesuffix(f"@{settings.SIP_DOMAIN}")


def _line(event: Event, name: Callable[[str], str]) -> Line:
    told = _KINDS.get(event.kind, _UNKNOWN)
    detail: dict[str, Any] = event.detail
    if detail.get("parted"):
        told = _PARTED
    if event.kind in ("joined", "left"):
        return _coming_or_going(event, told, name)
    whom = name(event.target) if event.target else ("everybody" if told.whom else "")
    himself = told.whom and event.target == event.actor
    rest = ", who may not come back" if detail.get("ban") else _times(detail)
    refusal = _REFUSALS.get(detail.get("refusal", ""), "")
    reason = detail.get("reason") or detail.get("uri") or refusal
    return Line(
        at=event.at,
        icon=told.icon,
        who=name(event.actor),
        what=_ASKED.get(detail.get("asked", ""), told.what),
        whom="" if not told.whom else ("themselves" if himself else whom),
        rest=rest + _WAYS.get(event.way, ""),
        reason=str(reason),
        tone=told.tone,
    )


def _times(detail: Mapping[str, Any]) -> str:
    """Which occurrence was meant, and when it is now."""
    known = [str(detail[key]) for key in ("from", "to") if key in detail]
    if "recurrence_id" not in detail or not known:
        return ""
    moved = dict.fromkeys(datetime.fromisoformat(one) for one in known)
    return ", " + " → ".join(_moment(one) for one in moved)


def _moment(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M}"


def _coming_or_going(event: Event, told: _Told, name: Callable[[str], str]) -> Line:
    detail: dict[str, Any] = event.detail
    by_other = bool(event.actor) and event.actor != event.target
    what = told.what
    reason = str(detail.get("reason", ""))
    if event.kind == "left":
        what = _LEAVING.get(str(detail.get("method", "")), told.what)
        if what == _PUT_OUT and not by_other:
            # Nobody puts himself out: he ended it, or took his own entry off the roster.
            what, reason = ("ended the conference", "") if reason == "ended" else ("left", reason)
        if reason == PARTED:
            what, reason = "went on in a call between two", ""
    elif by_other:
        what = "was called in"
    return Line(
        at=event.at,
        icon=told.icon,
        who=name(event.target),
        what=f"{what} by" if by_other else what,
        whom=name(event.actor) if by_other else "",
        reason=reason,
    )
