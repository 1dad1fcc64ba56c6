"""Archives: many members, damage, passwords."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from made_archives import put, tarred, zipped
from read_files import read_files

from data_prep.problems import CorpusError
from data_prep.sources.archives import archive_at

FIRST = "Ann B-PER\nsings O\n\n"


def test_a_thousand_small_members_are_opened_in_turn(tmp_path: Path) -> None:
    files = {f"d/{i:04d}.conll": FIRST for i in range(1000)}
    for archive in (zipped(tmp_path / "c.zip", files), tarred(tmp_path / "c.tgz", files, "w:gz")):
        found = read_files(archive)
        assert len(found.sentences) == 1000
        assert found.sentences[-1].file.endswith("0999.conll")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "c.zip", {"a": FIRST})
    data = bytearray(archive.read_bytes())
    # The flag of encryption, in the header of the member and in the directory.
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + place] |= 1
    archive.write_bytes(data)
    with pytest.raises(CorpusError, match=r"c\.zip: the zip cannot be read \(.*encrypted.*\); unpack it"):
        read_files(archive)


def test_a_zip_whose_names_are_not_what_they_claim_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "c.zip", {"é": FIRST})
    archive.write_bytes(archive.read_bytes().replace("é".encode(), b"\x9d\x9d"))
    with pytest.raises(CorpusError, match=r"c\.zip: the compressed file is damaged .*a name in it"):
        read_files(archive)


def test_a_tar_that_is_damaged_in_the_middle_is_not_taken_for_a_shorter_one(tmp_path: Path) -> None:
    archive = tarred(tmp_path / "c.tar", dict.fromkeys("abc", FIRST))
    data = bytearray(archive.read_bytes())
    # The header of the second member.
    data[1024:1040] = b"x" * 16
    archive.write_bytes(data)
    with pytest.raises(CorpusError, match=r"c\.tar: the compressed file is damaged or incomplete"):
        archive_at(archive)


def test_a_tar_that_was_cut_off_is_named(tmp_path: Path) -> None:
    archive = tarred(tmp_path / "c.tar", {"a": FIRST, "b": FIRST * 200})
    archive.write_bytes(archive.read_bytes()[:2000])
    with pytest.raises(CorpusError, match="damaged or incomplete"):
        archive_at(archive)


def test_links_in_a_tar_lead_nowhere(tmp_path: Path) -> None:
    put(tmp_path, {"secret": "Ann B-PER\n"})
    path = tmp_path / "c.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("a")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        archive.addfile(link)
        member = tarfile.TarInfo("../b")
        member.size = len(FIRST)
        archive.addfile(member, io.BytesIO(FIRST.encode()))
    found = archive_at(path)
    assert found is not None
    assert list(found.names) == ["../b"]
    assert read_files(path).tokens == [["Ann", "sings"]]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["c.tar", "secret"]


def test_text_is_not_an_archive(tmp_path: Path) -> None:
    put(tmp_path, {"text": FIRST * 100, "empty": "", "zeros": "\0" * 2000})
    assert [archive_at(tmp_path / name) for name in ("text", "empty", "zeros")] == [None, None, None]
