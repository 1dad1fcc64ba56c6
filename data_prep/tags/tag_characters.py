"""Characters in tags that deceive the eye: invisible ones, and look-alikes of the letters and hyphens of tags."""

from __future__ import annotations

import unicodedata

# Invisible, although Unicode counts them as letters or marks: fillers, the empty Braille cell, variation selectors.
HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(code) for code in range(0xFE00, 0xFE10)}
_LOOK_ALIKES = {
    # Hyphens, dashes, minus signs, and the hyphen that shows at line ends only.
    "-": "\u00ad\u02d7\u058a\u05be\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u2796\u30fc\ufe58\ufe63\uff0d",
    "_": "\u203f\ufe4d\ufe4e\ufe4f\uff3f",
    "O": "0\u039f\u041e\u0555\uff2f",
    "B": "\u0392\u0412\uff22",
    "I": "\u0399\u0406\u04c0\uff29",
    "E": "\u0395\u0415\uff25",
    "L": "\uff2c",
    "S": "\u0405\uff33",
    "U": "\uff35",
    "M": "\u039c\u041c\uff2d",
    "W": "\u051c\uff37",
    "o": "\u03bf\u043e\uff4f",
    "b": "\uff42",
    "i": "\u0131\u0456\uff49",
    "e": "\u0435\uff45",
    "s": "\u0455\uff53",
}
LOOK_ALIKES = {other: plain for plain, others in _LOOK_ALIKES.items() for other in others}


def is_invisible(char: str) -> bool:
    """Whether a character is white space, a control or formatting character, or otherwise without a shape."""
    return char.isspace() or unicodedata.category(char) in ("Cc", "Cf") or char in HIDDEN


def trim(text: str) -> str:
    """The text without white space and invisible characters at its ends."""
    begin, end = 0, len(text)
    while begin < end and is_invisible(text[begin]):
        begin += 1
    while begin < end and is_invisible(text[end - 1]):
        end -= 1
    return text[begin:end]


def shown(text: str) -> str:
    """The text in quotes, its invisible characters as \\u escapes: 'PER\\u00a0'."""
    pieces = []
    for char in text:
        if char in "\\'":
            pieces.append("\\" + char)
        elif char == " " or (char.isprintable() and not is_invisible(char)):
            pieces.append(char)
        else:
            pieces.append(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")
    return f"'{''.join(pieces)}'"


def character_name(char: str) -> str:
    """Such as U+2013 EN DASH."""
    return f"U+{ord(char):04X} {unicodedata.name(char, 'without a name')}"


def plain_characters(text: str) -> str:
    """The text with plain characters in place of look-alikes."""
    return "".join(LOOK_ALIKES.get(char, char) for char in text)
