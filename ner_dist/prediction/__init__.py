"""Entities in new text, found by a run or an export: `from ner_dist.prediction import Tagger`.

Imports run and below, nothing of training or evaluation; with an export it loads neither MXNet nor Horovod.
"""

from ner_dist.prediction.documents import Document, Entity, Sentence
from ner_dist.prediction.tagger import Tagger

__all__ = ["Document", "Entity", "Sentence", "Tagger"]
