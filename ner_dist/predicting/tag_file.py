"""One file of many: the task of a worker, which loads the model once for all of its files."""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ner_dist.atomic_file import whole_binary_file
from ner_dist.contract.tokenizers import TokenizerChoice
from ner_dist.engines.call import Done
from ner_dist.engines.core_share import share_threads
from ner_dist.engines.executor import Advance
from ner_dist.engines.finished_tasks import FinishedTasks
from ner_dist.errors import UserError
from ner_dist.predicting.command_identity import command_of
from ner_dist.predicting.input_files import InputFile
from ner_dist.predicting.one_file import load_tagger, tagged_portions, writer_for
from ner_dist.predicting.options import PredictOptions
from ner_dist.prediction.reading import open_documents
from ner_dist.prediction.tagger import Tagger
from ner_dist.ranks.comm import Solo
from ner_dist.stores.addresses import Address
from ner_dist.stores.cache import release
from ner_dist.stores.local_copies import errors_by_address, is_copy_of
from ner_dist.stores.named_files import Place, local_file, whole_binary

# In the work folder: records of finished files, and outputs that are being written.
_STAGE, UNFINISHED = "files", "unfinished"
# A worker of a cluster may have several threads, and a tagger is for one.
_ALONE = threading.Lock()


class FileTask(NamedTuple):
    file: InputFile
    out: Place
    options: PredictOptions
    # See command_identity.py.
    command: str
    # The folder that all workers see.
    work: str

    @property
    def key(self) -> str:
        """The file as it is now, and its output."""
        place, out = (
            os.path.abspath(one) if isinstance(one, Path) else str(one) for one in (self.file.place, self.out)
        )
        return hashlib.sha256(f"{place}\n{out}\n{self.file[2:]}".encode()).hexdigest()[:32]


class FileResult(NamedTuple):
    # Of sentences, tokens, entities, and known tokens.
    counts: Counter[str]
    # Of the output; a store does not tell when it was written.
    num_bytes: int
    modified_ns: int
    tokenizer: TokenizerChoice
    # What the model has to say of itself.
    warnings: list[str]


def finished_before(task: FileTask) -> FileResult | None:
    """What an earlier try of this command has noted of the file, if that is as it was; the output may not be."""
    done = FinishedTasks(Path(task.work), _STAGE).read(task.key, tag_file, task.key)
    return None if done is None else done.result


def any_finished(work: Path) -> bool:
    folder = work / "finished" / _STAGE
    return folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())


def tag_file(task: FileTask, advance: Advance) -> FileResult:
    """Write the output of a file, whole or not at all, and note in the work folder that it is done."""
    with _ALONE, errors_by_address(), _heard() as warnings:
        tagger = _tagger(task)
        path = local_file(task.file.place)
        try:
            result = _tag(task, path, tagger, _Bytes(advance, task.file.num_bytes))._replace(warnings=warnings)
        finally:
            if isinstance(task.file.place, Address):
                # The cache needs room for others.
                release(path)
    done = Done(result, task.file.num_bytes)
    FinishedTasks(Path(task.work), _STAGE).write(task.key, tag_file, task.key, done)
    return result


class _Bytes:
    """Tells characters as bytes of the file, which may be fewer or more, and all bytes in the end."""

    def __init__(self, advance: Advance, num_bytes: int) -> None:
        self._advance, self._left = advance, num_bytes

    def __call__(self, num: int) -> None:
        num = min(num, self._left)
        self._left -= num
        self._advance(num)

    def finish(self) -> None:
        self(self._left)


class _Loaded:
    """The tagger of this process."""

    command = ""
    tagger: Tagger | None = None


def forget_tagger() -> None:
    """Free its memory, in a process that goes on with something else."""
    _Loaded.command, _Loaded.tagger = "", None


def _tagger(task: FileTask) -> Tagger:
    if _Loaded.tagger is None or _Loaded.command != task.command:
        forget_tagger()
        # Before MXNet is imported, which reads it then.
        share_threads()
        # Processes of an engine have it switched off, for preparation makes no cycles.
        gc.enable()
        _Loaded.tagger = load_tagger(task.options)
        if command_of(task.options) != task.command:
            forget_tagger()
            raise UserError(f"{task.options.run}: the model has changed since the command began; begin anew")
        _Loaded.command = task.command
    return _Loaded.tagger


def _tag(task: FileTask, path: Path, tagger: Tagger, progress: _Bytes) -> FileResult:
    format_name, counts = task.options.format_name, Counter[str]()
    writer = writer_for(tagger, format_name, task.file.place)
    with (
        _whole_output(task.out, Path(task.work)) as output,
        open_documents(path, task.options.reading, tagger, progress=progress) as opened,
    ):
        sink = writer.open(output)
        for portion, found in tagged_portions(opened, tagger, writer, Solo(), format_name):
            counts += found
            sink.write(portion)
        sink.close()
        num_bytes = output.tell()
    progress.finish()
    modified_ns = 0 if isinstance(task.out, Address) else task.out.stat().st_mtime_ns
    return FileResult(counts, num_bytes, modified_ns, tagger.tokenizer, [])


@contextmanager
def _whole_output(place: Place, work: Path) -> Iterator[BinaryIO]:
    """As named_files.whole_binary, but what a killed worker leaves is in the work folder, which will be removed."""
    if isinstance(place, Address):
        with whole_binary(place) as file:
            yield file
        return
    # The same task may run twice at a time.
    built = work / UNFINISHED / secrets.token_hex(8)
    is_copy_of(built, place)
    with whole_binary_file(built) as file:
        yield file
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(built, place)
    except OSError as error:
        built.unlink(missing_ok=True)
        raise UserError(f"{place} could not be written ({error.strerror or error})") from error


class _Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(record.getMessage())


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What prediction logs meanwhile: the process of the command says it, once for all workers."""
    log, keeper = logging.getLogger("ner_dist.prediction"), _Keeper()
    before = log.propagate, log.disabled
    log.addHandler(keeper)
    log.propagate = log.disabled = False
    try:
        yield keeper.kept
    finally:
        log.removeHandler(keeper)
        log.propagate, log.disabled = before
