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

    def content(entry):
        data = (Path(directory) / entry["path"]).read_bytes()
        if hashlib.sha256(data).hexdigest() != entry["sha256"]:
            raise ValueError(f"{entry['path']} is not the file that index.json describes")
        return data

    index = json.loads((Path(directory) / "index.json").read_text(encoding="utf-8"))
    if (index["format"], index["version"]) != ("ner-shards", 3):
        raise ValueError("not a shard set of version 3")
    tags = ["O", *(f"{prefix}-{name}" for name in index["entity_types"] for prefix in "BILU")]
    values = {name: json.loads(content(entry))["values"] for name, entry in index["vocab"].items()}
    features = [feature["name"] for feature in index["features"]]
    rows = []
    for entry in index["splits"][split]:
        # In this thread: pyarrow's own threads may still hold the bytes when Python exits, which aborts it.
        rows += pq.read_table(io.BytesIO(content(entry)), use_threads=False).to_pylist()
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
