"""Files other than as text: seekable, beside one another, described for index.json."""

from __future__ import annotations

import gzip
import hashlib
import os
import zipfile
from pathlib import Path

import pytest
from made_archives import put, tarred, zipped

from data_prep.formats.find_sources import expand
from data_prep.sources import text_source
from data_prep.sources.source_files import SourceFile
from data_prep.sources.stored_files import companions, describe, open_seekable, read_sibling, stored_bytes

FIRST = "Ann B-PER\nsings O\n\n"
SECOND = "Oslo B-LOC\nsleeps O\n\n"


def test_progress_tells_of_all_bytes_that_are_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", 1000)
    text = FIRST * 1000
    put(tmp_path, {"plain": text})
    (tmp_path / "c.gz").write_bytes(gzip.compress(text.encode()))
    zipped(tmp_path / "one.zip", {"a": text})
    zipped(tmp_path / "two.zip", {"a": text, "b": SECOND})
    tarred(tmp_path / "c.tar", {"a": text, "b": SECOND})
    for name in ("plain", "c.gz", "one.zip", "two.zip/a", "c.tar/a"):
        (file,) = expand([tmp_path / name])
        seen: list[int] = []
        with text_source.open_bytes(file, seen.append) as blocks:
            assert b"".join(blocks) == text.encode()
        assert sum(seen) == stored_bytes(file), name
        assert min(seen) >= 0
    assert stored_bytes(SourceFile(tmp_path / "plain")) == len(text)
    assert stored_bytes(SourceFile(tmp_path / "absent")) == 0


def test_a_file_is_described_as_it_is_stored(tmp_path: Path) -> None:
    (tmp_path / "c.gz").write_bytes(gzip.compress(FIRST.encode()))
    archive = zipped(tmp_path / "c.zip", {"d/a.ann": "T1\tPER 0 3\tAnn\n", "d/a.txt": "Ann"})
    put(tmp_path, {"folder/x/a": FIRST})
    whole, member = describe(SourceFile(tmp_path / "c.gz")), describe(SourceFile(archive, "d/a.txt"))
    assert (whole["name"], whole["num_bytes"]) == ("c.gz", (tmp_path / "c.gz").stat().st_size)
    assert (member["name"], member["num_bytes"]) == ("c.zip/d/a.txt", 3)
    assert member["sha256"] == hashlib.sha256(b"Ann").hexdigest()
    assert [file.name for file in expand([tmp_path / "folder"])] == ["x/a"]
    (annotation,) = expand([archive])
    assert companions(annotation) == [SourceFile(archive, "d/a.txt")]
    assert companions(SourceFile(tmp_path / "c.gz")) == []


def test_binary_content_is_seekable_wherever_it_is(tmp_path: Path) -> None:
    data = os.urandom(3000)
    (tmp_path / "plain").write_bytes(data)
    (tmp_path / "c").write_bytes(gzip.compress(data))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("a", data)
        archive.writestr("b", gzip.compress(data))
    files = [SourceFile(tmp_path / "plain"), SourceFile(tmp_path / "c")]
    for file in [*files, SourceFile(tmp_path / "c.zip", "a"), SourceFile(tmp_path / "c.zip", "b")]:
        with open_seekable(file) as stream:
            stream.seek(-1000, os.SEEK_END)
            assert stream.read() == data[2000:]
            stream.seek(5)
            assert stream.read(3) == data[5:8]


def test_files_beside_one_are_found_on_disk_and_in_archives(tmp_path: Path) -> None:
    put(tmp_path, {"d/a.ann": "", "d/a.txt": "Ann"})
    archive = tarred(tmp_path / "c.tar", {"d/a.ann": "", "d/a.txt": "Bob", "e/b.ann": ""})
    assert read_sibling(SourceFile(tmp_path / "d" / "a.ann"), "a.txt") == b"Ann"
    assert read_sibling(SourceFile(tmp_path / "d" / "a.ann"), "b.txt") is None
    assert read_sibling(SourceFile(archive, "d/a.ann"), "a.txt") == b"Bob"
    assert read_sibling(SourceFile(archive, "e/b.ann"), "a.txt") is None
    # A temporary file has nothing of its own beside it.
    assert read_sibling(SourceFile(tmp_path / "d" / "a.ann", shown="stdin"), "a.txt") is None
