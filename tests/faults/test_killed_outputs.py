"""Whatever is written is the old or the new, whole, when its process is killed or the disk is full at any operation.

The tests of `make test` try some operations of each output, those marked `faults` all of them.
"""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from kill_at import full_disk_at, killed_at, needs_system_calls, operations

from data_prep.__main__ import main as prepare
from data_prep.fetching.fetch import fetch
from data_prep.fetching.package_client import Package
from data_prep.fetching.resources import Resource
from ner_dist import atomic_file
from ner_dist.atomic_file import whole_directory, whole_file
from ner_dist.errors import UserError

pytestmark = needs_system_calls

_SENTENCE = "Ann{0} B-PER\nleft O\nRome{0} B-LOC\n. O\n\n"
_SPLIT = ("--split-by", "sentence", "--on-unseen-type", "keep")
# Of all operations, how many `make test` tries.
_NUM_TRIED = 4
# From which on a second run is tried after every tenth only.
_MANY = 50


def _run(*arguments: object) -> None:
    """A command of data_prep. Raises UserError with what it prints if it fails."""
    with contextlib.redirect_stderr(io.StringIO()) as printed, contextlib.redirect_stdout(io.StringIO()):
        code = prepare([str(argument) for argument in arguments])
    if code:
        raise UserError(printed.getvalue())


def _corpus(place: Path, number: int) -> Path:
    """Not beside the place, where it would count as written."""
    path = place.parent.parent / f"corpus-{number}.conll"
    path.write_text("".join(map(_SENTENCE.format, range(30 * number))))
    return path


def _build(place: Path, number: int) -> None:
    _run("build", "--train", _corpus(place, number), *_SPLIT, "--num-shards", 2, "--out", place)


def _convert(place: Path, number: int) -> None:
    _run("convert", _corpus(place, number), place, "--to", "jsonl")


def _synth(place: Path, number: int) -> None:
    place.mkdir(exist_ok=True)
    _run("synth", "--sentences", 10 * number, "--seed", 7, "--out", place)


def _file(place: Path, number: int) -> None:
    with whole_file(place) as file:
        for _ in range(40):
            file.write(f"{number}\n" * 1000)


def _directory(place: Path, number: int) -> None:
    """As exports and checkpoints are written."""
    with whole_directory(place) as partial:
        (partial / "vocab").mkdir()
        for name in ("model.bin", "vocab/words.txt"):
            (partial / name).write_text(f"{number}\n" * 3000)


def _fetched(place: Path, number: int) -> None:
    def make(files: dict[str, Path], built: Path) -> None:
        (built / "words.txt").write_bytes(files["one"].read_bytes() * number)

    def download(package: Package, directory: Path) -> None:
        (directory / package.file_name).write_bytes(b"words\n")

    sha256 = "ff646650bc064e5981d37e75caf62e8551f146dff3b8967dd9cf36d263480e3a"
    packages = (Package("pip", "one", "1.0.0", "one.whl", 6, sha256, "MIT"),)
    resource = Resource(place.name, "for tests only", packages, make, edition=number)
    fetch([place.name], place.parent, lambda text: None, download, {place.name: resource})


def _output_of_predict(place: Path, number: int) -> None:
    from ner_dist.predicting.one_file import _output

    with _output(place) as file:
        for _ in range(40):
            file.write(f"{number}\n".encode() * 1000)


# Each writes its place, a file or a directory whose content depends on the number given.
OUTPUTS: dict[str, Callable[[Path, int], None]] = {
    "file": _file,
    "directory": _directory,
    "shards": _build,
    "conversion": _convert,
    "predictions": _output_of_predict,
    "fetched": _fetched,
}


def content(place: Path) -> dict[str, bytes] | None:
    """Every file of a place; None if there is nothing."""
    if place.is_file():
        return {"": place.read_bytes()}
    if not place.is_dir():
        return None
    return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


class Case(NamedTuple):
    place: Path
    write: Callable[[], None]
    reset: Callable[[], None]
    old: dict[str, bytes] | None
    new: dict[str, bytes] | None

    def names(self) -> list[str]:
        return sorted(path.name for path in self.place.parent.iterdir())


@pytest.fixture(params=list(OUTPUTS))
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[bool], Case]:
    write = OUTPUTS[request.param]

    def make(had_old: bool) -> Case:
        place = tmp_path / f"work-{had_old}" / "out"
        place.parent.mkdir()
        write(place, 2)
        new = content(place)
        write(place, 1)
        old = content(place) if had_old else None
        assert new != old

        def reset() -> None:
            if had_old:
                write(place, 1)
            else:
                atomic_file._remove(place)

        return Case(place, lambda: write(place, 2), reset, old, new)

    return make


def check_killed(case: Case, numbers: Iterator[int]) -> int:
    """How many were tried."""
    for count, i in enumerate(numbers):
        case.reset()
        assert content(case.place) == case.old
        if not killed_at(i, case.write):
            return count
        assert content(case.place) in (case.old, case.new), f"killed at {i}"
        if i > _MANY and i % 10:
            # A shard set is written in hundreds of operations, most of them like the one before.
            continue
        # Nothing needs to be removed by hand.
        case.write()
        assert content(case.place) == case.new, f"after the kill at {i}"
        assert case.names() == ["out"], f"after the kill at {i}"
    return -1


def check_full(case: Case, numbers: Iterator[int], error: int = errno.ENOSPC) -> None:
    for i in numbers:
        case.reset()
        ended = full_disk_at(i, case.write, error)
        if ended.error is None:
            return
        assert content(case.place) in (case.old, case.new), f"full at {i}"
        # Complete downloads are kept for the next run.
        left = set(case.names()) - {"packages"}
        assert left == (set() if content(case.place) is None else {"out"}), f"full at {i}"
        # One sentence.
        assert issubclass(ended.error, (UserError, OSError)), ended
        lines = [line for line in ended.message.splitlines() if not line.startswith("no shards were written")]
        assert len(lines) == 1, ended


def some(case: Case) -> Iterator[int]:
    """A few of the operations, the first and the last among them."""
    case.reset()
    total = operations(case.write)
    return iter(sorted({round(k * (total - 1) / (_NUM_TRIED - 1)) for k in range(_NUM_TRIED)}))


def test_a_kill_leaves_the_old_or_the_new(case: Callable[[bool], Case]) -> None:
    made = case(True)
    check_killed(made, some(made))


def test_a_full_disk_leaves_the_old_and_one_sentence(case: Callable[[bool], Case]) -> None:
    made = case(True)
    check_full(made, some(made))


def test_a_read_only_disk_is_one_sentence(case: Callable[[bool], Case]) -> None:
    made = case(False)
    check_full(made, iter((0,)), errno.EROFS)
    assert content(made.place) is None


@pytest.mark.faults
@pytest.mark.parametrize("had_old", [True, False])
def test_a_kill_at_any_operation_leaves_the_old_or_the_new(case: Callable[[bool], Case], had_old: bool) -> None:
    assert check_killed(case(had_old), itertools.count()) > 3


@pytest.mark.faults
def test_a_disk_that_is_full_from_any_operation_on_leaves_the_old_and_one_sentence(
    case: Callable[[bool], Case],
) -> None:
    check_full(case(True), itertools.count())


@pytest.mark.faults
def test_where_one_rename_is_not_enough_readers_still_find_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on network file systems."""
    monkeypatch.setattr(atomic_file, "_exchange", lambda one, other: False)
    place = tmp_path / "work" / "out"
    place.parent.mkdir()
    _directory(place, 2)
    new = content(place)
    for i in itertools.count():
        _directory(place, 1)
        old = content(place)
        if not killed_at(i, lambda: _directory(place, 2)):
            break
        assert content(atomic_file.latest(place)) in (old, new)
        _directory(place, 2)
        assert content(place) == new
        assert [path.name for path in place.parent.iterdir()] == ["out"]
    assert i > 10


def test_files_of_a_synthetic_corpus_are_whole_each(tmp_path: Path) -> None:
    place = tmp_path / "out"
    _synth(place, 2)
    whole = content(place)
    _synth(place, 1)
    before = content(place)
    assert whole
    assert before
    for i in (2, operations(lambda: _synth(place, 2)) - 2):
        _synth(place, 1)
        killed_at(i, lambda: _synth(place, 2))
        found = content(place) or {}
        assert all(data in (before.get(name), whole.get(name)) for name, data in found.items() if name[0] != ".")
        _synth(place, 2)
        assert content(place) == whole
