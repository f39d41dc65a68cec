"""`/metrics`: for administrators and this machine, and in the format of Prometheus."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from conferences.models import User
from portal import health

#: A line of the text format with labels.
SAMPLE = re.compile(r'[a-z_]+\{([a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+\} \d+')


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "counters", [lambda: {'gate: refused: "so" \\ much': 7}])
    monkeypatch.setattr(health, "gauges", [lambda: {"dialogs": 2}])


@pytest.mark.django_db
def test_this_machine_reads_it() -> None:
    response = Client().get("/metrics")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = response.content.decode().splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(line) for line in samples), samples
    assert samples == [
        r'parley_sip_total{part="gate",what="refused: \"so\" \\ much"} 7',
        'parley_now{what="dialogs"} 2',
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "how",
    [
        {"REMOTE_ADDR": "203.0.113.66"},
        {"REMOTE_ADDR": ""},
        {"HTTP_X_FORWARDED_FOR": "203.0.113.66"},
        {"HTTP_FORWARDED": "for=203.0.113.66"},
    ],
)
def test_mallory_does_not(bob: User, how: dict[str, str]) -> None:
    stranger = Client(**how)  # type: ignore[arg-type]
    assert stranger.get("/metrics").status_code == 403
    stranger.force_login(bob)
    assert stranger.get("/metrics").status_code == 403
    bob.is_staff = True
    bob.save()
    assert stranger.get("/metrics").status_code == 200
