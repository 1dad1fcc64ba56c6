"""Takes the lines that are no tokens out of a column file: document marks and comments."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ner_dist.contract.column_marks import DOCUMENT_MARK, Mark, is_blank, read_mark


class MarkFinder:
    """Takes the marks out of one block of lines after another."""

    def __init__(self, is_comment: Callable[[str], bool], read: Callable[[str, int], Mark] = read_mark) -> None:
        self._is_comment, self._read = is_comment, read
        # Whether the line before the block ends a sentence.
        self._ended = True

    def take(self, text: str, first_line: int) -> tuple[str, list[Mark]]:
        """The text with empty lines in place of the marks, and the marks."""
        marks: list[Mark] = []
        pieces, taken = [], 0
        last, number = 0, first_line
        for begin in self._candidates(text):
            end = text.find("\n", begin)
            line = (text[begin:] if end < 0 else text[begin:end]).removesuffix("\r")
            number += text.count("\n", last, begin)
            last = begin
            if line[0] == "#" and not (self._opens(text, begin, taken) and self._is_comment(line)):
                continue
            marks.append(self._read(line, number))
            pieces.append(text[taken:begin])
            taken = begin + len(line)
        text = "".join([*pieces, text[taken:]]) if pieces else text
        self._ended = is_blank(text[text.rfind("\n") + 1 :])
        return text, marks

    def _opens(self, text: str, begin: int, taken: int) -> bool:
        """Whether the line at `begin` is at a sentence's start; text up to `taken` ends in a mark."""
        if begin == 0:
            return self._ended
        return begin == taken + 1 or is_blank(text[text.rfind("\n", 0, begin - 1) + 1 : begin - 1])

    def _candidates(self, text: str) -> Iterator[int]:
        """Where lines begin that may be marks."""
        found = [0] if text.startswith(("#", DOCUMENT_MARK)) else []
        for begin in ("\n#", f"\n{DOCUMENT_MARK}"):
            place = text.find(begin)
            while place >= 0:
                found.append(place + 1)
                place = text.find(begin, place + 1)
        return iter(sorted(found))
