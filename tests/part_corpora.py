"""Small corpora of several files, clean and dirty, to be read in parts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from data_prep.sources.source_files import SourceFile

# What may be done about the dirt.
DIRTY = {"on_broken": "repair", "on_long_word": "cut", "on_long_sentence": "split", "max_tokens": 6, "max_chars": 9}


def conll(number: int, dirty: bool) -> str:
    lines = [f"w{number}{i % 7} NN {'B-PER' if i % 3 == 0 else 'O'}{chr(10) * (i % 4 == 3)}" for i in range(40)]
    if dirty:
        lines[3:3] = [
            f"Long{number}{'x' * 20} NN O",
            "a NN I-LOC",
            "\u200b NN O",
            "b NN OO",
            "c NN L-PER",
            *["d NN O"] * 7,
        ]
    return "\n".join(lines) + "\n"


def jsonl(number: int, dirty: bool) -> str:
    rows = []
    for i in range(12):
        text = f"Ada{number} went to Oslo{i % 3}. She saw pro-Ada{i} songs there."
        spans = [[0, 3 + len(str(number)), "PER"], [text.index("Oslo"), text.index("Oslo") + 5, "LOC"]]
        if dirty and i % 4 == 1:
            spans += [spans[0], [text.index("pro-") + 4, text.index("pro-") + 7, "PER"]]
        rows.append(json.dumps({"text": text, "entities": spans, **({"document": f"d{i // 4}"} if number % 2 else {})}))
    return "\n".join(rows) + "\n"


def written(folder: Path, kinds: Sequence[Callable[[int, bool], str]], dirty: Sequence[int]) -> list[SourceFile]:
    folder.mkdir(exist_ok=True)
    files = []
    for number, kind in enumerate(kinds):
        path = folder / f"{number}.{kind.__name__}"
        path.write_text(kind(number, number in dirty))
        files.append(SourceFile(path))
    return files
