"""Types for argparse of options whose value is a place: a path, or also an address such as s3://bucket/name."""

from __future__ import annotations

import argparse
from pathlib import Path

from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.local_paths import local_path
from ner_dist.stores.addresses import Address, StoreError, is_address, parse_address


def place(text: str) -> str:
    """A path alone."""
    try:
        return local_path(text)
    except ForeignFileError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def place_or_address(text: str) -> Path | Address:
    """A path, or the address of an object or a folder in a store."""
    # The sentence about file:///a/b says which path is meant.
    if not is_address(text) or text.lower().startswith("file:"):
        return Path(place(text))
    try:
        return parse_address(text)
    except StoreError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def place_as_given(text: str) -> str:
    """The same, as it was written."""
    place_or_address(text)
    return text
