"""Which columns are the token, the tag and the parts of speech: found out from the values, or asked for."""

from __future__ import annotations

import pytest

from data_prep.formats.columns.find_columns import FoundColumns, find_columns
from data_prep.formats.columns.names import Choice

WORDS = ["Ana", "left", "Oslo", "on", "Monday", "and", "Bo", "stayed", "there", "."] * 6
TAGS = ["B-PER", "O", "B-LOC", "O", "O", "O", "B-PER", "O", "O", "O"] * 6
POS = ["NNP", "VBD", "NNP", "IN", "NNP", "CC", "NNP", "VBD", "RB", "."] * 6
CHUNKS = ["B-NP", "B-VP", "B-NP", "B-PP", "B-NP", "O", "B-NP", "B-VP", "B-ADVP", "O"] * 6
COUNT = [str(i % 10) for i in range(60)]
RUNNING = [str(i) for i in range(60)]
STARTS = [str(5 * (i % 10)) for i in range(60)]
NOTHING = ["_"] * 60
OTHER_TAGS = ["B-PER", "O", "O", "O", "B-DAY", "O", "B-PER", "O", "O", "O"] * 6
OPENS = [i % 10 == 0 for i in range(60)]


def find(*columns: list[str], **choice: object) -> FoundColumns:
    return find_columns(list(zip(*columns)), OPENS, Choice(**choice))  # type: ignore[arg-type]


def names(found: FoundColumns) -> list[str]:
    return [name for name, _ in found.warnings]


@pytest.mark.parametrize(
    ("columns", "token", "tag", "pos"),
    [
        ([WORDS, TAGS], 0, 1, None),
        ([WORDS, POS, TAGS], 0, 2, 1),
        ([WORDS, POS, CHUNKS, TAGS], 0, 3, 1),
        ([WORDS, NOTHING, NOTHING, TAGS], 0, 3, None),
        ([WORDS, STARTS, STARTS, TAGS], 0, 3, None),
        ([WORDS, CHUNKS, POS, TAGS], 0, 3, 2),
        ([WORDS, ["[Cap]0"] * 60, [f"[POS]{pos}" for pos in POS], TAGS], 0, 3, 2),
        ([WORDS, TAGS, [""] * 60], 0, 1, None),
        ([WORDS, TAGS, NOTHING, ["anno1", "-"] * 30], 0, 1, None),
        ([WORDS, ["http://x.example/1", "-"] * 30, TAGS], 0, 2, None),
        ([WORDS, ["PER", "NONE", "LOC", *["NONE"] * 7] * 6, TAGS], 0, 2, None),
        ([WORDS, ["Nom", "Acc", "Gen", "Dat", "Nom"] * 12, TAGS], 0, 2, None),
        ([WORDS, ["NCMS000", "VMI", "Fp", "SPS00", "NP", "DA0MS0", "AQ0CS0", "RG", "CC", "Fc"] * 6, TAGS], 0, 2, 1),
        ([WORDS, ["POS", "NEU", "NEG"] * 20, TAGS], 0, 2, None),
        ([WORDS, ["EN", "DE", "FR", "EN", "PT"] * 12, TAGS], 0, 2, None),
        ([WORDS, ["N"] * 60, TAGS], 0, 2, None),
        ([WORDS, [f"Q{i % 12}" for i in range(60)], TAGS], 0, 2, None),
    ],
)
def test_columns_are_known_by_their_values(columns: list[list[str]], token: int, tag: int, pos: int | None) -> None:
    found = find(*columns)
    assert (found.token, found.tag, found.features.get("pos"), found.warnings) == (token, tag, pos, [])


@pytest.mark.parametrize(
    "numbers", [COUNT, RUNNING, [str(int(i) + 1) for i in COUNT], STARTS, [f"{i // 10}-{i % 10}" for i in range(60)]]
)
def test_a_column_of_numbers_is_never_the_token(numbers: list[str]) -> None:
    found = find(numbers, WORDS, TAGS)
    assert (found.token, found.tag, found.features) == (1, 2, {})
    assert "--token-column 1" in found.warnings[0][1]
    with pytest.raises(ValueError, match=r"column 0 .* so it is not the token, and no other column can be"):
        find(numbers, TAGS)
    with pytest.raises(ValueError, match=r"choose it by --token-column 1 \('NNP', 'VBD'\) or --token-column 2 \('Ana'"):
        find(numbers, POS, WORDS, TAGS)
    assert find(numbers, POS, WORDS, TAGS, token=2).token == 2


def test_a_column_of_names_of_sentences_or_documents_is_never_the_token() -> None:
    for size in (10, 30):
        found = find([f"text-{i // size}" for i in range(60)], WORDS, TAGS)
        assert (found.token, found.tag, found.features) == (1, 2, {})
        assert "column 0 is the same in all rows of a sentence" in found.warnings[0][1]


@pytest.mark.parametrize("first", [0, 1])
def test_a_few_rows_with_numbers_are_enough(first: int) -> None:
    numbers = [str(first), str(first + 1), str(first)]
    found = find_columns(list(zip(numbers, ["Ana", "left", "Bo"], TAGS)), [True, False, True], Choice())
    assert (found.token, found.tag) == (1, 2)
    assert names(found) == ["token_column"]
    # A year, a price or a number of points is a token.
    for numbers in (["1999", "2000", "1998"], ["1", "0", "3"]):
        found = find_columns(list(zip(numbers, ["CD", "CD", "CD"], TAGS)), [True, False, False], Choice())
        assert (found.token, names(found)) == (0, [])


def test_tags_may_come_first() -> None:
    found = find(TAGS, WORDS)
    assert (found.token, found.tag, names(found)) == (1, 0, ["token_column"])


@pytest.mark.parametrize(
    "tags",
    [
        [tag[2:] or tag for tag in TAGS],
        [tag.replace("-", "_") for tag in TAGS],
        ["-".join(reversed(tag.split("-"))) for tag in TAGS],
        [tag.lower() for tag in TAGS],
        [tag[0] for tag in TAGS],
        ["S-PER" if tag == "B-PER" else tag for tag in TAGS],
        ["O"] * 60,
        [tag.replace("-", "\u2013") if i < 20 else tag for i, tag in enumerate(TAGS)],
    ],
)
def test_tags_are_known_in_every_spelling(tags: list[str]) -> None:
    found = find(WORDS, POS, tags, NOTHING)
    assert (found.tag, found.warnings) == (2, [])


def test_integers_are_tags_if_they_have_names() -> None:
    numbers = [str(len(tag) % 3) for tag in TAGS]
    assert find(WORDS, TAGS, numbers, tag_names=("O", "B-PER", "B-LOC")).tag == 2
    assert find(WORDS, TAGS, numbers).tag == 1


def test_two_columns_of_tags_are_named() -> None:
    found = find(WORDS, OTHER_TAGS, TAGS)
    assert (found.tag, found.features) == (2, {})
    assert found.warnings == [
        (
            "tag_columns",
            "column 1 ('B-PER', 'B-DAY') and column 2 ('B-PER', 'B-LOC') look like tags; column 2 is read, "
            "--tag-column 1 chooses another",
        )
    ]
    assert find(WORDS, OTHER_TAGS, TAGS, tag=1).warnings == []


def test_tags_of_phrases_are_no_entities_unless_nothing_else_is() -> None:
    assert (find(WORDS, TAGS, CHUNKS).tag, names(find(WORDS, TAGS, CHUNKS))) == (1, ["tag_columns"])
    for found in (find(WORDS, POS, CHUNKS), find(WORDS, CHUNKS, TAGS, tag=1)):
        assert names(found) == ["chunk_column"]
        assert "types of phrases ('B-NP', 'B-VP')" in found.warnings[0][1]


def test_a_token_column_of_few_kinds_is_named() -> None:
    found = find(WORDS, [*POS[:5] * 12], TAGS, token=1, pos=None)
    assert names(found) == ["few_tokens"]
    assert "column 0 ('Ana', 'left') has more: --token-column 0?" in found.warnings[0][1]
    assert names(find(POS, TAGS)) == ["few_tokens"]


def test_features_are_named_by_number_and_replace_the_parts_of_speech() -> None:
    assert find(WORDS, POS, STARTS, TAGS, features=(("start", "2"), ("kind", "-3"))).features == {"start": 2, "kind": 1}
    assert find(WORDS, POS, STARTS, TAGS, features=(("start", "2"),)).features == {"start": 2}
    assert find(WORDS, POS, TAGS, pos=None).features == {}
    assert find(WORDS, STARTS, TAGS, pos=1).features == {"pos": 1}
    assert names(find(WORDS, OTHER_TAGS, TAGS, pos=1, tag=2)) == ["feature_of_tags"]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"token": 4}, "the line has 3 columns, so --token-column 4 does not exist"),
        ({"tag": -4}, "--tag-column -4 does not exist"),
        ({"pos": 3}, "--pos-column 3 does not exist"),
        ({"features": (("dep", "3"),)}, "--feature dep=3 does not exist"),
        ({"features": (("dep", "deprel"),)}, "--feature dep=deprel: the file has no header"),
        ({"token": 2, "tag": -1}, "are the same column"),
    ],
)
def test_columns_that_do_not_exist_are_named(choice: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find(WORDS, POS, TAGS, **choice)


def test_the_columns_of_the_files_before_are_kept_where_they_are_possible() -> None:
    # Two rows do not show what counts.
    rows = [["7", "Ana", "O"], ["8", "left", "O"]]
    assert find_columns(rows, [True, False], Choice()).token == 0
    found = find_columns(rows, [True, False], Choice(), {"token": 1, "tag": 2, "pos": 0})
    assert (found.token, found.tag) == (1, 2)
    assert find_columns(list(zip(WORDS, COUNT, TAGS)), OPENS, Choice(), {"token": 1, "tag": 2}).token == 0
