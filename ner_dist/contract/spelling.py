"""What a token's spelling tells: capitalisation and character types; one rule for preparation and for prediction."""

from __future__ import annotations

import unicodedata

CAPS = ("allCaps", "upperInitial", "lowercase", "mixedCaps", "noinfo")


def capitalisation(token: str) -> str:
    """Capitalisation class of a token (Chiu & Nichols 2016, section 2.3.2); one without case has no info."""
    # Most tokens are told at once; the loops say the same of them.
    if token.islower():
        return "lowercase"
    if token[:1].isupper() and token[1:].islower():
        return "upperInitial"
    has_upper = any(char.isupper() for char in token)
    has_lower = any(char.islower() for char in token)
    if not has_upper:
        return "lowercase" if has_lower else "noinfo"
    if not has_lower:
        return "allCaps"
    rest_has_upper = any(char.isupper() for char in token[1:])
    return "upperInitial" if token[0].isupper() and not rest_has_upper else "mixedCaps"


def char_type(char: str) -> str:
    """One of CHAR_TYPES: upper, lower, punct (with symbols) or other (digits, ideographs, ...)."""
    if char.isupper():
        return "upper"
    if char.islower():
        return "lower"
    return "punct" if unicodedata.category(char)[0] in "PS" else "other"


def shorten(token: str, max_chars: int) -> str:
    """The first and the last half of a token that is too long for the character model."""
    if len(token) <= max_chars:
        return token
    tail = max_chars // 2
    return token[: max_chars - tail] + token[-tail:]
