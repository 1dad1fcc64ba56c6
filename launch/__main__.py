# PYTHON_ARGCOMPLETE_OK
"""Start training somewhere: python -m launch local|ssh|slurm|kubernetes|doctor [...] [-- TRAIN ARGUMENTS]."""

from __future__ import annotations

import os
import sys

_ENVIRONMENT = "run `make setup` if there is no .venv, then `source .venv/bin/activate`"


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code: 0, 2 for a wrong command line, 130 for Ctrl-C, what the job ended with, or 1."""
    # Imported late, here and below: Ctrl-C may come meanwhile.
    try:
        from launch.errors import UsageError
        from ner_dist.errors import UserError

        try:
            return _do(sys.argv[1:] if argv is None else argv)
        except BrokenPipeError:
            # The reader of the output, such as head, has seen enough.
            os._exit(0)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] in ("launch", "ner_dist"):
                raise
            print(f"error: {sys.executable} has no {error.name}; {_ENVIRONMENT}", file=sys.stderr)
            return 1
        except (UserError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130


def _do(words: list[str]) -> int:
    from launch.errors import LaunchError

    if sys.stdout is None or sys.stderr is None:
        # Files and connections of the job would take their numbers, and get what was meant for them.
        raise LaunchError("standard output and standard error must be open; send them to a file, or to /dev/null")
    try:
        os.getcwd()
    except OSError as error:
        raise LaunchError("the current directory is gone; change to that of the project") from error
    if words[:1] == ["doctor"] and "_ARGCOMPLETE" not in os.environ:
        # The doctor is called where packages are broken, and needs none.
        from launch.doctor.command import examine_as_told

        return examine_as_told(words[1:])
    from launch.start import start

    return start(words)


if __name__ == "__main__":
    sys.exit(main())
