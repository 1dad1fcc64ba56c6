"""In messages, what is a copy of something in a store has the address of that."""

from __future__ import annotations

from pathlib import Path

import pytest

from ner_dist.errors import UserError
from ner_dist.stores.addresses import Address
from ner_dist.stores.local_copies import by_address, errors_by_address, is_copy_of


def test_a_message_names_addresses(tmp_path: Path) -> None:
    is_copy_of(tmp_path / "s3/b", Address("s3", "b", ""))
    is_copy_of(tmp_path / "s3/b/set", Address("gs", "c", "other"))
    texts = {
        f"{tmp_path}/s3/b/raw/a.conll:3: error: x": "s3://b/raw/a.conll:3: error: x",
        f"{tmp_path}/s3/b/set/index.json and {tmp_path}/s3/b.": "gs://c/other/index.json and s3://b.",
        f"'{tmp_path}/s3/b'": "'s3://b'",
        f"{tmp_path}/s3/bc, {tmp_path}/s3/b.old": f"{tmp_path}/s3/bc, {tmp_path}/s3/b.old",
        "nothing of it": "nothing of it",
    }
    for text, named in texts.items():
        assert by_address(text) == named


def test_errors_name_addresses(tmp_path: Path) -> None:
    is_copy_of(tmp_path / "x", "s3://b/x")
    with pytest.raises(UserError, match=r"^s3://b/x is damaged$"), errors_by_address():
        raise UserError(f"{tmp_path / 'x'} is damaged")
