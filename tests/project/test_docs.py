"""docs/: every command of every page runs and prints what the page shows, and every knob and file named exists."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import clusters
import namespace_hosts
import pages
import pytest
from fake_driver import make_driver
from pages import DOCS, blocks
from processes import ROOT
from shown_commands import JOBS, KNOBS, SECTIONS, check, commands, entry_points
from shown_output import difference

PAGES = {page: (DOCS / page).read_text(encoding="utf-8") for page in pages.pages()}
BLOCKS = {page: blocks(page) for page in PAGES}


# Which blocks of a page the tests below run, each in a target of its own.
RUNS = {"suite": ("suite",), "docs": ("suite", "docs"), "hosts": ("suite", "hosts"), "gpu": ("gpu",)}
RUNS["clusters"] = ("suite", "clusters")


def with_blocks(*where: str) -> list[str]:
    return [page for page, some in BLOCKS.items() if any(block.where in where for block in some)]


@pytest.mark.parametrize("page", with_blocks(*RUNS["suite"]))
def test_a_page_can_be_followed(page: str, tmp_path: Path) -> None:
    pages.follow(page, RUNS["suite"], tmp_path)


@pytest.mark.docs
@pytest.mark.parametrize("page", with_blocks(*RUNS["docs"]))
def test_a_page_can_be_followed_at_full_size(page: str, tmp_path: Path) -> None:
    pages.follow(page, RUNS["docs"], tmp_path, sentences=None)


@pytest.mark.hosts
@pytest.mark.parametrize("page", with_blocks("hosts"))
def test_a_page_can_be_followed_on_several_hosts(page: str, tmp_path: Path) -> None:
    with namespace_hosts.started(tmp_path / "hosts") as hosts:
        pages.follow(page, RUNS["hosts"], tmp_path, command=tuple(hosts.command("node1", [])))


@pytest.mark.clusters
@pytest.mark.parametrize("page", with_blocks("clusters"))
def test_a_page_can_be_followed_in_clusters(page: str, tmp_path: Path) -> None:
    with clusters.ray_head() as head:
        variables = {"RAY_ADDRESS": head.address, **clusters.RAY_VARIABLES}
        command = ("env", *(f"{name}={value}" for name, value in variables.items()))
        pages.follow(page, RUNS["clusters"], tmp_path, command=command)


@pytest.mark.gpu_env
@pytest.mark.parametrize("page", with_blocks(*RUNS["gpu"]))
def test_a_page_can_be_followed_for_gpus(page: str, tmp_path: Path) -> None:
    # Not in a copy: the environment takes gigabytes, and is next to this one.
    some = [block for block in BLOCKS[page] if block.where in RUNS["gpu"]]
    (tmp_path / "out").mkdir()
    text = pages.script(some, ROOT, tmp_path / "out").replace("runs/gpu", str(tmp_path / "run"))
    # MXNet's GPU build cannot be loaded without a driver: this is a fake one, without GPUs.
    (tmp_path / "driver").mkdir()
    driver = str(make_driver(tmp_path / "driver"))
    libraries = os.pathsep.join(filter(None, [driver, os.environ.get("LD_LIBRARY_PATH")]))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": path, "PYTHONPATH": "", "LD_LIBRARY_PATH": libraries}
    with pages.Job(["bash", "-c", text], ROOT, 3600, **variables) as job:
        pages.explain(some, job.wait(), tmp_path / "out")


def test_every_block_has_a_runner() -> None:
    assert set(RUNS) == set(pages.WHERE)
    for page, some in BLOCKS.items():
        for block in some:
            assert page in with_blocks(*RUNS[block.where]), block.place
            assert block.where in RUNS[block.where]
    # And every runner has a block.
    assert {block.where for some in BLOCKS.values() for block in some} == set(RUNS)


@pytest.mark.parametrize(
    "text",
    [
        "```bash\nls\n```",
        "```console\n$ ls\n```",
        "```\nls\n```",
        "<!-- runs: somewhere -->\n```sh\nls\n```",
        "<!-- runs: suite, sometimes -->\n```sh\nls\n```",
        "```output\nnothing was run\n```",
    ],
)
def test_a_block_that_nothing_runs_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"page\.md:\d"):
        blocks("page.md", text)


def test_a_wrong_page_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A copy of the whole tree would be slower.
    monkeypatch.setattr(pages, "fresh_copy", lambda folder: folder.mkdir() or folder)

    def followed(text: str, folder: Path) -> None:
        folder.mkdir()
        monkeypatch.setattr(pages, "blocks", lambda page: blocks("page.md", text))
        pages.follow("page.md", ("suite",), folder)

    followed("```sh\necho 1 rank\n```\n```output\n1 rank\n```", tmp_path / "right")
    followed("<!-- runs: suite, fails -->\n```sh\nfalse\n```", tmp_path / "fails")
    with pytest.raises(pytest.fail.Exception, match=r"docs/page\.md:5 ended with 1"):
        followed("```sh\ntrue\n```\n```sh\nfalse\ntrue\n```", tmp_path / "code")
    with pytest.raises(pytest.fail.Exception, match=r"docs/page\.md:3"):
        followed("<!-- runs: suite, fails -->\n```sh\ntrue\n```", tmp_path / "no-error")
    with pytest.raises(AssertionError, match="does not print '1 rank'"):
        followed("```sh\necho 2 rank\n```\n```output\n1 rank\n```", tmp_path / "output")


@pytest.mark.parametrize(
    ("shown", "printed", "about", "same"),
    [
        ("a 1\nb 2", "a 1\nb 2\n", False, True),
        ("a 1", "a 1\nb 2\n", False, False),
        ("a 1\n...", "a 1\nb 2\n", False, True),
        ("...\nb 2", "a 1\nb 2\n", False, True),
        ("...\nb 2", "a 1\nb 2\nc 3\n", False, False),
        ("a ... c", "a b c\n", False, True),
        ("a 1", "a 2\n", False, False),
        ("a 98.06", "a 97.9\n", True, True),
        ("a 98.06", "a 90.0\n", True, False),
        ("F1 98.06 *  8 tokens/s", "F1 98.01  5 tokens/s\n", True, True),
        ("F1 98.06 *  8 tokens/s", "F1 98.06  8 tokens/s\n", False, False),
        ("took 5 s, 20,307 tokens/s", "took 7 s, 1 tokens/s\n", False, True),
        ("5 sentences", "7 sentences\n", False, False),
        ("a   b", "a b\n", False, True),
        ("(x*)", "(xx)\n", False, False),
    ],
)
def test_output_is_compared(shown: str, printed: str, about: bool, same: bool) -> None:
    assert (difference(shown, printed, about) is None) == same


def shown_commands() -> list[tuple[str, str, list[str]]]:
    return [
        (page, block.place, words)
        for page, some in BLOCKS.items()
        for block in some
        # A here-document is not a command.
        for words in commands(re.sub(r"<<'END'.*?^END$", "", block.code, flags=re.M | re.S))
        if block.language == "sh" and block.ending != "fails"
    ]


@pytest.mark.parametrize(("page", "place", "words"), shown_commands(), ids=str)
def test_every_command_shown_exists(page: str, place: str, words: list[str]) -> None:
    check(words, made(page))


def made(page: str) -> set[str]:
    """Files that the reader of a page creates."""
    return {name for block in BLOCKS[page] for name in re.findall(r"(?:cat >|^cp \S+) (\S+)", block.code, re.M)}


def inline_code(page: str) -> str:
    return "\n".join(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", PAGES[page], flags=re.M | re.S)))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_only_knobs_and_files_that_exist(page: str) -> None:
    code = inline_code(page)
    knobs = set(re.findall(rf"(?<![\w./-])((?:{SECTIONS})\.[a-z_]+)(?![\w.(])", code))
    files = {
        "model.onnx",
        "optimizer.py",
        *(f"train.{ending}" for ending in ("json", "conll", "parquet", "py", "sbatch")),
    }
    assert knobs - KNOBS - files == set()
    folders = r"(?:bench|data_prep|docs|job|launch|ner_dist|tests)"
    named = set(re.findall(rf"(?<![\w/.])({folders}/[\w./-]*\w)", code)) - made(page)
    # The tables of imports leave out the ending of modules.
    assert [name for name in named if not (ROOT / name).exists() and not (ROOT / f"{name}.py").exists()] == []
    # Files named without their folder; the comparison names those of others.
    modules = {path.name for folder in ("data_prep", "launch", "ner_dist") for path in (ROOT / folder).rglob("*.py")}
    assert page == "COMPARISON.md" or set(re.findall(r"(?<![\w/.*])(\w+\.py)\b", code)) <= modules


def test_the_reference_has_every_command_and_every_knob() -> None:
    sys.path.insert(0, str(DOCS))
    try:
        import generated
    finally:
        sys.path.remove(str(DOCS))
    listed = [" ".join(command) for command in generated.entry_points()]
    assert set(entry_points()) <= set(listed)
    for command in generated.documented_commands():
        marker = f"<!-- generated: command {' '.join(command)} -->"
        assert marker in PAGES[f"reference/{generated.page_of(*command)}"], command
    text = generated.knobs()
    assert {*re.findall(r"^### (.*)$", text, re.M), "run"} == KNOBS
    # Each has a meaning: the paragraph below its type and range.
    assert len(re.findall(r"^```\n\n\w", text, re.M)) == len(KNOBS)
    assert all(f"| {path.name} " in generated.jobs() for path in JOBS)


def test_the_page_of_a_command_has_what_to_type_and_every_option() -> None:
    sys.path.insert(0, str(DOCS))
    try:
        import generated
    finally:
        sys.path.remove(str(DOCS))
    for point in (["ner_dist.report"], ["data_prep", "build"], ["launch", "local"]):
        text = generated.command(*point)
        assert text.startswith(f"```text\n{generated.shown_name(*point)} "), point
        for action in generated.parser_of(*point)._actions:
            shown = [name for name in action.option_strings if name.startswith("--")]
            # The first name, in the first column.
            is_hidden = not shown or shown[0] == "--help" or action.help == "==SUPPRESS=="
            assert is_hidden or f"\n| `{shown[0]}`" in text, shown
    rows = [line for line in generated.command("data_prep", "build").splitlines() if line.startswith("|")]
    # A bar that is not escaped would begin another column.
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}


def test_ranges_of_the_reference_are_those_of_the_check() -> None:
    sys.path.insert(0, str(DOCS))
    try:
        from generated import number_range
    finally:
        sys.path.remove(str(DOCS))
    expected = {
        "train.epochs": "1 or more",
        "model.char_width": "odd",
        "model.dropout_input": "0 to 0.95",
        "model.dropout_singletons": "0 to 1",
        "optimizer.learning_rate": "above 0",
        "train.average": "0 to below 1",
        "optimizer.plateau_factor": "above 0 to below 1",
        "train.patience": "0 or more",
        "loss.forbid": "",
    }
    assert {name: number_range(name) for name in expected} == expected


def test_no_page_is_left_out_of_the_contents(tmp_path: Path) -> None:
    index = PAGES["index.md"]
    for page in PAGES:
        assert page == "index.md" or re.search(rf"^{re.escape(page[:-3])}$", index, re.M), page


def test_pages_fit_the_line() -> None:
    for page, text in PAGES.items():
        # Without blocks, rows of tables and footnotes.
        prose = re.sub(r"^(?:```.*?^```|[|\[].*?)$", "", text, flags=re.M | re.S)
        assert [line for line in prose.splitlines() if len(line) > 130] == [], page


def test_the_extension_for_docs_is_enough_to_build(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="Sphinx is not installed: pip install -e '.[docs]'")
    subprocess.run([sys.executable, "-c", "import furo, myst_parser, sphinx_copybutton"], check=True)
