"""A progress bar on stderr, or a widget in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    total: int | None, unit: str, what: str, shown: bool | None = None
) -> Iterator[Callable[[int], object]]:
    """Yields the function that advances it.

    shown: by default, whether stderr is a terminal.
    """
    if not (sys.stderr.isatty() if shown is None else shown):
        yield lambda advance: None
        return
    # Imported only where it is shown: it would be a fifth of the start.
    from tqdm.auto import tqdm

    with tqdm(total=total, unit=unit, unit_scale=True, desc=what, leave=False, file=sys.stderr) as bar:
        yield bar.update
