"""The strings of the parts of a corpus -> those of the corpus, numbered as if all had been read one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data_prep.passes.carried import Carried
from data_prep.passes.id_corpus import CorpusPart, PartStrings, StringMaps
from data_prep.passes.read_part import ReadResult
from data_prep.passes.tag_collector import TagCollector
from data_prep.sentences.string_ids import StringIds


class MergedParts(NamedTuple):
    """The parts as those of one corpus, and its strings."""

    parts: list[CorpusPart]
    token_V: list[str]
    features: dict[str, list[str]]
    tags: TagCollector

    @property
    def most_distinct(self) -> int:
        """The largest number of different strings of one kind."""
        return max(map(len, (self.token_V, self.tags.ids.texts, *self.features.values())))


def merge_parts(results: Sequence[ReadResult]) -> MergedParts:
    tags = TagCollector()
    first = results[0].part.strings.get()
    # The strings of the first part are those of the corpus as they are.
    tags.take(results[0].tags.get(), first.tag_K)
    parts = [results[0].part]
    if len(results) == 1:
        return MergedParts(parts, first.token_V, first.features, tags)
    tokens = _numbered(first.token_V)
    features = {name: _numbered(values) for name, values in first.features.items()}
    origin_begin = 0
    for before, result in zip(results, results[1:]):
        origin_begin += before.num_origin_bytes
        strings = result.part.strings.get()
        maps = _maps(strings, tags.take(result.tags.get(), strings.tag_K), tokens, features)
        path = result.part.path
        carried = Carried(maps, path.with_name(f"{path.name}-maps"))
        parts.append(result.part._replace(origin_begin=origin_begin, maps=carried))
    return MergedParts(parts, tokens.texts, {name: ids.texts for name, ids in features.items()}, tags)


def _maps(strings: PartStrings, tag_K: np.ndarray, tokens: StringIds, features: dict[str, StringIds]) -> StringMaps:
    for name in strings.features:
        # The parts before may have no sentences.
        features.setdefault(name, StringIds())
    return StringMaps(
        tokens.ids(strings.token_V).astype(np.int64),
        tag_K,
        [features[name].ids(values).astype(np.int64) for name, values in strings.features.items()],
    )


def _numbered(texts: list[str]) -> StringIds:
    ids = StringIds()
    ids.ids(texts)
    return ids
