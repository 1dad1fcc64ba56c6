"""Made-up summaries of the partitions of a corpus that is too large to have: what the merges of a preparation read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_prep.encoders.merge_counts import run_of, write_run
from ner_dist.contract.index_record import Feature, Index, ShardFile, VocabFile
from ner_dist.contract.mixing_hash import mix_bits
from ner_dist.contract.shard_format import SPLITS, file_sha256
from ner_dist.contract.tag_schemes import bilou_tags

# Of n tokens, about 10 n^0.65 are distinct (Heaps' law): words have the shares SHARE * (rank + OFFSET)^-POWER, of which
# all together are 1.
POWER, SHARE, OFFSET = 1 / 0.65, 8.2, 154.0
# A rank that occurs less often than this in a run is drawn, and not looked at.
_LEAST_EXPECTED = 0.05
_TEXT_DIGITS = 11
_LONGEST = 512


def write_made_run(path: Path, num_tokens: float, sample: int, generator: np.random.Generator) -> int:
    """The run of so many tokens, with every `sample`-th word alone. Returns the number of its texts."""
    num_frequent = max(1, int((num_tokens * SHARE / _LEAST_EXPECTED) ** (1 / POWER) / sample))
    rank_W = sample * np.arange(num_frequent, dtype=np.int64)
    count_W = generator.poisson(num_tokens * SHARE * (rank_W + OFFSET) ** -POWER)
    # The rest of the power law has this share, and these ranks if it is drawn from.
    begin = sample * num_frequent + OFFSET
    rest = num_tokens * SHARE * begin ** (1 - POWER) / (POWER - 1) / sample
    drawn = begin * generator.random(generator.poisson(rest)) ** (1 / (1 - POWER))
    rare_W, rare_count_W = np.unique(sample * (drawn / sample).astype(np.int64), return_counts=True)
    ranks, counts = np.concatenate([rank_W, rare_W]), np.concatenate([count_W, rare_count_W])
    occurs = counts > 0
    write_run(path, run_of(_texts(ranks[occurs]), counts[occurs]))
    return int(occurs.sum())


def _texts(rank_W: np.ndarray) -> pa.Array:
    """About as long as words are, and in another order than their counts; the same for the same rank."""
    hashed = mix_bits(rank_W.astype(np.uint64)) % np.uint64(10**_TEXT_DIGITS)
    # Different ranks must not share a text.
    numbers = hashed.astype(np.int64) * 10**5 + rank_W % 10**5
    _, offsets, digits = pc.cast(pa.array(numbers), pa.string()).buffers()
    # Letters, because all numbers are the same word.
    letters = np.frombuffer(digits, np.uint8) + np.uint8(ord("a") - ord("0"))
    return pa.StringArray.from_buffers(len(numbers), offsets, pa.py_buffer(letters))


def made_lengths(num_sentences: float) -> np.ndarray:
    """Sentences of each length from 0 to 512 tokens, int64: log-normal, with a mean of about 22."""
    length_L = np.arange(1, _LONGEST + 1)
    density_L = np.exp(-((np.log(length_L) - 2.9) ** 2) / (2 * 0.6**2)) / length_L
    return np.append(0, np.round(num_sentences * density_L / density_L.sum()).astype(np.int64))


def made_index(directory: Path, num_tokens: float, num_shards: int, num_sources: int, edges: list[int]) -> Index:
    """An index of train, dev and test that passes all checks; its vocabularies are written, its shards are not."""
    vocab = {}
    (directory / "vocab").mkdir()
    for name in ("word", "char", "caps"):
        path = directory / "vocab" / f"{name}.json"
        path.write_text('{"values": ["<pad>", "<unk>"], "counts": [0, 0]}', encoding="utf-8")
        vocab[name] = VocabFile(f"vocab/{name}.json", path.stat().st_size, file_sha256(path), 2)
    types = ["PER", "LOC", "ORG", "MISC"]
    rows = [max(1, int(num_tokens / num_shards / len(edges) / edge)) for edge in edges]
    tokens = [count * edge for count, edge in zip(rows, edges)]
    splits = {
        split: [
            ShardFile(f"{split}-{number:05d}.parquet", 8 * sum(tokens), f"{split_id:032x}{number:032x}", rows, tokens)
            for number in range(num_shards)
        ]
        for split_id, split in enumerate(SPLITS)
    }
    stats = {
        "num_sentences": num_shards * sum(rows),
        "num_tokens": num_shards * sum(tokens),
        "documents": 0,
        "entities": dict.fromkeys(types, 1),
        "tags": dict.fromkeys(bilou_tags(types), 1),
        "unknown_words": 0,
        "padding_to_edge": 0.0,
        "longest": edges[-1],
    }
    sources = [
        {"split": "train", "name": f"part-{number:05d}.conll", "num_bytes": 10**9, "sha256": f"{number:064x}"}
        for number in range(num_sources)
    ]
    return Index(
        entity_types=types,
        bucket_edges=edges,
        features=[Feature("caps", 2)],
        vocab=vocab,
        vectors=None,
        splits=splits,
        raw={},
        has_text=False,
        tokenizer={"name": "rules", "language": "en", "version": "1", "applied": False},
        stats=dict.fromkeys(SPLITS, stats),
        sources=sources,
        settings={"keep_case": False, "keep_digits": False, "max_chars": 128},
        warnings={},
    )
