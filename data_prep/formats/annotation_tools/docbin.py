"""spaCy's DocBin (.spacy), read by spaCy: documents of tokens with their text and entities.

spaCy holds the whole file in memory, compactly; its documents are made one by one.
"""

from __future__ import annotations

import itertools
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.formats.read_records import reader
from data_prep.problems import CorpusError
from data_prep.sentences.record import Record, Span
from data_prep.sources.caps import Caps, OverCapError
from data_prep.sources.compression import damage_named

# What a DocBin's content begins with: a MessagePack map with these keys.
_KEYS = (b"\xa7version", b"\xa5attrs")
_ZLIB_MAGIC = b"\x78"
# What is unpacked at once; and how a list, and a list or map, of MessagePack begins.
_PIECE_BYTES = 1 << 16
_ARRAYS = frozenset((*range(0x90, 0xA0), 0xDC, 0xDD))
_NESTED = frozenset((*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF))
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
    with damage_named(source.path), _damage_named(source):
        check_size(data, source.options.caps)
        documents = DocBin().from_bytes(data)
        num_documents = len(documents)
        found = documents.get_docs(Vocab())
    told = 0
    for number in itertools.count(1):
        with _damage_named(source):
            document = next(found, None)
        if document is None:
            break
        try:
            with _damage_named(source, but=ValueError):
                record = _record(number, document, source)
        except CorpusError:
            raise
        except ValueError as error:
            source.refuse(number, error, kind="malformed_record")
        else:
            yield record
        if source.progress is not None:
            done = source.num_bytes * number // num_documents
            source.progress(done - told)
            told = done


@contextmanager
def _damage_named(source: Source, but: type[Exception] = OverCapError) -> Iterator[None]:
    """Raises CorpusError for any exception of other kinds."""
    try:
        yield
    except (CorpusError, but):
        raise
    except Exception as error:  # Whatever MessagePack, zlib and spaCy raise for a file that is not whole.
        what = f"spaCy cannot read the file ({error}); it is damaged, or of another version of spaCy"
        raise CorpusError(f"{source.path}: {what}") from error


def check_size(data: bytes, caps: Caps) -> None:
    """Raises OverCapError if what spaCy makes of a file would fill the memory, and zlib.error if it is damaged."""
    from srsly.msgpack import Unpacker  # type: ignore[import-untyped]

    unpack, content = zlib.decompressobj(), bytearray()
    for begin in range(0, len(data), _PIECE_BYTES):
        piece = data[begin : begin + _PIECE_BYTES]
        while piece and not unpack.eof:
            content += unpack.decompress(piece, _PIECE_BYTES << 4)
            piece = unpack.unconsumed_tail
            caps.check_unpacked(len(content), begin + _PIECE_BYTES)
    walker = Unpacker(max_buffer_size=max(1, len(content)))
    walker.feed(content)
    num_objects = 0
    for _ in range(walker.read_map_header()):
        walker.skip()
        begin = walker.tell()
        if content[begin] not in _ARRAYS:
            walker.skip()
            continue
        for _ in range(walker.read_array_header()):
            begin = walker.tell()
            walker.skip()
            # Each byte of a list or map may be an object, which takes 50 times as much.
            num_objects += 1 if content[begin] not in _NESTED else walker.tell() - begin
            if num_objects > caps.distinct:
                raise OverCapError(
                    f"it says that it holds more than {caps.distinct:,} objects; if that is right, allow more with "
                    "--max-distinct N"
                )


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
