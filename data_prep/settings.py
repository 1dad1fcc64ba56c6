"""Every knob of preparation, declared once: its default, its meaning, and its command-line option.

Axes used all over data_prep: M tokens of a block of sentences, N its sentences, V distinct token strings.
"""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from ner_dist.contract.shard_format import SPLITS
from ner_dist.contract.tag_schemes import SCHEMES

MAX_CHARS_LIMIT = 65535
MAX_SHARDS = 512


class SettingsError(ValueError):
    """A knob with a value that makes no sense."""


def _knob(default: Any, text: str, **argument: Any) -> Any:
    return dataclasses.field(default=default, metadata={"help": text, **argument})


def _column(text: str) -> int | None:
    return None if text == "none" else int(text)


def _fractions(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


_column.__name__ = "column"
_fractions.__name__ = "list of fractions"


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a corpus is read, mended, split and encoded. All of it goes into index.json."""

    format: str = _knob(
        "auto",
        "conll: one token a line, columns parted by tabs or spaces; kaggle: CSV 'Sentence #,Word,POS,Tag'; "
        'jsonl: {"tokens", "tags", "pos"} or {"text", "entities": [[start, end, type], ...]} a line, '
        "entities being read as BIO; auto: look at the content",
        choices=("auto", "conll", "kaggle", "jsonl"),
    )
    encoding: str | None = _knob(None, "text encoding of the files (utf-8; cp1252 for kaggle; a byte-order mark wins)")
    token_column: int = _knob(0, "conll: column of the token, from 0; negative counts from the end", type=int)
    pos_column: int | None = _knob(
        1, "conll: column of the part of speech, or 'none'; absent in files of two columns", type=_column
    )
    tag_column: int = _knob(-1, "conll: column of the entity tag", type=int)
    scheme: str = _knob(
        "auto", "tag scheme of the files; auto: decide by how entities begin", choices=("auto", *SCHEMES)
    )
    split: tuple[float, ...] = _knob(
        (0.8, 0.1, 0.1),
        "fractions for train, dev and test (or train and dev) if --train is the only file; "
        "all copies of a sentence go to the same split",
        type=_fractions,
    )
    seed: int = _knob(0, "seed of --split: which sentences go where", type=int)
    on_broken: str = _knob(
        "fail",
        "tags that break their scheme, or character spans that miss the token borders; fail: list them and stop; "
        "repair: read tags as the CoNLL scorer does, widen spans to whole tokens, and count",
        choices=("fail", "repair"),
    )
    max_tokens: int = _knob(512, "longest sentence, in tokens", type=int)
    on_long_sentence: str = _knob(
        "fail", "split: cut longer sentences, between entities where possible, and count", choices=("fail", "split")
    )
    max_chars: int = _knob(128, "longest token, in characters", type=int)
    on_long_word: str = _knob(
        "fail",
        "cut: of longer tokens the character model sees the first and the last half of --max-chars; "
        "word id and text stay whole; counted",
        choices=("fail", "cut"),
    )
    on_unseen_type: str = _knob(
        "fail",
        "an entity type of dev or test that train lacks; keep: let it be a type that is never learnt, and count",
        choices=("fail", "keep"),
    )
    keep_case: bool = _knob(False, "do not lower-case words for the word vocabulary", action="store_true")
    keep_digits: bool = _knob(False, "do not replace each run of digits by one 0 in words", action="store_true")
    min_count: int = _knob(2, "rarer words of train share the id <unk>", type=int)
    min_char_count: int = _knob(1, "rarer characters of train share the <unk-...> of their type", type=int)
    vectors: tuple[str, ...] = _knob(
        (),
        "pretrained word vectors: text (a word and its numbers a line), or .npy with the words beside it; .gz and "
        ".zip; those of several files are joined side by side, zeros where a file lacks the word",
        metavar="FILE",
        nargs="+",
    )
    vector_words: str = _knob(
        "all",
        "all: words that only the vectors have get ids too, so that unseen text profits; "
        "corpus: only words of train, dev or test",
        choices=("all", "corpus"),
    )
    lexicon: str | None = _knob(
        None,
        "folder of entity lists, one TYPE.txt a type with an entry a line; a match feature a type is added",
        metavar="DIR",
    )
    lexicon_partial: str = _knob(
        "all",
        "types whose entries match in part too, by a beginning or an end of at least half their tokens "
        "(and two, but for PER and PERSON): all, none, or TYPE,TYPE",
        metavar="TYPES",
    )
    num_buckets: int = _knob(32, "length buckets; more means less padding and smaller buckets", type=int)
    num_shards: int = _knob(8, "shards a split: the largest number of ranks that can train on them", type=int)

    def __post_init__(self) -> None:
        for name in ("max_tokens", "min_count", "min_char_count", "num_buckets", "num_shards"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{_option(name)} must be at least 1, not {getattr(self, name)}")
        if not 2 <= self.max_chars <= MAX_CHARS_LIMIT:
            raise SettingsError(f"--max-chars must lie between 2 and {MAX_CHARS_LIMIT}, not {self.max_chars}")
        if self.num_shards > MAX_SHARDS:
            raise SettingsError(f"--num-shards must be at most {MAX_SHARDS}, not {self.num_shards}")
        if not 0 <= self.seed < 1 << 64:
            raise SettingsError(f"--seed must lie between 0 and 2^64 - 1, not {self.seed}")
        if not 2 <= len(self.split) <= len(SPLITS) or min(self.split) <= 0 or abs(sum(self.split) - 1) > 1e-6:
            raise SettingsError(f"--split must be two or three positive fractions that add up to 1, not {self.split}")
        if self.encoding is not None:
            try:
                "".encode(self.encoding)
            except LookupError as error:
                raise SettingsError(f"--encoding {self.encoding} is not an encoding that Python knows") from error


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def add_options(parser: argparse.ArgumentParser) -> None:
    """One command-line option a knob."""
    for field in dataclasses.fields(Settings):
        argument = dict(field.metadata)
        default = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
        if argument.get("action") is None and default not in (None, ""):
            argument["help"] += f" (default {default})"
        if argument.keys().isdisjoint(("choices", "action", "metavar")):
            argument["metavar"] = field.name.rsplit("_", 1)[-1].upper()
        parser.add_argument(_option(field.name), dest=field.name, default=field.default, **argument)


def from_arguments(arguments: argparse.Namespace) -> Settings:
    """The knobs of a parsed command line. Raises SettingsError."""
    values = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(Settings)}
    return Settings(**{**values, "vectors": tuple(arguments.vectors)})
