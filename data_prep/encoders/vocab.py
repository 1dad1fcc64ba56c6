"""Distinct tokens of a corpus -> word ids and character ids; the vocabularies come from the training split alone."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from data_prep.settings import Settings
from ner_dist.contract.shard_format import CHAR_TYPES, CHAR_UNK_IDS, NUM_CHAR_SPECIALS, PAD_ID, UNK_ID
from ner_dist.contract.spelling import char_type, shorten
from ner_dist.contract.word_lookup import normalise, word_form

PAD, UNK = "<pad>", "<unk>"
# Character ids are 16 bits wide in the shards.
MAX_CHAR_VALUES = 1 << 16
# Tokens whose characters are looked at together: arrays of characters are large.
TOKENS_AT_ONCE = 1 << 14


class Vocab(NamedTuple):
    """Values by id, how often each occurs in train, and for characters their types.

    Words that were looked up in pretrained vectors have a list of the ids that have none. The labels of a lexicon have
    its entries, and how long a match in part is at least and at most: what prediction needs to match new text.
    """

    values: list[str]
    counts: list[int]
    types: list[int] | None = None
    without_vector: list[int] | None = None
    entries: list[str] | None = None
    parts: list[int] | None = None

    def record(self) -> dict[str, list[str] | list[int]]:
        """What vocab/<name>.json says."""
        return {name: values for name, values in self._asdict().items() if values is not None}


class Found(NamedTuple):
    """What the words found in a file of vectors; I word ids."""

    # Row of each word id in the file, -1 if it has none.
    row_I: np.ndarray
    # Word ids from here on do not occur in train.
    first_unseen: int
    # How each distinct token found its vector, one of words.STEPS, if any.
    steps: list[str | None]


class Words(NamedTuple):
    vocab: Vocab
    # The form under which each distinct token is looked up, and its word id.
    forms: list[str]
    id_V: np.ndarray
    # With pretrained vectors.
    found: Found | None = None


class Chars(NamedTuple):
    vocab: Vocab
    # Character ids of the distinct tokens, one token after another, and how many each has.
    id_C: np.ndarray
    length_V: np.ndarray
    # The same ids as bytes, a value a token: Arrow takes such values several times quicker than numpy does.
    bytes_V: pa.BinaryArray


def sums(number_V: np.ndarray, count_V: np.ndarray, size: int) -> np.ndarray:
    """The counts that belong to each number from 0 to size - 1, added up: int64."""
    # Floats hold whole numbers exactly up to 2^53, and np.add.at is slow.
    return np.bincount(number_V, count_V, size).astype(np.int64)


def fit_values(
    texts: list[str], count_V: np.ndarray, min_count: int, always: Container[str] = ()
) -> tuple[Vocab, np.ndarray]:
    """Values seen min_count times or more, by falling count, then text; and the id of each text.

    count_V says how often each text occurs in train; texts may repeat, their counts then add up. What is in `always`
    needs to be seen only once.
    """
    numbers: dict[str, int] = {}
    number_V = np.array([numbers.setdefault(text, len(numbers)) for text in texts], np.int64)
    counts = sums(number_V, count_V, len(numbers))
    kept = sorted(
        (-count, text)
        for text, count in zip(numbers, counts.tolist())
        if count >= min_count or (count and text in always)
    )
    id_of_number = np.full(len(numbers), UNK_ID, np.int64)
    for value_id, (_, text) in enumerate(kept, UNK_ID + 1):
        id_of_number[numbers[text]] = value_id
    kept_counts = [-count for count, _ in kept]
    unknown = int(counts.sum()) - sum(kept_counts)
    vocab = Vocab([PAD, UNK, *(text for _, text in kept)], [0, unknown, *kept_counts])
    return vocab, id_of_number[number_V]


def fit_words(
    token_V: list[str], count_V: np.ndarray, settings: Settings, rows: Mapping[str, int] | None = None
) -> Words:
    """Word ids of the distinct tokens; `rows` are the words of pretrained vectors and their rows, in file order.

    With vectors, every form of train that has one is kept, and words that train lacks follow: all of the file, or with
    --vector-words corpus those that tokens of dev or test look up.
    """
    if rows is None:
        forms = [normalise(token, settings.keep_case, settings.keep_digits) for token in token_V]
        vocab, id_V = fit_values(forms, count_V, settings.min_count)
        return Words(vocab, forms, id_V.astype(np.int32))
    found = [word_form(token, settings.keep_case, settings.keep_digits, rows) for token in token_V]
    forms = [form for form, _ in found]
    vocab, _ = fit_values(forms, count_V, settings.min_count, rows)
    first_unseen = len(vocab.values)
    seen = set(vocab.values[UNK_ID + 1 :])
    wanted: Container[str] = set(forms) if settings.vector_words == "corpus" else rows
    vocab.values.extend(word for word in rows if word not in seen and word in wanted)
    vocab.counts.extend([0] * (len(vocab.values) - first_unseen))
    ids = {value: word_id for word_id, value in enumerate(vocab.values) if word_id > UNK_ID}
    row_I = np.array([-1, -1, *(rows.get(value, -1) for value in vocab.values[UNK_ID + 1 :])], np.int64)
    return Words(
        vocab._replace(without_vector=np.flatnonzero(row_I < 0).tolist()),
        forms,
        np.array([ids.get(form, UNK_ID) for form in forms], np.int32),
        Found(row_I, first_unseen, [step for _, step in found]),
    )


def _code_points(token_V: list[str], max_chars: int) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """(which tokens, their code points one after another, how many each has) of some tokens after others."""
    for begin in range(0, len(token_V), TOKENS_AT_ONCE):
        some = slice(begin, begin + TOKENS_AT_ONCE)
        shown = [shorten(token, max_chars) for token in token_V[some]]
        code_C = np.frombuffer("".join(shown).encode("utf-32-le"), "<u4")
        yield some, code_C, np.array([len(token) for token in shown], np.int64)


def _char_counts(token_V: list[str], count_V: np.ndarray, max_chars: int) -> tuple[np.ndarray, np.ndarray]:
    """The code points of all tokens, rising, and how often each occurs in train."""
    counts, occurs = np.zeros(0, np.int64), np.zeros(0, bool)
    for some, code_C, length_V in _code_points(token_V, max_chars):
        size = max(len(counts), int(code_C.max(initial=0)) + 1)
        counts, occurs = np.pad(counts, (0, size - len(counts))), np.pad(occurs, (0, size - len(occurs)))
        counts += sums(code_C, np.repeat(count_V[some], length_V), size)
        occurs[code_C] = True
    codes = np.flatnonzero(occurs)
    return codes, counts[codes]


def fit_chars(token_V: list[str], count_V: np.ndarray, settings: Settings) -> Chars:
    """Character ids of every distinct token; a rare character gets the <unk-...> of its type."""
    codes, counts = _char_counts(token_V, count_V, settings.max_chars)
    texts = [chr(code) for code in codes]
    types = [char_type(text) for text in texts]
    order = sorted(range(len(texts)), key=lambda number: (-counts[number], texts[number]))
    kept = [number for number in order if counts[number] >= settings.min_char_count]
    kept = kept[: MAX_CHAR_VALUES - NUM_CHAR_SPECIALS]
    id_of_number = np.array([CHAR_UNK_IDS[kind] for kind in types], np.uint16)
    id_of_number[kept] = np.arange(NUM_CHAR_SPECIALS, NUM_CHAR_SPECIALS + len(kept))

    unknown = np.zeros(NUM_CHAR_SPECIALS, np.int64)
    rare = np.setdiff1d(np.arange(len(texts)), kept)
    np.add.at(unknown, id_of_number[rare], counts[rare])
    unknown[PAD_ID] = 0
    specials = [PAD, *(f"<unk-{kind}>" for kind in sorted(CHAR_UNK_IDS, key=lambda kind: CHAR_UNK_IDS[kind]))]
    special_types = [CHAR_TYPES.index("pad"), *(CHAR_TYPES.index(name[5:-1]) for name in specials[1:])]
    vocab = Vocab(
        specials + [texts[number] for number in kept],
        unknown.tolist() + counts[kept].tolist(),
        special_types + [CHAR_TYPES.index(types[number]) for number in kept],
    )
    id_of_code = np.zeros(codes.max(initial=-1) + 1, np.uint16)
    id_of_code[codes] = id_of_number
    pieces = [(id_of_code[code_C], length_V) for _, code_C, length_V in _code_points(token_V, settings.max_chars)]
    id_C, length_V = (np.concatenate(arrays) for arrays in zip(*pieces))
    offsets = np.append(0, np.cumsum(length_V * id_C.itemsize)).astype(np.int32)
    bytes_V = pa.BinaryArray.from_buffers(pa.binary(), len(length_V), [None, pa.py_buffer(offsets), pa.py_buffer(id_C)])
    return Chars(vocab, id_C, length_V, bytes_V)


def gather_chars(chars: Chars, token_M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Character ids of a sequence of tokens, one token after another, and the characters of each token (M,)."""
    length_M = chars.length_V[token_M]
    _, _, data = chars.bytes_V.take(pa.array(token_M)).buffers()
    return np.frombuffer(data, np.uint16, int(length_M.sum())), length_M
