"""A yardstick for data_prep: the Kaggle corpus prepared by Hugging Face's `datasets`, `python -m bench.peer_datasets`.

Sentences stream through `Dataset.from_generator`, are split, and `Dataset.map` encodes them a thousand at a time, as
the documentation advises. The columns say what those of the shards say; there are no checks, buckets or checksums.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
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
# Ids of padding and of what train lacks, as in the shards.
NUM_SPECIALS, UNK_ID = 2, 1
COLUMNS = {"text": "Word", "pos": "POS", "tag": "Tag"}


def sentences(path: str) -> Iterator[dict[str, list[str]]]:
    """The sentences of the Kaggle file, plain or zipped: tokens, parts of speech, tags."""
    with open(path, "rb") as raw:
        zipped = zipfile.is_zipfile(raw)
    with zipfile.ZipFile(path) if zipped else open(path, "rb") as outer:
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


def vocabulary(counts: Counter[str], min_count: int) -> dict[str, int]:
    """Ids of what occurs often enough, by falling count."""
    kept = [value for value, count in counts.most_common() if count >= min_count]
    return {value: value_id for value_id, value in enumerate(kept, NUM_SPECIALS)}


def fit(train: Dataset) -> dict[str, dict[str, int]]:
    """Vocabularies of words, characters, parts of speech and tags."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("word", "char", "pos", "tag")}
    for batch in train.iter(BATCH_SENTENCES):
        for tokens in batch["text"]:
            counts["word"].update(map(normalise, tokens))
            counts["char"].update("".join(tokens))
        for values in batch["pos"]:
            counts["pos"].update(values)
        for values in batch["tag"]:
            counts["tag"].update(bilou(values))
    return {name: vocabulary(found, 2 if name == "word" else 1) for name, found in counts.items()}


def ids(vocab: dict[str, int], values: Iterable[str]) -> list[int]:
    return [vocab.get(value, UNK_ID) for value in values]


def encode(batch: dict[str, list[list[str]]], vocabs: dict[str, dict[str, int]]) -> dict[str, list[Any]]:
    """Columns of ids beside the text: a list a sentence, and for characters a list a token."""
    return {
        "word": [ids(vocabs["word"], map(normalise, tokens)) for tokens in batch["text"]],
        "char": [[ids(vocabs["char"], token) for token in tokens] for tokens in batch["text"]],
        "pos": [ids(vocabs["pos"], values) for values in batch["pos"]],
        "tag": [ids(vocabs["tag"], bilou(values)) for values in batch["tag"]],
        "caps": [list(map(capitalisation, tokens)) for tokens in batch["text"]],
        "length": [len(tokens) for tokens in batch["text"]],
    }


def build(corpus: Path, out: Path, num_proc: int | None = None) -> int:
    """Write train, dev and test as Parquet files into `out`; returns the number of tokens."""
    # Here, so that the help needs no datasets.
    from datasets import Dataset, DatasetDict, Features, List, Value, disable_progress_bars

    disable_progress_bars()
    strings, numbers = List(Value("string")), List(Value("int32"))
    features = Features({"text": strings, "pos": strings, "tag": strings})
    encoded = Features(
        {"text": strings, **dict.fromkeys(("word", "pos", "tag", "caps"), numbers), "char": List(numbers)}
        | {"length": Value("int32")}
    )
    # A cache of its own, so that no run finds the work of an earlier one.
    with tempfile.TemporaryDirectory(dir=out.parent) as cache:
        whole = Dataset.from_generator(sentences, features, cache, gen_kwargs={"path": str(corpus)})
        train = whole.train_test_split(0.2, seed=0)
        held_out = train["test"].train_test_split(0.5, seed=0)
        splits = DatasetDict(train=train["train"], dev=held_out["train"], test=held_out["test"])
        splits = splits.map(
            encode,
            batched=True,
            batch_size=BATCH_SENTENCES,
            fn_kwargs={"vocabs": fit(splits["train"])},
            features=encoded,
            num_proc=num_proc,
        )
        out.mkdir()
        for name, split in splits.items():
            split.to_parquet(str(out / f"{name}.parquet"))
        return sum(sum(split["length"]) for split in splits.values())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peer_datasets", description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="the Kaggle CSV file, plain or zipped")
    parser.add_argument("out", type=Path, help="folder to make")
    parser.add_argument("--num-proc", type=int, help="processes of Dataset.map (its default, this one alone)")
    arguments = parser.parse_args()
    print(f"{build(arguments.corpus, arguments.out, arguments.num_proc):,} tokens")


if __name__ == "__main__":
    main()
