"""Types for argparse of options whose value is a place: a path, or also an address such as s3://bucket/name."""

from __future__ import annotations

import argparse
from pathlib import Path

from ner_dist.errors import UserError
from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.local_paths import local_path
from ner_dist.stores.addresses import Address, path_or_address


def place(text: str) -> str:
    """A path alone."""
    try:
        return local_path(text)
    except ForeignFileError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def place_or_address(text: str) -> Path | Address:
    """A path, or the address of an object or a folder in a store."""
    try:
        return path_or_address(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def place_as_given(text: str) -> str:
    """The same, as it was written."""
    place_or_address(text)
    return text
