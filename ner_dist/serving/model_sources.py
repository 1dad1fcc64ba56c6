"""What stands on the command line -> the models to serve: how each is loaded, and when another version is there."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

from ner_dist.atomic_file import latest
from ner_dist.errors import UserError
from ner_dist.prediction import Tagger
from ner_dist.prediction.export_format import DESCRIPTION_NAME
from ner_dist.prediction.model_name import NAME_RULE, as_name, is_name
from ner_dist.serving.models import ModelSource
from ner_dist.serving.served_model import Loads
from ner_dist.stores.addresses import Address, is_address, parse_address, path_or_address
from ner_dist.stores.models import local_model, model_version
from ner_dist.stores.named_files import Place

# What is written last, or with the rest at once.
_OF_RUNS = ("checkpoints", "best")
_STATE = "state.json"


def model_sources(given: Sequence[str], load: Callable[[Path], Tagger], with_large: bool) -> list[ModelSource]:
    """given: DIR or NAME=DIR each, or addresses. load: can be pickled. Raises UserError for names that no request could
    ask for."""
    sources: dict[str, ModelSource] = {}
    for text in given:
        name, place = _named(text)
        if not is_name(name):
            raise UserError(f"{text}: the name of a model is {NAME_RULE}")
        if name in sources:
            raise UserError(f"two models are called {name}; give them names of their own: NAME=DIR")
        loads = functools.partial(_loads, place, load, with_large)
        changes = model_version if isinstance(place, Address) else stamp
        sources[name] = ModelSource(name, loads, functools.partial(changes, place))  # type: ignore[arg-type]
    return [*sources.values()]


def stamp(path: Path) -> Hashable:
    """What changes with the model in a directory, or behind a link; None while there is none."""
    try:
        directory = path.resolve()
        file = directory / DESCRIPTION_NAME
        if not file.is_file():
            file = latest(directory.joinpath(*_OF_RUNS)) / _STATE
        status = file.stat()
    except OSError:
        return None
    return str(file), status.st_ino, status.st_mtime_ns, status.st_size


def _named(text: str) -> tuple[str, Place]:
    if is_address(text):
        address = parse_address(text)
        return as_name(address.name), address
    name, equals, directory = text.partition("=")
    if equals and not Path(text).is_dir():
        return name, path_or_address(directory)
    # Not resolved: a link keeps its name whatever it points at.
    return as_name(os.path.basename(os.path.abspath(text))), Path(text)


def _loads(place: Place, load: Callable[[Path], Tagger], with_large: bool) -> Loads:
    # Both processes load the same, whatever a link points at by then, or was published.
    path = local_model(place)
    version = functools.partial(load, path.resolve() if path.is_dir() else path)
    return Loads(version, version if with_large else None)
