"""A job of two ranks that are small programs, in a folder where they leave signs and are told what to do."""

from __future__ import annotations

from pathlib import Path

import psutil
from processes import Job

# A rank: leaves its process number, then does what its argument says.
RANK = """
import os, signal, sys, time
rank = os.environ["HOROVOD_RANK"]
def got(number, _):
    open(f"got-{rank}", "w").write(signal.Signals(number).name)
    sys.exit(128 + number)
if "deaf" in sys.argv[1]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, got)
    signal.signal(signal.SIGINT, got)
open(f"new-{rank}", "w").write(str(os.getpid()))
os.rename(f"new-{rank}", f"pid-{rank}")
if sys.argv[1] == "tell":
    print(rank, os.environ["HOROVOD_SIZE"], os.environ["A_SECRET"], os.environ["HOROVOD_GLOO_IFACE"], flush=True)
while not os.path.exists(f"go-{rank}"):
    time.sleep(0.02)
words = open(f"go-{rank}").read()
print(words, file=sys.stderr, end="")
sys.exit(bool(words))
"""


class IdleRanks(Job):
    """Under way."""

    def __init__(self, folder: Path, command: list[str], **variables: str) -> None:
        self.folder = folder
        super().__init__(command, folder, 60, **variables)

    def wait_for_ranks(self) -> None:
        self.wait_until(lambda: all((self.folder / f"pid-{rank}").exists() for rank in range(2)))

    def process(self, rank: int) -> psutil.Process:
        return psutil.Process(int((self.folder / f"pid-{rank}").read_text()))

    def go(self, rank: int, words: str = "") -> None:
        path = self.folder / f"go-{rank}.new"
        path.write_text(words)
        path.rename(self.folder / f"go-{rank}")

    def got(self) -> list[str]:
        return [path.read_text() for path in sorted(self.folder.glob("got-*"))]
