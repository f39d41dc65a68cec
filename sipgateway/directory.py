"""The gateway's only door to the database.

One thread reads and writes, in the order in which it was asked: what the
focus recorded is there before the next thing is read. Facts that wait are
written together, in one transaction. Answers go back to the event loop.
"""

from __future__ import annotations

import asyncio
import datetime
import itertools
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)
from django.utils import timezone as clock

from conferences import selectors, services
from conferences.policy import ConferenceId
from sipgateway import ladder
from sipgateway.focus.actions import (
    AnswerSetup,
    AskAgreement,
    AskCall,
    AskCallOut,
    AskCancel,
    AskEnd,
    AskHand,
    AskLetIn,
    AskLock,
    AskMute,
    AskRecording,
    AskRefused,
    AskRemoval,
    CallProgressed,
    CloseSetup,
    CreateConference,
    DialogForgotten,
    DialogKept,
    Emptied,
    Ended,
    EndpointChanged,
    EndpointLeft,
    EndpointMeasured,
    FindPhones,
    ForgetCall,
    ForgetPhones,
    Joined,
    JoinRefused,
    KeepCall,
    KeepPhones,
    Left,
    LinkShown,
    LoadAccount,
    LoadConference,
    LookAtSetup,
    NoteRecording,
    NoteSound,
    Occupied,
    OpenSetup,
    PinGiven,
    Record,
    Released,
    RemovalEnded,
    RosterChanged,
    TrackBegan,
    WaitBegan,
    WaitEnded,
    Wish,
    WriteAttempts,
    WrongPin,
)
from sipgateway.focus.events import (
    AccountLoaded,
    AttemptsLifted,
    AttemptsRestored,
    CallAsked,
    CallOutAsked,
    CancelAsked,
    ConferenceChanged,
    ConferenceLoaded,
    FocusEvent,
    PhonesEnded,
    PhonesFound,
    PhonesKept,
    PhonesRemembered,
    QuestionFailed,
    RemovalAsked,
    SetupAnswered,
    SetupOpened,
    SetupRefused,
)
from sipgateway.ladder import Batch
from sipgateway.sip.credentials import Trunk
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.uri import parse_sip_uri
from sipgateway.tenure import LEASE, Tenure

LOG = logging.getLogger(__name__)

LIFTED_WITHIN = datetime.timedelta(minutes=1)
"""How far back one looks for those who may try again: a dozen looks of the gateway."""
BATCH = 200
"""Facts written in one transaction at most."""

RETRY = 1.0
"""Seconds between two tries to write facts down when the database does not answer."""

Questions = (
    LoadAccount
    | LoadConference
    | CreateConference
    | AskRemoval
    | AskCall
    | AskCallOut
    | AskCancel
    | OpenSetup
    | FindPhones
    | KeepPhones
)
Notes = NoteRecording | NoteSound
Calls = KeepCall | ForgetCall | LookAtSetup
DirectoryAction = (
    Questions
    | Wish
    | AnswerSetup
    | CloseSetup
    | WriteAttempts
    | Notes
    | Record
    | ForgetPhones
    | Calls
)
_Work = Callable[[], FocusEvent | list[FocusEvent] | None]


class Directory:
    """See the module. `told` is called on the event loop with every answer.

    On `ports` phones reach this process and no other of the machine.
    """

    def __init__(
        self, *, tenure: Tenure, ports: Collection[int] = (), told: Callable[[FocusEvent], None]
    ) -> None:
        self._tenure = tenure
        self._owner = tenure.owner
        self._ports = frozenset(ports)
        self._told = told
        self._queue: queue.SimpleQueue[DirectoryAction | _Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="directory", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failing = ""
        self._failed_at = float("-inf")
        #: Facts that could not be written, in order; they are once the database answers.
        self._unwritten: deque[Record] = deque()
        self._put_by: list[DirectoryAction | _Work | None] = []

    async def start(self) -> None:
        """Start the thread; rosters that an earlier life of this process left are closed."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        self._queue.put(self._tenure.begin)
        self._queue.put(_restored)

    async def stop(self) -> None:
        """Write down what waits, then end the thread."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, 3.0)

    def hand_over(self) -> None:
        """Let others take all our conferences at once, when what waits is written down."""
        self._queue.put(self._tenure.hand_over)

    def failing(self) -> str:
        """Empty while the database answers, for ``/healthz``."""
        return self._failing if self._thread.is_alive() else "the directory has stopped"

    def act(self, action: DirectoryAction) -> None:
        """Queue a question or a fact."""
        self._queue.put(action)

    def look(self, conference: ConferenceId, *, live: bool) -> None:
        """Read a conference again, because somebody may have changed it.

        Where it is not live here all that matters is whether somebody is to be called.
        """
        self._queue.put(lambda: _changed(conference, live=live))

    def look_at_setup(self, token: str) -> None:
        """Read what a caller of the conference application has answered."""
        self._queue.put(lambda: _setup_answered(token))

    def find_owner(self, call_id: str, then: Callable[[str], None]) -> None:
        """Tell the process that has the dialogs of a Call-ID; nothing if that cannot be read."""

        def found() -> None:
            owner = self._tenure.owner_of_call(call_id)
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(then, owner)

        self._queue.put(found)

    def look_at_trunks(self, then: Callable[[list[tuple[str, Trunk]]], None]) -> None:
        """Tell by what calls leave, by prefix of number; nothing if that cannot be read."""

        def found() -> None:
            trunks = list(_trunks())
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(then, trunks)

        self._queue.put(found)

    def look_at_phones(self) -> None:
        """Read which registrations were ended."""
        self._queue.put(self._ended_phones)

    def remember_phones(self) -> None:
        """Read what an earlier life of this process knew of phones."""
        self._queue.put(self._remembered_phones)

    def renew(self, conferences: Collection[ConferenceId], calls: Collection[str] = ()) -> None:
        """Keep the leases of the conferences that are served here, and the groups of `calls`."""
        if conferences:
            self._queue.put(lambda: self._tenure.renew(conferences))
        self._queue.put(lambda: self._tenure.renew_calls(calls))
        self._queue.put(self._take_over)

    def keep_messages(self, batches: list[Batch]) -> None:
        """Write down what was said in conferences, without its secrets."""
        if batches:
            self._queue.put(lambda: _keep(batches))

    def look_at_lifted(self) -> None:
        """Read whom administrators let try again."""
        self._queue.put(_lifted)

    def _take_over(self) -> list[FocusEvent]:
        """Not when the database has just come back: whoever could not renew gets his time."""
        steady = time.monotonic() - self._failed_at > LEASE
        return self._tenure.take_over() if steady else []

    def _ended_phones(self) -> PhonesEnded | None:
        found = selectors.registrations_to_drop(self._owner)
        return PhonesEnded(tuple(found)) if found else None

    def _remembered_phones(self) -> PhonesRemembered:
        now = datetime.datetime.now(tz=datetime.UTC)
        return PhonesRemembered(selectors.remembered(self._owner, self._ports, now=now))

    # -- the thread ----------------------------------------------------------

    def _run(self) -> None:
        for batch in self._batches():
            close_old_connections()
            try:
                self._catch_up()
                self._carry_out(batch)
                self._failing = ""
            except Exception as error:  # noqa: BLE001  without this guard nobody is let in any more
                self._failed(batch, error)
        connection.close()

    def _batches(self) -> Iterator[list[DirectoryAction | _Work]]:
        """Facts that wait together, everything else alone."""
        while (item := self._next()) is not None:
            batch: list[DirectoryAction | _Work] = [item]
            while isinstance(batch[-1], Record) and len(batch) < BATCH:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if not isinstance(following, Record):
                    self._put_by.append(following)
                    break
                batch.append(following)
            yield batch
        if self._unwritten:
            yield [_nothing]

    def _next(self) -> DirectoryAction | _Work | None:
        """What is next; nothing to do where it is time to try again what could not be written."""
        if self._put_by:
            return self._put_by.pop()
        try:
            return self._queue.get(timeout=RETRY if self._unwritten else None)
        except queue.Empty:
            return _nothing

    def _catch_up(self) -> None:
        """Write what could not be written; raises what keeps it from that."""
        while self._unwritten:
            some = list(itertools.islice(self._unwritten, BATCH))
            self._carry_out(list(some))
            for _ in some:
                self._unwritten.popleft()

    def _carry_out(self, batch: list[DirectoryAction | _Work]) -> None:
        records = _latest([item for item in batch if isinstance(item, Record)])
        if len(records) > 1:
            with transaction.atomic():
                for record in records:
                    self._write(record)
            return
        item = batch[0]
        if isinstance(item, Record):
            self._write(item)
            return
        if isinstance(item, KeepCall):
            self._tenure.keep_call(item)
            return
        answer = item() if callable(item) else self._answer(item)
        for event in answer if isinstance(answer, list) else self._tenure.settled(answer):
            self._tell(event)

    def _answer(self, item: DirectoryAction) -> FocusEvent | None:
        if isinstance(item, FindPhones):
            return PhonesFound(item.question, self._tenure.phones_elsewhere(item.aor))
        if isinstance(item, KeepPhones):
            services.keep_registrations(gateway=self._owner, entries=item.entries)
            return PhonesKept(item.question)
        return _QUESTIONS[type(item)](item)

    def _failed(self, batch: list[DirectoryAction | _Work], error: Exception) -> None:
        """Answer what was asked; keep facts until the database answers, or see which is wrong."""
        if isinstance(error, DatabaseError):
            if not self._failing:
                LOG.error("the database does not answer: %s", error)
            self._failing = f"the database does not answer: {error}"
            self._failed_at = time.monotonic()
        if isinstance(error, OperationalError | InterfaceError) and not _answers():
            self._unwritten.extend(item for item in batch if isinstance(item, Record))
            for item in batch:
                self._fail(item)
            return
        LOG.error("%d facts or questions failed", len(batch), exc_info=error)
        batch = [*self._unwritten, *batch]
        self._unwritten.clear()
        if len(batch) == 1 and not isinstance(batch[0], Record):
            self._fail(batch[0])
            return
        self._one_by_one(batch)

    def _one_by_one(self, batch: list[DirectoryAction | _Work]) -> None:
        """So that one does not take the others with it."""
        for item in batch:
            try:
                self._carry_out([item])
            except Exception:  # the same guard
                LOG.exception("a fact was lost: %r", item)
                self._fail(item)

    def _fail(self, item: DirectoryAction | _Work) -> None:
        if isinstance(item, Questions):
            self._tell(QuestionFailed(item.question))

    def _tell(self, event: FocusEvent) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told, event)

    def _write(self, record: Record) -> None:
        _FACTS[type(record.fact)](self._tenure, record, record.fact)


def _nothing() -> None:
    """Something to do that is nothing."""


def _answers() -> bool:
    """Whether the database is there at all."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _latest(records: list[Record]) -> list[Record]:
    """Without roster versions that a later one in the same batch makes stale."""
    versions = {r.conference: r for r in records if isinstance(r.fact, RosterChanged)}
    return [
        r for r in records if not isinstance(r.fact, RosterChanged) or versions[r.conference] is r
    ]


def _keep(batches: list[Batch]) -> None:
    for batch in batches:
        lines: list[services.Line] = [
            {
                "at": one.at,
                "sent": one.sent,
                "call": one.call,
                "peer": one.peer,
                "way": one.way,
                "text": ladder.readable(one.octets),
            }
            for one in batch.messages
        ]
        services.keep_messages(name=batch.name, lines=lines, left_out=batch.left_out)


def _changed(conference: ConferenceId, *, live: bool) -> ConferenceChanged | None:
    if not live and not selectors.has_calls(conference):
        return None
    snapshot = selectors.snapshot(conference)
    return ConferenceChanged(snapshot) if snapshot else None


def _setup_answered(token: str) -> SetupAnswered | None:
    setup = selectors.setup(token)
    if setup is None or setup.conference is None:
        return None
    snapshot = selectors.snapshot(setup.conference.key)
    return SetupAnswered(token, snapshot) if snapshot else None


def _restored() -> AttemptsRestored:
    return AttemptsRestored(selectors.standing_attempts(now=clock.now()))


def _trunks() -> Iterator[tuple[str, Trunk]]:
    for line in selectors.trunks():
        try:
            uri = parse_sip_uri(line.uri)
        except BadMessage:
            LOG.warning("the address of a trunk cannot be read: %s", line.uri)
        else:
            yield line.prefix, Trunk(uri, line.username, line.password, line.caller)


def _lifted() -> AttemptsLifted | None:
    lifted = selectors.lifted_attempts(since=clock.now() - LIFTED_WITHIN)
    return AttemptsLifted(tuple(lifted)) if lifted else None


# -- questions -----------------------------------------------------------------


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
    return ConferenceLoaded(action.question, selectors.snapshot(found))


def _create_conference(action: CreateConference) -> ConferenceLoaded:
    try:
        created = services.create_adhoc(
            creator=action.creator,
            name=action.name,
            factory=action.factory,
            of_call=action.of_call,
        )
    except services.Refused as refused:
        return ConferenceLoaded(action.question, None, refusal=refused.refusal)
    except ValidationError:
        return ConferenceLoaded(action.question, None)
    redirect = selectors.redirects(action.factory)
    return ConferenceLoaded(action.question, selectors.snapshot(created), redirect=redirect)


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
        )
    except services.Refused as refused:
        return RemovalAsked(action.question, None, refused.refusal)
    return RemovalAsked(action.question, removal.pk)


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
    return _setup_answered(action.token)


def _forget_phones(action: ForgetPhones) -> None:
    services.forget_registrations(names=action.names, at=action.at)


def _write_attempts(action: WriteAttempts) -> None:
    services.write_attempts(action.notes, at=action.at)


_QUESTIONS: Mapping[type, Callable[[Any], FocusEvent | None]] = {
    LoadAccount: _load_account,
    LoadConference: _load_conference,
    CreateConference: _create_conference,
    AskRemoval: _ask_removal,
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


# -- facts ---------------------------------------------------------------------


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
