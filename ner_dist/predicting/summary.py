"""What a prediction says at its end: how much was tagged, how fast, and whether the model knows the words."""

from __future__ import annotations

import sys
from collections import Counter

from ner_dist.contract.tokenizers import TokenizerChoice
from ner_dist.prediction.familiarity import Familiarity


def counted(counts: Counter[str]) -> str:
    """counts: of sentences, tokens, entities, and known tokens."""
    return f"{counts['sentences']:,} sentences, {counts['tokens']:,} tokens, {counts['entities']:,} entities"


def speed(num_tokens: int, seconds: float) -> str:
    return f"{seconds:.1f} s, {num_tokens / seconds:,.0f} tokens/s"


def say(summary: str, counts: Counter[str], tokenizer: TokenizerChoice) -> None:
    print(summary, file=sys.stderr)
    complaint = Familiarity(counts["tokens"], counts["known"]).complaint(tokenizer)
    if complaint:
        print(f"warning: {complaint}", file=sys.stderr)
