"""What a token's spelling shows: capitalisation and character types; shared by preparation and prediction."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

CAPS = ("allCaps", "upperInitial", "lowercase", "mixedCaps", "noinfo")


def capitalisation(token: str) -> str:
    """One of CAPS (Chiu & Nichols 2016, section 2.3.2); noinfo if no character has case."""
    # Shortcuts for most tokens; the rest gives the same answer.
    if token.islower():
        return "lowercase"
    if token[:1].isupper() and token[1:].islower():
        return "upperInitial"
    upper, has_lower = [char.isupper() for char in token], any(char.islower() for char in token)
    if not any(upper):
        return "lowercase" if has_lower else "noinfo"
    if not has_lower:
        return "allCaps"
    return "upperInitial" if upper[0] and not any(upper[1:]) else "mixedCaps"


# Token features that follow from the token; the values of all others but lexicons come with the tokens of new text.
TOKEN_FEATURES: dict[str, Callable[[str], str]] = {"caps": capitalisation}


def char_type(char: str) -> str:
    """One of CHAR_TYPES: upper, lower, punct (with symbols) or other (digits, ideographs, ...)."""
    if char.isupper():
        return "upper"
    if char.islower():
        return "lower"
    return "punct" if unicodedata.category(char)[0] in "PS" else "other"


def shorten(token: str, max_chars: int) -> str:
    """A token cut to max_chars for the character model: its beginning and its end, without the middle."""
    if len(token) <= max_chars:
        return token
    tail = max_chars // 2
    return token[: max_chars - tail] + token[-tail:]
