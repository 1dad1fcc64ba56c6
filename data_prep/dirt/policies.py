"""The dirt that corpora have, and what each policy makes of it: one table for options, messages, index.json and docs.

To add a kind of dirt: add a row here, an option of the same name in settings.py, and a field in `Policies`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

FAIL = "fail"


class Policy(NamedTuple):
    """One thing that may be done about a kind of dirt."""

    name: str
    # What it does, to follow "--on-... NAME" in a message.
    does: str
    # The names of the warnings under which index.json counts it.
    counted: tuple[str, ...]


class Dirt(NamedTuple):
    """A kind of dirt. Without a policy it is an error, each place of which is listed."""

    # Of the error.
    kind: str
    # A setting's name, such as on_blank_token.
    option: str
    # In words, for the documentation.
    what: str
    policies: tuple[Policy, ...]
    # What --on-broken repair does about it.
    gentle: str

    @property
    def flag(self) -> str:
        return "--" + self.option.replace("_", "-")


_ROWS = (
    Dirt(
        "undecodable_bytes",
        "on_undecodable",
        "bytes that are no text in the file's encoding",
        (
            Policy("replace", "reads U+FFFD in their place", ("undecodable_bytes_replaced",)),
            Policy("drop", "leaves them out", ("undecodable_bytes_dropped",)),
        ),
        "replace",
    ),
    Dirt(
        "malformed_tag",
        "on_malformed_tag",
        "a tag that no scheme has: OO, IO, B-, look-alikes of letters and hyphens, a type without a letter amid others",
        (
            Policy("repair", "reads it as {meant}", ("malformed_tags_repaired",)),
            Policy("outside", "reads it as O", ("malformed_tags_outside",)),
        ),
        "repair",
    ),
    Dirt(
        "blank_token",
        "on_blank_token",
        "a token that is empty or cannot be seen, in columns and in lists",
        (Policy("drop", "leaves it out", ("blank_tokens_dropped", "blank_sentences_dropped")),),
        "drop",
    ),
    Dirt(
        "overlapping_entities",
        "on_overlap",
        "entities of which one begins before the other has ended",
        (
            Policy("longest", "keeps the longest", ("overlapping_entities_dropped",)),
            Policy("first", "the one that begins first, of two that begin together the longer", ()),
            Policy("TYPE,TYPE", "the one whose type comes first in such a list", ()),
        ),
        "first",
    ),
    Dirt(
        "duplicate_spans",
        "on_duplicate_span",
        "the same entity stated more than once: the same characters and type",
        (Policy("drop", "reads it once", ("duplicate_spans_dropped",)),),
        "drop",
    ),
    Dirt(
        "span_outside_text",
        "on_span_outside",
        "an entity that leaves its text, is empty, or holds only white space",
        (
            Policy("clip", "keeps what is in the text, if anything is", ("spans_clipped", "spans_outside_dropped")),
            Policy("drop", "leaves it out", ("spans_outside_dropped",)),
        ),
        "clip",
    ),
    Dirt(
        "extra_separator",
        "on_extra_separator",
        "a line or row that ends in tabs or other separators too many",
        (Policy("drop", "ignores them", ("extra_separators_dropped",)),),
        "drop",
    ),
    Dirt(
        "invisible_line",
        "on_invisible_line",
        "a line of nothing but U+FEFF or other invisible characters, or one that begins with U+FEFF amid the file",
        (Policy("drop", "ignores what cannot be seen", ("invisible_lines_dropped", "byte_order_marks_dropped")),),
        "drop",
    ),
    Dirt(
        "empty_record",
        "on_empty_record",
        "a record without tokens, or with an empty text",
        (Policy("drop", "leaves it out", ("empty_records_dropped",)),),
        "drop",
    ),
)
# By kind of error.
DIRT: dict[str, Dirt] = {row.kind: row for row in _ROWS}


class Policies(NamedTuple):
    """What is done about each kind of dirt, by the names of the settings; "fail": nothing, it is an error."""

    on_undecodable: str = FAIL
    on_malformed_tag: str = FAIL
    on_blank_token: str = FAIL
    # Also types separated by commas.
    on_overlap: str = FAIL
    on_duplicate_span: str = FAIL
    on_span_outside: str = FAIL
    on_extra_separator: str = FAIL
    on_invisible_line: str = FAIL
    on_empty_record: str = FAIL
    # "repair": read tags that break their scheme as the CoNLL scorer does, and drop entities without a type.
    on_broken: str = FAIL


def policies_of(given: Mapping[str, str | None], on_broken: str) -> Policies:
    """Those that the user gave; the others are gentle if --on-broken repair says so."""
    default = {row.option: row.gentle if on_broken == "repair" else FAIL for row in _ROWS}
    return Policies(
        **{**default, **{option: policy for option, policy in given.items() if policy}}, on_broken=on_broken
    )


def advice(kind: str, **words: str) -> str:
    """The option that helps, such as "--on-blank-token drop leaves it out"; words: to fill in."""
    row = DIRT[kind]
    return f"{row.flag} " + ", ".join(f"{policy.name} {policy.does.format(**words)}" for policy in row.policies)


OVERLAP_ORDERS = ("longest", "first")


def types_in_order(on_overlap: str) -> tuple[str, ...]:
    """The types of --on-overlap TYPE,TYPE; none if it is another policy."""
    if on_overlap in (FAIL, *OVERLAP_ORDERS):
        return ()
    return tuple(name.strip() for name in on_overlap.split(",") if name.strip())
