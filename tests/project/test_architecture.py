"""The walls of the house: which folder may import which, as docs/design.md says, and what each command loads."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import ROOT

FOLDERS = ("bench", "data_prep", "job", "launch", "ner_dist", "tests")


def name_of(path: Path) -> str:
    """The dotted name of a file's module; a package has the name of its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {name_of(path): path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))}
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


def of_folder(folder: str) -> list[str]:
    return [name for name in SOURCES if name.split(".")[0] == folder]


def reached(name: str) -> set[str]:
    """All that is imported with a file, directly or not."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = IMPORTS.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def walls(folder: str) -> list[tuple[list[str], list[str] | None]]:
    """The rows of a folder's table in docs/design.md: places, and what they may import; None: everything below."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = text.split(f"<!-- walls: {folder} -->\n")[1].split("\n\n")[0]
    rows = []
    for line in table.splitlines()[2:]:
        places, _, allowed = line.strip().strip("|").split("|")
        named = [f"{folder}/{name.rstrip('/').removesuffix('.py')}" for name in re.findall(r"`([^`]+)`", places)]
        names = re.findall(r"`([^`]+)`", allowed)
        full = [name if name.startswith("ner_dist/") else f"{folder}/{name}" for name in names]
        rows.append((named, None if "everything below" in allowed else full))
    return rows


WALLS = [row for folder in ("ner_dist", "data_prep", "launch") for row in walls(folder)]
PLACES = [place for places, _ in WALLS for place in places]


def place_of(module: str) -> str:
    """The row's place that a module lies in."""
    path = SOURCES[module].relative_to(ROOT).with_suffix("").as_posix()
    return next((place for place in PLACES if path == place or path.startswith(f"{place}/")), path)


def test_all_folders_are_looked_into() -> None:
    assert {"ner_dist.train", "ner_dist", "data_prep.__main__", "ner_dist.ranks.environment", "bench.run"} <= set(
        SOURCES
    )
    assert "mxnet" in reached("ner_dist.train")
    assert len(walls("ner_dist")) > 15
    assert walls("data_prep")[0][0] == ["data_prep/__main__"]


@pytest.mark.parametrize("folder", ["ner_dist", "data_prep", "launch"])
def test_every_file_stands_in_the_table(folder: str) -> None:
    # A top-level package's own file may be left out.
    strangers = [name for name in of_folder(folder) if place_of(name) not in PLACES and name != folder]
    assert strangers == []


@pytest.mark.parametrize("folder", ["ner_dist", "data_prep", "launch"])
def test_imports_keep_to_the_table(folder: str) -> None:
    rows = walls(folder)
    wrong = []
    for number, (places, allowed) in enumerate(rows):
        below = {place for below_places, _ in rows[number + 1 :] for place in below_places}
        for name in of_folder(folder):
            place = place_of(name)
            if place not in places:
                continue
            for module in IMPORTS[name] & SOURCES.keys():
                target = place_of(module)
                anything = target in below or target.startswith("ner_dist/")
                if target != place and not (anything if allowed is None else target in allowed):
                    wrong.append(f"{name} imports {module}")
    assert wrong == []


@pytest.mark.parametrize("folder", ["ner_dist", "data_prep", "launch"])
def test_the_table_itself_runs_one_way(folder: str) -> None:
    rows = walls(folder)
    for number, (places, allowed) in enumerate(rows):
        above = {place for above_places, _ in rows[:number] for place in above_places}
        # Packages' own files hold a version or a program's name.
        assert not {place for place in above & set(allowed or []) if "/__" not in place}, places


@pytest.mark.parametrize("folder", ["ner_dist", "data_prep", "launch"])
def test_what_the_table_allows_is_used(folder: str) -> None:
    for places, allowed in walls(folder):
        used = {
            place_of(m)
            for name in of_folder(folder)
            if place_of(name) in places
            for m in IMPORTS[name] & SOURCES.keys()
        }
        assert set(allowed or []) - used == set(), places


def test_top_level_folders_are_imported_one_way() -> None:
    allowed = {
        "ner_dist": {"ner_dist"},
        "data_prep": {"data_prep", "ner_dist"},
        "launch": {"launch", "ner_dist"},
        "bench": {"bench", "data_prep", "launch", "ner_dist"},
    }
    for folder, others in allowed.items():
        imported = {module.split(".")[0] for name in of_folder(folder) for module in IMPORTS[name]}
        assert imported & set(FOLDERS) <= others, folder


def test_only_the_front_door_names_modules_as_text() -> None:
    naming = {
        name
        for name in (*of_folder("ner_dist"), *of_folder("data_prep"))
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Attribute) and node.attr in ("import_module", "run_module")
    }
    # The table of trackers imports packages of others.
    assert naming == {
        "ner_dist",
        "ner_dist.__main__",
        *(name for name in naming if name.startswith("ner_dist.run.trackers")),
    }


@pytest.mark.parametrize("folder", ["ner_dist", "data_prep", "launch", "bench"])
def test_no_file_imports_itself_by_a_detour(folder: str) -> None:
    for name in of_folder(folder):
        # A package's own file stands for the package, which its parts may ask for its version.
        if SOURCES[name].name != "__init__.py":
            assert name not in reached(name), f"{name} is imported, by a detour, by itself"


def test_horovod_is_imported_in_one_place() -> None:
    importers = {name for name, modules in IMPORTS.items() if "horovod" in modules and not name.startswith("tests")}
    # The others only start ranks.
    starting = {f"launch.job.{name}" for name in ("horovodrun", "quiet_horovodrun", "rendezvous")}
    assert importers == {"ner_dist.ranks.horovod_comm", *starting}


def test_horovods_own_broadcast_is_not_used() -> None:
    # In 0.28.1 it may read the name of the exchange after that was freed, and crashes the rank now and then.
    used = {node.attr for node in ast.walk(TREES["ner_dist.ranks.horovod_comm"]) if isinstance(node, ast.Attribute)}
    assert "allgather" in used
    assert not {name for name in used if name.startswith(("broadcast_", "alltoall"))}


def test_what_needs_no_mxnet_does_not_reach_it() -> None:
    without = ("contract", "data", "cli", "engines", "pages", "serving", "config", "errors", "atomic_file")
    names = [name for name in of_folder("ner_dist") if name.split(".")[1:2] and name.split(".")[1] in without]
    names += ["ner_dist.model.crf", "ner_dist.model.viterbi", "ner_dist.model.char_cnn", "ner_dist.model.entities"]
    names += ["ner_dist.evaluation.f1", "ner_dist.evaluation.score_split"]
    names += ["ner_dist.prediction.encoder", "ner_dist.prediction.export_format", *of_folder("data_prep")]
    for name in names:
        late = {"ner_dist.prediction.tagger"} if name.startswith("ner_dist.serving") else set()
        assert late or not reached(name) & {"mxnet", "horovod"}, name


@pytest.mark.parametrize(
    "modules",
    [
        "data_prep.__main__",
        "ner_dist.prediction, ner_dist.prediction.onnx_network",
        "ner_dist.predict",
        "ner_dist.suggesting.__main__",
        "ner_dist.serve, ner_dist.serving.app, ner_dist.serving.server",
        "ner_dist.evaluate",
        "ner_dist.report",
        "ner_dist.export",
        "launch.__main__",
    ],
)
def test_using_loads_nothing_of_training(modules: str) -> None:
    code = (
        f"import sys, {modules}; print([m for m in sys.modules if m.startswith('ner_dist.training') or "
        "m.split('.')[0] in ('mxnet', 'horovod', 'tensorboardX')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_pure_modules_do_no_input_or_output() -> None:
    pure = ("data.step_plan", "data.chapters", "evaluation.f1", "contract.tag_schemes", "contract.mixing_hash")
    pure += ("model.viterbi", "model.crf", "model.char_cnn", "training.dropout", "run.progress")
    for name in pure:
        foreign = {module for module in IMPORTS[f"ner_dist.{name}"] if module not in SOURCES}
        assert foreign <= {"__future__", "collections", "dataclasses", "math", "numpy", "typing"}, name


def test_what_nobody_imports_is_what_can_be_started() -> None:
    for folder in ("ner_dist", "data_prep"):
        importable = {name for name in of_folder(folder) if SOURCES[name].name != "__init__.py"}
        started = {name for name in importable if 'if __name__ == "__main__":' in SOURCES[name].read_text()}
        imported = {module for name, modules in IMPORTS.items() if not name.startswith("tests") for module in modules}
        # The first is reached through the front door alone.
        assert importable - imported - {"data_prep.prepare_shards"} == started


@pytest.mark.parametrize(("folder", "most"), [("ner_dist", 12), ("data_prep", 8)])
def test_the_top_level_is_a_table_of_contents(folder: str, most: int) -> None:
    assert len([path for path in (ROOT / folder).iterdir() if path.is_file()]) <= most


def test_every_folder_opens_with_what_it_holds_and_may_import() -> None:
    for name in SOURCES:
        if SOURCES[name].name == "__init__.py" and name.count(".") == 1 and not name.startswith(("bench", "tests")):
            assert "mport" in (ast.get_docstring(TREES[name]) or ""), name


def test_every_file_says_first_what_it_does() -> None:
    silent = [name for name, tree in TREES.items() if not (ast.get_docstring(tree) or "").split("\n")[0].endswith(".")]
    assert silent == []


def test_every_file_is_named_for_its_job() -> None:
    empty_names = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [name for name, path in SOURCES.items() if empty_names & {path.stem, path.parent.name}] == []
