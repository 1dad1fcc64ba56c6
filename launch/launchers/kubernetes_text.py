"""What Kubernetes allows as names and sizes, and its objects as YAML: what the launchers that write some share."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import yaml

# A DNS name (RFC 1123) that begins with a letter.
DNS = r"[a-z]([-a-z0-9]*[a-z0-9])?"
LABEL_VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
QUANTITY = r"[1-9]\d*(\.\d+)?([kMGTPE]|[KMGTPE]i)?"
NAME_RULE = "lower case letters, digits and -, a letter first"

# For templates: every JSON text is a YAML text.
as_json = functools.partial(json.dumps, ensure_ascii=False, default=str)


def in_block_style(text: str) -> str:
    """What a template has made, a comment and documents that begin with one, rewritten in block style."""
    opening, *documents = text.split("---\n# ")
    parts = [document.partition("\n") for document in documents]
    return opening + "".join(f"---\n# {purpose}\n{dump(yaml.safe_load(body))}" for purpose, _, body in parts)


class _Dumper(yaml.SafeDumper):
    """Block style without aliases, and quoted text wherever a YAML reader could take it for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # PyYAML and Kubernetes disagree on which texts are numbers: 1e3, 0o17.
    style = "|" if "\n" in text else '"' if re.match(r"[-+.\d]", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)
dump = functools.partial(yaml.dump, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
