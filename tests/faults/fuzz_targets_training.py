"""Fuzz targets: everything that training, prediction, the service and the launchers read. Each is a function of bytes.

Where a file is covered by a checksum, the target corrects the checksum, as a stranger would; so what lies behind it is
tried too.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from corpus_sources import sources_of

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.synthesis.synth import synthesise
from launch.launch_command import read_options
from launch.remote_hosts.hostfile import read_hosts
from ner_dist import config
from ner_dist.contract import shard_format
from ner_dist.data.chapters import RowSelection
from ner_dist.data.shard_file import open_shard, read_rows
from ner_dist.foreign import arrays, yaml_files
from ner_dist.prediction import export_format
from ner_dist.prediction.documents import document_of_tokens
from ner_dist.prediction.input_lines import InputLine
from ner_dist.prediction.read_json import json_document
from ner_dist.run import checkpoint
from ner_dist.run.progress import Progress
from ner_dist.serving.request import read_request
from ner_dist.serving.settings import Limits

_ZEROS = "0" * 64
_TINY = {"words": 30, "sentences": 60}


@functools.cache
def _folder() -> Path:
    return Path(os.environ.get("FUZZ_WORK") or tempfile.mkdtemp(prefix="fuzz-work-"))


@functools.cache
def _shards() -> Path:
    """A small shard set with all that one can have: vectors, a lexicon, several features."""
    folder = _folder() / "made"
    corpus = synthesise(_TINY["sentences"], 3, folder / "corpus")
    words = sorted({line.split()[0].lower() for line in corpus["train"].read_text().split("\n") if line.strip()})
    vectors = [" ".join([word, *(f"{i + j:.1f}" for j in range(3))]) for i, word in enumerate(words[: _TINY["words"]])]
    (folder / "vectors.txt").write_text("\n".join(vectors) + "\n")
    (folder / "lexicon").mkdir()
    (folder / "lexicon" / "LOC.txt").write_text("\n".join(words[:9]) + "\n")
    settings = Settings(
        num_shards=2,
        num_buckets=2,
        min_count=1,
        vectors=(str(folder / "vectors.txt"),),
        lexicon=str(folder / "lexicon"),
    )
    build(sources_of(corpus), settings, folder / "shards", Problems())
    return folder / "shards"


@functools.cache
def _index() -> shard_format.Index:
    return shard_format.read_index(_shards())


@functools.cache
def _checkpoint() -> Path:
    """With arrays of no network."""
    index, place = _index(), _folder() / "made" / "run" / "checkpoints" / "last"
    values = {"words": np.ones((3, 2), np.float32), "parameter/a": np.zeros(4, np.float32)}
    place.parent.mkdir(parents=True)
    checkpoint.link_vectors(_shards(), place.parent)
    saved = checkpoint.Checkpoint(values, Progress(epoch=1), config.Config(), index)
    checkpoint.save(place, saved, shard_format.vocab_files(_shards(), index))
    return place


@functools.cache
def _export() -> Path:
    """With a network that is none."""
    from ner_dist.model.crf import zero_transition_scores
    from ner_dist.prediction.vocabularies import checkpoint_vocabularies

    folder = _folder() / "made" / "export"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"no network")
    index = _index()
    vocabularies = checkpoint_vocabularies(_checkpoint(), index, config.Config())
    export_format.write(folder, vocabularies, zero_transition_scores(index.num_tags), {"run": "made up"})
    return folder


def _copy(made: Path, name: str) -> Path:
    """Of one of the above, for this process to change."""
    place = _folder() / name
    if not place.exists():
        shutil.copytree(made, place)
    return place


def _resealed(data: bytes) -> bytes:
    """With the file's checksum of itself, if the file looks as if it had one."""
    found = re.search(rb'"sha256": ?"([0-9a-f]{64})"', data)
    if not found:
        return data
    blank = data[: found.start(1)] + _ZEROS.encode() + data[found.end(1) :]
    return blank.replace(_ZEROS.encode(), hashlib.sha256(blank).hexdigest().encode(), 1)


# --- What training reads


def fuzz_yaml(data: bytes) -> None:
    path = _folder() / "some.yaml"
    path.write_bytes(data)
    yaml_files.read_yaml(path)


def fuzz_job(data: bytes) -> None:
    path = _folder() / "job.yaml"
    path.write_bytes(data)
    config.parse(["--config", str(path)])


def fuzz_index(data: bytes) -> None:
    """Read as shards and as part of a checkpoint, then everything that it names."""
    place = _copy(_shards(), "shards-of-index")
    (place / "index.json").write_bytes(_resealed(data))
    index = shard_format.read_index(place)
    index.fingerprint()
    shard_format.vocab_files(place, index)
    for name in index.vocab:
        shard_format.read_vocab(place, index, name)
    if index.vectors:
        shard_format.read_word_vectors(place, index)
    for entries in index.splits.values():
        for entry in entries:
            _read_shard(place, index, entry)


def _read_shard(place: Path, index: shard_format.Index, entry: Any) -> None:
    shard = open_shard(place, entry)
    groups = [RowSelection(group, None, None) for group in range(len(shard.rows_of_group))]
    for _ in read_rows(shard, index, groups):
        pass


def fuzz_vocabulary(data: bytes) -> None:
    """Under the name of each vocabulary in turn, listed as it is."""
    place, index = _copy(_shards(), "shards-of-vocabulary"), _index()
    number = data[0] if data else 0
    name = sorted(index.vocab)[number % len(index.vocab)]
    content, listed = data[1:], index.vocab[name]
    (place / listed.path).write_bytes(content)
    changed = _with(listed, num_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    shard_format.read_vocab(place, _with(index, vocab={**index.vocab, name: changed}), name)


def _with(record: Any, **changes: Any) -> Any:
    return dataclasses.replace(record, **changes)


def fuzz_shard(data: bytes) -> None:
    place, index = _copy(_shards(), "shards-of-shard"), _index()
    entry = index.splits["dev"][0]
    (place / entry.path).write_bytes(data)
    changed = _with(entry, num_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    _read_shard(place, index, changed)


def fuzz_vectors(data: bytes) -> None:
    path = _folder() / "vectors.npy"
    path.write_bytes(data)
    arrays.read_npy(path)
    arrays.read_npy(path, mapped=True)


def fuzz_arrays(data: bytes) -> None:
    path = _folder() / "arrays.npz"
    path.write_bytes(data)
    arrays.read_npz(path)


def fuzz_checkpoint(data: bytes) -> None:
    """One of its files is changed; state.json then has the checksum and size of it."""
    made = _checkpoint()
    place = _copy(made, "changed-checkpoint")
    names = ("state.json", "config.yaml", "index.json", "arrays.npz")
    name, content = names[(data[0] if data else 0) % len(names)], data[1:]
    for other in names:
        shutil.copyfile(made / other, place / other)
    if name in ("state.json", "index.json"):
        content = _resealed(content)
    (place / name).write_bytes(content)
    if name != "state.json":
        state = json.loads((place / "state.json").read_text())
        _list_again(state, name, content)
        (place / "state.json").write_bytes(_resealed(json.dumps(state, indent=1).encode()))
    checkpoint.load(place)


def _list_again(state: Any, name: str, content: bytes) -> None:
    """Correct what a state says of a file, wherever it says it."""
    for key, value in state.items() if isinstance(state, dict) else ():
        if key == name and isinstance(value, dict):
            value.update(num_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        elif isinstance(value, dict):
            _list_again(value, name, content)
        elif isinstance(value, list):
            for entry in value:
                if isinstance(entry, dict) and entry.get("path") == name:
                    entry.update(num_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


# --- What prediction and the service read


def fuzz_tagger(data: bytes) -> None:
    place = _copy(_export(), "changed-export")
    (place / "tagger.json").write_bytes(_resealed(data))
    export_format.read(place)


def fuzz_request(data: bytes) -> None:
    read_request(data, Limits())
    read_request(data, Limits(), ["pos", "case"])


def fuzz_json_line(data: bytes) -> None:
    line = InputLine(1, 0, data.decode("utf-8", "replace"))
    json_document(line, "made-up", lambda text: document_of_tokens([text.split() or ["."]], {}), ["pos"])


# --- What launchers read


def fuzz_hosts(data: bytes) -> None:
    path = _folder() / "hosts"
    path.write_bytes(data)
    read_hosts(path)


def fuzz_launch_settings(data: bytes) -> None:
    path = _folder() / "settings.yaml"
    path.write_bytes(data[1:])
    read_options(("slurm", "kubernetes")[(data[0] if data else 0) % 2], ["--settings", str(path)])


RECORDS = {"index", "tagger", "request", "json_line"}
_REQUESTS = [
    b'{"text": "Angela Merkel visited Paris."}',
    b'{"texts": ["a b", ""]}',
    b'{"tokens": [["a", "b"]], "pos": [["N", "V"]]}',
]


def _npy(values: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values, **options)
    return file.getvalue()


def _vocabularies() -> list[bytes]:
    return [bytes([i]) + (_shards() / _index().vocab[name].path).read_bytes() for i, name in enumerate(_index().vocab)]


def _parts_of_checkpoint() -> list[bytes]:
    names = ("state.json", "config.yaml", "index.json", "arrays.npz")
    return [bytes([i]) + (_checkpoint() / name).read_bytes() for i, name in enumerate(names)]


_TOKENS = b'{"tokens": [{"text": "a", "start": 0, "end": 1}], "text": "a", "pos": ["N"]}'
# The first inputs of each target, made once they are needed.
SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "yaml": lambda: [b"a: {b: [1, 2.5, null, true]}\n", b"a: &x [1]\nb: *x\n", b'a: "b"\n'],
    "job": lambda: [b"train: {epochs: 3}\nmodel:\n  features: [caps]\n", b"optimizer:\n  params: {momentum: 0.9}\n"],
    "index": lambda: [(_shards() / "index.json").read_bytes()],
    "vocabulary": _vocabularies,
    "shard": lambda: [(_shards() / _index().splits["dev"][0].path).read_bytes()],
    "vectors": lambda: [_npy(np.ones((2, 3), np.float32)), _npy(np.arange(4)[::2]), _npy(np.asfortranarray(np.eye(2)))],
    "arrays": lambda: [(_checkpoint() / "arrays.npz").read_bytes()],
    "checkpoint": _parts_of_checkpoint,
    "tagger": lambda: [(_export() / "tagger.json").read_bytes()],
    "request": lambda: _REQUESTS,
    "json_line": lambda: [*_REQUESTS[:1], _TOKENS],
    "hosts": lambda: [b"node1 slots=2\n# comment\n10.0.0.1 slots=1\n"],
    "launch_settings": lambda: [b"\x00nodes: 2\ntime: '1:00'\n", b"\x01image: some/image\nnamespace: ner\n"],
}
