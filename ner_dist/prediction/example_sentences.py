"""A few sentences of a run's dev data with entities of different types, for whoever tries it on a page."""

from __future__ import annotations

from collections.abc import Iterator

from ner_dist.contract.shard_format import read_index
from ner_dist.contract.shard_place import shard_folder
from ner_dist.contract.shard_tables import read_shard
from ner_dist.contract.tag_schemes import bilou_tags
from ner_dist.errors import UserError
from ner_dist.run import checkpoint
from ner_dist.run.checkpoint import Checkpoint

NUM_EXAMPLES = 3
# Tokens; some of each shard are looked at, which are enough to choose from.
_FEWEST, _MOST, _ROWS_OF_A_SHARD = 4, 25, 500


def example_sentences(saved: Checkpoint) -> list[str]:
    """Up to three; none if the shards are not there any more."""
    try:
        found = list(_sentences(saved))
    except (UserError, OSError):
        return []
    chosen: list[str] = []
    seen: set[str] = set()
    while found and len(chosen) < NUM_EXAMPLES:
        # New types first, then two of any; of equals, the shorter one.
        text, types = max(found, key=lambda one: (len(one[1] - seen), min(len(one[1]), 2), -len(one[0])))
        if not types:
            break
        chosen.append(text)
        seen |= types
        found.remove((text, types))
    return chosen


def _sentences(saved: Checkpoint) -> Iterator[tuple[str, frozenset[str]]]:
    """Short sentences with the types of their entities. Raises UserError."""
    directory = shard_folder(saved.config.data.shards)
    index = read_index(directory)
    checkpoint.require_same_data(saved, index, directory, directory)
    # Of "B-LOC".
    types = [tag[2:] for tag in bilou_tags(index.entity_types)]
    columns = ["text", "tag", *(["source_text"] if index.has_text else [])]
    between = "" if index.tokenizer["name"] == "characters" else " "
    given: dict[str, None] = {}
    for entry in index.splits["dev"]:
        for row in read_shard(directory, index, entry, columns).slice(0, _ROWS_OF_A_SHARD).to_pylist():
            text = row.get("source_text") or between.join(row["text"])
            if _FEWEST <= len(row["text"]) <= _MOST and text.isprintable() and text not in given:
                given[text] = None
                yield text, frozenset(types[tag] for tag in row["tag"] if tag)
