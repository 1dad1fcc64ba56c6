"""Ids of strings: stable and decodable, also after old strings are evicted."""

from __future__ import annotations

import pytest

from data_prep.sentences.string_ids import StringIds


def test_long_unused_strings_are_evicted_and_the_rest_can_be_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_prep.sentences.string_ids.MAX_OPEN_TOKENS", 3)
    ids = StringIds()
    id_M = ids.ids(["a", "b", "a", "c", "d"])
    assert ids.strings(id_M) == ["a", "b", "a", "c", "d"]
    assert ids.take_new() == (0, ["a", "b", "c", "d"])
    ids.evict()
    later_M = ids.ids(["e", "a"])
    assert ids.take_new() == (4, ["e", "a"])
    assert ids.strings(id_M) + ids.strings(later_M) == ["a", "b", "a", "c", "d", "e", "a"]
    ids.ids(["f", "g", "h"])
    ids.evict()
    assert ids.texts == ["e", "a", "f", "g", "h"]
    assert ids.strings(later_M) == ["e", "a"]
