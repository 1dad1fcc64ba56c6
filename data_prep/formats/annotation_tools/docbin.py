"""spaCy's DocBin (.spacy), read by spaCy: documents of tokens with their text and entities.

spaCy holds the whole file in memory, compactly; its documents are made one by one.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.formats.read_records import reader
from data_prep.problems import CorpusError
from data_prep.sentences.record import Record, Span

# What a DocBin's content begins with: a MessagePack map with these keys.
_KEYS = (b"\xa7version", b"\xa5attrs")
_ZLIB_MAGIC = b"\x78"
# Where spaCy's own training expects spans that may overlap.
SPAN_GROUP = "sc"
_NAME_KEYS = ("id", "doc_id", "_id")


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    if not sample.head.startswith(_ZLIB_MAGIC):
        return None
    try:
        beginning = zlib.decompressobj().decompress(sample.head, 64)
    except zlib.error:
        return None
    return "a DocBin of spaCy's by its first bytes" if all(key in beginning for key in _KEYS) else None


def records(source: Source) -> Iterator[Record]:
    """A record for each document. Raises CorpusError if spaCy cannot read the file."""
    # Late, because it takes half a second.
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    with source.open() as file:
        data = file.read()
    try:
        documents = DocBin().from_bytes(data)
        num_documents = len(documents)
        found = documents.get_docs(Vocab())
    except Exception as error:  # Whatever MessagePack, zlib and spaCy raise for a file that is not whole.
        what = f"spaCy cannot read the file ({error}); it is damaged, or of another version of spaCy"
        raise CorpusError(f"{source.path}: {what}") from error
    told = 0
    for number, document in enumerate(found, 1):
        try:
            yield _record(number, document, source)
        except ValueError as error:
            source.error(number, str(error))
        if source.progress is not None:
            done = source.num_bytes * number // num_documents
            source.progress(done - told)
            told = done


def _record(number: int, document: Any, source: Source) -> Record:
    """Raises ValueError for a document without annotations."""
    # White space is a token for spaCy, but not here. A vocabulary without a language does not know which tokens are.
    tokens = [token for token in document if not token.text.isspace()]
    # spaCy's indices count tokens; the first of each sentence is the first that is no white space.
    starts = None
    if document.has_annotation("SENT_START"):
        firsts = [token.i for token in document if token.is_sent_start]
        starts = _first_tokens(firsts, [token.i for token in tokens])
    facts = document.user_data
    name = next((str(facts[key]) for key in _NAME_KEYS if key in facts), "")
    return Record(
        number,
        tokens=[token.text for token in tokens],
        text=document.text,
        spans=[Span(span.start_char, span.end_char, span.label_) for span in _entities(number, document, source)],
        starts=[token.idx for token in tokens],
        whole_text=True,
        sentence_starts=starts,
        id=name,
        document=str(facts["document"]) if "document" in facts else None,
    )


def _first_tokens(firsts: list[int], indices: list[int]) -> list[int]:
    """Places in `indices` of the first entry that is not below each of `firsts`: where sentences begin."""
    places = {bisect_left(indices, first) for first in (0, *firsts)}
    return sorted(places - {len(indices)})


def _entities(number: int, document: Any, source: Source) -> list[Any]:
    where = f"{source.path}:{number}"
    if document.has_annotation("ENT_IOB"):
        num_open = sum(not token.ent_iob_ for token in document)
        if num_open:
            what = f"{num_open} tokens are neither in an entity nor marked as outside (spaCy's '-'); taken as outside"
            source.problems.warn("tokens_not_annotated", where, what)
        return list(document.ents)
    groups = {name: list(document.spans[name]) for name in document.spans}
    if not groups:
        raise ValueError("the document has no annotation of entities, not even that there are none; set doc.ents")
    chosen = SPAN_GROUP if SPAN_GROUP in groups else next(iter(groups))
    if len(groups) > 1 and SPAN_GROUP not in groups:
        raise ValueError(f"no entities, but several groups of spans: {', '.join(map(repr, groups))}; set doc.ents")
    source.problems.warn("span_groups_used", where, f"no entities, so those of the group of spans {chosen!r} are taken")
    return groups[chosen]


DOCBIN = Format(
    name="docbin",
    description="spaCy's DocBin (.spacy)",
    default_encoding="utf-8",
    evidence="the first bytes of a DocBin",
    recognise=recognise,
    read=reader(records),
)
