"""Outputs are whole or not there, and compressed as their names say."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from data_prep.passes.whole_output import whole_output


@pytest.mark.parametrize(
    ("ending", "unpack"),
    [("", bytes), (".gz", gzip.decompress), (".XZ", lzma.decompress), (".bz2", bz2.decompress)],
)
def test_a_name_says_how_the_content_is_packed(tmp_path: Path, ending: str, unpack) -> None:  # type: ignore[no-untyped-def]
    contents = []
    for name in ("a", "b"):
        with whole_output(str(tmp_path / f"{name}{ending}")) as file:
            file.write(b"content " * 50)
        contents.append((tmp_path / f"{name}{ending}").read_bytes())
    assert unpack(contents[0]) == b"content " * 50
    assert contents[0] == contents[1]


def test_nothing_is_left_of_an_output_that_failed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("older")

    def fail() -> None:
        with whole_output(str(tmp_path / "a")) as file:
            file.write(b"half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "older")]
