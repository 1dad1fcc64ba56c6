"""Tables in the terminal."""

from __future__ import annotations

from ner_dist.cli.text_table import percent, text_table


def test_the_first_column_is_aligned_left_and_the_others_right() -> None:
    assert text_table(["name", "tokens", ""], [["a", "1,000", "1.0 %"], ["a longer name", "2", "-"]]) == [
        "name           tokens",
        "a               1,000  1.0 %",
        "a longer name       2      -",
    ]
    assert text_table(["n", "name"], [["10", "b"]], num_left=0) == [" n  name", "10     b"]


def test_text_is_shown_as_it_is() -> None:
    assert text_table(["name", "number"], [["1e3", "007"], ["", ""]]) == ["name  number", "1e3      007", ""]


def test_a_table_without_rows_has_its_header() -> None:
    assert text_table(["name", "tokens"], []) == ["name  tokens"]


def test_the_share_of_nothing_is_a_dash() -> None:
    assert (percent(1, 8), percent(0, 0)) == ("12.5 %", "-")
