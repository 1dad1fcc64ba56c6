"""tagger.json, the description of an export: its own checksum verified, its fields as those of the latest version.

docs/reference/export-format.md describes the fields; whoever needs one checks it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from ner_dist.contract.tokenizers import choose
from ner_dist.errors import UserError
from ner_dist.foreign.errors import advising
from ner_dist.foreign.json_files import SEAL, loads, read_bytes, verify_seal

FORMAT, VERSION = "ner-tagger", 4
DESCRIPTION_NAME = "tagger.json"
AGAIN = "export the run again (python -m ner_dist.export)"
# Versions before have no checksum of their own.
_SEALED_SINCE = 3
# Words, and the entries of lexicons, of which there may be millions.
_MOST_BYTES = 1 << 30


class ExportError(UserError):
    """An export that is absent, damaged or foreign, or that cannot be written."""


class ExportRecord(NamedTuple):
    path: Path
    # All fields but the format, its version and the checksum.
    fields: dict[str, Any]
    # The file's own checksum, which covers that of the network.
    sha256: str


def read_record(directory: Path) -> ExportRecord:
    """Raises ExportError naming what is wrong."""
    (record, data), path = _stored(directory), directory / DESCRIPTION_NAME
    if record["format"] != FORMAT:
        raise ExportError(f'{path}: not the description of an export (no "format": "{FORMAT}"); {AGAIN}')
    version = record.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise ExportError(
            f"{path}: format version {version}, this code reads versions 1 to {VERSION}; use the code that wrote it, "
            f"or {AGAIN}"
        )
    with advising(ExportError, f"the file is damaged: {AGAIN}"):
        if version >= _SEALED_SINCE:
            verify_seal(data, record, path)
    fields = {name: value for name, value in record.items() if name not in ("format", "version", SEAL)}
    if version == 1 and isinstance(fields.get("vocabularies"), dict):
        # It cut texts by English rules without saying so; its corpus came as tokens.
        fields["vocabularies"].update(tokenizer=choose("rules", "en").to_record(), tokenizer_applied=False)
    sha256 = record[SEAL] if version >= _SEALED_SINCE else hashlib.sha256(data).hexdigest()
    return ExportRecord(path, fields, sha256)


def is_export(directory: Path) -> bool:
    """Whether a directory is an export, of any version."""
    try:
        return _stored(directory)[0]["format"] == FORMAT
    except ExportError:
        return False


def _stored(directory: Path) -> tuple[dict[str, Any], bytes]:
    """tagger.json as it is; "format" is present, with any value. And its bytes."""
    path = directory / DESCRIPTION_NAME
    if not path.is_file():
        raise ExportError(f"{path}: not readable (No such file or directory); is this an export?")
    with advising(ExportError, f"the file is damaged: {AGAIN}"):
        data = read_bytes(path, _MOST_BYTES)
        record = loads(data, path)
    return ({"format": None, **record} if isinstance(record, dict) else {"format": None}), data
