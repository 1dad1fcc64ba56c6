"""What a corpus format is: how to recognise, read and write it. Each format's file defines one `Format`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import IO, Any, NamedTuple

from data_prep.cutting.cut_records import CutOptions
from data_prep.cutting.cutter import Cutter
from data_prep.dirt.policies import Policies, advice
from data_prep.problems import UNREADABLE, Complaint, Problems, complaints_of
from data_prep.sentences.block import SentenceIds
from data_prep.sentences.string_ids import CorpusStrings
from data_prep.sources import stored_files, text_source
from data_prep.sources.caps import CAPS, Caps
from data_prep.sources.source_files import CutAt, SourceFile
from ner_dist.contract.visible_text import shown, trim


class ReadOptions(NamedTuple):
    """What the user chose for reading. Columns count from 0; negative ones count from the last column."""

    # "auto": recognise it from the file.
    format: str = "auto"
    # None: that of a byte-order mark or of the format.
    encoding: str | None = None
    # None: found out from the file.
    token_column: int | None = None
    # "auto": the second column if it looks like parts of speech; None: do not read any.
    pos_column: int | str | None = "auto"
    # None: found out from the file; the last one unless the format knows better.
    tag_column: int | None = None
    # Token features: name and column, a number or the name in a header.
    features: tuple[tuple[str, str], ...] = ()
    # Of files with a header: which column is "token", "tag", "sentence" or "document".
    columns: tuple[tuple[str, str], ...] = ()
    # Names of integer tags, by number; None if not given.
    tag_names: tuple[str, ...] | None = None
    # "auto" or one of contract.tokenizers.TOKENIZERS.
    tokenizer: str = "auto"
    # A language code of spaCy's; None if not given.
    language: str | None = None
    # What becomes of spans whose ends are not at token borders: fail, split, widen or drop.
    on_misaligned: str = "fail"
    # What becomes of each kind of dirt.
    policies: Policies = Policies()
    # Longer sentences of texts are cut; None: they are left to a later pass.
    max_tokens: int | None = None
    # How much may come of a file.
    caps: Caps = CAPS

    @property
    def cut_options(self) -> CutOptions:
        return CutOptions(self.on_misaligned, self.policies, self.max_tokens, self.tokenizer != "auto")


class Sample(NamedTuple):
    """The beginning of a file, to recognise its format."""

    name: str
    # Decompressed.
    head: bytes
    # The same as text; undecodable bytes are left out.
    text: str
    # The first lines that are not blank; the last one may be cut off.
    lines: list[str]


class Source(NamedTuple):
    """A corpus file while it is read."""

    # For messages: a path, or an archive's with that of the member.
    path: str
    # (number of the first line, whole lines) of one block after another; see text_source.text_blocks.
    blocks: Iterator[tuple[int, str]]
    # The same text as it comes, whole lines or not, for files whose lines may be of any length; see
    # text_source.text_pieces. Use one of the two.
    pieces: Iterator[tuple[int, str]]
    options: ReadOptions
    # Numbers the tokens, tags and values of features.
    strings: CorpusStrings
    problems: Problems
    file: SourceFile
    # How texts without tokens are cut; the same for all files of a corpus.
    cutter: Cutter
    # Size of the file.
    num_bytes: int
    # Told of bytes that are read; `blocks` and `pieces` do so themselves.
    progress: text_source.Progress | None = None
    # Of a piece of a file: opens the file from its beginning, whose first lines decide how all of it is read. What is
    # reported to this source is not shown.
    from_beginning: Callable[[], Source] | None = None

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """The content, decompressed and seekable, of a format that is not text. Raises CorpusError."""
        return stored_files.open_seekable(self.file)

    def read_sibling(self, name: str) -> bytes | None:
        """The content of another file beside this one, on disk or in the same archive; None if there is none."""
        return stored_files.read_sibling(self.file, name)

    def error(
        self,
        line: int,
        what: str,
        kind: str = UNREADABLE,
        document: str = "",
        suggestion: Mapping[str, Any] | None = None,
        record: Mapping[str, Any] | None = None,
    ) -> None:
        self.problems.error(f"{self.path}:{line}", what, kind, document, suggestion, record)

    def refuse(self, line: int, error: Exception, document: str = "", kind: str = UNREADABLE) -> None:
        """Report what an exception says; kind: of one that does not say its own."""
        for complaint in complaints_of(error, kind):
            self.complain(line, complaint, document)

    def complain(self, line: int, complaint: Complaint, document: str = "") -> None:
        if complaint.kind == "empty_record" and self.options.policies.on_empty_record == "drop":
            what = f"{complaint.what.partition(';')[0]} was left out"
            self.warn(line, Complaint("empty_records_dropped", what, complaint.suggestion), document)
            return
        self.error(line, complaint.what, complaint.kind, document, complaint.suggestion, complaint.record)

    def is_invisible(self, number: int, line: str) -> bool:
        """Whether a line is nothing but what cannot be seen, other than spaces and tabs; it is reported or counted."""
        if not line or trim(line) or not line.strip(" \t\r"):
            return False
        what, suggestion = (
            f"the line is nothing but {shown(line[:40])}, which cannot be seen",
            {"action": "remove_line"},
        )
        if self.options.policies.on_invisible_line == "drop":
            self.warn(number, Complaint("invisible_lines_dropped", what, suggestion))
        else:
            self.error(number, f"{what}; {advice('invisible_line')}", "invisible_line", "", suggestion)
        return True

    def warn(self, line: int, complaint: Complaint, document: str = "") -> None:
        """Count what was done about dirt."""
        where, (name, what, suggestion, record) = f"{self.path}:{line}", complaint
        self.problems.warn(name, where, what, document=document, suggestion=suggestion, record=record)


class Format(NamedTuple):
    name: str
    # One line for --help.
    description: str
    default_encoding: str
    # What `recognise` looks for, for the documentation.
    evidence: str
    # What in the beginning of a file shows that it is in this format, in words for the user; None if nothing does.
    recognise: Callable[[Sample, ReadOptions], str | None]
    # Yields blocks of sentences; invalid lines are reported and skipped.
    read: Callable[[Source], Iterator[SentenceIds]]
    # Whether an empty file can be of this format; `recognise` is then asked about it.
    may_be_empty: bool = False
    # Where a file of this format may be cut for several workers, by its beginning; None if it has to stay whole.
    cut_at: Callable[[Sample], CutAt | None] = lambda sample: None
    # Of files that are cut at "rows": the numbers of lines in which sentences begin, whatever stands before the source,
    # which is a piece that begins with any line of the file.
    sure_starts: Callable[[Source], Iterator[int]] | None = None
