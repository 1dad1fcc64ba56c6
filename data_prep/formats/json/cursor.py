"""A place in JSON text that is read piece by piece: values of any length, in memory one at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from data_prep.sources.caps import Caps
from ner_dist.contract.visible_text import shown

# An error this close to the end of what was read may be due to the end.
_NEAR_END = 16
_SPACE = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


class JsonCursor:
    """A place in a text that is read piece by piece."""

    def __init__(self, pieces: Iterator[tuple[int, str]], caps: Caps) -> None:
        self._pieces, self._caps = pieces, caps
        self.line = 1
        self._text = ""
        self._place = 0

    def _more(self, num_chars: int) -> bool:
        """Read on, at least so many characters if there are. False at the end."""
        parts = [self._text[self._place :]]
        num_read = 0
        while num_read < num_chars and (piece := next(self._pieces, None)) is not None:
            parts.append(piece[1])
            num_read += len(piece[1])
        if num_read:
            self._text, self._place = "".join(parts), 0
        return num_read > 0

    def _go_to(self, place: int) -> None:
        self.line += self._text.count("\n", self._place, place)
        self._place = place

    def skip_space(self) -> str:
        """The next character that is not white space, "" at the end; it is not read."""
        while True:
            match = _SPACE.match(self._text, self._place)
            self._go_to(match.end() if match else self._place)
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._more(1):
                return ""

    def skip(self, char: str) -> None:
        """Raises ValueError unless the next one is this character."""
        if self.skip_space() != char:
            raise ValueError(f"not JSON: expected {char!r}, found {shown(self._text[self._place : self._place + 20])}")
        self._place += 1

    def value(self) -> Any:
        """The next value. Raises ValueError if there is none."""
        self.skip_space()
        while True:
            try:
                value, end = _decode(self._text, self._place)
            except RecursionError as error:
                raise ValueError("JSON that is nested too deeply") from error
            except json.JSONDecodeError as error:
                unread = len(self._text) - self._place
                cut_off = error.msg.startswith("Unterminated") or error.pos >= len(self._text) - _NEAR_END
                # Twice as much each time: a long value must not be parsed again for each piece.
                if cut_off and unread > self._caps.line_chars:
                    raise ValueError(self._caps.line_message("a record")) from error
                if cut_off and self._more(unread + 1):
                    continue
                self._go_to(min(error.pos, len(self._text)))
                raise ValueError(f"not JSON: {error.msg}") from error
            # A number may go on in what is not read yet.
            if type(value) in (int, float) and len(self._text) - end < _NEAR_END and self._more(_NEAR_END):
                continue
            self._go_to(end)
            return value

    def field(self) -> str:
        """The name of an object's next field; what follows is its value. Raises ValueError if there is none."""
        field = self.value()
        if not isinstance(field, str):
            raise ValueError("not JSON: expected the name of a field")
        self.skip(":")
        self.skip_space()
        return field

    def begins_with(self, pattern: re.Pattern[str]) -> bool:
        """Whether the next few characters match."""
        if len(self._text) - self._place < _NEAR_END:
            self._more(_NEAR_END)
        return pattern.match(self._text, self._place) is not None

    def elements(self) -> Iterator[tuple[int, Any]]:
        """Line and value of each element of an array. Raises ValueError where it is not JSON."""
        self.skip("[")
        if self.skip_space() == "]":
            self.skip("]")
            return
        while True:
            self.skip_space()
            line = self.line
            yield line, self.value()
            if self.skip_space() == "]":
                self.skip("]")
                return
            self.skip(",")
