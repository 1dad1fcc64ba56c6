"""The interface of prediction: a run or an export as a tagger that finds entities in any number of texts.

    from ner_dist.prediction import Tagger
    tagger = Tagger.load("runs/mine")
    for entities in tagger.tag(["Angela Merkel visited Paris."]):
        print([(entity.text, entity.type, entity.start, entity.end, entity.confidence) for entity in entities])

Axes: R sentences of a window.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from ner_dist.contract.tokenizers import make_tokenizer
from ner_dist.errors import UserError
from ner_dist.foreign.names import shortened
from ner_dist.prediction.choose_tokenizer import choose_tokenizer, version_warning
from ner_dist.prediction.documents import Document, Entity, Sentence, document_of_tokens, is_one_sentence
from ner_dist.prediction.encoder import Encoder
from ner_dist.prediction.export_format import DESCRIPTION_NAME
from ner_dist.prediction.familiarity import Familiarity
from ner_dist.prediction.identity import ModelIdentity
from ner_dist.prediction.tag_sentences import TaggerNetwork, tag_sentences
from ner_dist.prediction.thresholds import least_confidences
from ner_dist.ranks import environment
from ner_dist.stores.addresses import Address
from ner_dist.stores.local_copies import errors_by_address
from ner_dist.stores.models import local_model

# Sentences that are sorted by length together: more of them means less padding, and more memory.
WINDOW_SENTENCES = 4096

log = logging.getLogger("ner_dist.prediction")


class Tagger:
    """Finds entities. Not for use by several threads at once."""

    def __init__(
        self,
        network: TaggerNetwork,
        *,
        tokenizer: str = "auto",
        language: str | None = None,
        threshold: float | Mapping[str, float] | None = None,
    ) -> None:
        """What cuts texts into sentences and tokens; by default, it is what cut those of the model's corpus.

        tokenizer: auto, or one of tokenizers.TOKENIZERS. language: spaCy's code, for the tokenizer rules. threshold:
        the confidence below which entities are left out, one or by type, with "*" for all other types. Raises UserError
        if the corpus was cut in another way, and for a type that the model does not know.
        """
        vocabularies = network.vocabularies
        self._network = network
        self._encoder = Encoder(vocabularies)
        self.tokenizer = choose_tokenizer(vocabularies, tokenizer, language)
        self._tokenizer = make_tokenizer(self.tokenizer)
        # Said once.
        self._warning = version_warning(vocabularies)
        self.entity_types = vocabularies.entity_types
        least = least_confidences(threshold, self.entity_types)
        # By type id.
        self._least = [least[name] for name in self.entity_types]
        # Token features, such as "pos", without which it cannot tag: it needs tokens that come with them.
        self.given_features = vocabularies.given_features

    @classmethod
    @errors_by_address()
    def load(
        cls,
        path: str | Path | Address,
        *,
        tokenizer: str = "auto",
        language: str | None = None,
        checkpoint: str = "best",
        device: str = "auto",
        threshold: float | Mapping[str, float] | None = None,
    ) -> Tagger:
        """The tagger of a run's directory, or of an export's (`python -m ner_dist.export`), also by its address.

        tokenizer, language: of the texts, by default the model's own. threshold: the confidence below which entities
        are left out, 0.8 or {"PER": 0.9, "*": 0.7}. For runs only: checkpoint, best or last, and device, auto, cpu or
        gpu. Raises UserError.
        """
        directory = local_model(path, checkpoint)
        # Imports come late: each kind needs one of onnxruntime and MXNet, and MXNet reads the number of threads while
        # it is imported.
        if (directory / DESCRIPTION_NAME).is_file():
            from ner_dist.prediction.onnx_network import OnnxNetwork

            return cls(OnnxNetwork(directory), tokenizer=tokenizer, language=language, threshold=threshold)
        environment.prepare()
        environment.require_mxnet()
        from ner_dist.prediction.mxnet_network import CheckpointNetwork

        network = CheckpointNetwork(directory / "checkpoints" / checkpoint, device)
        return cls(network, tokenizer=tokenizer, language=language, threshold=threshold)

    @overload
    def tag(self, texts: str) -> list[Entity]: ...  # type: ignore[overload-overlap]

    @overload
    def tag(self, texts: Iterable[str]) -> list[list[Entity]]: ...

    def tag(self, texts: str | Iterable[str]) -> list[Entity] | list[list[Entity]]:
        """The entities of one text, or those of each of several texts, in the order of their positions.

        Raises TypeError for anything else.
        """
        if isinstance(texts, str):
            return self._entities([self.document(texts)])[0]
        if isinstance(texts, (bytes, bytearray)) or not isinstance(texts, Iterable):
            raise TypeError(f"tag() was given {shortened(texts)}, expected a text (str) or several of them")
        return self._entities(map(self.document, texts))

    @overload
    def tag_tokens(  # type: ignore[overload-overlap]
        self, sentences: Sequence[str], pos: Sequence[str] | None = None, **features: Sequence[str]
    ) -> list[Entity]: ...

    @overload
    def tag_tokens(
        self,
        sentences: Sequence[Sequence[str]],
        pos: Sequence[Sequence[str]] | None = None,
        **features: Sequence[Sequence[str]],
    ) -> list[list[Entity]]: ...

    def tag_tokens(
        self,
        sentences: Sequence[str] | Sequence[Sequence[str]],
        pos: Sequence[str] | Sequence[Sequence[str]] | None = None,
        **features: Sequence[str] | Sequence[Sequence[str]],
    ) -> list[Entity] | list[list[Entity]]:
        """The entities of one sentence of tokens, or of each of several: `tokens[entity.first_token:entity.end_token]`.

        pos and other features by name: one value per token, for models trained with them (given_features). start and
        end count the characters of the tokens joined by single spaces. Raises UserError for features of another length,
        and TypeError for what are no tokens.
        """
        given: dict[str, Any] = dict(features) if pos is None else {"pos": pos, **features}
        several: Any = sentences
        if is_one := is_one_sentence(sentences):
            several, given = [sentences], {name: [values] for name, values in given.items()}
        for name, values in given.items():
            if len(values) != len(several):
                raise UserError(f"{len(several)} sentences of tokens, but {len(values)} of {name}")
        found = self._entities(
            document_of_tokens([tokens], {name: [values[i]] for name, values in given.items()})
            for i, tokens in enumerate(several)
        )
        return found[0] if is_one else found

    def _entities(self, documents: Iterable[Document]) -> list[list[Entity]]:
        return [list(document.entities) for document in self.stream(documents, certainty=False)]

    def document(self, text: str) -> Document:
        """A text split into sentences and tokens, without entities yet."""
        if not isinstance(text, str):
            raise TypeError(f"a text is {shortened(text)}, expected str")
        if self._warning:
            log.warning("warning: %s", self._warning)
            self._warning = None
        return Document(text, [Sentence(*sentence) for sentence in self._tokenizer.sentences(text)])

    @property
    def identity(self) -> ModelIdentity:
        """Which model it is."""
        return self._network.identity

    @property
    def examples(self) -> list[str]:
        """Texts of dev to try it on: those stored in an export, or of a run's shards, if they are there."""
        return list(self._network.examples)

    @property
    def familiarity(self) -> Familiarity:
        """How many tokens it has tagged so far, and how many of them are words that the model knows."""
        return self._encoder.familiarity

    def stream(
        self, documents: Iterable[Document], window: int = WINDOW_SENTENCES, *, certainty: bool = True
    ) -> Iterator[Document]:
        """The documents in their order, with their entities; about `window` sentences are in memory at a time.

        certainty: whether sentences get their confidence and margin, which costs a millisecond or two for each text
        that comes alone.
        """
        waiting: list[Document] = []
        num_sentences = 0
        for document in documents:
            waiting.append(document)
            num_sentences += max(1, len(document.sentences))
            if num_sentences >= window:
                yield from self._tag_window(waiting, certainty)
                waiting, num_sentences = [], 0
        yield from self._tag_window(waiting, certainty)

    def _tag_window(self, documents: list[Document], certainty: bool) -> list[Document]:
        # Sentences without tokens have no entities.
        places = [(i, number) for i, doc in enumerate(documents) for number, s in enumerate(doc.sentences) if s.tokens]
        sentences = [documents[i].sentences[number] for i, number in places]
        found_R = tag_sentences(self._network, self._encoder, sentences, certainty)
        entities: list[list[Entity]] = [[] for _ in documents]
        tagged = [list(document.sentences) for document in documents]
        for (i, number), sentence, found in zip(places, sentences, found_R):
            if found.certainty:
                tagged[i][number] = sentence._replace(confidence=found.certainty[0], margin=found.certainty[1])
            for first, end_token, type_id, confidence in found.spans:
                if confidence < self._least[type_id]:
                    continue
                start, end = sentence.starts[first], sentence.ends[end_token - 1]
                kind, text = self.entity_types[type_id], documents[i].text[start:end]
                entities[i].append(Entity(start, end, kind, confidence, text, number, first, end_token))
        return [
            document._replace(sentences=of_document, entities=found)
            for document, of_document, found in zip(documents, tagged, entities)
        ]
