"""Preparation against servers of S3, Google Cloud Storage and Azure: the same bytes, or one clear sentence."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_servers import BUCKET, SCHEMES, Server, running

from data_prep.__main__ import main
from ner_dist.contract.shard_format import file_sha256
from ner_dist.stores.addresses import parse_address
from ner_dist.stores.objects import list_objects, upload
from ner_dist.stores.published import published

pytestmark = pytest.mark.stores
ONE = ("--num-shards", "1")


@pytest.fixture(params=SCHEMES)
def server(
    request: pytest.FixtureRequest, tmp_path: Path, synth_corpus: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """With the corpus below raw/, which is in the current folder, too."""
    monkeypatch.setenv("NER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NER_STORE_RETRIES", "2")
    monkeypatch.setenv("NER_STORE_TIMEOUT", "5")
    monkeypatch.chdir(tmp_path)
    with running(request.param, tmp_path / "servers") as server:
        for name, value in server.variables().items():
            monkeypatch.setenv(name, value)
        (tmp_path / "raw").mkdir()
        for path in synth_corpus.values():
            shutil.copy(path, tmp_path / "raw")
            upload(path, parse_address(f"{server.scheme}://{BUCKET}/raw/{path.name}"))
        yield server


def test_a_set_is_built_in_a_bucket_from_files_there(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    bucket = f"{server.scheme}://{BUCKET}"
    assert main(["build", "--train", f"{bucket}/raw/tr*.conll", *ONE, "--out", f"{bucket}/sets/one"]) == 0
    assert main(["build", "--train", "raw/train.conll", *ONE, "--out", "one"]) == 0
    found = published(parse_address(f"{bucket}/sets/one"))
    assert found is not None
    sums = {path.relative_to("one").as_posix(): file_sha256(path) for path in Path("one").rglob("*") if path.is_file()}
    assert {name: file.sha256 for name, file in found.files.items()} == sums
    assert main(["convert", f"{bucket}/sets/one", f"{bucket}/dev.conll.gz", "--split", "dev"]) == 0
    assert main(["convert", "one", "dev.conll.gz", "--split", "dev"]) == 0
    assert main(["convert", f"{bucket}/dev.conll.gz", "back.conll"]) == 0
    assert main(["convert", "dev.conll.gz", "here.conll"]) == 0
    assert Path("back.conll").read_bytes() == Path("here.conll").read_bytes()
    capsys.readouterr()
    assert main(["build", "--train", f"{bucket}/raw", *ONE, "--out", f"{bucket}/raw"]) == 1
    assert f"--out {bucket}/raw holds dev.conll but no index.json" in capsys.readouterr().err


def test_a_missing_bucket_is_named(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    absent = f"{server.scheme}://absent-bucket"
    assert main(["build", "--train", f"{absent}/raw/train.conll", *ONE, "--out", "one"]) == 1
    assert f"{absent}/raw/train.conll" in capsys.readouterr().err
    assert not Path("one").exists()
    assert main(["build", "--train", "raw/train.conll", *ONE, "--out", f"{absent}/one"]) == 1
    assert absent in capsys.readouterr().err


def test_a_server_that_is_gone_leaves_nothing(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    bucket = f"{server.scheme}://{BUCKET}"
    server.kill()
    assert main(["build", "--train", f"{bucket}/raw/train.conll", *ONE, "--out", "one"]) == 1
    said = capsys.readouterr().err
    assert f"{bucket}/raw/train.conll" in said
    assert "Traceback" not in said
    assert not Path("one").exists()
    server.start()
    if server.scheme == "s3":
        server.make_bucket()
    assert "sets" not in {name.partition("/")[0] for name, _ in list_objects(parse_address(bucket))}
