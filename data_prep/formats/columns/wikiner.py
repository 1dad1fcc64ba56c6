"""WikiNER: a sentence a line, its tokens as token|part of speech|tag, separated by spaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from data_prep.formats.columns.origins import ColumnOrigins
from data_prep.formats.columns.plan import WholeFileError, fix_features
from data_prep.formats.columns.sentence_blocks import ParsedSentence, sentence_blocks
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.sentences.block import SentenceIds
from data_prep.sources.text_source import split_lines
from data_prep.tags.tag_strings import is_well_formed
from ner_dist.contract.visible_text import shown

SEPARATOR = "|"
# Of the lines looked at; a line may be cut off.
MOST = 0.9
SAMPLE_LINES = 100


def _split(line: str, num_parts: int) -> list[list[str]]:
    """The parts of each token. A token itself may contain the separator."""
    return [token.rsplit(SEPARATOR, num_parts - 1) for token in line.split(" ") if token]


def _num_parts(line: str) -> int:
    """3 for token|pos|tag, 2 for token|tag, 0 for another line."""
    for num_parts in (3, 2):
        tokens = _split(line, num_parts)
        if all(len(parts) == num_parts and parts[0] and is_well_formed(parts[-1]) for parts in tokens):
            return num_parts
    return 0


def _usual_parts(text: str) -> int:
    """The number of parts in most of the first lines; a line with one broken token may pass for token|tag."""
    lines = [line for line in split_lines(text)[:SAMPLE_LINES] if line.strip()]
    counts = Counter(filter(None, map(_num_parts, lines)))
    return counts.most_common(1)[0][0] if counts else 3


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    parts = [_num_parts(line.rstrip("\r")) for line in sample.lines]
    num_parts = max(parts)
    if not num_parts or parts.count(num_parts) < max(1, MOST * (len(parts) - 1)):
        return None
    # A token on each line would be sentences of one token.
    if not any(" " in line.strip() for line in sample.lines):
        return None
    return f"sentences of {'token|pos|tag' if num_parts == 3 else 'token|tag'}"


def _features(source: Source, num_parts: int) -> dict[str, int]:
    """Name and place of the part between token and tag, if it is wanted. Raises WholeFileError."""
    options = source.options
    found = {"pos": 1} if num_parts == 3 and options.pos_column is not None else {}
    if options.features:
        found = {name: 1 for name, place in options.features if num_parts == 3 and place == "1"}
        if len(found) < len(options.features):
            raise WholeFileError("--feature: there is only the part between token and tag, such as --feature pos=1")
    return fix_features(source, found, auto=options.pos_column == "auto" and not options.features)


def _sentences(source: Source) -> Iterator[ParsedSentence]:
    num_parts, with_pos = 0, False
    for first_line, text in source.blocks:
        for number, line in enumerate(split_lines(text), first_line):
            if not line.strip() or source.is_invisible(number, line):
                continue
            if not num_parts:
                num_parts = _usual_parts(_beginning(source, text))
                try:
                    with_pos = bool(_features(source, num_parts))
                except WholeFileError as error:
                    source.problems.error(source.path, str(error), "columns_not_clear")
                    return
            tokens = _split(line, num_parts)
            short = next((parts for parts in tokens if len(parts) != num_parts), None)
            if short is not None:
                form = "token|pos|tag" if num_parts == 3 else "token|tag"
                what = f"{shown(SEPARATOR.join(short)[:40])} is not {form}, as most tokens"
                source.error(number, what, "malformed_token")
                continue
            words, *others = zip(*tokens)
            features = [list(others[0])] if with_pos else []
            yield ParsedSentence(list(words), list(others[-1]), features, [number] * len(words))


def _beginning(source: Source, text: str) -> str:
    """The first text of the file that holds tokens; text: of the source."""
    if source.from_beginning is None:
        return text
    whole = source.from_beginning()
    return next(
        text
        for first_line, text in whole.blocks
        if any(
            line.strip() and not whole.is_invisible(number, line)
            for number, line in enumerate(split_lines(text), first_line)
        )
    )


def read(source: Source) -> Iterator[SentenceIds]:
    return sentence_blocks(source, _sentences(source), ColumnOrigins())


WIKINER = Format(
    name="wikiner",
    description="WikiNER: a sentence per line, as token|pos|tag separated by spaces",
    default_encoding="utf-8",
    evidence="lines of token|pos|tag",
    recognise=recognise,
    read=read,
    cut_at=lambda sample: "lines",
)
