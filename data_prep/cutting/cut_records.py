"""Records -> sentences: texts are cut by the tokenizer, spans are fitted to tokens, and the source is kept."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from data_prep.cutting.align_spans import (
    CONTEXT_CHARS,
    TokenPlaces,
    align,
    moved,
    show_span,
    touched_tokens,
    widen,
    with_space_of_tokens,
)
from data_prep.cutting.gold import Text, check_record, empty_record, given_places, text_of
from data_prep.cutting.gold_spans import without_overlaps
from data_prep.cutting.layouts import (
    Layout,
    TokenSpan,
    bio_tags,
    in_one_sentence,
    joined_over,
    layout_of,
    shortened,
    split_at,
)
from data_prep.dirt.policies import Policies
from data_prep.problems import Complaint, ComplaintError, complaints_of
from data_prep.sentences.record import NO_ORIGIN, Origin, Record, Span
from ner_dist.contract.tokenizers import TokenizedSentence, lacks_spaces
from ner_dist.contract.visible_text import shown

Cut = Callable[[str], list[TokenizedSentence]]
ADVICE = "--on-misaligned split cuts the token there, widen takes whole tokens, drop leaves the entity out"
# Of words that are written without spaces around them.
UNSPACED_ADVICE = "; --tokenizer characters cuts every character, as is usual where no spaces are between words"


class CutOptions(NamedTuple):
    """What decides how a record is cut, besides the tokenizer."""

    on_misaligned: str
    policies: Policies
    # Longer sentences of texts are cut; None: they are left for a later pass to report.
    max_tokens: int | None
    # Cut texts that come with tokens anew.
    ignore_tokens: bool
    # Say what a record would be after a suggestion.
    with_records: bool = False


class CutSentence(NamedTuple):
    tokens: list[str]
    tags: list[str]
    # Values of the token features, by name.
    features: Mapping[str, list[str]]
    origin: Origin


class CutRecord(NamedTuple):
    """The sentences of a record, or what is wrong with it."""

    number: int
    # The name of its document; None: the source does not say.
    document: str | None
    sentences: Sequence[CutSentence]
    # If the gold decided on the cut or was changed: the sentences as the tokenizer alone cuts them, and by sentence the
    # place in `sentences` where it begins.
    raw: Sequence[CutSentence] = ()
    raw_of: Sequence[int] = ()
    errors: Sequence[Complaint] = ()
    warnings: Sequence[Complaint] = ()
    # Whether a text was cut.
    was_cut: bool = False


def cut_record(record: Record, cut: Cut, options: CutOptions) -> CutRecord:
    """Sentences of a record; `errors` says what is wrong with it, and then there are none."""
    warnings: list[Complaint] = []
    try:
        check_record(record)
        if record.text is None:
            return _of_tokens(record)
        return _of_text(record, cut, options, warnings)
    except ValueError as error:
        errors = complaints_of(error, "malformed_record")
    return CutRecord(record.number, record.document, (), errors=errors, warnings=warnings)


def _of_tokens(record: Record) -> CutRecord:
    assert record.tokens is not None
    if record.tags is None:
        raise ValueError("entities by characters, but no text")
    origin = Origin(record.id, record.document or "") if record.id or record.document else NO_ORIGIN
    sentence = CutSentence(record.tokens, record.tags, record.features, origin)
    return CutRecord(record.number, record.document, (sentence,))


def _of_text(record: Record, cut: Cut, options: CutOptions, warnings: list[Complaint]) -> CutRecord:
    gold = text_of(record, options.policies, warnings, options.with_records)
    record = gold.record
    raw = layout_of(cut(gold.text))
    given = raw
    if record.tokens is not None and not options.ignore_tokens:
        given = _given_layout(record, raw)
        if record.features:
            # They belong to the given tokens: new text has them only with such tokens.
            raw = given
        elif raw.places != given.places:
            warnings.append(Complaint("given_tokens_differ", _difference(gold.text, given.places, raw.places)))
    if not given.places.starts:
        raise empty_record("a text without tokens")
    main, spans, was_changed = _fit(gold, given, options, warnings)
    main = joined_over(main, spans, warnings, gold.text)
    tags = record.tags if main.places is given.places and record.tags is not None else bio_tags(main, spans)
    if options.max_tokens is not None:
        main, tags = shortened(main, tags, spans, options.max_tokens, warnings)
    sentences = _sentences(gold, main, tags, _features(record, given, main))
    raw_sentences: list[CutSentence] = []
    raw_of: list[int] = []
    if main != raw or was_changed or len(gold.kept) < len(gold.gold):
        fitting = [span for span in align(gold.kept, raw.places).spans if span and in_one_sentence(span, raw)]
        raw_sentences = _sentences(gold, raw, bio_tags(raw, fitting), _features(record, given, raw))
        first_chars = [main.places.starts[first] for first in main.sentence_starts]
        begins = (sentence.origin.starts[0] for sentence in raw_sentences)
        raw_of = [max(0, bisect_right(first_chars, begin) - 1) for begin in begins]
    return CutRecord(record.number, record.document, sentences, raw_sentences, raw_of, (), warnings, was_cut=True)


def _given_layout(record: Record, raw: Layout) -> Layout:
    """The record's own tokens; their sentences, too, or those of the tokenizer."""
    given = Layout(given_places(record), [0])
    if record.sentence_starts is not None:
        return given._replace(sentence_starts=record.sentence_starts)
    if record.whole_text:
        firsts = (bisect_left(given.places.starts, raw.places.starts[first]) for first in raw.sentence_starts)
        return given._replace(sentence_starts=sorted({0, *firsts} - {len(given.places.starts)}))
    return given


def _features(record: Record, given: Layout, layout: Layout) -> Mapping[str, list[str]]:
    """The token features for a layout's tokens: those of the given token of which each is a part."""
    if not record.features or layout.places is given.places:
        return record.features
    whole = [bisect_right(given.places.starts, start) - 1 for start in layout.places.starts]
    return {name: [values[i] for i in whole] for name, values in record.features.items()}


def _difference(text: str, given: TokenPlaces, cut: TokenPlaces) -> str:
    """The first place where given tokens differ from those that the tokenizer cuts."""
    ours, theirs = set(zip(*cut)), set(zip(*given))
    start = min(ours ^ theirs)[0]
    words = (
        " ".join(shown(text[i:j]) for i, j in sorted(tokens) if i < start + CONTEXT_CHARS and j > start)
        for tokens in (theirs, ours)
    )
    advice = "--tokenizer rules or characters cuts the texts of the corpus so, too"
    return "the given tokens {} are {} to the tokenizer that will cut new text; ".format(*words) + advice


def _fit(
    gold: Text, given: Layout, options: CutOptions, warnings: list[Complaint]
) -> tuple[Layout, list[TokenSpan], bool]:
    """The layout after the rule for entities that fit no token borders, the entities, and whether it changed any.

    Raises SpanError that lists them if the rule is to fail.
    """
    text, kept, places = gold.text, gold.kept, given.places
    found = align(kept, places)
    if None in found.spans:
        kept = [with_space_of_tokens(text, span, places) for span in kept]
        found = align(kept, places)
    misaligned = [span for span, tokens in zip(kept, found.spans) if tokens is None]
    if not misaligned:
        return given, [span for span in found.spans if span], False
    whats = [f"{show_span(text, span)} does not fit {touched_tokens(text, span, places)}" for span in misaligned]
    mends = [_widened(gold, span, places, options.with_records) for span in misaligned]
    if options.on_misaligned == "fail":
        more = [f"; {ADVICE}{UNSPACED_ADVICE if lacks_spaces(what) else ''}" for what in whats]
        raise ComplaintError(
            *(Complaint("misaligned_entity", what + advice, *mend) for what, advice, mend in zip(whats, more, mends))
        )
    if options.on_misaligned == "split":
        given = split_at(given, found.cuts)
        found = align(kept, given.places)
        lost = [span for span, tokens in zip(kept, found.spans) if tokens is None]
        warnings += [
            Complaint("tokens_split", what, *mend)
            for span, what, mend in zip(misaligned, whats, mends)
            if span not in lost
        ]
        whats = [f"{show_span(text, span)} has no token there" for span in lost]
        warnings += [Complaint("misaligned_entities_dropped", what) for what in whats]
        return given, [span for span in found.spans if span], bool(lost)
    if options.on_misaligned == "widen":
        policy = options.policies.on_overlap
        kept = [wide for span in kept if (wide := widen(span, places) if span in misaligned else span)]
        kept, overlapping = without_overlaps(sorted(set(kept)), policy)
        warnings += [
            Complaint("misaligned_entities_widened", f"{what} and was widened", *mend)
            for what, mend in zip(whats, mends)
        ]
        warnings += [
            Complaint(
                "overlapping_entities_dropped",
                f"{show_span(text, span)}, widened, overlaps {show_span(text, other)} and was dropped",
                {"action": "remove", "entity": list(span)},
            )
            for span, other in overlapping
        ]
        return given, [span for span in align(kept, places).spans if span], True
    warnings += [
        Complaint("misaligned_entities_dropped", f"{what} and was dropped", *mend) for what, mend in zip(whats, mends)
    ]
    return given, [span for span in found.spans if span], True


def _widened(
    gold: Text, span: Span, places: TokenPlaces, with_record: bool
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What to change about a misaligned entity, which most likely is of whole tokens; and the record after that."""
    wide = moved(span, places) or widen(span, places)
    by = {"action": "replace", "by": list(wide)} if wide else {"action": "remove"}
    suggestion = {**by, "entity": list(span)}
    if not with_record:
        return suggestion, None
    entities = [list(one) if one != span else list(wide or ()) for one in gold.gold]
    tokens = {} if gold.record.tokens is None else {"tokens": list(gold.record.tokens)}
    return suggestion, {"text": gold.text, "entities": list(filter(None, entities)), **tokens}


def _sentences(gold: Text, layout: Layout, tags: list[str], features: Mapping[str, list[str]]) -> list[CutSentence]:
    """The sentences of a layout, with their parts of the text and the gold spans that begin there."""
    record, text, (starts, ends) = gold.record, gold.text, layout.places
    document = record.document or ""
    sentences = []
    part_start = span_place = 0
    for first, end in zip(layout.sentence_starts, layout.sentence_ends):
        part_end = ends[end - 1] if end < len(starts) else len(text)
        span_end = span_place
        while span_end < len(gold.gold) and gold.gold[span_end].start < part_end:
            span_end += 1
        origin = Origin(
            record.id,
            document,
            text[part_start:part_end],
            part_start,
            tuple(starts[first:end]),
            tuple(gold.gold[span_place:span_end]),
        )
        tokens = [text[i:j] for i, j in zip(starts[first:end], ends[first:end])]
        of_tokens = {name: values[first:end] for name, values in features.items()}
        sentences.append(CutSentence(tokens, tags[first:end], of_tokens, origin))
        part_start, span_place = part_end, span_end
    return sentences
