"""Looking into a shard set: is it sound, what is its geometry, what do its sentences look like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.agreement import agreement_lines
from data_prep.summary import percent, summary_lines, table
from ner_dist.shard_format import Index, ShardError, read_index, verify_file
from ner_dist.spans import bilou_tags


def verify(directory: Path) -> Index:
    """The index, after size and checksum of every file have been compared. Raises ShardError."""
    index = read_index(directory)
    for vocab in index.vocab.values():
        verify_file(directory, vocab)
    if index.vectors is not None:
        verify_file(directory, index.vectors)
    for shards in index.splits.values():
        for shard in shards:
            verify_file(directory, shard)
    return index


def _bucket_lines(index: Index) -> list[str]:
    """Sentences and padding of each bucket in each split."""
    rows = []
    below = 0
    for bucket, edge in enumerate(index.bucket_edges):
        row = [f"{below + 1}-{edge}"]
        for shards in index.splits.values():
            num_sentences = sum(shard.rows[bucket] for shard in shards)
            num_tokens = sum(shard.tokens[bucket] for shard in shards)
            row += [f"{num_sentences:,}", percent(num_sentences * edge - num_tokens, num_sentences * edge)]
        rows.append(row)
        below = edge
    return table(["length", *(cell for split in index.splits for cell in (split, "padding"))], rows)


def describe(directory: Path, index: Index) -> list[str]:
    """Lines on the whole set."""
    files = [shard for shards in index.splits.values() for shard in shards]
    megabytes = sum(shard.num_bytes for shard in files) / 1e6
    lines = [f"{directory}: {len(files)} shards, {megabytes:.1f} MB, every checksum as the index says", ""]
    lines += [*summary_lines(index), *agreement_lines(directory, index), "", *_bucket_lines(index), ""]
    lines += [
        f"source of {source['split']}: {source['name']}, {source['num_bytes']:,} bytes" for source in index.sources
    ]
    lines.append(f"fingerprint: {index.fingerprint()[:16]}")
    return lines


def _grep_rows(table: pa.Table, token: str) -> pa.Table:
    """The rows whose text holds a token."""
    # Only here: importing it is a fifth of the start of any command.
    import pyarrow.compute as pc

    texts = table["text"].combine_chunks()
    hits = pc.list_parent_indices(texts).filter(pc.equal(pc.list_flatten(texts), token))
    return table.take(hits.unique())


def show_sentences(directory: Path, index: Index, split: str, token: str | None, limit: int) -> Iterator[str]:
    """Sentences of a split in corpus order, one token a line with its tag; only those holding `token`, if given."""
    if split not in index.splits:
        raise ShardError(f"{directory}: no split {split!r}; the set holds {', '.join(index.splits)}")
    if limit < 1:
        return
    tag_names = bilou_tags(index.entity_types)
    found: list[pa.Table] = []
    for shard in index.splits[split]:
        file = pq.ParquetFile(directory / shard.path)
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=["sentence_id", "text", "tag"])
            found.append(_grep_rows(rows, token) if token is not None else rows)
            # Only the first `limit` sentences of the corpus stay in memory.
            found = [pa.concat_tables(found).sort_by("sentence_id").slice(0, limit)]
    for row in found[0].to_pylist() if found else []:
        yield f"# {split} sentence {row['sentence_id']}"
        width = max(map(len, row["text"]))
        yield from (f"{text.ljust(width)}  {tag_names[tag]}" for text, tag in zip(row["text"], row["tag"]))
        yield ""
    if not found or not len(found[0]):
        yield f"no sentence of {split} holds {token!r}"
