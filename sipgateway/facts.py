"""What the focus writes down: each fact becomes what a service makes of it.

Everything here runs on the directory's thread, in the order in which it happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from conferences import services
from sipgateway.focus.facts import (
    AskRefused,
    CallProgressed,
    DialogForgotten,
    DialogKept,
    Emptied,
    Ended,
    EndpointChanged,
    EndpointLeft,
    EndpointMeasured,
    Joined,
    JoinRefused,
    Left,
    LinkShown,
    Occupied,
    PinGiven,
    Record,
    Released,
    RemovalEnded,
    RosterChanged,
    SpeakersChanged,
    TrackBegan,
    WaitBegan,
    WaitEnded,
    WrongPin,
)
from sipgateway.tenure import Tenure


def write(tenure: Tenure, record: Record) -> None:
    """Write a fact down."""
    _FACTS[type(record.fact)](tenure, record, record.fact)


def _occupied(tenure: Tenure, record: Record, _: Occupied) -> None:
    tenure.occupied(record.conference)


def _emptied(tenure: Tenure, record: Record, _: Emptied) -> None:
    tenure.emptied(record.conference)


def _released(tenure: Tenure, record: Record, _: Released) -> None:
    tenure.released(record.conference)


def _dialog_kept(_: Tenure, record: Record, fact: DialogKept) -> None:
    services.keep_dialog(conference=record.conference, key=fact.key, what=fact.what, at=record.at)


def _dialog_forgotten(_: Tenure, record: Record, fact: DialogForgotten) -> None:
    del record
    services.forget_dialog(key=fact.key)


def _joined(_: Tenure, record: Record, fact: Joined) -> None:
    services.participant_joined(
        conference=record.conference,
        key=fact.participant,
        entity=fact.entity,
        display_text=fact.display_text,
        role=fact.role,
        endpoint=fact.endpoint,
        joining_method=fact.joining_method,
        at=record.at,
        by=fact.by,
        private=fact.private,
        comes=fact.comes,
    )


def _endpoint_changed(_: Tenure, record: Record, fact: EndpointChanged) -> None:
    services.endpoint_changed(
        conference=record.conference,
        key=fact.participant,
        endpoint=fact.endpoint,
        status=fact.status,
        muted=fact.muted,
        at=record.at,
    )


def _endpoint_measured(_: Tenure, record: Record, fact: EndpointMeasured) -> None:
    services.endpoint_measured(
        key=fact.participant,
        endpoint=fact.endpoint,
        now=asdict(fact.now),
        mean=asdict(fact.mean),
        worst=fact.worst,
        at=record.at,
    )


def _speakers_changed(_: Tenure, record: Record, fact: SpeakersChanged) -> None:
    heard = {(one.participant, one.endpoint): one.level for one in fact.speakers}
    services.speakers_changed(conference=record.conference, heard=heard)


def _endpoint_left(_: Tenure, record: Record, fact: EndpointLeft) -> None:
    services.endpoint_left(
        conference=record.conference,
        key=fact.participant,
        endpoint=fact.endpoint,
        method=fact.method,
        at=record.at,
    )


def _left(_: Tenure, record: Record, fact: Left) -> None:
    services.participant_left(
        conference=record.conference,
        key=fact.participant,
        method=fact.method,
        by=fact.by,
        reason=fact.reason,
        at=record.at,
    )


def _track_began(_: Tenure, record: Record, fact: TrackBegan) -> None:
    services.track_began(
        conference=record.conference,
        name=fact.name,
        entity=fact.entity,
        display_text=fact.display_text,
    )


def _roster_changed(_: Tenure, record: Record, fact: RosterChanged) -> None:
    services.roster_changed(conference=record.conference, version=fact.version)


def _refused(_: Tenure, record: Record, fact: JoinRefused) -> None:
    services.join_refused(
        conference=record.conference, entity=fact.entity, refusal=fact.refusal, at=record.at
    )


def _pin_given(_: Tenure, record: Record, fact: PinGiven) -> None:
    services.pin_given(
        conference=record.conference,
        entity=fact.entity,
        role=fact.role,
        name=fact.name,
        at=record.at,
    )


def _wait_began(_: Tenure, record: Record, fact: WaitBegan) -> None:
    services.wait_began(
        conference=record.conference,
        key=fact.waiter,
        entity=fact.entity,
        display_text=fact.display_text,
        private=fact.private,
        at=record.at,
    )


def _wait_ended(_: Tenure, record: Record, fact: WaitEnded) -> None:
    services.wait_ended(key=fact.waiter, inside=fact.inside, by=fact.by, at=record.at)


def _wrong_pin(_: Tenure, record: Record, fact: WrongPin) -> None:
    services.wrong_pin(
        conference=record.conference, entity=fact.entity, at=record.at, last=fact.last
    )


def _removal_ended(_: Tenure, record: Record, fact: RemovalEnded) -> None:
    services.removal_ended(removal=fact.removal, outcome=fact.outcome, at=record.at)


def _call_progressed(_: Tenure, record: Record, fact: CallProgressed) -> None:
    services.call_progressed(
        call=fact.call, state=fact.state, status=fact.status, reason=fact.reason, at=record.at
    )


def _ask_refused(_: Tenure, record: Record, fact: AskRefused) -> None:
    services.ask_refused(
        conference=record.conference,
        entity=fact.entity,
        asked=fact.asked,
        target=fact.target,
        refusal=fact.refusal,
        at=record.at,
    )


def _link_shown(_: Tenure, record: Record, fact: LinkShown) -> None:
    services.link_shown(conference=record.conference, uri=fact.uri, by=fact.by, at=record.at)


def _ended(_: Tenure, record: Record, fact: Ended) -> None:
    services.conference_ended(
        conference=record.conference, at=record.at, by=fact.by, parted=fact.parted
    )


_FACTS: Mapping[type, Callable[[Tenure, Record, Any], None]] = {
    Occupied: _occupied,
    Emptied: _emptied,
    Released: _released,
    DialogKept: _dialog_kept,
    DialogForgotten: _dialog_forgotten,
    Joined: _joined,
    EndpointChanged: _endpoint_changed,
    EndpointLeft: _endpoint_left,
    EndpointMeasured: _endpoint_measured,
    SpeakersChanged: _speakers_changed,
    Left: _left,
    TrackBegan: _track_began,
    RosterChanged: _roster_changed,
    JoinRefused: _refused,
    WrongPin: _wrong_pin,
    PinGiven: _pin_given,
    WaitBegan: _wait_began,
    WaitEnded: _wait_ended,
    RemovalEnded: _removal_ended,
    CallProgressed: _call_progressed,
    AskRefused: _ask_refused,
    LinkShown: _link_shown,
    Ended: _ended,
}
