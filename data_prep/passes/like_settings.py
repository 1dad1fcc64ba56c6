"""What a model decides about a corpus that is built like it, and which settings would contradict."""

from __future__ import annotations

import dataclasses

from data_prep.problems import Problems
from data_prep.settings import VECTORS, VOCABULARY, Settings, SettingsError
from ner_dist.contract.like_model import Like
from ner_dist.contract.tokenizers import TokenizerChoice, choose, other_version

# The model's own apply.
_FIXED = {
    **{
        field.name: field.default
        for field in dataclasses.fields(Settings)
        if field.metadata["group"] in (VOCABULARY, VECTORS)
    },
    "max_chars": Settings.max_chars,
}
# Those that say how to fit something to train, of which a model says nothing.
NOT_FITTED = tuple(name for name in _FIXED if name not in ("keep_case", "keep_digits", "max_chars"))


def settings_like(settings: Settings, like: Like) -> Settings:
    """The settings with those of the model. Raises SettingsError for one that contradicts."""
    for name, default in _FIXED.items():
        if getattr(settings, name) != default:
            raise SettingsError(
                f"--{name.replace('_', '-')} beside --like: what the model was trained with applies; leave one of them "
                "out"
            )
    tokenizer_like(settings, like)
    own = like.vocabularies
    return dataclasses.replace(
        settings, keep_case=own.keep_case, keep_digits=own.keep_digits, max_chars=own.max_characters
    )


def warn_of_other_version(like: Like, problems: Problems) -> None:
    """Of a corpus with texts: whether the tokenizer here is another than the one that cut those of the model's."""
    own = like.vocabularies.tokenizer
    if like.vocabularies.tokenizer_applied and other_version(own) is not None:
        what = (
            f"the texts of the model's corpus were cut by version {own.version}, and this is {other_version(own)}, "
            "which may cut some texts differently"
        )
        problems.warn("tokenizer_of_other_version", f"tokenizer {own}", what)


def tokenizer_like(settings: Settings, like: Like) -> TokenizerChoice:
    """How texts without tokens are cut: as prediction with the model cuts them, in the version that is installed.

    Raises SettingsError if another tokenizer is named than the one that cut the texts of the model's corpus.
    """
    own = like.vocabularies.tokenizer
    name = own.name if settings.tokenizer == "auto" else settings.tokenizer
    wanted = choose(name, settings.language or own.language or None)
    if like.vocabularies.tokenizer_applied and not wanted.is_like(own):
        raise SettingsError(
            f"the texts of the model's corpus were cut by the tokenizer {own}, and {wanted} is asked for; leave "
            "--tokenizer and --language out beside --like"
        )
    return wanted
