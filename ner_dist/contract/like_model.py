"""The vocabularies of a trained model or of a shard set, read from its files alone: new data is prepared by them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ner_dist.atomic_file import latest
from ner_dist.contract.export_record import AGAIN, DESCRIPTION_NAME, ExportError, read_record
from ner_dist.contract.index_record import INDEX_NAME, Feature, Index, VectorsFile, is_selected
from ner_dist.contract.shard_format import ShardError, read_index, read_stored_index, read_vocab
from ner_dist.contract.tokenizers import TokenizerChoice
from ner_dist.contract.vocabularies import FeatureValues, Vocabularies, check_vocabularies
from ner_dist.errors import UserError
from ner_dist.foreign.errors import ForeignFileError, advising
from ner_dist.foreign.json_files import checked
from ner_dist.foreign.yaml_files import read_yaml

# Of a run, and of a checkpoint: its knobs.
_CHECKPOINTS, _CONFIG = "checkpoints", "config.yaml"
_MOST_WIDTH = 255


class LikeError(UserError):
    """A directory that is neither a model nor a shard set, or a damaged one."""


class Like(NamedTuple):
    """What to prepare new data by."""

    vocabularies: Vocabularies
    # The pretrained vectors that the model uses, a row for each word id, in this directory.
    vectors: VectorsFile | None
    directory: Path


def read_like(model: Path, checkpoint: str = "best") -> Vocabularies:
    """model: directory of a run, of a checkpoint, of an export, or of shards. checkpoint: of a run, "best" or "last".

    The features are those that the model uses; of shards, all. Raises UserError if the directory is none of these, or
    damaged.
    """
    return find_like(model, checkpoint).vocabularies


def find_like(model: Path, checkpoint: str = "best") -> Like:
    """As read_like; with the pretrained vectors, which an export does not have."""
    if (model / DESCRIPTION_NAME).is_file():
        return Like(_of_export(model), None, model)
    place = latest(model / _CHECKPOINTS / checkpoint if (model / _CHECKPOINTS).is_dir() else model)
    if (place / _CONFIG).is_file() and (place / INDEX_NAME).is_file():
        return _of_checkpoint(place)
    if (place / INDEX_NAME).is_file():
        index = read_index(place)
        return Like(shard_vocabularies(place, index, index.features), index.vectors, place)
    found = "does not exist" if not model.exists() else "is none of these"
    if place != model and model.is_dir():
        found = f"has no {checkpoint} checkpoint yet"
    raise LikeError(
        f"{model}: {found}; expected the directory of a run, of a checkpoint, of an export, or of a shard set"
    )


def shard_vocabularies(
    directory: Path, index: Index, features: Sequence[Feature], num_words: int | None = None, padding: int = 0
) -> Vocabularies:
    """Those of a shard set, or of the checkpoint's directory that has its index.

    features: those that are used. num_words: later ids are unknown words. padding: character_padding. Raises
    UserError if new text cannot have one of the features.
    """
    word, char = read_vocab(directory, index, "word"), read_vocab(directory, index, "char")
    return Vocabularies(
        entity_types=index.entity_types,
        words=word["values"][:num_words],
        without_vector=word.get("without_vector"),
        keep_case=index.settings["keep_case"],
        keep_digits=index.settings["keep_digits"],
        characters=char["values"],
        character_types=char["types"],
        max_characters=index.settings["max_chars"],
        character_padding=padding,
        features=[_feature_values(directory, index, feature) for feature in features],
        tokenizer=TokenizerChoice.from_record(index.tokenizer),
        tokenizer_applied=bool(index.tokenizer["applied"]),
    )


def _feature_values(directory: Path, index: Index, feature: Feature) -> FeatureValues:
    vocab = read_vocab(directory, index, feature.name)
    if feature.name.startswith("lexicon_") and "entries" not in vocab:
        raise UserError(
            f"{directory}: its shards are too old to contain the entries of {feature.name}, which new text "
            "needs; build the shards again and train a new model"
        )
    return FeatureValues(feature.name, vocab["values"], vocab.get("entries"), vocab.get("parts"))


def _of_export(directory: Path) -> Vocabularies:
    record = read_record(directory)
    with advising(ExportError, f"the file is damaged: {AGAIN}"):
        found = checked(record.fields.get("vocabularies"), record.path, Vocabularies)
        check_vocabularies(found, record.path)
    return found


def _of_checkpoint(place: Path) -> Like:
    try:
        names, uses_vectors, char_width = _knobs(place / _CONFIG)
        index, _ = read_stored_index(place)
    except (ForeignFileError, ShardError) as error:
        raise LikeError(f"{error}; the checkpoint {place} cannot be used: use another one") from error
    features = [feature for feature in index.features if is_selected(feature, names)]
    num_words = None if uses_vectors or index.vectors is None else index.vectors.first_unseen
    found = shard_vocabularies(place, index, features, num_words, char_width // 2)
    return Like(found, index.vectors if uses_vectors else None, place)


def _knobs(path: Path) -> tuple[list[str] | None, bool, int]:
    """What a checkpoint's knobs say of its inputs: features, whether vectors are used, and the width of the CNN."""
    record: Any = read_yaml(path)
    model = record.get("model") if isinstance(record, dict) else None
    if not isinstance(model, dict):
        raise ForeignFileError(f"{path}: not the knobs of a model")
    names, vectors, width = model.get("features"), model.get("vectors"), model.get("char_width")
    are_names = names is None or (isinstance(names, list) and all(isinstance(name, str) for name in names))
    if not are_names or not isinstance(vectors, str) or type(width) is not int or not 0 <= width <= _MOST_WIDTH:
        raise ForeignFileError(f"{path}: model.features, model.vectors or model.char_width is not what a model has")
    return names, vectors != "ignore", width
