"""What cuts the texts that a model tags: what cut those of its corpus, if the user says nothing else."""

from __future__ import annotations

from ner_dist.contract.tokenizers import TokenizerChoice, choose, other_version
from ner_dist.contract.vocabularies import Vocabularies
from ner_dist.errors import UserError


def choose_tokenizer(vocabularies: Vocabularies, name: str, language: str | None) -> TokenizerChoice:
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


def version_warning(vocabularies: Vocabularies) -> str | None:
    """A sentence if the texts of its corpus may have been cut in another way by another version of its tokenizer."""
    own = vocabularies.tokenizer
    if not vocabularies.tokenizer_applied or (version := other_version(own)) is None:
        return None
    return (
        f"the texts that the model was trained on were cut by version {own.version} of the tokenizer {own}, and this "
        f"is version {version}, which may cut some texts differently; to be sure, install that version"
    )
