"""What the focus asks of the database, and wants done in it: each action's answer.

Everything here runs on the directory's thread. What policy refuses is an answer
like any other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ValidationError

from conferences import selectors, services
from sipgateway.focus.actions import (
    AnswerSetup,
    AskAgreement,
    AskEnd,
    AskHand,
    AskLetIn,
    AskLock,
    AskMute,
    AskRecording,
    CloseSetup,
    ForgetCall,
    ForgetPhones,
    LookAtSetup,
    NoteRecording,
    NoteSound,
    WriteAttempts,
)
from sipgateway.focus.events import (
    AccountLoaded,
    CallAsked,
    CallOutAsked,
    CancelAsked,
    ConferenceLoaded,
    FocusEvent,
    RemovalAsked,
    SetupAnswered,
    SetupOpened,
    SetupRefused,
    TurnAwayAsked,
)
from sipgateway.focus.questions import (
    AskCall,
    AskCallOut,
    AskCancel,
    AskRemoval,
    AskTurnAway,
    CreateConference,
    LoadAccount,
    LoadConference,
    OpenSetup,
)

LOG = logging.getLogger(__name__)


def answer(action: Any) -> FocusEvent | None:
    """Do what an action wants of the database; the event that answers it, if one does."""
    return _ANSWERS[type(action)](action)


def setup_answered(token: str) -> SetupAnswered | None:
    """What a caller of the conference application has answered, if he has."""
    setup = selectors.setup(token)
    if setup is None or setup.conference is None:
        return None
    snapshot = selectors.snapshot(setup.conference.key)
    return SetupAnswered(token, snapshot) if snapshot else None


def _load_account(action: LoadAccount) -> AccountLoaded:
    account = selectors.account(action.auth_name, hashed_by=action.hashed_by)
    if account is None:
        return AccountLoaded(action.question, None, {})
    return AccountLoaded(action.question, account.identity, account.ha1, account.auth_name)


def _load_conference(action: LoadConference) -> ConferenceLoaded:
    found = selectors.conference_key(action.name)
    if found is None:
        person = selectors.person_exists(action.name)
        factory = not person and selectors.factory(action.name) is not None
        return ConferenceLoaded(action.question, None, person=person, factory=factory)
    vacant = selectors.is_vacant(found)
    return ConferenceLoaded(action.question, selectors.snapshot(found), vacant=vacant)


def _create_conference(action: CreateConference) -> ConferenceLoaded:
    try:
        created = services.create_adhoc(
            creator=action.creator,
            name=action.name,
            factory=action.factory,
            of_call=bool(action.parties),
        )
    except services.Refused as refused:
        return ConferenceLoaded(action.question, None, refusal=refused.refusal)
    except ValidationError:
        return ConferenceLoaded(action.question, None)
    redirect = selectors.redirects(action.factory)
    names = {entity: services.name_of(entity) for entity in action.parties}
    return ConferenceLoaded(
        action.question, selectors.snapshot(created), redirect=redirect, names=names
    )


def _ask_removal(action: AskRemoval) -> RemovalAsked:
    try:
        removal = services.ask_to_remove(
            conference=action.conference,
            participant=action.participant,
            actor=action.actor,
            way=services.Way.KEYPAD if action.keypad else services.Way.REFER,
            reason=action.reason,
            ban=action.ban,
            anonymous=action.anonymous,
            endpoint=action.endpoint,
        )
    except services.Refused as refused:
        return RemovalAsked(action.question, None, refused.refusal)
    return RemovalAsked(action.question, removal.pk)


def _ask_turn_away(action: AskTurnAway) -> TurnAwayAsked:
    try:
        if action.waiter is not None:
            services.turn_away(
                conference=action.conference,
                waiter=action.waiter,
                actor=action.actor,
                way=services.Way.REFER,
                reason=action.reason,
                ban=action.ban,
            )
        else:
            services.shut_out(
                conference=action.conference,
                entity=action.entity,
                actor=action.actor,
                way=services.Way.REFER,
                reason=action.reason,
                ban=action.ban,
            )
    except services.Refused as refused:
        return TurnAwayAsked(action.question, refused.refusal)
    return TurnAwayAsked(action.question)


def _ask_call(action: AskCall) -> CallAsked:
    try:
        call = services.ask_to_call(
            conference=action.conference,
            uri=action.uri,
            actor=action.actor,
            way=services.Way.REFER,
            display_name=action.display_name,
            phone=action.phone,
            replaces=action.replaces,
            anonymous=action.anonymous,
            history=action.history,
        )
    except services.Refused as refused:
        return CallAsked(action.question, None, refused.refusal)
    except ValidationError:
        return CallAsked(action.question, None)
    return CallAsked(action.question, call.pk)


def _ask_call_out(action: AskCallOut) -> CallOutAsked:
    if action.call is None:
        refusal = services.may_call_himself(action.actor, action.uri)
    else:
        refusal = services.send_on(call=action.call, uri=action.uri)
    return CallOutAsked(action.question, refusal)


def _ask_cancel(action: AskCancel) -> CancelAsked:
    try:
        cancelled = services.cancel_calls_to(
            conference=action.conference,
            uri=action.uri,
            actor=action.actor,
            way=services.Way.REFER,
        )
    except services.Refused as refused:
        return CancelAsked(action.question, 0, refused.refusal)
    return CancelAsked(action.question, cancelled)


def _ask_mute(action: AskMute) -> None:
    services.ask_to_mute(
        conference=action.conference,
        participant=action.participant,
        muted=action.muted,
        actor=action.actor,
        way=services.Way.KEYPAD,
        newcomers=action.newcomers,
    )


def _ask_lock(action: AskLock) -> None:
    change = services.lock if action.locked else services.unlock
    change(conference=action.conference, actor=action.actor, way=services.Way.KEYPAD)


def _ask_end(action: AskEnd) -> None:
    services.end(conference=action.conference, actor=action.actor, way=services.Way.KEYPAD)


def _ask_hand(action: AskHand) -> None:
    services.raise_hand(
        conference=action.conference,
        participant=action.participant,
        raised=action.raised,
        actor=action.actor,
        way=services.Way.KEYPAD,
    )


def _ask_let_in(action: AskLetIn) -> None:
    services.let_in(
        conference=action.conference, waiter=None, actor=action.actor, way=services.Way.KEYPAD
    )


def _ask_recording(action: AskRecording) -> None:
    change = services.start_recording if action.recorded else services.stop_recording
    change(conference=action.conference, actor=action.actor, way=services.Way.KEYPAD)


def _ask_agreement(action: AskAgreement) -> None:
    services.agree_to_recording(
        conference=action.conference,
        participant=action.participant,
        actor=action.actor,
        way=services.Way.KEYPAD,
    )


def _note_recording(action: NoteRecording) -> None:
    services.recording_closed(
        name=action.name, seconds=action.seconds, failure=action.failed, at=action.at
    )


def _note_sound(action: NoteSound) -> None:
    services.sound_ended(token=action.token, failure=action.failed, at=action.at)


def _wish(carry_out: Callable[[Any], None]) -> Callable[[Any], None]:
    """A wish that policy refuses stays one; the focus has asked policy before."""

    def asked(action: Any) -> None:
        try:
            carry_out(action)
        except (services.Refused, ValidationError) as refused:
            LOG.info("a wish by keypad was refused: %s", refused)

    return asked


def _open_setup(action: OpenSetup) -> SetupOpened:
    services.open_setup(token=action.token, caller=action.caller, at=time.time())
    return SetupOpened(action.question)


def _answer_setup(action: AnswerSetup) -> SetupRefused | None:
    """Where it works, the notice that it did brings the caller in."""
    try:
        services.answer_setup(token=action.token, pin=action.pin)
    except ValidationError as error:
        LOG.info("a setup was answered by keypad in vain: %s", error)
        return SetupRefused(action.token)
    return None


def _close_setup(action: CloseSetup) -> None:
    services.close_setup(token=action.token, at=time.time())


def _forget_call(action: ForgetCall) -> None:
    services.forget_call(key=action.key)


def _look_at_setup(action: LookAtSetup) -> SetupAnswered | None:
    return setup_answered(action.token)


def _forget_phones(action: ForgetPhones) -> None:
    services.forget_registrations(names=action.names, at=action.at)


def _write_attempts(action: WriteAttempts) -> None:
    services.write_attempts(action.notes, at=action.at)


_ANSWERS: Mapping[type, Callable[[Any], FocusEvent | None]] = {
    LoadAccount: _load_account,
    LoadConference: _load_conference,
    CreateConference: _create_conference,
    AskRemoval: _ask_removal,
    AskTurnAway: _ask_turn_away,
    AskCall: _ask_call,
    AskCallOut: _ask_call_out,
    AskCancel: _ask_cancel,
    OpenSetup: _open_setup,
    AskMute: _wish(_ask_mute),
    AskLock: _wish(_ask_lock),
    AskEnd: _wish(_ask_end),
    AskHand: _wish(_ask_hand),
    AskLetIn: _wish(_ask_let_in),
    AskRecording: _wish(_ask_recording),
    AskAgreement: _wish(_ask_agreement),
    NoteRecording: _note_recording,
    NoteSound: _note_sound,
    AnswerSetup: _answer_setup,
    CloseSetup: _close_setup,
    ForgetPhones: _forget_phones,
    ForgetCall: _forget_call,
    LookAtSetup: _look_at_setup,
    WriteAttempts: _write_attempts,
}
