"""Where in the corpus a sentence of a block is, and what a slip is in words."""

from __future__ import annotations

import numpy as np

from data_prep.annotation.annotated_block import AnnotatedBlock
from data_prep.annotation.slips import Slip
from data_prep.annotation.suggestions import Entity, SentenceView
from data_prep.passes.id_corpus import IdCorpus
from data_prep.passes.tagged_corpus import TaggedCorpus
from ner_dist.contract.visible_text import shown


class Places:
    """Sentences of blocks as they stand in the corpus."""

    def __init__(self, corpus: IdCorpus, tagged: TaggedCorpus) -> None:
        self._corpus, self.types, self.token_V = corpus, tagged.entity_types, corpus.token_V
        self.names = [str(source.file) for source in corpus.sources]

    def where(self, block: AnnotatedBlock, token: int) -> str:
        return f"{self.names[block.source_id]}:{block.line_M[token]}"

    def view(self, block: AnnotatedBlock, n: int) -> SentenceView:
        """Sentence n of a block."""
        first, end = int(block.start_N[n]), int(block.start_N[n] + block.length_N[n])
        mine = np.flatnonzero((block.spans.start_E >= first) & (block.spans.start_E < end))
        entities = [self.entity(block, e, first) for e in mine.tolist()]
        lines = block.line_M[first:end].tolist()
        # Pieces of a sentence that was too long have the same origin.
        place_R, first_R = np.unique(block.origin_place_N[self._sentences_of_record(block, n)], return_index=True)
        size_R = block.origin_size_N[self._sentences_of_record(block, n)][first_R]
        parts = self._corpus.origins.read(place_R, size_R)
        origin = parts[place_R.tolist().index(block.origin_place_N[n])]
        tokens = self.tokens(block, first, end)
        scheme = self._corpus.tags[block.source_id].scheme.name
        starts = origin.starts[self._tokens_before(block, n) :]
        return SentenceView(tokens, lines, entities, origin._replace(starts=starts), parts, scheme)

    def entity(self, block: AnnotatedBlock, e: int, first: int) -> Entity:
        """Entity e, in a sentence that begins with token `first`."""
        start_E, end_E, type_E = block.spans
        return int(start_E[e]) - first, int(end_E[e]) - first, self.types[type_E[e]]

    def tokens(self, block: AnnotatedBlock, start: int, end: int) -> list[str]:
        return [self._corpus.token_V[token] for token in block.token_M[start:end].tolist()]

    def quoted(self, block: AnnotatedBlock, start: int, end: int) -> str:
        """Tokens of a sentence, as the source writes them."""
        tokens, n = self.tokens(block, start, end), int(block.sentence_M[start])
        place = slice(n, n + 1)
        origin = self._corpus.origins.read(block.origin_place_N[place], block.origin_size_N[place])[0]
        if origin.text is None:
            return shown(" ".join(tokens))
        before = self._tokens_before(block, n) - int(block.start_N[n])
        first, last = before + start, before + end - 1
        begin, stop = origin.starts[first], origin.starts[last] + len(tokens[-1])
        return shown(origin.text[begin - origin.text_start : stop - origin.text_start])

    def _tokens_before(self, block: AnnotatedBlock, n: int) -> int:
        """Tokens of the same origin in the sentences before: in the pieces of one that was too long."""
        first = n
        while block.origin_size_N[n] and first and block.origin_place_N[first - 1] == block.origin_place_N[n]:
            first -= 1
        return int(block.start_N[n] - block.start_N[first])

    def _sentences_of_record(self, block: AnnotatedBlock, n: int) -> np.ndarray:
        """Those of the same line or record, which follow one another."""
        other = np.flatnonzero(block.line_M[block.start_N] != block.line_M[block.start_N[n]])
        before, after = other[other < n], other[other > n]
        first = int(before[-1]) + 1 if len(before) else 0
        return np.arange(first, int(after[0]) if len(after) else len(block.start_N))


def describe(slip: Slip, places: Places, block: AnnotatedBlock, new_type: str) -> str:
    """The slip in words."""
    phrase = f"{places.quoted(block, slip.start, slip.end)}"
    usual = f"{slip.num_usual:,} times"
    others = slip.num_here - 1
    also = f", and {others:,} more times as here" if others else ""
    if slip.kind == "inconsistent_phrase":
        return f"{phrase} is no entity here, but is {shown(new_type)} {usual} in the corpus{also}"
    (first, *_), start_E, end_E = slip.old, block.spans.start_E, block.spans.end_E
    old = f"{places.quoted(block, int(start_E[first]), int(end_E[first]))}"
    old_type = places.types[block.spans.type_E[first]]
    if slip.kind == "inconsistent_type":
        return f"{phrase} is {shown(old_type)} here, but {shown(new_type)} {usual} in the corpus{also}"
    if slip.start >= start_E[first] and slip.end <= end_E[first]:
        outer = block.token_M[start_E[first] if slip.start > start_E[first] else end_E[first] - 1]
        token = shown(places.token_V[int(outer)])
        holds = "begins with" if slip.start > start_E[first] else "ends in"
        what = f"{holds} {token}, which stands outside of entities {usual}; {phrase} is meant"
    else:
        what = f"is a part of {phrase}, which is {shown(new_type)} {usual} in the corpus{also}"
    return f"entity {old} ({shown(old_type)}) {what}"
