"""Sounds on the conference's page: added, heard, deleted by Alice, and not by Mallory."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from conferences import selectors
from conferences.models import Conference, Sound, User
from sipgateway.media import intake, opus
from tests.media import sounds
from tests.portal.conftest import SignedIn


@pytest.fixture
def sound(open_room: Conference, tmp_path: Path, settings: object) -> Sound:
    settings.DATA_DIR = tmp_path  # type: ignore[attr-defined]
    made = Sound.objects.create(
        conference=open_room,
        name="secret",
        title="Jingle",
        seconds=5.0,
        added_at=timezone.now(),
        added_by="sip:alice@conf.test",
    )
    path = selectors.sound_file(made)
    path.parent.mkdir()
    path.write_bytes(b"OggS")
    return made


def test_alice_adds_hears_and_deletes(
    sound: Sound, tmp_path: Path, alice: User, signed_in: SignedIn
) -> None:
    browser, url = signed_in(alice), f"/conferences/{sound.conference.name}/"
    assert f'src="{url}sounds/secret/"' in browser.get(url).content.decode()
    assert browser.get(f"{url}sounds/secret/").getvalue() == b"OggS"
    page = browser.post(f"{url}sounds/secret/delete/", follow=True).content.decode()
    assert "“Jingle” is deleted." in page
    intake.write(tmp_path / "x.opus", sounds.sine(440, 25), opus.Library())
    file = SimpleUploadedFile("New one.opus", (tmp_path / "x.opus").read_bytes())
    page = browser.post(f"{url}sounds/", {"file": file}, follow=True).content.decode()
    assert "“New one” can be played now." in page
    file = SimpleUploadedFile("x.wav", b"rubbish")
    page = browser.post(f"{url}sounds/", {"file": file}, follow=True).content.decode()
    assert "neither a WAV file nor Opus in Ogg" in page
    page = browser.post(f"{url}sounds/", follow=True).content.decode()
    assert "Choose a file first." in page
    assert [one.title for one in Sound.objects.all()] == ["New one"]


def test_nobody_else_does(sound: Sound, bob: User, mallory: User, signed_in: SignedIn) -> None:
    url = f"/conferences/{sound.conference.name}/sounds/"
    for other in (bob, mallory):
        browser = signed_in(other)
        file = SimpleUploadedFile("x.wav", b"RIFF")
        assert browser.post(url, {"file": file}).status_code in {403, 404}
        assert browser.get(f"{url}secret/").status_code in {403, 404}
        assert browser.post(f"{url}secret/delete/").status_code in {403, 404}
    assert Sound.objects.get() == sound


def test_another_conferences_sound_is_not_there(
    sound: Sound, room: Conference, alice: User, signed_in: SignedIn
) -> None:
    for what in ("", "delete/"):
        url = f"/conferences/{room.name}/sounds/secret/{what}"
        browser = signed_in(alice)
        assert (browser.post(url) if what else browser.get(url)).status_code == 404
