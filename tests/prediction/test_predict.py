"""The command that tags files: formats, order, ranks, mistakes."""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest
from browser import open_page
from encoded import read_conll
from processes import ROOT, alone, launched, run

from ner_dist.errors import UserError
from ner_dist.predict import PredictOptions, main, predict
from ner_dist.prediction import input_lines
from ner_dist.prediction.reading import ReadingOptions
from ner_dist.ranks.comm import Solo

SENTENCES = 'Mr. Smith lives in "New York". He works there.\n\nAngela visited Paris \u2013 twice.\n'


def run_predict(run_directory: Path, *arguments: object, text: str = "") -> subprocess.CompletedProcess[str]:
    words = alone("ner_dist.predict", run_directory, *arguments)
    return subprocess.run(words, cwd=ROOT, input=text, capture_output=True, encoding="utf-8", timeout=120)


class Here(NamedTuple):
    """What the command prints, in this process; or the error that it would end with."""

    out: str
    err: str
    error: UserError | None


@pytest.fixture
def predict_here(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Here]:
    """As run_predict, without a second for the start of a process."""
    monkeypatch.setattr("ner_dist.predict.run_rank", lambda action: action(Solo()))

    def call(*arguments: object, text: str = "") -> Here:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))
        error = None
        try:
            main([str(argument) for argument in arguments])
        except UserError as raised:
            error = raised
        return Here(*capfd.readouterr(), error)

    return call


def test_text_on_standard_input(text_run: Path) -> None:
    finished = run_predict(text_run, "-", text=SENTENCES)
    assert finished.returncode == 0, finished.stderr
    records = [json.loads(line) for line in finished.stdout.splitlines()]
    assert "".join(record["text"] for record in records) == SENTENCES
    assert [len(record["sentences"]) for record in records] == [2, 1]
    assert records[1]["offset"] == SENTENCES.index("Angela")
    assert sum(len(record["entities"]) for record in records) > 0
    for record in records:
        for entity in record["entities"]:
            assert record["text"][entity["start"] : entity["end"]] == entity["text"]
    assert re.fullmatch(r"3 sentences, 19 tokens, \d+ entities in \S+ s, \S+ tokens/s\n", finished.stderr)


def test_all_formats_give_the_same_entities(text_run: Path, synth_corpus: dict[str, Path], tmp_path: Path) -> None:
    sentences, _ = read_conll(synth_corpus["test"])
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"tokens": sentence}) + "\n" for sentence in sentences))
    with gzip.open(tmp_path / "in.txt.gz", "wt") as file:
        file.write("".join(" ".join(sentence) + "\n" for sentence in sentences))
    for source, input_format in (("in.jsonl", "auto"), ("in.txt.gz", "tokens"), (synth_corpus["test"], "conll")):
        for out in ("out.jsonl", "out.conll", "out.xml", "out.html"):
            reading = ReadingOptions(input_format=input_format)
            predict(PredictOptions(text_run, tmp_path / source, out=tmp_path / out, reading=reading), Solo())
        entities = [
            [(e["type"], e["text"]) for e in json.loads(line)["entities"]]
            for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        assert len(entities) == len(sentences)
        flat = [entity for sentence in entities for entity in sentence]
        assert len(flat) > 20
        blocks, _ = read_conll(tmp_path / "out.conll")
        assert blocks == sentences
        begun = re.findall(r" B-(\S+)$", (tmp_path / "out.conll").read_text(encoding="utf-8"), re.M)
        assert begun == [kind for kind, _ in flat]
        root = ElementTree.fromstring(f"<all>{(tmp_path / 'out.xml').read_text(encoding='utf-8')}</all>")
        assert [(element.tag, element.text) for element in root] == flat
        page = (tmp_path / "out.html").read_text(encoding="utf-8")
        assert len(re.findall(r"<mark ", page)) == len(flat)
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("to", ["docbin", "parquet"])
def test_what_is_no_text_goes_to_files_only(to: str, text_run: Path, tmp_path: Path) -> None:
    (tmp_path / "in").write_text(SENTENCES, encoding="utf-8")
    with pytest.raises(UserError, match=f"{to} is no text, so it does not go to standard output; name a file with"):
        predict(PredictOptions(text_run, tmp_path / "in", output_format=to), Solo())


def test_parquet_grows_by_a_row_group_for_each_portion(
    text_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_lines, "_PORTION_LINES", 2)
    (tmp_path / "in").write_text("Mr. Smith left .\n\nAngela saw Paris .\n", encoding="utf-8")
    reading = ReadingOptions(input_format="lines")
    predict(PredictOptions(text_run, tmp_path / "in", out=tmp_path / "out.parquet", reading=reading), Solo())
    file = pq.ParquetFile(tmp_path / "out.parquet")
    assert (file.num_row_groups, file.read(["record"]).to_pydict()) == (2, {"record": [0, 2]})


@pytest.mark.ranks
def test_a_threshold_leaves_entities_out_of_the_file_and_changes_nothing_else(
    text_run: Path, synth_corpus: dict[str, Path], tmp_path: Path
) -> None:
    found = []
    for threshold in (None, 0.6, {"PER": 1.0}):
        options = PredictOptions(
            text_run,
            synth_corpus["test"],
            out=tmp_path / "out.jsonl",
            threshold=threshold,
            reading=ReadingOptions(input_format="conll"),
        )
        predict(options, Solo())
        found.append([json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()])
    every, sure, typed = found
    assert {record["confidence"] < 1 for record in every} == {True}
    for whole, part in zip(every, sure):
        assert part == {**whole, "entities": [e for e in whole["entities"] if e["confidence"] >= 0.6]}
    for whole, part in zip(every, typed):
        assert part == {**whole, "entities": [e for e in whole["entities"] if e["type"] != "PER"]}
    assert 0 < sum(len(record["entities"]) for record in sure) < sum(len(record["entities"]) for record in every)
    with pytest.raises(UserError, match=r"a threshold for 'GPE', which is no type of the model; it knows "):
        predict(PredictOptions(text_run, synth_corpus["test"], threshold={"GPE": 0.5}), Solo())


def test_any_number_of_ranks_writes_the_same_file(text_run: Path, tmp_path: Path) -> None:
    # Three portions for two ranks, so that the last round is short.
    lines = [f"Mr. Smith{number % 97} lives in Paris{number % 13} ." for number in range(9000)]
    (tmp_path / "in.txt").write_text("\n".join(lines), encoding="utf-8")
    arguments = ("ner_dist.predict", text_run, tmp_path / "in.txt", "--from", "tokens", "--to", "conll", "--out")
    for ranks, start in ((1, alone), (2, lambda *words: launched(2, *words))):
        finished = run(start(*arguments, tmp_path / f"out{ranks}"), ROOT)
        assert (finished.code, finished.left) == (0, []), finished.err
    one, two = ((tmp_path / f"out{ranks}").read_text(encoding="utf-8") for ranks in (1, 2))
    assert one == two
    assert [" ".join(line.split()[0] for line in block.split("\n")) for block in one.strip().split("\n\n")] == lines


@pytest.mark.ranks
def test_a_mistake_in_one_portion_ends_all_ranks(text_run: Path, tmp_path: Path) -> None:
    lines = ['{"tokens": ["a"]}'] * 9000
    lines[8000] = "{"
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    out = tmp_path / "out"
    finished = run(launched(2, "ner_dist.predict", text_run, tmp_path / "in.jsonl", "--out", out), ROOT)
    assert finished.code != 0
    assert any("in.jsonl:8001: not JSON" in line for line in finished.errors), finished.errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]


def test_ranks_cannot_share_standard_input(text_run: Path) -> None:
    finished = run(launched(2, "ner_dist.predict", text_run, "-"), ROOT)
    assert finished.code != 0
    assert "several ranks cannot share standard input; name a FILE" in finished.err


@pytest.mark.parametrize(
    ("arguments", "content", "message"),
    [
        ([], b"ok\n\nbad \xff\n", r"in:3: byte 0xff is not UTF-8"),
        (["--from", "jsonl"], b"{}", r'in:1: expected "text"'),
        (["--language", "qqq"], b"a", r"--language qqq is not a language code of spaCy's"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    text_run: Path,
    tmp_path: Path,
    arguments: list[str],
    content: bytes,
    message: str,
    predict_here: Callable[..., Here],
) -> None:
    (tmp_path / "in").write_bytes(content)
    found = predict_here(text_run, tmp_path / "in", *arguments, "--out", tmp_path / "out")
    assert re.fullmatch(rf".*{message}.*", str(found.error))
    assert found[:2] == ("", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_a_feature_comes_from_its_column_or_field(
    tiny_run: Path, synth_corpus: dict[str, Path], tmp_path: Path
) -> None:
    tokens, pos = read_conll(synth_corpus["test"])
    with (tmp_path / "in.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"tokens": t, "pos": p}) + "\n" for t, p in zip(tokens, pos))
    found = []
    for source, named in (
        (synth_corpus["test"], {"pos_column": 1}),
        (synth_corpus["test"], {"feature": [("pos", 1), ("unused", 0)]}),
        (tmp_path / "in.jsonl", {}),
    ):
        out = tmp_path / "out.jsonl"
        reading = ReadingOptions(**named)  # type: ignore[arg-type]
        predict(PredictOptions(tiny_run, source, out=out, reading=reading), Solo())
        found.append([json.loads(line)["entities"] for line in out.read_text(encoding="utf-8").splitlines()])
    assert found[0] == found[1] == found[2]
    assert sum(map(len, found[0])) > 20


def test_the_text_beside_tokens_is_left_as_it_is(
    text_run: Path, tmp_path: Path, predict_here: Callable[..., Here]
) -> None:
    text = "  Mr.  Smith\tlives in\u00a0Paris .\n"
    (tmp_path / "in.jsonl").write_text(json.dumps({"id": "x", "text": text, "tokens": text.split()}))
    record = json.loads(predict_here(text_run, tmp_path / "in.jsonl").out)
    assert (record["id"], record["text"]) == ("x", text)
    (sentence,) = record["sentences"]
    assert [text[start:].split()[0] for start in sentence["starts"]] == sentence["tokens"] == text.split()
    for entity in record["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]


def test_documents_are_given_back(text_run: Path, tmp_path: Path, predict_here: Callable[..., Here]) -> None:
    content = "-DOCSTART- O\n\n# sent_id = a\nMr. O\nSmith O\n\n# newdoc id = two\nParis O\n"
    (tmp_path / "in.conll").write_text(content)
    records = [json.loads(line) for line in predict_here(text_run, tmp_path / "in.conll").out.splitlines()]
    assert [(record.get("document"), record.get("id")) for record in records] == [("1", "a"), ("two", None)]
    written = predict_here(text_run, tmp_path / "in.conll", "--to", "conll").out
    assert re.sub(r" [BI]-\w+$", " O", written, flags=re.M) == content + "\n"


def test_a_text_of_which_the_model_knows_nothing_is_said(text_run: Path, predict_here: Callable[..., Here]) -> None:
    found = predict_here(text_run, "-", "--tokenizer", "characters", text="我住在北京大学" * 10)
    summary, warning = found.err.splitlines()
    assert summary.startswith("1 sentences, 70 tokens")
    assert warning.startswith("warning: the model knows only 0% of the 70 tokens")
    assert "the tokenizer characters, which --tokenizer and --language change" in warning


def test_the_file_may_come_after_the_options(text_run: Path, tmp_path: Path, predict_here: Callable[..., Here]) -> None:
    (tmp_path / "in.txt").write_text("Ann left.\nBo too.\n", encoding="utf-8")
    assert len(predict_here(text_run, "--from", "lines", tmp_path / "in.txt").out.splitlines()) == 2


@pytest.mark.parametrize("value", ["pos", "pos=x", "=1"])
def test_a_feature_without_a_column_is_refused(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--feature", value])
    assert f"argument --feature: invalid NAME=COLUMN value: '{value}'" in capsys.readouterr().err


def test_what_is_missing_is_named(
    text_run: Path, tiny_run: Path, tmp_path: Path, predict_here: Callable[..., Here]
) -> None:
    finished = run_predict(tmp_path, "-", text="Paris.\n")
    assert (finished.returncode, finished.stdout, finished.stderr.count("\n")) == (1, "", 1)
    assert "no checkpoint there; is this the directory of a run" in finished.stderr
    for run_directory, arguments, message in (
        (text_run, [tmp_path / "absent"], "absent: No such file or directory; expected a text file"),
        (text_run, [tmp_path], f"{tmp_path} stands for many files, so --out must name the folder for their outputs"),
        (tiny_run, ["-"], "the model was trained with the token feature pos, which the input does not have"),
        (text_run, ["-", "--language", "th"], "pip install pythainlp, or take --tokenizer characters"),
    ):
        found = predict_here(run_directory, *arguments, text="Paris.\n")
        assert message in str(found.error)
        assert found[:2] == ("", "")


def test_the_page_in_a_browser(text_run: Path, tmp_path: Path) -> None:
    text = "Mr. Smith <script>alert(1)</script> lives in \u202bParis\u202c.\n"
    (tmp_path / "in.txt").write_text(text, encoding="utf-8")
    finished = run_predict(text_run, tmp_path / "in.txt", "--out", tmp_path / "out.html")
    assert finished.returncode == 0, finished.stderr
    with open_page(tmp_path / "out.html") as visit:
        page = visit.page
        assert page.locator("h1").text_content() == "in.txt"
        assert page.locator("article").text_content() == text.rstrip()
        marks = page.locator("mark")
        numbers = [int(number) for number in page.locator("label small").all_text_contents()]
        assert marks.count() == sum(numbers) > 0
        kind = marks.first.get_attribute("data-type")
        page.get_by_label(kind).uncheck()
        off = page.locator("mark.off")
        assert off.count() == page.locator(f'mark[data-type="{kind}"]').count()
        assert {mark.get_attribute("data-type") for mark in off.all()} == {kind}
        assert (visit.complaints, visit.requests) == ([], [])
