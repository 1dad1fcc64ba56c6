"""Characters in tags that deceive the eye: invisible ones, and look-alikes of the letters and hyphens of tags."""

from __future__ import annotations

import unicodedata

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


def character_name(char: str) -> str:
    """Such as U+2013 EN DASH."""
    return f"U+{ord(char):04X} {unicodedata.name(char, 'without a name')}"


def plain_characters(text: str) -> str:
    """The text with plain characters in place of look-alikes."""
    return "".join(LOOK_ALIKES.get(char, char) for char in text)
