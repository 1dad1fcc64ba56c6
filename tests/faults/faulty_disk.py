"""The file system of a run that becomes full or read-only, and is mended again."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

# Room for a tiny run with its checkpoints, old and new.
_SIZE_MB = 24
# Root may write everywhere unless it gives these up.
_POWERS = "-dac_override,-dac_read_search"


class Disk:
    """A mounted file system, if this process may mount one."""

    def __init__(self, folder: Path, mounted: bool) -> None:
        self.folder, self.mounted = folder, mounted
        self._heals_s = float("inf")
        self._read_only: list[Path] = []

    def confined(self, command: list[str]) -> list[str]:
        """The command, obeying file permissions also as root."""
        return ["setpriv", f"--bounding-set={_POWERS}", *command] if os.geteuid() == 0 else command

    def fill(self, lasts_s: float) -> bool:
        """Leave not a byte free for a time; False where no file system of its own could be mounted."""
        if not self.mounted:
            return False
        self._heals_s = time.monotonic() + lasts_s
        with (self.folder / "ballast").open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while file.write(b"\0" * size) == size:
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
        return True

    def make_read_only(self, directory: Path, lasts_s: float) -> bool:
        """Allow no new files in a run's directories for a time; False if there are none yet."""
        self._heals_s = time.monotonic() + lasts_s
        for path in (directory / "checkpoints", directory):
            if path.is_dir():
                path.chmod(0o555)
                self._read_only.append(path)
        return bool(self._read_only)

    def heal(self) -> None:
        for path in self._read_only:
            path.chmod(0o755)
        self._read_only, self._heals_s = [], float("inf")
        (self.folder / "ballast").unlink(missing_ok=True)

    def heal_if_due(self) -> None:
        if time.monotonic() > self._heals_s:
            self.heal()


@contextlib.contextmanager
def made(folder: Path) -> Iterator[Disk]:
    """A small one at a new folder; as root a tmpfs, else the folder's own."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MB}m", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    disk = Disk(folder, mounted)
    try:
        yield disk
    finally:
        disk.heal()
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)
