"""The doctor's checks of shards and disks: each fails, and its advice is followed."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ask_doctor import advised_np, debian, follow, program, provokes
from processes import ROOT

from launch.doctor.checks import storage
from launch.doctor.finding import Finding
from launch.doctor.machine import DoctorOptions, Machine


def make_like_the_makefile(folder: Path, corpus: Path) -> Path:
    """A make that runs the recipe of `make shards CORPUS=...` without setting up the environment."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert 'launch/shards.sh "$(CORPUS)" "$(OUT)"' in recipe
    assert "NUM_SHARDS ?=" in recipe
    script = f"""
[ $1 = shards ]
for setting in "${{@:2}}"; do export "$setting"; done
export PATH={Path(sys.executable).parent}:$PATH
cd {ROOT}
launch/shards.sh {corpus} "$OUT" --num-shards "$NUM_SHARDS"
"""
    return program(folder, "make", script)


@provokes("shards")
@pytest.mark.parametrize(
    "damage", ["none there", "no index", "not JSON", "version", "name", "absent", "size", "too few"]
)
def test_shards_are_built_again(tmp_path: Path, synth_shards: Path, synth_corpus: dict[str, Path], damage: str) -> None:
    shards = tmp_path / "my shards"
    if damage != "none there":
        shutil.copytree(synth_shards, shards)
    options, index, shard = DoctorOptions(shards=str(shards)), shards / "index.json", shards / "train-00003.parquet"
    told = f"{shards} "
    if damage == "none there":
        told += "does not exist"
    elif damage == "no index":
        index.unlink()
        told += "holds no index.json, so it was never completed"
    elif damage == "not JSON":
        index.write_text(index.read_text()[:-100])
        told += "has an index.json that cannot be read"
    elif damage == "version":
        index.write_text(index.read_text().replace('"version": 5', '"version": 1'))
        told += "is of format ner-shards, version 1, and this code reads ner-shards, versions 4 and 5"
    elif damage == "name":
        index.write_text(index.read_text().replace('"train-00003.parquet"', '"../x"'))
        told += "has an index.json that names the file '../x', which is not inside it"
    elif damage == "absent":
        shard.unlink()
        told = f"{shard} is missing"
    elif damage == "size":
        os.truncate(shard, 100)
        told = f"{shard} has 100 bytes, index.json has"
    else:
        options = DoctorOptions(shards=str(shards), np=9)
        told = f"{shards} has 8 shards for train, and 9 ranks need one each"
    found = storage.shards(Machine(), options)
    assert (found.status, found.found[: len(told)]) == ("FAIL", told)
    if damage == "too few":
        fewer = DoctorOptions(shards=str(shards), np=advised_np(found))
        assert storage.shards(Machine(), fewer).status == "ok"
        found = found._replace(fix=found.fix.partition("\n")[2])
    programs = make_like_the_makefile(tmp_path, synth_corpus["train"].parent)
    follow(found._replace(fix=found.fix.replace("PATH", str(synth_corpus["train"].parent), 1)), tmp_path, programs)
    assert storage.shards(Machine(), options).status == "ok"


def test_the_default_shards_have_a_target_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert storage.shards(Machine(), DoctorOptions(np=12)).fix == "make shards NUM_SHARDS=12"


@pytest.fixture
def as_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """In tmp_path as a user for whom permissions count, unlike root."""
    monkeypatch.chdir(tmp_path)
    if os.geteuid() == 0:
        os.seteuid(65534)
        yield
        os.seteuid(0)
    else:
        yield


def sudo(folder: Path) -> Path:
    return program(folder, "sudo", 'exec "$@"')


@provokes("shards-disk")
def test_shards_of_another_user_are_opened_to_all(tmp_path: Path, synth_shards: Path, as_nobody: None) -> None:
    with becoming_root():
        shutil.copytree(synth_shards, tmp_path / "shards")
        for path in (tmp_path / "shards").glob("*.parquet"):
            path.chmod(0)
        (tmp_path / "shards").chmod(0o755)
        tmp_path.chmod(0o755)
    found = storage.shards_disk(Machine(), DoctorOptions(shards="shards"))
    assert (found.status, "cannot be read: Permission denied" in found.found) == ("FAIL", True), found
    with becoming_root():
        follow(found, tmp_path, sudo(tmp_path))
    assert storage.shards_disk(Machine(), DoctorOptions(shards="shards")).status == "ok"


class becoming_root:
    """Does what sudo would do."""

    def __enter__(self) -> None:
        self.user = os.geteuid()
        if os.getuid() == 0:
            os.seteuid(0)

    def __exit__(self, *exception: object) -> None:
        if os.getuid() == 0:
            os.seteuid(self.user)


@provokes("shards-disk")
def test_shards_on_a_slow_disk_are_copied_to_another(tmp_path: Path, synth_shards: Path) -> None:
    slow = itertools.count()
    found = storage.shards_disk(Machine(), DoctorOptions(shards=str(synth_shards)), lambda: float(next(slow)))
    assert (found.status, "MB/s read, below 20" in found.found) == ("warn", True), found
    python = program(tmp_path, "python", f'cd {ROOT}; exec {sys.executable} "$@" --only shards-disk shards')
    assert "ok    shards-disk" in follow(found, tmp_path, python, TMPDIR=str(tmp_path))


@provokes("run-disk")
def test_a_file_in_the_way_of_runs_is_moved(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    options = DoctorOptions(run=str(tmp_path / "runs" / "deep"))
    found = storage.run_disk(Machine(), options)
    assert (found.status, found.found) == ("FAIL", f"{tmp_path / 'runs'} is in the way: not a directory")
    follow(found, tmp_path)
    assert storage.run_disk(Machine(), options).status == "ok"


@provokes("run-disk")
def test_a_directory_that_is_not_ours_is_made_ours(tmp_path: Path, as_nobody: None) -> None:
    with becoming_root():
        (tmp_path / "runs").mkdir()
        (tmp_path / "runs").chmod(0o500)
        tmp_path.chmod(0o755)
    found = storage.run_disk(Machine(), DoctorOptions(run="runs"))
    assert (found.status, found.found) == ("FAIL", "runs cannot be written: Permission denied")
    # The stand-in sudo changes to root, and id -un has been run as the user before.
    me = os.geteuid()
    with becoming_root():
        program(tmp_path, "id", f"echo {me}")
        follow(found, tmp_path, sudo(tmp_path))
    assert storage.run_disk(Machine(), DoctorOptions(run="runs")).status == "ok"


@provokes("run-disk")
def test_runs_on_a_slow_disk_are_moved_to_another(tmp_path: Path) -> None:
    slow = itertools.count(step=10)
    found = storage.run_disk(Machine(), DoctorOptions(run=str(tmp_path)), lambda: float(next(slow)))
    assert (found.status, "below 20, checkpoints delay training" in found.found) == ("warn", True), found
    elsewhere = follow_elsewhere(found, tmp_path)
    assert elsewhere.startswith("ok    run-disk")


def follow_elsewhere(found: Finding, folder: Path) -> str:
    """Use another directory, as the fix advises."""
    look, name = found.fix.splitlines()
    assert look.startswith("df -h ")
    python = program(folder, "python", f'cd {ROOT}; exec {sys.executable} "$@" --only run-disk')
    said = follow(found._replace(fix=f"{look}\n{name.replace('DIR', str(folder))}"), folder, python)
    return said[said.index("ok    run-disk") :]


def in_own_mounts(script: str, folder: Path) -> str:
    """Run a script in a mount namespace of its own; skips the test if that needs root."""
    command = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() != 0 or subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("mounting needs root")
    done = subprocess.run([*command, "bash", "-ec", script], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@provokes("run-disk")
def test_a_full_disk_is_left_for_another(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    doctor = f"cd {ROOT}; {sys.executable} -m launch doctor --only run-disk --run {tmp_path}/full"
    said = in_own_mounts(f"mount -t tmpfs -o size=64k tmpfs full; {doctor} || echo $?", tmp_path)
    assert "cannot be written: No space left on device" in said
    assert said.splitlines()[-1] == "1"
    lines = [line.strip().removeprefix("fix: ") for line in said.splitlines()[1:3]]
    assert follow_elsewhere(Finding("run-disk", "FAIL", "", "\n".join(lines)), tmp_path)


@provokes("run-disk")
def test_space_for_checkpoints_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: free._replace(free=1 << 20))
    found = storage.run_disk(Machine(), DoctorOptions(run=str(tmp_path), shards=str(tmp_path)))
    assert (found.status, "0.00 GB free, checkpoints need about 0.10" in found.found) == ("FAIL", True), found
    assert follow_elsewhere(found, tmp_path)


@provokes("run-disk")
def test_a_read_only_file_system_is_mounted_anew(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    doctor = f"(cd {ROOT}; {sys.executable} -m launch doctor --only run-disk --run {tmp_path}/runs)"
    script = f"""
mount --bind runs runs
mount -o remount,bind,ro runs
{doctor} > said || true
cat said
bash -ec "$(sed -n 's/^ *fix: //p' said)"
{doctor}
"""
    first, *_, last, _total = in_own_mounts(script, tmp_path).splitlines()
    assert "cannot be written: Read-only file system" in first
    assert last.startswith("ok    run-disk")


def test_no_trace_is_left_where_was_written(tmp_path: Path) -> None:
    assert storage.run_disk(Machine(), DoctorOptions(run=str(tmp_path / "not" / "there"))).status == "ok"
    assert list(tmp_path.iterdir()) == []


def test_the_estimate_knows_vectors(rich_shards: Path) -> None:
    found = storage.read_shard_set(str(rich_shards))
    assert found.problem == ""
    assert found.vector_bytes > found.learnt_bytes > 0
    assert "vectors.npy" in found.files
    assert debian(rich_shards.parent / "root").install("x")
