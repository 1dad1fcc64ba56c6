"""A file that is written whole or not at all, also to stdout, and compressed as its name says."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import IO, cast

from data_prep.staging import staged

STDOUT = "-"


def _compressor(name: str, file: IO[bytes]) -> IO[bytes] | None:
    """Compresses what is written, the same content to the same bytes; None if the name does not ask for it."""
    if name.endswith(".gz"):
        return cast(IO[bytes], gzip.GzipFile("", "wb", fileobj=file, mtime=0))
    if name.endswith(".xz"):
        return cast(IO[bytes], lzma.LZMAFile(file, "wb"))
    return cast(IO[bytes], bz2.BZ2File(file, "wb")) if name.endswith(".bz2") else None


@contextmanager
def whole_output(out: str) -> Iterator[IO[bytes]]:
    """Takes the content, compressed if `out` ends in .gz, .xz or .bz2; `out` gets it once all of it is written."""
    path = Path(out)
    # A pipe or a device must be written to, not replaced.
    is_replaced = out != STDOUT and (path.is_file() or not path.exists())
    with ExitStack() as stack:
        if is_replaced:
            place, _ = stack.enter_context(staged(path))
            # `staged` prepares for a directory; put a file in its place.
            place.rmdir()
            file: IO[bytes] = stack.enter_context(open(place, "wb"))
        else:
            file = stack.enter_context(tempfile.TemporaryFile())
        compressor = _compressor(out.lower(), file)
        yield compressor or file
        if compressor is not None:
            compressor.close()
        if not is_replaced:
            file.seek(0)
            with nullcontext(sys.stdout.buffer) if out == STDOUT else open(path, "wb") as stream:
                shutil.copyfileobj(file, stream)
                stream.flush()
