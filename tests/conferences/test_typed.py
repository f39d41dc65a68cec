"""What people write in titles and names, and what is no text."""

# ruff: noqa: RUF001 - letters of other scripts are what this is about

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from conferences import services, typed
from conferences.models import User

#: A family, England, Persian, Hebrew with a mark, a soft hyphen, an emoji newer than Python.
WRITTEN = [
    "Picnic 👨\u200d👩\u200d👧",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f against Wales",
    "می\u200cخواهم",
    "\u200fשלום (1)",
    "Donau\u00addampfschiff",
    "\U0001fae8 news",
    "\u2067פגישה\u2069 at nine",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_what_is_written_stays(text: str) -> None:
    assert typed.line(text) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  Weekly \n\t review ", "Weekly review"),
        ("\u202ealice", "alice"),
        ("\u202dalice\u202c", "alice"),
        ("\u2067שלום", "\u2067שלום\u2069"),
        ("\u202bשלום\u2066 x", "\u202bשלום\u2066 x\u2069\u202c"),
        ("\u2066\u202aa\u2069 b", "\u2066\u202aa\u202c\u2069 b"),
        ("a\u2069\u202cb", "ab"),
        ("\u200d\u200f\u00ad", ""),
        ("\u202e", ""),
    ],
)
def test_what_is_left_open_is_closed(text: str, line: str) -> None:
    assert typed.line(text) == line
    assert typed.line(line) == line


@pytest.mark.parametrize(
    "text", ["a\x00b", "a\x07", "\x9bm", "\x7f", "a\ud800", "\uffff", "\ufdd0"]
)
def test_what_is_no_text(text: str) -> None:
    with pytest.raises(typed.NoText):
        typed.line(text)


@pytest.mark.parametrize("title", WRITTEN)
def test_a_conference_is_called_what_its_organizer_writes(alice: User, title: str) -> None:
    assert services.book(organizer=alice, title=title).title == title


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("", "Give it a title of 1 to 200 letters."),
        ("\u200d", "Give it a title of 1 to 200 letters."),
        ("x" * 201, "Give it a title of 1 to 200 letters."),
        ("a\x07b", "There are control characters in it, which nobody can read. Take them out."),
    ],
)
def test_a_title_that_cannot_be_is_told_why(alice: User, title: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        services.book(organizer=alice, title=title)
    assert caught.value.message_dict == {"title": [words]}
