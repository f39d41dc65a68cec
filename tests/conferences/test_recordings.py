"""Recordings as wishes and rows: who may, what is told, what is deleted and when."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from conferences import policy, selectors, services
from conferences.models import Recording, RecordingState, Track, User, Way
from conferences.policy import Identity, RecordingOrder, Refusal
from conferences.services import Refused
from conferences.services.recordings import prune_recordings
from tests.conferences.conftest import Joined
from tests.people import ALICE, BOB, MALLORY


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, settings: object) -> None:
    settings.DATA_DIR = tmp_path  # type: ignore[attr-defined]


def start(live: Joined, actor: Identity = ALICE) -> Recording:
    return services.start_recording(conference=live.conference.key, actor=actor, way=Way.WEB)


def pause(live: Joined, actor: Identity = ALICE) -> None:
    services.pause_recording(conference=live.conference.key, actor=actor, way=Way.KEYPAD)


def stop(live: Joined, actor: Identity = ALICE) -> None:
    services.stop_recording(conference=live.conference.key, actor=actor, way=Way.REST)


def agree(live: Joined, actor: Identity, whose: Identity) -> None:
    services.agree_to_recording(
        conference=live.conference.key, participant=live.key(whose), actor=actor, way=Way.WEB
    )


def written(recording: Recording) -> Path:
    path = selectors.recording_file(recording)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"OggS")
    return path


def test_started_paused_gone_on_with_and_ended(live: Joined) -> None:
    made = start(live)
    assert live.snapshot().recording == RecordingOrder(made.name)
    assert start(live) == made, "asked twice, it is one"
    pause(live)
    pause(live)
    assert live.snapshot().recording == RecordingOrder(made.name, paused=True)
    assert start(live) == made
    assert live.snapshot().recording == RecordingOrder(made.name)
    stop(live)
    stop(live)
    assert live.snapshot().recording is None
    kinds = [kind for kind, *_ in live.history() if kind.startswith("recording")]
    assert kinds == [
        "recording-started",
        "recording-paused",
        "recording-resumed",
        "recording-ended",
    ]
    assert start(live).name != made.name


@pytest.mark.parametrize("ask", [start, pause, stop])
@pytest.mark.parametrize("who", [BOB, MALLORY])
def test_who_does_not_command_records_nothing(
    live: Joined, mallory: User, ask: Callable[[Joined, Identity], object], who: Identity
) -> None:
    with pytest.raises(Refused) as caught:
        ask(live, who)
    assert caught.value.refusal is Refusal.NOT_ALLOWED
    assert not Recording.objects.exists()


def test_a_conference_that_may_not_be_recorded(live: Joined) -> None:
    services.change(conference=live.conference, actor=ALICE.uri, recorded=policy.Recorded.NEVER)
    with pytest.raises(Refused) as caught:
        start(live)
    assert caught.value.refusal is Refusal.NOT_RECORDED


def test_an_empty_room_is_not_recorded(live: Joined) -> None:
    for who in (ALICE, BOB):
        live.leave(who)
    with pytest.raises(ValidationError, match="Nobody is in"):
        start(live)


def test_one_at_a_time(live: Joined) -> None:
    start(live)
    with pytest.raises(IntegrityError), transaction.atomic():
        Recording.objects.create(
            conference=live.conference,
            name="another",
            state=RecordingState.PAUSED,
            started_at=timezone.now(),
            started_by=ALICE.uri,
        )


def test_one_agrees_for_oneself_alone(live: Joined, mallory: User) -> None:
    services.change(conference=live.conference, actor=ALICE.uri, recorded=policy.Recorded.AGREED)
    assert not policy.may_be_kept(live.snapshot(), live.key(BOB))
    for other in (MALLORY, ALICE):
        with pytest.raises(Refused):
            agree(live, other, BOB)
    agree(live, BOB, BOB)
    agree(live, BOB, BOB)
    assert policy.may_be_kept(live.snapshot(), live.key(BOB))
    assert not policy.may_be_kept(live.snapshot(), live.key(ALICE))
    assert [kind for kind, *_ in live.history()].count("recording-agreed") == 1
    with pytest.raises(Refused) as caught:
        agree(live, MALLORY, MALLORY)
    assert caught.value.refusal is Refusal.UNKNOWN


def test_the_last_one_who_leaves_ends_it(live: Joined) -> None:
    made = start(live)
    live.leave(BOB)
    services.room_emptied(conference=live.conference.key)
    made.refresh_from_db()
    assert made.state == RecordingState.RUNNING, "Alice is still there"
    live.leave(ALICE)
    services.room_emptied(conference=live.conference.key)
    made.refresh_from_db()
    assert made.state == RecordingState.ENDED
    assert made.ended_at is not None


def test_what_the_mixer_tells(live: Joined) -> None:
    made = start(live)
    now = timezone.now().timestamp()
    services.recording_closed(name=made.name, seconds=12.5, failure="", at=now)
    made.refresh_from_db()
    assert (made.state, made.seconds) == (RecordingState.RUNNING, 12.5), "it may be gone on with"
    services.recording_closed(name=made.name, seconds=13.0, failure="No space left", at=now)
    made.refresh_from_db()
    assert (made.state, made.failure) == (RecordingState.FAILED, "No space left")
    assert live.snapshot().recording is None
    assert ("recording-failed", "", "") in live.history()
    services.recording_closed(name="unknown", seconds=1.0, failure="", at=now)


def test_deleted_file_and_all_and_not_by_mallory(
    live: Joined, mallory: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    made = start(live)
    path = written(made)
    with pytest.raises(ValidationError, match="still being recorded"):
        services.delete_recording(recording=made, actor=ALICE, way=Way.WEB)
    stop(live)
    made.refresh_from_db()
    for other in (BOB, MALLORY):
        with pytest.raises(Refused):
            services.delete_recording(recording=made, actor=other, way=Way.WEB)
    assert path.exists()
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_recording(recording=made, actor=ALICE, way=Way.WEB)
    assert not path.exists()
    assert not Recording.objects.exists()


def began(live: Joined, made: Recording, who: Identity) -> Path:
    """The mixer keeps somebody by himself; gives the file."""
    name = policy.track(made.name, who.uri)
    services.track_began(
        conference=live.conference.key, name=name, entity=who.uri, display_text=who.display_name
    )
    path = selectors.recording_file(made).with_name(f"{name}.opus")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"OggS")
    return path


def test_tracks_by_policy_at_the_beginning(live: Joined) -> None:
    """What was said when it began holds until its end."""
    services.change(conference=live.conference, actor=ALICE.uri, tracks=True)
    made = start(live)
    assert live.snapshot().recording == RecordingOrder(made.name, tracks=True)
    services.change(conference=live.conference, actor=ALICE.uri, tracks=False)
    assert live.snapshot().recording == RecordingOrder(made.name, tracks=True)
    stop(live)
    assert not start(live).with_tracks


def test_a_mixer_that_keeps_no_single_voices(live: Joined, settings: object) -> None:
    services.change(conference=live.conference, actor=ALICE.uri, tracks=True)
    settings.TRACKS = False  # type: ignore[attr-defined]
    assert not start(live).with_tracks
    with pytest.raises(ValidationError, match="cannot keep single voices"):
        services.change(conference=live.conference, actor=ALICE.uri, tracks=True)


def test_a_track_is_listed_once_under_its_persons_name(live: Joined) -> None:
    made = start(live)
    for who in (ALICE, BOB, ALICE):
        began(live, made, who)
    lines = selectors.tracks(made, {})
    assert [(one.name, one.entity) for one in lines] == [
        (ALICE.display_name, ALICE.uri),
        (BOB.display_name, BOB.uri),
    ]
    assert all(f"{made.name}-{one.id}" == one.row.name for one in lines)
    masked = selectors.tracks(made, {BOB.uri: "sip:anonymous-1@anonymous.invalid"})
    assert (masked[1].name, masked[1].entity) == (
        policy.ANONYMOUS,
        "sip:anonymous-1@anonymous.invalid",
    )


def test_a_track_of_no_recording_is_not_written_down(live: Joined) -> None:
    services.track_began(
        conference=live.conference.key, name="other-1", entity=BOB.uri, display_text="Bob"
    )
    assert not Track.objects.exists()


def test_a_track_that_broke_off_says_why(live: Joined) -> None:
    made = start(live)
    path = began(live, made, BOB)
    services.recording_closed(name=path.stem, seconds=0.0, failure="No space left", at=1.0)
    made.refresh_from_db()
    assert made.going, "the mix goes on"
    assert [one.failure for one in selectors.tracks(made, {})] == ["No space left"]


def test_tracks_go_with_their_recording(
    live: Joined,
    settings: object,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    """By hand, and when they have been kept long enough."""
    settings.RECORDINGS_KEPT = datetime.timedelta(days=30)  # type: ignore[attr-defined]
    for by_hand in (True, False):
        made = start(live)
        files = [written(made), began(live, made, ALICE), began(live, made, BOB)]
        stop(live)
        made.refresh_from_db()
        with django_capture_on_commit_callbacks(execute=True):
            if by_hand:
                services.delete_recording(recording=made, actor=ALICE, way=Way.WEB)
            else:
                prune_recordings(now=timezone.now() + datetime.timedelta(days=31))
        assert not any(path.exists() for path in files)
        assert not Track.objects.exists()


def test_a_zip_holds_the_mix_and_every_voice(live: Joined) -> None:
    made = start(live)
    written(made)
    began(live, made, ALICE)
    began(live, made, Identity("sip:../etc@conf.test", "../Bob: B"))
    with selectors.zipped(made, {}) as file, zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "mix.opus",
            f"01 {ALICE.display_name}.opus",
            "02 Bob B.opus",
        ]
        assert archive.read("mix.opus") == b"OggS"


def test_old_ones_are_pruned(
    live: Joined,
    settings: object,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    made = start(live)
    path = written(made)
    stop(live)
    kept = datetime.timedelta(days=30)
    later = timezone.now() + kept
    for keeps, now, there in (
        (None, later, True),
        (kept, later - datetime.timedelta(hours=1), True),
        (kept, later + datetime.timedelta(hours=1), False),
    ):
        settings.RECORDINGS_KEPT = keeps  # type: ignore[attr-defined]
        with django_capture_on_commit_callbacks(execute=True):
            prune_recordings(now=now)
        assert path.exists() == there, keeps
    assert not Recording.objects.exists()


def test_what_a_crash_left_going_is_ended(live: Joined) -> None:
    made = start(live)
    prune_recordings(now=timezone.now())
    made.refresh_from_db()
    assert made.going
    live.leave(ALICE)
    live.leave(BOB)
    prune_recordings(now=timezone.now())
    made.refresh_from_db()
    assert made.state == RecordingState.ENDED
