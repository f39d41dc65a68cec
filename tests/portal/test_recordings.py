"""Recordings on the conference's page: for those who command, and not for Mallory."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from conferences import selectors
from conferences.models import Conference, Recording, RecordingState, User
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
    assert browser.get(f"{_url(recording)}delete/").status_code == 405
    assert browser.post(f"{_url(recording)}delete/").status_code == 302
    assert not Recording.objects.exists()
    assert browser.get(_url(recording)).status_code == 404


def test_one_that_goes_on_is_not_deleted(
    recording: Recording, alice: User, signed_in: SignedIn
) -> None:
    Recording.objects.update(state=RecordingState.RUNNING)
    page = signed_in(alice).post(f"{_url(recording)}delete/", follow=True).content.decode()
    assert "still being recorded" in page
    assert "Being recorded" in page
    assert Recording.objects.exists()


def test_nobody_else_hears_it(
    recording: Recording, bob: User, mallory: User, signed_in: SignedIn, client: object
) -> None:
    for other in (bob, mallory):
        browser = signed_in(other)
        assert browser.get(_url(recording)).status_code in {403, 404}
        assert browser.post(f"{_url(recording)}delete/").status_code in {403, 404}
    del client
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
