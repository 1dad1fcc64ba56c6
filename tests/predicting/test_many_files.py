"""The command that tags a folder: the bytes of single commands, workers, what is gone on from, mistakes."""

from __future__ import annotations

import gzip
import os
import re
import signal
from pathlib import Path

import psutil
import pytest
import store_folder
from processes import ROOT, Finished, Job, alone, launched, run

from ner_dist.engines.executor import EngineError
from ner_dist.engines.work_folder import work_folder
from ner_dist.errors import UserError
from ner_dist.predict import PredictOptions, predict
from ner_dist.predicting import many_files, tag_file
from ner_dist.predicting.command_identity import command_of
from ner_dist.prediction.reading import ReadingOptions
from ner_dist.prediction.tagger import Tagger
from ner_dist.ranks.comm import Solo
from ner_dist.stores.published import publish

TEXTS = {
    "a.txt": 'Mr. Smith lives in "New York". He works there.\n\nAngela visited Paris \u2013 twice.\n',
    "b/c.jsonl": '{"id": 7, "text": "Ann Lee left Novgrad."}\n{"tokens": ["Bo", "too"], "text": "Bo  too"}\n',
    "b/d.conll": "# sent_id = 1\nMr. O\nSmith O\n\nParis O\n",
    "e.txt.gz": "Mr. Smith left.\n",
    "empty": "",
}


def write(folder: Path, texts: dict[str, str] = TEXTS) -> Path:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Of every file, hidden ones too."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tagged_one_by_one(model: Path, folder: Path, out: Path, ending: str, to: str = "auto") -> Path:
    for name in TEXTS:
        place = out / Path(name.removesuffix(".gz")).with_suffix(ending)
        place.parent.mkdir(parents=True, exist_ok=True)
        predict(PredictOptions(model, folder / name, to, place), Solo())
    return out


@pytest.mark.parametrize("to", ["jsonl", "html", "label-studio", "docbin", "parquet"])
def test_each_output_has_the_bytes_of_a_command_of_its_own(
    to: str, text_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "in")
    ending = {"label-studio": ".json", "docbin": ".spacy"}.get(to, f".{to}")
    expected = tagged_one_by_one(text_run, tmp_path / "in", tmp_path / "expected", ending, to)
    capsys.readouterr()
    predict(PredictOptions(text_run, tmp_path / "in", to, tmp_path / "out"), Solo())
    assert content(tmp_path / "out") == content(expected)
    assert re.fullmatch(
        r"5 files, 8 sentences, 33 tokens, \d+ entities in \S+ s, \S+ tokens/s\n", capsys.readouterr().err
    )
    assert tag_file._Loaded.tagger is None


def predict_run(*arguments: object, **variables: str) -> Finished:
    return run(alone("ner_dist.predict", *arguments), ROOT, **variables)


def test_several_workers_write_the_same_files(text_run: Path, tmp_path: Path) -> None:
    write(tmp_path / "in")
    tagged_one_by_one(text_run, tmp_path / "in", tmp_path / "expected", ".jsonl")
    finished = predict_run(text_run, tmp_path / "in", "--out", tmp_path / "out", "--workers", 2)
    assert (finished.code, finished.left) == (0, []), finished.err
    assert content(tmp_path / "out") == content(tmp_path / "expected")
    assert finished.err.startswith("5 files, 8 sentences, 33 tokens, ")
    assert finished.err.count("\n") == 1


def test_an_export_is_enough(text_run: Path, tmp_path: Path) -> None:
    from ner_dist.exporting.write_export import export

    export(text_run, "best", tmp_path / "export", compared=False)
    write(tmp_path / "in")
    tagged_one_by_one(tmp_path / "export", tmp_path / "in", tmp_path / "expected", ".conll")
    without_mxnet = write(tmp_path / "path", {"mxnet.py": "raise AssertionError('imported')"})
    options = ("--to", "conll", "--workers", 2, "--worker-memory-gb", 4)
    finished = predict_run(
        *(tmp_path / "export", tmp_path / "in" / "**" / "*", "--out", tmp_path / "out", *options),
        PYTHONPATH=f"{without_mxnet}{os.pathsep}{ROOT}",
    )
    assert finished.code == 0, finished.err
    assert content(tmp_path / "out") == content(tmp_path / "expected")


LONG = "Mr. Smith97 lives in Paris13 .\n" * 5000


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_command_goes_on_after_an_interrupt(workers: int, text_run: Path, tmp_path: Path) -> None:
    write(tmp_path / "in", {"a.txt": "Ann left.\n", "b.txt": LONG, "c.txt": "Bo left.\n"})
    words = alone(
        *("ner_dist.predict", text_run, tmp_path / "in", "--from", "lines", "--out", tmp_path / "out"),
        *("--workers", workers),
    )
    with Job(words, ROOT) as job:
        # Noted, not only written.
        job.wait_until(lambda: any((tmp_path / "out").glob(".tagging-*.work/finished/files/[!.]*")))
        job.signal(signal.SIGINT)
        finished = job.wait()
    assert (finished.code, finished.left) == (130, [])
    assert finished.err == f"error: interrupted by SIGINT; {many_files.KEPT}\n"
    left = content(tmp_path / "out")
    assert not {name for name in left if "unfinished" in name}
    assert {name for name in left if not name.startswith(".")} in ({"a.jsonl"}, {"a.jsonl", "c.jsonl"})
    before = (tmp_path / "out" / "a.jsonl").stat()
    write(tmp_path / "in", {"b.txt": "Cy left.\n"})
    finished = run(words, ROOT)
    assert finished.code == 0, finished.err
    assert re.match(r"3 files, [12] of them before, 3 sentences, 9 tokens, ", finished.err)
    assert (tmp_path / "out" / "a.jsonl").stat() == before
    assert sorted(content(tmp_path / "out")) == ["a.jsonl", "b.jsonl", "c.jsonl"]


def test_a_killed_worker_is_replaced(text_run: Path, tmp_path: Path) -> None:
    write(tmp_path / "in", {"a.txt": "Ann left.\n", "b.txt": LONG, "c.txt": "Bo left.\n", "d.txt": "Cy left.\n"})
    words = alone("ner_dist.predict", text_run, tmp_path / "in", "--from", "lines", "--out", tmp_path / "out")
    with Job([*words, "--workers", "2"], ROOT) as job:
        job.wait_until((tmp_path / "out" / "a.jsonl").exists)
        workers = [process for process in job.processes() if "worker_process" in " ".join(process.cmdline())]
        assert len(workers) == 2
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
        psutil.wait_procs(workers, 10)
        finished = job.wait()
    assert (finished.code, finished.left) == (0, []), finished.err
    assert sorted(content(tmp_path / "out")) == ["a.jsonl", "b.jsonl", "c.jsonl", "d.jsonl"]
    assert (tmp_path / "out" / "b.jsonl").read_text().count("\n") == LONG.count("\n")


def test_the_error_of_the_first_file_that_has_one_ends_the_command(text_run: Path, tmp_path: Path) -> None:
    write(tmp_path / "in", {"a.txt": "Ann left.\n", "b.jsonl": '{"text": "a"}\n[]\n', "c.jsonl": "{\n"})
    finished = predict_run(text_run, tmp_path / "in", "--out", tmp_path / "out", "--workers", 2)
    assert finished.code == 1
    assert finished.err.startswith(f"error: {tmp_path}/in/b.jsonl:2: ")
    assert finished.err.count("\n") == 1
    shown = [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")]
    assert shown == ["a.jsonl"]


class Alone:
    """Calls the command in this process, and counts the files that it tags."""

    def __init__(self, model: Path, folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.options = PredictOptions(model, folder, out=out)
        self.tagged: list[str] = []
        before = tag_file._tag

        def tag(task: tag_file.FileTask, *others: object) -> tag_file.FileResult:
            self.tagged.append(task.file.name)
            return before(task, *others)  # type: ignore[arg-type]

        monkeypatch.setattr(tag_file, "_tag", tag)

    def __call__(self) -> list[str]:
        self.tagged.clear()
        predict(self.options, Solo())
        return self.tagged


@pytest.fixture
def two_of_three(text_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Alone:
    """A command that has ended at the third file."""
    write(tmp_path / "in", {"a.txt": "Ann left.\n", "b.txt": "Bo left.\n"})
    (tmp_path / "in" / "c.txt").write_bytes(b"bad \xff")
    command = Alone(text_run, tmp_path / "in", tmp_path / "out", monkeypatch)
    with pytest.raises(UserError, match=r"in/c\.txt:1: byte 0xff is not UTF-8"):
        command()
    write(tmp_path / "in", {"c.txt": "Cy left.\n"})
    return command


def test_what_was_tagged_before_an_error_is_not_tagged_again(
    two_of_three: Alone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert two_of_three() == ["c.txt"]
    assert capsys.readouterr().err.startswith("3 files, 2 of them before, 3 sentences, 9 tokens, ")
    assert sorted(content(tmp_path / "out")) == ["a.jsonl", "b.jsonl", "c.jsonl"]
    # It had ended, so the next one begins anew.
    assert two_of_three() == ["a.txt", "b.txt", "c.txt"]


def test_what_has_changed_since_is_tagged_again(two_of_three: Alone, tmp_path: Path) -> None:
    write(tmp_path / "in", {"a.txt": "Someone else left.\n", "new.txt": "Di left.\n"})
    (tmp_path / "out" / "b.jsonl").write_text("changed")
    assert two_of_three() == ["a.txt", "b.txt", "c.txt", "new.txt"]
    assert b"Bo left" in content(tmp_path / "out")["b.jsonl"]


def test_what_is_all_done_needs_no_model(
    two_of_three: Alone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in" / "c.txt").unlink()
    monkeypatch.setattr(Tagger, "load", None)
    assert two_of_three() == []
    assert capsys.readouterr().err.startswith("2 files, 2 of them before, 2 sentences, 6 tokens, ")


def test_another_command_begins_anew(two_of_three: Alone, text_run: Path, tmp_path: Path) -> None:
    two_of_three.options = PredictOptions(text_run, tmp_path / "in", out=tmp_path / "out", threshold=0.9)
    assert two_of_three() == ["a.txt", "b.txt", "c.txt"]
    assert sorted(content(tmp_path / "out")) == ["a.jsonl", "b.jsonl", "c.jsonl"]


def test_workers_do_not_make_another_command_and_a_model_does(text_run: Path, tmp_path: Path) -> None:
    options = PredictOptions(text_run, tmp_path)
    expected = command_of(options)
    assert command_of(PredictOptions(text_run, tmp_path, workers=3, engine="dask", worker_memory_gb=4)) == expected
    assert command_of(PredictOptions(text_run, tmp_path, reading=ReadingOptions("lines"))) != expected
    assert command_of(PredictOptions(tmp_path, tmp_path)) != expected


def test_a_model_that_changes_meanwhile_is_an_error(
    text_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in")
    monkeypatch.setattr(many_files, "command_of", lambda options: "0" * 64)
    with pytest.raises(UserError, match="run: the model has changed since the command began; begin anew"):
        predict(PredictOptions(text_run, tmp_path / "in", out=tmp_path / "out"), Solo())


def test_two_of_the_same_command_do_not_write_at_the_same_time(text_run: Path, tmp_path: Path) -> None:
    write(tmp_path / "in")
    (tmp_path / "out").mkdir()
    options = PredictOptions(text_run, tmp_path / "in", out=tmp_path / "out")
    message = "another process tags into .*out by the same command; wait for it, or end it"
    with (
        work_folder(tmp_path / "out" / "tagging", command_of(options), ""),
        pytest.raises(EngineError, match=message),
    ):
        predict(options, Solo())


@pytest.mark.parametrize(
    ("named", "others", "message"),
    [
        ("in", {"out": None}, "in stands for many files, so --out must name the folder for their outputs"),
        ("in/a*", {"out": None}, r"in/a\* stands for many files, so --out must name the folder"),
        ("in/a.txt", {"workers": 2}, "in/a.txt is one file, which workers cannot share; name a folder or a pattern, "),
        ("in/a.txt", {"engine": "ray"}, "in/a.txt is one file, which workers cannot share"),
        (None, {"workers": 2}, "standard input is one file, which workers cannot share"),
        ("in", {"workers": 0}, "--workers must be at least 1, not 0"),
        ("in", {"engine": "spark"}, "--engine spark: no such engine"),
        ("in/*.csv", {}, r"in/\*.csv: no file has a name like this"),
        ("in", {"out": "in/b"}, "in/b lies in the folder of the input"),
        ("in", {"out": "file/out"}, "--out .*file/out: the folder cannot be made .Not a directory"),
        ("in", {"run": "absent"}, "absent.*no checkpoint there; is this the directory of a run"),
        ("in", {"threshold": {"GPE": 0.5}}, "a threshold for 'GPE', which is no type of the model"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    named: str | None, others: dict[str, object], message: str, text_run: Path, tmp_path: Path
) -> None:
    write(tmp_path / "in")
    write(tmp_path, {"file": ""})
    before = content(tmp_path)
    given = {"run": text_run, "out": tmp_path / "out", **others}
    for option in ("run", "out"):
        given[option] = tmp_path / given[option] if isinstance(given[option], str) else given[option]
    with pytest.raises(UserError, match=message) as raised:
        predict(PredictOptions(file=named and tmp_path / named, **given), Solo())  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)
    assert content(tmp_path) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.ranks
def test_ranks_share_one_file_alone(text_run: Path, tmp_path: Path) -> None:
    write(tmp_path / "in")
    finished = run(launched(2, "ner_dist.predict", text_run, tmp_path / "in", "--out", tmp_path / "out"), ROOT)
    assert finished.code != 0
    assert any(
        re.search(r"several ranks can share one FILE, and .*in stands for many; start one process, with --workers N", e)
        for e in finished.errors
    ), finished.errors
    assert not (tmp_path / "out").exists()


def test_what_the_model_says_of_all_files_is_said_once(
    text_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "in", {"a.txt": "我住在北京大学" * 5, "b.txt": "我住在北京大学" * 5})
    reading = ReadingOptions(tokenizer="characters")
    predict(PredictOptions(text_run, tmp_path / "in", out=tmp_path / "out", reading=reading), Solo())
    summary, warning = capsys.readouterr().err.splitlines()
    assert summary.startswith("2 files, 2 sentences, 70 tokens")
    assert warning.startswith("warning: the model knows only 0% of the 70 tokens")


def test_prefixes_of_stores_are_as_folders(
    text_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = store_folder.use(tmp_path, monkeypatch)
    store = tmp_path / "store" / "s3" / "texts"
    write(store / "made")
    tagged_one_by_one(text_run, store / "made", tmp_path / "expected", ".jsonl")
    publish(text_run, folder.parent / "run")
    (store / "made" / "z.jsonl").write_text("{}\n[]\n")
    options = PredictOptions(folder.parent / "run", folder, out=folder.parent / "out")
    with pytest.raises(UserError, match=r"^s3://texts/made/z\.jsonl:1: "):
        predict(options, Solo())
    assert content(store / "out") == content(tmp_path / "expected")
    (store / "made" / "z.jsonl").unlink()
    (store / "out" / "a.jsonl").write_text("changed")
    capsys.readouterr()
    predict(options, Solo())
    assert capsys.readouterr().err.startswith("5 files, 4 of them before, 8 sentences, 33 tokens")
    assert content(store / "out") == content(tmp_path / "expected")
    assert [path.name for path in (tmp_path / "cache" / "unpublished").rglob("*") if path.is_file()] == []
