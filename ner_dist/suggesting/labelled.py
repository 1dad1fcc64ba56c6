"""What is labelled already: the sentences of a model's shards, or of any file or shard set that the user names."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ner_dist.contract.shard_format import INDEX_NAME, Index, ShardError, read_index
from ner_dist.contract.shard_place import find_shards
from ner_dist.contract.shard_tables import read_shard
from ner_dist.errors import UserError
from ner_dist.foreign import yaml_files
from ner_dist.prediction import export_format
from ner_dist.prediction.reading import ReadingOptions, open_documents
from ner_dist.prediction.tagger import Tagger
from ner_dist.run import checkpoint, checkpoint_files
from ner_dist.stores.named_files import Place

SPLIT = "train"


def labelled_sentences(place: Place, options: ReadingOptions, tagger: Tagger) -> list[list[str]]:
    """The tokens of each sentence. place: a shard set, or a file as of the pool. Raises UserError."""
    shards = find_shards(place)
    if shards is not None:
        return list(_of_shards(shards, read_index(shards)))
    if isinstance(place, Path) and place.is_dir():
        raise UserError(f"{place} is a directory without {INDEX_NAME}; expected a shard set, or a file of texts")
    with open_documents(place, options, tagger) as opened:
        found = []
        for portion in opened.portions:
            for document in opened.documents(portion):
                found += [_shared(sentence.tokens) for sentence in document.sentences if sentence.tokens]
            opened.advance(portion)
    return found


def shards_of_model(model: Path, checkpoint_name: str, tagger: Tagger) -> Path | None:
    """Where the shards lie that a model was trained on; None if they are not there, or others are."""
    place = _stored_place(model, checkpoint_name)
    shards = None if place is None else find_shards(place)
    if shards is None:
        return None
    try:
        return shards if read_index(shards).fingerprint() == tagger.identity.data else None
    except ShardError:
        return None


def _stored_place(model: Path, checkpoint_name: str) -> str | None:
    if (model / export_format.DESCRIPTION_NAME).is_file():
        knobs = export_format.read(model).origin.get("config")
    else:
        knobs = yaml_files.read_yaml(checkpoint.find(model / "checkpoints" / checkpoint_name) / checkpoint_files.CONFIG)
    data = knobs.get("data") if isinstance(knobs, dict) else None
    shards = data.get("shards") if isinstance(data, dict) else None
    return shards if isinstance(shards, str) else None


def _of_shards(directory: Path, index: Index) -> Iterator[list[str]]:
    for entry in index.splits[SPLIT]:
        yield from map(_shared, read_shard(directory, index, entry, ["text"]).column("text").to_pylist())


def _shared(tokens: Sequence[str]) -> list[str]:
    """Each word is in memory once, however often it occurs."""
    return list(map(sys.intern, tokens))
