"""Options whose value is a place: a path of this machine, or an address of a store that is known."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from ner_dist.cli.places import place_as_given, place_or_address
from ner_dist.errors import UserError
from ner_dist.stores.addresses import Address, path_or_address


@pytest.mark.parametrize("path", ["a/b", "s3:/b/x", "C://x", "-"])
def test_what_is_no_address_is_a_path(path: str) -> None:
    assert place_or_address(path) == Path(path)
    assert place_as_given(path) == path


def test_a_place_may_be_an_address() -> None:
    assert place_or_address("s3://b/x/") == Address("s3", "b", "x")
    assert place_as_given("s3://b/x/") == "s3://b/x/"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ftp://h/x", "'ftp://h/x': ftp:// is not supported, expected one of s3://"),
        ("file:///x", "'file:///x' is an address, expected a path: '/x'"),
    ],
)
def test_other_addresses_are_refused(text: str, complaint: str) -> None:
    for read in (place_or_address, place_as_given):
        with pytest.raises(argparse.ArgumentTypeError, match=f"^{complaint}"):
            read(text)
    with pytest.raises(UserError, match=f"^--out: {complaint}"):
        path_or_address(text, "--out")
