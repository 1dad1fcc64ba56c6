"""Runs the pages of docs/ as a newcomer follows them: the blocks of each, where they run, and what they print.

A block of sh or Python runs where the comment above it says, `<!-- runs: WHERE -->`, or the one at the start of the
page, `<!-- page runs: WHERE -->`; otherwise in the ordinary suite. `, fails` after WHERE means that the block must end
with an error, `, may fail` that this depends on the machine. An output block below it shows what it prints; `...`
stands for anything, and `<!-- output: KIND -->` says when the two are compared.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from processes import ROOT, Finished, Job
from shown_output import difference

DOCS = ROOT / "docs"
# Where blocks may run: the ordinary suite; make test-docs, test-hosts, test-clusters and test-gpu.
WHERE = ("suite", "docs", "hosts", "clusters", "gpu")
# always; only with the corpus at its full size; the same, and numbers need only be similar.
OUTPUT = ("always", "full", "about")
# Languages of blocks: run, compared with the output of the block before, and neither.
RUN, SHOWN, QUIET = ("sh", "python"), "output", ("text", "yaml", "json", "xml")
_PACKAGES = ("data_prep", "launch", "ner_dist")
_NEEDED = ("curl", "patch", "ssh")
_FENCE = re.compile(r"```(\{[\w-]+\}.*|\S*)$")
_COMMENT = re.compile(r"<!-- (page runs|runs|output): ([\w, ]+?) -->$")
SMALL_SENTENCES = "400"


class Block(NamedTuple):
    page: str
    line: int
    language: str
    code: str
    where: str
    # "", "fails" or "may fail".
    ending: str
    # The output that the page shows, and when it is compared.
    shown: str | None = None
    kind: str = "always"

    @property
    def place(self) -> str:
        return f"docs/{self.page}:{self.line}"


def pages() -> list[str]:
    return sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if "_build" not in path.parts)


def fences(text: str) -> Iterator[tuple[int, str, str, str]]:
    """(line, language, content, comment above) of every block; the line is the first of its content."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        found = _FENCE.fullmatch(lines[number])
        number += 1
        if found:
            end = lines.index("```", number)
            yield number + 1, found[1], "\n".join(lines[number:end]), lines[number - 2] if number > 1 else ""
            number = end + 1


def blocks(page: str, text: str | None = None) -> list[Block]:
    """The blocks that a page runs, in order. Raises ValueError for a block or a comment of an unknown kind."""
    text = (DOCS / page).read_text(encoding="utf-8") if text is None else text
    page_wide = re.search(r"^<!-- page runs: (\w+) -->$", text, re.M)
    found: list[Block] = []
    for line, language, code, above in fences(text):
        comment = _COMMENT.match(above)
        said = comment[2].split(", ") if comment else []
        if language in RUN:
            where, ending = [*said, "", ""][:2] if comment else ("", "")
            where = where or (page_wide[1] if page_wide else "suite")
            if where not in WHERE or ending not in ("", "fails", "may fail"):
                raise ValueError(f"{page}:{line}: no block can run like this: {above}")
            found.append(Block(page, line, language, code, where, ending))
        elif language == SHOWN:
            kind = said[0] if said else "always"
            if not found or found[-1].shown is not None or kind not in OUTPUT:
                raise ValueError(f"{page}:{line}: output without a block above it, or of an unknown kind")
            found[-1] = found[-1]._replace(shown=code, kind=kind)
        elif language not in QUIET and not language.startswith("{"):
            raise ValueError(f"{page}:{line}: nothing runs a block of {language!r}; {', '.join(RUN)} are run")
    return found


def fresh_copy(folder: Path) -> Path:
    """The tree as a clone would have it, with uncommitted files; its .venv can only be activated."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file() or (ROOT / name).is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    for compiled in (path for package in _PACKAGES for path in (ROOT / package).rglob("__pycache__/*.pyc")):
        # Valid there too, since copies keep their times; compiling them takes longer than most commands.
        (folder / compiled.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(compiled, folder / compiled.relative_to(ROOT))
    environment = Path(sys.executable).parent
    (folder / ".venv" / "bin").mkdir(parents=True)
    if (environment / "activate").exists():
        (folder / ".venv" / "bin" / "activate").symlink_to(environment / "activate")
    return folder


# Commands that a test machine lacks, or that behave differently here. They check their arguments where they can.
_STAND_INS = {
    # The environment exists already; setting it up is tested elsewhere.
    "make": 'exec "{make}" -o setup "$@"\n',
    "sbatch": 'bash -n "${1:-/dev/stdin}" && echo Submitted batch job 4711\n',
    "squeue": "echo JOBID PARTITION NAME ST TIME NODES\n",
    "docker": """
for word; do last=$word; done
if [ "$1" = build ]; then test "$2" = -f && test -f "$3" && test -d "$last"; fi
echo "docker $*"
""",
    "kubectl": """
for word; do
    [ "${before-}" != -f ] || python -c 'import sys, yaml; assert list(yaml.safe_load_all(open(sys.argv[1])))' "$word"
    before=$word
done
echo "kubectl $*"
""",
}


def stand_ins(folder: Path) -> Path:
    folder.mkdir()
    for name, script in _STAND_INS.items():
        path = folder / name
        path.write_text("#!/bin/bash\nset -e\n" + script.replace("{make}", shutil.which("make") or "make"))
        path.chmod(0o755)
    return folder


def script(some: list[Block], folder: Path, out: Path) -> str:
    """A shell script that runs the blocks in a folder, up to the first that fails; each one's output goes to a file."""
    # Whatever starts the shell may start it elsewhere; it must never run in the tree that is tested.
    lines = ["set -e", f"cd '{folder}'"]
    for number, block in enumerate(some):
        code = block.code
        if block.language == "python":
            code = f"python - <<'END_OF_PYTHON'\n{code}\nEND_OF_PYTHON"
        if block.ending:
            code = f"status=0\n(\n{code}\n) || status=$?"
            code += "\ntest $status -ne 0" if block.ending == "fails" else ""
        lines += [f"exec >'{out}/{number}' 2>&1", code]
    return "\n".join(lines) + "\n"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def environment(folder: Path, tree: Path, sentences: str | None) -> dict[str, str]:
    path = os.pathsep.join(map(str, (stand_ins(folder / "stand-ins"), Path(sys.executable).parent, os.environ["PATH"])))
    # The Makefile decides the full size of the corpus.
    # Unbuffered, so that stdout and stderr are interleaved as in a terminal. The path is for ner-dist, a script of the
    # environment, which would otherwise run the tree that was installed.
    variables = {"PATH": path, "PYTHONPATH": str(tree), "PYTHONUNBUFFERED": "1"}
    return {**variables, **({"SENTENCES": sentences} if sentences else {})}


def skip_without_tools(some: list[Block]) -> None:
    code = "\n".join(block.code for block in some)
    missing = [tool for tool in _NEEDED if re.search(rf"\b{tool} ", code) and not shutil.which(tool)]
    if missing:
        pytest.skip(f"the page needs {', '.join(missing)}")


def follow(
    page: str,
    where: tuple[str, ...],
    folder: Path,
    sentences: str | None = SMALL_SENTENCES,
    command: tuple[str, ...] = (),
) -> None:
    """Run a page's blocks in a fresh copy of the tree, and compare what they print; command: prefix of the shell's."""
    some = [block for block in blocks(page) if block.where in where]
    skip_without_tools(some)
    tree, out = fresh_copy(folder / "tree"), folder / "out"
    out.mkdir()
    variables = environment(folder, tree, sentences)
    # The page's port may be taken on this machine.
    text = re.sub(r"\b8000\b", str(free_port()), script(some, tree, out))
    (folder / "page.sh").write_text(text, encoding="utf-8")
    shell = [*command, "bash", "--noprofile", "--norc", str(folder / "page.sh")]
    with Job(shell, tree, 900, **variables) as job:
        finished = job.wait()
    explain(some, finished, out)
    problems = []
    for number, block in enumerate(some):
        if block.shown is not None and (block.kind == "always" or sentences is None):
            printed = (out / str(number)).read_text(encoding="utf-8")
            problem = difference(block.shown, printed, block.kind == "about")
            problems += [f"{block.place}: {problem}; it printed:\n{printed}"] if problem else []
    assert not problems, "\n".join(problems)


def explain(some: list[Block], finished: Finished, out: Path) -> None:
    done = [number for number in range(len(some)) if (out / str(number)).exists()]
    if finished.code != 0 or len(done) < len(some):
        block = some[done[-1]] if done else some[0]
        printed = (out / str(done[-1])).read_text(encoding="utf-8") if done else ""
        pytest.fail(f"{block.place} ended with {finished.code}:\n{block.code}\n{printed}{finished.err}", pytrace=False)
