"""Which file may import which: the arrows of the design, read from the sources themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import ROOT

ROOMS = ("bench", "data_prep", "job", "launch", "ner_dist", "tests")


def name_of(path: Path) -> str:
    """The dotted name of a file's module; a package bears the name of its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {name_of(path): path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}


def imported_names(tree: ast.Module) -> Iterator[str]:
    """Dotted names of all imports, also those inside functions; `from a import b` gives a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(name: str) -> str:
    """The project's file that an imported name comes from, or the outermost package of another project."""
    parts = name.split(".")
    candidates = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((candidate for candidate in candidates if candidate in SOURCES), parts[0])


IMPORTS = {name: {module_of(imported) for imported in imported_names(tree)} for name, tree in TREES.items()}


def of_room(room: str) -> list[str]:
    return [name for name in SOURCES if name.split(".")[0] == room]


def reached(name: str) -> set[str]:
    """All that is imported with a file, by whatever way."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = IMPORTS.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def test_all_rooms_are_looked_into() -> None:
    assert {"ner_dist.train", "ner_dist", "data_prep.__main__", "ner_dist.ranks.environment", "bench.run"} <= set(
        SOURCES
    )
    assert "mxnet" in reached("ner_dist.train")
    assert IMPORTS["ner_dist.train"] >= {"ner_dist.config", "ner_dist.ranks.rank_process", "ner_dist.training.loop"}


def test_data_prep_imports_only_the_contract_and_itself() -> None:
    project = {module for name in of_room("data_prep") for module in IMPORTS[name] if module in SOURCES}
    assert {module for module in project if not module.startswith("data_prep")} == {
        "ner_dist.contract.lexicon_matching",
        "ner_dist.contract.shard_format",
        "ner_dist.contract.tag_schemes",
        "ner_dist.contract.spelling",
        "ner_dist.contract.word_lookup",
    }


def test_data_prep_never_reaches_mxnet_or_horovod() -> None:
    for name in of_room("data_prep"):
        assert not reached(name) & {"mxnet", "horovod"}, name


def test_nothing_but_tests_imports_data_prep() -> None:
    importers = {name for name, modules in IMPORTS.items() if any(m.split(".")[0] == "data_prep" for m in modules)}
    assert {name.split(".")[0] for name in importers} == {"data_prep", "tests"}


def test_ner_dist_imports_itself_and_the_environment_of_a_rank() -> None:
    project = {module for name in of_room("ner_dist") for module in IMPORTS[name] if module in SOURCES}
    assert {module for module in project if not module.startswith("ner_dist")} == {"ner_dist.ranks.environment"}


def test_the_packages_of_commands_know_nothing_of_each_other() -> None:
    packages = ("exporting", "serving", "reporting")
    for package in packages:
        others = tuple(f"ner_dist.{other}" for other in packages if other != package)
        importers = [name for name in SOURCES if name.startswith(f"ner_dist.{package}")]
        assert importers
        for name in importers:
            assert not [module for module in IMPORTS[name] if module.startswith(others)], name
    # And training knows of none of them, nor of prediction.
    above = tuple(f"ner_dist.{package}" for package in ("prediction.", *packages))
    assert not [module for module in reached("ner_dist.train") if module.startswith(above)]


def test_horovod_is_imported_by_comm_alone() -> None:
    importers = {name for name, modules in IMPORTS.items() if "horovod" in modules and not name.startswith("tests")}
    # The second only starts ranks.
    assert importers == {"ner_dist.ranks.comm", "launch.without_mxnet"}


def test_horovods_own_broadcast_is_not_used() -> None:
    # In 0.28.1 it reads the name of the exchange after that may have been freed, and crashes the rank now and then.
    used = {node.attr for node in ast.walk(TREES["ner_dist.ranks.comm"]) if isinstance(node, ast.Attribute)}
    assert "allgather" in used
    assert not {name for name in used if name.startswith(("broadcast_", "alltoall"))}


@pytest.mark.parametrize(
    "name",
    [
        "errors",
        "shard_format",
        "shard_table",
        "spans",
        "words",
        "spelling",
        "lexicon",
        "config",
        "plan",
        "chapters",
        "flat",
        "distinct",
        "batches",
        "predicted",
        "reader",
        "dropout",
        "char_cnn",
        "crf",
        "score",
        "viterbi",
    ],
)
def test_what_needs_no_mxnet_does_not_reach_it(name: str) -> None:
    assert not reached(f"ner_dist.{name}") & {"mxnet", "horovod"}


def test_the_plan_and_the_score_do_no_input_or_output() -> None:
    for name in ("plan", "chapters", "score", "spans", "viterbi", "crf", "char_cnn", "dropout", "distinct"):
        foreign = {module for module in IMPORTS[f"ner_dist.{name}"] if module not in SOURCES}
        assert foreign <= {"__future__", "collections", "dataclasses", "numpy", "typing"}, name


@pytest.mark.parametrize("room", ["ner_dist", "data_prep", "launch", "bench"])
def test_imports_run_one_way(room: str) -> None:
    for name in of_room(room):
        # A package's own file stands for the package, which its parts may ask for its version.
        if SOURCES[name].name != "__init__.py":
            assert name not in reached(name), f"{name} is imported, by a detour, by itself"


def test_what_nobody_imports_is_what_can_be_started() -> None:
    for room in ("ner_dist", "data_prep"):
        importable = {name for name in of_room(room) if SOURCES[name].name != "__init__.py"}
        started = {name for name in importable if 'if __name__ == "__main__":' in SOURCES[name].read_text()}
        imported = {module for name, modules in IMPORTS.items() if not name.startswith("tests") for module in modules}
        assert importable - imported == started


def test_every_file_says_first_what_it_does() -> None:
    silent = [name for name, tree in TREES.items() if not (ast.get_docstring(tree) or "").split("\n")[0].endswith(".")]
    assert silent == []


def test_every_file_is_named_for_its_job() -> None:
    empty_names = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [name for name, path in SOURCES.items() if empty_names & {path.stem, path.parent.name}] == []
