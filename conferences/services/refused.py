"""The way a `policy.Refusal` travels from a service to its edge."""

from __future__ import annotations

from conferences import policy


class Refused(Exception):
    """Policy says no. Each edge has one table from `refusal` to a status."""

    def __init__(self, refusal: policy.Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


def unless_none(refusal: policy.Refusal | None) -> None:
    """Raise `Refused` where there is a refusal."""
    if refusal is not None:
        raise Refused(refusal)
