"""The command that tags files: formats in and out, order, ranks, mistakes."""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from browser import open_page
from processes import ROOT, alone, on_ranks, run

from ner_dist import predict as command
from ner_dist.errors import UserError
from ner_dist.prediction import input_formats, output_formats
from ner_dist.prediction.documents import Document, Entity, Sentence, of_tokens
from ner_dist.prediction.input_formats import Layout, Line, portions, read_documents, read_lines
from tests.prediction.test_encoder import read


def segment(text: str) -> Document:
    """One sentence, tokens between white space."""
    found = list(re.finditer(r"\S+", text))
    sentence = Sentence([m[0] for m in found], [m.start() for m in found], [m.end() for m in found])
    return Document(text, [sentence])


def documents(content: str, form: str, layout: Layout = Layout()) -> list[Document]:  # noqa: B008
    lines = read_lines(io.BytesIO(content.encode()), "file")
    return [
        document
        for portion in portions(lines, form)
        for document in read_documents(portion, form, "file", segment, layout)
    ]


def tokens(found: list[Document]) -> list[list[str]]:
    return [sentence.tokens for document in found for sentence in document.sentences]


def test_text_is_paragraphs_that_know_their_place() -> None:
    content = "One line\nand another.\r\n\r\n \nSecond \u2013 ß.\n"
    found = documents(content, "text")
    assert tokens(found) == [["One", "line", "and", "another."], ["Second", "\u2013", "ß."]]
    assert "".join(document.text for document in found) == content
    assert all(content[document.offset :].startswith(document.text) for document in found)


def test_a_long_paragraph_is_parted_at_ends_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_formats, "_PARAGRAPH_CHARACTERS", 20)
    content = "a b c d e f\ng h i j k l m\nn o\n" + "x" * 50 + "\n"
    found = documents(content, "text")
    assert "".join(document.text for document in found) == content
    assert [document.text for document in found][:2] == ["a b c d e f\n", "g h i j k l m\nn o\n"[: len(found[1].text)]]
    assert max(len(document.text) for document in found) <= 20


def test_portions_end_between_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_formats, "_PORTION_LINES", 3)
    lines = [Line(i, 0, text + "\n") for i, text in enumerate(["a", "b", "c", "d", "", "e", "", "f", "g", "h"])]
    assert [len(portion) for portion in portions(lines, "conll")] == [5, 5]
    assert [len(portion) for portion in portions(lines, "lines")] == [3, 3, 3, 1]
    monkeypatch.setattr(input_formats, "_PORTION_CHARACTERS", 2)
    assert len(next(portions(lines, "text"))) == 4


@pytest.mark.parametrize("form", ["tokens", "lines"])
def test_each_line_is_a_text(form: str) -> None:
    content = "John lives\n\n in  Paris \r\nend"
    found = documents(content, form)
    assert tokens(found) == [["John", "lives"], [], ["in", "Paris"], ["end"]]
    if form == "lines":
        assert [document.offset for document in found] == [0, 11, 12, 25]
        assert [document.text for document in found] == ["John lives", "", " in  Paris ", "end"]


def test_conll_columns() -> None:
    content = "# made up\n-DOCSTART- -X- O O\n\nJohn NNP O\nran  VBD O\n\n# NN O\nx\u00a0y CD O\n"
    found = documents(content, "conll", Layout(0, 1))
    assert tokens(found) == [["John", "ran"], ["#", "x\u00a0y"]]
    assert [document.sentences[0].pos for document in found] == [["NNP", "VBD"], ["NN", "CD"]]
    assert documents("a\tb c\n", "conll", Layout(-1))[0].sentences[0].tokens == ["b c"]


def test_json_lines_keep_what_else_they_hold() -> None:
    content = '{"id": 7, "text": "a b", "entities": []}\n\n{"tokens": ["x", "y"], "pos": ["N", "V"]}\n'
    first, second = documents(content, "jsonl")
    assert (first.text, dict(first.others)) == ("a b", {"id": 7})
    assert (second.sentences[0].tokens, second.sentences[0].pos) == (["x", "y"], ["N", "V"])


@pytest.mark.parametrize(
    ("content", "form", "message"),
    [
        ("a N\nb\n", "conll", r"^file:2: the line has 1 columns, those before it 2"),
        ("a\n", "conll", r"^file:1: the line has 1 columns, so --pos-column 1 does not exist"),
        ("a\tN\nb\t\n", "conll", r"^file:2: column 1 is empty; expected a value in every column"),
        ("{}\n{", "jsonl", r'^file:1: expected "text", or "tokens" and perhaps "pos", found nothing'),
        ('{"text": "a"}\n{"a', "jsonl", r"^file:2: not JSON"),
        ("[1]", "jsonl", r"^file:1: expected a JSON object, found list"),
        ('{"tokens": ["a", 1]}', "jsonl", r'^file:1: "tokens" is not a list of strings'),
        ('{"tokens": ["a", ""]}', "jsonl", r"^file:1: token 2 of .* is empty"),
        ('{"tokens": ["a"], "pos": []}', "jsonl", r"^file:1: 1 tokens, .* but 0 parts of speech"),
        ('{"text": "\\ud800"}', "jsonl", r"^file:1: half a surrogate pair"),
        ("[" * 100_000, "jsonl", r"^file:1: not JSON"),
    ],
)
def test_mistakes_name_file_and_line(content: str, form: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        documents(content, form, Layout(0, 1))


def test_bytes_that_are_no_text_are_named() -> None:
    with pytest.raises(UserError, match=r"^file:2: byte 0xe9 is not UTF-8 text; convert the file, such as by iconv"):
        list(read_lines(io.BytesIO(b"ok\ncaf\xe9\n"), "file"))
    assert next(read_lines(io.BytesIO(b"\xef\xbb\xbfok"), "file")).text == "ok"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.jsonl", "jsonl"),
        ("a.CONLL", "conll"),
        ("a.jsonl.gz", "jsonl"),
        ("a.txt", "text"),
        ("a", "text"),
        (None, "text"),
    ],
)
def test_the_name_of_a_file_tells_its_format(name: str | None, form: str) -> None:
    assert input_formats.format_of(Path(name) if name else None, "auto") == form
    assert input_formats.format_of(Path(name) if name else None, "lines") == "lines"


def tagged() -> Document:
    text = "<Ann & Bob> live\r\nin Rome"
    sentence = Sentence(["<Ann", "&", "Bob>", "live", "in", "Rome"], [0, 5, 7, 12, 18, 21], [4, 6, 11, 16, 20, 25])
    entities = [Entity(0, 11, "PER", 0.75, text[:11], 0, 0, 3), Entity(21, 25, "x y", 1.0, "Rome", 0, 5, 6)]
    return Document(text, [sentence], entities, 3, {"id": "d"})


def test_json_lines_out() -> None:
    record = json.loads(output_formats.writer("jsonl", [], "").document(tagged()))
    assert (record["id"], record["offset"], record["text"]) == ("d", 3, tagged().text)
    assert record["entities"][0] == {**tagged().entities[0]._asdict(), "confidence": 0.75}
    assert record["sentences"][0] == {"tokens": tagged().sentences[0].tokens, "starts": tagged().sentences[0].starts}


def test_conll_out() -> None:
    lines = output_formats.writer("conll", [], "").document(tagged())
    assert lines == "<Ann B-PER\n& I-PER\nBob> I-PER\nlive O\nin O\nRome B-x_y\n\n"
    odd = of_tokens([["a\u00a0b", "\u2028"], []])
    assert output_formats.writer("conll", [], "").document(odd) == "a_b O\n_ O\n\n"


def test_markup_is_well_formed_and_loses_nothing() -> None:
    text = output_formats.writer("inline", [], "").document(tagged())
    assert text == "<PER>&lt;Ann &amp; Bob&gt;</PER> live\r\nin <x_y>Rome</x_y>\n"
    root = ElementTree.fromstring(f"<all>{text}</all>")
    assert "".join(root.itertext()).replace("\r\n", "\n").rstrip("\n") == tagged().text.replace("\r\n", "\n")


def test_a_page_needs_jinja(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(UserError, match=r"pages need jinja2, which is not installed; pip install -e '\.\[predict\]'"):
        output_formats.writer("html", ["PER"], "")


SENTENCES = 'Mr. Smith lives in "New York". He works there.\n\nAngela visited Paris \u2013 twice.\n'


def predict(run_directory: Path, *arguments: object, text: str = "") -> subprocess.CompletedProcess[str]:
    words = alone("ner_dist.predict", run_directory, *arguments)
    return subprocess.run(words, cwd=ROOT, input=text, capture_output=True, encoding="utf-8", timeout=120)


def test_text_on_standard_input(text_run: Path) -> None:
    finished = predict(text_run, "-", text=SENTENCES)
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


def test_every_format_says_the_same(text_run: Path, synth_corpus: dict[str, Path], tmp_path: Path) -> None:
    sentences, _ = read(synth_corpus["test"])
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"tokens": sentence}) + "\n" for sentence in sentences))
    with gzip.open(tmp_path / "in.txt.gz", "wt") as file:
        file.write("".join(" ".join(sentence) + "\n" for sentence in sentences))
    for source, options in (
        ("in.jsonl", []),
        ("in.txt.gz", ["--from", "tokens"]),
        (synth_corpus["test"], ["--from", "conll"]),
    ):
        for out in ("out.jsonl", "out.conll", "out.xml", "out.html"):
            words = [text_run, tmp_path / source, *options, "--out", tmp_path / out]
            command._predict(command._parser().parse_args([str(word) for word in words]), None)
        entities = [
            [(e["type"], e["text"]) for e in json.loads(line)["entities"]]
            for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        assert len(entities) == len(sentences)
        flat = [entity for of_sentence in entities for entity in of_sentence]
        assert len(flat) > 20
        blocks, _ = read(tmp_path / "out.conll")
        assert blocks == sentences
        begun = re.findall(r" B-(\S+)$", (tmp_path / "out.conll").read_text(encoding="utf-8"), re.M)
        assert begun == [kind for kind, _ in flat]
        root = ElementTree.fromstring(f"<all>{(tmp_path / 'out.xml').read_text(encoding='utf-8')}</all>")
        assert [(element.tag, element.text) for element in root] == flat
        page = (tmp_path / "out.html").read_text(encoding="utf-8")
        assert len(re.findall(r"<mark ", page)) == len(flat)
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.ranks
def test_any_number_of_ranks_writes_the_same_file(text_run: Path, tmp_path: Path) -> None:
    # Three portions for two ranks, so that the last round is short.
    lines = [f"Mr. Smith{number % 97} lives in Paris{number % 13} ." for number in range(9000)]
    (tmp_path / "in.txt").write_text("\n".join(lines), encoding="utf-8")
    arguments = ("ner_dist.predict", text_run, tmp_path / "in.txt", "--from", "tokens", "--to", "conll", "--out")
    for ranks, start in ((1, alone), (2, lambda *words: on_ranks(2, *words))):
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
    finished = run(on_ranks(2, "ner_dist.predict", text_run, tmp_path / "in.jsonl", "--out", out), ROOT)
    assert finished.code != 0
    assert any("in.jsonl:8001: not JSON" in line for line in finished.errors), finished.errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]


def test_ranks_cannot_share_standard_input(text_run: Path) -> None:
    finished = run(on_ranks(2, "ner_dist.predict", text_run, "-"), ROOT)
    assert finished.code != 0
    assert "several ranks cannot share standard input; name a FILE" in finished.err


@pytest.mark.parametrize(
    ("arguments", "content", "message"),
    [
        ([], b"ok\n\nbad \xff\n", r"in:3: byte 0xff is not UTF-8 text"),
        (["--from", "jsonl"], b"{}", r'in:1: expected "text"'),
        (["--language", "qqq"], b"a", r"--language qqq is none of spaCy's"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    text_run: Path, tmp_path: Path, arguments: list[str], content: bytes, message: str
) -> None:
    (tmp_path / "in").write_bytes(content)
    finished = predict(text_run, tmp_path / "in", *arguments, "--out", tmp_path / "out")
    assert finished.returncode == 1
    assert re.fullmatch(rf"error: .*{message}.*\n", finished.stderr)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_what_is_not_there_is_named(text_run: Path, tiny_run: Path, tmp_path: Path) -> None:
    for run_directory, arguments, message in (
        (tmp_path, ["-"], "no checkpoint there; is this the directory of a run"),
        (text_run, [tmp_path / "absent"], "absent: No such file or directory; name a file of text"),
        (text_run, [tmp_path], "Is a directory"),
        (tiny_run, ["-"], "the model was trained with parts of speech"),
    ):
        finished = predict(run_directory, *arguments, text="Paris.\n")
        assert (finished.returncode, finished.stdout) == (1, "")
        assert message in finished.stderr
        assert finished.stderr.count("\n") == 1


def test_the_page_in_a_browser(text_run: Path, tmp_path: Path) -> None:
    text = "Mr. Smith <script>alert(1)</script> lives in \u202bParis\u202c.\n"
    (tmp_path / "in.txt").write_text(text, encoding="utf-8")
    finished = predict(text_run, tmp_path / "in.txt", "--out", tmp_path / "out.html")
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
