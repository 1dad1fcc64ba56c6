"""How the lines of a column file are read: the plan that its format makes of its first rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from data_prep.formats.columns.find_columns import SAMPLE_ROWS
from data_prep.formats.columns.names import Choice
from data_prep.formats.columns.parse_columns import ColumnLayout
from data_prep.formats.corpus_format import ReadOptions, Source
from data_prep.sources.text_source import split_lines
from data_prep.tags.tag_strings import parse_tag
from ner_dist.contract.column_marks import DOCUMENT_MARK, Mark, is_blank, is_comment, read_mark

# How much of a file is looked at to recognise it.
SAMPLE_CHARS = 1 << 14


def _is_tag(field: str) -> bool:
    return parse_tag(field).kind in ("outside", "letters")


class ColumnPlan(NamedTuple):
    """How the lines of a file are read."""

    num_columns: int
    token: int
    tag: int
    # Name and column of each token feature.
    features: dict[str, int]
    # Line of the header, 0 if there is none.
    header_line: int = 0
    # The tag that stands in a field of the tag column.
    tag_of: Callable[[str], str] = str
    # A column and which of its fields say that the line is no token; None: all lines are tokens.
    skip: tuple[int, Callable[[str], bool]] | None = None
    # Whether the field in the tag column shows that a line that begins with # is a token.
    is_tag: Callable[[str], bool] = _is_tag
    read_mark: Callable[[str, int], Mark] = read_mark

    @property
    def layout(self) -> ColumnLayout:
        """The columns token, tag, features and the one that `skip` names."""
        wanted = [self.token, self.tag, *self.features.values()]
        return ColumnLayout(self.num_columns, wanted if self.skip is None else [*wanted, self.skip[0]])

    def is_comment(self, line: str) -> bool:
        """Whether a line that begins with # at a sentence's start is a comment."""
        return is_comment(line, self.num_columns, split_columns, lambda row: self.is_tag(row[self.tag]))


class RowSample(NamedTuple):
    """The first lines of a file that are neither blank nor comments."""

    rows: list[list[str]]
    # Whether each row opens a sentence.
    opens: list[bool]
    first_line: int


class WholeFileError(ValueError):
    """A file that cannot be read as it is, for no reason of a certain line."""


def choice_of(options: ReadOptions) -> Choice:
    return Choice(options.token_column, options.tag_column, options.pos_column, options.features, options.tag_names)


def split_columns(line: str) -> list[str]:
    """The columns of a line: separated by tabs if it contains one, else by runs of spaces."""
    if "\t" in line:
        return line.split("\t")
    columns = line.split(" ")
    # Not str.split(): it would also split at no-break spaces and lose unusual tokens.
    return [column for column in columns if column] if "" in columns else columns


def sample_rows(text: str, first_line: int = 1) -> RowSample:
    """The rows of a text; lines that begin with # at the start of a sentence are left out, be they comments or not."""
    rows: list[list[str]] = []
    opens: list[bool] = []
    first_row, ended = first_line, True
    for number, line in enumerate(split_lines(text), first_line):
        if is_blank(line) or line.startswith(DOCUMENT_MARK):
            ended = True
        elif not ended or line[0] != "#":
            first_row = first_row if rows else number
            rows.append(split_columns(line))
            opens.append(ended)
            ended = False
            if len(rows) == SAMPLE_ROWS:
                break
    return RowSample(rows, opens, first_row)


def fix_features(source: Source, found: dict[str, int], auto: bool) -> dict[str, int]:
    """The columns of the corpus's token features; the first file of a corpus says which there are.

    auto: they were found out, so that a column which the first file lacks is left alone. Raises WholeFileError if one
    is missing.
    """
    strings = source.strings.features
    if strings.fixed:
        missing = [name for name in strings if name not in found]
        if missing == ["pos"]:
            what = f"no parts of speech, unlike {strings.source}; --pos-column none ignores those of conll files"
            raise WholeFileError(what)
        if missing:
            names = ", ".join(missing)
            raise WholeFileError(f"no token feature {names}, unlike {strings.source}; see --feature NAME=COLUMN")
        if auto:
            found = {name: column for name, column in found.items() if name in strings}
    strings.require(found)
    strings.source = strings.source or source.path
    return {name: found[name] for name in strings}


def named_tags(names: tuple[str, ...]) -> Callable[[str], str]:
    """Integer tag -> its name; other strings and numbers without a name stay as they are."""
    table = {str(number): name for number, name in enumerate(names)}
    return lambda field: table.get(field, field)
