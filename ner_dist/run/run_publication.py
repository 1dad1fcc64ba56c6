"""A run's files at its address: what has changed is uploaded below a fresh prefix, then one object names all files."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ner_dist.atomic_file import whole_directory, whole_file
from ner_dist.contract.shard_format import file_sha256
from ner_dist.errors import UserError
from ner_dist.foreign.names import member
from ner_dist.run.run_lock import NAME as LOCK
from ner_dist.run.run_lock import RunLocked
from ner_dist.run.saver import link_or_copy
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.changed_file import change_file
from ner_dist.stores.facts import delete, list_objects
from ner_dist.stores.objects import download, upload
from ner_dist.stores.published import (
    POINTER,
    PublishedFile,
    PublishedFolder,
    fresh_prefix,
    is_prefix,
    published,
    write_pointer,
)

# Beside the run's directory: of which publication it was made, or of which two, a line each.
_MARK = "published"
_CONFIG = "config.yaml"

log = logging.getLogger("ner_dist")


class RunPublication:
    """What is at the address, and how it is replaced. For one thread at a time."""

    def __init__(self, address: Address, run: Path, require_lock: Callable[[], None]) -> None:
        """run: its directory on this machine. require_lock: raises RunLocked if others may have published."""
        self.address = address
        self._run, self._mark, self._require_lock = run, run.parent / _MARK, require_lock
        # The last one that is known, and the version of one that was begun; whether that is there may be unknown.
        self._now: PublishedFolder | None = None
        self._begun = ""
        # Checksums of files that have not changed since.
        self._sha256: dict[tuple[int, int, int], str] = {}

    def bring(self, may_be_there: bool) -> None:
        """Make the run's directory what is published, unless it is what this machine has made of that.

        Raises UserError if there is a run although none may be, or if it cannot be read.
        """
        for left in self._run.parent.glob("publishing-*"):
            shutil.rmtree(left, ignore_errors=True)
        self._now = self._published()
        if self._now is not None and not may_be_there:
            raise UserError(
                f"{self.address} already holds a run; continue it with --train.resume true, or choose another --run"
            )
        if may_be_there and self._is_made_of(self._now):
            return
        if self._now is None:
            shutil.rmtree(self._run, ignore_errors=True)
        else:
            self._fetch(self._now)
        self._write_mark()

    def publish(self, folder: Path) -> None:
        """Publish a folder in place of what is there, of which nothing is uploaded again.

        Raises StoreError, and RunLocked if another process has published meanwhile.
        """
        before, prefix = self._require_ours(), fresh_prefix()
        files = self._upload(folder, before, prefix)
        self._require_lock()
        self._require_ours()
        self._begun = prefix
        # Whoever goes on after a kill in between cannot tell which of the two is there.
        self._write_mark(prefix)
        write_pointer(self.address, prefix, files)
        self._now = PublishedFolder(self.address, self.address / prefix, files, prefix, False)
        self._write_mark()
        try:
            self._remove_unused([self._now] if before is None else [self._now, before])
        except StoreError as error:
            # What was published is published, also where nothing may be deleted.
            log.warning("%s", error)

    def change(self, read: PublishedFolder, name: str, text: str | None) -> None:
        """Publish what was read with this text as the file of that name, or without it.

        The run's directory gets it too, if it was made of what was read. Raises StoreError, and RunLocked.
        """
        self._require_lock()
        is_ahead = self._is_made_of(read)
        self._now = change_file(read, name, text)
        if not is_ahead:
            return
        path = member(self._run, name)
        if text is None:
            path.unlink(missing_ok=True)
        else:
            with whole_file(path) as file:
                file.write(text)
        self._write_mark()

    def _require_ours(self) -> PublishedFolder | None:
        """What is at the address. Raises RunLocked if it is not what this process has read or written there."""
        found = self._published()
        if _version(found) not in (_version(self._now), self._begun):
            raise RunLocked(
                f"{self.address}: another process has published this run meanwhile, so nothing more is published here; "
                "let the other one go on"
            )
        self._now = found
        return found

    def _published(self) -> PublishedFolder | None:
        found = published(self.address)
        # The lock alone is no run, nor is what an unfinished publication has left.
        return None if found is not None and found.is_plain_copy and _CONFIG not in found.files else found

    def _upload(self, folder: Path, before: PublishedFolder | None, prefix: str) -> dict[str, PublishedFile]:
        """The folder's files, with where they lie below the address."""
        known = {} if before is None else before.files
        # By checksum; a plain copy has none.
        places = {
            file.sha256: file.at or f"{before.version}/{name}"
            for name, file in known.items()
            if before is not None and file.sha256 is not None
        }
        files, sha256_of = {}, {}
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name, identity = path.relative_to(folder).as_posix(), _identity(path)
            sha256 = sha256_of[identity] = self._sha256.get(identity) or file_sha256(path)
            if sha256 not in places:
                places[sha256] = f"{prefix}/{name}"
                upload(path, self.address / places[sha256])
            at = places[sha256]
            files[name] = PublishedFile(path.stat().st_size, sha256, None if at == f"{prefix}/{name}" else at)
        self._sha256 = sha256_of
        return files

    def _remove_unused(self, kept: list[PublishedFolder]) -> None:
        """Objects that none of these publications names, and what unfinished ones have left."""
        used = {f"{found.version}/{POINTER}" for found in kept}
        used |= {file.at or f"{found.version}/{name}" for found in kept for name, file in found.files.items()}
        listed = [name for name, _ in list_objects(self.address)]
        delete(self.address / name for name in listed if name not in used and is_prefix(name.partition("/")[0]))

    def _fetch(self, found: PublishedFolder) -> None:
        """Download all files, each content once, and put them in the place of what is here."""
        log.info("the run's files are downloaded from %s", self.address)
        self._run.parent.mkdir(parents=True, exist_ok=True)
        here: dict[str, Path] = {}
        with whole_directory(self._run, in_own_folder=True) as partial:
            for name, file in sorted(found.files.items()):
                # Of a plain copy, whose folder has the lock in it.
                if name.startswith(LOCK):
                    continue
                path = member(partial, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                known = here.get(file.sha256 or "")
                if known is not None:
                    link_or_copy(str(known), str(path))
                else:
                    here[download(found.object_of(name), path, file.num_bytes, file.sha256)] = path

    def _is_made_of(self, found: PublishedFolder | None) -> bool:
        """Whether the run's directory is what a process of this machine has made of a publication."""
        try:
            marks = self._mark.read_text(encoding="utf-8").split("\n")
        except (OSError, ValueError):
            return False
        return self._run.is_dir() and _version(found) in marks

    def _write_mark(self, *begun: str) -> None:
        """begun: the version of a publication that is about to take the place of the one that is known."""
        os.makedirs(self._mark.parent, exist_ok=True)
        with whole_file(self._mark) as file:
            file.write("\n".join([_version(self._now), *begun]))


def _version(found: PublishedFolder | None) -> str:
    if found is None:
        return ""
    # Its own changes with every object that is added.
    return "a copy" if found.is_plain_copy else found.version


def _identity(path: Path) -> tuple[int, int, int]:
    """What changes with a file's content; links to the same file have the same."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
