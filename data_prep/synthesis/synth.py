"""A synthetic tagged corpus of any size from a seeded grammar, streamed to CoNLL files.

Half of the names are new, so most names of dev and test never occurred in train: their endings tell the type, and
contexts tell it of names that can be anything ("Washington"). A tagger must learn both.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from data_prep.synthesis import grammar
from data_prep.synthesis.names import Namer, Token

# Of ten sentences eight go to train, one to dev, one to test.
SPLIT_OF = ("train",) * 8 + ("dev", "test")
MAX_TOKENS = 80
TYPO_SHARE = 0.012
COINED_NOUN_SHARE = 0.04
# Sentences that run on and on, clause after clause.
RAMBLING_SHARE = 0.03

CHUNK_OF_POS = {
    **dict.fromkeys(("DT", "JJ", "NN", "NNS", "NNP", "CD", "PRP", "PRP$", "EX", "WP"), "NP"),
    **dict.fromkeys(("VBD", "VBZ", "VBP", "VBN", "VB", "VBG", "MD", "RB"), "VP"),
    **dict.fromkeys(("IN", "TO"), "PP"),
}


class SynthError(ValueError):
    """A corpus that cannot be made as asked."""


class WordClass(NamedTuple):
    pos: str
    words: list[str]


def _definitions(text: str) -> dict[str, str]:
    """`NAME = text` over one or more lines -> texts by name; # opens a comment line."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    definitions: dict[str, list[str]] = {}
    for line in lines:
        if not line.startswith(" "):
            name, _, line = line.partition(" = ")
            definitions[name] = []
        definitions[name].append(line.strip())
    return {name: " ".join(parts) for name, parts in definitions.items()}


def _rules(text: str) -> dict[str, list[list[str]]]:
    """Alternatives of each rule, each a list of parts, repeated by its weight."""
    rules: dict[str, list[list[str]]] = {}
    for name, definition in _definitions(text).items():
        rules[name] = []
        for alternative in definition.split(" | "):
            weight, star, rest = alternative.partition("* ")
            rules[name] += [(rest if star else alternative).split()] * (int(weight) if star else 1)
    return rules


def _classes(text: str) -> dict[str, WordClass]:
    heads = {tuple(head.split()): words.split() for head, words in _definitions(text).items()}
    return {head[0]: WordClass(head[-1], words) for head, words in heads.items()}


RULES = _rules(grammar.RULES)
CLASSES = _classes(grammar.CLASSES)


class Speaker:
    """Speaks the grammar, with one source of chance for words and names."""

    def __init__(self, seed: int):
        self.namer = Namer(seed)
        self.chance = self.namer.chance
        self.names: dict[str, Callable[[], list[Token]]] = {
            "PER": self.namer.person,
            "LOC": self.namer.place,
            "ORG": self.namer.organisation,
            "MISC": self.namer.nationality,
            "EVENT": self.namer.event,
            "ANY": self.namer.anything,
            "PLACE_UPPER": self.namer.place_in_capitals,
        }

    def number(self) -> str:
        size = self.chance()
        whole = str(int(10 ** (1 + 3 * size * size)) - int(self.chance() * 9))
        return f"{whole}.{int(self.chance() * 10)}" if self.chance() < 0.1 else whole

    def word(self, name: str) -> Token:
        """A word of a class, a number, or a plain word. NN may coin a noun: unknown words are not always names."""
        if name in CLASSES:
            if name == "NN" and self.chance() < COINED_NOUN_SHARE:
                return Token(self.namer.syllable() + self.namer.pick(["ness", "ing", "ment", "ity", "er"]), "NN", "O")
            pos, words = CLASSES[name]
            # A few words of a class are far more frequent than the rest.
            return Token(words[int(self.chance() ** 2 * len(words))], pos, "O")
        if name.startswith(("UPPER_", "CAP_")):
            style, _, name = name.partition("_")
            word = self.namer.pick(CLASSES[name].words)
            return Token(word.upper() if style == "UPPER" else word.capitalize(), "NNP", "O")
        if name in ("CD", "YEAR"):
            return Token(self.number() if name == "CD" else self.namer.year(), "CD", "O")
        text, _, pos = name.rpartition("_")
        # Dates and scores: 1996-08-CD, CD-CD.
        while pos == "CD" and "CD" in text:
            text = text.replace("CD", f"{int(self.chance() * 30) + 1:02d}", 1)
        return Token(text, pos, "O")

    def expand(self, symbol: str, out: list[Token]) -> None:
        if symbol in RULES:
            alternatives = RULES[symbol]
            for part in alternatives[int(self.chance() * len(alternatives))]:
                self.expand(part, out)
        elif symbol in self.names:
            out.extend(self.names[symbol]())
        else:
            out.append(self.word(symbol))

    def typo(self, text: str) -> str:
        """Two neighbours swapped, or a letter dropped or doubled; the first letter stays."""
        i = 1 + int(self.chance() * (len(text) - 2))
        kind = int(self.chance() * 3)
        return text[:i] + (text[i + 1] + text[i] + text[i + 2 :], text[i + 1 :], text[i] + text[i:])[kind]

    def ramble(self, out: list[Token]) -> None:
        """Add clauses to a finished sentence, up to some length between 25 and 80."""
        target = 25 + int(55 * self.chance() ** 2)
        while len(out) < target and out[-1].text == ".":
            stop = out.pop()
            self.expand("MORE", out)
            out.append(stop)

    def sentence(self) -> list[Token]:
        """1 to MAX_TOKENS tokens."""
        out: list[Token] = []
        self.expand("SENTENCE", out)
        if self.chance() < RAMBLING_SHARE:
            self.ramble(out)
        if len(out) > MAX_TOKENS:
            return self.sentence()
        for i, token in enumerate(out):
            text = token.text
            if token.pos == "DT" and text == "a" and out[i + 1].text[0].lower() in "aeiou":
                text = "an"
            if self.chance() < TYPO_SHARE and len(text) > 4 and text.isalpha():
                text = self.typo(text)
            if i == 0:
                text = text[0].upper() + text[1:]
            if text is not token.text:
                out[i] = token._replace(text=text)
        return out


def _chunks(sentence: list[Token]) -> list[str]:
    """A plausible chunk column: runs of nominal and of verbal parts of speech."""
    chunks, before = [], ""
    for token in sentence:
        kind = CHUNK_OF_POS.get(token.pos, "")
        begins = kind != before or kind == "PP" or token.pos == "DT"
        chunks.append(f"{'B' if begins else 'I'}-{kind}" if kind else "O")
        before = kind
    return chunks


def _lines(sentence: list[Token]) -> str:
    rows = [f"{token.text} {token.pos} {chunk} {token.tag}\n" for token, chunk in zip(sentence, _chunks(sentence))]
    return "".join(rows) + "\n"


def synthesise(
    num_sentences: int, seed: int, out: Path, progress: Callable[[int], object] = lambda num_sentences: None
) -> dict[str, Path]:
    """Write train.conll, dev.conll and test.conll (80, 10, 10 %) to `out`; the same bytes for the same arguments.

    Columns: token, part of speech, chunk, BIO tag. Files appear when complete. Raises SynthError below 10 sentences.
    """
    if num_sentences < len(SPLIT_OF):
        raise SynthError(f"--sentences must be at least {len(SPLIT_OF)}, one of which goes to dev, not {num_sentences}")
    out.mkdir(parents=True, exist_ok=True)
    paths = {split: out / f"{split}.conll" for split in dict.fromkeys(SPLIT_OF)}
    parts = {split: path.with_suffix(".part") for split, path in paths.items()}
    speaker = Speaker(seed)
    try:
        with ExitStack() as stack:
            files = {split: stack.enter_context(open(part, "w", encoding="utf-8")) for split, part in parts.items()}
            for number in range(num_sentences):
                files[SPLIT_OF[number % len(SPLIT_OF)]].write(_lines(speaker.sentence()))
                progress(1)
        for split, part in parts.items():
            os.replace(part, paths[split])
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    return paths
