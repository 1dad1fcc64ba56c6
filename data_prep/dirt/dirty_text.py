"""Bytes that are no text in a file's encoding, and byte-order marks amid a file: found, and mended by the policies.

Files are read ahead in other threads. So what is found is kept, and reported when the file has been read.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from data_prep.dirt.policies import Policies, advice
from data_prep.problems import Problems
from ner_dist.contract.visible_text import shown

# Stands for an undecodable byte in decoded text: half of a surrogate pair, which no encoding yields. The first of those
# that belong together is 0xdc00 + byte, each other one 0xdd00 + byte.
_MARKED = re.compile("[\udc00-\udcff][\udd00-\uddff]*")
MARK_ERRORS = "data_prep.mark"
BYTE_ORDER_MARK = "\ufeff"
# At a line's beginning, and something after it in the line.
_BEGINS_LINE = re.compile(rf"(?m)^{BYTE_ORDER_MARK}+(?=[^\s{BYTE_ORDER_MARK}])")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
# Characters that are shown on either side.
CONTEXT = 15
# Of more of them only the number is kept.
MAX_KEPT = 100_000


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    first, *others = error.object[error.start : error.end]
    return chr(0xDC00 + first) + "".join(chr(0xDD00 + byte) for byte in others), error.end


codecs.register_error(MARK_ERRORS, _mark)


class _Found(NamedTuple):
    """One place that is not as it should be."""

    kind: str
    # Of the warning that counts what was done about it; "" if it is an error.
    counted_as: str
    line: int
    what: str
    suggestion: Mapping[str, Any] | None


class DirtyText:
    """The places of one file. open_bytes: its content in blocks. given: whether the user chose the encoding."""

    def __init__(
        self,
        path: str,
        encoding: str,
        given: bool,
        policies: Policies,
        open_bytes: Callable[[], AbstractContextManager[Iterator[bytes]]],
    ) -> None:
        self.path, self.encoding, self.policies = path, encoding, policies
        self._given, self._open = given, open_bytes
        self._found: list[_Found] = []
        self._num_more: dict[tuple[str, str], int] = {}

    def _add(self, *found: Any) -> None:
        one = _Found(*found)
        if len(self._found) < MAX_KEPT:
            self._found.append(one)
        else:
            key = (one.kind, one.counted_as)
            self._num_more[key] = self._num_more.get(key, 0) + 1

    def mend_bytes(self, text: str, number: int) -> str:
        """Text that begins in this line, without marks of undecodable bytes; each place is noted."""
        policy, last = self.policies.on_undecodable, 0
        counted_as = {"replace": "undecodable_bytes_replaced", "drop": "undecodable_bytes_dropped"}.get(policy, "")
        for match in _MARKED.finditer(text):
            number += text.count("\n", last, match.start())
            last = match.start()
            values = " ".join(f"0x{ord(char) & 0xFF:02x}" for char in match[0][:8])
            noun = f"byte {values} is" if len(match[0]) == 1 else f"bytes {values} are"
            begin = max(text.rfind("\n", 0, last) + 1, last - CONTEXT)
            around = _MARKED.sub("\ufffd", text[begin : match.end() + CONTEXT].partition("\n")[0])
            what = f"{noun} not {self.encoding} text, where U+FFFD is in {shown(around.strip())}"
            self._add("undecodable_bytes", counted_as, number, what, None)
        return _MARKED.sub("" if policy == "drop" else "\ufffd", text)

    def mend_lines(self, pieces: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """The pieces of a text without byte-order marks at the beginning of its lines; each is noted."""
        drop, held, at_line_start = self.policies.on_invisible_line == "drop", "", True
        for number, text in pieces:
            if held or BYTE_ORDER_MARK in text:
                text = held + text
                # What follows may be in the next piece.
                whole = text.rstrip(BYTE_ORDER_MARK)
                ends_open = whole.endswith("\n") if whole else at_line_start
                text, held = (whole, text[len(whole) :]) if ends_open else (text, "")
                text = self._without_marks(text, number, at_line_start, drop)
            if text:
                at_line_start = text[-1] == "\n"
                yield number, text
            number += text.count("\n")
        if held:
            yield number, held

    def _without_marks(self, text: str, number: int, at_line_start: bool, drop: bool) -> str:
        last = 0
        for match in _BEGINS_LINE.finditer(text):
            if match.start() == 0 and not at_line_start:
                continue
            number += text.count("\n", last, match.start())
            last = match.start()
            line = text[match.end() :].partition("\n")[0].rstrip("\r")
            what = "the line begins with '\\ufeff', a byte-order mark amid the file, as of files that were joined"
            what += "" if drop else f"; {advice('invisible_line')}"
            suggestion = {"action": "set_line", "line": line[:1000]}
            self._add("invisible_line", "byte_order_marks_dropped" if drop else "", number, what, suggestion)
        if at_line_start:
            return _BEGINS_LINE.sub("", text)
        return text[:1] + _BEGINS_LINE.sub("", text[1:]) if "\n" in text else text

    def report(self, problems: Problems) -> None:
        """Say what was found, once the file has been read."""
        helps = ""
        for kind, counted_as, line, what, suggestion in self._found:
            where = f"{self.path}:{line}"
            if counted_as:
                problems.warn(counted_as, where, what, suggestion=suggestion)
                continue
            if kind == "undecodable_bytes":
                helps = helps or self._helps()
                what = f"{what}; {helps}"
            problems.error(where, what, kind, suggestion=suggestion)
        for (kind, counted_as), count in self._num_more.items():
            if counted_as:
                problems.warn(counted_as, self.path, f"{count:,} more places", count)
            else:
                problems.more_errors(kind, count)
        self._found, self._num_more = [], {}

    def _helps(self) -> str:
        """Another encoding only if it makes text of the whole file; otherwise what to do about the bytes."""
        policies = advice("undecodable_bytes")
        is_utf8 = codecs.lookup(self.encoding).name in ("utf-8", "utf-8-sig")
        if not self._given and is_utf8 and self._is_text_in("cp1252"):
            return f"all of the file can be cp1252 text: if it is, pass --encoding cp1252, otherwise {policies}"
        if self._given and not is_utf8 and self._is_text_in("utf-8"):
            return "all of the file is UTF-8 text, so leave --encoding out"
        return policies

    def _is_text_in(self, encoding: str) -> bool:
        """Whether all of the file is, without control characters; and for others than UTF-8, nothing in it is UTF-8."""
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        utf8 = codecs.getincrementaldecoder("utf-8")("ignore")
        with self._open() as blocks:
            for block in itertools.chain(blocks, [b""]):
                try:
                    text = decoder.decode(block, final=not block)
                except UnicodeDecodeError:
                    return False
                if _CONTROLS.search(text) or (encoding != "utf-8" and not utf8.decode(block, not block).isascii()):
                    return False
        return True
