"""The doctor's command: its output and exit code, that it needs no package, and that every failure is tested."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ask_doctor import ask, follow, provokes
from processes import ROOT, Job, alone, run

from launch.doctor import DoctorOptions, examine
from launch.doctor.examination import CHECKS, HOST_CHECKS, run_check
from launch.doctor.finding import Finding, fail, finding_lines, ok, skip, total_line, warn
from launch.doctor.machine import Machine

FILES = sorted(path.stem for path in (ROOT / "tests" / "doctor").glob("test_*.py"))


def complaints(check: Any) -> set[str]:
    """Whether a check can fail or warn: the calls in its own function."""
    tree = ast.parse(Path(sys.modules[check.__module__].__file__ or "").read_text(encoding="utf-8"))
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == check.__name__]
    return {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and node.id in ("fail", "warn")}


def test_every_check_that_complains_is_provoked_and_its_advice_followed() -> None:
    provoked: set[str] = set()
    for name in FILES:
        for test in vars(importlib.import_module(f"tests.doctor.{name}")).values():
            provoked |= set(getattr(test, "provokes", ()))
    complaining = {name for name, check in {**CHECKS, **HOST_CHECKS}.items() if complaints(check)}
    assert complaining == {*CHECKS, *HOST_CHECKS}
    assert provoked - {"itself"} == complaining


def test_a_check_that_is_added_is_asked_for_its_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHECKS, "new", CHECKS["python"])
    with pytest.raises(AssertionError):
        test_every_check_that_complains_is_provoked_and_its_advice_followed()


@provokes("itself")
def test_a_check_that_fails_itself_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(machine: Machine, options: DoctorOptions) -> Finding:
        raise RuntimeError("no\nway")

    found = run_check("limits", lambda: broken(Machine(), DoctorOptions()))
    assert (found.status, found.found) == ("FAIL", "the check itself failed: RuntimeError: no")
    said = follow(found._replace(fix=f"cd {ROOT}\n{found.fix.replace('python', sys.executable, 1)}"), ROOT)
    assert json.loads(said)["totals"]["FAIL"] == 0
    monkeypatch.setitem(CHECKS, "limits", broken)
    others = examine(DoctorOptions(only=("limits", "platform")))
    assert [each.status for each in others] == ["ok", "FAIL"]


def test_lines_are_read_by_people(tmp_path: Path) -> None:
    words = ["--only", "platform", "limits", "run-disk", "--run", str(tmp_path)]
    done = run(alone("launch", "doctor", *words), ROOT)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [["ok", "platform"], ["ok", "limits"], ["ok", "run-disk"]]
    assert lines[3:] == ["3 checks: 3 ok"]
    assert done.err == ""


@pytest.mark.parametrize(("run_directory", "code"), [("runs", 0), ("runs/file/deeper", 1)])
def test_the_exit_code_tells_of_failures(tmp_path: Path, run_directory: str, code: int) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "file").touch()
    done = run(alone("launch", "doctor", "--only", "run-disk", "--run", str(tmp_path / run_directory)), ROOT)
    assert done.code == code
    assert done.out.splitlines()[-1] == ("1 check: 1 ok" if code == 0 else "1 check: 0 ok, 1 FAILED")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--only", "no-such"], "argument --only: invalid choice: 'no-such'"),
        (["--np", "0"], "--np is 0, expected 1 rank or more"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(words: list[str], told: str) -> None:
    done = run(alone("launch", "doctor", *words), ROOT)
    assert (done.code, done.out) == (2, "")
    assert done.errors[0].startswith("error: ")
    assert told in done.errors[0]


def test_json_tells_the_same(tmp_path: Path) -> None:
    done = run(alone("launch", "doctor", "--only", "threads", "--json", "-np", "1"), ROOT, OMP_NUM_THREADS="64")
    record = json.loads(done.out)
    (finding,) = record["findings"]
    assert (finding["name"], finding["status"]) == ("threads", "warn")
    assert finding["fix"].startswith("export OMP_NUM_THREADS=")
    assert record["totals"] == {"ok": 0, "warn": 1, "FAIL": 0, "skip": 0}
    # Warnings do not fail.
    assert done.code == 0


def test_the_layout_is_this() -> None:
    found = [
        run_check("one", lambda: ok("good")),
        run_check("another", lambda: warn("word " * 12, "first command", "second command")),
        run_check("x", lambda: fail("bad", "# nothing to type")),
        run_check("y", lambda: skip("not here")),
    ]
    lines = [line for each in found for line in finding_lines(each, 8, False, 70)]
    assert lines == [
        "ok    one       good",
        "warn  another   word word word word word word word word word word word",
        "                word",
        "                fix: first command",
        "                     second command",
        "FAIL  x         bad",
        "                fix: # nothing to type",
        "skip  y         not here",
    ]
    assert total_line(found) == "4 checks: 1 ok, 1 warning, 1 FAILED, 1 skipped"
    assert finding_lines(found[2], 1, True, 70)[0] == "\033[31;1mFAIL\033[0m  x  bad"


def test_no_package_is_needed(tmp_path: Path) -> None:
    # -S: without site-packages, so that no package can be imported.
    words = ["--json", "--shards", str(tmp_path), "--run", str(tmp_path)]
    command = [sys.executable, "-S", "-m", "launch", "doctor", *words]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    found = {each["name"]: Finding(**each) for each in json.loads(done.stdout)["findings"]}
    assert list(found) == list(CHECKS)
    assert not [each for each in found.values() if "the check itself failed" in each.found]
    assert "lacks mxnet, horovod, numpy" in found["packages"].found
    assert found["limits"].status == "ok"


def test_python_38_comes_so_far_as_to_be_told_what_it_lacks() -> None:
    # It cannot subscript these, except in annotations that are not evaluated.
    generic = r"(?:Callable|Iterator|Iterable|Mapping|Sequence|dict|list|set|tuple|type)"
    look = (
        "import sys, launch.doctor; print(*(m.__file__ for n, m in sys.modules.items() if n[:4] in ('laun', 'ner_')))"
    )
    loaded = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [Path(path) for path in loaded.stdout.split()]
    assert ROOT / "ner_dist" / "ranks" / "cgroup.py" in paths
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert not re.findall(rf"^\w+ = {generic}\[.*|functools\.cache\b.*", text, re.M), path
        assert "from __future__ import annotations" in text or "def " not in text, path


@pytest.mark.ranks
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_what_the_checks_have_started(number: signal.Signals) -> None:
    with Job(alone("launch", "doctor", "--only", "horovod"), ROOT) as job:
        job.wait_until(lambda: any("launch.verify" in process.cmdline() for process in job.processes()))
        next(each for each in job.processes() if "doctor" in each.cmdline()[:4]).send_signal(number)
        finished = job.wait()
    assert (finished.code, finished.err, finished.left) == (130, "error: interrupted\n", [])


@pytest.mark.ranks
def test_this_machine_is_fit_for_tests(synth_shards: Path, tmp_path: Path) -> None:
    # Checks that take seconds and are ok at the end of other tests; with root, also horovod's.
    costly = {"mxnet", *(["horovod"] if os.geteuid() == 0 else [])}
    names = [name for name in CHECKS if name not in costly]
    found = ask("--shards", str(synth_shards), "--run", str(tmp_path), "--only", *names)
    assert list(found) == names
    assert [each for each in found.values() if each.status == "FAIL"] == []
