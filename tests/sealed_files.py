"""Files with a checksum of themselves, changed by someone who sets it right again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ner_dist.foreign.json_files import SEAL, seal


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change the record in a JSON file, and seal it again if it was sealed."""
    record = json.loads(path.read_text(encoding="utf-8"))
    was_sealed = record.pop(SEAL, None) is not None
    change(record)
    path.write_text(seal(record) if was_sealed else json.dumps(record), encoding="utf-8")
