"""Reads shard sets with pyarrow alone, without ner-dist: python docs/read_shards.py SET SPLIT prints columns."""

import hashlib
import io
import itertools
import json
import sys
from pathlib import Path

import pyarrow.parquet as pq


def read_sentences(directory, split):
    """The sentences of a split in corpus order: lists with one item per token, and where the sentence comes from."""

    def content(entry, path):
        # The name is known; what the index says could be that of any file on the machine.
        data = (Path(directory) / path).read_bytes()
        if entry["path"] != path or hashlib.sha256(data).hexdigest() != entry["sha256"]:
            raise ValueError(f"{path} is not the file that index.json describes")
        return data

    sealed = (Path(directory) / "index.json").read_bytes()
    index = json.loads(sealed)
    if index["format"] != "ner-shards" or index["version"] not in (4, 5):
        raise ValueError("not a shard set of version 4 or 5")
    if hashlib.sha256(sealed.replace(index["sha256"].encode(), b"0" * 64)).hexdigest() != index["sha256"]:
        raise ValueError("index.json is damaged")
    tags = ["O", *(f"{prefix}-{name}" for name in index["entity_types"] for prefix in "BILU")]
    vocab = {name: json.loads(content(entry, f"vocab/{name}.json")) for name, entry in index["vocab"].items()}
    values = {name: vocabulary["values"] for name, vocabulary in vocab.items()}
    features = [feature["name"] for feature in index["features"]]
    rows = []
    for number, entry in enumerate(index["splits"][split]):
        # In this thread: pyarrow's own threads may still hold the bytes when Python exits, which aborts it.
        shard = io.BytesIO(content(entry, f"{split}-{number:05d}.parquet"))
        rows += pq.read_table(shard, use_threads=False).to_pylist()
    for row in sorted(rows, key=lambda row: row["sentence_id"]):
        chars = iter([values["char"][char_id] for char_id in row["char"]])
        sentence = {name: [values[name][value_id] for value_id in row[name]] for name in ["word", *features]}
        sentence["chars"] = [list(itertools.islice(chars, count)) for count in row["token_chars"]]
        sentence["tag"] = [tags[tag_id] for tag_id in row["tag"]]
        sentence["source"] = index["sources"][row["source"]]["name"]
        # Texts are there if the corpus has any; spans are the entities as the source has them.
        names = ["text", "line", "record", "document", "source_text", "text_start", "start", "spans"]
        yield {**sentence, **{name: row[name] for name in names if name in row}}


if __name__ == "__main__":
    for sentence in read_sentences(*sys.argv[1:]):
        for text, tag in zip(sentence["text"], sentence["tag"]):
            print(text, tag)
        print()
