"""The names and versions that models may have.

They stand in headers of HTTP, labels of metrics and addresses, where others would need to be quoted.
"""

from __future__ import annotations

import re

_FIT = re.compile("[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
NAME_RULE = "1 to 100 letters, digits and . _ + -, the first a letter or digit"


def is_name(text: str) -> bool:
    """Whether a model can have this name or version."""
    return _FIT.fullmatch(text) is not None


def as_name(text: str) -> str:
    """The nearest name to any text, such as that of a directory."""
    return re.sub("[^A-Za-z0-9._+-]+", "-", text).lstrip("._+-")[:100] or "model"
