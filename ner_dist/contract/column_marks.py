"""Lines of column files that are no tokens: document marks, comments and blank lines, and what they say."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

DOCUMENT_MARK = "-DOCSTART-"
# Comments that have a form which no token line has.
_NAMED = re.compile(r"#\s*(?:[\w.:-]+\s*=(?:\s|$)|newdoc\b|newpar\b|id\s|begin document\b|end document\b)")
_NEW_DOCUMENT = re.compile(r"#\s*newdoc\b(?:\s+id)?(?:\s*=\s*(?P<name>.*))?")
_BEGIN_DOCUMENT = re.compile(r"#\s*begin document\s*\((?P<name>.*)\)(?:;\s*part\s+0*(?P<part>\d+))?")
_DOCUMENT_ID = re.compile(r"#\s*(?:document|doc)(?:[ _-]?(?:id|name))?\s*=\s*(?P<name>.+)", re.IGNORECASE)
_RECORD = re.compile(r"#\s*(?:(?:sent|sentence)[ _-]?id|id)\s*=\s*(?P<name>.+)|#\s*id\s+(?P<other>[^\s=]\S*)")
# AIDA names its documents: -DOCSTART- (1 EU)
_MARKED_DOCUMENT = re.compile(rf"{DOCUMENT_MARK}\s+\((?P<name>.+)\)")


class Mark(NamedTuple):
    """What a line that is no token says about the sentences after it."""

    line: int
    # "document": a document begins; "of_document": the sentence is part of this one; "record": the sentence's name;
    # "": nothing that is kept.
    kind: str
    name: str = ""


def read_mark(line: str, number: int) -> Mark:
    line = line.rstrip()
    if line.startswith(DOCUMENT_MARK):
        match = _MARKED_DOCUMENT.fullmatch(line)
        return Mark(number, "document", match["name"] if match else "")
    for pattern, kind in ((_NEW_DOCUMENT, "document"), (_BEGIN_DOCUMENT, "document"), (_DOCUMENT_ID, "of_document")):
        match = pattern.match(line)
        if match:
            part = match.groupdict().get("part")
            return Mark(number, kind, (match["name"] or "") + (f"; part {part}" if part and part.strip("0") else ""))
    match = _RECORD.match(line)
    return Mark(number, "record", match["name"] or match["other"]) if match else Mark(number, "")


def is_comment(
    line: str, num_columns: int, split: Callable[[str], list[str]], has_tag: Callable[[list[str]], bool]
) -> bool:
    """Whether a line that begins with # at a sentence's start is a comment, and not the token # or a #hashtag.

    It is a comment if it reads "# name = value", "# newdoc", "# newpar", "# id ..." or "#begin document"; if it has
    not as many columns as the lines of tokens; or if what stands in the column of the tag is not a tag.
    """
    if _NAMED.match(line):
        return True
    columns = split(line)
    return len(columns) != num_columns or not has_tag(columns)


def is_blank(line: str) -> bool:
    """Whether a line ends a sentence. Spaces and tabs do not count; other white space is a mistake to report."""
    return not line or (line.isspace() and not line.strip(" \t\r"))
