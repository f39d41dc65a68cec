"""Sounds of a conference: who may add, play and delete them, and what Mallory sends."""

from __future__ import annotations

import datetime
import os
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from conferences import policy, selectors, services
from conferences.models import Playing, Sound, User, Way
from conferences.policy import Identity, Refusal
from conferences.services import Refused
from conferences.services import sounds as service
from tests.conferences.conftest import Joined
from tests.conferences.test_api import Api, as_alice, as_bob, as_mallory
from tests.people import ALICE, BOB, MALLORY

__all__ = ["as_alice", "as_bob", "as_mallory"]


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, settings: object) -> None:
    settings.DATA_DIR = tmp_path  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def jingle(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Half a second of a tone as a WAV file."""
    path = tmp_path_factory.mktemp("jingle") / "jingle.wav"
    at = np.arange(4000) / 8000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((np.sin(2 * np.pi * 440 * at) * 9000).astype("<i2").tobytes())
    return path.read_bytes()


def add(live: Joined, octets: bytes, actor: Identity = ALICE, title: str = "Jingle") -> Sound:
    return services.add_sound(
        conference=live.conference.key, actor=actor, way=Way.WEB, title=title, octets=[octets]
    )


def kept(live: Joined) -> Sound:
    """One that is there without having been looked at."""
    made = Sound.objects.create(
        conference=live.conference,
        name=f"sound-{Sound.objects.count()}",
        title="Jingle",
        seconds=1.0,
        added_at=timezone.now(),
        added_by=ALICE.uri,
    )
    path = selectors.sound_file(made)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"OggS")
    return made


def play(sound: Sound, actor: Identity = ALICE) -> None:
    services.play_sound(sound=sound, actor=actor, way=Way.WEB)


def stop(live: Joined, actor: Identity = ALICE) -> None:
    services.stop_sound(conference=live.conference.key, actor=actor, way=Way.REST)


def test_added_it_lies_there_as_it_is_played(live: Joined, jingle: bytes) -> None:
    made = add(live, jingle, title="  A \n jingle ")
    assert (made.title, made.seconds) == ("A jingle", 0.5)
    assert selectors.sound_file(made).read_bytes()[:4] == b"OggS"
    assert list(selectors.sound_directory().iterdir()) == [selectors.sound_file(made)]
    assert [kind for kind, *_ in live.history()][-1] == "sound-added"


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"MZ this is a program", "neither a WAV file nor Opus"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "broken"),
        (b"", "neither a WAV file nor Opus"),
    ],
)
def test_mallorys_rubbish_is_refused_and_nothing_is_kept(
    live: Joined, octets: bytes, told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        add(live, octets)
    assert list(selectors.sound_directory().iterdir()) == []
    assert not Sound.objects.exists()


def test_too_large_too_many_and_too_slow(
    live: Joined, jingle: bytes, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LARGEST", 1 << 20)
    with pytest.raises(ValidationError, match="larger than 1 MB"):
        services.add_sound(
            conference=live.conference.key,
            actor=ALICE,
            way=Way.WEB,
            title="",
            octets=(bytes(1 << 16) for _ in range(17)),
        )
    monkeypatch.setattr(service, "PATIENCE", 0.2)
    endless = [sys.executable, "-c", "while True: pass"]
    settings.SOUND_INTAKE = endless  # type: ignore[attr-defined]
    with pytest.raises(ValidationError, match="broken"):
        add(live, jingle)
    monkeypatch.setattr(service, "MOST", 0)
    with pytest.raises(ValidationError, match="delete one first"):
        add(live, jingle)
    assert list(selectors.sound_directory().iterdir()) == []


@pytest.mark.parametrize("who", [BOB, MALLORY])
def test_who_does_not_command_does_nothing(live: Joined, mallory: User, who: Identity) -> None:
    sound = kept(live)
    asks: list[Callable[[], object]] = [
        lambda: add(live, b"", who),
        lambda: play(sound, who),
        lambda: stop(live, who),
        lambda: services.delete_sound(sound=sound, actor=who, way=Way.WEB),
    ]
    for ask in asks:
        with pytest.raises(Refused) as caught:
            ask()
        assert caught.value.refusal is Refusal.NOT_ALLOWED
    assert live.snapshot().sound is None
    assert selectors.sound_file(sound).exists()


def test_played_to_everybody_and_stopped(live: Joined) -> None:
    first, second = kept(live), kept(live)
    play(first)
    order = live.snapshot().sound
    assert order is not None
    assert (order.name, order.title, order.by) == (first.name, "Jingle", ALICE.uri)
    play(second)
    again = live.snapshot().sound
    assert again is not None
    assert again.name == second.name
    services.sound_ended(token=order.token, failure="", at=1.0)
    assert live.snapshot().sound == again, "the first is over, the second not"
    stop(live)
    stop(live)
    assert live.snapshot().sound is None
    kinds = [kind for kind, *_ in live.history() if kind.startswith("sound")]
    assert kinds == ["sound-played", "sound-played", "sound-stopped"]


def test_it_ends_by_itself_and_says_why_it_could_not(live: Joined) -> None:
    for failure, kinds in (("", 0), ("No such file", 1)):
        play(kept(live))
        order = live.snapshot().sound
        assert order is not None
        services.sound_ended(token=order.token, failure=failure, at=1.0)
        assert live.snapshot().sound is None
        assert [kind for kind, *_ in live.history()].count("sound-failed") == kinds


def test_an_empty_room_hears_nothing(live: Joined) -> None:
    sound = kept(live)
    play(sound)
    for who in (ALICE, BOB):
        live.leave(who)
    services.room_emptied(conference=live.conference.key)
    assert live.snapshot().sound is None
    with pytest.raises(ValidationError, match="Nobody is in"):
        play(sound)


def test_deleted_while_it_is_played(
    live: Joined, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    sound = kept(live)
    path = selectors.sound_file(sound)
    play(sound)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_sound(sound=sound, actor=ALICE, way=Way.WEB)
    assert live.snapshot().sound is None
    assert not path.exists()


def test_files_of_conferences_that_are_gone_are_deleted(live: Joined) -> None:
    path = selectors.sound_file(kept(live))
    orphan = path.with_stem("orphan")
    orphan.write_bytes(b"OggS")
    now = timezone.now()
    service.prune_sounds(now=now)
    assert orphan.exists(), "it may be one that is being added"
    os.utime(orphan, (0, 0))
    os.utime(path, (0, 0))
    service.prune_sounds(now=now + datetime.timedelta(days=2))
    assert path.exists()
    assert not orphan.exists()


def test_what_a_crash_left_playing_is_ended(live: Joined) -> None:
    play(kept(live))
    service.prune_sounds(now=timezone.now())
    assert Playing.objects.exists()
    live.leave(ALICE)
    live.leave(BOB)
    service.prune_sounds(now=timezone.now())
    assert not Playing.objects.exists()


# By the REST API


def test_by_the_api(live: Joined, jingle: bytes, as_alice: Api) -> None:
    path = f"/conferences/{live.conference.name}/sounds"
    file = SimpleUploadedFile("Jingle one.wav", jingle)
    response = as_alice.client.post(
        f"/api/v1{path}", {"file": file}, headers=dict(as_alice.headers)
    )
    made = response.json()
    assert (response.status_code, made["title"], made["seconds"]) == (201, "Jingle one", 0.5)
    assert as_alice.call("POST", f"{path}/{made['id']}/play")[0] == 204
    (listed,) = as_alice.call("GET", path)[1]
    assert listed == {**made, "playing": True}
    heard = as_alice.client.get(f"/api/v1{path}/{made['id']}", headers=dict(as_alice.headers))
    assert heard.getvalue()[:4] == b"OggS"
    assert as_alice.call("POST", f"{path}/stop")[0] == 204
    assert live.snapshot().sound is None
    assert as_alice.call("DELETE", f"{path}/{made['id']}")[0] == 204
    assert as_alice.call("GET", path) == (200, [])
    assert as_alice.call("POST", f"{path}/{made['id']}/play")[0] == 404
    refused = as_alice.client.post(
        f"/api/v1{path}",
        {"file": SimpleUploadedFile("x.wav", b"no")},
        headers=dict(as_alice.headers),
    )
    assert refused.status_code == 422
    assert "neither a WAV file nor Opus" in refused.content.decode()


def test_nobody_else_by_the_api(live: Joined, jingle: bytes, as_bob: Api, as_mallory: Api) -> None:
    sound = kept(live)
    path = f"/conferences/{live.conference.name}/sounds"
    for other in (as_bob, as_mallory, Api(None)):
        expected = 403 if other.headers else 401
        file = SimpleUploadedFile("x.wav", jingle)
        sent = other.client.post(f"/api/v1{path}", {"file": file}, headers=dict(other.headers))
        assert sent.status_code == expected
        for method, what in (
            ("GET", ""),
            ("GET", f"/{sound.name}"),
            ("POST", f"/{sound.name}/play"),
            ("POST", "/stop"),
            ("DELETE", f"/{sound.name}"),
        ):
            assert other.call(method, f"{path}{what}")[0] == expected
    assert Sound.objects.get() == sound
    assert policy.may_play(live.snapshot(), BOB) is Refusal.NOT_ALLOWED
