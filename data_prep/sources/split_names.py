"""What the names of files say: which split they are of, and which are surely no corpus."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from data_prep.problems import CorpusError, Problems
from data_prep.sources.source_files import SourceFile

SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "dev": "dev",
    "devel": "dev",
    "development": "dev",
    "valid": "dev",
    "validation": "dev",
    "val": "dev",
    "testa": "dev",
    "test": "test",
    "testing": "test",
    "tst": "test",
    "testb": "test",
}
_WORD = re.compile(r"[a-z]+")
# What lies beside corpora.
_NO_CORPUS_NAMES = re.compile(
    r"(readme|licen[cs]e|copying|notice|authors|citation|changelog|changes|makefile|thumbs\.db|desktop\.ini|_success"
    r"|dataset_infos?\.json|dataset_dict\.json|state\.json"
    r"|(annotation|visual|tools|kb_shortcuts)\.conf)(\W.*)?",
    re.IGNORECASE,
)
_NO_CORPUS_ENDINGS = re.compile(
    r"md|rst|pdf|png|jpe?g|gif|svg|docx?|xlsx?|pptx?|html?|css|js|py|pyc|ipynb|sh|pl|r|java|ya?ml|toml|cfg|ini|bib|tex"
    r"|dtd|xsd|sha256|md5|log|so|dll|exe|pt|pth|safetensors|onnx",
    re.IGNORECASE,
)


def is_no_corpus(name: str) -> bool:
    """Whether a file's name, with its folders, says that it is something else."""
    own = PurePosixPath(name).name
    return (
        _NO_CORPUS_NAMES.fullmatch(own) is not None
        or _NO_CORPUS_ENDINGS.fullmatch(PurePosixPath(own).suffix[1:]) is not None
    )


def split_of(name: str) -> str | None:
    """The split that a file's name or, failing that, one of its folders speaks of; "" if of several."""
    for part in reversed(PurePosixPath(name).parts):
        splits = {SPLIT_WORDS[word] for word in _WORD.findall(part.lower()) if word in SPLIT_WORDS}
        if splits:
            return splits.pop() if len(splits) == 1 else ""
    return None


def splits_of(files: Sequence[SourceFile]) -> dict[str, list[SourceFile]]:
    """The files of each split; empty unless most files are of one.

    A document may be called test_match.txt among hundreds.
    """
    by_split = _by_split(files)
    return by_split if 2 * sum(map(len, by_split.values())) > len(files) else {}


def _by_split(files: Sequence[SourceFile]) -> dict[str, list[SourceFile]]:
    by_split: dict[str, list[SourceFile]] = {}
    for file in files:
        split = split_of(file.member or file.name)
        if split is not None:
            by_split.setdefault(split, []).append(file)
    return by_split


def choose_split(shown: str, files: list[SourceFile], split: str, problems: Problems) -> list[SourceFile]:
    """Of files in one place, those of a split if there are several splits. Raises CorpusError if there are only others.

    split: all files are taken if it is none that files are named after.
    """
    if split not in SPLIT_WORDS.values():
        return files
    by_split = splits_of(files)
    if len(by_split) > 1:
        if split not in by_split:
            found = ", ".join(name or "several at once" for name in by_split)
            raise CorpusError(
                f"{shown}: by their names the files there are of other splits than {split}: {found}; name the file"
            )
        chosen = by_split[split]
        what = f"of {len(files)} files only those of {split}, by their names, are read: {_first(chosen)}"
        problems.warn("files_of_other_splits", shown, what, len(files) - len(chosen))
        return chosen
    others = {name: some for name, some in _by_split(files).items() if name not in ("", split)}
    if others:
        what = f"read for {split}, though named after another split: {_first(next(iter(others.values())))}"
        problems.warn("files_of_other_splits", shown, what, sum(map(len, others.values())))
    return files


def _first(files: list[SourceFile]) -> str:
    return files[0].name + (f" and {len(files) - 1} more" if len(files) > 1 else "")
