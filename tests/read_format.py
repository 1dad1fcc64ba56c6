"""A corpus file of any format as sentences with all that is known of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from data_prep.cutting.cutter import Cutter
from data_prep.formats.corpus_format import ReadOptions
from data_prep.formats.read_corpus import read_as, recognise
from data_prep.problems import Problems
from data_prep.sentences.record import Origin
from data_prep.sentences.string_ids import CorpusStrings, FeatureStrings, StringIds
from data_prep.sources.source_files import SourceFile
from ner_dist.contract.tokenizers import Tokenizer, TokenizerChoice, make_tokenizer


class _SharedCutter(Cutter):
    """Loads the rules of a language once for all tests."""

    def fix(self, first_texts: Iterable[str]) -> TokenizerChoice:
        self._choice = self.choice(first_texts)
        self._tokenizer = _tokenizer(self._choice)
        return self._choice


@lru_cache
def _tokenizer(choice: TokenizerChoice) -> Tokenizer:
    return make_tokenizer(choice)


class ReadFile(NamedTuple):
    format: str
    evidence: str
    tokens: list[list[str]]
    tags: list[list[str]]
    # By name, those of each sentence.
    features: dict[str, list[list[str]]]
    # Line or number of each sentence's first token.
    lines: list[int]
    # Number of each sentence's document, 0 if it has none.
    documents: list[int]
    origins: list[Origin]
    problems: Problems

    @property
    def errors(self) -> list[str]:
        return self.problems.errors

    @property
    def entities(self) -> list[tuple[str, str]]:
        """Words and type of each entity, by tags in BIO."""
        found: list[tuple[str, str]] = []
        for words, tags in zip(self.tokens, self.tags):
            for word, tag in zip(words, tags):
                if tag.startswith("B-"):
                    found.append((word, tag[2:]))
                elif tag != "O":
                    found[-1] = (f"{found[-1][0]} {word}", tag[2:])
        return found


def read_file(path: Path, **options: object) -> ReadFile:
    """options: of ReadOptions. Raises CorpusError."""
    return read_source(SourceFile(path), **options)


def read_source(file: SourceFile, **options: object) -> ReadFile:
    """The same of a file of an archive, or of a piece of a file."""
    chosen, problems = ReadOptions(**options), Problems()  # type: ignore[arg-type]
    strings = CorpusStrings(StringIds(), StringIds(), FeatureStrings())
    found = recognise(file.whole, chosen)
    read = ReadFile(found.format.name, found.evidence, [], [], {}, [], [], [], problems)
    for block in read_as(found, file, chosen, problems, strings, _SharedCutter(chosen.tokenizer, chosen.language)):
        begin = 0
        for i, length in enumerate(block.length_N.tolist()):
            place = slice(begin, begin + length)
            begin += length
            read.tokens.append(strings.token.strings(block.token_M[place]))
            read.tags.append(strings.tag.strings(block.tag_M[place]))
            for (name, ids), value_M in zip(strings.features.items(), block.feature_FM):
                read.features.setdefault(name, []).append(ids.strings(value_M[place]))
            read.lines.append(int(block.line_M[place.start]))
            read.documents.append(int(block.document_N[i]) if len(block.document_N) else 0)
            read.origins.append(Origin.from_bytes(block.origins[i]) if block.origins else Origin())
    return read


def read_text(tmp_path: Path, text: str, name: str = "corpus", **options: object) -> ReadFile:
    """The same of a file with this text. Raises CorpusError."""
    path = tmp_path / name
    path.write_bytes(text.encode())
    return read_file(path, **options)
