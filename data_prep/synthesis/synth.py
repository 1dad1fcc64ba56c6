"""A synthetic tagged corpus of any size from a seeded grammar, streamed to CoNLL files.

Half of the names are new, so most names of dev and test do not occur in train: their endings reveal the type. The
type of ambiguous names ("Washington") is revealed by the context. A tagger must learn both.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from data_prep.settings import SettingsError
from data_prep.synthesis.grammar import CLASSES, RULES
from data_prep.synthesis.names import Namer, Token
from ner_dist.atomic_file import whole_file

# Of every ten sentences.
SPLIT_OF = ("train",) * 8 + ("dev", "test")
MAX_TOKENS = 80
TYPO_SHARE = 0.012
COINED_NOUN_SHARE = 0.04
# Long sentences of one clause after another.
RAMBLING_SHARE = 0.03

CHUNK_OF_POS = {
    **dict.fromkeys(("DT", "JJ", "NN", "NNS", "NNP", "CD", "PRP", "PRP$", "EX", "WP"), "NP"),
    **dict.fromkeys(("VBD", "VBZ", "VBP", "VBN", "VB", "VBG", "MD", "RB"), "VP"),
    **dict.fromkeys(("IN", "TO"), "PP"),
}


class SentenceGenerator:
    """Generates sentences of the grammar, with one source of randomness for words and names."""

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
        """A word of a class, a number or a plain word. NN may invent a noun: an unknown word is not always a name."""
        if name in CLASSES:
            if name == "NN" and self.chance() < COINED_NOUN_SHARE:
                return Token(self.namer.syllable() + self.namer.pick(["ness", "ing", "ment", "ity", "er"]), "NN", "O")
            pos, words = CLASSES[name]
            # The first words of a class are far more frequent than the rest.
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
            for part in self.namer.pick(RULES[symbol]):
                self.expand(part, out)
        elif symbol in self.names:
            out.extend(self.names[symbol]())
        else:
            out.append(self.word(symbol))

    def typo(self, text: str) -> str:
        """The word with two letters swapped, or one dropped or doubled; the first letter stays."""
        i = 1 + int(self.chance() * (len(text) - 2))
        kind = int(self.chance() * 3)
        return text[:i] + (text[i + 1] + text[i] + text[i + 2 :], text[i + 1 :], text[i] + text[i:])[kind]

    def ramble(self, out: list[Token]) -> None:
        """Add clauses to a finished sentence, up to a random length between 25 and 80."""
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


def _lines(sentence: list[Token]) -> str:
    """A line for each token, with a plausible chunk column: runs of nominal or of verbal parts of speech."""
    lines, before = "", ""
    for text, pos, tag in sentence:
        kind = CHUNK_OF_POS.get(pos, "")
        begins = kind != before or kind == "PP" or pos == "DT"
        lines += f"{text} {pos} {('B-' if begins else 'I-') + kind if kind else 'O'} {tag}\n"
        before = kind
    return lines + "\n"


def synthesise(
    num_sentences: int, seed: int, out: Path, progress: Callable[[int], object] = lambda num_sentences: None
) -> dict[str, Path]:
    """Write train.conll, dev.conll and test.conll (80, 10, 10 %) to `out`; the same bytes for the same arguments.

    Columns: token, part of speech, chunk, BIO tag. Files appear when complete. progress: called with sentences written.
    Raises SettingsError for fewer than 10 sentences, UserError if a file cannot be written.
    """
    if num_sentences < len(SPLIT_OF):
        raise SettingsError(f"--sentences must be at least 10, one of which goes to dev, not {num_sentences}")
    out.mkdir(parents=True, exist_ok=True)
    paths = {split: out / f"{split}.conll" for split in dict.fromkeys(SPLIT_OF)}
    generator = SentenceGenerator(seed)
    with ExitStack() as stack:
        files = {split: stack.enter_context(whole_file(path)) for split, path in paths.items()}
        for number in range(num_sentences):
            files[SPLIT_OF[number % len(SPLIT_OF)]].write(_lines(generator.sentence()))
            progress(1)
    return paths
