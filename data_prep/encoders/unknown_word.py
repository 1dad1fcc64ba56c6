"""Which word of a file of vectors stands for all unknown words."""

from __future__ import annotations

import re
from collections.abc import Sequence

# As tools mark it, which no word of a text looks like: <unk>, [UNK], *UNK*, <unknown>.
_MARKED = re.compile(r"[<\[(*_|]{1,2}(?:unk|unknown|oov)[>\])*_|]{1,2}", re.IGNORECASE)
# Also a word of texts, which is in the midst of a file then: special rows stand first, after padding, or last.
_BARE = {"unk", "uuunkkk"}


def find_unknown(words: Sequence[str]) -> str | None:
    """The unknown word among the words of a file, in its order; None if there is none."""
    marked = next(filter(_MARKED.fullmatch, words), None)
    if marked is not None:
        return marked
    return next((word for word in (*words[:2], *words[-1:]) if word.lower() in _BARE), None)
