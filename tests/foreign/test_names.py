"""A name in a foreign record becomes a path inside its directory, or an error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_dist.errors import UserError
from ner_dist.foreign.errors import ForeignFileError, advising
from ner_dist.foreign.names import is_plain, member, shortened


@pytest.mark.parametrize("name", ["a", "vocab/word.json", "ü", "..a", "a..", ".hidden", "x" * 255, "a b"])
def test_plain_names_are_paths_inside(tmp_path: Path, name: str) -> None:
    assert member(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../a", "a/..", "a/../b", "/a", "//a", "a//b", "a/", "./a", "a/./b", "a\\b", "C:", "C:/a"),
        *("a\nb", "a\0", "\x85", "x" * 256, "\ud800", 1, None, True, ["a"], b"a"),
    ],
)
def test_all_other_names_are_refused(tmp_path: Path, name: object) -> None:
    with pytest.raises(ForeignFileError, match="is not a plain name of a file inside this directory") as caught:
        member(tmp_path, name)
    assert str(caught.value).isprintable()


@given(st.text(max_size=20))
def test_no_text_leads_out(name: str) -> None:
    if is_plain(name):
        place = Path("/some/where")
        assert Path(os.path.normpath(place / name)).parts[:3] == place.parts
        assert "\0" not in name


def test_links_that_lead_out_are_refused_and_others_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "set", tmp_path / "outside"
    inside.mkdir()
    (outside / "deep").mkdir(parents=True)
    (inside / "real").write_text("")
    for link, target in (("near", "real"), ("far", outside / "x"), ("folder", outside), ("up", ".."), ("self", "self")):
        (inside / link).symlink_to(target)
    assert member(inside, "near") == inside / "near"
    for name in ("far", "folder/deep", "folder/x", "up/outside/x", "self"):
        with pytest.raises(ForeignFileError, match=r"by a link|its place cannot be found"):
            member(inside, name)
    # The directory itself may be one.
    (tmp_path / "link").symlink_to(inside)
    assert member(tmp_path / "link", "real") == tmp_path / "link" / "real"


def test_what_is_found_is_shown_on_one_short_line() -> None:
    assert shortened("a\nb") == "'a\\nb'"
    assert len(shortened("x" * 10**7)) < 80
    assert len(shortened(list(range(10**6)))) < 80
    # 60 characters with the quotes are shown whole, and one more is not.
    assert shortened("x" * 58) == "'" + "x" * 58 + "'"
    assert shortened("x" * 59) == "'" + "x" * 59 + "..."
    # Of what is cut, no more is written out than may be shown.
    assert shortened("'" * 61) == '"' + "'" * 59 + "..."
    assert shortened("abc", 4) == "'abc..."
    assert shortened(b"x" * 10**9, 3) == "b'x..."
    assert shortened(["a"] * 5, 30) == "['a', 'a', 'a', 'a', 'a']"


def test_the_reader_says_what_to_do() -> None:
    class MyError(UserError):
        pass

    with pytest.raises(MyError, match=r"^x: wrong; do this$") as caught, advising(MyError, "do this"):
        raise ForeignFileError("x: wrong")
    assert isinstance(caught.value.__cause__, ForeignFileError)
    with pytest.raises(MyError, match=r"^own$"), advising(MyError, "do this"):
        raise MyError("own")
