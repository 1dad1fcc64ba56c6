"""What a cluster runs as a task of a job: it starts seat.py in the project's folder, and waits for its end."""

from __future__ import annotations

from collections.abc import Callable


def seat_task() -> Callable[..., str]:
    """A function of the ticket's line, the project's folder, its Python, and the GPUs that the cluster gave the task if
    it does not say so by CUDA_VISIBLE_DEVICES. It returns why there was no seat, or "".

    It is made here, inside a function, because pickle then sends its code instead of its name: the cluster's workers
    need not find this project to say that it is missing.
    """

    def hold_seat(line: str, folder: str, python: str, gpus: str = "") -> str:
        import contextlib
        import os
        import socket
        import subprocess

        host, pipe = socket.gethostname(), subprocess.PIPE
        try:
            # In a session of its own, because the cluster may kill what a worker has started, and a rank is to save.
            seat = subprocess.Popen(
                [python, "-m", "launch.job.seats.seat"],
                cwd=folder,
                env={**os.environ, **({"CUDA_VISIBLE_DEVICES": gpus} if gpus else {})},
                stdin=pipe,
                stdout=subprocess.DEVNULL,
                stderr=pipe,
                start_new_session=True,
            )
        except OSError as error:
            same_path = "each host needs the project and its Python at the same path"
            return f"{host}: {error.filename} cannot be used there ({error.strerror}); {same_path}"
        assert seat.stdin is not None
        assert seat.stderr is not None
        # It may have ended already, and then says why.
        with contextlib.suppress(OSError):
            seat.stdin.write(line.encode())
            seat.stdin.flush()
        said = seat.stderr.read().decode(errors="replace").strip().splitlines()
        code = seat.wait()
        return f"{host}: {said[-1] if said else f'its seat ended with code {code}'}" if code else ""

    return hold_seat
