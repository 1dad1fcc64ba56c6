"""A trained model that is named by an address: a local copy of what opening it takes, and what changes with it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path

from ner_dist.stores.addresses import Address, path_or_address
from ner_dist.stores.facts import size
from ner_dist.stores.local_copies import is_copy_of
from ner_dist.stores.mirror import mirror
from ner_dist.stores.published import POINTER, published

_CHECKPOINTS = "checkpoints"
# Of an export, of a run, and of a checkpoint or a shard set; whichever of them there are.
_EXPORT = ("tagger.json", "model.onnx", "runner.py", "README.md")
_RUN = ("config.yaml", "result.json", "calibration.json", "begun_from.json", "metrics.jsonl")
_CHECKPOINT = ("state.json", "arrays.npz", "index.json", "vocab/*", "vectors.*")
KNOBS = ("config.yaml", f"{_CHECKPOINTS}/best/config.yaml", "tagger.json")


def local_model(model: str | Path | Address, checkpoint: str = "best") -> Path:
    """The directory of a run, a checkpoint, an export or a shard set; of an address, that of its mirror.

    checkpoint: of a run, which is read. Raises StoreError.
    """
    return local_files(model, (*_EXPORT, *_RUN, *_CHECKPOINT, f"{_CHECKPOINTS}/{checkpoint}/*"))


def local_files(model: str | Path | Address, names: Sequence[str]) -> Path:
    """The same with these files alone, or those that match."""
    place = path_or_address(str(model))
    if isinstance(place, Path):
        return place
    folder, below = _published_in(place)
    directory = mirror(folder, [f"{below}/*", *_RUN] if below else names)
    is_copy_of(directory, folder)
    return directory / below


def model_version(address: Address, checkpoint: str = "best") -> Hashable:
    """What changes with the model at an address; None while there is none. Raises StoreError."""
    folder, below = _published_in(address)
    found = published(folder)
    if found is None:
        return None
    prefixes = tuple(f"{part}/" for part in ([below] if below else [f"{_CHECKPOINTS}/{checkpoint}"]))
    files = {name: file for name, file in found.files.items() if name.startswith(prefixes) or name in _EXPORT}
    if any(file.sha256 is None for file in files.values()):
        return found.version
    return tuple(sorted((name, file.sha256) for name, file in files.items()))


def _published_in(address: Address) -> tuple[Address, str]:
    """The folder that is published, and where in it the model is: a run's checkpoint is a part of the run."""
    run = address.parent.parent
    if address.parent.name == _CHECKPOINTS and run.key and size(run / POINTER) is not None:
        return run, f"{_CHECKPOINTS}/{address.name}"
    return address, ""
