"""How much the cache holds is counted, not added up of all records for each file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ner_dist.stores import cache_room
from ner_dist.stores.cache_room import Record


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache for 100 bytes."""
    monkeypatch.setenv("NER_CACHE", str(tmp_path))
    monkeypatch.setenv("NER_CACHE_GB", "1e-7")
    return cache_room.cache_folder()


def hold(folder: Path, name: str, num_bytes: int) -> bool:
    """Whether there was room for a file, which is there then."""
    path = f"objects/{name}/{name}"
    has_room = cache_room.make_room(folder, Record(path, num_bytes, "", f"s3://b/{name}"))
    if has_room:
        (folder / path).parent.mkdir()
        (folder / path).write_bytes(bytes(num_bytes))
    return has_room


def held(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("objects/*/*"))


def test_records_are_read_only_if_the_room_does_not_suffice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hold(folder, "a", 30)
    with monkeypatch.context() as patched:
        patched.setattr(cache_room, "_held", lambda folder: pytest.fail("records were read"))
        assert hold(folder, "b", 30)
        assert hold(folder, "c", 30)
    assert held(folder) == ["a", "b", "c"]
    assert hold(folder, "d", 40)
    assert len(held(folder)) == 3
    assert "d" in held(folder)


def test_what_was_removed_since_leaves_its_room(folder: Path) -> None:
    assert hold(folder, "a", 90)
    cache_room.remove(folder, "objects/a/a")
    assert hold(folder, "b", 90)
    assert held(folder) == ["b"]


@pytest.mark.parametrize("text", [None, "", "many"])
def test_a_count_that_is_lost_is_made_anew(folder: Path, text: str | None) -> None:
    assert hold(folder, "a", 90)
    if text is None:
        (folder / "room.txt").unlink()
    else:
        (folder / "room.txt").write_text(text)
    assert hold(folder, "b", 90)
    assert held(folder) == ["b"]
