"""The vocabularies of a trained model for a corpus: nothing is fitted, but how often each value occurs is counted.

The ids are those that prediction with the model gives to the same tokens (ner_dist/prediction/encoder.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_prep.encoders.characters import CharCounts, counted_chars
from data_prep.encoders.features import FitInput, FittedFeature, of_given, of_label, of_lexicon, values_of
from data_prep.encoders.merge_counts import Run, merged_blocks
from data_prep.encoders.vocab import Vocab, ids_of
from data_prep.encoders.words import VectorLookup, WordVocab, word_ids
from data_prep.problems import CorpusError
from ner_dist.contract.lexicon_matching import PartialMatch, build_matcher
from ner_dist.contract.like_model import Like
from ner_dist.contract.shard_format import UNK_ID, VECTORS_NAME, VectorsFile, verify_file
from ner_dist.contract.spelling import TOKEN_FEATURES
from ner_dist.contract.vocabularies import FeatureValues, Vocabularies


def known_words(runs: Sequence[Run], like: Like, with_vectors: bool) -> WordVocab:
    """runs: of the keys in train. with_vectors: whether the set gets the model's pretrained vectors, if it has any."""
    known, ids = like.vocabularies, ids_of(like.vocabularies.words)
    count_I = np.zeros(len(known.words), np.int64)
    for table in merged_blocks(runs):
        # Keys are different, and so are the ids of those that are known.
        id_T, count_T = word_ids(table["text"].to_pylist(), ids), table["count"].to_numpy()
        count_I[id_T[id_T != UNK_ID]] += count_T[id_T != UNK_ID]
        count_I[UNK_ID] += count_T[id_T == UNK_ID].sum()
    lookup = None
    if with_vectors and like.vectors is not None:
        row_I = np.arange(len(known.words))
        row_I[known.without_vector or []] = -1
        lookup = VectorLookup(row_I, like.vectors.first_unseen)
    return WordVocab(Vocab(known.words, count_I.tolist(), without_vector=known.without_vector), lookup)


def known_chars(found: CharCounts, known: Vocabularies) -> Vocab:
    """A character that the model does not know counts as the <unk-...> of its type."""
    return counted_chars(found, known.characters, known.character_types)


def known_features(corpus: FitInput, known: Vocabularies) -> dict[str, FittedFeature]:
    """The model's features, in its order; others that the corpus has are left out.

    Raises CorpusError if the corpus lacks one that only it can say.
    """
    missing = [name for name in known.given_features if name not in corpus.given]
    if missing:
        raise CorpusError(_without(missing, list(corpus.given)))
    return {feature.name: _feature(feature, corpus) for feature in known.features}


def lexicon_tokens(known: Vocabularies) -> frozenset[str]:
    """Those of all entries of the model's lexicon."""
    entries = (entry for feature in known.features for entry in feature.entries or ())
    return frozenset(token for entry in entries for token in entry.split(" "))


def copy_vectors(like: Like, directory: Path) -> VectorsFile | None:
    """Copy the model's pretrained vectors into a shard set; None if it uses none. Raises ShardError if damaged."""
    if like.vectors is None:
        return None
    shutil.copyfile(verify_file(like.directory, like.vectors), directory / VECTORS_NAME)
    return like.vectors


def _feature(feature: FeatureValues, corpus: FitInput) -> FittedFeature:
    if feature.entries is not None and feature.parts is not None:
        return _lexicon(feature, feature.entries, PartialMatch(*feature.parts), corpus)
    if feature.is_given:
        found = corpus.given[feature.name]
        place = list(corpus.given).index(feature.name)
        return of_given(values_of(feature.values, found), found.labels, place)
    return of_label(values_of(feature.values, corpus.of_tokens[feature.name]), TOKEN_FEATURES[feature.name])


def _lexicon(feature: FeatureValues, entries: list[str], partial: PartialMatch, corpus: FitInput) -> FittedFeature:
    matcher = build_matcher((entry.split(" ") for entry in entries), partial, corpus.in_lexicon)
    # As of a lexicon that is new.
    vocab = Vocab(feature.values, [0] * len(feature.values), entries=entries, parts=list(partial))
    return of_lexicon(vocab, matcher)


def _without(missing: Sequence[str], found: Sequence[str]) -> str:
    named = " ".join(f"{name}=COLUMN" for name in missing)
    return (
        f"the model uses the token feature{'s' * (len(missing) > 1)} {', '.join(missing)}, which the corpus does not "
        f"have (it has {', '.join(found) or 'none'}); name what holds them: --feature {named} (a column's number, its "
        "name in the header, or the name of a list in JSON)"
    )
