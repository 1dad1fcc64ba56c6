"""Distributed training of CNN-BiLSTM named-entity taggers on MXNet and Horovod, and tagging with them without either.

In Python, on one process:

    from ner_dist import Tagger, evaluate_tagger, prepare_shards, train_tagger
    prepare_shards("my.train", "data/mine", dev="my.dev", test="my.test")
    train_tagger(data={"shards": "data/mine"}, train={"epochs": 5}, run="runs/mine")
    evaluate_tagger("runs/mine")["entity"]["f1"]
    Tagger.load("runs/mine").tag(["Angela Merkel visited Paris."])
"""

from __future__ import annotations

from typing import Any

__version__ = "0.2.0"
__all__ = ["Tagger", "__version__", "evaluate_tagger", "prepare_shards", "train_tagger"]

# Where each public name is defined. Imported when it is first asked for: the doctor needs none of their packages, and
# preparation none of MXNet.
_HOME = {
    "Tagger": "ner_dist.prediction",
    "evaluate_tagger": "ner_dist.evaluate",
    "prepare_shards": "data_prep.prepare_shards",
    "train_tagger": "ner_dist.train",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
