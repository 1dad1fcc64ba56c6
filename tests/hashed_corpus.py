"""A corpus of nothing but the hashes of its sentences and documents, in parts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from data_prep.passes.carried import Carried
from data_prep.passes.id_corpus import CorpusPart, IdCorpus, PartStrings, PartTokens
from data_prep.passes.splits import SplitRule
from ner_dist.contract.shard_format import SPLITS


def hashes(num_distinct: int, num_sentences: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.choice(rng.integers(0, 1 << 64, num_distinct, np.uint64), num_sentences)


def hashed_corpus(
    folder: Path,
    hash_N: np.ndarray,
    sentences_by_source: list[int],
    document_N: np.ndarray | None = None,
    sources_by_part: list[int] | None = None,
) -> IdCorpus:
    """Of a file to be split, or one for each split. document_N: the hash of each sentence's document, if it has one.

    sources_by_part: how many files each part has, by default all of them.
    """
    documents = np.zeros(0, np.uint64) if document_N is None else document_N
    given = SPLITS if len(sentences_by_source) > 1 else SPLITS[:1]
    parts: list[CorpusPart] = []
    first_source, first = 0, 0
    for number, num_sources in enumerate(sources_by_part or [len(sentences_by_source)]):
        sources = list(enumerate(sentences_by_source))[first_source : first_source + num_sources]
        end = first + sum(size for _, size in sources)
        chunks, origins, hashed, of_documents = (
            folder / f"{name}-{number}" for name in ("chunks", "origins", "hashes", "documents")
        )
        hash_N[first:end].tofile(hashed)
        documents[first:end].tofile(of_documents)
        tokens = Carried(PartTokens([], {}), folder / f"tokens-{number}")
        strings = Carried(PartStrings([], {}), folder / f"strings-{number}")
        parts.append(CorpusPart(chunks, origins, hashed, of_documents, sources, 0, 0, 0, tokens, 0, strings))
        first_source, first = first_source + num_sources, end
    num_sentences_D = np.unique(documents, return_counts=True)[1]
    named: Any = [
        SimpleNamespace(split=split, num_sentences=size, file=f"{split}.conll")
        for split, size in zip(given, sentences_by_source)
    ]
    nothing: Any = None
    num_documents, any_long = len(num_sentences_D), bool((num_sentences_D > 1).any())
    return IdCorpus(parts, nothing, named, {}, [], [], nothing, num_documents, any_long, nothing)


def split_ids(corpus: IdCorpus, rule: SplitRule) -> np.ndarray:
    """Of all sentences, in corpus order."""
    found = []
    for part in corpus.parts:
        splits = rule.of_part(part)
        found += [splits.next_ids(source_id, number) for source_id, number in part.sources]
    return np.concatenate(found)
