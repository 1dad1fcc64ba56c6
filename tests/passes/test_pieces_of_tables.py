"""A large table is read in pieces by several workers, and the set and all messages are those of one process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from built_parts import InTurn, built

from data_prep.passes import build as build_module
from data_prep.passes import partitions, sure_rows
from data_prep.passes.plan_parts import plan_parts
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile

WORDS = ("Zo\u00eb", "left", '"Oslo, now"', '""""', "x;y", "caf\u00e9")


def rows(number: int) -> list[tuple[str, str]]:
    """Words and tags of a sentence."""
    return [(f"{WORDS[(number + i) % 6]}", "B-per" if i == number % 3 else "O") for i in range(2 + number % 4)]


def kaggle(num: int) -> str:
    """A label on the first row of each sentence."""
    text = "Sentence #,Word,POS,Tag\n"
    for number in range(num):
        for i, (word, tag) in enumerate(rows(number)):
            text += f"{f'Sentence: {number + 1}' if not i else ''},{word},NN,{tag}\n"
    return text


def repeated(num: int) -> str:
    """A label on each row, counted anew now and then."""
    lines = (f"{number % 7},{word},{tag}\n" for number in range(num) for word, tag in rows(number))
    return "sentence_id,word,tag\n" + "".join(lines)


def documents(num: int) -> str:
    """Documents with names of several sentences, some of one, some sentences of none."""
    text = "doc_id,sid,word,tag\n"
    for number in range(num):
        name = "" if number % 11 == 10 else f"d{number // 4}"
        text += "".join(f"{name},{number % 2},{word},{tag}\n" for word, tag in rows(number))
    return text


def empty_lines(num: int) -> str:
    return "word,tag\n" + "\n".join("".join(f"{word},{tag}\n" for word, tag in rows(number)) for number in range(num))


def blank_rows(num: int) -> str:
    """What separates sentences has the separators of a row."""
    return empty_lines(num).replace("\n\n", "\n,\n")


def tabs(num: int) -> str:
    return repeated(num).replace('"Oslo, now"', "Oslo").replace('""""', '"').replace(",", "\t")


def lists(num: int) -> str:
    """A sentence a row, with the lists that NumPy writes, which have ends of lines."""
    text = "id,tokens,ner_tags\n"
    for number in range(num):
        tags = [tag for _, tag in rows(number)]
        words = " ".join(f"w{number % 5}{i}" for i in range(len(tags)))
        text += f'{number},"{words}","{repr(tags).replace(",", chr(10))}"\n'
    return text


def apart(num: int) -> str:
    """The rows of five sentences in turn."""
    return "sentence_id,word,tag\n" + "".join(f"{i % 5},w{i % 3},{'O' if i % 4 else 'B-per'}\n" for i in range(5 * num))


def singles(num: int) -> str:
    """Sentences of one row each."""
    return "sentence_id,word,tag\n" + "".join(f"{i},w{i % 3},{'O' if i % 4 else 'B-per'}\n" for i in range(5 * num))


class Table(NamedTuple):
    make: Callable[[int], str]
    # What is changed in it: sentence 60 of 90 is amid the file.
    changes: tuple[tuple[str, str], ...] = ()
    knobs: Mapping[str, Any] = MappingProxyType({})
    end: str = "\n"
    encoding: str = "utf-8"
    # Whether the pieces notice that only the whole tells all.
    is_read_again: bool = False
    is_cut: bool = True


ROW = "Sentence: 60,"
TABLES = {
    "labels on first rows": Table(kaggle),
    "carriage returns": Table(kaggle, end="\r\n"),
    "cp1252": Table(kaggle, encoding="cp1252"),
    "a byte-order mark": Table(kaggle, encoding="utf-8-sig"),
    "UTF-16 stays whole": Table(kaggle, encoding="utf-16", is_cut=False),
    "labels on all rows": Table(repeated),
    "documents": Table(documents),
    "empty lines": Table(empty_lines),
    "blank rows": Table(blank_rows),
    "tabs": Table(tabs),
    "rows of sentences": Table(lists),
    "malformed lists": Table(lists, (('40,"w00 w01","[\'O\'', '40,"w00 w01","[\'O'),)),
    "an open quote among sentences": Table(lists, (('40,"', "40,"),), is_cut=False),
    "a quoted line end": Table(kaggle, ((ROW, '"Sentence:\n60",'),)),
    "an open quote": Table(kaggle, ((ROW, f'{ROW}"'),)),
    "too many fields": Table(kaggle, ((ROW, f"{ROW},,"),)),
    "one kind of mistakes": Table(repeated, (("6,", "6,,x,"),)),
    "separators too many": Table(repeated, (("B-per\n", "B-per,\n"),), {"on_broken": "repair"}),
    "no token": Table(kaggle, ((ROW, f"{ROW},NN,O\n{ROW}"),), {"on_broken": "repair"}),
    "a blank row with a label": Table(kaggle, ((ROW, "Sentence: 60,,,\n,"),)),
    "no first label": Table(kaggle, (("Sentence: 1,", ","),)),
    "several kinds of mistakes": Table(
        kaggle, ((ROW, f"x\n{ROW}"), ("Sentence: 20,", "\u200b\nSentence: 20,")), {}, is_read_again=True
    ),
    "rows that stand apart": Table(apart, is_read_again=True),
    "sentences of one row": Table(singles, is_read_again=True),
    "blank rows amid documents": Table(documents, (("\nd15,", "\n,,,\nd15,"),), is_read_again=True),
}


@pytest.mark.parametrize("name", TABLES)
def test_pieces_of_tables_change_neither_bytes_nor_messages(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = TABLES[name]
    listed = bool(table.changes)
    text = table.make(90)
    for before, after in table.changes:
        assert before in text
        text = text.replace(before, after)
    path, small = tmp_path / "large.csv", tmp_path / "small.csv"
    path.write_bytes(text.replace("\n", table.end).encode(table.encoding))
    small.write_text(table.make(9))
    sources = [("train", SourceFile(path)), ("dev", SourceFile(small))]
    expected = built(tmp_path / "one", sources, None, listed, **table.knobs)
    assert expected.files or expected.errors
    monkeypatch.setattr(build_module, "OneProcess", InTurn)
    monkeypatch.setattr(partitions, "MIN_BYTES", 100)
    monkeypatch.setattr(sure_rows, "READ_BYTES", (300, 3000))
    planned = plan_parts(sources, Settings(**table.knobs).read_options, InTurn(), ())
    assert (sum(one.file.path == path for part in planned for one in part) > 3) == table.is_cut
    stages: list[str] = []
    run = InTurn.run
    monkeypatch.setattr(InTurn, "run", lambda self, stage, *rest: stages.append(stage) or run(self, stage, *rest))
    assert built(tmp_path / "pieces", sources, None, listed, **table.knobs) == expected
    assert any(stage.startswith("read-whole") for stage in stages) == table.is_read_again
