"""Statistics of corpora: counts against plain loops, the text, and the page in a browser."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from browser import open_page

from data_prep.__main__ import main
from data_prep.problems import CorpusError, Problems
from data_prep.settings import Settings
from data_prep.statistics.counts import Stats, stats_of_files, stats_of_shards
from data_prep.statistics.odd_tokens import char_kinds, odd_kinds
from data_prep.statistics.page import page
from data_prep.statistics.tables import class_names, classes, visible
from data_prep.statistics.text import text_lines

TRAIN = """Washington B-PER
said O

in O
New B-LOC
York I-LOC
and O
Washington B-LOC

in O
New B-LOC
York I-LOC
and O
Washington B-LOC

"""
DEV = """in O
New B-LOC
York I-LOC
and O
Washington B-LOC

Lyon B-LOC
Lyon B-ORG
rains O

Lyon B-LOC
Lyon B-ORG
rains O

"""


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    for split, text in (("train", TRAIN), ("dev", DEV)):
        (tmp_path / f"{split}.conll").write_text(text)
    return {split: tmp_path / f"{split}.conll" for split in ("train", "dev")}


def counted(sources: dict[str, Path]) -> Stats:
    return stats_of_files(sources, Settings(), Problems())


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    try:
        code = main(["stats", *map(str, arguments)])
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


# --- Counts


def test_sizes_types_and_lengths_are_counted_by_split(sources: dict[str, Path]) -> None:
    train, dev = counted(sources).splits
    assert (train.num_sentences, train.num_tokens, train.num_entities()) == (3, 12, 5)
    assert (dev.num_sentences, dev.num_tokens, dev.num_entities()) == (3, 11, 6)
    # LOC, ORG, PER.
    assert [train.num_entities(type_id) for type_id in range(3)] == [4, 0, 1]
    assert (train.share_outside(), dev.share_outside()) == (5 / 12, 4 / 11)
    assert train.sentence_L.tolist() == [0, 0, 1, 0, 0, 2]
    assert train.entity_TL.tolist() == [[0, 2, 2], [0, 0, 0], [0, 1, 0]]


def test_what_train_lacks_is_counted_by_token_and_by_entity_of_a_type(sources: dict[str, Path]) -> None:
    (unseen,) = counted(sources).unseen
    assert unseen.split == "dev"
    # Lyon four times and rains twice.
    assert (unseen.num_tokens, unseen.all_tokens, unseen.num_distinct, unseen.all_distinct) == (6, 11, 2, 7)
    assert (unseen.entities_T, unseen.all_T) == ([2, 2, 0], [4, 2, 0])


def test_texts_of_several_types_are_found_over_all_splits(sources: dict[str, Path]) -> None:
    stats = counted(sources)
    assert [(one.text, one.counts, one.num_others) for one in stats.ambiguous] == [
        ("Lyon", {"LOC": 2, "ORG": 2}, 2),
        ("Washington", {"LOC": 3, "PER": 1}, 1),
    ]
    assert stats.num_ambiguous_mentions == 8
    assert stats.shared_TT.tolist() == [[0, 1, 1], [1, 0, 0], [1, 0, 0]]
    assert stats.frequent(0, 2) == [("New York", 3), ("Washington", 3)]


def test_copies_are_counted_within_and_between_splits(sources: dict[str, Path]) -> None:
    assert [tuple(found) for found in counted(sources).copies] == [
        ("train", "train", 1, 3),
        ("dev", "dev", 1, 3),
        ("dev", "train", 1, 3),
    ]


def test_a_corpus_and_its_shards_have_the_same_statistics(
    synth_corpus: dict[str, Path], synth_shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files, shards = counted(synth_corpus), stats_of_shards(synth_shards)
    assert text_lines(files)[1:] == text_lines(shards)[1:]
    for one, other in zip(files.splits, shards.splits):
        assert (one.tokens, one.entities) == (other.tokens, other.entities)
        np.testing.assert_array_equal(one.entity_TL, other.entity_TL)
    assert run(capsys, synth_shards)[1].splitlines()[1:] == text_lines(shards)[1:]


def test_counts_of_tokens_are_those_of_plain_loops(synth_corpus: dict[str, Path]) -> None:
    stats = counted(synth_corpus)
    for split in stats.splits:
        rows = [line.split() for line in synth_corpus[split.name].read_text().splitlines() if line]
        assert split.tokens == Counter(row[0] for row in rows)
        assert split.num_entities() == sum(row[-1].startswith("B-") for row in rows)
        assert split.tag_K[0] == sum(row[-1] == "O" for row in rows)


def test_odd_words_and_characters_are_told_by_kind() -> None:
    tokens = Counter(
        {"Paris": 3, "H5N1": 2, "McCain": 1, "--": 4, "naïve": 1, "Ωmega": 1, "a\u200bb": 1, "x" * 31: 1, "5\u00a0m": 1}
    )
    odd = {kind.name: (kind.num_tokens, kind.num_distinct, kind.examples) for kind in odd_kinds(tokens)}
    assert odd == {
        "invisible characters": (1, 1, ["a\u200bb"]),
        "letters of several scripts": (1, 1, ["Ωmega"]),
        "white space within": (1, 1, ["5\u00a0m"]),
        "longer than 30 characters": (1, 1, ["x" * 31]),
        "capitals after small letters": (1, 1, ["McCain"]),
        "letters and digits mixed": (3, 2, ["H5N1", "5\u00a0m"]),
        "several characters, no letter or digit": (4, 1, ["--"]),
    }
    chars = {kind.name: (kind.num_occurrences, kind.num_distinct) for kind in char_kinds(tokens)}
    assert chars["punctuation"] == (8, 1)
    assert chars["greek letters"] == chars["latin letters beyond a to z"] == (1, 1)
    assert chars["invisible: spaces, controls, private use"] == (2, 2)


def test_decomposed_and_wrongly_decoded_words_are_odd() -> None:
    names = [kind.name for kind in odd_kinds(Counter(["cafe\u0301", "cafÃ©", "ca\ufffd", "\x85"]))]
    assert names == [
        "replacement characters",
        "mojibake",
        "not in Unicode's composed form (NFC)",
        "control characters",
        "white space within",
        "capitals after small letters",
    ]


def test_lengths_fall_into_classes_and_all_are_counted() -> None:
    histogram_L = np.array([0, 1, 2, 3, 4, 5, 6, 7])
    assert classes(histogram_L, (1, 2, 5)) == [1, 2 + 3 + 4, 5 + 6 + 7]
    assert classes(histogram_L[:3], (1, 2, 5)) == [1, 2, 0]
    assert class_names((1, 2, 5)) == ["1", "2-4", "5+"]


def test_what_cannot_be_seen_is_spelled_out_and_what_is_long_is_cut() -> None:
    assert visible("a\x1b[31m\u200b b\u00a0é") == "a\\x1b[31m\\u200b b\\xa0é"
    assert visible("x" * 50, 10) == "xxxxxxx..."


# --- The command


def test_the_text_tells_all_parts(capsys: pytest.CaptureFixture[str], sources: dict[str, Path]) -> None:
    code, out, err = run(capsys, "--train", sources["train"], "--dev", sources["dev"])
    assert (code, err) == (0, "")
    assert out.startswith("train.conll, dev.conll: tags bio (")
    for line in (
        r"train +3 +12 +6 +5 +41\.7 % +4\.0",
        r"LOC +4 +80\.0 % +4 +66\.7 %",
        r"dev +54\.5 % +28\.6 % +66\.7 % +50\.0 % +100\.0 % +-",
        r"2 texts are entities of several types; 72\.7 % of all entities are such texts",
        r"  Lyon: LOC 2, ORG 2",
        r"most frequent LOC: New York 3, Washington 3, Lyon 2",
        r"dev, in train too +1 +33\.3 %",
        r"letters a to z +\d+ +\d+  .*",
    ):
        assert re.search(f"^{line}$", out, re.M), line


def test_one_file_is_one_corpus(capsys: pytest.CaptureFixture[str], sources: dict[str, Path]) -> None:
    code, out, _ = run(capsys, sources["train"])
    assert (code, "not in train" in out) == (0, False)
    assert re.search(r"^corpus +3 +12 ", out, re.M)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a corpus or a shard directory, or files with --train"),
        (["{train}", "--dev", "{train}"], "name a corpus or a shard directory, or files with --train"),
        (["{absent}"], "no such file"),
        (["{folder}"], "the shard directory holds no index.json"),
        (["{broken}"], ":2: error: tag I-X after O breaks bio"),
        (["{train}", "--out", "{folder}"], "is a directory, expected a file"),
    ],
)
def test_a_mistake_is_one_clear_sentence(
    capsys: pytest.CaptureFixture[str], sources: dict[str, Path], tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "broken").write_text("a O\nb I-X\n\n" + "c B-X\n\n" * 9)
    names = {
        "train": sources["train"],
        "absent": tmp_path / "absent",
        "folder": tmp_path,
        "broken": tmp_path / "broken",
    }
    before = sorted(tmp_path.iterdir())
    code, out, err = run(capsys, *(argument.format(**names) for argument in arguments))
    assert (code, out, "Traceback" in err) == (1, "", False)
    assert message in err
    assert sorted(tmp_path.iterdir()) == before


def test_schemes_are_told_by_all_files_together(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a B-X\nb I-X\n\n" * 9)
    (tmp_path / "b").write_text("a I-X\n\n")
    with pytest.raises(CorpusError, match=r"b:1: error: tag I-X after the sentence's start breaks bio"):
        counted({"train": tmp_path / "a", "dev": tmp_path / "b"})


def test_without_its_packages_the_page_is_refused_before_anything_is_read(
    capsys: pytest.CaptureFixture[str], sources: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.import_module

    def without(name: str) -> object:
        if name == "matplotlib":
            raise ImportError("No module named 'matplotlib'")
        return found(name)

    monkeypatch.setattr("data_prep.statistics.page.importlib.import_module", without)
    code, out, err = run(capsys, tmp_path / "absent", "--out", tmp_path / "page.html")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "pip install 'ner-dist[report]'" in err
    assert run(capsys, sources["train"])[0] == 0


# --- The page


class Elements(HTMLParser):
    """Names, ids and loaded addresses of a page; fails where an element is not closed."""

    EMPTY = ("meta", "link", "br", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names[tag] += 1
        values = dict(attrs)
        if values.get("id"):
            self.ids[str(values["id"])] += 1
        self.addresses += [str(values[name]) for name in ("src", "href", "xlink:href") if values.get(name)]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_holds_all_it_needs_and_is_always_the_same(sources: dict[str, Path]) -> None:
    text = page(counted(sources))
    assert text == page(counted(sources))
    elements = Elements(text)
    # Types, sentence lengths, entity lengths, new entities, types that share texts.
    assert elements.names["svg"] == 5
    assert elements.names["script"] == elements.names["link"] == elements.names["img"] == 0
    assert [address for address in elements.addresses if not address.startswith("#")] == []
    assert [name for name, count in elements.ids.items() if count > 1] == []
    # Every stand-in has become a colour of the page.
    assert not re.search("#0[1-9]0[1-9]0[1-9]", text)
    for variable in set(re.findall(r"var\(--([\w-]+)\)", text)) - {"share", "colour"}:
        assert text.count(f"--{variable}: #") == 2, f"{variable}, in light and in dark"


def test_what_a_corpus_says_is_text_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("<script>alert(1)</script>\tB-<b>&$x_1$\n中\tB-中文\n\n" * 2)
    text = page(stats_of_files({"<i>": tmp_path / "in"}, Settings(), Problems()))
    elements = Elements(text)
    assert elements.names["script"] == elements.names["i"] == 0
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    # In the pictures, too, and not as a formula.
    assert ">&lt;b&gt;&amp;$x_1$</text>" in text
    assert "中文</text>" in text


@pytest.mark.parametrize("text", ["a O\n", "a B-X\n", "a O\n\nb O\nc O\n"])
def test_the_smallest_corpora_have_a_page(tmp_path: Path, text: str) -> None:
    (tmp_path / "in").write_text(text)
    stats = stats_of_files({"corpus": tmp_path / "in"}, Settings(format="conll"), Problems())
    assert Elements(page(stats)).names["svg"] == (3 if "B-X" in text else 1)
    assert text_lines(stats)


def test_many_types_are_all_in_the_tables(tmp_path: Path) -> None:
    rows = "".join(f"w{i} B-TYPE{i:02d}\nw0 B-TYPE{i:02d}\n\n" for i in range(40))
    (tmp_path / "in").write_text(rows)
    text = page(stats_of_files({"train": tmp_path / "in", "dev": tmp_path / "in"}, Settings(), Problems()))
    assert all(f"TYPE{i:02d}" in text for i in range(40))


def test_a_browser_shows_the_page_light_and_dark_and_on_a_phone(
    capsys: pytest.CaptureFixture[str], sources: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "page.html"
    code, text, _ = run(capsys, "--train", sources["train"], "--dev", sources["dev"], "--out", out)
    assert (code, text.endswith(f"\n{out}\n"), sorted(out.parent.iterdir())) == (0, True, [out])
    with open_page(out) as visit:
        page = visit.page
        grounds = []
        for dark, width in ((False, 1280), (True, 420), (False, 420)):
            page.emulate_media(color_scheme="dark" if dark else "light")
            page.set_viewport_size({"width": width, "height": 900})
            grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            # Every picture has room, and its letters can be read.
            assert all(box["width"] > 300 for box in (svg.bounding_box() for svg in page.locator("svg").all()))
            heights = page.evaluate(
                "[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height)"
            )
            assert min(heights) > 9
        assert grounds[0] == grounds[2] != grounds[1]
        # The bars of train differ between light and dark: the pictures follow the page.
        fills = set()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            fills.add(page.evaluate("getComputedStyle(document.querySelector('svg path[style*=\"--split-0\"]')).fill"))
        assert len(fills) == 2
        page.locator("summary").first.click()
        assert page.locator("details table").first.is_visible()
        assert (visit.complaints, visit.requests) == ([], [])
