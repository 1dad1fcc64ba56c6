"""The table "What do you have?": each of its commands reads the sample of its format as the table says."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
from pages import DOCS, blocks
from processes import ROOT, Job

from data_prep.commands.check import CheckCommand
from data_prep.commands.table import command_line
from data_prep.formats.read_corpus import recognise
from data_prep.formats.table import FORMATS
from data_prep.problems import Problems
from ner_dist.cli.options import read_options

TABLE = (DOCS / "how-to" / "own-corpus.md").read_text(encoding="utf-8").split("<!-- table: commands -->\n")[1]
ROWS = re.findall(r"^\| .* \| `ner-dist prep (check .*)` \| `([\w-]+)` \|$", TABLE.split("\n\n")[0], re.M)
# Of the page's commands only those that make files are run.
MAKE_FILES = """ner-dist() { case " $* " in *" - "*) ;; *) shift; "$PYTHON" -m data_prep "$@" ;; esac; }
set -e
"""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the page with samples."""
    folder = tmp_path_factory.mktemp("samples")
    code = "\n".join(block.code for block in blocks("reference/corpus-formats.md"))
    variables = {"PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    with Job(["bash", "-c", MAKE_FILES + code], folder, 300, **variables) as job:
        finished = job.wait()
    assert finished.code == 0, finished.err
    return folder


def test_the_table_has_every_format() -> None:
    assert {name for _, name in ROWS} == set(FORMATS)


@pytest.mark.parametrize(("command", "name"), ROWS)
def test_a_command_of_the_table_reads_its_sample(
    command: str, name: str, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(samples)
    options = read_options(CheckCommand, command_line().parse_args(shlex.split(command)))
    sources = options.files.sources(options.settings, Problems())
    assert sources
    assert {recognise(file, options.settings.read_options).format.name for _, file in sources} == {name}
