"""Entities in new text: `from ner_dist.prediction import Tagger`."""

from ner_dist.prediction.documents import Document, Entity, Sentence
from ner_dist.prediction.tagger import Tagger

__all__ = ["Document", "Entity", "Sentence", "Tagger"]
