"""The parts of an export's network in fewer bytes, one after another; a part that loses too much stays as it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from ner_dist.exporting.dev_split import DevSplit
from ner_dist.exporting.onnx_graph import ARITHMETIC, FULL, Storage
from ner_dist.prediction.export_format import MODEL_NAME
from ner_dist.prediction.export_schema import Quantisation
from ner_dist.prediction.onnx_network import OnnxNetwork

# Of entity F1 on dev, 0 to 1, of all that is smaller together.
MOST_LOSS = 0.001
# In this order.
_SMALL = {"words": ("int8", "float16"), "lstm": ("int8",)}
_ROUNDS = 2


def shrink(
    directory: Path, dev: DevSplit, write: Callable[[Path, Storage], None], small: bool, fast: bool
) -> tuple[Storage, Quantisation]:
    """How the parts of an export can be stored. Nothing in its directory changes.

    write: writes the same export into a directory that exists, its parts stored so. small: in fewer bytes. fast: with
    an LSTM that multiplies in 8 bits.
    """
    full = OnnxNetwork(directory)
    f1_before, _ = dev.score(full)
    storage, smallest, f1_after, left_alone = FULL, full, f1_before, {}
    with _Trials(directory, write) as trials:
        for part, stored in _SMALL.items():
            for choice in (*[ARITHMETIC] * (fast and part == "lstm"), *(stored if small else ())):
                tried = storage._replace(**{part: choice})
                network = trials.network(tried)
                f1, _ = dev.score(network)
                if f1_before - f1 <= MOST_LOSS:
                    storage, smallest, f1_after = tried, network, f1
                    break
                left_alone[f"{part} {choice}"] = f1_before - f1
        bytes_after = trials.num_bytes(storage)
    times = [(dev.score(full)[1], dev.score(smallest)[1]) for _ in range(_ROUNDS)]
    before_s, after_s = map(min, zip(*times))
    return storage, Quantisation(
        parts={part: kind for part, kind in storage._asdict().items() if kind != getattr(FULL, part)},
        left_alone=left_alone,
        dev_f1_before=f1_before,
        dev_f1_after=f1_after,
        bytes_before=(directory / MODEL_NAME).stat().st_size,
        bytes_after=bytes_after,
        speed=before_s / after_s,
    )


class _Trials:
    """Exports beside each other, in a directory inside that of the finished one."""

    def __init__(self, directory: Path, write: Callable[[Path, Storage], None]) -> None:
        self._directory, self._place, self._write = directory, directory / "trials", write

    def __enter__(self) -> _Trials:
        self._place.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._place)

    def network(self, storage: Storage) -> OnnxNetwork:
        self._of(storage).mkdir()
        self._write(self._of(storage), storage)
        return OnnxNetwork(self._of(storage))

    def num_bytes(self, storage: Storage) -> int:
        place = self._directory if storage == FULL else self._of(storage)
        return (place / MODEL_NAME).stat().st_size

    def _of(self, storage: Storage) -> Path:
        return self._place / "-".join(storage)
