"""What columns are called in the headers of files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from data_prep.tags.tag_strings import is_well_formed

# As `plain_name` writes them.
TOKEN_NAMES = frozenset(("token", "tokens", "word", "words", "form", "wordform", "tok", "surface"))
TAG_NAMES = frozenset(
    (
        *("tag", "tags", "label", "labels", "ner", "nertag", "nertags", "nerlabel", "netag", "ne", "entity"),
        *("wordlabel", "wordlabels", "wordtags", "tokenlabels", "tokentags", "nerlabels", "biotags", "iobtags"),
        *("entities", "entitytag", "entitylabel", "namedentity", "bio", "biotag", "iob", "iobtag", "iob2"),
    )
)
POS_NAMES = frozenset(("pos", "postag", "postags", "upos", "xpos", "partofspeech"))
SENTENCE_NAMES = frozenset(
    (
        *("sentence", "sentence#", "sentenceid", "sentenceidx", "sentenceindex", "sentenceno", "sentencenum"),
        *("sentencenumber", "sent", "sent#", "sentid", "sentidx", "sentno", "sid"),
    )
)
DOCUMENT_NAMES = frozenset(
    ("document", "documentid", "documentname", "doc", "docid", "file", "filename", "article", "articleid")
)


class Choice(NamedTuple):
    """The columns that the user chose, as in ReadOptions."""

    token: int | None = None
    tag: int | None = None
    pos: int | str | None = "auto"
    features: tuple[tuple[str, str], ...] = ()
    # Names of integer tags.
    tag_names: tuple[str, ...] | None = None


def plain_name(name: str) -> str:
    """A column's name in lower case, with letters, digits and # only."""
    return "".join(char for char in name.lower() if char.isalnum() or char == "#")


def first_of(names: Sequence[str], known: frozenset[str]) -> int | None:
    """The first column with one of the known names."""
    return next((column for column, name in enumerate(names) if plain_name(name) in known), None)


def is_header(row: Sequence[str]) -> bool:
    """Whether a row names a token and a tag column, and has no tag itself."""
    has_names = first_of(row, TOKEN_NAMES) is not None and first_of(row, TAG_NAMES) is not None
    return has_names and not any(is_well_formed(name) for name in row)


def with_header(choice: Choice, header: Sequence[str]) -> Choice:
    """The choice, completed by the names in a header, which may also name the columns of features."""
    features = tuple((name, str(header.index(place)) if place in header else place) for name, place in choice.features)
    pos = first_of(header, POS_NAMES) if choice.pos == "auto" and not features else choice.pos
    return choice._replace(
        token=first_of(header, TOKEN_NAMES) if choice.token is None else choice.token,
        tag=first_of(header, TAG_NAMES) if choice.tag is None else choice.tag,
        pos="auto" if pos is None and choice.pos == "auto" else pos,
        features=features,
    )
