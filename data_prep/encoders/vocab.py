"""Distinct tokens of a corpus -> word ids and character ids; the vocabularies come from the training split alone."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from data_prep.encoders.merge_counts import Run, merge_counts, run_of, write_run
from data_prep.settings import Settings
from ner_dist.contract.shard_format import CHAR_TYPES, CHAR_UNK_IDS, NUM_CHAR_SPECIALS, UNK_ID
from ner_dist.contract.spelling import char_type, shorten
from ner_dist.contract.word_lookup import STEPS, lookup_key, normalise

PAD, UNK = "<pad>", "<unk>"
# Character ids are 16 bits wide in the shards.
MAX_CHAR_VALUES = 1 << 16
# Tokens whose characters are processed together, because arrays of characters are large.
TOKENS_AT_ONCE = 1 << 14
NUM_MISSES = 10
# Words whose counts are in memory at once, before they go to disk.
RUN_TEXTS = 1 << 20


class Vocab(NamedTuple):
    """Values by id, how often each occurs in train, and for characters their types.

    Words that were looked up in pretrained vectors also have the list of the ids without one. The labels of a lexicon
    have its entries, and the least and the greatest length of a partial match: prediction matches new text with them.
    """

    values: list[str]
    counts: list[int]
    types: list[int] | None = None
    without_vector: list[int] | None = None
    entries: list[str] | None = None
    parts: list[int] | None = None

    def record(self) -> dict[str, list[str] | list[int]]:
        """The content of vocab/<name>.json."""
        return {name: values for name, values in self._asdict().items() if values is not None}


class VectorLookup(NamedTuple):
    """Which row of the pretrained vectors each of the I word ids has."""

    # -1 if it has none.
    row_I: np.ndarray
    # Word ids from here on do not occur in train.
    first_unseen: int
    # The step of word_lookup.STEPS that found a vector for each distinct token, if any did.
    steps: list[str | None]


class WordEncoding(NamedTuple):
    """The word ids of the V distinct tokens."""

    vocab: Vocab
    # The spelling under which each distinct token is looked up.
    keys: list[str]
    id_V: np.ndarray
    # None without pretrained vectors.
    lookup: VectorLookup | None = None


class CharEncoding(NamedTuple):
    """The character ids of the V distinct tokens, one token after another."""

    vocab: Vocab
    id_C: np.ndarray
    # Characters of each token.
    length_V: np.ndarray
    # The same ids as bytes, one value per token: Arrow gathers such values several times faster than NumPy.
    bytes_V: pa.LargeBinaryArray


def count_ids(id_V: np.ndarray, count_V: np.ndarray, size: int) -> np.ndarray:
    """The sum of the counts of each id from 0 to size - 1: int64."""
    # Floats represent integers exactly up to 2^53, and np.add.at is slow.
    return np.bincount(id_V, count_V, size).astype(np.int64)


def fit_values(texts: list[str], count_V: np.ndarray, min_count: int) -> tuple[Vocab, np.ndarray]:
    """The values that occur min_count times or more, by descending count, then text; and the id of each text.

    count_V: how often each text occurs in train; if a text repeats, its counts add up.
    """
    numbers: dict[str, int] = {}
    number_V = np.array([numbers.setdefault(text, len(numbers)) for text in texts], np.int64)
    counts = count_ids(number_V, count_V, len(numbers))
    kept = sorted((-count, text) for text, count in zip(numbers, counts.tolist()) if count >= min_count)
    id_of_number = np.full(len(numbers), UNK_ID, np.int64)
    for value_id, (_, text) in enumerate(kept, UNK_ID + 1):
        id_of_number[numbers[text]] = value_id
    kept_counts = [-count for count, _ in kept]
    unknown = int(counts.sum()) - sum(kept_counts)
    vocab = Vocab([PAD, UNK, *(text for _, text in kept)], [0, unknown, *kept_counts])
    return vocab, id_of_number[number_V]


def fit_words(
    token_V: list[str],
    count_V: np.ndarray,
    settings: Settings,
    rows: Mapping[str, int] | None = None,
    unknown_row: int = -1,
    spill: Path | None = None,
) -> WordEncoding:
    """Word ids of the distinct tokens; rows: the words of the pretrained vectors and their rows, in file order.

    unknown_row: that of UNK, -1 if it has none. spill: folder for the counts of many words.

    With vectors, every word of train that has one is kept, and words that train lacks follow: all of the file, or with
    --vector-words corpus those under which tokens of dev or test are looked up.
    """
    if rows is None:
        keys = [normalise(token, settings.keep_case, settings.keep_digits) for token in token_V]
        vocab = _fit_vocab(keys, count_V, settings, (), spill)
        return WordEncoding(vocab, keys, _ids_of(keys, vocab))
    found = [lookup_key(token, settings.keep_case, settings.keep_digits, rows) for token in token_V]
    keys = [key for key, _ in found]
    vocab = _fit_vocab(keys, count_V, settings, rows, spill)
    first_unseen = len(vocab.values)
    seen = set(vocab.values[UNK_ID + 1 :])
    wanted: Container[str] = set(keys) if settings.vector_words == "corpus" else rows
    vocab.values.extend(word for word in rows if word not in seen and word in wanted)
    vocab.counts.extend([0] * (len(vocab.values) - first_unseen))
    row_I = np.array([-1, unknown_row, *(rows.get(value, -1) for value in vocab.values[UNK_ID + 1 :])], np.int64)
    return WordEncoding(
        vocab._replace(without_vector=np.flatnonzero(row_I < 0).tolist()),
        keys,
        _ids_of(keys, vocab),
        VectorLookup(row_I, first_unseen, [step for _, step in found]),
    )


def _fit_vocab(
    keys: list[str], count_V: np.ndarray, settings: Settings, always: Container[str], spill: Path | None
) -> Vocab:
    """The words of train that are kept, by descending count, then text; keys may repeat."""
    with tempfile.TemporaryDirectory(dir=spill) as folder:
        runs: list[Run] = []
        for begin in range(0, len(keys), RUN_TEXTS):
            some = slice(begin, begin + RUN_TEXTS)
            runs.append(run_of(keys[some], count_V[some]))
            if len(keys) > RUN_TEXTS:
                runs[-1] = write_run(Path(folder) / f"{begin}.arrow", runs[-1])
        kept = merge_counts(runs, Path(folder), settings.min_count, settings.max_words, always)
    return Vocab([PAD, UNK, *kept.texts], [0, kept.total - sum(kept.counts), *kept.counts])


def _ids_of(keys: list[str], vocab: Vocab) -> np.ndarray:
    """int32 (V,)."""
    ids = {value: word_id for word_id, value in enumerate(vocab.values) if word_id > UNK_ID}
    return np.fromiter((ids.get(key, UNK_ID) for key in keys), np.int32, len(keys))


def coverage(words: WordEncoding, count_V: np.ndarray) -> dict[str, dict[str, int]]:
    """Distinct tokens ("types") and tokens of a split: all of them, and those for which each of STEPS found a vector.

    count_V: how often each distinct token occurs in the split.
    """
    assert words.lookup is not None
    step_V = np.array([STEPS.index(step) if step else len(STEPS) for step in words.lookup.steps])
    counted = {"types": count_V > 0, "tokens": count_V}
    by_step = {name: count_ids(step_V, values, len(STEPS) + 1) for name, values in counted.items()}
    return {name: {"all": int(found.sum()), **dict(zip(STEPS, found.tolist()))} for name, found in by_step.items()}


def misses(words: WordEncoding, count_V: np.ndarray) -> dict[str, int]:
    """The most frequent words without a vector, in the spelling that is looked up last, and how often they occur."""
    assert words.lookup is not None
    counts: Counter[str] = Counter()
    for key, step, count in zip(words.keys, words.lookup.steps, count_V.tolist()):
        if step is None and count:
            counts[key] += count
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:NUM_MISSES])


def _code_points(token_V: list[str], max_chars: int) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """(which tokens, their code points one token after another, characters of each), TOKENS_AT_ONCE at a time."""
    for begin in range(0, len(token_V), TOKENS_AT_ONCE):
        some = slice(begin, begin + TOKENS_AT_ONCE)
        shown = [shorten(token, max_chars) for token in token_V[some]]
        code_C = np.frombuffer("".join(shown).encode("utf-32-le"), "<u4")
        yield some, code_C, np.array([len(token) for token in shown], np.int64)


def char_counts(token_V: list[str], count_V: np.ndarray, max_chars: int) -> tuple[np.ndarray, np.ndarray]:
    """The code points of all tokens, ascending, and how often each occurs in train."""
    counts, occurs = np.zeros(0, np.int64), np.zeros(0, bool)
    for some, code_C, length_V in _code_points(token_V, max_chars):
        size = max(len(counts), int(code_C.max(initial=0)) + 1)
        counts, occurs = np.pad(counts, (0, size - len(counts))), np.pad(occurs, (0, size - len(occurs)))
        counts += count_ids(code_C, np.repeat(count_V[some], length_V), size)
        occurs[code_C] = True
    codes = np.flatnonzero(occurs)
    return codes, counts[codes]


def fit_chars(token_V: list[str], count_V: np.ndarray, settings: Settings) -> CharEncoding:
    """Character ids of every distinct token; a rare character gets the <unk-...> of its type."""
    codes, counts = char_counts(token_V, count_V, settings.max_chars)
    texts = [chr(code) for code in codes]
    frequent, _ = fit_values(texts, counts, settings.min_char_count)
    kept = slice(UNK_ID + 1, UNK_ID + 1 + MAX_CHAR_VALUES - NUM_CHAR_SPECIALS)
    ids = {text: char_id for char_id, text in enumerate(frequent.values[kept], NUM_CHAR_SPECIALS)}
    id_of_text = np.array([ids.get(text, CHAR_UNK_IDS[char_type(text)]) for text in texts], np.uint16)
    rare = id_of_text < NUM_CHAR_SPECIALS
    special_types = ["pad", *sorted(CHAR_UNK_IDS, key=lambda kind: CHAR_UNK_IDS[kind])]
    vocab = Vocab(
        [PAD, *(f"<unk-{kind}>" for kind in special_types[1:]), *ids],
        count_ids(id_of_text[rare], counts[rare], NUM_CHAR_SPECIALS).tolist() + frequent.counts[kept],
        [CHAR_TYPES.index(kind) for kind in (*special_types, *map(char_type, ids))],
    )
    return encode_chars(token_V, settings.max_chars, codes, id_of_text, vocab)


def encode_chars(
    token_V: list[str], max_chars: int, codes: np.ndarray, id_of_text: np.ndarray, vocab: Vocab
) -> CharEncoding:
    """The ids of the characters of every distinct token; codes: those that occur, with the id of each."""
    id_of_code = np.zeros(codes.max(initial=-1) + 1, np.uint16)
    id_of_code[codes] = id_of_text
    pieces = [(id_of_code[code_C], length_V) for _, code_C, length_V in _code_points(token_V, max_chars)]
    id_C, length_V = (np.concatenate(arrays) for arrays in zip(*pieces))
    offsets = np.append(0, np.cumsum(length_V * id_C.itemsize)).astype(np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(id_C)]
    bytes_V = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(length_V), buffers)
    return CharEncoding(vocab, id_C, length_V, bytes_V)


def gather_chars(chars: CharEncoding, token_M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The character ids of a sequence of tokens, one token after another, and the number of each token's (M,)."""
    length_M = chars.length_V[token_M]
    _, _, data = chars.bytes_V.take(pa.array(token_M)).buffers()
    return np.frombuffer(data, np.uint16, int(length_M.sum())), length_M
