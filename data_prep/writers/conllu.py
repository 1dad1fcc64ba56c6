"""CoNLL-U: ten columns, the entity tag in MISC as name=B-PER, and comments with document, sentence and text."""

from __future__ import annotations

from typing import IO

from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences
from data_prep.sentences.record import Origin
from data_prep.tags.tag_strings import report_inexpressible, spell_tags
from data_prep.writers.output_format import (
    DocumentStarts,
    OutputFormat,
    WriteOptions,
    one_line,
    report_separators,
    report_types,
)

# The columns between FORM and MISC by number, and the token features that they hold.
COLUMNS = {"lemma": 2, "pos": 3, "upos": 3, "xpos": 4, "head": 6, "dep": 7, "deprel": 7}
NUM_COLUMNS = 10


class _ConlluWriter:
    def __init__(self, file: IO[bytes], options: WriteOptions, problems: Problems) -> None:
        self._file, self._options, self._problems = file, options, problems
        self._documents = DocumentStarts()
        # Of each column the feature that it holds; the first if there are two.
        self._features: dict[int, str] = {}
        for name in options.features:
            holder = self._features.setdefault(COLUMNS[name], name) if name in COLUMNS else name
            if holder != name:
                what = f"conllu has one column for the token features {holder} and {name}; {name} is left out"
                problems.warn("features_left_out", "conllu", what)

    def write(self, block: TaggedSentences) -> None:
        options = self._options
        report_separators("\t\n\r", block, options.entity_types, self._problems)
        report_types("|", block, options.entity_types, self._problems)
        report_inexpressible(block, options.entity_types, options.scheme, self._problems)
        tag_M = spell_tags(block, options.entity_types, options.scheme)
        begins = self._documents.find(block)
        empty = ["_"] * len(block.text_M)
        columns = [
            block.features[self._features[place]] if place in self._features else empty
            for place in range(2, NUM_COLUMNS - 1)
        ]
        sentences = []
        for i, place in enumerate(block.sentence_slices()):
            tokens = block.text_M[place]
            origin = Origin() if block.origins is None else block.origins[i]
            misc = [f"name={tag}{space}" for tag, space in zip(tag_M[place], _spaces(tokens, origin))]
            numbers = map(str, range(1, len(tokens) + 1))
            of_sentence = ([value or "_" for value in column[place]] for column in columns)
            rows = map("\t".join, zip(numbers, tokens, *of_sentence, misc))
            comments = [*([_document_comment(begins[i])] if i in begins else []), *_comments(tokens, origin)]
            sentences.append("\n".join([*comments, *rows]) + "\n\n")
        self._file.write("".join(sentences).encode())

    def close(self) -> None:
        pass


def _document_comment(name: str) -> str:
    return f"# newdoc id = {one_line(name)}" if name.strip() else "# newdoc"


def _comments(tokens: list[str], origin: Origin) -> list[str]:
    comments = []
    if origin.record.strip():
        # Names are to be unique: those of a text's other sentences tell where they begin in it.
        part = f"-{origin.text_start}" if origin.text_start else ""
        comments.append(f"# sent_id = {one_line(origin.record)}{part}")
    text = " ".join(tokens) if origin.text is None else origin.text
    return [*comments, f"# text = {one_line(text)}"]


def _spaces(tokens: list[str], origin: Origin) -> list[str]:
    """For MISC: whether no white space follows a token."""
    if origin.text is None:
        return [""] * len(tokens)
    ends = (start - origin.text_start + len(token) for start, token in zip(origin.starts, tokens))
    # After a sentence's last token the part of the text ends, or there is only white space.
    follows = [origin.text[end : end + 1] for end in ends]
    return ["|SpaceAfter=No" if char and not char.isspace() else "" for char in follows]


CONLLU = OutputFormat(
    name="conllu",
    description="CoNLL-U with the tag in MISC as name=B-PER",
    open=_ConlluWriter,
    endings=(".conllu",),
    holds_features=COLUMNS,
    has_tags=True,
)
