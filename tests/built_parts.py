"""Shard sets that are built from a corpus in parts, in one process."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from data_prep.passes import build as build_module
from data_prep.passes import read_pass
from data_prep.passes.build import build
from data_prep.passes.read_part import NumberedFile
from data_prep.problems import Finding, Problems
from data_prep.settings import Settings
from data_prep.sources.source_files import Sources
from ner_dist.contract.like_model import Like
from ner_dist.errors import UserError


class InTurn:
    """An engine that does the last task first, and sends everything through pickle."""

    num_workers = 2

    def run(
        self,
        stage: str,
        function: Callable[[Any, Any], Any],
        tasks: Sequence[Any],
        progress: Callable[[int], object] | None = None,
    ) -> list[Any]:
        sent = [pickle.dumps(task) for task in tasks]
        return [
            pickle.loads(pickle.dumps(function(pickle.loads(task), progress or (lambda done: None))))
            for task in reversed(sent)
        ][::-1]


class Built(NamedTuple):
    files: dict[str, bytes]
    errors: str
    warnings: list[str]
    findings: list[Finding]


def _planned(sources: Sources, bounds: Sequence[int]) -> list[list[NumberedFile]]:
    files = [NumberedFile(number, split, file) for number, (split, file) in enumerate(sources)]
    return [files[begin:end] for begin, end in zip(bounds, bounds[1:])]


def built(
    out: Path, sources: Sources, bounds: list[int] | None, listed: bool, like: Like | None = None, **knobs: Any
) -> Built:
    """bounds: of the parts; None: one process. listed: whether all findings are wanted."""
    findings: list[Finding] = []
    problems = Problems(findings.append if listed else None)
    errors = ""
    with pytest.MonkeyPatch.context() as patched:
        if bounds is not None:
            patched.setattr(build_module, "OneProcess", InTurn)
            patched.setattr(read_pass, "plan_parts", lambda sources, *rest: _planned(sources, bounds))
        try:
            build(sources, Settings(num_shards=2, num_buckets=3, **knobs), out, problems, like=like)
        except UserError as error:
            errors = str(error)
    files = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return Built(files, errors, problems.warning_lines, findings)
