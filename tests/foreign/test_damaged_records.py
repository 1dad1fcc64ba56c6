"""Records that someone has changed on purpose, with all checksums set right again: a sentence, or a reading as usual.

No field, whatever it becomes, leads to a traceback, to memory that no file justifies, or out of the directory.
"""

from __future__ import annotations

import copy
import json
import random
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from read_back import READERS, make_directories
from sealed_files import edit

from ner_dist.contract.shard_format import file_sha256
from ner_dist.errors import UserError
from ner_dist.foreign.json_files import SEAL

# Changes of each record, of make test and of make test-faults.
FEW, MANY = 20, 700
MOST_BYTES = 100 << 20
VALUES = (None, "text", "../../x", "", -1, 0, 10**12, 10**30, 1e308, True, [], {}, [[]], {"a": 1}, [None], ["text"])


class Target(NamedTuple):
    # A key of READERS, the file in its directory, and what has its size and checksum.
    kind: str
    name: str
    sums: tuple[str, ...] = ()


STATE = "checkpoints/best/state.json"
TARGETS = [
    Target("shards", "index.json"),
    Target("texts", "index.json"),
    Target("shards", "vocab/word.json", ("index.json",)),
    Target("shards", "vocab/char.json", ("index.json",)),
    Target("shards", "vocab/lexicon_PER.json", ("index.json",)),
    Target("run", "result.json"),
    Target("run", STATE),
    Target("run", "checkpoints/best/config.yaml", (STATE,)),
    Target("run", "checkpoints/best/index.json", (STATE,)),
    Target("run", "checkpoints/best/vocab/word.json", ("checkpoints/best/index.json", STATE)),
    Target("export", "tagger.json"),
]


@pytest.fixture(scope="module")
def directories(rich_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_directories(tmp_path_factory.mktemp("damaged"), rich_shards)


def places(record: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all fields; of a long list, those of its first and last item."""
    keys: list[Any] = list(record) if isinstance(record, dict) else []
    if isinstance(record, list) and record:
        keys = sorted({0, len(record) - 1})
    for key in keys:
        yield (*path, key)
        yield from places(record[key], (*path, key))


def changes(record: Any) -> Iterator[Callable[[Any], None]]:
    """Every field dropped, renamed, doubled, of every other type, huge and negative."""
    for *path, key in places(record):

        def parent(root: Any, path: list[Any] = path) -> Any:
            for part in path:
                root = root[part]
            return root

        def drop(root: Any, parent: Any = parent, key: Any = key) -> None:
            del parent(root)[key]

        def rename(root: Any, parent: Any = parent, key: Any = key) -> None:
            inside = parent(root)
            if isinstance(inside, dict):
                inside[f"{key}x"] = inside.pop(key)
            else:
                inside.append(inside[key])

        yield drop
        yield rename
        for value in VALUES:

            def replace(root: Any, parent: Any = parent, key: Any = key, value: Any = value) -> None:
                parent(root)[key] = copy.deepcopy(value)

            yield replace


def apply(place: Path, target: Target, change: Callable[[Any], None]) -> None:
    """Change the file, and every record of its size and checksum after it."""
    path = place / target.name
    if path.suffix == ".yaml":
        record = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(record)
        path.write_text(yaml.safe_dump(record, sort_keys=False), encoding="utf-8")
    else:
        edit(path, change)
    for sums in target.sums:
        edit(place / sums, lambda record, sums=sums: _sum_anew(record, (place / sums).parent))


def _sum_anew(record: Any, folder: Path) -> None:
    entries = record["files"] if "files" in record else [*record["vocab"].values()]
    for entry in entries:
        path = folder / entry["path"]
        entry.update(num_bytes=path.stat().st_size, sha256=file_sha256(path))


def damage(place: Path, target: Target, number: int, seed: int) -> tuple[int, int]:
    """How many changes were refused and how many were read. number: of those tried, if there are more."""
    path = place / target.name
    text = path.read_text(encoding="utf-8")
    kept = {name: (place / name).read_bytes() for name in (target.name, *target.sums)}
    record = yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)
    record.pop(SEAL, None)
    tried = list(changes(record))
    refused = read = 0
    for change in random.Random(seed).sample(tried, min(number, len(tried))):
        try:
            apply(place, target, change)
            READERS[target.kind](place)
            read += 1
        except UserError as error:
            assert len(str(error)) < 1000  # noqa: PT017, every one of many
            refused += 1
        finally:
            for name, content in kept.items():
                (place / name).write_bytes(content)
    return refused, read


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.kind} {target.name}")
def test_a_changed_field_is_refused_or_read(directories: dict[str, Path], target: Target) -> None:
    refused, _ = damage(directories[target.kind], target, FEW, 1)
    assert refused > FEW / 2


@pytest.mark.faults
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.kind} {target.name}")
def test_many_changed_fields_are_refused_or_read_in_little_memory(
    directories: dict[str, Path],
    target: Target,
) -> None:
    tracemalloc.start()
    try:
        refused, read = damage(directories[target.kind], target, MANY, 2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    print(f"{target.kind} {target.name}: {refused} refused, {read} read, {peak / 1e6:.0f} MB at most")
    assert peak < MOST_BYTES


def test_nothing_is_written_outside_by_a_set_that_names_other_files(
    directories: dict[str, Path],
    tmp_path: Path,
) -> None:
    place = Path(shutil.copytree(directories["shards"], tmp_path / "a" / "b" / "set"))
    victim = tmp_path / "a" / "module.py"
    victim.write_text("print('mine')")
    entry = {"path": "../../module.py", "num_bytes": victim.stat().st_size, "sha256": file_sha256(victim)}
    edit(place / "index.json", lambda record: record["vocab"].update(evil={**entry, "num_values": 1}))
    with pytest.raises(UserError, match=r"it names the file '../../module.py', expected vocab/evil.json at this place"):
        READERS["shards"](place)
