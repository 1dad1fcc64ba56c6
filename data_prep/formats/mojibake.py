"""Tokens that look as if they had been decoded in the wrong encoding."""

from __future__ import annotations

import re

import numpy as np

from data_prep.problems import Problems

# Name of the warning, what gives it away, what it means. UTF-8 read as cp1252 or latin-1 shows as a capital A with
# a tilde or circumflex, or a small one with a circumflex, and a tail of what cp1252 has at 0x80 to 0xbf.
SUSPICIONS = (
    ("replacement_characters", re.compile("\ufffd"), "U+FFFD: it was decoded wrongly before"),
    (
        "mojibake",
        re.compile("[\u00c2\u00c3][\u0080-\u00bf\u0152-\u0192\u2013-\u203a\u20ac\u2122]|\u00e2\u20ac|\u00e2\u0080"),
        "what UTF-8 read in another encoding looks like; see --encoding",
    ),
    (
        "control_characters",
        re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]"),
        "a control character; see --encoding (cp1252?)",
    ),
)


def report_odd_text(token_V: list[str], count_V: np.ndarray, where: str, problems: Problems) -> None:
    """Warn of suspicious tokens; count_V says how often each of the distinct tokens occurs."""
    # No suspicion spans a line end, so that one search often tells that there is none.
    joined = "\n".join(token_V)
    for name, pattern, what in SUSPICIONS:
        if not pattern.search(joined):
            continue
        for number, text in enumerate(token_V):
            if pattern.search(text):
                count = int(count_V[number])
                problems.warn(name, where, f"token {text!r} ({count:,} times) holds {what}", count)
