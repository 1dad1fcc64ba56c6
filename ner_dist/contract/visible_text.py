"""Text that is quoted in messages: what cannot be seen of it is made visible."""

from __future__ import annotations

import unicodedata

# Invisible, although Unicode counts them as letters or marks: fillers, the empty Braille cell, variation selectors.
HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(code) for code in range(0xFE00, 0xFE10)}
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def is_invisible(char: str) -> bool:
    """Whether a character is white space, a control or formatting character, or otherwise without a shape."""
    return char.isspace() or unicodedata.category(char) in ("Cc", "Cf") or char in HIDDEN


def is_blank_text(text: str) -> bool:
    """Whether a text is empty, or nothing of it can be seen."""
    return not text or (is_invisible(text[0]) and not trim(text))


def trim(text: str) -> str:
    """The text without white space and invisible characters at its ends."""
    begin, end = 0, len(text)
    while begin < end and is_invisible(text[begin]):
        begin += 1
    while begin < end and is_invisible(text[end - 1]):
        end -= 1
    return text[begin:end]


def escaped(text: str, quote: str = "'") -> str:
    """The text with its invisible characters as escapes: PER\\u00a0, \\n, \\t."""
    if text.isascii() and text.isprintable() and "\\" not in text and quote not in text:
        return text
    pieces = []
    for char in text:
        if char in ("\\", quote):
            pieces.append("\\" + char)
        elif char == " " or (char.isprintable() and not is_invisible(char)):
            pieces.append(char)
        elif char in _ESCAPES:
            pieces.append(_ESCAPES[char])
        else:
            pieces.append(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")
    return "".join(pieces)


def shown(text: str, quote: str = "'") -> str:
    """The text in quotes, its invisible characters as escapes: 'PER\\u00a0'."""
    return f"{quote}{escaped(text, quote)}{quote}"
