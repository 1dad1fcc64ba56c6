"""The batch script for SLURM: its directives, what is refused, and what it does, run with stand-ins for a cluster."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import ROOT, Finished, Job, alone, run

from launch.job.training_command import check_training
from launch.launch_errors import LaunchError
from launch.launchers.slurm import batch_script
from launch.launchers.slurm.slurm_options import SlurmOptions, check, seconds
from ner_dist.config import ConfigError

GOLDEN = ROOT / "tests" / "golden" / "slurm.sbatch"
EXAMPLE = ROOT / "launch" / "slurm.example.yaml"

# Appends its arguments, each ended by a zero byte, to `calls`; then it does what the file `behaviour` demands.
HOROVODRUN = r"""#!/bin/bash
printf '%s\0' "$@" >>calls
printf '\0' >>calls
printf 'OMP_NUM_THREADS=%s NER_BIND_CORES=%s LD_LIBRARY_PATH=%s\n' \
    "$OMP_NUM_THREADS" "${NER_BIND_CORES-}" "${LD_LIBRARY_PATH-}" >>variables
read -r behaviour <behaviour
save() { mkdir -p new run/checkpoints && rm -rf run/checkpoints/last && mv new run/checkpoints/last; }
case $behaviour in
    finish) mkdir -p run && echo done >run/result.new && mv run/result.new run/result.json ;;
    fail) exit 7 ;;
    nothing) ;;
    # Even if it exits with 0.
    wait | save)
        trap 'sleep 0.3; echo gone >>"$CLUSTER/scontrol"; exit 0' TERM
        [ "$behaviour" = wait ] || save
        touch waiting
        while true; do sleep 0.05; done
        ;;
esac
"""
SCONTROL = """#!/bin/bash
printf '%s\\n' "$*" >>"$CLUSTER/scontrol"
if [ "$1 $2" = "show hostnames" ]; then printf '%s\\n' node1 node2; fi
if [ "$1" = requeue ]; then exit "${REQUEUE_STATUS:-0}"; fi
"""
SSH = """#!/bin/bash
printf '%s\\n' "$*" >>"$CLUSTER/ssh"
exit "${SSH_STATUS:-0}"
"""


def script(settings: SlurmOptions, training: list[str]) -> str:
    """The script for training with these arguments."""
    return batch_script.script(settings, check_training(training))


@dataclasses.dataclass
class Cluster:
    """A node of a cluster: a project with an environment, and SLURM's commands on the PATH."""

    folder: Path

    @property
    def project(self) -> Path:
        return self.folder / "project"

    def settings(self, **knobs: Any) -> SlurmOptions:
        return SlurmOptions(project=str(self.project), **{"time": "10", **knobs})

    def start(self, text: str, behaviour: str, **variables: str) -> Job:
        path = self.folder / "job.sbatch"
        path.write_text(text, encoding="utf-8")
        (self.project / "behaviour").write_text(behaviour + "\n")
        given = {
            "CLUSTER": str(self.folder),
            "PATH": f"{self.folder / 'bin'}:{os.environ.get('PATH', os.defpath)}",
            "SLURM_JOB_ID": "42",
            "SLURM_JOB_NODELIST": "node[1-2]",
            "SLURMD_NODENAME": "node1",
            "OMP_NUM_THREADS": "",
        }
        return Job(["bash", str(path)], self.folder, 60, **{**given, **variables})

    def run(self, text: str, behaviour: str, **variables: str) -> Finished:
        with self.start(text, behaviour, **variables) as job:
            return job.wait()

    def run_until(self, sent: signal.Signals, text: str, behaviour: str, **variables: str) -> Finished:
        """Run it, and send the signal to the script once its ranks are at work, as SLURM does."""
        (self.project / "waiting").unlink(missing_ok=True)
        with self.start(text, behaviour, **variables) as job:
            job.wait_until((self.project / "waiting").exists)
            next(
                p for p in job.processes() if p.cmdline()[:2] == ["bash", str(self.folder / "job.sbatch")]
            ).send_signal(sent)
            return job.wait()

    def calls(self) -> list[list[str]]:
        """The words of each call of horovodrun."""
        text = (self.project / "calls").read_bytes().decode("utf-8")
        return [call.split("\0") for call in text.split("\0\0")[:-1]]

    def asked(self, name: str) -> list[str]:
        """The calls of scontrol or ssh, a line each."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def requeues(self) -> int:
        return self.asked("scontrol").count("requeue 42")


def cluster_in(folder: Path) -> Cluster:
    for name, text in {
        "bin/scontrol": SCONTROL,
        "bin/ssh": SSH,
        "project/.venv/bin/horovodrun": "#!/bin/bash\n",
        "project/.venv/bin/python": HOROVODRUN,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    (folder / "project" / "ner_dist").mkdir(exist_ok=True)
    return Cluster(folder)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return cluster_in(tmp_path)


RUN = ["--data.shards", "absent", "--run", "run"]


# --- Its text


def generated(*arguments: str) -> str:
    finished = run(alone("launch", "slurm", *arguments), ROOT)
    assert (finished.code, finished.err) == (0, "")
    return finished.out


def test_the_example_gives_the_script_that_is_kept_to_be_read() -> None:
    training = ["--config", "job/conll2003.yaml", "--data.shards", "shards/conll2003", "--run", "runs/conll2003"]
    text = generated("--settings", str(EXAMPLE), "--project", "/home/me/ner-dist", "--", *training)
    assert text == GOLDEN.read_text(encoding="utf-8")


def directives(settings: SlurmOptions, training: list[str]) -> list[str]:
    lines = script(settings, training).splitlines()
    return [line[len("#SBATCH ") :] for line in lines if line.startswith("#SBATCH ")]


def test_everything_asked_for_is_a_directive() -> None:
    asked = SlurmOptions(
        *(
            3,
            2,
            5,
            2,
            "a100",
            "gpus-per-node",
            "16G",
            "1-12:30",
            "long,short",
            "lab",
            "high",
            "course",
            "[rack1|rack2]",
        ),
        *(True, 300, 5, "my job", "/project"),
        sbatch=["--mail-type=END", "--comment=two words", "--contiguous"],
    )
    assert directives(asked, ["--data.shards", "absent", "--run", 'runs/100% "mine"']) == [
        '--job-name="my job"',
        "--nodes=3",
        "--ntasks-per-node=2",
        "--cpus-per-task=5",
        "--gpus-per-node=a100:2",
        "--mem=16G",
        "--time=1-12:30",
        "--partition=long,short",
        "--account=lab",
        "--qos=high",
        "--reservation=course",
        "--constraint=[rack1|rack2]",
        "--chdir=/project",
        '--output="runs/100%% \\"mine\\"/slurm-%j.out"',
        "--open-mode=append",
        "--signal=B:USR1@300",
        "--exclusive",
        "--requeue",
        "--mail-type=END",
        '--comment="two words"',
        "--contiguous",
    ]


def test_gpus_are_asked_for_as_the_site_has_it() -> None:
    def of(**knobs: Any) -> list[str]:
        asked = SlurmOptions(ranks_per_node=4, gpus_per_node=4, project="/project", **knobs)
        return [line for line in directives(asked, RUN) if "gpu" in line]

    assert of() == ["--gres=gpu:4"]
    assert of(gpu_type="a100") == ["--gres=gpu:a100:4"]
    assert of(gpu_option="gpus-per-node") == ["--gpus-per-node=4"]
    assert [line for line in directives(SlurmOptions(project="/project"), RUN) if "gpu" in line] == []


def test_nothing_is_asked_for_that_the_site_decides() -> None:
    names = [line.split("=")[0] for line in directives(SlurmOptions(project="/project"), RUN)]
    assert not {"--mem", "--partition", "--account", "--qos", "--reservation", "--constraint", "--exclusive"} & {*names}


def test_the_script_is_a_bash_without_a_remark_of_shellcheck(tmp_path: Path) -> None:
    checker = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}")
    gpus = {"ranks_per_node": 2, "gpus_per_node": 2, "exclusive": True, "requeues": 0}
    for knobs in ({}, gpus, {"horovodrun": ["--network-interface", "it's $x `y`"], "prologue": ["module load gcc"]}):
        path = tmp_path / "job.sbatch"
        path.write_text(
            script(SlurmOptions(project="/project", **knobs), ["--data.shards", "it's $HOME", "--run", "r'`$"])
        )
        for command in (["bash", "-n"], *([[checker]] if checker else [])):
            finished = run([*command, str(path)], tmp_path)
            assert (finished.code, finished.out, finished.err) == (0, "", "")
    if checker is None:
        pytest.skip("shellcheck is not here; bash -n has looked")


# --- What is refused


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        ({"nodes": 0}, "nodes is 0, expected 1 or more"),
        ({"ranks_per_node": -1}, "ranks_per_node is -1, expected 1 or more"),
        ({"cpus_per_rank": 0}, "cpus_per_rank is 0, expected 1 or more"),
        ({"gpus_per_node": 3}, "ranks_per_node is 4 with gpus_per_node 3, expected the same number"),
        ({"gpu_type": "a100"}, "gpu_type is 'a100' but gpus_per_node is 0"),
        ({"memory": "-16G"}, "memory is '-16G', expected a number with K, M, G, T or nothing"),
        ({"memory": "16GB"}, "memory is '16GB'"),
        ({"time": "four hours"}, "time is 'four hours', expected a limit above 0"),
        ({"time": "0"}, "time is '0', expected a limit above 0"),
        ({"time": "1:2:3:4"}, "time is '1:2:3:4'"),
        ({"time": "UNLIMITED"}, "time is 'UNLIMITED'"),
        ({"time": "2", "signal_seconds": 90}, "signal_seconds is 90 with a time of 2, expected 15 or more"),
        ({"signal_seconds": 3}, "signal_seconds is 3"),
        ({"requeues": -1}, "requeues is -1"),
        ({"partition": "a b"}, "partition is 'a b', expected a SLURM name"),
        ({"constraint": "a\n#SBATCH --uid=0"}, "constraint is "),
        ({"job_name": "a\nb"}, "job_name is 'a\\nb', expected text on one line"),
        ({"project": "/my project"}, "project is '/my project', expected an absolute path without spaces"),
        ({"project": "here"}, "project is 'here', expected an absolute path"),
        ({"venv": "my venv"}, "venv is 'my venv'"),
        ({"sbatch": ["-p long"]}, "sbatch: '-p long' is not an option"),
        ({"sbatch": ["--output=x"]}, "sbatch: --output is set by the script itself"),
        ({"prologue": ["#SBATCH --time=1"]}, "prologue: '#SBATCH --time=1' is not a line of shell"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_refused_in_one_sentence(knobs: dict[str, Any], sentence: str) -> None:
    with pytest.raises(LaunchError) as refusal:
        check(SlurmOptions(**{"project": "/project", **knobs}))
    assert str(refusal.value).startswith(sentence)
    assert "\n" not in str(refusal.value)


def test_training_that_does_not_go_with_the_settings_is_refused(synth_shards: Path) -> None:
    asked = SlurmOptions(project="/project")
    script(asked, ["--data.shards", str(synth_shards), "--run", "r"])
    for wrong, training, sentence in (
        (
            SlurmOptions(3, project="/project"),
            ["--data.shards", str(synth_shards)],
            "are 12 ranks, but .* has 8 shards",
        ),
        (asked, [*RUN, "--train.device", "gpu"], "--train.device is gpu but gpus_per_node is 0"),
        (asked, [*RUN, "--train.grace_seconds", "111"], "signal_seconds is 120, expected 121 or more"),
        (
            asked,
            ["--data.shards", "absent", "--run", "a\nb"],
            "--run is 'a.nb', expected a path on one line",
        ),
        (asked, [*RUN, "--data.shards", "\udcff"], "is not UTF-8"),
        (asked, ["--run", "s3://bucket/run"], "slurm: --run is s3://bucket/run, expected a directory on the file"),
    ):
        with pytest.raises(LaunchError, match=sentence):
            script(wrong, training)
    with pytest.raises(ConfigError, match="unknown knob"):
        script(asked, ["--train.epoch", "3"])


@pytest.mark.parametrize(
    ("time", "expected_s"),
    [("90", 5400), ("1:30", 90), ("01:30:00", 5400), ("2-0", 172800), ("1-1:30", 91800), ("1-01:30:05", 91805)],
)
def test_times_are_read_as_slurm_reads_them(time: str, expected_s: int) -> None:
    assert seconds(time) == expected_s


def test_the_runs_directory_is_made_before_slurm_writes_into_it(tmp_path: Path) -> None:
    batch_script.make_run_directory(SlurmOptions(project=str(tmp_path)), check_training(["--run", "runs/mine"]))
    assert (tmp_path / "runs" / "mine").is_dir()
    # The project's directory may be on the cluster only.
    batch_script.make_run_directory(
        SlurmOptions(project=str(tmp_path / "absent")), check_training(["--run", "runs/mine"])
    )
    assert not (tmp_path / "absent").exists()
    (tmp_path / "file").touch()
    with pytest.raises(LaunchError, match="cannot be made"):
        batch_script.make_run_directory(SlurmOptions(project=str(tmp_path)), check_training(["--run", "file/mine"]))


# --- What it does


def test_horovodrun_gets_every_host_of_the_allocation_with_its_slots(cluster: Cluster) -> None:
    finished = cluster.run(script(cluster.settings(horovodrun=["--network-interface", "ib 0"]), RUN), "finish")
    assert (finished.code, finished.errors) == (0, [])
    (call,) = cluster.calls()
    assert call[call.index("-np") :][:4] == ["-np", "8", "-H", "node1:4,node2:4"]
    assert call[call.index("--network-interface") + 1] == "ib 0"
    assert call[:4] == ["-m", "launch.job.horovodrun", "--grace-seconds", "30"]
    assert call[call.index("python") :] == ["python", "-m", "ner_dist.train", *RUN, "--train.resume", "true"]
    assert cluster.asked("scontrol") == ["show hostnames node[1-2]"]
    # The script's own node need not be reached.
    assert [line.split()[-4] for line in cluster.asked("ssh")] == ["node2"]


# A command line cannot contain zero bytes, nor UTF-8 lone surrogates.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
HOSTILE = st.text(st.sampled_from(list("'\"\\$`!*?~#;&|<>(){}[] \t\r\n%=-ä€\u2028\x07")), min_size=1)


@given(st.lists(st.one_of(TEXTS, HOSTILE), min_size=2, max_size=2))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_reaches_the_training_unchanged(cluster: Cluster, texts: list[str]) -> None:
    (cluster.project / "calls").unlink(missing_ok=True)
    training = [*RUN, f"--data.shards={texts[0]}"]
    text = script(cluster.settings(horovodrun=[texts[1]]), training)
    # sbatch refuses these.
    assert "\r" not in text
    assert cluster.run(text, "finish").code == 0
    (call,) = cluster.calls()
    assert call[call.index("ner_dist.train") + 1 :] == [*training, "--train.resume", "true"]
    assert texts[1] in call


def test_ranks_are_told_their_threads_and_not_to_choose_cores_of_shared_nodes(cluster: Cluster) -> None:
    cluster.run(script(cluster.settings(cpus_per_rank=3), RUN), "finish")
    cluster.run(script(cluster.settings(cpus_per_rank=3, exclusive=True), RUN), "finish", OMP_NUM_THREADS="2")
    assert (cluster.project / "variables").read_text().splitlines() == [
        "OMP_NUM_THREADS=3 NER_BIND_CORES=0 LD_LIBRARY_PATH=",
        "OMP_NUM_THREADS=2 NER_BIND_CORES= LD_LIBRARY_PATH=",
    ]


def test_with_gpus_ranks_find_cudas_libraries_and_must_take_a_gpu(cluster: Cluster) -> None:
    asked = cluster.settings(ranks_per_node=2, gpus_per_node=2)
    (cluster.project / ".venv").rename(cluster.project / ".venv-gpu")
    assert cluster.run(script(asked, RUN), "finish", LD_LIBRARY_PATH="/site").code == 0
    assert (
        f"LD_LIBRARY_PATH={cluster.project}/.venv-gpu/lib/cuda:/site\n" in (cluster.project / "variables").read_text()
    )
    assert cluster.calls()[0][-4:] == ["--train.device", "gpu", "--train.resume", "true"]
    cluster.run(script(asked, [*RUN, "--train.device", "cpu"]), "finish")
    assert cluster.calls()[1][-4:] == ["--train.device", "cpu", "--train.resume", "true"]


def test_the_warning_of_the_time_limit_ends_the_ranks_and_requeues_the_job(cluster: Cluster) -> None:
    text = script(cluster.settings(requeues=2), RUN)
    finished = cluster.run_until(signal.SIGUSR1, text, "wait")
    assert (finished.code, finished.left, cluster.requeues()) == (0, [], 1)
    assert "requeued" in finished.out
    assert cluster.asked("scontrol")[-2:] == ["gone", "requeue 42"]
    finished = cluster.run_until(signal.SIGUSR1, text, "wait", SLURM_RESTART_COUNT="1")
    assert (finished.code, cluster.requeues()) == (0, 2)
    finished = cluster.run(text, "finish", SLURM_RESTART_COUNT="2")
    assert (finished.code, cluster.requeues()) == (0, 2)
    assert "complete, see run/result.json" in finished.out
    assert all(call[-2:] == ["--train.resume", "true"] for call in cluster.calls())


def test_a_job_is_requeued_only_so_often(cluster: Cluster) -> None:
    text = script(cluster.settings(requeues=2), RUN)
    finished = cluster.run_until(signal.SIGUSR1, text, "wait", SLURM_RESTART_COUNT="2")
    assert (finished.code, finished.left, cluster.requeues()) == (1, [], 0)
    assert "was requeued 2 times already" in finished.err


def test_a_full_start_without_a_checkpoint_is_not_repeated(cluster: Cluster) -> None:
    # The smallest time limit: even 0 seconds count as a full start.
    text = script(cluster.settings(time="2", signal_seconds=60), RUN)
    finished = cluster.run_until(signal.SIGUSR1, text, "save")
    assert (finished.code, cluster.requeues()) == (0, 1)
    finished = cluster.run_until(signal.SIGUSR1, text, "wait")
    assert (finished.code, cluster.requeues()) == (1, 1)
    assert "no checkpoint was saved within the time limit" in finished.err


def test_a_job_that_is_cancelled_is_not_requeued(cluster: Cluster) -> None:
    finished = cluster.run_until(signal.SIGTERM, script(cluster.settings(), RUN), "save")
    assert (finished.code, finished.left, cluster.requeues()) == (143, [], 0)


def test_a_failure_is_not_repeated_and_keeps_its_exit_code(cluster: Cluster) -> None:
    finished = cluster.run(script(cluster.settings(), RUN), "fail")
    assert (finished.code, cluster.requeues()) == (7, 0)
    assert "status 7 and without a result" in finished.err


def test_only_a_new_result_is_a_success(cluster: Cluster) -> None:
    text = script(cluster.settings(), RUN)
    assert cluster.run(text, "nothing").code == 1
    assert cluster.run(text, "finish").code == 0
    # The earlier result still exists.
    assert cluster.run(text, "nothing").code == 1


def test_a_requeue_that_slurm_refuses_is_a_failure(cluster: Cluster) -> None:
    finished = cluster.run_until(signal.SIGUSR1, script(cluster.settings(), RUN), "save", REQUEUE_STATUS="1")
    assert (finished.code, cluster.requeues()) == (1, 1)
    assert "could not be requeued" in finished.err


def test_what_is_missing_is_said_before_ranks_start(cluster: Cluster) -> None:
    text = script(cluster.settings(), RUN)

    def complaint(**variables: str) -> str:
        finished = cluster.run(text, "finish", **variables)
        assert finished.code == 1
        (line,) = finished.err.splitlines()
        return line

    assert "this is not a SLURM job" in complaint(SLURM_JOB_ID="")
    assert "node2 cannot be reached" in complaint(SSH_STATUS="255")
    assert "node2 does not see" in complaint(SSH_STATUS="1")
    (cluster.folder / "bin" / "scontrol").unlink()
    if shutil.which("scontrol") is None:
        assert "scontrol is not on the PATH" in complaint()
    (cluster.folder / "bin" / "scontrol").write_text("#!/bin/bash\nexit 1\n")
    (cluster.folder / "bin" / "scontrol").chmod(0o755)
    assert "scontrol could not tell the hosts" in complaint()
    (cluster.project / ".venv" / "bin" / "horovodrun").unlink()
    assert "has no horovodrun; make it with make setup" in complaint()
    shutil.rmtree(cluster.project)
    cluster.project.mkdir()
    (cluster.project / "behaviour").touch()
    assert "has no horovodrun" in complaint()
    assert not (cluster.project / "calls").exists()


def test_sbatch_that_is_there_is_given_the_script(cluster: Cluster) -> None:
    sbatch = cluster.folder / "bin" / "sbatch"
    sbatch.write_text('#!/bin/bash\ncat "${1:--}" >"$CLUSTER/submitted"\necho Submitted batch job 7\n')
    sbatch.chmod(0o755)
    command = alone("launch", "slurm", "--project", cluster.project, "--submit", "--", *RUN)
    path = f"{cluster.folder / 'bin'}:{os.environ.get('PATH', os.defpath)}"
    finished = run(command, ROOT, CLUSTER=str(cluster.folder), PATH=path)
    assert (finished.code, finished.out) == (0, "Submitted batch job 7\n")
    assert (cluster.folder / "submitted").read_text() == script(SlurmOptions(project=str(cluster.project)), RUN)
    assert subprocess.run(["bash", "-n", str(cluster.folder / "submitted")], check=False).returncode == 0
