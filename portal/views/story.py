"""The history of a conference in sentences: who did what to whom, how and when."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.html import format_html, strip_tags
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from conferences import guesses, policy, selectors
from conferences.models import Conference, Event, Participant, User, Waiter, Way
from portal.views.became import Became, became, moment

#: As the focus writes it: why somebody is in a conference no more, who hung up on nobody.
PARTED = "parted"
#: How many lines a page shows; the REST API has them all.
LINES = 60


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence with the names in bold, and the reason that somebody gave."""

    at: datetime
    icon: str
    text: SafeString
    reason: str = ""
    tone: str = "plain"
    #: Of a change: from what to what.
    became: tuple[Became, ...] = ()

    @property
    def plain(self) -> str:
        """The sentence, the reason and what has changed, without markup."""
        words = html.unescape(strip_tags(self.text))
        words = f"{words}: {self.reason}" if self.reason else words
        return "; ".join([words, *map(str, self.became)])


@dataclass(frozen=True, slots=True)
class _Told:
    icon: str
    #: The sentence, with places for {who} and {whom}.
    words: Any
    tone: str = "plain"

    @property
    def whom(self) -> bool:
        """Whether the target is somebody else and is named."""
        return "{whom}" in str(self.words)


_KINDS: Mapping[str, _Told] = {
    "booked": _Told("calendar-plus", _("{who} booked the conference")),
    "changed": _Told("pencil", _("{who} changed the booking")),
    "occurrence-changed": _Told("pencil", _("{who} changed one time")),
    "occurrence-cancelled": _Told("calendar-x", _("{who} called off one time"), "bad"),
    "occurrence-restored": _Told("calendar-check", _("{who} brought back one time")),
    "series-changed": _Told("pencil", _("{who} changed the series")),
    "series-ended": _Told("calendar-x", _("{who} ended the series"), "bad"),
    "cancelled": _Told("calendar-x", _("{who} cancelled the conference"), "bad"),
    "joined": _Told("box-arrow-in-right", _("{who} joined")),
    "left": _Told("box-arrow-right", _("{who} left")),
    "refused": _Told("slash-circle", _("{who} was not let in"), "bad"),
    "wrong-pin": _Told("key", _("{who} keyed a wrong PIN"), "bad"),
    "pin-given": _Told("key", _("{who} keyed a PIN of their own")),
    "answered": _Told("envelope", _("{who} answered")),
    "proposed": _Told("calendar-event", _("{who} asks for another time")),
    "extended": _Told("clock-history", _("{who} extended the conference")),
    "removed": _Told("person-dash", _("{who} removed {whom}"), "bad"),
    "phone-removed": _Told("telephone-x-fill", _("{who} removed a phone of {whom}"), "bad"),
    "removal-failed": _Told("exclamation-triangle", _("{who} could not remove {whom}"), "bad"),
    "ban-lifted": _Told("door-open", _("{who} lets {whom} come again")),
    "muted": _Told("mic-mute-fill", _("{who} muted {whom}")),
    "unmuted": _Told("mic-fill", _("{who} unmuted {whom}")),
    "newcomers": _Told("mic-mute-fill", _("{who} changed whether newcomers are heard")),
    "locked": _Told("lock-fill", _("{who} locked the conference")),
    "unlocked": _Told("unlock-fill", _("{who} unlocked the conference")),
    "end-asked": _Told("stop-circle", _("{who} ended the conference for all"), "bad"),
    "ended": _Told("door-closed", _("{who} closed the conference")),
    "called": _Told("telephone-fill", _("{who} called {whom}")),
    "call-failed": _Told("telephone-x-fill", _("{who} could not reach {whom}"), "bad"),
    "ask-refused": _Told("slash-circle", _("{who} was refused {whom}"), "bad"),
    "link-shown": _Told("link-45deg", _("{who} showed everybody a link")),
    "hand-raised": _Told("hand-index", _("{who} raised a hand")),
    "hand-lowered": _Told("hand-index", _("{who} lowered a hand")),
    "hands-lowered": _Told("hand-index", _("{who} lowered all hands")),
    "asked-to-speak": _Told("mic-fill", _("{who} asked {whom} to speak")),
    "recording-started": _Told("record-circle", _("{who} started recording")),
    "recording-paused": _Told("pause-circle", _("{who} paused the recording")),
    "recording-resumed": _Told("record-circle", _("{who} went on recording")),
    "recording-ended": _Told("stop-circle", _("{who} ended the recording")),
    "recording-ready": _Told("check2-circle", _("{who} made the recording ready to be heard")),
    "recording-failed": _Told("exclamation-triangle", _("{who} could not record any more"), "bad"),
    "recording-agreed": _Told("check2-circle", _("{who} agreed to be recorded")),
    "recording-deleted": _Told("trash", _("{who} deleted a recording"), "bad"),
    "call-cancelled": _Told("telephone-x-fill", _("{who} no longer called {whom}")),
    "waits": _Told("hourglass-split", _("{who} waited to be let in")),
    "gave-up": _Told("box-arrow-right", _("{who} gave up waiting")),
    "let-in": _Told("door-open", _("{who} let {whom} in")),
    "not-let-in": _Told("slash-circle", _("{who} did not let {whom} in"), "bad"),
    "waiting-room": _Told("hourglass-split", _("{who} changed the waiting room")),
    "sound-added": _Told("music-note-beamed", _("{who} added a sound")),
    "sound-played": _Told("music-note-beamed", _("{who} played a sound to everybody")),
    "sound-stopped": _Told("stop-circle", _("{who} stopped the sound")),
    "sound-failed": _Told("exclamation-triangle", _("{who} could not play the sound"), "bad"),
    "sound-deleted": _Told("trash", _("{who} deleted a sound")),
}
#: Of "ended": the two who were left went on without a conference.
_PARTED = _Told("people", _("{who} closed the conference: the two who were left went on in a call"))
_UNKNOWN = _Told("info-circle", _("{who} did something"))

#: The sentence with the way by which it was asked for.
_WAYS: Mapping[str, Any] = {
    Way.REST.value: _("{told}, by the REST API"),
    Way.REFER.value: _("{told}, by REFER from a phone"),
    Way.KEYPAD.value: _("{told}, by keypad"),
    Way.CLOCK.value: _("{told}, by the clock"),
    Way.COMMAND.value: _("{told}, from the command line"),
    Way.WEB.value: _("{told}, on the page"),
    Way.MAIL.value: _("{told}, by mail"),
    Way.CALDAV.value: _("{told}, from a calendar program"),
    Way.JITSI.value: _("{told}, by Jitsi"),
}

#: What somebody asked for by SIP who may not.
_ASKED: Mapping[str, Any] = {
    "add": _("{who} may not call {whom}"),
    "remove": _("{who} may not remove {whom}"),
    "refer": _("{who} may not refer {whom}"),
    "show": _("{who} may not show the others {whom}"),
    "replace": _("{who} may not take the place of {whom}"),
}

#: Whoever does it to himself.
_HIMSELF: Mapping[str, Any] = {
    "muted": _("{who} muted themselves"),
    "unmuted": _("{who} unmuted themselves"),
    "called": _("{who} called themselves"),
    "removed": _("{who} removed themselves"),
    "phone-removed": _("{who} removed a phone of their own"),
    "call-failed": _("{who} could not reach themselves"),
    "call-cancelled": _("{who} no longer called themselves"),
}

_LEFT = _("{who} left")
#: By oneself, and by somebody else.
_LEAVING: Mapping[str, tuple[Any, Any]] = {
    "departed": (_LEFT, _("{who} left, by {whom}")),
    "booted": (_LEFT, _("{who} was put out by {whom}")),
    "failed": (_("{who} lost the connection"), _("{who} lost the connection, by {whom}")),
    "busy": (_("{who} was busy"), _("{who} was busy, called by {whom}")),
}
_ENDED = _("{who} ended the conference")

_REFUSALS: Mapping[str, Any] = {
    "too-early": _("too early"),
    "over": _("it was over"),
    "full": _("it was full"),
    "locked": _("it was locked"),
    "not-invited": _("not on the list"),
    "banned": _("may not come back"),
    "wrong-pin-too-often": _("too many wrong PINs"),
    "not-allowed": _("not allowed"),
    "target-not-allowed": _("that address may not be called"),
    "too-many-calls": _("too many calls"),
    "not-recorded": _("not recorded"),
    "listens": _("only listens"),
    "unknown": _("unknown"),
}
#: Reasons that Parley itself writes down; those of people stay as they were typed.
_REASONS: Mapping[str, Any] = {
    "no answer": _("no answer"),
    "Not Confirmed": _("picked up, but no key was pressed"),
    "has joined already": _("has joined already"),
    "quiet hours": _("quiet hours"),
    "has left already": _("has left already"),
    "no focus serves the conference": _("no focus serves the conference"),
    "the focus did not answer": _("the focus did not answer"),
    "the server was restarted": _("the server was restarted"),
    "the server that served the call is gone": _("the server that served the call is gone"),
}


def lines(
    conference: Conference, by: selectors.Viewer, *, most: int = LINES
) -> tuple[list[Line], bool]:
    """The latest `most` lines for `by`, newest first, and whether there are older ones.

    Four queries, and two for a reader to whom some are anonymous.
    """
    latest = list(selectors.events(conference).order_by("-at", "-pk")[: most + 1])
    name = names(conference, _uris(latest), by)
    return [_line(event, name) for event in latest[:most]], len(latest) > most


def told(conference: Conference, events: list[Event], by: selectors.Viewer) -> list[Line]:
    """These events for `by`, newest first. Three queries, and two as for `lines`."""
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
    waited = Waiter.objects.filter(conference=conference, entity__in=wanted)
    guests = {
        entity: text
        for known in (waited, rows)
        for entity, text in known.exclude(display_text="").values_list("entity", "display_text")
    }

    def name(uri: str) -> str:
        if uri in masks or uri == policy.NOBODY:
            return policy.ANONYMOUS
        if uri.startswith(policy.FORMER):
            return gettext("Former user")
        if uri.startswith(guesses.ON_THE_WEB):
            source = guesses.side_of(uri).removeprefix(guesses.ON_THE_WEB)
            return gettext("Somebody at %(address)s") % {"address": source}
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
    words = _ASKED.get(detail.get("asked", ""), told.words)
    if event.kind == "booked" and event.target:
        words = _BOOKED_FOR
    whom = name(event.target) if event.target else gettext("everybody")
    if told.whom and event.target == event.actor:
        words = _HIMSELF.get(event.kind, words)
    text = _named(words, who=name(event.actor), whom=whom)
    if detail.get("ban"):
        text = format_html(gettext("{told}, who may not come back"), told=text)
    elif times := _times(detail):
        text = format_html("{}, {}", text, times)
    if event.way in _WAYS:
        text = format_html(str(_WAYS[event.way]), told=text)
    refusal = _REFUSALS.get(detail.get("refusal", ""), "")
    reason = detail.get("reason") or detail.get("uri") or detail.get("sound") or refusal
    return Line(
        at=event.at,
        icon=told.icon,
        text=text,
        reason=_reason(reason),
        tone=told.tone,
        became=tuple(became(detail)),
    )


#: By a delegate.
_BOOKED_FOR = _("{who} booked the conference for {whom}")


def _named(words: Any, **people: str) -> SafeString:
    """The sentence with its people in bold."""
    bold = {place: format_html("<b>{}</b>", one) for place, one in people.items()}
    return format_html(str(words), **bold)


def own_words(reason: str) -> str:
    """Words for a reason that Parley itself has written down; "" for any other."""
    return str(_REASONS.get(reason, ""))


def _reason(reason: Any) -> str:
    return str(_REASONS.get(str(reason), reason))


def _times(detail: Mapping[str, Any]) -> str:
    """Which occurrence was meant, and when it is now; or until when it is longer."""
    if "closes_at" in detail:
        return gettext("until %(time)s") % {"time": moment(str(detail["closes_at"]))}
    known = [str(detail[key]) for key in ("from", "to") if key in detail]
    if "recurrence_id" not in detail or not known:
        return ""
    if "changes" in detail:
        # What it was moved to stands there.
        known = known[:1]
    moved = dict.fromkeys(datetime.fromisoformat(one) for one in known)
    return " → ".join(moment(one.isoformat()) for one in moved)


def _coming_or_going(event: Event, told: _Told, name: Callable[[str], str]) -> Line:
    detail: dict[str, Any] = event.detail
    by_other = bool(event.actor) and event.actor != event.target
    words: Any = told.words
    reason = str(detail.get("reason", ""))
    if event.kind == "left":
        method = str(detail.get("method", ""))
        words = _LEAVING.get(method, _LEAVING["departed"])[by_other]
        if method == "booted" and not by_other and reason == "ended":
            # Nobody puts himself out: he ended it, or took his own entry off the roster.
            words, reason = _ENDED, ""
        if reason == PARTED:
            words, reason = _("{who} went on in a call between two"), ""
    elif by_other:
        words = _("{who} was called in by {whom}")
    text = _named(words, who=name(event.target), whom=name(event.actor))
    return Line(at=event.at, icon=told.icon, text=text, reason=_reason(reason))
