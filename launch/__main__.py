# PYTHON_ARGCOMPLETE_OK
"""Start training somewhere: python -m launch local|ssh|slurm|kubernetes|doctor [...] [-- TRAIN ARGUMENTS]."""

from __future__ import annotations

import os
import sys


def main() -> int:
    if sys.argv[1:2] == ["doctor"] and "_ARGCOMPLETE" not in os.environ:
        # The doctor is called where packages are broken, and needs none.
        from launch.doctor.command import main as examine

        return examine(sys.argv[2:])
    from launch.start import main as start

    return start()


if __name__ == "__main__":
    sys.exit(main())
