"""How well phones hear and are heard, now and on the whole."""

from __future__ import annotations

from typing import Any

from conferences.models import Conference, Endpoint, Quality

GOOD, FAIR = 4.03, 3.6
"""Estimated mean opinion scores of R = 80 and R = 70 (ITU-T G.107 annex B): above the first
people are satisfied, between them some are not."""

FIGURES = ("mos", "loss_in", "loss_out", "jitter_in", "jitter_out", "round_trip")


def grade(mos: float | None) -> str:
    """A mark in a word: "good", "fair", "poor", or "unknown"."""
    if mos is None:
        return "unknown"
    if mos >= GOOD:
        return "good"
    return "fair" if mos >= FAIR else "poor"


def quality(endpoint: Endpoint) -> dict[str, Any] | None:
    """How well a phone goes, for scripts; None where nothing was measured."""
    row = quality_row(endpoint)
    if row is None:
        return None
    return {
        "grade": grade(row.mos),
        **{name: getattr(row, name) for name in FIGURES},
        "mean": {name: getattr(row, f"mean_{name}") for name in FIGURES},
        "worst_mos": row.worst_mos,
        "at": row.at,
    }


def quality_row(endpoint: Endpoint) -> Quality | None:
    """What was measured of a phone, if anything was."""
    row: Quality | None = getattr(endpoint, "quality", None)
    return row


def worst_qualities(conference: Conference) -> dict[int, Quality]:
    """By participant: the worst of his phones that are in the call. One query."""
    rows = Quality.objects.filter(
        endpoint__participant__conference=conference,
        endpoint__participant__left_at__isnull=True,
        endpoint__left_at__isnull=True,
        mos__isnull=False,
    ).order_by("-mos")
    return {row.endpoint.participant_id: row for row in rows.select_related("endpoint")}
