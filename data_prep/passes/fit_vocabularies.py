"""The vocabularies of a corpus, fitted to train or taken from a model, and its tokens encoded by them.

The parts of the corpus count and encode their own tokens. Of the tokens of all parts, one process holds the words that
are kept: --max-words of them, or all that occur often enough.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.encoders.characters import fit_chars
from data_prep.encoders.features import FEATURES, FitInput, FittedFeature, LabelCounts, fit_features
from data_prep.encoders.known_vocabularies import known_chars, known_features, known_words, lexicon_tokens
from data_prep.encoders.lexicon_files import Lexicon, read_lexicon
from data_prep.encoders.vocab import Vocab, ids_of
from data_prep.encoders.word_vectors import Vectors
from data_prep.encoders.words import KeyRule, WordVocab, coverage, fit_words, misses
from data_prep.passes.count_tokens import CountedTokens, Counting, count_tokens
from data_prep.passes.encode_tokens import Encoding, encode_tokens
from data_prep.passes.id_corpus import IdCorpus
from data_prep.passes.tagged_corpus import TaggedCorpus
from data_prep.settings import Settings
from ner_dist.contract.like_model import Like
from ner_dist.contract.spelling import TOKEN_FEATURES
from ner_dist.contract.word_lookup import words_with_vector
from ner_dist.engines.executor import Executor


class FittedCorpus(NamedTuple):
    """The vocabularies and features of a corpus, and what is known of its tokens by them; S splits."""

    words: WordVocab
    chars: Vocab
    features: dict[str, FittedFeature]
    # The encoded tokens of each part, see token_encodings.py.
    encoded: list[Path]
    # Tokens whose word is unknown.
    unknown_S: np.ndarray
    # Which tokens of each split have a pretrained vector, and the most frequent words of the first split that have
    # none; see encoders/words.py. Empty if no vectors belong to the set.
    coverage_S: list[dict[str, dict[str, int]]]
    misses: dict[str, int]
    # Whether a token of any split has a vector.
    has_vectors: bool


def fit_vocabularies(
    corpus: IdCorpus,
    tagged: TaggedCorpus,
    settings: Settings,
    spill: Path,
    executor: Executor,
    vectors: Vectors | None = None,
    like: Like | None = None,
) -> FittedCorpus:
    """Fit vocabularies and features to the training split, or take the model's; look up the words' pretrained vectors.

    spill: folder for intermediate files. like: the model that the corpus is built like. Raises CorpusError for a
    lexicon that cannot be used, and if the corpus lacks a feature of the model.
    """
    lexicon = read_lexicon(settings)
    counting = _counting(tagged, settings, lexicon, vectors, like)
    counted = count_tokens(corpus, tagged, counting, spill, executor)
    fit_input = _fit_input(corpus, tagged, counted)
    if like is None:
        words, chars = _fitted(counted, counting, settings, vectors)
        features = fit_features(fit_input, lexicon)
    else:
        words, chars = _known(counted, counting, like)
        features = known_features(fit_input, like.vocabularies)
    codes = {name: feature.codes for name, feature in features.items() if feature.codes is not None}
    encoding = Encoding(ids_of(words.vocab.values), chars.values, settings.max_chars, codes)
    encoded = encode_tokens(corpus, tagged, counted.keys, encoding, spill, executor)
    rule = counting.rule
    return FittedCorpus(
        words,
        chars,
        features,
        [part.path for part in encoded],
        np.sum([part.unknown_S for part in encoded], axis=0),
        [coverage(runs, rule) for runs in counted.token_runs_S],
        misses(counted.key_runs, rule.with_vector or ()) if counting.has_coverage else {},
        bool(counted.small.with_vector),
    )


def _fitted(
    counted: CountedTokens, counting: Counting, settings: Settings, vectors: Vectors | None
) -> tuple[WordVocab, Vocab]:
    runs = counted.key_runs if counting.has_train else ()
    rows, unknown_row = (None, -1) if vectors is None else (vectors.rows, vectors.unknown_row)
    words = fit_words(runs, settings, rows, unknown_row, counted.small.with_vector)
    return words, fit_chars(counted.small.chars, settings.min_char_count)


def _known(counted: CountedTokens, counting: Counting, like: Like) -> tuple[WordVocab, Vocab]:
    runs = counted.key_runs if counting.has_train else ()
    return known_words(runs, like, counting.has_coverage), known_chars(counted.small.chars, like.vocabularies)


def _counting(
    tagged: TaggedCorpus, settings: Settings, lexicon: Lexicon, vectors: Vectors | None, like: Like | None
) -> Counting:
    has_train = tagged.splits[0] == "train"
    if like is None:
        rule = KeyRule(settings.keep_case, settings.keep_digits, None if vectors is None else vectors.rows)
        labels, has_coverage = FEATURES.keys() & TOKEN_FEATURES.keys(), vectors is not None
        in_lexicon = frozenset(token for _, entries in lexicon for tokens in entries for token in tokens)
    else:
        known = like.vocabularies
        rule = KeyRule(known.keep_case, known.keep_digits, _with_vector(known.words, known.without_vector))
        labels = {feature.name for feature in known.features} & TOKEN_FEATURES.keys()
        # What is only scored needs no vectors: the network has them.
        has_coverage = like.vectors is not None and "train" in tagged.splits
        in_lexicon = lexicon_tokens(known)
    by_name = {name: TOKEN_FEATURES[name] for name in sorted(labels)}
    return Counting(rule, settings.max_chars, by_name, in_lexicon, has_train, has_coverage)


def _with_vector(words: list[str], without_vector: list[int] | None) -> frozenset[str] | None:
    """The words with a pretrained vector; None if there are no vectors."""
    return None if without_vector is None else words_with_vector(words, without_vector)


def _fit_input(corpus: IdCorpus, tagged: TaggedCorpus, counted: CountedTokens) -> FitInput:
    given = {
        name: LabelCounts(values, tagged.of_train(tagged.features[name])) for name, values in corpus.features.items()
    }
    return FitInput(counted.small.labels, given, counted.small.in_lexicon)
