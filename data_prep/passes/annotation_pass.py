"""What people who annotate get wrong, in the files of the first two passes: read several times, never held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from data_prep.annotation.annotated_block import AnnotatedBlock, annotated_block
from data_prep.annotation.found import Found, StrongestFirst
from data_prep.annotation.misspelt_types import renamed_types
from data_prep.annotation.same_sentences import SentenceVersions, Version
from data_prep.annotation.slips import Slip, SlipFinder
from data_prep.annotation.suggestions import Entity, record, suggestion
from data_prep.passes.annotation_places import Places, describe
from data_prep.passes.id_corpus import IdCorpus
from data_prep.passes.sentence_hashes import hash_sentences
from data_prep.passes.tagged_corpus import TaggedCorpus
from data_prep.problems import Problems
from ner_dist.contract.visible_text import shown


def blocks_of(tagged: TaggedCorpus) -> Iterator[AnnotatedBlock]:
    """All sentences but the raw ones, as they are trained on."""
    for chunk in tagged.chunks():
        # Raw ones are in chunks of their own.
        if chunk.split_N[0] < len(tagged.splits):
            yield annotated_block(
                chunk.token_M,
                chunk.tag_M,
                chunk.line_M,
                chunk.length_N,
                chunk.split_N,
                hash_sentences,
                int(chunk.source[0]),
                chunk.origin_place_N,
                chunk.origin_size_N,
            )


def check_annotation(corpus: IdCorpus, tagged: TaggedCorpus, spill: Path, problems: Problems) -> Mapping[str, int]:
    """Warn of everything that looks like a slip of annotation, and count it by kind.

    spill: a folder for intermediate files.
    """
    with open(spill / "found", "w+b") as file:
        found = StrongestFirst(file)
        _Check(corpus, tagged, problems, found).run(spill)
        found.report(problems)
    return found.counts


class _Check:
    def __init__(self, corpus: IdCorpus, tagged: TaggedCorpus, problems: Problems, found: StrongestFirst) -> None:
        self.corpus, self.tagged, self.found = corpus, tagged, found
        self.places, self.wants_records = Places(corpus, tagged), problems.wants_records
        entities = [tagged.entities(split_id) for split_id in range(len(tagged.splits))]
        self.renamed = renamed_types({name: sum(some[name] for some in entities) for name in tagged.entity_types})
        # By the hashes of sentence and tags: unusual versions, and the entities of the usual ones of these sentences.
        self.unusual: dict[tuple[int, int], Version] = {}
        self.usual: dict[tuple[int, int], Sequence[Entity]] = {}

    def run(self, spill: Path) -> None:
        finder = SlipFinder(len(self.tagged.entity_types), self.corpus.token_V)
        finder.count_entities(self._blocks())
        finder.learn_phrases(self._blocks())
        versions = SentenceVersions(spill / "versions")
        with open(versions.path, "wb") as file:
            finder.count_occurrences(versions.noted(self._blocks(), finder.phrases, file))
        self.unusual = versions.unusual()
        versions.path.unlink()
        if self.unusual:
            self._learn_usual()
        for block in self._blocks():
            for slip in finder.slips(block):
                # A misspelt type is a finding of its own.
                if not (slip.kind == "inconsistent_type" and self._is_misspelt(block, slip)):
                    self._add_slip(block, slip)
            self._add_misspelt(block)
            self._add_unusual(block)

    def _blocks(self) -> Iterator[AnnotatedBlock]:
        return blocks_of(self.tagged)

    def _is_misspelt(self, block: AnnotatedBlock, slip: Slip) -> bool:
        return any(self.places.types[block.spans.type_E[e]] in self.renamed for e in slip.old)

    def _add_slip(self, block: AnnotatedBlock, slip: Slip) -> None:
        def make() -> Found:
            n = int(block.sentence_M[slip.start])
            first = int(block.start_N[n])
            old = [self.places.entity(block, e, first) for e in slip.old]
            types, renamed = self.places.types, self.renamed
            new_type = renamed.get(types[slip.type_id], types[slip.type_id])
            new = [(slip.start - first, slip.end - first, new_type)]
            what = describe(slip, self.places, block, new_type)
            begin = min([slip.start, *(first + start for start, _, _ in old)])
            return self._found(block, n, self.places.where(block, begin), what, old, new)

        self.found.add(slip.kind, slip.surprise, make)

    def _found(
        self, block: AnnotatedBlock, n: int, where: str, what: str, old: Sequence[Entity], new: Sequence[Entity]
    ) -> Found:
        view = self.places.view(block, n)
        after = record(view, old, new) if self.wants_records else None
        return Found(where, what, view.origin.document, suggestion(view, old, new), after)

    def _add_misspelt(self, block: AnnotatedBlock) -> None:
        """Each entity of a type that is probably another one."""
        if not self.renamed:
            return
        wrong = [type_id for type_id, name in enumerate(self.places.types) if name in self.renamed]
        for e in np.flatnonzero(np.isin(block.spans.type_E, wrong)).tolist():
            self.found.add("near_types", 0.0, partial(self._misspelt, block, e))

    def _misspelt(self, block: AnnotatedBlock, e: int) -> Found:
        start, end = int(block.spans.start_E[e]), int(block.spans.end_E[e])
        n = int(block.sentence_M[start])
        old = self.places.entity(block, e, int(block.start_N[n]))
        name = self.renamed[old[2]]
        what = f"type {shown(old[2])} of {self.places.quoted(block, start, end)} is probably meant to be {shown(name)}"
        found = self._found(block, n, self.places.where(block, start), what, [old], [(*old[:2], name)])
        return found._replace(suggestion={"action": "rename_type", "from": old[2], "to": name})

    def _learn_usual(self) -> None:
        wanted = {(key[0], version.usual_tag_hash) for key, version in self.unusual.items()}
        for block in self._blocks():
            for n, key in enumerate(_version_keys(block)):
                if key in wanted and key not in self.usual:
                    self.usual[key] = self.places.view(block, n).entities

    def _add_unusual(self, block: AnnotatedBlock) -> None:
        """Each sentence of the block that is annotated in another way than its copies."""
        for n, key in enumerate(_version_keys(block) if self.unusual else ()):
            if (version := self.unusual.get(key)) is not None:
                make = partial(self._contradiction, block, n, version, self.usual[key[0], version.usual_tag_hash])
                self.found.add("same_sentence_different_tags", version.num_usual / version.num_here, make)

    def _contradiction(self, block: AnnotatedBlock, n: int, version: Version, usual: Sequence[Entity]) -> Found:
        given = self.places.view(block, n).entities
        old = [entity for entity in given if entity not in usual]
        new = [entity for entity in usual if entity not in given]
        place = f"{self.places.names[version.source_id]}:{version.line}"
        what = f"the same sentence has other entities {_times(version.num_usual)}, first {place}"
        return self._found(block, n, self.places.where(block, int(block.start_N[n])), what, old, new)


def _version_keys(block: AnnotatedBlock) -> list[tuple[int, int]]:
    """The hashes of each sentence and of its tags."""
    return list(zip(block.hash_N.view(np.int64).tolist(), block.tag_hash_N.view(np.int64).tolist()))


def _times(number: int) -> str:
    return "in one other place" if number == 1 else f"in {number:,} other places"
