"""s3://bucket/folder/name as text -> an Address. Keys and endpoints are never part of it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from ner_dist.errors import UserError
from ner_dist.foreign.local_paths import ADDRESS, local_path
from ner_dist.foreign.names import is_plain, shortened

SCHEMES = ("s3", "gs", "az", "hdfs")
# What the clouds' own tools write for the same stores.
_OTHER_NAMES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfs": "az", "abfss": "az", "wasb": "az", "wasbs": "az"}
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(:[0-9]{1,5})?")


class StoreError(UserError):
    """What a store cannot do or does not have. Its text names the object, what was found, and what to do."""


class Address(NamedTuple):
    """An object, or the folder whose objects have names that begin with the key and a slash."""

    scheme: str
    # Of hdfs: the name node, with its port unless it is the default.
    bucket: str
    # Parts separated by single slashes, without one at either end; empty: the whole bucket.
    key: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}".rstrip("/")

    def __truediv__(self, name: str) -> Address:
        return self._replace(key=f"{self.key}/{name}".strip("/"))

    @property
    def name(self) -> str:
        """The last part of the key; of a whole bucket, the bucket's name."""
        return self.key.rpartition("/")[2] or self.bucket

    @property
    def parent(self) -> Address:
        return self._replace(key=self.key.rpartition("/")[0])


def is_address(path: str | os.PathLike[str]) -> bool:
    """Whether this is `scheme://...`, of a known scheme or not, rather than the path of a local file."""
    return ADDRESS.match(os.fspath(path)) is not None


def parse_address(text: str, option: str = "") -> Address:
    """The address that a user has written. Raises StoreError.

    option: with which it was named, if the message is to say it. Patterns (*.conll) remain as they are.
    """
    where = f"{option}: " if option else ""
    found = ADDRESS.match(text)
    if found is None:
        raise StoreError(f"{where}{shortened(text)} is a path, expected an address such as s3://bucket/folder")
    scheme, rest = found["scheme"], text[found.end() :]
    bucket, _, key = rest.partition("/")
    if "@" in bucket:
        # It may hold a secret, so the address is not shown.
        raise StoreError(
            f"{where}an address of {scheme}:// has something before an @; keys and passwords are read from the "
            "environment, expected the bucket alone; expect the secret to be in your shell's history"
        )
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        same = _OTHER_NAMES.get(scheme.lower(), scheme.lower())
        advice = f"; write {same}://" if same in SCHEMES else "; copy it to one of them or to a local disk"
        raise StoreError(f"{where}{shortened(text)}: {scheme}:// is not supported, expected one of {known}{advice}")
    if not (_HOST if scheme == "hdfs" else _BUCKET).fullmatch(bucket):
        kind = "name node" if scheme == "hdfs" else "bucket"
        raise StoreError(f"{where}{shortened(text)}: {shortened(bucket)} is not a {kind}, expected {scheme}://NAME/...")
    key = key.rstrip("/")
    if key and not is_plain(key):
        raise StoreError(
            f"{where}{shortened(text)}: {shortened(key)} is not a plain name of an object, expected parts between "
            "single slashes, without .., . and control characters"
        )
    return Address(scheme, bucket, key)


def path_or_address(place: str | os.PathLike[str], option: str = "") -> Path | Address:
    """What a user has named: a file or folder of this machine, or one in a store. Raises UserError for neither."""
    text = os.fspath(place)
    # The sentence about file:///a/b says which path is meant.
    if not is_address(text) or text.lower().startswith("file:"):
        return Path(local_path(text, option))
    return parse_address(text, option)
