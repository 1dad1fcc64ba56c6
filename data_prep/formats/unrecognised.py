"""What a file that is in no known format looks like, and what may help."""

from __future__ import annotations

from collections import Counter

from data_prep.formats.columns.csv_header import DELIMITERS, header_names
from data_prep.formats.columns.plan import split_columns
from data_prep.formats.corpus_format import Sample
from data_prep.tags.tag_strings import is_well_formed

MAX_NAMES = 6
# Longer names of columns, or more columns between spaces, are rather prose.
MAX_NAME_CHARS, MAX_COLUMNS = 30, 12
TAG_COLUMN = "if one is, name it: --format conll --tag-column N"
# A table has the same number of fields in nearly all of its lines.
MOST = 0.9


def closest_guess(sample: Sample) -> str:
    """What the beginning of a file looks like, with the option or the change that helps, in words."""
    lines = [line.rstrip("\r") for line in sample.lines]
    if not lines:
        return "it holds only blank lines"
    if lines[0].lstrip()[:1] in ("{", "["):
        return (
            "it begins like JSON, without fields known here; --columns names them, such as tokens=NAME tags=NAME "
            "or text=NAME entities=NAME"
        )
    # The last line may be cut off.
    body = lines[1:-1] or lines[1:]
    for delimiter in DELIMITERS:
        names = header_names(lines[0], delimiter)
        num_same = sum(len(header_names(line, delimiter)) == len(names) for line in body)
        is_short = max(map(len, names), default=0) <= MAX_NAME_CHARS
        if len(names) > 1 and body and is_short and num_same >= MOST * len(body):
            return _table(names, delimiter)
    widths = Counter(len(split_columns(line)) for line in lines if line[0] != "#")
    width, count = widths.most_common(1)[0] if widths else (0, 0)
    if 1 < width <= MAX_COLUMNS and count > 1 and 2 * count > sum(widths.values()):
        return f"lines of {width} columns, none of which looks like tags; {TAG_COLUMN}"
    return "it looks like neither columns, a table nor JSON"


def _table(names: list[str], delimiter: str) -> str:
    sign = {"\t": "tabs", ",": "commas", ";": "semicolons"}.get(delimiter, f"{delimiter!r}")
    if any(map(is_well_formed, names)):
        example = delimiter.join(["token", *["..."] * (len(names) - 2), "tag"]).replace("\t", "<tab>")
        return f"fields separated by {sign}, without a header; put a first line before them that names them: {example}"
    if delimiter == "\t":
        header = "if its first line is a header, --columns token=NAME tag=NAME says which are the tokens and the tags"
        return f"lines of {len(names)} columns, none of which looks like tags; {TAG_COLUMN}; {header}"
    shown = ", ".join(map(repr, names[:MAX_NAMES])) + ", ..." * (len(names) > MAX_NAMES)
    return (
        f"if its first line is a header ({shown}), --columns token=NAME tag=NAME says which are the tokens and the tags"
    )
