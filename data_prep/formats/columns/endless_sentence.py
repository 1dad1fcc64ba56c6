"""A file whose sentence ends are missing would be a single endless sentence, and is refused as that."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from data_prep.formats.corpus_format import Source
from data_prep.sentences.block import SentenceIds

# Tokens of a sentence that is a whole file.
MAX_PLAUSIBLE = 500
# ASCII, CJK, full width, Devanagari.
FULL_STOPS = (".", "!", "?", "\u3002", "\uff01", "\uff1f", "\u0964")


def unless_endless(
    source: Source,
    blocks: Iterator[SentenceIds],
    found: str,
    advice: str,
    is_certain: Callable[[], bool] = lambda: False,
) -> Iterator[SentenceIds]:
    """The blocks of a file; a file of one sentence with several full stops, or a very long one, is reported instead.

    found, advice: the beginning and the end of the message. is_certain: asked after the last block, whether one
    sentence is a mistake whatever is in it.
    """
    if source.from_beginning is not None:
        yield from blocks
        return
    # The first sentence, until another one comes.
    held: SentenceIds | None = None
    num_sentences = 0
    for block in blocks:
        num_sentences += len(block.length_N)
        if num_sentences == 1:
            held = block if len(block.length_N) else held
            continue
        if held is not None:
            yield held
            held = None
        yield block
    if held is None:
        return
    ids = [source.strings.token[text] for text in FULL_STOPS if text in source.strings.token]
    num_stops = int(np.isin(held.token_M[:-1], ids).sum())
    if num_stops < 2 and len(held.token_M) <= MAX_PLAUSIBLE and not is_certain():
        yield held
        return
    what = f"the whole file would be one sentence of {len(held.token_M):,} tokens"
    what += f", with {num_stops:,} full stops in it" if num_stops else ""
    source.error(int(held.line_M[0]), f"{found}: {what}; {advice}", "no_sentence_ends")
