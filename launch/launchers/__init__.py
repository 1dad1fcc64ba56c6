"""The launchers: where a job may run. Each is a row of LAUNCHERS and a file, or a folder, of its own.

Launchers import launch.job, launch.remote_hosts and ner_dist, and never each other.

To add one, write a module with a dataclass of options, each field with its meaning below it, and

    def launch(options: Options, training: TrainingRequest) -> int: start the training, or write what starts it there

which returns an exit code and raises LaunchError for what stands in the way; then add a row here. Its options, their
help, its place in `python -m launch --help` and completion in the shell follow from the row. One that does not train
(`trains=False`) is called with its options alone.
"""

from __future__ import annotations

from typing import NamedTuple


class Launcher(NamedTuple):
    # Where its code is, imported only when it is asked for, and the name of the dataclass of its options there.
    module: str
    options: str
    # For the help: what it does, its most used options, and an example.
    summary: str
    most_used: tuple[str, ...]
    example: str
    # Whether its options may come from a YAML file, too: --settings FILE.
    has_settings_file: bool = False
    # Whether a training follows --.
    trains: bool = True


LAUNCHERS = {
    "local": Launcher(
        "launch.launchers.local",
        "LocalOptions",
        "train on ranks of this machine",
        ("np", "restarts", "dry_run"),
        "python -m launch local --np 4 --restarts 2 -- --config job/default.yaml --run runs/mine",
    ),
    "ssh": Launcher(
        "launch.launchers.ssh",
        "SshOptions",
        "train on the hosts of a list, which are reached by ssh",
        ("hosts", "np", "restarts", "dry_run"),
        "python -m launch ssh --hosts launch/hosts --np 4 --restarts 2 -- --data.shards data/mine --run runs/mine",
    ),
    "ray": Launcher(
        "launch.launchers.ray.ray_options",
        "RayOptions",
        "train in a Ray cluster",
        ("np", "address", "restarts", "dry_run"),
        "python -m launch ray --address ray-head:6379 --np 4 --restarts 2 -- --data.shards data/mine --run runs/mine",
    ),
    "spark": Launcher(
        "launch.launchers.spark.spark_options",
        "SparkOptions",
        "train in a Spark cluster",
        ("np", "master", "conf", "restarts", "dry_run"),
        "python -m launch spark --master spark://host:7077 --np 4 --restarts 2 -- --data.shards data/mine "
        "--run runs/mine",
    ),
    "slurm": Launcher(
        "launch.launchers.slurm.batch_script",
        "SlurmOptions",
        "write a batch script for SLURM, or submit it",
        ("settings", "out", "submit", "nodes", "ranks_per_node"),
        "python -m launch slurm --settings launch/slurm.example.yaml --out job.sbatch -- --run runs/mine",
        has_settings_file=True,
    ),
    "kubernetes": Launcher(
        "launch.launchers.kubernetes.manifest",
        "KubernetesOptions",
        "write an MPIJob for Kubernetes",
        ("settings", "out", "image", "workers", "ranks_per_worker"),
        "python -m launch kubernetes --settings launch/kubernetes.example.yaml --out job.yaml -- --train.epochs 5",
        has_settings_file=True,
    ),
    "serving": Launcher(
        "launch.launchers.serving.write_files",
        "ServingOptions",
        "write what runs and watches the service: compose file, Kubernetes, Prometheus, Grafana",
        ("settings", "out", "image", "model", "name"),
        "python -m launch serving --out rollout --image registry.example.org/ner/ner-dist:serving --model exports/mine",
        has_settings_file=True,
        trains=False,
    ),
}
