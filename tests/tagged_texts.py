"""Documents as a tagger leaves them: words, and how sure it is of them."""

from __future__ import annotations

from ner_dist.prediction.documents import Document, Entity, document_of_tokens


def tagged(text: str, confidence: float = 0.9, margin: float = 0.8, entity: float | None = None) -> Document:
    """A sentence of these words; with `entity`, its first word is a PER of this confidence."""
    document = document_of_tokens([text.split()])
    sentences = [sentence._replace(confidence=confidence, margin=margin) for sentence in document.sentences]
    if entity is None:
        return document._replace(sentences=sentences)
    word = text.split()[0]
    return document._replace(sentences=sentences, entities=[Entity(0, len(word), "PER", entity, word, 0, 0, 1)])
