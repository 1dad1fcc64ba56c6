"""The container files: linted, paths that agree, and a build that sees what it needs and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from docker.utils import exclude_paths
from processes import ROOT

FOLDER = ROOT / "launch" / "container"
RECIPES = sorted(FOLDER.glob("*.Dockerfile"))
# Those whose ranks train.
TRAINING = [recipe for recipe in RECIPES if recipe.stem in ("cpu", "gpu")]
SERVING = FOLDER / "serving.Dockerfile"
HADOLINT = Path(sys.executable).with_name("hadolint")


def stages(recipe: Path) -> list[list[list[str]]]:
    """The stages of a container file, each a list of instructions as words."""
    text = re.sub(r"^\s*#.*\n", "", recipe.read_text(encoding="utf-8"), flags=re.M).replace("\\\n", " ")
    found: list[list[list[str]]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        words = line.split()
        if words[0] == "FROM":
            found.append([])
        found[-1].append(words)
    return found


def copies(stage: list[list[str]]) -> list[list[str]]:
    """Sources and targets of what a stage copies from the project."""
    return [words[1:] for words in stage if words[0] == "COPY" and not words[1].startswith("--from")]


def seen(folder: Path) -> set[str]:
    """The files of a folder that a build sees, as Docker reads .dockerignore."""
    patterns = [
        line.strip()
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    return {path for path in exclude_paths(str(folder), patterns) if (folder / path).is_file()}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's own files, and others that a developer's machine has."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("bench", "data_prep", "job", "launch", "ner_dist", "tests"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    for path in CLUTTER:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("secret", encoding="utf-8")
    return folder


CLUTTER = [
    ".git/config",
    ".venv/bin/python",
    ".venv-gpu/lib/cuda/libcuda.so",
    ".env",
    "corpora/conll2003/train.txt",
    "data/shards/index.json",
    "runs/mine/checkpoints/last/parameters.npz",
    "ner_dist.egg-info/PKG-INFO",
    "ner_dist/__pycache__/loop.cpython-311.pyc",
    "ner_dist/serving/__pycache__/app.cpython-311.pyc",
    "bench/profile/trace.json",
    "launch/hosts",
    ".pytest_cache/v",
    "id_rsa",
]


def test_a_build_sees_no_data_runs_environments_history_or_keys(project: Path) -> None:
    assert not seen(project) & set(CLUTTER)
    # They exist.
    assert all((project / path).is_file() for path in CLUTTER)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_build_sees_all_that_is_copied(recipe: Path, project: Path) -> None:
    there = seen(project)
    for stage in stages(recipe):
        for *sources, _ in copies(stage):
            for source in sources:
                assert source == "." or any(path == source or path.startswith(f"{source}/") for path in there), source


def test_a_build_sees_every_file_of_the_packages_and_jobs(project: Path) -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    folders = ["bench", "data_prep", "job", "launch", "ner_dist"]
    tracked = subprocess.run([*command, *folders], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a clone of git")
    # Not links to folders, whose files are listed at their own place.
    files = {path for path in tracked.stdout.split() if (ROOT / path).is_file()}
    assert files - set(CLUTTER) - seen(project) == set()


@pytest.mark.parametrize("recipe", TRAINING, ids=lambda recipe: recipe.name)
def test_every_package_is_there_before_the_environment_is_made(recipe: Path) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^\[tool\.setuptools\.packages\.find\]\ninclude = (.*)$", project, re.M)
    packages = set(re.findall(r'"(\w+)\*"', listed))
    assert "ner_dist" in packages
    builder = stages(recipe)[0]
    setup = next(
        index for index, words in enumerate(builder) if words[0] == "RUN" and "launch/setup" in " ".join(words)
    )
    copied = {source for *sources, _ in copies(builder[:setup]) for source in sources}
    assert packages | {"pyproject.toml", "constraints.txt"} <= copied


@pytest.mark.parametrize("recipe", TRAINING, ids=lambda recipe: recipe.name)
def test_the_environment_lies_at_one_absolute_path(recipe: Path) -> None:
    builder, final = stages(recipe)
    place = next(words[1] for words in builder if words[0] == "WORKDIR")
    assert place == "/opt/ner-dist"
    assert [words[1:] for words in final if words[0] == "COPY"] == [["--from=builder", place, place]]
    assert [words[1] for words in final if words[0] == "WORKDIR"][-1] == place
    environment = {"cpu": ".venv", "gpu": ".venv-gpu"}[recipe.stem]
    path = next(words[1] for words in final if words[0] == "ENV" and words[1].startswith("PATH="))
    assert path == f"PATH={place}/{environment}/bin:$PATH"


@pytest.mark.parametrize("recipe", TRAINING, ids=lambda recipe: recipe.name)
def test_both_stages_have_the_same_python(recipe: Path) -> None:
    for stage in stages(recipe):
        installed = next(words for words in stage if words[0] == "RUN" and "install" in words)
        assert "python3.11" in installed
        assert "libnss-myhostname" in installed


@pytest.mark.parametrize("recipe", TRAINING, ids=lambda recipe: recipe.name)
def test_ranks_are_not_root_and_no_copy_shares_a_host_key(recipe: Path) -> None:
    _, final = stages(recipe)
    assert [words[1] for words in final if words[0] == "USER"] == ["1000"]
    installed = next(" ".join(words) for words in final if words[0] == "RUN" and "openssh-server" in words)
    # In the same layer, because the keys would remain in an earlier one.
    assert installed.endswith("/etc/ssh/ssh_host_*")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_the_recipe_passes_the_linter(recipe: Path) -> None:
    # DL3008: Debian keeps only the newest version of a package, so a pinned one would soon be missing.
    finished = subprocess.run(
        [HADOLINT, "--no-color", "--ignore", "DL3008", recipe], capture_output=True, text=True, check=False
    )
    assert (finished.returncode, finished.stdout) == (0, "")


def test_the_serving_image_has_what_serving_needs_and_no_more() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    needed = re.findall(r'^    "([\w-]+)', project.split("\ndependencies = [")[1].split("\n]")[0], re.M)
    listed = (FOLDER / "serving-requirements.txt").read_text(encoding="utf-8").splitlines()
    installed = {line.split("[")[0] for line in listed if not line.startswith("#")}
    assert installed <= set(needed)
    # What spaCy brings along in any case: jinja2 and tqdm.
    assert set(needed) - installed == {"cloudpickle", "jinja2", "loky", "matplotlib", "pyarrow", "tabulate", "tqdm"}
    look = "import sys, ner_dist.serve, ner_dist.serving.server, ner_dist.prediction.onnx_network; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    unneeded = {"cloudpickle", "jinja2", "loky", "matplotlib", "pyarrow", "tabulate", "mxnet"}
    assert not unneeded & set(found.stdout.split())


def test_the_service_of_the_image_is_not_root_and_tells_its_health() -> None:
    builder, final = stages(SERVING)
    words = {instruction[0]: " ".join(instruction[1:]) for instruction in final}
    assert words["USER"] == "1000"
    assert "/readyz" in words["HEALTHCHECK"]
    assert words["ENTRYPOINT"] == '["python", "-m", "ner_dist.serve"]'
    # The place of a model that the image has.
    assert words["CMD"].startswith('["/model", ')
    assert words["COPY"] == "--from=builder /opt/ner-dist /opt/ner-dist"
    assert [words[1] for words in builder if words[0] == "WORKDIR"] == ["/opt/ner-dist"]


def test_the_linter_finds_what_is_wrong(tmp_path: Path) -> None:
    broken = tmp_path / "Dockerfile"
    broken.write_text(
        RECIPES[0].read_text(encoding="utf-8").replace("RUN launch", "RUN cd launch &&"), encoding="utf-8"
    )
    assert subprocess.run([HADOLINT, "--ignore", "DL3008", broken], capture_output=True, check=False).returncode == 1


def test_the_ssh_client_understands_its_settings() -> None:
    if shutil.which("ssh") is None:
        pytest.skip("needs an ssh client to be checked")
    finished = subprocess.run(
        ["ssh", "-G", "-F", FOLDER / "ssh.conf", "worker"], capture_output=True, text=True, check=False
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert {"port 2222", "batchmode yes", "userknownhostsfile /dev/null"} <= set(finished.stdout.lower().splitlines())


def test_the_ssh_server_understands_its_settings_and_does_without_root() -> None:
    sshd = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin")
    if sshd is None:
        pytest.skip("needs an ssh server to be checked")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Like the operator's mount: of another owner, and readable.
        folder.chmod(0o755)
        subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-b", "521", "-N", "", "-f", folder / "id_rsa"], check=True)
        settings = (FOLDER / "sshd.conf").read_text(encoding="utf-8").replace("/home/ner/.ssh", name)
        (folder / "sshd.conf").write_text(settings, encoding="utf-8")
        nobody: dict[str, int] = {}
        if os.geteuid() == 0:
            nobody = {"user": 65534, "group": 65534}
            (folder / "id_rsa").chmod(0o644)
        command = [sshd, "-T", "-f", folder / "sshd.conf"]
        finished = subprocess.run(command, capture_output=True, text=True, check=False, **nobody)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert {"port 2222", "usepam no", "strictmodes no"} <= set(finished.stdout.lower().splitlines())
