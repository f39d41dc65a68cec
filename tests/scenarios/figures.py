"""Where each figure of draft-ietf-sipping-cc-conferencing-00 and of RFC 4579 is played.

`test_figures` sees to it that none is missing and that each chart exists.
"""

from __future__ import annotations

from typing import NamedTuple

DRAFT = "draft-00"
RFC = "RFC 4579"


class Figure(NamedTuple):
    """One figure, what it shows, and the chart that plays it: module and test."""

    document: str
    number: int
    shows: str
    module: str
    test: str


FIGURES = (
    Figure(
        DRAFT, 1, "dial in", "test_watching", "test_c07_full_to_the_newcomer_partial_to_the_others"
    ),
    Figure(DRAFT, 2, "dial out", "test_dial_out", "test_figure_2_the_focus_dials_out"),
    Figure(DRAFT, 3, "by an application", "test_application", "test_c08_figure_3"),
    Figure(DRAFT, 4, "a URI of one's choice", "test_watching", "test_a_user_chosen_uri"),
    Figure(DRAFT, 5, "by the factory", "test_factories", "test_c12_the_factory_answers"),
    Figure(
        DRAFT, 6, "add by REFER", "test_dial_out", "test_c16_figure_6_a_participant_asks_the_focus"
    ),
    Figure(
        DRAFT,
        7,
        "refer somebody",
        "test_third_party",
        "test_c19_figure_7_refer_a_person_to_the_conference",
    ),
    Figure(DRAFT, 8, "Join", "test_join_and_replaces", "test_c21_figure_8_by_the_factory_uri"),
    Figure(DRAFT, 9, "remove by REFER", "test_removal", "test_c25_c26_figure_9"),
    Figure(
        DRAFT, 10, "OPTIONS", "test_figures", "test_figure_10_of_the_draft_figure_13_of_the_rfc"
    ),
    Figure(
        RFC, 1, "dial in", "test_watching", "test_c07_full_to_the_newcomer_partial_to_the_others"
    ),
    Figure(RFC, 2, "dial out", "test_dial_out", "test_figure_2_the_focus_dials_out"),
    Figure(RFC, 3, "by an application", "test_application", "test_c08_figure_3"),
    Figure(
        RFC, 4, "by the factory, which sends on", "test_factories", "test_c13_the_factory_sends_on"
    ),
    Figure(
        RFC, 5, "add by REFER", "test_dial_out", "test_c16_figure_6_a_participant_asks_the_focus"
    ),
    Figure(
        RFC,
        6,
        "refer somebody",
        "test_third_party",
        "test_c19_figure_7_refer_a_person_to_the_conference",
    ),
    Figure(RFC, 7, "have the focus refer", "test_third_party", "test_c20_ask_the_focus_to_refer"),
    Figure(RFC, 8, "Join", "test_join_and_replaces", "test_c21_figure_8_by_the_factory_uri"),
    Figure(
        RFC,
        9,
        "another phone",
        "test_dialog_package",
        "test_c22_the_desk_phone_learns_the_browsers_call_and_takes_it",
    ),
    Figure(
        RFC,
        10,
        "a call of two is brought in",
        "test_change_of_phones",
        "test_c23_refer_with_replaces",
    ),
    Figure(RFC, 11, "remove by REFER", "test_removal", "test_c25_c26_figure_9"),
    Figure(RFC, 12, "the end", "test_figures", "test_figure_12_the_end_of_a_conference"),
    Figure(RFC, 13, "OPTIONS", "test_figures", "test_figure_10_of_the_draft_figure_13_of_the_rfc"),
    Figure(RFC, 14, "a URI of one's choice", "test_watching", "test_a_user_chosen_uri"),
)
