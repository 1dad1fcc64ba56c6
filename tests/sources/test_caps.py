"""Files of which more comes than anybody's corpus has are refused in one sentence, before they fill memory or disk."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from made_archives import tarred, zipped
from read_files import read_files

from data_prep.problems import CorpusError
from data_prep.sources import caps as caps_module
from data_prep.sources.archives import archive_at
from data_prep.sources.caps import Caps
from data_prep.sources.source_files import SourceFile
from data_prep.sources.text_source import open_bytes, text_blocks

_TEXT = b"Ann B-PER\n\n" * 20_000
_SMALL = Caps(unpacked_gb=1e-4)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ratio counts from 10 kB on."""
    monkeypatch.setattr(caps_module, "MIN_RATIO_BYTES", 10_000)


def _read(path: Path, caps: Caps) -> int:
    with open_bytes(SourceFile(path, caps=caps)) as blocks:
        return sum(map(len, blocks))


def _zip(path: Path) -> None:
    zipped(path, {"a": _TEXT.decode()})


def _tar(path: Path) -> None:
    tarred(path, {"a": _TEXT.decode()}, "w:gz")


PACKED: dict[str, Callable[[Path], object]] = {
    "gz": lambda path: path.write_bytes(gzip.compress(_TEXT)),
    "bz2": lambda path: path.write_bytes(bz2.compress(_TEXT)),
    "xz": lambda path: path.write_bytes(lzma.compress(_TEXT)),
    "zst": lambda path: path.write_bytes(pa.compress(_TEXT, "zstd", asbytes=True)),
    "gz in gz": lambda path: path.write_bytes(gzip.compress(gzip.compress(_TEXT))),
    "zip": _zip,
    "tar.gz": _tar,
}


@pytest.mark.parametrize("kind", PACKED)
def test_what_becomes_too_large_is_refused_and_an_option_allows_it(tmp_path: Path, kind: str) -> None:
    PACKED[kind](tmp_path / "c")
    with pytest.raises(CorpusError, match=r"c.*: unpacked it has more than 0.0001 GB; .* --max-unpacked-gb N$"):
        _read(tmp_path / "c", _SMALL)
    assert _read(tmp_path / "c", Caps()) == len(_TEXT)


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.usefixtures("soon")
def test_what_becomes_too_many_times_its_size_is_refused(tmp_path: Path, kind: str) -> None:
    PACKED[kind](tmp_path / "c")
    with pytest.raises(CorpusError, match=r"more than 20 times as much, .* allow it with --max-ratio N$"):
        _read(tmp_path / "c", Caps(ratio=20))
    assert _read(tmp_path / "c", Caps(ratio=100_000)) == len(_TEXT)


def test_a_file_compressed_again_and_again_is_refused(tmp_path: Path) -> None:
    data = b"a O\n"
    for _ in range(5):
        data = gzip.compress(data)
    (tmp_path / "c").write_bytes(data)
    with pytest.raises(CorpusError, match="c: compressed more than twice; unpack it"):
        _read(tmp_path / "c", Caps())


@pytest.mark.parametrize("make", [zipped, tarred])
def test_too_many_files_are_refused(tmp_path: Path, make: Callable[..., Path]) -> None:
    path = make(tmp_path / "c", dict.fromkeys("abc", "a O\n"))
    with pytest.raises(CorpusError, match=r"c: the archive holds more than 2 files; .* --max-files N"):
        archive_at(path, Caps(files=2))


def test_a_zip_whose_files_share_their_bytes_is_refused(tmp_path: Path) -> None:
    """As of bombs that are small for what comes of them."""
    path = zipped(tmp_path / "c", {"a": _TEXT.decode()})
    data = path.read_bytes()
    begin, (count,) = data.index(b"PK\x01\x02"), struct.unpack_from("<H", data, len(data) - 12)
    entry = data[begin : len(data) - 22]
    end = bytearray(data[len(data) - 22 :])
    assert count == 1
    struct.pack_into("<HHI", end, 8, 30, 30, 30 * len(entry))
    names = b"".join(entry.replace(b"a", b"%c" % (ord("A") + i)) for i in range(30))
    path.write_bytes(data[:begin] + names + end)
    with pytest.raises(CorpusError, match="c: the compressed file is damaged or incomplete"):
        archive_at(path)


def test_a_list_of_files_that_is_said_to_be_huge_is_not_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "c", {"a": "a O\n"})
    data = bytearray(path.read_bytes())
    struct.pack_into("<II", data, len(data) - 10, 4_000_000_000, 0)
    path.write_bytes(data)
    with pytest.raises(CorpusError, match="c: "):
        archive_at(path)


def test_a_tar_whose_list_never_ends_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("a")
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    # Of a size of -512 bytes the next header is this one.
    header[124:136] = b"\xff" * 10 + b"\xfe\x00"
    header[148:156] = b" " * 8
    header[148:155] = b"%06o\0" % sum(header)
    (tmp_path / "c").write_bytes(header + bytes(1024))
    with pytest.raises(CorpusError, match="c: the compressed file is damaged or incomplete"):
        archive_at(tmp_path / "c")


def test_headers_of_headers_without_end_are_no_traceback(tmp_path: Path) -> None:
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 2
    link = member.tobuf(tarfile.GNU_FORMAT) + b"a\0" + bytes(510)
    (tmp_path / "c").write_bytes(link * 3000 + bytes(1024))
    with pytest.raises(CorpusError, match="c: the archive is damaged"):
        archive_at(tmp_path / "c")


def test_links_in_a_tar_lead_nowhere(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "c", "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            member = tarfile.TarInfo(f"link{kind!r}")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        member = tarfile.TarInfo("a")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"a O\n"))
    found = archive_at(tmp_path / "c")
    assert found is not None
    assert list(found.names) == ["a"]


def test_names_of_members_are_never_paths(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for name in ("../../a.conll", "/etc/b.conll"):
            archive.writestr(name, "a O\n")
    assert read_files(tmp_path / "c.zip").formats == {"c.zip//etc/b.conll": "conll"}
    assert [path.name for path in tmp_path.iterdir()] == ["c.zip"]


def test_names_that_are_no_text_are_shown_as_text(tmp_path: Path) -> None:
    """They would end in a traceback, or write to the terminal what they like."""
    with tarfile.open(tmp_path / "c", "w") as archive:
        for name in ("caf\udce9.conll", "\x1b[2J.conll"):
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"a O\n"))
    assert sorted(read_files(tmp_path / "c").formats) == [r"c/\x1b[2J.conll", r"c/caf\udce9.conll"]


def test_a_line_that_is_too_long_is_refused_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a O\n" + "a" * 2_000_000)
    with pytest.raises(CorpusError, match=r"c:2: a line of more than 1 million characters; .* --max-line-mb N"):
        list(text_blocks(SourceFile(tmp_path / "c", caps=Caps(line_mb=1)), "utf-8"))
    assert len(list(text_blocks(SourceFile(tmp_path / "c"), "utf-8"))) == 2
