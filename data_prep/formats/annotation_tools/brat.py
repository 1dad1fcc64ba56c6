"""brat: for each document a text, NAME.txt, and its annotations, NAME.ann, with entities as `T1<tab>PER 0 3<tab>Ann`.

Offsets count characters. An entity of several parts, `PER 0 3;8 11`, is one if only white space is between them: so
brat writes an entity that reaches over the end of a line. Otherwise it is discontinuous, which a tag for each token
cannot say: --on-misaligned drop leaves it out, and widen takes all from its first to its last character as the entity,
also in the gold of the score over characters.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from typing import NamedTuple

from data_prep.dirt.dirty_text import MARK_ERRORS, DirtyText
from data_prep.dirt.policies import FAIL, advice
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.formats.read_records import reader
from data_prep.sentences.numbers import number_of
from data_prep.sentences.record import Record, Span
from data_prep.sources.text_source import choose_encoding, split_lines
from ner_dist.contract.visible_text import shown

ENDING = ".ann"
# No entities: relations, events, attributes, normalisations, notes, equivalences.
OTHERS = {"R": "relations", "E": "events", "A": "attributes", "M": "attributes", "N": "normalisations", "#": "notes"}
OTHERS["*"] = "equivalences"
ENTITY = re.compile(r"(T\S+)\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?")


class _Entity(NamedTuple):
    """A line of an annotation."""

    line: int
    name: str
    type: str
    # (first character, the one after the last) of each part, in order.
    parts: list[tuple[int, int]]
    # As the line quotes it; None if it does not.
    quoted: str | None


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    if not sample.name.lower().endswith(ENDING):
        return None
    if not sample.lines:
        return f"an empty file named *{ENDING}, a document without annotations"
    if any(map(ENTITY.fullmatch, sample.lines)):
        return f"a file named *{ENDING} with lines such as {sample.lines[0][:40]!r}"
    is_other = all(line[0] in OTHERS and "\t" in line for line in sample.lines)
    return f"a file named *{ENDING} with annotations of brat" if is_other else None


def records(source: Source) -> Iterator[Record]:
    """The document; nothing if a line of it is wrong, which is reported."""
    num_errors = source.problems.num_errors
    entities = _entities(source)
    text = _text(source)
    if text is None or source.problems.num_errors > num_errors:
        return
    text = _as_counted(text, entities)
    spans = [span for entity in entities if (span := _span(source, entity, text))]
    if source.problems.num_errors == num_errors:
        name = source.file.stem
        yield Record(1, text=text, spans=spans, id=name, document=name)


def _entities(source: Source) -> list[_Entity]:
    entities, others = [], Counter[str]()
    for first_line, block in source.blocks:
        for number, line in enumerate(split_lines(block), first_line):
            found = ENTITY.fullmatch(line)
            if found:
                name, entity_type, offsets, quoted = found.groups()
                parts = [tuple(map(number_of, part.split())) for part in offsets.split(";")]
                entities.append(_Entity(number, name, entity_type, parts, quoted))  # type: ignore[arg-type]
            elif line[:1] in OTHERS and "\t" in line:
                others[OTHERS[line[0]]] += 1
            elif line.strip() and not source.is_invisible(number, line):
                what = f"{shown(line[:60])} is not an annotation such as 'T1<tab>PER 0 3<tab>Ann'"
                source.error(number, what, "malformed_line", source.file.stem)
    if others:
        what = "ignored, because they are no entities: " + ", ".join(
            f"{count} {name}" for name, count in others.items()
        )
        source.problems.warn("other_annotations_ignored", source.path, what, sum(others.values()))
    return entities


def _text(source: Source) -> str | None:
    name = f"{source.file.stem}.txt"
    data = source.read_sibling(name)
    if data is None:
        source.error(1, f"the text of these annotations, {name}, is not beside the file", "missing_text")
        return None
    encoding = choose_encoding(data, source.options.encoding, "utf-8")
    options, path = source.options, source.path.removesuffix(ENDING) + ".txt"
    dirty = DirtyText(path, encoding, options.encoding is not None, options.policies, lambda: nullcontext(iter([data])))
    text = data.decode(encoding, MARK_ERRORS)
    text = text if text.isascii() else dirty.mend_bytes(text, 1)
    dirty.report(source.problems)
    return text


def _as_counted(text: str, entities: list[_Entity]) -> str:
    r"""The text with ends of lines such that the offsets fit: some tools count \r\n as one character."""
    if "\r" not in text or all(map(_quotes(text), entities)):
        return text
    shorter = text.replace("\r\n", "\n")
    return shorter if all(map(_quotes(shorter), entities)) else text


def _quotes(text: str):  # type: ignore[no-untyped-def]
    return lambda entity: entity.quoted is None or _same(_covered(text, entity), entity.quoted)


def _covered(text: str, entity: _Entity) -> str:
    return " ".join(text[start:end] for start, end in entity.parts)


def _same(one: str, other: str) -> bool:
    """White space aside, which brat replaces at the ends of lines."""
    return "".join(one.split()) == "".join(other.split())


def _same_words(one: str, other: str) -> bool:
    """Punctuation aside: some tools write quotation marks in another way."""
    return "".join(filter(str.isalnum, one)) == "".join(filter(str.isalnum, other)) != ""


def _span(source: Source, entity: _Entity, text: str) -> Span | None:
    """The entity's characters; None if it is reported or left out."""
    start, end = entity.parts[0][0], entity.parts[-1][1]
    if any(not first < last <= len(text) for first, last in entity.parts):
        if len(entity.parts) == 1 and source.options.policies.on_span_outside != FAIL:
            return Span(start, end, entity.type)
        what = f"{entity.name} covers {start} to {end}, and the text has {len(text)} characters"
        what += f"; is {source.file.stem}.txt the text that was annotated? If it is, {advice('span_outside_text')}"
        _error(source, entity, what, "span_outside_text")
        return None
    covered = _covered(text, entity)
    if entity.quoted is not None and not _same(covered, entity.quoted):
        what = f"{entity.name} covers {shown(covered[:40])} in the text, but quotes {shown(entity.quoted[:40])}"
        if not _same_words(covered, entity.quoted):
            place = text.find(entity.quoted)
            hint = f"which begins at {place}" if place >= 0 else f"which is not in {source.file.stem}.txt"
            by = Span(place, place + len(entity.quoted), entity.type) if place >= 0 else None
            _error(source, entity, f"{what}, {hint}; offsets count characters from 0", "quote_differs", by)
            return None
        source.problems.warn("quotes_differ", f"{source.path}:{entity.line}", f"{what}; the text is right")
    gaps = (text[last:first] for (_, last), (first, _) in zip(entity.parts, entity.parts[1:]))
    if all(gap.isspace() or not gap for gap in gaps) and entity.parts == sorted(entity.parts):
        return Span(start, end, entity.type)
    return _whole(source, entity, covered)


def _whole(source: Source, entity: _Entity, covered: str) -> Span | None:
    """What --on-misaligned makes of a discontinuous entity."""
    what = f"{entity.name} is discontinuous: {shown(covered[:60])} is in {len(entity.parts)} parts"
    where, rule = f"{source.path}:{entity.line}", source.options.on_misaligned
    if rule == "drop":
        source.problems.warn("discontinuous_entities_dropped", where, f"{what}; it was dropped")
        return None
    if rule == "widen":
        source.problems.warn("discontinuous_entities_widened", where, f"{what}; what is between them was added")
        starts, ends = zip(*entity.parts)
        return Span(min(starts), max(ends), entity.type)
    other = "--on-misaligned drop leaves such entities out, widen adds what is between the parts"
    _error(source, entity, f"{what}, which a tag for each token cannot say; {other}", "discontinuous_entity")
    return None


def _error(source: Source, entity: _Entity, what: str, kind: str, by: Span | None = None) -> None:
    """by: what is to stand for the entity; None: nobody can know, so that it is to be removed."""
    stated = [entity.parts[0][0], entity.parts[-1][1], entity.type]
    suggestion = {"action": "replace" if by else "remove", "entity": stated, **({"by": list(by)} if by else {})}
    source.error(entity.line, what, kind, source.file.stem, suggestion)


BRAT = Format(
    name="brat",
    description="annotations of brat, NAME.ann, each with its text, NAME.txt, beside it",
    default_encoding="utf-8",
    evidence=f"files named *{ENDING} with brat's annotations",
    recognise=recognise,
    read=reader(records),
    may_be_empty=True,
)
