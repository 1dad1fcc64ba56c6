"""A text's tokens and where its sentences begin: joined over entities, cut at borders of entities, kept short."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from data_prep.cutting.align_spans import TokenPlaces, cut_tokens
from data_prep.problems import Complaint
from ner_dist.contract.tokenizers import TokenizedSentence
from ner_dist.contract.visible_text import shown

# An entity: its first token, the one after its last, its type.
TokenSpan = tuple[int, int, str]


class Layout(NamedTuple):
    places: TokenPlaces
    # The first token of each sentence.
    sentence_starts: list[int]

    @property
    def sentence_ends(self) -> list[int]:
        return [*self.sentence_starts[1:], len(self.places.starts)]


def layout_of(sentences: Sequence[TokenizedSentence]) -> Layout:
    starts = [start for sentence in sentences for start in sentence.starts]
    ends = [end for sentence in sentences for end in sentence.ends]
    firsts, num_tokens = [], 0
    for sentence in sentences:
        firsts.append(num_tokens)
        num_tokens += len(sentence.starts)
    return Layout(TokenPlaces(starts, ends), firsts)


def split_at(layout: Layout, cuts: list[int]) -> Layout:
    """With tokens cut at these characters, ascending."""
    starts = layout.places.starts
    # Tokens move up by the number of cuts before them.
    firsts = [first + bisect_right(cuts, starts[first]) for first in layout.sentence_starts]
    return Layout(cut_tokens(layout.places, cuts), firsts)


def joined_over(layout: Layout, spans: Sequence[TokenSpan], warnings: list[Complaint], text: str) -> Layout:
    """Without the sentence starts that lie within an entity."""
    starts, inside = layout.sentence_starts, set()
    for begin, end, _ in spans:
        place = bisect_right(starts, begin)
        while place < len(starts) and starts[place] < end:
            inside.add(starts[place])
            place += 1
    for first in sorted(inside):
        around = text[max(0, layout.places.starts[first] - 20) : layout.places.starts[first] + 20]
        warnings.append(Complaint("sentences_joined", f"an entity reaches over the sentence end in {shown(around)}"))
    return layout._replace(sentence_starts=[first for first in starts if first not in inside])


def in_one_sentence(span: TokenSpan, layout: Layout) -> bool:
    starts = layout.sentence_starts
    return bisect_right(starts, span[0]) == bisect_right(starts, span[1] - 1)


def shortened(
    layout: Layout,
    tags: list[str],
    spans: Sequence[TokenSpan],
    max_tokens: int,
    warnings: list[Complaint],
) -> tuple[Layout, list[str]]:
    """With sentences of at most max_tokens, cut between entities where possible; and the tags: a cut entity is two."""
    long = [end - first for first, end in zip(layout.sentence_starts, layout.sentence_ends) if end - first > max_tokens]
    if not long:
        return layout, tags
    warnings += [Complaint("long_sentences_split", f"a sentence of {length} tokens was split") for length in long]
    inside = {i: entity_type for first, end, entity_type in spans for i in range(first + 1, end)}
    starts: list[int] = []
    for first, end in zip(layout.sentence_starts, layout.sentence_ends):
        starts.append(first)
        while end - starts[-1] > max_tokens:
            begin = starts[-1]
            borders = (i for i in range(begin + max_tokens, begin, -1) if i not in inside)
            starts.append(next(borders, begin + max_tokens))
    cut = [first for first in starts if first in inside]
    if cut:
        # In BIO, whatever the tags were in.
        tags = bio_tags(layout, spans)
        for first in cut:
            tags[first] = f"B-{inside[first]}"
            warnings.append(Complaint("entities_cut", "an entity had to be cut together with its sentence"))
    return layout._replace(sentence_starts=starts), tags


def bio_tags(layout: Layout, spans: Sequence[TokenSpan]) -> list[str]:
    """A tag for each token."""
    tags = ["O"] * len(layout.places.starts)
    for first, end, entity_type in spans:
        tags[first:end] = [f"B-{entity_type}", *[f"I-{entity_type}"] * (end - first - 1)]
    return tags
