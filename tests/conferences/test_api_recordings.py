"""Recordings by the REST API: heard and deleted by those who command, by nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from conferences import policy, selectors, services
from conferences.models import Recording, Way
from tests.conferences.conftest import Joined
from tests.conferences.test_api import Api, as_alice, as_bob, as_mallory
from tests.people import ALICE, BOB

__all__ = ["as_alice", "as_bob", "as_mallory"]


@pytest.fixture
def recording(live: Joined, tmp_path: Path, settings: object) -> Recording:
    """One that has ended, with something in its file."""
    settings.DATA_DIR = tmp_path  # type: ignore[attr-defined]
    made = services.start_recording(conference=live.conference.key, actor=ALICE, way=Way.WEB)
    path = selectors.recording_file(made)
    path.parent.mkdir()
    path.write_bytes(b"OggS and more")
    services.stop_recording(conference=live.conference.key, actor=ALICE, way=Way.WEB)
    made.refresh_from_db()
    return made


def _path(live: Joined, recording: Recording) -> str:
    return f"/conferences/{live.conference.name}/recordings/{recording.name}"


def test_alice_hears_and_deletes_it(live: Joined, recording: Recording, as_alice: Api) -> None:
    status, listed = as_alice.call("GET", f"/conferences/{live.conference.name}/recordings")
    assert (status, [one["id"] for one in listed]) == (200, [recording.name])
    assert listed[0]["state"] == "ended"
    url = f"/api/v1{_path(live, recording)}"
    response = as_alice.client.get(url, headers=dict(as_alice.headers))
    assert response["Content-Type"] == "audio/ogg"
    assert response.getvalue() == b"OggS and more"
    response.close()
    assert as_alice.call("DELETE", _path(live, recording))[0] == 204
    assert as_alice.call("GET", _path(live, recording))[0] == 404


def test_tracks_are_listed_heard_and_taken_home(
    live: Joined, recording: Recording, as_alice: Api, as_bob: Api, as_mallory: Api
) -> None:
    name = policy.track(recording.name, BOB.uri)
    services.track_began(
        conference=live.conference.key, name=name, entity=BOB.uri, display_text="Bob"
    )
    selectors.recording_file(recording).with_name(f"{name}.opus").write_bytes(b"OggS of Bob")
    _, listed = as_alice.call("GET", f"/conferences/{live.conference.name}/recordings")
    (track,) = listed[0]["tracks"]
    assert (track["name"], track["entity"], track["failure"]) == ("Bob", BOB.uri, "")
    url = f"{_path(live, recording)}/tracks/{track['id']}"
    response = as_alice.client.get(f"/api/v1{url}", headers=dict(as_alice.headers))
    assert response.getvalue() == b"OggS of Bob"
    response = as_alice.client.get(
        f"/api/v1{_path(live, recording)}/zip", headers=dict(as_alice.headers)
    )
    assert response.getvalue()[:2] == b"PK"
    assert as_alice.call("GET", f"{_path(live, recording)}/tracks/none")[0] == 404
    for other in (as_bob, as_mallory, Api(None)):
        for path in (url, f"{_path(live, recording)}/zip"):
            assert other.call("GET", path)[0] in {401, 403, 404}


def test_nobody_else_does(live: Joined, recording: Recording, as_bob: Api, as_mallory: Api) -> None:
    for other in (as_bob, as_mallory, Api(None)):
        for method in ("GET", "DELETE"):
            status, _ = other.call(method, _path(live, recording))
            assert status == (401 if not other.headers else 403)
    assert Recording.objects.get() == recording


def test_a_recording_of_another_conference_is_not_there(
    live: Joined, recording: Recording, as_mallory: Api
) -> None:
    """Mallory books one of her own to get at it by the secret name."""
    status, hers = as_mallory.call("POST", "/conferences", {"title": "Hers"})
    assert status == 201
    path = f"/conferences/{hers['id']}/recordings/{recording.name}"
    for method in ("GET", "DELETE"):
        assert as_mallory.call(method, path)[0] == 404


def test_a_file_that_is_not_there(live: Joined, recording: Recording, as_alice: Api) -> None:
    selectors.recording_file(recording).unlink()
    status, problem = as_alice.call("GET", _path(live, recording))
    assert (status, problem["detail"]) == (404, "Nothing of it has been written.")


def test_each_agrees_for_himself(live: Joined, as_alice: Api, as_bob: Api, as_mallory: Api) -> None:
    path = f"/conferences/{live.conference.name}/recordings/agree"
    said = {"participant": live.key(BOB)}
    for other in (as_alice, as_mallory):
        assert other.call("POST", path, said)[0] == 403
    assert live.snapshot().agreed == frozenset()
    assert as_bob.call("POST", path, said)[0] == 204
    assert live.snapshot().agreed == {live.key(BOB)}


def test_how_a_conference_sounds_is_booked_and_changed(as_alice: Api) -> None:
    said = {"title": "Planung", "policy": {"language": "de", "announce": "names"}}
    status, made = as_alice.call("POST", "/conferences", said)
    assert status == 201
    assert (made["policy"]["language"], made["policy"]["announce"]) == ("de", "names")
    assert (made["policy"]["recorded"], made["policy"]["music"]) == ("told", True)
    path = f"/conferences/{made['id']}"
    changes = {"language": None, "recorded": "agreed", "warn_minutes": 0, "quiet_from": 3}
    _, changed = as_alice.call("PATCH", path, {"policy": changes})
    assert changed["policy"]["language"] == ""
    assert changed["policy"]["announce"] == "names"
    row = selectors.conference_by_name(made["id"])
    assert row is not None
    snapshot = selectors.snapshot(row.key)
    assert snapshot is not None
    assert snapshot.language is policy.Language.ENGLISH
    assert (snapshot.recorded, snapshot.warn_minutes) == (policy.Recorded.AGREED, 0)
    for bad in ({"language": "fr"}, {"warn_minutes": 61}, {"quiet_from": -1}, {"announce": "x"}):
        assert as_alice.call("PATCH", path, {"policy": bad})[0] in {400, 422}, bad
