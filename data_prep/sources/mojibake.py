"""Tokens that look as if they had been decoded with the wrong encoding, or hold what nobody sees in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from data_prep.problems import Problems
from ner_dist.contract.visible_text import shown

# White space but the line end.
_SPACE = r"[^\S\n]"
# Name of the warning, its pattern, its meaning. UTF-8 read as cp1252 or latin-1 shows as A with a tilde or circumflex,
# or a with a circumflex, followed by characters that cp1252 has at 0x80 to 0xbf.
SUSPICIONS = (
    ("replacement_characters", re.compile("\ufffd"), "U+FFFD: it was decoded with the wrong encoding before"),
    (
        "mojibake",
        re.compile("[\u00c2\u00c3][\u0080-\u00bf\u0152-\u0192\u2013-\u203a\u20ac\u2122]|\u00e2\u20ac|\u00e2\u0080"),
        "what looks like UTF-8 read in another encoding; see --encoding",
    ),
    (
        "control_characters",
        re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]"),
        "a control character; see --encoding (cp1252?)",
    ),
)
# The same of what is not a matter of decoding.
ODDITIES = (
    (
        "invisible_in_tokens",
        # Not joiners and variation selectors: emoji and some scripts need them.
        re.compile(rf"(?m)^{_SPACE}|{_SPACE}$|[\u200b\u2060\ufeff]|^[\u00ad\u200c-\u200f\u202a-\u202e]+$"),
        "what cannot be seen, so that it is not the same word as without",
    ),
    (
        "line_breaks_in_tokens",
        re.compile("[\x0b\x0c\u2028\u2029]"),
        "a line or page break of another kind, which ends no line here",
    ),
    (
        "document_marks_as_tokens",
        re.compile(r"(?im)^-*[ ]?DOC[-_ ]?(?:START|END)[ ]?-*$"),
        "what looks like a mark between documents; it is read as a word, only -DOCSTART- is such a mark",
    ),
)


# By the name of its warning, the tokens that look so, in the order of first appearance, and how often each occurs.
OddText = Mapping[str, Mapping[str, int]]


def find_odd_text(token_V: list[str], count_V: np.ndarray) -> OddText:
    """The suspicious tokens among V distinct ones that occur count_V times each."""
    # No pattern matches a line end, so one search through all tokens usually shows that there is nothing to report.
    joined = "\n".join(token_V)
    return {
        name: {text: count for text, count in zip(token_V, count_V.tolist()) if pattern.search(text)}
        for name, pattern, _ in (*SUSPICIONS, *ODDITIES)
        if pattern.search(joined)
    }


def report_odd_text(parts: Sequence[OddText], where: str, problems: Problems) -> None:
    """Warn of the suspicious tokens of all parts of a corpus."""
    for name, _, what in (*SUSPICIONS, *ODDITIES):
        counts: dict[str, int] = {}
        for part in parts:
            for text, count in part.get(name, {}).items():
                counts[text] = counts.get(text, 0) + count
        for text, count in counts.items():
            if count:
                problems.warn(name, where, f"token {shown(text)} ({count:,} times) contains {what}", count)
