"""Answers the shell's requests for completion; commands call it before they parse.

The shell recognises commands by the words PYTHON_ARGCOMPLETE_OK at the top of their files. jsonargparse, and with it
ner_dist.train, answers by itself.
"""

from __future__ import annotations

import argparse
import os


def complete(parser: argparse.ArgumentParser) -> None:
    """Print completions and end the process if a shell asks for them; does nothing without argcomplete."""
    # First, because importing argcomplete would slow every start.
    if "_ARGCOMPLETE" not in os.environ:
        return
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(parser)
