"""Which columns of a file are the token, the tag and the parts of speech, found out from a sample of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from data_prep.formats.columns.judge_column import (
    ColumnSample,
    has_phrase_types,
    is_constant,
    is_numbers,
    looks_like_pos,
    looks_like_tags,
    names_sentences,
    numbers_rows,
    only_counts_up,
    types_of,
)
from data_prep.formats.columns.names import Choice
from ner_dist.contract.visible_text import shown

# Of this many rows of a file the columns are found out.
SAMPLE_ROWS = 5000


class FoundColumns(NamedTuple):
    num_columns: int
    token: int
    tag: int
    # Name and column of each token feature.
    features: dict[str, int]
    # The tags of the sample.
    tags: frozenset[str]
    # What the user should know: name and text of each warning.
    warnings: list[tuple[str, str]]


def find_columns(
    rows: Sequence[Sequence[str]],
    opens: Sequence[bool],
    choice: Choice,
    before: Mapping[str, int] = MappingProxyType({}),
) -> FoundColumns:
    """The columns of rows, each of which opens a sentence or not.

    before: "token", "tag" and features of another file of this corpus; they are kept where they are possible here.
    Raises ValueError, naming the option that helps, if a chosen column does not exist or none can be the token.
    """
    num_columns = Counter(map(len, rows)).most_common(1)[0][0]
    if num_columns < 2:
        raise ValueError("the line has 1 column, expected a token and a tag, separated by a tab or spaces")
    even = [(row, first) for row, first in zip(rows, opens) if len(row) == num_columns][:SAMPLE_ROWS]
    firsts = [first for _, first in even]
    columns = [ColumnSample([row[column] for row, _ in even], firsts) for column in range(num_columns)]
    chosen = _chosen_columns(num_columns, choice)
    warnings: list[tuple[str, str]] = []
    tag = chosen.get("--tag-column")
    if tag is None and "tag" in before and looks_like_tags(columns[before["tag"]], choice.tag_names):
        tag = before["tag"]
    if tag is None:
        tag = _find_tag(columns, choice, chosen.get("--token-column"), warnings)
    token = chosen.get("--token-column")
    if token is None and "token" in before and _never_token(columns[before["token"]]) is None:
        token = before["token"]
    if token is None:
        token = _find_token(columns, tag, warnings)
    if token == tag:
        raise ValueError(f"--token-column {token} and --tag-column {tag} are the same column")
    features = {name: chosen[f"--feature {name}={column}"] for name, column in choice.features}
    for name, column in features.items():
        if column in (token, tag):
            raise ValueError(f"--feature {name}: column {column} is that of the {'tag' if column == tag else 'token'}")
    if "--pos-column" in chosen:
        features.setdefault("pos", chosen["--pos-column"])
    elif choice.pos == "auto" and not choice.features:
        pos = before.get("pos")
        if pos is None or is_numbers(columns[pos]) or looks_like_tags(columns[pos]):
            pos = _find_pos(columns, token, tag)
        if pos is not None:
            features["pos"] = pos
    # A column that is the token or the tag is no feature.
    features = {name: column for name, column in features.items() if column not in (token, tag)}
    _warn_of_odd_columns(columns, token, tag, features, warnings)
    return FoundColumns(num_columns, token, tag, features, frozenset(columns[tag].counts), warnings)


def _chosen_columns(num_columns: int, choice: Choice) -> dict[str, int]:
    """The columns that the user chose, from 0, by option. Raises ValueError if one does not exist."""
    chosen: dict[str, int | str | None] = {"--token-column": choice.token, "--tag-column": choice.tag}
    if choice.pos != "auto":
        # A choice for files of several columns; those of two have no others.
        chosen["--pos-column"] = choice.pos if num_columns > 2 else None
    chosen.update((f"--feature {name}={column}", column) for name, column in choice.features)
    found = {}
    for option, column in chosen.items():
        if column is None:
            continue
        shown_option = option if "=" in option else f"{option} {column}"
        try:
            place = int(column)
        except ValueError as error:
            raise ValueError(f"{shown_option}: the file has no header that names this column") from error
        if not -num_columns <= place < num_columns:
            raise ValueError(f"the line has {num_columns} columns, so {shown_option} does not exist")
        found[option] = place % num_columns
    return found


def _find_tag(columns: list[ColumnSample], choice: Choice, token: int | None, warnings: list[tuple[str, str]]) -> int:
    """The last column that is made of tags; those of phrases and those without an entity come last."""
    found = [i for i, column in enumerate(columns) if i != token and looks_like_tags(column, choice.tag_names)]
    if token is None and len(found) == len(columns):
        found = found[1:]
    entities = [i for i in found if columns[i].counts.keys() - {"O", "o"}]
    best = [i for i in entities if not has_phrase_types(columns[i])] or entities or found
    if not best:
        return len(columns) - 1
    tag = best[-1]
    others = [i for i in best[:-1] if i or token is not None] + [i for i in found if i > tag]
    if others:
        names = " and ".join(f"column {i} ({_examples(columns[i])})" for i in sorted((*others, tag)))
        option = " or ".join(f"--tag-column {i}" for i in others)
        warnings.append(("tag_columns", f"{names} look like tags; column {tag} is read, {option} chooses another"))
    return tag


def _find_token(columns: list[ColumnSample], tag: int, warnings: list[tuple[str, str]]) -> int:
    """The first column that can be the token. Raises ValueError if the first one cannot and the next is not certain."""
    reason = _never_token(columns[0]) if tag else "is made of tags"
    if reason is None and numbers_rows(columns[0]) and any(map(_has_letters, columns[1:tag])):
        reason = "numbers the rows"
    if reason is None:
        return 0
    what = f"column 0 {reason} ({_examples(columns[0])}), so it is not the token"
    able = [i for i, column in enumerate(columns) if i not in (0, tag) and _never_token(column) is None]
    if not able and is_constant(columns[0]) and not is_numbers(columns[0]):
        return 0
    if not able:
        raise ValueError(f"{what}, and no other column can be; --token-column names it")
    token = able[0]
    kinds = {i: len(columns[i].counts) for i in able}
    if looks_like_pos(columns[token]) or kinds[token] * 2 < max(kinds.values()):
        options = " or ".join(f"--token-column {i} ({_examples(columns[i])})" for i in able)
        raise ValueError(f"{what}; choose it by {options}")
    advice = f"column {token} ({_examples(columns[token])}) is read as the token; --token-column {token} says the same"
    warnings.append(("token_column", f"{what}; {advice}"))
    return token


def _never_token(column: ColumnSample) -> str | None:
    """Why a column cannot be the token, None if it can."""
    if only_counts_up(column):
        return "only counts up"
    if is_numbers(column):
        return "is made of numbers"
    if is_constant(column):
        return "is the same in all rows"
    if names_sentences(column):
        return "is the same in all rows of a sentence"
    return "is made of tags" if looks_like_tags(column) else None


def _has_letters(column: ColumnSample) -> bool:
    return any(char.isalpha() for value in column.counts for char in value)


def _find_pos(columns: list[ColumnSample], token: int, tag: int) -> int | None:
    """The first column that looks like parts of speech: next to the token by its form, elsewhere by known names."""
    types = types_of(columns[tag])
    for i, column in enumerate(columns):
        # Types of entities in another column are another annotator's.
        is_other = i not in (token, tag) and len(types & column.counts.keys()) < 2
        if is_other and looks_like_pos(column, by_form=i == token + 1):
            return i
    return None


def _warn_of_odd_columns(
    columns: list[ColumnSample], token: int, tag: int, features: dict[str, int], warnings: list[tuple[str, str]]
) -> None:
    kinds, num_rows = len(columns[token].counts), len(columns[token].values)
    others = [i for i in range(len(columns)) if i not in (token, tag) and _never_token(columns[i]) is None]
    richer = [i for i in others if len(columns[i].counts) > 2 * kinds]
    few = kinds <= 100 and num_rows >= 20 and (richer or (num_rows >= 50 and looks_like_pos(columns[token])))
    if few or (_never_token(columns[token]) and num_rows >= 10):
        what = f"the token, column {token}, has only {kinds} kinds of values ({_examples(columns[token])})"
        question = "is it the token?"
        if richer:
            question = f"column {richer[0]} ({_examples(columns[richer[0]])}) has more: --token-column {richer[0]}?"
        warnings.append(("few_tokens", f"{what} in {num_rows:,} rows; {question}"))
    if has_phrase_types(columns[tag]):
        what = f"the tag, column {tag}, has types of phrases ({_examples(columns[tag])}), not of entities"
        warnings.append(("chunk_column", f"{what}; --tag-column chooses another column"))
    for name, column in features.items():
        if looks_like_tags(columns[column]) and not has_phrase_types(columns[column]):
            what = f"feature {name!r}, column {column}, looks like tags ({_examples(columns[column])})"
            warnings.append(("feature_of_tags", f"{what}; the model would learn to copy them"))


def _examples(column: ColumnSample) -> str:
    """Two of a column's values, those with letters of tags first."""
    values = sorted(column.counts, key=lambda value: value in ("O", "o", "_", "-", ""))
    return ", ".join(shown(value[:20]) for value in values[:2])
