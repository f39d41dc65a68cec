"""The way a `policy.Refusal` travels from a service to its edge."""

from __future__ import annotations

from conferences import policy


class Refused(Exception):
    """Policy says no. Each edge has one table from `refusal` to a status."""

    def __init__(self, refusal: policy.Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


class HeldOff(Refused):
    """Too many wrong PINs; `wait` is in seconds, at least one."""

    def __init__(self, wait: int) -> None:
        super().__init__(policy.Refusal.WRONG_PIN_TOO_OFTEN)
        self.wait = wait


def unless_none(refusal: policy.Refusal | None) -> None:
    """Raise `Refused` where there is a refusal."""
    if refusal is not None:
        raise Refused(refusal)
