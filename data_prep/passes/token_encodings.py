"""What each distinct token of a part of the corpus becomes in shards: in a file, of which only what is used is read.

Axes: V distinct tokens of a part, M tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from data_prep.encoders.characters import CharEncoding, gather_chars
from data_prep.passes.carried import spill_file

# Those of features follow.
_COLUMNS = ("word", "chars", "num_chars", "text")


class TokenEncodings(NamedTuple):
    """The V distinct tokens of a part."""

    word_V: np.ndarray
    chars: CharEncoding
    text_V: pa.LargeStringArray
    # By the name of each feature that depends on the token's spelling, what its `codes` say.
    codes: Mapping[str, np.ndarray]


class GatheredTokens(NamedTuple):
    """M tokens, as TokenEncodings has them."""

    word_M: np.ndarray
    # Characters of all tokens, one token after another, and of each token how many.
    char_C: np.ndarray
    num_chars_M: np.ndarray
    text_M: pa.StringArray
    codes: Mapping[str, np.ndarray]


def write_encodings(path: Path, tokens: TokenEncodings) -> None:
    columns = [pa.array(tokens.word_V), tokens.chars.bytes_V, pa.array(tokens.chars.length_V), tokens.text_V]
    codes = [pa.array(code_V) for code_V in tokens.codes.values()]
    # Columns that have the same name are told apart by their place.
    batch = pa.RecordBatch.from_arrays([*columns, *codes], [*_COLUMNS, *tokens.codes])
    with spill_file(path) as file, pa.ipc.new_file(file, batch.schema) as writer:
        # One batch, because the columns of several would have to be copied together.
        writer.write_batch(batch)


def read_encodings(path: Path) -> TokenEncodings:
    """Mapped from the file, which may be removed then."""
    with pa.memory_map(str(path)) as file:
        batch = pa.ipc.open_file(file).get_batch(0)
    word_V, bytes_V, num_chars_V, text_V, *codes = batch.columns
    names = batch.schema.names[len(_COLUMNS) :]
    values = [code_V.to_numpy(zero_copy_only=False) for code_V in codes]
    chars = CharEncoding(bytes_V, num_chars_V.to_numpy())
    return TokenEncodings(word_V.to_numpy(), chars, text_V, dict(zip(names, values)))


class PartEncodings:
    """The encodings of all parts, each opened when it is needed first."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._opened: dict[int, TokenEncodings] = {}

    def gather(self, token_M: np.ndarray, part_N: np.ndarray, length_N: np.ndarray) -> GatheredTokens:
        """The tokens of N sentences, each of a part; token_M: their numbers there."""
        first_R = np.flatnonzero(np.append(True, part_N[1:] != part_N[:-1]))
        if len(first_R) == 1:
            return self._of_part(int(part_N[0]), token_M)
        begin_R = (np.cumsum(length_N) - length_N)[first_R]
        runs = zip(part_N[first_R].tolist(), np.split(token_M, begin_R[1:]))
        return _joined([self._of_part(part, some_M) for part, some_M in runs])

    def _of_part(self, part: int, token_M: np.ndarray) -> GatheredTokens:
        if part not in self._opened:
            self._opened[part] = read_encodings(self._paths[part])
        tokens = self._opened[part]
        char_C, num_chars_M = gather_chars(tokens.chars, token_M)
        text_M = tokens.text_V.take(pa.array(token_M)).cast(pa.string())
        codes = {name: code_V[token_M] for name, code_V in tokens.codes.items()}
        return GatheredTokens(tokens.word_V[token_M], char_C, num_chars_M, text_M, codes)

    def __getstate__(self) -> dict[str, Any]:
        return {"_paths": self._paths, "_opened": {}}


def _joined(runs: Sequence[GatheredTokens]) -> GatheredTokens:
    return GatheredTokens(
        np.concatenate([run.word_M for run in runs]),
        np.concatenate([run.char_C for run in runs]),
        np.concatenate([run.num_chars_M for run in runs]),
        pa.concat_arrays([run.text_M for run in runs]),
        {name: np.concatenate([run.codes[name] for run in runs]) for name in runs[0].codes},
    )
