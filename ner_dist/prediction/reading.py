"""A file of texts as documents for a tagger, and the options of commands that read one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import List, Literal, Optional, Tuple

from tqdm import tqdm

from ner_dist.cli.options import option
from ner_dist.contract.tokenizers import TOKENIZERS
from ner_dist.errors import UserError
from ner_dist.prediction import input_formats, input_lines
from ner_dist.prediction.documents import Document
from ner_dist.prediction.input_formats import InputOptions
from ner_dist.prediction.input_lines import Portion
from ner_dist.prediction.read_conll import TokenColumns, next_document
from ner_dist.prediction.tagger import Tagger
from ner_dist.stores.named_files import Place, local_file


def _named_column(text: str) -> Tuple[str, int]:
    name, _, column = text.partition("=")
    if not name:
        raise ValueError
    return name, int(column)


# What argparse calls it in "invalid ... value".
_named_column.__name__ = "NAME=COLUMN"


@dataclasses.dataclass(frozen=True)
class ReadingOptions:
    """How texts are read, cut and tagged."""

    input_format: str = option("auto", names=("--from",), choices=("auto", *input_formats.FORMATS), metavar=None)
    """text: prose, with blank lines between paragraphs; lines: each line is a text; tokens: each line is a sentence of
    tokens separated by spaces; conll: each line has a token in columns, with a blank line after each sentence; jsonl:
    each line is {"text": ...}, {"tokens": [...]} or both, with other fields; auto: by the file's name, else text"""
    tokenizer: str = option("auto", choices=("auto", *TOKENIZERS), metavar=None, group="reading the input")
    """what cuts raw text into tokens: spaCy's rules of a language, single characters, or white space; auto: what cut
    the texts that the model was trained on"""
    language: Optional[str] = option(None, metavar="CODE", group="reading the input")
    """spaCy's code of the language, for --tokenizer rules; the model's own if not given"""
    token_column: int = option(0, group="reading the input")
    """conll: index of the token's column"""
    feature: Optional[List[Tuple[str, int]]] = option(
        None, action="append", nargs=None, type=_named_column, metavar="NAME=COLUMN", group="reading the input"
    )
    """conll: index of the column of a token feature, for models that use it; may be given several times. In JSON
    lines, the field NAME is a list of one value per token"""
    pos_column: Optional[int] = option(None, group="reading the input")
    """the same as --feature pos=COLUMN, parts of speech"""
    max_line_mb: float = option(input_lines.MAX_LINE_MB, metavar="N", group="reading the input")
    """the longest line, in millions of bytes, against files that are no text and would fill the memory"""
    checkpoint: Literal["best", "last"] = option("best", group="the model")
    """which checkpoint of a run"""
    device: Literal["auto", "cpu", "gpu"] = option("auto", group="the model")
    """where a run computes"""

    def require_valid(self) -> None:
        """Raises UserError."""
        if not self.max_line_mb > 0:
            raise UserError(f"--max-line-mb must be above 0, not {self.max_line_mb:g}")


@dataclasses.dataclass(frozen=True)
class OpenedInput:
    """A file that is being read, portion by portion."""

    portions: Iterator[Portion]
    _told: Callable[[int], object]
    _format: str
    _name: str
    _options: InputOptions

    def documents(self, portion: Portion) -> Iterator[Document]:
        """Raises UserError with file and line."""
        return input_formats.read_documents(portion, self._format, self._name, self._options)

    def advance(self, portion: Portion) -> None:
        """Show that a portion is done."""
        self._told(sum(len(line.text) for line in portion.lines))


@contextmanager
def open_documents(
    place: Place | None,
    options: ReadingOptions,
    tagger: Tagger,
    show_progress: bool = True,
    progress: Callable[[int], object] | None = None,
) -> Iterator[OpenedInput]:
    """place: of a file, None: standard input. show_progress: if stderr is a terminal. Raises UserError.

    progress: called with the number of characters that are done since the last call, instead of showing it.
    """
    path = None if place is None else local_file(place)
    format_name = input_formats.format_of(path, options.input_format)
    name = str(place or "standard input")
    columns = {} if options.pos_column is None else {"pos": options.pos_column}
    columns.update(options.feature or ())
    reading = InputOptions(tagger.document, TokenColumns(options.token_column, columns), tagger.given_features)
    with input_lines.open_input(path) as file:
        size = path.stat().st_size if path is not None and path.suffix != ".gz" else None
        # None: unless stderr is a terminal.
        is_hidden = True if progress is not None or not show_progress else None
        with tqdm(total=size, unit="B", unit_scale=True, leave=False, disable=is_hidden) as bar:
            lines = input_lines.read_lines(file, name, options.max_line_mb)
            portions = input_lines.portions(lines, format_name, next_document, name, options.max_line_mb)
            yield OpenedInput(portions, progress or bar.update, format_name, name, reading)
