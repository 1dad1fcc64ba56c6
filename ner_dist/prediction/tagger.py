"""The interface of prediction: a run or an export as a tagger that finds entities in any number of texts.

    from ner_dist.prediction import Tagger
    tagger = Tagger.load("runs/mine")
    for entities in tagger.tag(["Angela Merkel visited Paris."]):
        print([(entity.text, entity.type, entity.start, entity.end, entity.confidence) for entity in entities])

Axes: T tokens, B sentences, K tags, R sentences of a window.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ner_dist.contract.tokenizers import TokenizerChoice, choose, make_tokenizer, other_version
from ner_dist.contract.vocabularies import Vocabularies
from ner_dist.data.batch import Batch
from ner_dist.errors import UserError
from ner_dist.foreign.local_paths import local_path
from ner_dist.model.crf import TransitionScores
from ner_dist.model.entities import DecodedBatch, predicted_entities
from ner_dist.model.viterbi import decode
from ner_dist.prediction.documents import Document, Entity, Sentence, document_of_tokens
from ner_dist.prediction.encoder import Encoder
from ner_dist.prediction.export_format import DESCRIPTION_NAME
from ner_dist.prediction.familiarity import Familiarity
from ner_dist.prediction.identity import ModelIdentity
from ner_dist.ranks import environment

# Sentences that are sorted by length together: more of them means less padding, and more memory.
WINDOW_SENTENCES = 4096
# The most of one batch: sentences, and tokens with padding, which bound its memory where sentences are long.
_BATCH_SENTENCES, _BATCH_TOKENS = 128, 8192

log = logging.getLogger("ner_dist.prediction")


class TaggerNetwork(Protocol):
    """A model as prediction sees it: CheckpointNetwork (MXNet) or OnnxNetwork (an export)."""

    vocabularies: Vocabularies
    transition_scores: TransitionScores

    @property
    def identity(self) -> ModelIdentity:
        """Which model it is."""

    def emissions(self, batch: Batch) -> np.ndarray:
        """float32 (T, B, K)."""


class Tagger:
    """Finds entities. Not for use by several threads at once."""

    def __init__(self, network: TaggerNetwork, *, tokenizer: str = "auto", language: str | None = None) -> None:
        """What cuts texts into sentences and tokens; by default, it is what cut those of the model's corpus.

        tokenizer: auto, or one of tokenizers.TOKENIZERS. language: spaCy's code, for the tokenizer rules. Raises
        UserError if the corpus was cut in another way.
        """
        vocabularies = network.vocabularies
        self._network = network
        self._encoder = Encoder(vocabularies)
        self.tokenizer = _choose_tokenizer(vocabularies, tokenizer, language)
        self._tokenizer = make_tokenizer(self.tokenizer)
        # Whether the texts of the corpus may have been cut in another way by another version; said once.
        self._must_warn = vocabularies.tokenizer_applied and other_version(vocabularies.tokenizer) is not None
        self.entity_types = vocabularies.entity_types
        # Token features, such as "pos", without which it cannot tag: it needs tokens that come with them.
        self.given_features = vocabularies.given_features

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        tokenizer: str = "auto",
        language: str | None = None,
        checkpoint: str = "best",
        device: str = "auto",
    ) -> Tagger:
        """The tagger of a run's directory, or of an export's (`python -m ner_dist.export`).

        tokenizer, language: of the texts, by default the model's own. For runs only: checkpoint, best or last, and
        device, auto, cpu or gpu. Raises UserError.
        """
        local_path(path)
        # Imports come late: each kind needs one of onnxruntime and MXNet, and MXNet reads the number of threads while
        # it is imported.
        if (Path(path) / DESCRIPTION_NAME).is_file():
            from ner_dist.prediction.onnx_network import OnnxNetwork

            return cls(OnnxNetwork(Path(path)), tokenizer=tokenizer, language=language)
        environment.prepare()
        environment.require_mxnet()
        from ner_dist.prediction.mxnet_network import CheckpointNetwork

        network = CheckpointNetwork(Path(path) / "checkpoints" / checkpoint, device)
        return cls(network, tokenizer=tokenizer, language=language)

    def tag(self, texts: Iterable[str]) -> list[list[Entity]]:
        """The entities of each text, in the order of their positions."""
        return [list(document.entities) for document in self.stream(map(self.document, texts))]

    def tag_tokens(
        self,
        sentences: Sequence[Sequence[str]],
        pos: Sequence[Sequence[str]] | None = None,
        **features: Sequence[Sequence[str]],
    ) -> list[list[Entity]]:
        """The entities of each sentence of tokens: `tokens[entity.first_token : entity.end_token]`.

        pos and other features by name: one value per token, for models trained with them (given_features). start and
        end count the characters of the tokens joined by single spaces.
        """
        given: Mapping[str, Sequence[Sequence[str]]] = features if pos is None else {"pos": pos, **features}
        for name, values in given.items():
            if len(values) != len(sentences):
                raise UserError(f"{len(sentences)} sentences of tokens, but {len(values)} of {name}")
        documents = (
            document_of_tokens([tokens], {name: [values[i]] for name, values in given.items()})
            for i, tokens in enumerate(sentences)
        )
        return [list(document.entities) for document in self.stream(documents)]

    def document(self, text: str) -> Document:
        """A text split into sentences and tokens, without entities yet."""
        if self._must_warn:
            self._must_warn = False
            log.warning("warning: %s", _other_version(self._network.vocabularies.tokenizer))
        return Document(text, [Sentence(*sentence) for sentence in self._tokenizer.sentences(text)])

    @property
    def identity(self) -> ModelIdentity:
        """Which model it is."""
        return self._network.identity

    @property
    def familiarity(self) -> Familiarity:
        """How many tokens it has tagged so far, and how many of them are words that the model knows."""
        return self._encoder.familiarity

    def stream(self, documents: Iterable[Document], window: int = WINDOW_SENTENCES) -> Iterator[Document]:
        """The documents in their order, with their entities; about `window` sentences are in memory at a time."""
        waiting: list[Document] = []
        num_sentences = 0
        for document in documents:
            waiting.append(document)
            num_sentences += max(1, len(document.sentences))
            if num_sentences >= window:
                yield from self._tag_window(waiting)
                waiting, num_sentences = [], 0
        yield from self._tag_window(waiting)

    def _tag_window(self, documents: list[Document]) -> list[Document]:
        # Sentences without tokens have no entities.
        places = [(i, number) for i, doc in enumerate(documents) for number, s in enumerate(doc.sentences) if s.tokens]
        sentences = [documents[i].sentences[number] for i, number in places]
        entities: list[list[Entity]] = [[] for _ in documents]
        for (i, number), sentence, spans in zip(places, sentences, self._find(sentences)):
            for first, end_token, type_id, confidence in spans:
                start, end = sentence.starts[first], sentence.ends[end_token - 1]
                kind, text = self.entity_types[type_id], documents[i].text[start:end]
                entities[i].append(Entity(start, end, kind, confidence, text, number, first, end_token))
        return [document._replace(entities=found) for document, found in zip(documents, entities)]

    def _find(self, sentences: list[Sentence]) -> list[list[tuple[int, int, int, float]]]:
        """The entities of each sentence: first token, the one after the last, id of the type, confidence."""
        spans_R: list[list[tuple[int, int, int, float]]] = [[] for _ in sentences]
        if not sentences:
            return spans_R
        batches = self._encoder.batches(sentences)
        scores = self._network.transition_scores
        for rows in rows_of_similar_length(sentences):
            batch = batches.batch(rows)
            emission_TBK = self._network.emissions(batch)
            decoded = DecodedBatch(batch, emission_TBK, scores, decode(emission_TBK, batch.length_B, scores))
            for column, *span in zip(*(part.tolist() for part in predicted_entities(decoded))):
                spans_R[rows[column]].append(tuple(span))
        return spans_R


def _choose_tokenizer(vocabularies: Vocabularies, name: str, language: str | None) -> TokenizerChoice:
    """The model's own tokenizer, or the one that is asked for. Raises UserError if its corpus was cut by another."""
    own = vocabularies.tokenizer
    depends = own.name == "rules"
    if name == "auto" and (language is None or (vocabularies.tokenizer_applied and not depends)):
        # A language changes nothing where characters or white space count.
        return own
    wanted = choose(name, own.language if language is None and depends else language)
    if vocabularies.tokenizer_applied and not wanted.is_like(own):
        raise UserError(
            f"the texts that the model was trained on were cut by the tokenizer {own}, and {wanted} is asked for, with "
            "which it would find other entities than it was scored for; leave --tokenizer and --language out, or build "
            f"the shards with --tokenizer {wanted.name}{f' --language {wanted.language}' * bool(wanted.language)} and "
            "train anew"
        )
    return wanted


def _other_version(own: TokenizerChoice) -> str:
    return (
        f"the texts that the model was trained on were cut by version {own.version} of the tokenizer {own}, and this "
        f"is version {other_version(own)}, which may cut some texts differently; to be sure, install that version"
    )


def rows_of_similar_length(sentences: Sequence[Sentence]) -> Iterator[np.ndarray]:
    """Indices of the sentences of a batch, for each batch; sentences of similar length come together."""
    length_R = np.array([len(sentence.tokens) for sentence in sentences])
    order = np.argsort(length_R, kind="stable")
    first = 0
    while first < len(order):
        # Lengths rise: a batch ends before the first sentence that would make it hold too many tokens.
        lengths = length_R[order[first : first + _BATCH_SENTENCES]]
        fits = np.flatnonzero(lengths * np.arange(1, len(lengths) + 1) <= _BATCH_TOKENS)
        size = int(fits[-1]) + 1 if len(fits) else 1
        yield order[first : first + size]
        first += size
