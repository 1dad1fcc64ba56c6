"""Documents that are in several splits: looked for among the hashes of the first pass, then looked up."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from data_prep.annotation.leaks import SplitHashes, find_leaks
from data_prep.passes.id_corpus import IdCorpus, ReadChunk
from data_prep.problems import Problems
from ner_dist.contract.visible_text import shown

# Hashes to read at once.
MAX_READ = 1 << 16


def check_leaks(corpus: IdCorpus, splits: list[str], problems: Problems) -> None:
    """Warn of documents that are in several splits, of splits that are given as files."""
    split_of_source = [splits.index(source.split) for source in corpus.sources]
    num_sentences = sum(source.num_sentences for source in corpus.sources)

    def read() -> Iterator[SplitHashes]:
        for part in corpus.parts:
            with open(part.hash_path, "rb") as hashes, open(part.document_path, "rb") as documents:
                for source_id, num_here in part.sources:
                    for begin in range(0, num_here, MAX_READ):
                        count = min(MAX_READ, num_here - begin)
                        hash_N, document_N = (np.fromfile(file, np.uint64, count) for file in (hashes, documents))
                        yield SplitHashes(hash_N, document_N, np.full(count, split_of_source[source_id]))

    leaks = find_leaks(read, num_sentences, len(splits))
    if len(leaks.shared) or len(leaks.nearly):
        _report_leaks(corpus, splits, split_of_source, leaks.shared, leaks.nearly, problems)


def _report_leaks(
    corpus: IdCorpus,
    splits: list[str],
    split_of_source: list[int],
    shared: np.ndarray,
    nearly: np.ndarray,
    problems: Problems,
) -> None:
    """Look up where the documents are."""
    wanted = np.sort(np.concatenate([shared, nearly]))
    # By document and split: the first place, the name, and the number of sentences.
    seen: dict[int, dict[int, tuple[str, str, int]]] = {}
    for chunk, document_N in _with_documents(corpus):
        source_id, line_N = int(chunk.kind[0]), chunk.line_N
        for n in np.flatnonzero(np.isin(document_N, wanted)).tolist():
            of_splits = seen.setdefault(int(document_N[n]), {})
            split_id = split_of_source[source_id]
            if split_id not in of_splits:
                place = slice(n, n + 1)
                origin = corpus.origins.read(chunk.origin_place_N[place], chunk.origin_size_N[place])[0]
                where = f"{corpus.sources[source_id].file}:{line_N[n]}"
                of_splits[split_id] = (where, origin.document, 0)
            where, name, number = of_splits[split_id]
            of_splits[split_id] = (where, name, number + 1)
    _warn_of_leaks(seen, splits, set(nearly.tolist()), problems)


def _with_documents(corpus: IdCorpus) -> Iterator[tuple[ReadChunk, np.ndarray]]:
    """All chunks but the raw ones, and the hash of each sentence's document."""
    for part in corpus.parts:
        with open(part.document_path, "rb") as documents:
            for chunk in part.chunks():
                if not chunk.kind[1]:
                    yield chunk, np.fromfile(documents, np.uint64, len(chunk.length_N))


def _warn_of_leaks(
    seen: dict[int, dict[int, tuple[str, str, int]]], splits: list[str], nearly: set[int], problems: Problems
) -> None:
    for document, of_splits in seen.items():
        (first_split, (first_where, _, first_number)), *others = sorted(of_splits.items())
        if document in nearly:
            where, name, number = first_where, of_splits[first_split][1], first_number
            what = f"most of the {number:,} sentences of {_document(name)} also occur in train"
            problems.warn("nearly_same_documents", where, what, document=name)
        for split_id, (where, name, number) in others:
            # A sentence without a name that is there twice is counted among the copies.
            if name or number > 1:
                what = f"{_document(name)} is in {splits[split_id]} ({_sentences(number)}) and in {splits[first_split]}"
                what += f" ({_sentences(first_number)}, first {first_where})"
                problems.warn("document_in_several_splits", where, what, document=name)


def _document(name: str) -> str:
    return f"document {shown(name)}" if name else "a document"


def _sentences(number: int) -> str:
    return "1 sentence" if number == 1 else f"{number:,} sentences"
