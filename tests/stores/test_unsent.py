"""What cannot be sent is kept, and the message says what may be done with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.unsent import kept_if_not_sent, unsent_folder

PLACE = Address("s3", "b", "out/one")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NER_CACHE", str(tmp_path))


def refused(path: Path) -> str:
    with pytest.raises(StoreError) as caught, kept_if_not_sent(path, PLACE):
        raise StoreError("no answer")
    return str(caught.value)


def kept(said: str, advice: str) -> Path:
    found = re.fullmatch(
        f"no answer; nothing was written to {PLACE}, and what was to be there is complete in (.+): copy it {advice} by "
        "any tool, or delete it",
        said,
    )
    assert found is not None, said
    return Path(found[1])


def test_a_file_may_be_copied_to_its_place_by_hand() -> None:
    path = unsent_folder() / "one"
    path.write_text("whole")
    assert kept(refused(path), "there").read_text() == "whole"
    assert not path.exists()


def test_a_folder_may_not_as_an_older_published_one_would_hide_it() -> None:
    path = unsent_folder() / "one"
    path.mkdir()
    (path / "index.json").write_text("whole")
    found = kept(refused(path), "to an address where nothing is")
    assert found.parent == unsent_folder()
    assert (found / "index.json").read_text() == "whole"


def test_what_was_sent_is_left_where_it_is() -> None:
    path = unsent_folder() / "one"
    path.touch()
    with kept_if_not_sent(path, PLACE):
        pass
    assert [entry.name for entry in unsent_folder().iterdir()] == ["one"]
