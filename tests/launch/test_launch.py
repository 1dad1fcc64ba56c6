"""The command line of `python -m launch`: help, dry runs, refusals and exit codes; and one job on this machine."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import store_folder
from processes import ROOT, alone, run

from launch import launch_command
from launch.__main__ import main
from launch.job.training_command import check_training
from launch.launchers import LAUNCHERS, local, ssh
from ner_dist.ranks import python_environment
from ner_dist.ranks.gpu import Gpu, NoDriver
from tests.cli.test_shell_completion import offered


@pytest.fixture
def knobs(synth_shards: Path, tiny_knobs: list[str]) -> list[str]:
    return [*tiny_knobs, "--data.shards", str(synth_shards), "--train.epochs", "1", "--train.device", "cpu"]


def outcome(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command line."""
    try:
        code = main([str(word) for word in words])
    except SystemExit as end:
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def dry_run(capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    code, out, err = outcome(capsys, *words)
    assert (code, err) == (0, "")
    return shlex.split(out)


# --- Help


def test_help_names_every_command_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "--help")
    assert code == 0
    assert out.startswith("usage: python -m launch COMMAND [options] [-- TRAIN ARGUMENTS]\n\n")
    for name in (*LAUNCHERS, "doctor"):
        assert f"    {name}" in out
        assert f"\n  python -m launch {name} " in out
    assert all(launcher.example in out for launcher in LAUNCHERS.values())


@pytest.mark.parametrize("name", LAUNCHERS)
def test_help_of_a_command_explains_every_option(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, _ = outcome(capsys, name, "--help")
    assert code == 0
    usage, _, rest = out.partition("\n\n")
    follows = " [-- TRAIN ARGUMENTS]" * LAUNCHERS[name].trains
    assert usage == f"usage: python -m launch {name} [options]{follows}"
    assert f"Example:\n  {LAUNCHERS[name].example}\n\nmost used:\n" in rest
    options = [action for action in launch_command._parser(name)._actions if action.option_strings]
    assert [action.dest for action in options if not action.help] == []
    assert [action.dest for action in options if action.option_strings[0] not in out] == []
    # Spelled with dashes.
    assert not re.search(r"--\w+_", rest)


def test_training_has_its_own_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "local", "--", "--help")
    assert code == 0
    assert out.startswith("usage: python -m ner_dist.train ")


def test_the_command_line_does_without_mxnet_and_horovod(tmp_path: Path) -> None:
    look = "import sys, launch.launch_command, launch.launchers.local, launch.launchers.ssh\n"
    look += "print({'mxnet', 'horovod'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("k", ["kubernetes"]),
        ("local --re", ["--restarts"]),
        ("ssh --int", ["--interface"]),
        ("slurm --gpu-option g", ["gres", "gpus-per-node"]),
        ("local --np 2 -- --train.ep", ["--train.epochs"]),
        ("doctor --sh", ["--shards"]),
        ("doctor --only pla", ["platform"]),
    ],
)
def test_the_shell_is_offered_commands_and_options(line: str, expected: list[str], tmp_path: Path) -> None:
    assert [word.strip() for word in offered("launch", line, tmp_path)] == expected


# --- The command that is started


def test_a_local_job_is_one_horovodrun(capsys: pytest.CaptureFixture[str], knobs: list[str], tmp_path: Path) -> None:
    run_path = tmp_path / "my run"
    command = dry_run(capsys, "local", "-np", "3", "--dry-run", "--", *knobs, "--run", run_path)
    times = ["--grace-seconds", "30", "--stopped-seconds", "2400"]
    assert command[:11] == [*alone("launch.job.horovodrun"), *times, "-np", "3", "-H", "localhost:3"]
    assert command[11:] == [*alone("ner_dist.train"), *knobs, "--run", str(run_path)]


def test_np_is_spelled_as_horovodrun_does_or_as_other_options(
    capsys: pytest.CaptureFixture[str], knobs: list[str]
) -> None:
    for words in (["-np", "2"], ["-np=2"], ["--np", "2"], ["--np=2"]):
        assert "localhost:2" in dry_run(capsys, "local", *words, "--dry-run", "--", *knobs, "--run", "runs/x")


def test_a_run_gets_its_name_before_it_starts(capsys: pytest.CaptureFixture[str], knobs: list[str]) -> None:
    command = dry_run(capsys, "local", "--np", "1", "--dry-run", "--", *knobs)
    assert command[-2] == "--run"
    assert command[-1].startswith("runs/default-2")
    # An empty name counts as none.
    command = dry_run(capsys, "local", "--np", "1", "--dry-run", "--", *knobs, "--run", "")
    assert command[-1].startswith("runs/default-2")


def test_an_ssh_job_names_as_many_slots_as_ranks(
    capsys: pytest.CaptureFixture[str], knobs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "1")
    (tmp_path / "hosts").write_text("a slots=2\nb slots=2\n")
    words = ["ssh", "--hosts", tmp_path / "hosts", "--interface", "eth1", "--dry-run", "--", *knobs, "--run", "runs/x"]
    command = dry_run(capsys, *words)
    at = command.index("-np")
    assert command[at : at + 6] == ["-np", "4", "-H", "a:2,b:2", "--network-interface", "eth1"]
    assert "a:2,b:1" in dry_run(capsys, *words[:3], "--np", "3", *words[3:])


def test_other_hosts_are_not_told_the_whole_environment(
    capsys: pytest.CaptureFixture[str], knobs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = (
        "OMP_NUM_THREADS",
        "NER_BIND_CORES",
        "LC_ALL",
        "LD_LIBRARY_PATH",
        "HOROVOD_LOG_LEVEL",
        "CUDA_LAUNCH_BLOCKING",
    )
    kept = ("A_SECRET", "TMPDIR", "SLURM_JOB_ID", "HOSTNAME")
    environment = dict.fromkeys([*passed, *kept, "AWS_SECRET_ACCESS_KEY"], "1")
    monkeypatch.setattr(os, "environ", environment)
    training = check_training(knobs)
    assert set(ssh._variables(training)) == set(passed)
    # Unless the training needs it.
    for words in (["--run=s3://bucket/day=1/mine"], ["--run", "s3://bucket/day=1/mine"]):
        at_address = training._replace(arguments=words)
        assert set(ssh._variables(at_address)) == {*passed, "AWS_SECRET_ACCESS_KEY"}
    (tmp_path / "job.yaml").write_text("data: {shards: s3://bucket/mine}")
    in_job_file = check_training(["--config", str(tmp_path / "job.yaml"), "--run", "runs/x"])
    assert set(ssh._variables(in_job_file)) == {*passed, "AWS_SECRET_ACCESS_KEY"}


def gpus(*capabilities: tuple[int, int]) -> Any:
    return lambda: [Gpu(index, "G", major, minor) for index, (major, minor) in enumerate(capabilities)]


def no_driver() -> list[Gpu]:
    raise NoDriver("none")


def test_ranks_default_to_usable_gpus_then_cores_never_above_shards(
    knobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = check_training([*knobs, "--train.device", "auto"])
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(3)))
    monkeypatch.setattr(local, "devices", no_driver)
    assert local.default_ranks(training) == 3
    monkeypatch.setattr(local, "devices", gpus((8, 0), (8, 6)))
    assert local.default_ranks(training) == 2
    assert local.default_ranks(check_training(knobs)) == 3
    monkeypatch.setattr(local, "devices", gpus((9, 0), (8, 6)))
    assert local.default_ranks(training) == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert local.default_ranks(check_training(knobs)) == 8


# --- Refused


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "no command was given, expected one of local, ssh, ray, spark, slurm, kubernetes, serving, doctor"),
        (["lcal"], "there is no command 'lcal' (did you mean local?)"),
        (["local", "--restart", "1"], "local has no option --restart; did you mean --restarts?"),
        (["local", "--train.epochs", "1"], "local has no option --train.epochs; options of training follow --"),
        (["local", "--np", "x"], "--np is 'x', expected a whole number; see python -m launch local --help"),
        (["local", "--", "--train.epoch", "1"], "unknown knob 'train.epoch'; did you mean --train.epochs?"),
        (["ssh"], "ssh needs the list of hosts: --hosts FILE"),
        (["local", "--np"], "argument --np: expected one argument; see python -m launch local --help"),
        (["slurm", "--gpu-option", "x"], "--gpu-option is 'x', expected one of gres, gpus-per-node; see"),
        (["slurm", "--sbatch", "x"], "--sbatch is 'x', expected a list, for example '[a, b]'; see"),
        (["slurm", "--out", ""], "slurm: --out is empty, expected the file to write"),
        (["slurm", "--settings", "absent.yaml"], "--settings: File does not exist: "),
        (["kubernetes", "--partition", "x"], "kubernetes has no option --partition; it is a setting of slurm; each"),
        (["serving", "--", "--run", "x"], "serving trains nothing, so nothing can follow --; found '--run x'"),
        (["doctor", "--", "--run", "x"], "unrecognized arguments: -- --run x; see python -m launch doctor --help"),
        (["doctor", "--np"], "argument --np: expected one argument; see python -m launch doctor --help"),
        (["doctor", "--only", "ssh"], "--only ssh is a check of other hosts; list them with --hosts FILE"),
        (["doctor", "--shards", ""], "--shards is empty, expected a directory"),
    ],
)
def test_a_wrong_command_line_ends_with_2(capsys: pytest.CaptureFixture[str], words: list[str], complaint: str) -> None:
    code, out, err = outcome(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {complaint}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "more", "complaint"),
    [
        (
            ["--np", "9"],
            [],
            "9 ranks are more than the 8 shards of {shards}, and each needs one of its own; use --np 8",
        ),
        (["--np", "-1"], [], "--np is -1, expected 1 rank or more"),
        (["--restarts", "-1"], [], "--restarts is -1, expected 0 or more"),
        ([], ["--data.shards", "absent"], "absent: the shard directory does not exist"),
    ],
)
def test_what_cannot_be_started_ends_with_1(
    capsys: pytest.CaptureFixture[str],
    knobs: list[str],
    synth_shards: Path,
    words: list[str],
    more: list[str],
    complaint: str,
) -> None:
    code, out, err = outcome(capsys, "local", *words, "--", *knobs, *more)
    assert (code, out) == (1, "")
    assert complaint.format(shards=synth_shards) in err
    assert err.count("\n") == 1


def test_shards_in_a_store_are_called_by_their_address(
    capsys: pytest.CaptureFixture[str], knobs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_folder.use(tmp_path, monkeypatch)
    shards = tmp_path / "store" / "s3" / "bucket" / "shards"
    shards.mkdir(parents=True)
    (shards / "index.json").write_text("{}")
    code, out, err = outcome(capsys, "local", "--", *knobs, "--data.shards", "s3://bucket/shards")
    assert (code, out) == (1, "")
    assert err.startswith("error: s3://bucket/shards/index.json: not an index of NER shards")
    assert str(tmp_path) not in err


def test_hosts_are_not_sent_to_a_directory_that_horovodrun_cannot_name(
    capsys: pytest.CaptureFixture[str], knobs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "hosts").write_text("localhost slots=1\n")
    monkeypatch.chdir(tmp_path / "a b")
    code, _, err = outcome(capsys, "ssh", "--hosts", "hosts", "--", *knobs)
    assert (code, err.count("\n")) == (1, 1)
    assert "a b', whose spaces or quotes horovodrun cannot pass to other hosts" in err


# --- In a hostile place


@pytest.mark.parametrize(
    ("before", "words", "code", "complaint"),
    [
        ('exec "$@" >&-', "local", 1, "standard output and standard error must be open; send them to a file"),
        ('exec "$@" >&-', "doctor --only python", 1, "standard output and standard error must be open"),
        ('exec "$@" >/dev/full', "local --dry-run", 1, "[Errno 28] No space left on device"),
        ('exec "$@" >/dev/full', "doctor --only python", 1, "[Errno 28] No space left on device"),
        ('rmdir "$PWD"; exec "$@"', "local", 1, "the current directory is gone; change to that of the project"),
        (
            'python=$1; shift; exec "$python" -S "$@"',
            "local",
            1,
            f"{sys.executable} has no jsonargparse; run `make setup`",
        ),
        ('PYTHONPATH=$INTERRUPTING:$PYTHONPATH exec "$@"', "local", 130, "interrupted"),
    ],
)
def test_a_hostile_place_is_reported_in_a_sentence(
    synth_shards: Path, tmp_path: Path, before: str, words: str, code: int, complaint: str
) -> None:
    # A package that is interrupted during its import.
    (tmp_path / "jsonargparse.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    (tmp_path / "place" / "data").mkdir(parents=True)
    (tmp_path / "place" / "data" / "shards").symlink_to(synth_shards)
    if "rmdir" in before:
        before = f"mkdir gone; cd gone; {before}"
    command = ["sh", "-c", before, "sh", *alone("launch", *words.split())]
    finished = run(command, tmp_path / "place", INTERRUPTING=str(tmp_path))
    assert (finished.code, finished.out, finished.err.count("\n")) == (code, "", 1), finished.err
    assert finished.err.startswith(f"error: {complaint}")


# --- Files for other systems


@pytest.fixture
def sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in that stores what it gets, and refuses it."""
    script = tmp_path / "bin" / "sbatch"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\ncat "$@" > {tmp_path}/given; echo no such partition >&2; exit 3\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "given"


@pytest.mark.parametrize("name", ["slurm", "kubernetes"])
def test_a_file_is_written_whole_or_not_at_all(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ner_dist").mkdir()
    words = ["--", "--config", ROOT / "job" / "default.yaml", "--run", "runs/mine"]
    code, text, _ = outcome(capsys, name, *words)
    assert code == 0
    assert "runs/mine" in text
    assert outcome(capsys, name, "--out", "job", *words) == (0, "", "job is written\n")
    assert (tmp_path / "job").read_text() == text
    code, out, err = outcome(capsys, name, "--out", "absent/job", *words)
    assert (code, out) == (1, "")
    assert err == "error: absent/job could not be written (No such file or directory)\n"
    # Nothing is written if a knob of training is wrong.
    assert outcome(capsys, name, "--out", "other", *words, "--train.epochs", "0")[0] == 2
    # Because SLURM does not make the directory of a job's output.
    assert (tmp_path / "runs" / "mine").is_dir() == (name == "slurm")
    assert {path.name for path in tmp_path.iterdir()} - {"runs"} == {"job", "ner_dist"}


def test_options_come_from_a_file_and_the_command_line_wins(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("nodes: 3\nranks_per_node: 2\n")
    words = ["slurm", "--settings", tmp_path / "settings.yaml", "--ranks-per-node", "1", "--", "--run", "runs/mine"]
    _, text, _ = outcome(capsys, *words)
    assert "#SBATCH --nodes=3\n" in text
    assert "#SBATCH --ntasks-per-node=1\n" in text
    (tmp_path / "settings.yaml").write_text("node: 3\n")
    code, out, err = outcome(capsys, *words)
    assert (code, out) == (2, "")
    assert "slurm has no option node; did you mean --nodes?" in err


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "--settings has no lines `name: value` but ''; see"),
        (b"- a", "--settings has no lines `name: value` but ' - a'; see"),
        (b"nodes: [1", "--settings is no YAML: while parsing a flow sequence, line 1"),
        (b"caf\xe9: 1", "slurm: {path}:1: byte 0xe9 is not UTF-8; save the file with that encoding"),
        (b"prologue: [&a [*a]]", "slurm: {path}:1: contains itself, by the alias *a"),
        (b"nodes: two", "--nodes is 'two', expected a whole number; see"),
        (b"nodes: null", "slurm: nodes is null, expected a value; remove its line to keep the default"),
        (b"exclusive: maybe", "--exclusive is 'maybe', expected true or false; see"),
        (b"1: 2", "Key must be a string, got: 1; see"),
    ],
)
def test_settings_that_are_none_are_refused_in_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / "settings.yaml").write_bytes(content)
    code, out, err = outcome(capsys, "slurm", "--settings", tmp_path / "settings.yaml")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {complaint.replace('{path}', str(tmp_path / 'settings.yaml'))}")


def test_what_is_no_file_is_not_replaced_by_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    # Like /dev/null and /dev/stdout.
    os.mkfifo(tmp_path / "pipe")
    code, _, err = outcome(capsys, "kubernetes", "--out", tmp_path / "pipe", "--", "--run", "runs/mine")
    assert (code, err.count("\n")) == (1, 1)
    assert "pipe is not a regular file, so it cannot be replaced; choose another name" in err
    assert (tmp_path / "pipe").is_fifo()


def test_a_script_for_a_directory_that_is_not_the_project_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = outcome(capsys, "slurm")
    assert (code, out) == (1, "")
    assert err.startswith(
        f"error: project is {tmp_path}, which has no folder ner_dist; call this in the project's directory"
    )


@pytest.mark.parametrize("out", [None, "job.sbatch"])
def test_sbatch_gets_the_script_and_its_refusal_is_passed_on(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sbatch: Path, out: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ner_dist").mkdir()
    training = ["--", "--config", str(ROOT / "job" / "default.yaml"), "--run", "runs/mine"]
    assert main(["slurm", "--submit", *(["--out", out] if out else []), *training]) == 3
    assert capfd.readouterr() == ("", "no such partition\n")
    assert sbatch.read_text().startswith("#!/bin/bash\n")
    # Because SLURM does not make the directory of a job's output.
    assert (tmp_path / "runs" / "mine").is_dir()


def test_a_machine_without_sbatch_is_told_what_to_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ner_dist").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    words = ["slurm", "--submit", "--", "--config", ROOT / "job" / "default.yaml", "--run", "runs/mine"]
    code, _, err = outcome(capsys, *words)
    assert code == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "ner_dist"]
    assert err.startswith(
        "error: sbatch was not found, so this machine does not belong to a SLURM cluster; write the script with --out"
    )


# --- A job


@pytest.mark.ranks
def test_a_job_on_this_machine_ends_with_a_result_or_a_sentence(knobs: list[str], tmp_path: Path) -> None:
    words = ["local", "--np", "2", "--", *knobs, "--run", tmp_path / "run"]
    finished = run(alone("launch", *words), ROOT)
    assert finished.code == 0, finished.err
    assert json.loads((tmp_path / "run" / "result.json").read_text())["num_ranks"] == 2
    # Again, on one rank: the run exists already.
    again = run(alone("launch", "local", "--np", "1", *words[3:]), ROOT)
    assert again.code == 1
    assert again.left == []
    assert "already holds a run; continue it with --train.resume true" in again.err
    assert "Traceback" not in again.err
    failure, advice = again.err.splitlines()[-2:]
    assert re.fullmatch(r"launch: rank 0 on localhost failed first, with code 1: .* already holds a run; .*", failure)
    assert advice.startswith("launch: continue with the same command and --run ")


def test_a_machine_that_cannot_load_mxnet_starts_ranks_elsewhere_but_none_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, knobs: list[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(python_environment, "complaint_of_machine", lambda: "there is no driver")
    words = ["--", *knobs, "--run", tmp_path / "run"]
    assert outcome(capsys, "local", "--np", "1", *words) == (1, "", "error: there is no driver\n")
    (tmp_path / "hosts").write_text("node1 slots=2\n")
    command = dry_run(capsys, "ssh", "--dry-run", "--hosts", tmp_path / "hosts", *words)
    assert command[:3] == alone("launch.job.horovodrun")


def test_ranks_are_started_without_loading_mxnet() -> None:
    # Loading Horovod's part for MXNet loads MXNet.
    look = "import sys, launch.job.horovodrun; assert 'mxnet' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", look], cwd=ROOT).returncode == 0
