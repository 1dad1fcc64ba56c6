"""Entities in new text: `from ner_dist.prediction import Tagger`, from a run or an export.

Imports run and what it imports, nothing of training; with an export neither MXNet nor Horovod is loaded.
"""

from ner_dist.prediction.documents import Document, Entity, Sentence
from ner_dist.prediction.tagger import Tagger

__all__ = ["Document", "Entity", "Sentence", "Tagger"]
