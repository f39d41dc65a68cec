"""What all that goes in and comes out has in common."""

from __future__ import annotations

import datetime
import re
from typing import Annotated

from django.utils.translation import gettext as _
from ninja import Schema
from pydantic import BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError


def _written_out(said: object) -> object:
    """Numbers are not taken for seconds since 1970: nobody who sends one means that."""
    if isinstance(said, int | float) or (isinstance(said, str) and not _DATE.match(said)):
        raise ValueError("want a date and time as 2026-03-02T09:00:00+01:00")
    return said


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Moment = Annotated[datetime.datetime, BeforeValidator(_written_out)]
"""A date and a time (RFC 3339 5.6); a date alone means its first moment."""


def _with_a_time(said: object) -> object:
    """A day is no start: whoever sends one would have midnight booked, in whatever zone."""
    if isinstance(said, str) and not _TIMED.match(said):
        raise ValueError("want a time with the date, as 2026-03-02T09:00:00+01:00")
    return said


_TIMED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}")
Start = Annotated[Moment, BeforeValidator(_with_a_time)]
"""When something begins: a date with a time."""


class Strict(Schema):
    """What is sent: a member that is not known is an error, and so is text that is none."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _is_text(cls, said: object) -> object:
        """NULs and halves of letters, which JSON can write, can neither be kept nor sent."""
        for one in said if isinstance(said, list) else [said]:
            if isinstance(one, str) and _NO_TEXT.search(one):
                words = _(
                    "There are control characters in it, which nobody can read. Take them out."
                )
                raise PydanticCustomError("no_text", "{words}", {"words": words})
        return said


_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


class PageIn(Schema):
    """A page; they count from 1."""

    page: int = Field(1, ge=1)
    page_size: int = Field(200, ge=1, le=1000)


class WhyIn(Schema):
    """What may also stand in the body of a removal."""

    reason: str = ""
    ban: bool = False
    endpoint: str = ""
