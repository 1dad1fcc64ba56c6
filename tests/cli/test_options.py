"""Options declared as dataclass fields: every kind of field, and what the help says about it."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any, Literal, Optional

import pytest

from ner_dist.cli.options import bounded, docstrings, make_parser, nested, option, read_options
from ner_dist.errors import UserError


def _fractions(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


@dataclasses.dataclass(frozen=True)
class Reading:
    """How files are read."""

    format: str = option("auto", choices=("auto", "conll"), help="computed " + "text", group="reading")
    column: Optional[int] = option(None, group="reading")
    """a column, of 100 %
    in all"""
    scheme: str = option("bio", group="reading")
    """tag scheme"""
    files: tuple[str, ...] = option((), metavar="FILE", group="reading")
    """more files"""
    split: tuple[float, ...] = option((0.8, 0.2), type=_fractions, nargs=None)
    """fractions"""

    def __post_init__(self) -> None:
        if self.scheme == "none":
            raise UserError("no such scheme")


@dataclasses.dataclass(frozen=True)
class Base:
    """Not seen."""

    out: Path = option()
    """where to write"""
    count: int = 0
    """overridden below"""


@dataclasses.dataclass(frozen=True)
class Convert(Base):
    """Write a corpus in another format.

    Nothing else is changed.
    """

    source: Path = option(Path("in.txt"), positional=True, metavar="IN")
    """file to read"""
    count: int = option(3, least=1, most=9)
    """how many"""
    share: float = option(0.5, least=0)
    """a share"""
    mode: Literal["fast", "slow"] = "fast"
    """how to work"""
    quiet: bool = False
    """no output"""
    no_color: bool = option(True, names=("--plain", "-p"))
    """no colours"""
    names: list[str] = option(["a"], completer=lambda **_: ["a", "b"])
    """which"""
    reading: Reading = nested(
        Reading, only=("format", "column", "scheme", "files", "split"), names={"scheme": ("--from-scheme",)}
    )
    strict: Reading = nested(Reading, only=())


def parser(**more: Any) -> argparse.ArgumentParser:
    return make_parser(Convert, "prog", usage="[IN] --out PATH [OPTION ...]", example="corpus.txt --out x", **more)


def read(*words: str) -> Convert:
    return read_options(Convert, parser().parse_args([*words]))


def helped(**more: Any) -> str:
    return " ".join(parser(**more).format_help().split())


def test_without_options_every_field_has_its_default() -> None:
    assert read("--out", "x") == Convert(Path("x"))
    assert read("--out", "x").reading == Reading()


def test_every_kind_of_field_is_read_as_its_annotation_says() -> None:
    line = "other --out x --count 9 --share 2.5 --mode slow --quiet -p --names b c --format conll --column 2"
    more = "--from-scheme bilou --files one two --split 0.7,0.2,0.1"
    assert read(*line.split(), *more.split()) == Convert(
        Path("x"),
        source=Path("other"),
        count=9,
        share=2.5,
        mode="slow",
        quiet=True,
        no_color=False,
        names=["b", "c"],
        reading=Reading("conll", 2, "bilou", ("one", "two"), (0.7, 0.2, 0.1)),
    )


def test_an_option_of_several_values_may_be_given_several_times() -> None:
    found = read("--out", "x", "--files", "one", "two", "--files", "three", "--names", "b", "--names", "a")
    assert (found.reading.files, found.names) == (("one", "two", "three"), ["b", "a"])
    assert read("--out", "x", "--split", "1", "--split", "0.5,0.5").reading.split == (0.5, 0.5)
    # Neither call changed the defaults.
    assert read("--out", "x") == Convert(Path("x"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "the following arguments are required: --out"),
        ("--out x --count 0", "argument --count: 0 is out of range; expected 1 to 9"),
        ("--out x --share -0.5", "argument --share: -0.5 is out of range; expected 0 or more"),
        ("--out x --count much", "argument --count: invalid int value: 'much'"),
        ("--out x --mode lazy", "argument --mode: invalid choice: 'lazy'"),
        ("--out x --format csv", "argument --format: invalid choice: 'csv'"),
        ("--out x --split a", "argument --split: invalid _fractions value: 'a'"),
        ("--out x --scheme bio", "unrecognized arguments: --scheme"),
    ],
)
def test_what_cannot_be_read_is_named(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read(*line.split())
    assert message in capsys.readouterr().err


def test_an_error_of_the_dataclass_comes_through() -> None:
    with pytest.raises(UserError, match="no such scheme"):
        read("--out", "x", "--from-scheme", "none")


def test_defaults_are_not_shared_between_two_of_a_kind() -> None:
    Convert(Path("x")).names.append("b")
    assert Convert(Path("x")).names == ["a"]


def test_docstrings_come_from_bases_too_and_the_nearest_counts() -> None:
    texts = docstrings(Convert)
    assert (texts["out"], texts["count"]) == ("where to write", "how many")
    assert docstrings(Reading)["column"] == "a column, of 100 % in all"


def test_help_begins_with_usage_description_example_and_the_options_one_needs() -> None:
    text = parser(first=("out", "source", "reading.column")).format_help()
    begin = [
        "usage: prog [IN] --out PATH [OPTION ...]",
        "",
        "Write a corpus in another format.",
        "",
        "Nothing else is changed.",
        "",
        "Example:",
        "  prog corpus.txt --out x",
        "",
        "most used:",
    ]
    assert text.splitlines()[: len(begin)] == begin
    places = [text.index(f"\n  {name}") for name in ("--out", "IN", "--column", "-h", "--count", "--format")]
    assert places == sorted(places)
    assert text.count("\nreading:\n") == 1


def test_help_says_what_an_option_is_and_its_default() -> None:
    text = helped()
    for expected in (
        "--out PATH where to write -",
        "--count N how many (default 3)",
        "--share N a share (default 0.5)",
        "--mode {fast,slow} how to work (default fast)",
        "--quiet no output -",
        "--plain, -p no colours -",
        "--names TEXT [TEXT ...] which (default a)",
        "--format {auto,conll} computed text (default auto)",
        "--column N a column, of 100 % in all -",
        "--from-scheme TEXT tag scheme (default bio)",
        "--files FILE [FILE ...] more files",
        "--split N fractions (default 0.8,0.2)",
        "IN file to read (default in.txt)",
    ):
        assert expected in text


def test_zero_is_a_default_to_show() -> None:
    @dataclasses.dataclass
    class Zero:
        """Zero."""

        seed: int = 0
        """seed"""

    assert "seed (default 0)" in make_parser(Zero, "prog", usage="", example="").format_help()


def test_a_parser_may_fill_a_subcommand_and_completers_are_where_argcomplete_looks() -> None:
    top = argparse.ArgumentParser()
    into = top.add_subparsers(dest="command").add_parser("convert")
    assert make_parser(Convert, "prog convert", usage="", example="", into=into) is into
    arguments = top.parse_args(["convert", "--out", "x"])
    assert read_options(Convert, arguments) == Convert(Path("x"))
    (names,) = [action for action in into._actions if action.dest == "names"]
    assert names.completer() == ["a", "b"]  # type: ignore[attr-defined]


def test_bounds_hold_for_numbers_of_any_kind() -> None:
    assert bounded(float, 0, 1)("0.25") == 0.25
    with pytest.raises(argparse.ArgumentTypeError, match="2 is out of range; expected 0 to 1"):
        bounded(int, 0, 1)("2")
