"""Recordings on the conference's page: for those who command, and not for Mallory."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from django.utils import timezone

from conferences import selectors
from conferences.models import Conference, Recording, RecordingState, Track, User
from portal.templatetags.parley import length_of
from tests.portal.conftest import SignedIn


@pytest.fixture
def recording(open_room: Conference, tmp_path: Path, settings: object) -> Recording:
    settings.DATA_DIR = tmp_path  # type: ignore[attr-defined]
    made = Recording.objects.create(
        conference=open_room,
        name="secret",
        state=RecordingState.ENDED,
        started_at=timezone.now(),
        started_by="sip:alice@conf.test",
        ended_at=timezone.now(),
        seconds=3725.2,
    )
    path = selectors.recording_file(made)
    path.parent.mkdir()
    path.write_bytes(b"OggS")
    return made


def _url(recording: Recording) -> str:
    return f"/conferences/{recording.conference.name}/recordings/{recording.name}/"


def test_alice_hears_and_deletes_it(recording: Recording, alice: User, signed_in: SignedIn) -> None:
    browser = signed_in(alice)
    page = browser.get(f"/conferences/{recording.conference.name}/").content.decode()
    assert f'src="{_url(recording)}"' in page
    assert "1:02:05" in page
    response = browser.get(_url(recording))
    assert (response["Content-Type"], response.getvalue()) == ("audio/ogg", b"OggS")
    response.close()
    page = f"/conferences/{recording.conference.name}/"
    assert browser.get(f"{_url(recording)}delete/")["Location"] == page
    assert Recording.objects.exists()
    assert browser.post(f"{_url(recording)}delete/").status_code == 302
    assert not Recording.objects.exists()
    assert browser.get(_url(recording)).status_code == 404


@pytest.fixture
def track(recording: Recording) -> Track:
    """Bob's."""
    made = recording.tracks.create(
        name=f"{recording.name}-bob", entity="sip:bob@conf.test", display_text="Bob"
    )
    selectors.track_file(made).write_bytes(b"OggS of Bob")
    return made


def test_alice_hears_one_voice_and_takes_all_home(
    recording: Recording, track: Track, alice: User, signed_in: SignedIn
) -> None:
    browser = signed_in(alice)
    page = browser.get(f"/conferences/{recording.conference.name}/").content.decode()
    assert f'src="{_url(recording)}tracks/bob/"' in page
    assert "1 voice by itself" in page
    response = browser.get(f"{_url(recording)}tracks/bob/")
    assert response.getvalue() == b"OggS of Bob"
    assert browser.get(f"{_url(recording)}tracks/carol/").status_code == 404
    response = browser.get(f"{_url(recording)}zip/")
    assert response["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.getvalue())) as archive:
        assert archive.namelist() == ["mix.opus", "01 Bob.opus"]


def test_a_player_may_ask_for_a_part(
    recording: Recording, alice: User, signed_in: SignedIn
) -> None:
    """RFC 9110 14."""
    browser, url = signed_in(alice), _url(recording)
    for asked, status, told, got in (
        ("bytes=1-2", 206, "bytes 1-2/4", b"gg"),
        ("bytes=-1", 206, "bytes 3-3/4", b"S"),
        ("bytes=2-", 206, "bytes 2-3/4", b"gS"),
        ("bytes=4-", 416, "bytes */4", b""),
        ("bytes=3-1", 200, None, b"OggS"),
        ("bytes=0-1,2-3", 200, None, b"OggS"),
        ("lines=1-2", 200, None, b"OggS"),
    ):
        response = browser.get(url, headers={"Range": asked})
        content = response.getvalue() if response.streaming else response.content
        assert (response.status_code, response.headers.get("Content-Range"), content) == (
            status,
            told,
            got,
        ), asked


def test_one_that_goes_on_is_not_deleted(
    recording: Recording, alice: User, signed_in: SignedIn
) -> None:
    Recording.objects.update(state=RecordingState.RUNNING)
    page = signed_in(alice).post(f"{_url(recording)}delete/", follow=True).content.decode()
    assert "still being recorded" in page
    assert "Being recorded" in page
    assert Recording.objects.exists()


def test_nobody_else_hears_it(
    recording: Recording,
    track: Track,
    bob: User,
    mallory: User,
    signed_in: SignedIn,
) -> None:
    for other in (bob, mallory):
        browser = signed_in(other)
        for path in ("", "zip/", "tracks/bob/"):
            assert browser.get(f"{_url(recording)}{path}").status_code in {403, 404}
        assert browser.post(f"{_url(recording)}delete/").status_code in {403, 404}
    assert Recording.objects.get() == recording


def test_a_stranger_is_asked_to_sign_in(recording: Recording, client: object) -> None:
    response = client.get(_url(recording))  # type: ignore[attr-defined]
    assert response.status_code == 302
    assert "/sign-in/" in response["Location"]


def test_another_conferences_recording_is_not_there(
    recording: Recording, room: Conference, alice: User, signed_in: SignedIn
) -> None:
    other = f"/conferences/{room.name}/recordings/{recording.name}/"
    assert signed_in(alice).get(other).status_code == 404


@pytest.mark.parametrize(("seconds", "told"), [(0.4, "0:00"), (65, "1:05"), (3600, "1:00:00")])
def test_lengths(seconds: float, told: str) -> None:
    assert length_of(seconds) == told
