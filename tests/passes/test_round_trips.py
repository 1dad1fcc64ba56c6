"""All pairs of formats: what a corpus says survives from one to the other as far as both can hold it."""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.formats.read_corpus import recognise
from data_prep.passes.build import build
from data_prep.passes.convert import Target, convert
from data_prep.passes.tagged_stream import read_tagged, survey_tags
from data_prep.problems import CorpusError, Problems
from data_prep.sentences.record import Origin
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile
from data_prep.writers.table import WRITERS
from data_prep.writers.whole_records import sentence_entities
from ner_dist.contract.tag_schemes import ALL_SCHEMES
from ner_dist.contract.tokenizers import make_tokenizer
from ner_dist.contract.visible_text import is_blank_text

TEXT = "text"


@pytest.fixture(autouse=True, scope="module")
def tokenizer_made_once() -> Iterator[None]:
    """spaCy takes a tenth of a second to load its rules, and these tests read a thousand files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("data_prep.cutting.cutter.make_tokenizer", functools.lru_cache(make_tokenizer))
        yield


class Holds(NamedTuple):
    """What a format has a place for, besides entities and documents."""

    tokens: bool = True
    sentences: bool = True
    # Texts as they stand in the source.
    texts: bool = False
    ids: bool = True
    # Parts of speech, as the reader gives them back.
    pos: bool = True


# TEXT is jsonl with --text.
HOLDS = {
    "conll": Holds(ids=False),
    "conllu": Holds(),
    "kaggle": Holds(ids=False),
    "jsonl": Holds(),
    "parquet": Holds(),
    TEXT: Holds(texts=True),
    "docbin": Holds(texts=True, pos=False),
    "prodigy": Holds(sentences=False, texts=True, pos=False),
    "doccano": Holds(tokens=False, sentences=False, texts=True, pos=False),
    "label-studio": Holds(tokens=False, sentences=False, texts=True, pos=False),
}
PAIRS = list(itertools.product(HOLDS, HOLDS))


class Reading(NamedTuple):
    """What a file says, as `build` reads it."""

    tokens: list[str]
    # Whether each token is the first of a sentence.
    opens: list[bool]
    # First token, last token and type; and the characters of each, without white space.
    entities: list[tuple[int, int, str]]
    mentions: list[tuple[str, str]]
    # Each text with its entities; none if the source has no texts.
    texts: list[tuple[str, list[tuple[int, int, str]]]]
    # One after another, without repetitions.
    ids: list[str]
    documents: list[str]
    pos: list[str]


def runs(values: Iterable[str]) -> list[str]:
    return [value for value, _ in itertools.groupby(values)]


def read(path: Path, chosen: Settings) -> Reading:
    found = Reading([], [], [], [], [], [], [], [])
    problems = Problems()
    file = SourceFile(path)
    survey = survey_tags([file], chosen, "--scheme", problems)
    for block in read_tagged(file, chosen, survey, problems):
        found.pos.extend(block.features.get("pos", []))
        places = zip(block.sentence_slices(), sentence_entities(block, survey.tags.entity_types))
        for i, (place, entities) in enumerate(places):
            first = len(found.tokens)
            tokens = block.text_M[place]
            found.tokens.extend(tokens)
            found.opens.extend(j == 0 for j in range(len(tokens)))
            for begin, end, kind in entities:
                found.entities.append((first + begin, first + end - 1, kind))
                found.mentions.append(("".join("".join(tokens[begin:end]).split()), kind))
            origin = block.origins[i] if block.origins else Origin()
            found.ids.append(origin.record)
            has_document = len(block.document_N) and block.document_N[i]
            found.documents.append(origin.document if has_document else "")
            if origin.text is not None:
                if origin.text_start == 0:
                    found.texts.append(("", []))
                text, spans = found.texts[-1]
                found.texts[-1] = (text + origin.text, [*spans, *map(tuple, origin.spans)])
    problems.raise_errors()
    return found._replace(ids=runs(found.ids), documents=runs(found.documents))


def options(name: str, has_pos: bool = False) -> Settings:
    """Formats are recognised; which columns are which would be guessed from the words, which are odd here."""
    columns = {"token_column": 0, "tag_column": -1, "pos_column": 1 if has_pos else None} if name == "conll" else {}
    return Settings(scheme="bio", on_misaligned="split", **columns)


def write(source: Path, chosen: Settings, name: str, out: Path) -> None:
    problems = Problems()
    target = Target(str(out), "jsonl" if name == TEXT else name, as_text=name == TEXT)
    convert(source, target, chosen, None, problems)
    # What cannot be held is said, and nothing else is left out.
    said = {key.partition("_")[0] for key in problems.warnings if key.endswith("_left_out")}
    assert said <= {"ids", "features"}
    assert recognise(SourceFile(out), options(name).read_options).format.name == target.format


class Sentence(NamedTuple):
    tokens: list[str]
    tags: list[str]
    id: str = ""
    document: str = ""


def lines(sentences: Iterable[Sentence]) -> str:
    values = (
        {**sentence._asdict(), "pos": [f"N{len(token) % 3}" for token in sentence.tokens]} for sentence in sentences
    )
    return "".join(json.dumps(value) + "\n" for value in values)


AWKWARD = [
    Sentence(
        ["EU", "rejects", "New", "York", "'s", '"', "plan", '"'], [*"OO", "B-LOC", "I-LOC", *"OOOO"], "a-x", "d one"
    ),
    Sentence(["#", "Paris", "Lyon", ","], ["O", "B-LOC", "B-LOC", "O"], "b", "d one"),
    Sentence(["\U0001d4b3-ray", "😀", "a\u00a0b", "ﬁn"], ["B-a-b", "I-a-b", "B-PER", "O"], "c x", "d2"),
    Sentence(["_", "|", "\\", "=", "(", ")"], ["O", "B-LOC", *"OOOO"], "d", "d2"),
    Sentence(["null", "nan", "NA", "1", "O"], ["B-PER", "I-PER", *"OOO"], "e"),
    Sentence(["name=O", "x,y", "don't", "é", "é"], ["O", "B-LOC", "O", "B-PER", "O"], "f"),
]
TEXTS = [
    {
        "id": "r1",
        "document": "news/1",
        "text": 'Ann Lee left Bonn. She met Bo, Cem & 😀 Dee-Lu in "Oslo".\n\nThen\u00a0she slept (Kyiv).  ',
        "entities": [
            [0, 7, "PER"],
            [13, 17, "LOC"],
            [27, 29, "PER"],
            [31, 34, "PER"],
            [50, 54, "LOC"],
            [74, 78, "LOC"],
        ],
    },
    {"id": "r2", "document": "news/1", "text": "Kyiv.", "entities": [[0, 4, "LOC"]]},
    {"id": "r3", "text": "  Rain here. Sun in Kyiv, Lima.\r\n", "entities": [[20, 24, "LOC"], [26, 30, "LOC"]]},
    {"id": "r4", "text": "No one.", "entities": []},
    {"id": "r5", "document": "x", "text": "PeterPan's ship sails.", "entities": [[0, 5, "PER"], [5, 8, "ROLE"]]},
]


def pair_of(tmp_path: Path, base: str, name: str, other: str, has_pos: bool) -> tuple[Reading, Reading]:
    """What the corpus says, and what is left of it by way of two formats."""
    (tmp_path / "base").write_text(base)
    write(tmp_path / "base", options("jsonl"), name, tmp_path / "first")
    write(tmp_path / "first", options(name, has_pos), other, tmp_path / "second")
    return read(tmp_path / "base", options("jsonl")), read(tmp_path / "second", options(other, has_pos))


def same_names(found: list[str], expected: list[str]) -> bool:
    """Documents without a name may get their number as a name, and sentences of one text a place in it."""
    return runs(re.sub(r"^\d+$|-\d+$", "", name) for name in found) == expected


@pytest.mark.parametrize(("name", "other"), PAIRS)
def test_tokens_survive_all_pairs(tmp_path: Path, name: str, other: str) -> None:
    both = Holds(*(first and second for first, second in zip(HOLDS[name], HOLDS[other])))
    base, found = pair_of(tmp_path, lines(AWKWARD), name, other, has_pos=HOLDS[name].pos)
    assert found.mentions == base.mentions
    assert same_names(found.documents, base.documents)
    if both.ids:
        assert found.ids == base.ids
    if both.tokens:
        assert (found.tokens, found.entities) == (base.tokens, base.entities)
    if both.sentences:
        assert found.opens == base.opens
    if both.pos:
        assert found.pos == base.pos
    if HOLDS[other].texts and both.ids:
        assert [text for text, _ in found.texts] == [" ".join(sentence.tokens) for sentence in AWKWARD]


@pytest.mark.parametrize(("name", "other"), PAIRS)
def test_texts_survive_all_pairs(tmp_path: Path, name: str, other: str) -> None:
    base, found = pair_of(tmp_path, "".join(json.dumps(text) + "\n" for text in TEXTS), name, other, has_pos=False)
    assert found.mentions == base.mentions
    assert same_names(found.documents, base.documents)
    if HOLDS[name].ids and HOLDS[other].ids:
        assert same_names(found.ids, base.ids)
    if HOLDS[name].texts or HOLDS[other].tokens:
        # The same texts are cut in the same way again.
        assert (found.tokens, found.entities, found.opens) == (base.tokens, base.entities, base.opens)
    if HOLDS[name].texts and HOLDS[other].texts:
        assert found.texts == base.texts == [(text["text"], list(map(tuple, text["entities"]))) for text in TEXTS]


@pytest.mark.parametrize("name", HOLDS)
def test_the_same_corpus_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    (tmp_path / "base").write_text(lines(AWKWARD))
    for out in ("first", "second"):
        write(tmp_path / "base", options("jsonl"), name, tmp_path / out)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_all_written_formats_are_in_the_table() -> None:
    assert set(HOLDS) - {TEXT} == set(WRITERS)


@pytest.mark.parametrize("scheme", ALL_SCHEMES)
@pytest.mark.parametrize("name", [name for name, row in WRITERS.items() if row.has_tags])
def test_every_scheme_is_written_and_read(tmp_path: Path, name: str, scheme: str) -> None:
    sentences = [sentence for sentence in AWKWARD if scheme != "io" or "Lyon" not in sentence.tokens]
    sentences = [sentence._replace(tags=[tag.replace("a-b", "ORG") for tag in sentence.tags]) for sentence in sentences]
    (tmp_path / "base").write_text(lines(sentences))
    convert(tmp_path / "base", Target(str(tmp_path / "out"), name, scheme), options("jsonl"), None, Problems())
    chosen = Settings(scheme=scheme, pos_column=1, **({"token_column": 0, "tag_column": -1} if name == "conll" else {}))
    base, found = read(tmp_path / "base", options("jsonl")), read(tmp_path / "out", chosen)
    assert (found.tokens, found.opens, found.entities) == (base.tokens, base.opens, base.entities)


@pytest.mark.parametrize("name", [name for name, row in WRITERS.items() if row.has_tags])
def test_io_refuses_adjacent_entities_of_a_type(tmp_path: Path, name: str) -> None:
    (tmp_path / "base").write_text(lines(AWKWARD))
    with pytest.raises(CorpusError, match=r"base:2: error: an entity of type 'LOC' directly follows another"):
        convert(tmp_path / "base", Target(str(tmp_path / "out"), name, "io"), options("jsonl"), None, Problems())


@pytest.mark.parametrize("name", HOLDS)
def test_document_marks_as_tokens_are_kept_or_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "base").write_text(lines([Sentence(["a", "-DOCSTART-", "b"], ["B-X", "O", "O"])]))
    if name == "conll":
        with pytest.raises(CorpusError, match="begins with -DOCSTART-"):
            write(tmp_path / "base", options("jsonl"), name, tmp_path / "out")
    else:
        write(tmp_path / "base", options("jsonl"), name, tmp_path / "out")
        assert "".join(read(tmp_path / "out", options(name)).tokens) == "a-DOCSTART-b"


# --- Random content, through the formats that are fast

WORDS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\0") | st.sampled_from('#-" ,\u00a0\x85😀'),
    min_size=1,
    max_size=5,
).filter(lambda word: not is_blank_text(word) and word == word.strip())
TAGS = st.sampled_from(["O", "B-X", "B-y z"])
SENTENCES = st.lists(st.lists(st.tuples(WORDS, TAGS), min_size=1, max_size=6), min_size=1, max_size=4)


@given(SENTENCES, *[st.sampled_from(["jsonl", "parquet", "docbin", TEXT])] * 2)
@settings(max_examples=60, deadline=None)
def test_any_tokens_survive(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[list[tuple[str, str]]], name: str, other: str
) -> None:
    corpus = [Sentence([word for word, _ in pairs], [tag for _, tag in pairs], "i") for pairs in sentences]
    base, found = pair_of(tmp_path_factory.mktemp("trip"), lines(corpus), name, other, has_pos=False)
    assert found[:4] == base[:4]


@st.composite
def annotated_texts(draw: st.DrawFn) -> dict[str, object]:
    pieces = draw(st.lists(st.sampled_from([*"ab.,!? \n'-(😀", "Mr. ", "\u00a0", ". A", "é"]), min_size=1, max_size=30))
    text = "".join(pieces)
    borders = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = [[begin, end, "X"] for begin, end in zip(borders, borders[1:]) if text[begin:end].strip()]
    return {"text": text, "entities": spans[::2]}


@given(
    st.lists(annotated_texts().filter(lambda value: str(value["text"]).strip()), min_size=1, max_size=4),
    *[st.sampled_from([TEXT, "doccano", "label-studio"])] * 2,
)
@settings(max_examples=60, deadline=None)
def test_any_texts_survive(
    tmp_path_factory: pytest.TempPathFactory, texts: list[dict[str, object]], name: str, other: str
) -> None:
    # Without any entity a file does not show its format.
    texts = [{"text": "a b", "entities": [[0, 1, "X"]]}, *texts]
    content = "".join(json.dumps(text) + "\n" for text in texts)
    base, found = pair_of(tmp_path_factory.mktemp("trip"), content, name, other, has_pos=False)
    assert found == base
    assert [text for text, _ in found.texts] == [text["text"] for text in texts]


# --- What is left out is said


def warnings_of(source: Path, name: str, out: Path, chosen: Settings | None = None) -> Iterator[str]:
    problems = Problems()
    convert(source, Target(str(out), name), chosen or Settings(), None, problems)
    return (line for line in problems.warning_lines if "no place" in line)


def test_what_a_format_cannot_hold_is_counted_and_said(tmp_path: Path) -> None:
    (tmp_path / "in").write_text(lines(AWKWARD))
    out = tmp_path / "out"
    ids = f"{out}: warning: conll has no place for the ids of sentences; 6 are left out"
    assert list(warnings_of(tmp_path / "in", "conll", out)) == [ids]
    pos = f"{out}: warning: doccano has no place for the token feature pos; it is left out"
    assert list(warnings_of(tmp_path / "in", "doccano", out)) == [pos]
    assert list(warnings_of(tmp_path / "in", "parquet", out)) == []
    assert list(warnings_of(tmp_path / "in", "conllu", out)) == []


def test_text_alone_needs_no_token_borders_and_tokens_do(tmp_path: Path) -> None:
    (tmp_path / "in").write_text(json.dumps(TEXTS[-1]) + "\n")
    problems = Problems()
    convert(tmp_path / "in", Target(str(tmp_path / "out"), "doccano"), Settings(), None, problems)
    assert json.loads((tmp_path / "out").read_text())["label"] == TEXTS[-1]["entities"]
    assert problems.warning_lines == []
    for name in ("prodigy", "jsonl"):
        with pytest.raises(CorpusError, match="--on-misaligned split"):
            convert(tmp_path / "in", Target(str(tmp_path / "out"), name), Settings(), None, Problems())
    widened = Settings(on_misaligned="widen")
    convert(tmp_path / "in", Target(str(tmp_path / "out"), "doccano"), widened, None, problems)
    assert json.loads((tmp_path / "out").read_text())["label"] == [[0, 8, "PER"]]


def test_documents_of_several_files_stay_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"-DOCSTART- -X- O\n\n{name} N B-X\n\n")
    files = [SourceFile(tmp_path / name) for name in ("a", "b")]
    convert(files, Target(str(tmp_path / "out.jsonl")), Settings(), None, Problems())
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [value["document"] for value in found] == ["1", "2"]


# --- Shards


def shards_of(tmp_path: Path, train: str, dev: str) -> Path:
    for split, content in (("train", train), ("dev", dev)):
        (tmp_path / f"{split}.jsonl").write_text(content)
    sources = [(split, SourceFile(tmp_path / f"{split}.jsonl")) for split in ("train", "dev")]
    chosen = Settings(num_shards=2, scheme="bio", on_misaligned="split", on_unseen_type="keep")
    build(sources, chosen, tmp_path / "shards", Problems())
    return tmp_path / "shards"


def test_texts_come_out_of_shards_as_they_went_in(tmp_path: Path) -> None:
    content = "".join(json.dumps(text, ensure_ascii=False) + "\n" for text in TEXTS)
    shards = shards_of(tmp_path, content, content)
    convert(shards, Target(str(tmp_path / "out.jsonl"), as_text=True), Settings(), "dev", Problems())
    assert (tmp_path / "out.jsonl").read_text() == content


def test_tokens_come_out_of_shards_as_they_went_in(tmp_path: Path) -> None:
    (tmp_path / "in").write_text(lines(AWKWARD))
    write(tmp_path / "in", options("jsonl"), "jsonl", tmp_path / "expected")
    content = (tmp_path / "expected").read_text()
    shards = shards_of(tmp_path, content, content)
    convert(shards, Target(str(tmp_path / "out.jsonl")), Settings(), "train", Problems())
    assert (tmp_path / "out.jsonl").read_text() == content


def test_features_that_train_lacks_are_not_made_up(tmp_path: Path) -> None:
    train, dev = lines(AWKWARD), lines(AWKWARD).replace('"N1"', '"new"')
    problems = Problems()
    target = Target(str(tmp_path / "out.jsonl"))
    convert(shards_of(tmp_path, train, dev), target, Settings(), "dev", problems)
    assert "pos" not in json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert "the token feature pos is left out: train lacks some of its values" in problems.warning_lines[0]
