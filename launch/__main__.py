# PYTHON_ARGCOMPLETE_OK
"""Start training somewhere: python -m launch local|ssh|ray|spark|slurm|... [...] [-- TRAIN ARGUMENTS]."""

from __future__ import annotations

import os
import sys

_ENVIRONMENT = "run `make setup` if there is no .venv, then `source .venv/bin/activate`"


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code: 0, 2 for a wrong command line, 130 for Ctrl-C, what the job ended with, or 1."""
    # Imports are late because Ctrl-C may come during them.
    try:
        from launch.launch_errors import UsageError
        from ner_dist.errors import UserError
        from ner_dist.stores.local_copies import by_address

        try:
            return _launch_or_examine(sys.argv[1:] if argv is None else argv)
        except BrokenPipeError:
            # The reader of the output, for example head, has seen enough.
            os._exit(0)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] in ("launch", "ner_dist"):
                raise
            message, code = f"{sys.executable} has no {error.name}; {_ENVIRONMENT}", 1
        except (UserError, OSError) as error:
            message, code = by_address(str(error)), 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        message, code = "interrupted", 130
    print(f"error: {message}", file=sys.stderr)
    return code


def _launch_or_examine(words: list[str]) -> int:
    from launch.launch_errors import LaunchError

    if sys.stdout is None or sys.stderr is None:
        # Files and connections of the job would get their descriptors, and the text that was meant for them.
        raise LaunchError("standard output and standard error must be open; send them to a file, or to /dev/null")
    try:
        os.getcwd()
    except OSError as error:
        raise LaunchError("the current directory is gone; change to that of the project") from error
    if words[:1] == ["doctor"] and "_ARGCOMPLETE" not in os.environ:
        # The doctor must work where packages are broken, so it imports none.
        from launch.doctor.doctor_command import examine_and_print

        return examine_and_print(words[1:])
    from launch.launch_command import run_command

    return run_command(words)


if __name__ == "__main__":
    sys.exit(main())
