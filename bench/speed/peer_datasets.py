"""A yardstick for data_prep: the Kaggle corpus prepared by Hugging Face's `datasets`, as its documentation recommends.

python -m bench.speed.peer_datasets CORPUS OUT [PROCESSES]
"""

from __future__ import annotations

import csv
import io
import re
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Dataset

ENCODING = "cp1252"
BATCH_SENTENCES = 1000
DIGITS = re.compile(r"\d+")
# Ids of padding and of UNK, as in the shards.
NUM_SPECIALS, UNK_ID = 2, 1
COLUMNS = {"text": "Word", "pos": "POS", "tag": "Tag"}


def sentences(path: str) -> Iterator[dict[str, list[str]]]:
    """The sentences of the Kaggle file, plain or zipped: tokens, parts of speech, tags."""
    with zipfile.ZipFile(path) if zipfile.is_zipfile(path) else open(path, "rb") as outer:
        binary = outer.open(outer.namelist()[0]) if isinstance(outer, zipfile.ZipFile) else outer
        sentence: dict[str, list[str]] = {name: [] for name in COLUMNS}
        for row in csv.DictReader(io.TextIOWrapper(binary, encoding=ENCODING, newline="")):
            if row["Sentence #"] and sentence["text"]:
                yield sentence
                sentence = {name: [] for name in COLUMNS}
            for name, column in COLUMNS.items():
                sentence[name].append(row[column])
        yield sentence


def normalise(token: str) -> str:
    return DIGITS.sub("0", token.lower())


def capitalisation(token: str) -> int:
    """Classes as in the shards: all upper, only the first upper, lower, mixed, no case at all."""
    if token.lower() == token.upper():
        return 4
    if token.isupper() or token.islower():
        return 0 if token.isupper() else 2
    return 1 if token[0].isupper() and token[1:].islower() else 3


def bilou(tags: list[str]) -> list[str]:
    """BIO -> BILOU: the last token of an entity gets L, its only one U."""
    last = {"B": "U", "I": "L", "O": "O"}
    return [tag if after.startswith("I") else last[tag[0]] + tag[1:] for tag, after in zip(tags, [*tags[1:], "O"])]


def fit(train: Dataset) -> dict[str, dict[str, int]]:
    """Vocabularies of words, characters, parts of speech and tags: ids by descending count."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("word", "char", "pos", "tag")}
    for batch in train.iter(BATCH_SENTENCES):
        for tokens, pos, tags in zip(batch["text"], batch["pos"], batch["tag"]):
            counts["word"].update(map(normalise, tokens))
            counts["char"].update("".join(tokens))
            counts["pos"].update(pos)
            counts["tag"].update(bilou(tags))
    vocabs = {}
    for name, found in counts.items():
        kept = [value for value, count in found.most_common() if count >= (2 if name == "word" else 1)]
        vocabs[name] = {value: value_id for value_id, value in enumerate(kept, NUM_SPECIALS)}
    return vocabs


def encode(batch: dict[str, list[list[str]]], vocabs: dict[str, dict[str, int]]) -> dict[str, list[Any]]:
    """Columns of ids beside the text: a list a sentence, and for characters a list a token."""

    def ids(vocab: dict[str, int], values: Iterable[str]) -> list[int]:
        return [vocab.get(value, UNK_ID) for value in values]

    return {
        "word": [ids(vocabs["word"], map(normalise, tokens)) for tokens in batch["text"]],
        "char": [[ids(vocabs["char"], token) for token in tokens] for tokens in batch["text"]],
        "pos": [ids(vocabs["pos"], values) for values in batch["pos"]],
        "tag": [ids(vocabs["tag"], bilou(values)) for values in batch["tag"]],
        "caps": [list(map(capitalisation, tokens)) for tokens in batch["text"]],
        "length": [len(tokens) for tokens in batch["text"]],
    }


def build(corpus: Path, out: Path, num_processes: int = 1) -> int:
    """Write train, dev and test as Parquet files into `out`; returns the number of tokens.

    num_processes: that encode. The one file is read by one process, as `datasets` reads files.
    """
    from datasets import Dataset, DatasetDict, Features, List, Value, disable_progress_bars

    disable_progress_bars()
    strings, numbers = List(Value("string")), List(Value("int32"))
    features = Features({"text": strings, "pos": strings, "tag": strings})
    encoded = Features(
        {"text": strings, **dict.fromkeys(("word", "pos", "tag", "caps"), numbers), "char": List(numbers)}
        | {"length": Value("int32")}
    )
    # A cache of its own, so that no run uses the work of an earlier one.
    with tempfile.TemporaryDirectory(dir=out.parent) as cache:
        whole = Dataset.from_generator(sentences, features, cache, gen_kwargs={"path": str(corpus)})
        train = whole.train_test_split(0.2, seed=0)
        held_out = train["test"].train_test_split(0.5, seed=0)
        splits = DatasetDict(train=train["train"], dev=held_out["train"], test=held_out["test"])
        several = num_processes if num_processes > 1 else None
        vocabs, batched = {"vocabs": fit(splits["train"])}, {"batched": True, "batch_size": BATCH_SENTENCES}
        splits = splits.map(encode, fn_kwargs=vocabs, features=encoded, num_proc=several, **batched)
        out.mkdir()
        for name, split in splits.items():
            split.to_parquet(str(out / f"{name}.parquet"))
        return sum(sum(split["length"]) for split in splits.values())


if __name__ == "__main__":
    print(f"{build(Path(sys.argv[1]), Path(sys.argv[2]), int((sys.argv[3:] or ['1'])[0])):,} tokens")
