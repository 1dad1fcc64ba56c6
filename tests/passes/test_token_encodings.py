"""Encoded tokens come back from the files of their parts, in the order of the sentences."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa

from data_prep.encoders.characters import encode_chars
from data_prep.passes.token_encodings import PartEncodings, TokenEncodings, read_encodings, write_encodings

CHARACTERS = ["<pad>", "<unk-upper>", "<unk-lower>", "<unk-punct>", "<unk-other>", "a", "b", "c"]


def written(path: Path, tokens: list[str], first_word: int) -> Path:
    word_V = np.arange(first_word, first_word + len(tokens), dtype=np.int32)
    chars = encode_chars(tokens, 25, CHARACTERS)
    codes = {"text": word_V.astype(np.uint8) + 1, "is_a": np.array([token == "a" for token in tokens], bool)}
    write_encodings(path, TokenEncodings(word_V, chars, pa.array(tokens, pa.large_string()), codes))
    return path


def test_sentences_of_several_parts_are_gathered_in_their_order(tmp_path: Path) -> None:
    # The name of a feature is its user's, so it may be that of another column.
    paths = [written(tmp_path / "0", ["a", "", "bc"], 2), written(tmp_path / "1", ["c", "a"], 7)]
    encodings = PartEncodings(paths)
    token_M, part_N, length_N = np.array([2, 0, 1, 0, 1, 2]), np.array([0, 1, 1, 0]), np.array([2, 1, 1, 2])
    for again in (encodings, pickle.loads(pickle.dumps(encodings))):
        found = again.gather(token_M, part_N, length_N)
        assert found.word_M.tolist() == [4, 2, 8, 7, 3, 4]
        assert found.text_M.to_pylist() == ["bc", "a", "a", "c", "", "bc"]
        assert found.num_chars_M.tolist() == [2, 1, 1, 1, 0, 2]
        assert found.char_C.tolist() == [6, 7, 5, 5, 7, 6, 7]
        assert {name: codes.tolist() for name, codes in found.codes.items()} == {
            "text": [5, 3, 9, 8, 4, 5],
            "is_a": [False, True, True, False, False, False],
        }
    alone = encodings.gather(np.array([1, 0]), np.array([1]), np.array([2]))
    assert (alone.word_M.tolist(), alone.text_M.to_pylist()) == ([8, 7], ["a", "c"])


def test_a_part_without_tokens_has_an_empty_file(tmp_path: Path) -> None:
    found = read_encodings(written(tmp_path / "0", [], 2))
    assert (len(found.word_V), len(found.text_V), sorted(found.codes)) == (0, 0, ["is_a", "text"])
