"""How much of a text a model's vocabulary knows: hardly anything if the text is cut otherwise than its corpus was."""

from __future__ import annotations

from typing import NamedTuple

from ner_dist.contract.tokenizers import TokenizerChoice

# Fewer tokens say nothing, and a text of its language has more words that a model knows.
_LEAST_TOKENS, _LEAST_SHARE = 50, 0.2


class Familiarity(NamedTuple):
    """Tokens that were tagged, and those of them that are words of the vocabulary."""

    num_tokens: int = 0
    num_known: int = 0

    def complaint(self, tokenizer: TokenizerChoice) -> str | None:
        """A sentence if the model knows almost none of the tokens. tokenizer: what cut the texts."""
        if self.num_tokens < _LEAST_TOKENS or self.num_known >= _LEAST_SHARE * self.num_tokens:
            return None
        return (
            f"the model knows only {self.num_known / self.num_tokens:.0%} of the {self.num_tokens:,} tokens, so what "
            "it finds is hardly to be trusted: are texts and model of one language? Texts are cut by the tokenizer "
            f"{tokenizer}, which --tokenizer and --language change"
        )
