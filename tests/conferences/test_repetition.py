"""Rules from choices, choices from rules, and words for both."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conferences import recurrence, repetition, wording
from conferences.repetition import DAYS, Repeats, Repetition

TUESDAY = datetime.date(2026, 3, 3)


@pytest.mark.parametrize(
    ("chosen", "rule"),
    [
        (Repetition(), ""),
        (Repetition(Repeats.DAILY), "FREQ=DAILY"),
        (Repetition(Repeats.DAILY, every=3, count=5), "FREQ=DAILY;INTERVAL=3;COUNT=5"),
        (Repetition(Repeats.WEEKDAYS), "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        (Repetition(Repeats.WEEKLY), "FREQ=WEEKLY;BYDAY=TU"),
        (
            Repetition(Repeats.WEEKLY, days=("FR", "MO"), until=datetime.date(2026, 7, 3)),
            "FREQ=WEEKLY;BYDAY=MO,FR;UNTIL=20260703",
        ),
        (Repetition(Repeats.BY_DATE), "FREQ=MONTHLY;BYMONTHDAY=3"),
        (Repetition(Repeats.BY_WEEKDAY), "FREQ=MONTHLY;BYDAY=1TU"),
        (Repetition(Repeats.RULE, rule="FREQ=YEARLY"), "FREQ=YEARLY"),
    ],
)
def test_a_choice_becomes_a_rule(chosen: Repetition, rule: str) -> None:
    assert repetition.build_rule(chosen, TUESDAY) == rule


def test_the_fifth_is_the_last() -> None:
    chosen = Repetition(Repeats.BY_WEEKDAY)
    assert repetition.build_rule(chosen, datetime.date(2026, 3, 31)) == "FREQ=MONTHLY;BYDAY=-1TU"


@given(
    st.builds(
        Repetition,
        st.sampled_from([one for one in Repeats if one is not Repeats.RULE]),
        every=st.integers(1, 99),
        days=st.sets(st.sampled_from(DAYS), min_size=1).map(tuple),
        until=st.none() | st.dates(datetime.date(2026, 1, 1), datetime.date(2035, 1, 1)),
        count=st.none() | st.integers(1, 999),
    ),
    st.dates(datetime.date(2026, 1, 1), datetime.date(2030, 1, 1)),
)
def test_what_a_form_wrote_it_reads_back(chosen: Repetition, first: datetime.date) -> None:
    rule = repetition.build_rule(chosen, first)
    read = repetition.parse_repetition(rule, first)
    assert repetition.build_rule(read, first) == rule
    assert (read.repeats is Repeats.RULE) is False
    if rule:
        assert recurrence.parse_rule(rule) == rule
        assert "by the rule" not in wording.repeats(rule)


@pytest.mark.parametrize(
    "rule", ["FREQ=YEARLY", "FREQ=MONTHLY;BYDAY=2TU", "FREQ=DAILY;UNTIL=20260303T080000Z"]
)
def test_what_the_form_has_no_choice_for_stays_text(rule: str) -> None:
    assert repetition.parse_repetition(rule, TUESDAY) == Repetition(Repeats.RULE, rule=rule)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=DAILY", "every day"),
        ("FREQ=DAILY;INTERVAL=2;COUNT=3", "every 2 days, 3 times"),
        ("FREQ=DAILY;COUNT=1", "every day, once"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every weekday"),
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR", "every week on Monday, Wednesday and Friday"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", "every 2 weeks on Tuesday"),
        ("FREQ=MONTHLY;BYMONTHDAY=3", "every month on day 3"),
        ("FREQ=MONTHLY;BYDAY=1TU", "every month on the first Tuesday"),
        (
            "FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20260703",
            "every month on the last Friday, until 3 July 2026",
        ),
        ("FREQ=YEARLY", "every year"),
        ("FREQ=MONTHLY;BYDAY=7MO", "by the rule FREQ=MONTHLY;BYDAY=7MO"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "by the rule FREQ=MONTHLY;BYMONTHDAY=-1"),
        ("FREQ=YEARLY;BYWEEKNO=20", "by the rule FREQ=YEARLY;BYWEEKNO=20"),
    ],
)
def test_words(rule: str, words: str) -> None:
    assert wording.repeats(rule) == words
