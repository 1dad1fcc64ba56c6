"""Ids of the distinct strings of a corpus, in the order of first appearance."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from data_prep.sentences.block import MAX_OPEN_TOKENS


class StringIds(dict):
    """String -> id; looking up a new string gives it the next id. Old strings can be evicted to bound the memory."""

    def __init__(self) -> None:
        super().__init__()
        # texts[i] is the string with the id first_id + i; evicted strings are no longer here.
        self.texts: list[str] = []
        self.first_id = 0
        self.num_taken = 0

    def __missing__(self, text: str) -> int:
        string_id = self[text] = self.first_id + len(self.texts)
        self.texts.append(text)
        return string_id

    def ids(self, texts: Sequence[str]) -> np.ndarray:
        """int32 (M,)."""
        return np.fromiter(map(self.__getitem__, texts), np.int32, len(texts))

    def strings(self, id_M: np.ndarray) -> list[str]:
        texts = self.texts
        return [texts[place] for place in (id_M - self.first_id).tolist()]

    def take_new(self) -> tuple[int, list[str]]:
        """The strings that are new since the last call, and the id of the first of them."""
        first, self.num_taken = self.num_taken, self.first_id + len(self.texts)
        return first, self.texts[first - self.first_id :]

    def evict(self) -> None:
        """Once there are many strings, start afresh; strings added since the last start stay decodable until the next.

        Call it between two blocks only. A sentence that is then still open has fewer tokens than there were new
        strings since the last start, so none of its strings are evicted.
        """
        if len(self) > MAX_OPEN_TOKENS:
            num_evicted = len(self.texts) - len(self)
            self.texts, self.first_id = self.texts[num_evicted:], self.first_id + num_evicted
            self.clear()


def different_features(found: Collection[str], expected: Collection[str]) -> str:
    """What to say of sentences that have other token features than those before."""
    names, before = (", ".join(sorted(some)) or "none" for some in (found, expected))
    return f"the token features are {names}, and in the sentences before {before}"


class FeatureState(NamedTuple):
    """Which token features a corpus has."""

    names: tuple[str, ...]
    # The first file with token features or without, for messages; and by their number the columns that were found in
    # the first column file, by what they hold.
    source: str
    columns: dict[int, dict[str, int]]


class FeatureStrings(dict[str, StringIds]):
    """The distinct values of each token feature, by its name. The first sentences of a corpus say which there are."""

    def __init__(self, before: FeatureState | None = None) -> None:
        """before: what sentences that come before say."""
        super().__init__()
        names, self.source, columns = before or FeatureState((), "", {})
        self.fixed = before is not None
        self.update((name, StringIds()) for name in names)
        self.columns = {number: dict(found) for number, found in columns.items()}

    def state(self) -> FeatureState | None:
        """None: there were no sentences yet."""
        return FeatureState(tuple(self), self.source, self.columns) if self.fixed else None

    def require(self, names: Collection[str]) -> None:
        """These are the features of some sentences. Raises ValueError if the sentences before had others."""
        if not self.fixed:
            self.update((name, StringIds()) for name in names)
            self.fixed = True
        if self.keys() != set(names):
            raise ValueError(different_features(names, self))


class CorpusStrings(NamedTuple):
    """The distinct tokens, tags and values of token features of a corpus; readers number them here."""

    token: StringIds
    tag: StringIds
    features: FeatureStrings

    def ids(self, columns: Sequence[pa.DictionaryArray]) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """Ids of the columns token, tag and each feature."""
        token_M, tag_M, *feature_FM = (
            ids.ids(column.dictionary.to_pylist())[column.indices.to_numpy()]
            for ids, column in zip((self.token, self.tag, *self.features.values()), columns)
        )
        return token_M, tag_M, feature_FM
