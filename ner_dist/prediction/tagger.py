"""The face of prediction: a trained or an exported model that finds entities in texts, a window of them at a time.

    from ner_dist.prediction import Tagger
    tagger = Tagger.load("runs/mine")
    for entities in tagger.tag(["Angela Merkel visited Paris."]):
        print([(entity.text, entity.type, entity.start, entity.end, entity.confidence) for entity in entities])

Axes: T tokens, B sentences, K tags, R sentences of a window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ner_dist.data.batch import Batch, Batcher
from ner_dist.model.crf import TransitionScores
from ner_dist.model.entities import DecodedBatch, predicted_entities
from ner_dist.model.viterbi import decode
from ner_dist.prediction.documents import Document, Entity, Sentence, of_tokens
from ner_dist.prediction.encoder import Encoder
from ner_dist.prediction.segmenter import Segmenter
from ner_dist.prediction.vocabularies import Vocabularies

# Sentences sorted by length together: more means less padding, and more memory.
WINDOW_SENTENCES = 4096
# Of one batch: sentences, and places for tokens, which bound its memory where sentences are long.
_BATCH_SENTENCES, _BATCH_PLACES = 128, 8192


class Network(Protocol):
    """A model as prediction sees it: MXNet's (network.py) or an exported one (onnx_network.py)."""

    vocabularies: Vocabularies
    # What tag sequences earn beside their emissions.
    transition_scores: TransitionScores

    def emissions(self, batch: Batch) -> np.ndarray:
        """(T, B, K)."""


class Tagger:
    """Finds entities. Not for several threads at once."""

    def __init__(self, network: Network, language: str = "en") -> None:
        """language: of the texts, by spaCy's code, for parting them into sentences and tokens."""
        self._network = network
        self._encoder = Encoder(network.vocabularies)
        self._segmenter = Segmenter(language)
        self.entity_types = network.vocabularies.entity_types
        # Whether it can only tag tokens that come with parts of speech.
        self.needs_pos = self._encoder.needs_pos

    @classmethod
    def load(cls, path: str | Path, *, language: str = "en", checkpoint: str = "best", device: str = "auto") -> Tagger:
        """The tagger of a run's directory, or of one that `python -m ner_dist.export` wrote.

        checkpoint: best or last, and device: auto, cpu or gpu, are for runs. Raises UserError in one sentence.
        """
        # Imported here: an exported model needs no MXNet, and MXNet reads the number of threads while it loads.
        if (Path(path) / "tagger.json").is_file():
            from ner_dist.prediction.onnx_network import OnnxNetwork

            return cls(OnnxNetwork(Path(path)), language)
        from ner_dist.ranks import environment

        environment.prepare()
        from ner_dist.prediction.mxnet_network import CheckpointNetwork

        return cls(CheckpointNetwork(Path(path) / "checkpoints" / checkpoint, device), language)

    def tag(self, texts: Iterable[str]) -> list[list[Entity]]:
        """The entities of each text, in order of their places; needs the extra [predict] for spaCy."""
        return [list(document.entities) for document in self.stream(map(self.document, texts))]

    def tag_tokens(
        self, sentences: Sequence[Sequence[str]], pos: Sequence[Sequence[str]] | None = None
    ) -> list[list[Entity]]:
        """The entities of each sentence of tokens: `tokens[entity.first_token : entity.end_token]`.

        pos: parts of speech, one a token, for models trained with them. start and end count the characters of the
        tokens joined by single spaces.
        """
        tags = [None] * len(sentences) if pos is None else [[list(names)] for names in pos]
        documents = (of_tokens([list(tokens)], names) for tokens, names in zip(sentences, tags))
        return [list(document.entities) for document in self.stream(documents)]

    def document(self, text: str) -> Document:
        """A text as sentences of tokens."""
        return Document(text, self._segmenter.sentences(text))

    def stream(self, documents: Iterable[Document], window: int = WINDOW_SENTENCES) -> Iterator[Document]:
        """The documents in their order, with their entities; memory holds a window of so many sentences."""
        waiting: list[Document] = []
        num_sentences = 0
        for document in documents:
            waiting.append(document)
            num_sentences += max(1, len(document.sentences))
            if num_sentences >= window:
                yield from self._tagged(waiting)
                waiting, num_sentences = [], 0
        yield from self._tagged(waiting)

    def _tagged(self, documents: list[Document]) -> list[Document]:
        # Which document each sentence is of, and which of its sentences; those without tokens hold no entities.
        of_R = [(d, s) for d, document in enumerate(documents) for s, part in enumerate(document.sentences) if part[0]]
        sentences = [documents[d].sentences[s] for d, s in of_R]
        found: list[list[Entity]] = [[] for _ in documents]
        if sentences:
            batches = self._encoder.batches(sentences)
            by_row: list[list[Entity]] = [[] for _ in sentences]
            for rows in _similar(sentences):
                self._find(batches, rows, documents, of_R, by_row)
            for (d, _), entities in zip(of_R, by_row):
                found[d] += entities
        return [document._replace(entities=entities) for document, entities in zip(documents, found)]

    def _find(
        self,
        batches: Batcher,
        rows: np.ndarray,
        documents: list[Document],
        of_R: list[tuple[int, int]],
        by_row: list[list[Entity]],
    ) -> None:
        """Add the entities of the sentences at rows to their places in by_row."""
        batch = batches.batch(rows)
        emission_TBK = self._network.emissions(batch)
        scores = self._network.transition_scores
        predicted = DecodedBatch(batch, emission_TBK, scores, decode(emission_TBK, batch.length_B, scores))
        for column, first, end, kind, confidence in zip(*(part.tolist() for part in predicted_entities(predicted))):
            row = int(rows[column])
            d, s = of_R[row]
            sentence: Sentence = documents[d].sentences[s]
            start, stop = sentence.starts[first], sentence.ends[end - 1]
            text = documents[d].text[start:stop]
            by_row[row].append(Entity(start, stop, self.entity_types[kind], confidence, text, s, first, end))


def _similar(sentences: Sequence[Sentence]) -> Iterator[np.ndarray]:
    """Rows of sentences of similar length, a batch at a time."""
    length_R = np.array([len(sentence.tokens) for sentence in sentences])
    order = np.argsort(length_R, kind="stable")
    first = 0
    while first < len(order):
        # Lengths rise: a batch ends before the first sentence with which it would hold too many places.
        lengths = length_R[order[first : first + _BATCH_SENTENCES]]
        fits = np.flatnonzero(lengths * np.arange(1, len(lengths) + 1) <= _BATCH_PLACES)
        size = int(fits[-1]) + 1 if len(fits) else 1
        yield order[first : first + size]
        first += size
