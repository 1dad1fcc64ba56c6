"""Exports give the emissions and tags of MXNet for every kind of model, are written whole, or are refused clearly."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import sealed_files
from encoded import encoded_batch, read_conll
from processes import ROOT, Job, alone, run
from random_runs import CRF, random_run

from ner_dist import config
from ner_dist.contract.tag_schemes import allowed_transitions
from ner_dist.contract.tokenizers import choose
from ner_dist.data.batch import Batch
from ner_dist.errors import UserError
from ner_dist.exporting import compare, onnx_graph, write_export
from ner_dist.prediction import Tagger
from ner_dist.prediction.documents import Sentence, document_of_tokens
from ner_dist.prediction.encoder import Encoder
from ner_dist.prediction.export_format import FORBIDDEN, input_names, tensor_spec
from ner_dist.prediction.mxnet_network import CheckpointNetwork
from ner_dist.prediction.onnx_network import OnnxNetwork
from ner_dist.run import checkpoint

VARIANTS = {
    "softmax": ("synth", ["--model.features", "null"]),
    "crf": ("synth", CRF),
    "no characters": ("synth", ["--model.char_filters", "0"]),
    "no character types": ("synth", ["--model.char_type_units", "0"]),
    "width 1": ("synth", ["--model.char_width", "1"]),
    "width 5": ("synth", ["--model.char_width", "5", *CRF]),
    "two layers": ("synth", ["--model.lstm_layers", "2", *CRF]),
    "no features": ("synth", ["--model.features", "[]"]),
    "vectors and lexicon": ("rich", ["--model.vectors", "require", *CRF]),
    "vectors ignored": ("rich", ["--model.vectors", "ignore", "--model.features", "[lexicon]"]),
}


@pytest.fixture(scope="module")
def whole_run(rich_shards: Path, tiny_knobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unfinished run of a model with every part."""
    knobs = [*tiny_knobs, "--model.features", "null", "--model.vectors", "require", *CRF]
    made = random_run(tmp_path_factory.mktemp("whole") / "run", rich_shards, knobs)
    (made / "result.json").unlink()
    return made


@pytest.fixture(scope="module")
def exported(whole_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "whole"
    write_export.export(whole_run, "best", out)
    return out


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    """To be damaged."""
    return Path(shutil.copytree(exported, tmp_path / "copy"))


def sentences(path: Path) -> list[Sentence]:
    tokens, pos = read_conll(path)
    return document_of_tokens(tokens, {"pos": pos}).sentences


@pytest.mark.parametrize("name", VARIANTS)
def test_emissions_and_tags_are_those_of_mxnet(
    name: str,
    synth_corpus: dict[str, Path],
    tiny_knobs: list[str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    shards, knobs = VARIANTS[name]
    made = random_run(tmp_path / "run", request.getfixturevalue(f"{shards}_shards"), [*tiny_knobs, *knobs])
    write_export.export(made, None, tmp_path / "out", compared=False)
    mxnet, exported = CheckpointNetwork(made / "checkpoints" / "best", "cpu"), OnnxNetwork(tmp_path / "out")
    assert exported.vocabularies == mxnet.vocabularies
    assert [
        np.array_equal(*pair) for pair in zip(exported.transition_scores.allowed(), mxnet.transition_scores.allowed())
    ] == [True] * 3
    found = compare.compare(mxnet, exported, sentences(synth_corpus["test"]), "")
    assert found.emission < compare.TOLERANCE
    assert found.num_other_tags == 0
    # A model with the same emissions everywhere would prove little.
    assert mxnet.emissions(_batch(exported, synth_corpus)).std(axis=(0, 1)).min() > 0.2


def _batch(network: OnnxNetwork, corpus: dict[str, Path]) -> Batch:
    tokens, pos = read_conll(corpus["dev"])
    return encoded_batch(Encoder(network.vocabularies), tokens[:20], pos[:20])


def test_tagging_with_it_finds_what_the_run_finds(
    whole_run: Path, exported: Path, synth_corpus: dict[str, Path]
) -> None:
    tokens, pos = read_conll(synth_corpus["test"])
    theirs, ours = (Tagger.load(path).tag_tokens(tokens, pos) for path in (whole_run, exported))
    assert sum(map(len, theirs)) > 20
    for their, our in zip(theirs, ours):
        assert [entity._replace(confidence=0) for entity in our] == [e._replace(confidence=0) for e in their]
        assert [entity.confidence for entity in our] == pytest.approx([e.confidence for e in their], abs=1e-5)


def test_padding_and_other_sentences_change_nothing(exported: Path, synth_corpus: dict[str, Path]) -> None:
    network = OnnxNetwork(exported)
    encoder = Encoder(network.vocabularies)
    tokens, pos = read_conll(synth_corpus["dev"])
    order = np.argsort([len(sentence) for sentence in tokens])[:: len(tokens) // 6].tolist()
    together = network.emissions(encoded_batch(encoder, [tokens[i] for i in order], [pos[i] for i in order]))
    for column, i in enumerate(order):
        length = len(tokens[i])
        alone_TBK = network.emissions(encoded_batch(encoder, [tokens[i]], [pos[i]]))
        assert np.abs(together[:length, column] - alone_TBK[:, 0]).max() < 1e-6


def test_values_at_padding_do_not_matter(exported: Path, synth_corpus: dict[str, Path]) -> None:
    network = OnnxNetwork(exported)
    made = _batch(network, synth_corpus)
    padding_TB = made.mask_TB == 0
    assert padding_TB.any()
    rng = np.random.default_rng(0)
    word_TB = np.where(padding_TB, rng.integers(0, len(made.word_ids_W), padding_TB.shape), made.word_TB)
    spelling_TB = np.where(padding_TB, rng.integers(0, len(made.char_NC), padding_TB.shape), made.spelling_TB)
    feature_FTB = np.where(padding_TB, 1, made.feature_FTB)
    other = made._replace(word_TB=word_TB, spelling_TB=spelling_TB, feature_FTB=feature_FTB)
    assert np.array_equal(*(network.emissions(b)[~padding_TB] for b in (made, other)))


def test_the_files_agree_on_the_inputs(exported: Path) -> None:
    assert sorted(path.name for path in exported.iterdir()) == ["README.md", "model.onnx", "runner.py", "tagger.json"]
    record = json.loads((exported / "tagger.json").read_text(encoding="utf-8"))
    model = onnx.load(exported / "model.onnx")
    assert [put.name for put in model.graph.input] == list(record["inputs"])
    assert list(record["inputs"]) == input_names(OnnxNetwork(exported).vocabularies)
    assert {"caps", "pos", "lexicon_LOC"} <= set(record["inputs"])
    for value in (*model.graph.input, *model.graph.output):
        said = (record["inputs"] | record["output"])[value.name]
        dims = [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        assert dims == [len(record["tags"]) if axis == "K" else axis for axis in said["axes"]]
        assert said["type"] == tensor_spec(value.name).type
    # Versions that onnxruntime 1.16 can read.
    assert (model.opset_import[0].version, model.ir_version) == (17, 8)


def test_the_scores_forbid_what_bilou_forbids(exported: Path) -> None:
    record = json.loads((exported / "tagger.json").read_text(encoding="utf-8"))
    names = ("start", "transition", "end")
    for allowed, name in zip(allowed_transitions((len(record["tags"]) - 1) // 4), names):
        assert np.array_equal(np.array(record["scores"][name]) == FORBIDDEN, ~allowed)


def test_the_description_says_where_it_came_from(exported: Path, whole_run: Path, tmp_path: Path) -> None:
    origin = json.loads((exported / "tagger.json").read_text(encoding="utf-8"))["origin"]
    saved = checkpoint.load(whole_run / "checkpoints" / "best")
    assert (origin["run"], origin["checkpoint"], origin["epoch"]) == (str(whole_run), "best", saved.progress.epoch)
    assert origin["dev_f1"] == saved.progress.best_f1
    assert origin["config"] == dataclasses.asdict(saved.config)
    assert origin["versions"]["onnx"] == onnx.__version__


def test_the_same_run_gives_the_same_bytes(whole_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_export, "utc", lambda _: "2026-11-30T08:05:00Z")
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        write_export.export(whole_run, "best", tmp_path / folder / "same", compared=False)
    for path in (tmp_path / "one" / "same").iterdir():
        assert (tmp_path / "other" / "same" / path.name).read_bytes() == path.read_bytes()


def test_an_export_is_replaced_and_anything_else_is_not(whole_run: Path, copy: Path, tmp_path: Path) -> None:
    (copy / "model.onnx").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    for out in (copy, tmp_path / "empty"):
        write_export.export(whole_run, "best", out, compared=False)
        OnnxNetwork(out)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "tagger.json").write_text('{"tags": []}')
    (tmp_path / "file").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    for name in ("foreign", "file"):
        with pytest.raises(UserError, match=rf"{name} exists and is not an export, so it is not overwritten"):
            write_export.export(whole_run, "best", tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_fails_leaves_nothing_behind(
    whole_run: Path, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in copy.iterdir()}
    monkeypatch.setattr(compare, "TOLERANCE", 0.0)
    for out in (copy, tmp_path / "new"):
        with pytest.raises(
            UserError, match=r"emissions differ from MXNet's by .* on 40 sentences of dev, expected at most 0"
        ):
            write_export.export(whole_run, "best", out)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(onnx, "save", full)
    with pytest.raises(UserError, match=r"could not be written \(No space left on device\)"):
        write_export.export(whole_run, "best", copy)
    assert {path: path.read_bytes() for path in copy.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_emissions_that_are_nan_are_a_difference(exported: Path, synth_corpus: dict[str, Path]) -> None:
    class NanNetwork(OnnxNetwork):
        def emissions(self, batch: Batch) -> np.ndarray:
            return super().emissions(batch) * np.nan

    found = compare.compare(OnnxNetwork(exported), NanNetwork(exported), sentences(synth_corpus["dev"]), "")
    assert not found.emission <= compare.TOLERANCE


def test_without_the_shards_sentences_are_made_up(exported: Path, whole_run: Path) -> None:
    saved = checkpoint.load(whole_run / "checkpoints" / "best")
    network = OnnxNetwork(exported)
    of_dev, name = compare.sample_sentences(saved, network.vocabularies)
    assert (len(of_dev), name) == (saved.index.num_sentences("dev"), "sentences of dev")
    moved = dataclasses.replace(saved.config, data=config.Data(shards="/nowhere"))
    made_up, name = compare.sample_sentences(dataclasses.replace(saved, config=moved), network.vocabularies)
    assert name == "made-up sentences"
    mxnet = CheckpointNetwork(whole_run / "checkpoints" / "best", "cpu")
    assert compare.compare(mxnet, network, made_up, name).emission < compare.TOLERANCE


def test_what_cannot_be_exported_is_named(
    whole_run: Path, tiny_knobs: list[str], synth_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with pytest.raises(
        UserError, match=r"the run is not finished; continue it with --train.resume true, or name the checkpoint"
    ):
        write_export.export(whole_run, None, out)
    with pytest.raises(UserError, match="no checkpoint there; is this the directory of a run"):
        write_export.export(tmp_path, None, out)
    with pytest.raises(UserError, match="last: no checkpoint there"):
        write_export.export(whole_run, "last", out)
    monkeypatch.setattr(onnx_graph, "MAX_BYTES", 10_000)
    with pytest.raises(UserError, match=r"more than 0 MB, and an ONNX file holds at most 0; train with fewer words"):
        write_export.export(whole_run, "best", out)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match=r"^export needs onnx, which is not installed; pip install 'ner-dist\[train\]'"):
        write_export.export(whole_run, "best", out)
    assert list(tmp_path.iterdir()) == []


def test_a_feature_of_any_name_is_an_input_and_the_tokenizer_is_kept(
    synth_shards: Path, tiny_knobs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    knobs = [*tiny_knobs, "--model.features", "[pos]"]
    made = random_run(tmp_path / "run", synth_shards, knobs)

    name = "chunk"

    class ChunkNetwork(CheckpointNetwork):
        """As of a corpus of Chinese texts with chunks."""

        def __init__(self, place: Path, device: str) -> None:
            super().__init__(place, device)
            (pos,) = self.vocabularies.features
            self.vocabularies = dataclasses.replace(
                self.vocabularies,
                features=[dataclasses.replace(pos, name=name)],
                tokenizer=choose("characters", None),
                tokenizer_applied=True,
            )
            arrays = self.checkpoint.arrays.items()
            renamed = {key.replace("feature_pos", f"feature_{name}"): array for key, array in arrays}
            self.checkpoint = dataclasses.replace(self.checkpoint, arrays=renamed)

    monkeypatch.setattr(write_export, "CheckpointNetwork", ChunkNetwork)
    write_export.export(made, None, tmp_path / "out", compared=False)
    vocabularies = json.loads((tmp_path / "out" / "tagger.json").read_text(encoding="utf-8"))["vocabularies"]
    assert vocabularies["tokenizer"] == {"name": "characters", "language": "", "version": "1"}
    tagger = Tagger.load(tmp_path / "out")
    assert (tagger.given_features, tagger.tokenizer) == (["chunk"], choose("characters", None))
    assert len(tagger.tag_tokens([["Ada"]], chunk=[["NNP"]])) == 1
    with pytest.raises(UserError, match="trained with the token feature chunk, which the input does not have"):
        tagger.tag(["Ada"])
    with pytest.raises(UserError, match=r"cut by the tokenizer characters, and rules \(en\) is asked for"):
        Tagger.load(tmp_path / "out", tokenizer="rules")
    name = "char"
    with pytest.raises(UserError, match="the token feature char has the name of another input of the network"):
        write_export.export(made, None, tmp_path / "other", compared=False)


def test_an_export_of_version_1_is_read_as_one_of_a_corpus_of_tokens() -> None:
    old = ROOT / "tests" / "version_2" / "export"
    assert json.loads((old / "tagger.json").read_text(encoding="utf-8"))["version"] == 1
    found = OnnxNetwork(old).vocabularies
    assert (found.tokenizer, found.tokenizer_applied) == (choose("rules", "en"), False)


def _edit(directory: Path, change: Callable[[Any], object]) -> None:
    sealed_files.edit(directory / "tagger.json", change)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda d: (d / "tagger.json").write_text('{"format'),
            r"tagger.json: not readable as JSON .*the file is damaged",
        ),
        (lambda d: (d / "tagger.json").write_text("[]"), r"tagger.json: not the description of an export"),
        (lambda d: (d / "tagger.json").write_text('{"model": 1}'), r"tagger.json: not the description of an export"),
        (lambda d: (d / "tagger.json").unlink(), r"tagger.json: not readable \(No such file or directory\)"),
        (lambda d: _edit(d, lambda r: r.update(version=9)), r"format version 9, this code reads versions 1 to 4"),
        (lambda d: _edit(d, lambda r: r.pop("scores")), r"the field scores is missing.*the file is damaged"),
        (lambda d: _edit(d, lambda r: r["scores"]["end"].pop()), r"scores are not for \d+ tags"),
        (lambda d: _edit(d, lambda r: r["vocabularies"].pop("words")), r"the field vocabularies.words is missing"),
        (lambda d: _edit(d, lambda r: r["vocabularies"].update(more=1)), r"the field vocabularies.more is unknown"),
        (
            lambda d: _edit(d, lambda r: r["scores"]["end"].__setitem__(0, None)),
            r"scores\.end\[0\] is None, expected a n",
        ),
        (lambda d: _edit(d, lambda r: r["tags"].reverse()), r"tags is .*, expected those of entity_types"),
        (lambda d: _edit(d, lambda r: r["inputs"].pop("char")), r"model, inputs or output have other names"),
        (lambda d: _edit(d, lambda r: r["model"].update(path="../x")), r"model, inputs or output have other names"),
        (
            lambda d: _edit(d, lambda r: r["vocabularies"]["words"].append(r["vocabularies"]["words"][5])),
            r"'words' has .* one twice",
        ),
        (lambda d: _edit(d, lambda r: r["vocabularies"].update(max_characters=-1)), r"max_characters .* out of range"),
        (lambda d: _edit(d, lambda r: r["vocabularies"]["character_types"].pop()), r"character_types has others"),
        (
            lambda d: _edit(d, lambda r: r["vocabularies"].update(without_vector=[3, 2])),
            r"without_vector has ids out of",
        ),
        (
            lambda d: _edit(d, lambda r: r["origin"].update(epoch="x")),
            r"the field origin.epoch is 'x', expected",
        ),
        (lambda d: _replace(d / "tagger.json", b'"LOC"', b'"LOK"'), r"tagger.json: its own checksum is .*damaged"),
        (lambda d: _replace(d / "tagger.json", b"-1e+30", b"NaN"), r"NaN is not a number"),
        (lambda d: (d / "model.onnx").unlink(), r"model.onnx: not readable .*the export is damaged"),
        (lambda d: _flip(d / "model.onnx"), r"model.onnx: checksum .*, tagger.json has .*the export is damaged"),
    ],
)
def test_damage_to_an_export_is_named_in_one_sentence(copy: Path, damage: object, message: str) -> None:
    damage(copy)  # type: ignore[operator]
    with pytest.raises(UserError, match=message) as raised:
        OnnxNetwork(copy)
    assert "\n" not in str(raised.value)


def test_a_network_that_is_smaller_than_its_vocabulary_is_one_sentence(copy: Path) -> None:
    # Of another export, say: the checksum is its own.
    _edit(copy, lambda r: r["vocabularies"]["words"].extend(f"new{i}" for i in range(9)))
    network = OnnxNetwork(copy)
    batch = encoded_batch(Encoder(network.vocabularies), [["new8", "new7"]], [["NNP", "NNP"]])
    with pytest.raises(UserError, match=r"model\.onnx: the network does not take its own vocabularies' ids"):
        network.emissions(batch)


def _replace(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_network_that_onnxruntime_cannot_read_is_named(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise onnxruntime.capi.onnxruntime_pybind11_state.Fail("Unsupported model IR version: 8")

    monkeypatch.setattr(onnxruntime, "InferenceSession", refuse)
    with pytest.raises(UserError, match=r"onnxruntime [\d.]+ cannot read it \(Unsupported model IR version: 8\)"):
        OnnxNetwork(copy)


def test_it_uses_as_many_threads_as_it_is_given(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for given, expected in (("1", 1), ("2,1", 2), (None, len(os.sched_getaffinity(0)))):
        monkeypatch.setenv("OMP_NUM_THREADS", given or "")
        if given is None:
            monkeypatch.delenv("OMP_NUM_THREADS")
        options = OnnxNetwork(exported)._session.get_session_options()
        assert options.intra_op_num_threads == expected


# None of these may be loaded by whatever works with an export.
UNWANTED = re.compile(r"\b(mxnet|horovod|onnx|ner_dist\.training|ner_dist\.evaluation|ner_dist\.ranks\.horovod_comm)\b")


def test_the_library_loads_nothing_of_training_for_an_export(exported: Path) -> None:
    code = (
        "import sys; from ner_dist.prediction import Tagger; "
        f"Tagger.load({str(exported)!r}).tag_tokens([['John', 'ran']], [['NNP', 'VBD']]); "
        "print(*sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    assert "onnxruntime" in found.stdout.split()
    assert UNWANTED.findall(found.stdout) == []


def test_predict_loads_nothing_of_training_for_an_export(exported: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "ner_dist.predict", exported, "--from", "jsonl"]
    record = '{"tokens": ["John", "ran"], "pos": ["NNP", "VBD"]}'
    found = subprocess.run(command, cwd=ROOT, input=record, capture_output=True, text=True, check=False)
    assert (found.returncode, json.loads(found.stdout)["text"]) == (0, "John ran"), found.stderr
    assert "onnxruntime" in found.stderr
    assert UNWANTED.findall(found.stderr) == []


def test_serve_loads_nothing_of_training_for_an_export(exported: Path) -> None:
    words = alone("ner_dist.serve", exported, "--port", 0)
    with Job([words[0], "-X", "importtime", *words[1:]], ROOT) as job:
        job.wait_until(lambda: "Ctrl-C ends it" in job._text(job._out))
        job.signal(signal.SIGTERM)
        assert job.wait().code == 0
        imported = job._text(job._err)
    assert "onnxruntime" in imported
    assert UNWANTED.findall(imported) == []


def test_the_command_prints_what_it_wrote_and_how_it_differs(
    synth_shards: Path, tiny_knobs: list[str], tmp_path: Path
) -> None:
    made = random_run(tmp_path / "run", synth_shards, tiny_knobs)
    options = ("--name", "news", "--version", "2.1")
    finished = run(alone("ner_dist.export", "run", "--onnx", "out", *options), tmp_path)
    assert (finished.code, finished.errors) == (0, [])
    first, second = finished.out.splitlines()
    size = (tmp_path / "out" / "model.onnx").stat().st_size / 1e6
    assert first == f"out: run (best checkpoint, epoch 1, dev entity F1 50.00), {size:,.1f} MB, called news@2.1"
    origin = json.loads((tmp_path / "out" / "tagger.json").read_text())["origin"]
    assert (origin["name"], origin["version"], origin["created"][-1]) == ("news", "2.1", "Z")
    assert second.startswith("largest difference from MXNet's emissions ")
    assert second.endswith(" on 40 sentences of dev")
    assert "other tags 0 of " in second
    with pytest.raises(UserError, match=r"--version 2 1: expected 1 to 100 letters"):
        write_export.export(made, None, tmp_path / "other", model_version="2 1")
    shutil.rmtree(made / "checkpoints")
    finished = run(alone("ner_dist.export", "run", "--onnx", "out"), tmp_path)
    assert finished.code == 1
    assert finished.errors == ["error: run/checkpoints/best: no checkpoint there; is this the directory of a run?"]
