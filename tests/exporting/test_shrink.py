"""Small exports: fewer bytes, nearly the same emissions, and what loses too much on dev stays as it is."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from encoded import encoded_batch, read_conll

from ner_dist import config
from ner_dist.errors import UserError
from ner_dist.exporting import dev_split, shrink, write_export
from ner_dist.exporting.onnx_graph import _in_8_bits
from ner_dist.exporting.write_export import Exported, export
from ner_dist.prediction import Tagger
from ner_dist.prediction.encoder import Encoder
from ner_dist.prediction.onnx_network import OnnxNetwork
from ner_dist.run import checkpoint

FILES = ["README.md", "model.onnx", "runner.py", "tagger.json"]


@pytest.fixture(scope="module")
def small(text_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Exported]:
    out = tmp_path_factory.mktemp("small") / "small"
    # Of 60 entities, one is more than a part may lose.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shrink, "MOST_LOSS", 0.05)
        return out, export(text_run, "best", out, small=True)


@pytest.fixture(scope="module")
def full(text_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("full") / "full"
    export(text_run, "best", out, compared=False)
    return out


def test_eight_bits_are_off_by_half_a_scale_at_most() -> None:
    values = np.random.default_rng(0).normal(0, 1, (50, 3, 7)).astype(np.float32)
    values[7] = 0
    numbers, scale = _in_8_bits(values)
    assert (numbers.dtype, numbers.shape, scale.shape) == (np.dtype(np.int8), values.shape, (50, 3, 1))
    assert np.abs(numbers * scale - values).max() <= scale.max() / 2 + 1e-6
    assert not (numbers * scale)[7].any()
    # The largest number of a row is kept exactly.
    assert np.abs(numbers).max(-1)[scale[..., 0] != 1].min() == 127


def test_it_is_smaller_and_computes_nearly_the_same(
    small: tuple[Path, Exported], full: Path, synth_corpus: dict[str, Path]
) -> None:
    directory, exported = small
    assert exported.quantisation is not None
    assert exported.quantisation.parts == {"words": "int8", "lstm": "int8"}
    assert exported.num_bytes == (directory / "model.onnx").stat().st_size < (full / "model.onnx").stat().st_size
    tokens, pos = read_conll(synth_corpus["dev"])
    networks = OnnxNetwork(directory), OnnxNetwork(full)
    batch = encoded_batch(Encoder(networks[0].vocabularies), tokens[:20], pos[:20])
    one_TBK, other_TBK = (network.emissions(batch) for network in networks)
    difference = np.abs(one_TBK - other_TBK)[batch.mask_TB > 0].max()
    assert 0 < difference < 0.1 * np.abs(other_TBK).max()


def test_what_was_measured_is_stored_and_no_trial_is_left(small: tuple[Path, Exported]) -> None:
    directory, exported = small
    description = json.loads((directory / "tagger.json").read_text(encoding="utf-8"))
    assert exported.quantisation is not None
    assert description["quantisation"] == dataclasses.asdict(exported.quantisation)
    found = exported.quantisation
    assert found.bytes_after == exported.num_bytes < found.bytes_before
    assert found.dev_f1_before - found.dev_f1_after <= 0.05
    assert found.speed > 0
    assert sorted(path.name for path in directory.iterdir()) == FILES
    assert "words: int8, lstm: int8" in (directory / "README.md").read_text(encoding="utf-8")
    assert Tagger.load(directory).tag(["Ann Lee left."]) is not None


def test_one_text_gets_one_answer_whatever_is_beside_it(small: tuple[Path, Exported]) -> None:
    network = OnnxNetwork(small[0])
    encoder = Encoder(network.vocabularies)
    alone_TBK = network.emissions(encoded_batch(encoder, [["Ann", "left"]], [["NNP", "VBD"]]))
    both_TBK = network.emissions(encoded_batch(encoder, [["Ann", "left"], ["x" * 9] * 7], [["NNP", "VBD"], ["NN"] * 7]))
    assert np.abs(both_TBK[:2, 0] - alone_TBK[:, 0]).max() < 1e-5


def test_a_part_that_loses_too_much_is_left_alone(
    text_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def score(self: dev_split.DevSplit, network: OnnxNetwork) -> tuple[float, float]:
        description = network._path.parent.name
        asked.append(description)
        return {"int8-float32": 0.8, "float16-int8": 0.8995}.get(description, 0.9), 1.0

    monkeypatch.setattr(dev_split.DevSplit, "score", score)
    found = export(text_run, "best", tmp_path / "out", compared=False, small=True).quantisation
    assert found is not None
    assert found.parts == {"words": "float16", "lstm": "int8"}
    assert found.left_alone == {"words int8": pytest.approx(0.1)}
    assert (found.dev_f1_before, found.dev_f1_after, found.speed) == (0.9, 0.8995, 1.0)
    # In this order, then both in turns.
    assert asked[1:4] == ["int8-float32", "float16-float32", "float16-int8"]


def test_if_every_part_loses_too_much_the_export_is_a_full_one(
    text_run: Path, full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shrink, "MOST_LOSS", -2.0)
    exported = export(text_run, "best", tmp_path / "out", compared=False, small=True)
    assert exported.quantisation is not None
    assert exported.quantisation.parts == {}
    assert set(exported.quantisation.left_alone) == {"words int8", "words float16", "lstm int8"}
    assert (tmp_path / "out" / "model.onnx").read_bytes() == (full / "model.onnx").read_bytes()


def test_without_the_shards_it_cannot_be_measured_and_nothing_is_written(text_run: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(text_run, tmp_path / "run", symlinks=True))
    place = moved / "checkpoints" / "best"
    saved = checkpoint.load(place)
    elsewhere = dataclasses.replace(saved.config, data=config.Data(shards=str(tmp_path / "gone")))
    with pytest.raises(
        UserError, match=r"--small and --fast measure on dev what they lose, but .*gone: the shard .* does not exist"
    ):
        write_export._open_dev(dataclasses.replace(saved, config=elsewhere))


def test_a_fast_one_multiplies_in_8_bits(text_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shrink, "MOST_LOSS", 0.1)
    exported = export(text_run, "best", tmp_path / "out", compared=False, fast=True)
    assert exported.quantisation is not None
    assert exported.quantisation.parts == {"lstm": "int8 arithmetic"}
    operators = {node.op_type for node in onnx.load(tmp_path / "out" / "model.onnx").graph.node}
    assert "DynamicQuantizeLSTM" in operators
    assert "LSTM" not in operators
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES
    # What it advises is nobody's business.
    assert logging.root.manager.disable == logging.NOTSET


def test_small_and_fast_together_try_arithmetic_before_storage(
    text_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(self: dev_split.DevSplit, network: OnnxNetwork) -> tuple[float, float]:
        return {"int8-int8 arithmetic": 0.8}.get(network._path.parent.name, 0.9), 1.0

    monkeypatch.setattr(dev_split.DevSplit, "score", score)
    found = export(text_run, "best", tmp_path / "out", compared=False, small=True, fast=True).quantisation
    assert found is not None
    assert found.parts == {"words": "int8", "lstm": "int8"}
    assert list(found.left_alone) == ["lstm int8 arithmetic"]
