"""Whether a file is UTF-8 or in an older encoding, decided on the whole file."""

from __future__ import annotations

import codecs
import itertools

from data_prep.sources.source_files import SourceFile
from data_prep.sources.text_source import choose_encoding, open_bytes

# A default encoding that begins so means: UTF-8 if the file is, else the one named after it.
UTF8_ELSE = "utf-8, else "


def decide_encoding(file: SourceFile, first_bytes: bytes, encoding: str | None, default: str) -> str:
    """The encoding of a byte-order mark, the user's choice or the default, which may begin with UTF8_ELSE."""
    chosen = choose_encoding(first_bytes, encoding, default)
    if not chosen.startswith(UTF8_ELSE):
        return chosen
    return "utf-8" if _is_utf8(file) else chosen.removeprefix(UTF8_ELSE)


def _is_utf8(file: SourceFile) -> bool:
    """Whether all of a file is UTF-8, or so much that a byte which is not must be a mistake.

    In another encoding, the first letters beyond ASCII are hardly ever UTF-8 by chance.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    seen = False
    with open_bytes(file, may_be_empty=True) as blocks:
        for block in itertools.chain(blocks, [b""]):
            try:
                seen |= not decoder.decode(block, final=not block).isascii()
            except UnicodeDecodeError as error:
                return seen or not error.object[: error.start].isascii()
    return True
