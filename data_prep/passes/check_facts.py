"""What a corpus consists of and how it was read, as JSON values: the `facts` of `check --json`."""

from __future__ import annotations

from typing import Any

import numpy as np

from data_prep.passes.prepare import PreparedCorpus, split_stats
from data_prep.passes.tag_collector import schemes_in_words

PERCENTILES = (50, 90, 99, 99.9, 100)


def facts_of(prepared: PreparedCorpus) -> dict[str, Any]:
    corpus, tagged = prepared.corpus, prepared.tagged
    choice = corpus.cutter.choice()
    return {
        "files": [
            {
                "split": source.split,
                "file": str(source.file),
                "format": source.format,
                "evidence": source.evidence,
                "sentences": source.num_sentences,
            }
            for source in corpus.sources
        ],
        "schemes": [told._asdict() for told in schemes_in_words([str(s.file) for s in corpus.sources], corpus.tags)],
        "tokenizer": {**choice.to_record(), "applied": corpus.cutter.was_used},
        "token_features": list(corpus.features),
        "entity_types": tagged.entity_types,
        "splits": {split: _split_facts(prepared, split_id) for split_id, split in enumerate(tagged.splits)},
    }


def _split_facts(prepared: PreparedCorpus, split_id: int) -> dict[str, Any]:
    tagged, stats = prepared.tagged, split_stats(prepared, split_id)
    num_tokens, place = tagged.longest[split_id]
    return {
        "sentences": stats["num_sentences"],
        "tokens": stats["num_tokens"],
        "documents": stats["documents"],
        "entities": stats["entities"],
        "tokens_in_entities": stats["num_tokens"] - stats["tags"]["O"],
        "unknown_words": stats["unknown_words"],
        "tokens_per_sentence": percentiles(tagged.length_SL[split_id]),
        "characters_per_token": percentiles(token_lengths(prepared, split_id)),
        "longest_sentence": {"tokens": num_tokens, "place": place},
    }


def token_lengths(prepared: PreparedCorpus, split_id: int) -> np.ndarray:
    """How many tokens of a split have each number of characters, from 0."""
    chars_V = np.array([len(text) for text in prepared.corpus.token_V])
    return np.bincount(chars_V, prepared.tagged.token_SV[split_id]).astype(np.int64)


def percentiles(histogram: np.ndarray) -> dict[str, int]:
    """The lengths that this share of all does not exceed; none of nothing."""
    if not histogram.any():
        return {}
    shares = np.array(PERCENTILES) / 100
    lengths = np.searchsorted(np.cumsum(histogram), shares * histogram.sum()).tolist()
    return {f"{share:g}": length for share, length in zip(PERCENTILES, lengths)}
