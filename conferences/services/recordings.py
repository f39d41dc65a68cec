"""Recordings: started, paused and ended by those who command, agreed to, deleted when old.

What is written here is a wish, like all moderation; the focus has it carried
out, and `recording_closed` writes down what became of it.
"""

from __future__ import annotations

import datetime
import functools
import secrets

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from conferences import notices, policy, selectors
from conferences.models import (
    Conference,
    Event,
    Participant,
    Recording,
    RecordingState,
    Track,
    Way,
)
from conferences.policy import ConferenceId, Identity, ParticipantKey
from conferences.services.refused import Refused, unless_none

GOING = (RecordingState.RUNNING, RecordingState.PAUSED)


def _may_record(conference: ConferenceId, actor: Identity) -> None:
    """Raises `Refused`."""
    snapshot = selectors.snapshot(conference)
    if snapshot is None:
        raise Refused(policy.Refusal.UNKNOWN)
    unless_none(policy.may_record(snapshot, actor))


def _note(conference: ConferenceId, kind: str, actor: str, way: Way | str, **detail: str) -> None:
    Event.objects.create(
        conference_id=conference,
        at=timezone.now(),
        kind=kind,
        actor=actor,
        way=way,
        detail=detail,
    )
    notices.conference_changed(conference)


@transaction.atomic
def start_recording(*, conference: ConferenceId, actor: Identity, way: Way) -> Recording:
    """Record what is heard; one that is paused goes on. Raises `Refused`, `ValidationError`."""
    _may_record(conference, actor)
    going = Recording.objects.filter(conference_id=conference, state__in=GOING).first()
    if going is not None:
        return _go_on(going, actor, way)
    if not Participant.objects.filter(conference_id=conference, left_at__isnull=True).exists():
        raise ValidationError(_("Nobody is in the conference."), code="empty")
    wanted = Conference.objects.filter(pk=conference).values_list("tracks", flat=True).get()
    tracks = wanted and settings.TRACKS
    recording = Recording.objects.create(
        conference_id=conference,
        with_tracks=tracks,
        name=secrets.token_urlsafe(24),
        state=RecordingState.RUNNING,
        started_at=timezone.now(),
        started_by=actor.uri,
    )
    _note(conference, "recording-started", actor.uri, way)
    return recording


def _go_on(going: Recording, actor: Identity, way: Way) -> Recording:
    paused = Recording.objects.filter(pk=going.pk, state=RecordingState.PAUSED)
    if paused.update(state=RecordingState.RUNNING) == 1:
        _note(ConferenceId(going.conference_id), "recording-resumed", actor.uri, way)
        going.state = RecordingState.RUNNING
    return going


@transaction.atomic
def pause_recording(*, conference: ConferenceId, actor: Identity, way: Way) -> None:
    """Leave out what is said until it is started again. Raises `Refused`."""
    _may_record(conference, actor)
    running = Recording.objects.filter(conference_id=conference, state=RecordingState.RUNNING)
    if running.update(state=RecordingState.PAUSED):
        _note(conference, "recording-paused", actor.uri, way)


@transaction.atomic
def stop_recording(*, conference: ConferenceId, actor: Identity, way: Way) -> None:
    """End the recording for good; the next one is another. Raises `Refused`."""
    _may_record(conference, actor)
    going = Recording.objects.filter(conference_id=conference, state__in=GOING)
    if going.update(state=RecordingState.ENDED, ended_at=timezone.now()):
        _note(conference, "recording-ended", actor.uri, way)


@transaction.atomic
def agree_to_recording(
    *, conference: ConferenceId, participant: ParticipantKey, actor: Identity, way: Way
) -> None:
    """Say that one's voice may be kept. Nobody says it for another. Raises `Refused`."""
    found = selectors.participant_by_key(conference, participant)
    if found is None:
        raise Refused(policy.Refusal.UNKNOWN)
    if found.entity != actor.uri:
        raise Refused(policy.Refusal.NOT_ALLOWED)
    if not found.agreed_to_recording:
        found.agreed_to_recording = True
        found.save(update_fields=["agreed_to_recording"])
        _note(conference, "recording-agreed", actor.uri, way)


@transaction.atomic
def delete_recording(*, recording: Recording, actor: Identity, way: Way) -> None:
    """Delete one that has ended, file and all. Raises `Refused`, `ValidationError`."""
    conference = ConferenceId(recording.conference_id)
    snapshot = selectors.snapshot(conference)
    if snapshot is None:
        raise Refused(policy.Refusal.UNKNOWN)
    unless_none(policy.may_command(snapshot, actor))
    if recording.going:
        raise ValidationError(_("It is still being recorded; end that first."))
    _note(conference, "recording-deleted", actor.uri, way)
    delete_files(recording)


def delete_files(recording: Recording) -> None:
    """Delete it, and its files once that holds."""
    tracks = [selectors.track_file(one) for one in recording.tracks.all()]
    paths = [selectors.recording_file(recording), *tracks]
    recording.delete()
    for path in paths:
        transaction.on_commit(functools.partial(path.unlink, missing_ok=True))


def delete_track(track: Track) -> None:
    """Delete one voice by itself, and its file once that holds; in the mix it stays."""
    path = selectors.track_file(track)
    track.delete()
    transaction.on_commit(functools.partial(path.unlink, missing_ok=True))


def end_recordings(*, conference: ConferenceId, at: datetime.datetime) -> None:
    """Nobody is left in the conference."""
    going = Recording.objects.filter(conference_id=conference, state__in=GOING)
    if going.update(state=RecordingState.ENDED, ended_at=at):
        Event.objects.create(conference_id=conference, at=at, kind="recording-ended")


@transaction.atomic
def recording_closed(*, name: str, seconds: float, failure: str, at: float) -> None:
    """The mixer writes it no longer: how long it is, and why it failed if it did."""
    row = Recording.objects.select_for_update().filter(name=name).first()
    if row is None:
        Track.objects.filter(name=name).update(failure=failure[:255])
        return
    known, row.seconds = row.seconds is not None, seconds
    if failure and row.going:
        row.state, row.failure = RecordingState.FAILED, failure[:255]
        row.ended_at = datetime.datetime.fromtimestamp(at, tz=datetime.UTC)
        _note(ConferenceId(row.conference_id), "recording-failed", "", "", reason=failure)
    elif not (failure or known or row.going):
        _note(ConferenceId(row.conference_id), "recording-ready", "", "", recording=row.name)
    row.save(update_fields=["seconds", "state", "failure", "ended_at"])


def track_began(*, conference: ConferenceId, name: str, entity: str, display_text: str) -> None:
    """Somebody's voice is kept on a track of that name, begun or gone on with."""
    recording, _, _ = name.rpartition("-")
    found = Recording.objects.filter(conference_id=conference, name=recording).first()
    if found is not None:
        shown = {"entity": entity, "display_text": display_text[:100]}
        Track.objects.get_or_create(name=name, defaults={"recording": found, **shown})


def prune_recordings(*, now: datetime.datetime) -> None:
    """Delete what has been kept long enough; end what nobody is in any more."""
    here = Participant.objects.filter(left_at__isnull=True).values("conference_id")
    for row in Recording.objects.filter(state__in=GOING).exclude(conference_id__in=here):
        end_recordings(conference=ConferenceId(row.conference_id), at=now)
    if not settings.RECORDINGS_KEPT:
        return
    old = now - settings.RECORDINGS_KEPT
    for row in Recording.objects.filter(ended_at__lte=old).exclude(state__in=GOING):
        delete_files(row)
