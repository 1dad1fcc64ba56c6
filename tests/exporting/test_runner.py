"""The runner in an export stands alone, and tags as the project does."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from encoded import encoded_batch, read_conll
from hypothesis import given
from hypothesis import strategies as st
from random_runs import CRF, random_run

from ner_dist.contract import lexicon_matching, tag_schemes, word_lookup
from ner_dist.contract.spelling import CAPS, capitalisation
from ner_dist.exporting import write_export
from ner_dist.foreign.json_files import seal
from ner_dist.model.entities import concatenate_sentences
from ner_dist.model.viterbi import decode
from ner_dist.prediction.encoder import Encoder
from ner_dist.prediction.onnx_network import OnnxNetwork

SOURCE = Path(write_export.__file__).with_name(write_export.RUNNER_NAME)


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("runner", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUNNER = load(SOURCE)


def test_it_is_at_most_66_lines_of_code() -> None:
    text = SOURCE.read_text(encoding="utf-8")
    tree = ast.parse(text)
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(tree) if isinstance(node, kinds) and ast.get_docstring(node)]
    docstrings = {line for node in nodes for line in range(node.body[0].lineno, node.body[0].end_lineno + 1)}
    lines = [line.strip() for number, line in enumerate(text.splitlines(), 1) if number not in docstrings]
    assert len([line for line in lines if line and not line.startswith("#")]) <= 66


def test_it_needs_onnxruntime_and_numpy_alone() -> None:
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names - {"hashlib", "itertools", "json", "re", "sys", "unicodedata"} == {"numpy", "onnxruntime"}


@pytest.mark.parametrize("name", ["tagger.json", "model.onnx"])
def test_it_notices_damage(name: str, tmp_path: Path) -> None:
    # Not exported: the checksums are compared first.
    (tmp_path / "model.onnx").write_bytes(b"network")
    text = seal({"model": {"sha256": sha256(b"network").hexdigest()}})
    (tmp_path / "tagger.json").write_text(text)
    path = tmp_path / name
    path.write_bytes(path.read_bytes().replace(b"e", b"f", 1))
    with pytest.raises(ValueError, match=r"tagger\.json or model\.onnx is damaged; export the run again"):
        RUNNER.Tagger(str(tmp_path))


@pytest.fixture(scope="module")
def exports(
    rich_shards: Path, synth_shards: Path, tiny_knobs: list[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """One of a model with every part, and one of the smallest model."""
    folder = tmp_path_factory.mktemp("runner")
    whole = [*tiny_knobs, "--model.features", "null", "--model.vectors", "require", "--model.char_width", "5", *CRF]
    bare = [*tiny_knobs, "--model.features", "[]", "--model.char_filters", "0"]
    for name, shards, knobs in (("whole", rich_shards, whole), ("bare", synth_shards, bare)):
        write_export.export(random_run(folder / f"run-{name}", shards, knobs), None, folder / name, compared=False)
    return {name: folder / name for name in ("whole", "bare")}


def sentences(path: Path) -> tuple[list[list[str]], list[list[str]]]:
    """Sentences of a corpus and odd ones, with parts of speech."""
    tokens, pos = read_conll(path)
    odd = ["<pad>", "<unk>", "<unk-upper>", "Ж", "жж", "ǅ", "1996-08-22", "A1b2", "x" * 300, "→", "\ud800", "İstanbul"]
    return [*tokens, odd, [], ["Mr.", *odd[::-1]]], [*pos, ["NNP"] * len(odd), [], ["none such"] * (len(odd) + 1)]


def labels(network: OnnxNetwork, tokens: list[list[str]]) -> dict[str, list[list[str]]]:
    """The labels of the lexicon features, which a caller of the runner must supply."""
    found = {}
    for feature in network.vocabularies.features:
        if feature.entries is not None and feature.parts is not None:
            matcher = lexicon_matching.build_matcher(
                (entry.split(" ") for entry in feature.entries), lexicon_matching.PartialMatch(*feature.parts)
            )
            found[feature.name] = [
                [
                    lexicon_matching.LABELS[code]
                    for code in lexicon_matching.match(
                        matcher, lexicon_matching.token_codes(matcher, s), np.array([len(s)])
                    )
                ]
                for s in tokens
            ]
    return found


@pytest.mark.parametrize("name", ["whole", "bare"])
def test_its_tags_are_those_of_the_project(name: str, exports: dict[str, Path], synth_corpus: dict[str, Path]) -> None:
    network = OnnxNetwork(exports[name])
    tokens, pos = sentences(synth_corpus["test"])
    given_labels = labels(network, tokens)
    assert len(given_labels) == (2 if name == "whole" else 0)
    found = load(exports[name] / "runner.py").Tagger(str(exports[name])).tag(tokens, pos=pos, **given_labels)
    assert [len(tags) for tags in found] == [len(sentence) for sentence in tokens]
    filled = [i for i, sentence in enumerate(tokens) if sentence]
    made = encoded_batch(Encoder(network.vocabularies), [tokens[i] for i in filled], [pos[i] for i in filled])
    tag_TB = decode(network.emissions(made), made.length_B, network.transition_scores)
    names = tag_schemes.bilou_tags(network.vocabularies.entity_types)
    tag_M, _ = concatenate_sentences(tag_TB, made.length_B)
    assert [names[tag] for tag in tag_M] == list(itertools.chain.from_iterable(found))
    assert len({tag for tags in found for tag in tags}) > 5


def test_a_missing_input_is_named(exports: dict[str, Path]) -> None:
    tagger = RUNNER.Tagger(str(exports["whole"]))
    with pytest.raises(ValueError, match=r"the model also uses lexicon_\w+, lexicon_\w+; give tag\(\)"):
        tagger.tag([["John"]], pos=[["NNP"]])


def test_as_a_program_it_prints_a_tag_per_token(
    exports: dict[str, Path], synth_corpus: dict[str, Path], tmp_path: Path
) -> None:
    tokens, _ = read_conll(synth_corpus["test"])
    text = "\n\n".join("\n".join(sentence) for sentence in tokens[:30]) + "\n"
    # Away from the project.
    command = [sys.executable, str(exports["bare"] / "runner.py"), str(exports["bare"])]
    finished = subprocess.run(command, cwd=tmp_path, input=text, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")
    blocks = finished.stdout.removesuffix("\n\n").split("\n\n")
    rows = [[line.split(" ") for line in block.split("\n")] for block in blocks]
    assert [[row[0] for row in block] for block in rows] == tokens[:30]
    assert [[row[1] for row in block] for block in rows] == RUNNER.Tagger(str(exports["bare"])).tag(tokens[:30])


TOKENS = st.text(st.sampled_from("aAbB01ßǅЖж-"), min_size=1, max_size=4)


@given(TOKENS | st.text(min_size=1))
def test_its_capitalisation_is_that_of_preparation(token: str) -> None:
    assert RUNNER.capitalisation(token) == capitalisation(token)
    assert RUNNER.capitalisation(token) in CAPS


@given(st.data(), st.lists(TOKENS, unique=True, max_size=8), st.booleans(), st.booleans())
def test_its_words_are_those_of_preparation(data: Any, known: list[str], keep_case: bool, keep_digits: bool) -> None:
    values = ["<pad>", "<unk>", *known]
    bare = data.draw(st.none() | st.sets(st.sampled_from(range(len(values)))).map(lambda ids: sorted({0, 1, *ids})))
    tagger = RUNNER.Tagger.__new__(RUNNER.Tagger)
    tagger.vocab = {"keep_case": keep_case, "keep_digits": keep_digits}
    tagger.ids = {"word": {value: i for i, value in enumerate(values) if i > 1}}
    tagger.bare = {values[i] for i in bare or range(len(values))}
    expected = word_lookup.word_id_lookup(values, keep_case, keep_digits, bare)
    for token in data.draw(st.lists(TOKENS | st.sampled_from(values), max_size=8)):
        assert tagger.ids["word"].get(tagger.word(token), 1) == expected(token)
