"""Records -> sentences: texts are cut by the tokenizer, spans are fitted to tokens, and the source is kept."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from data_prep.formats.align_spans import (
    CONTEXT_CHARS,
    SpanError,
    TokenPlaces,
    align,
    check_span,
    cut_tokens,
    show_span,
    touched_tokens,
    trim,
    widen,
    without_overlaps,
)
from data_prep.formats.record import NO_ORIGIN, Origin, Record, Span
from data_prep.formats.tag_spans import spans_of_tags
from ner_dist.contract.tokenizers import TokenizedSentence

Cut = Callable[[str], list[TokenizedSentence]]
OVERLAP_ADVICE = "--on-broken repair keeps the one that begins first, and of two that begin together the longer one"
ADVICE = "--on-misaligned split cuts the token there, widen takes whole tokens, drop leaves the entity out"


class CutOptions(NamedTuple):
    """What decides how a record is cut, besides the tokenizer."""

    on_misaligned: str
    repair: bool
    # Longer sentences of texts are cut; None: they are left for a later pass to report.
    max_tokens: int | None
    # Cut texts that come with tokens anew.
    ignore_tokens: bool


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
    errors: Sequence[str] = ()
    # Name and text of each.
    warnings: Sequence[tuple[str, str]] = ()
    # Whether a text was cut.
    was_cut: bool = False


class _Text(NamedTuple):
    """A text with its gold: all spans that the source states, and those that do not overlap."""

    record: Record
    text: str
    gold: list[Span]
    kept: list[Span]


class _Layout(NamedTuple):
    """A text's tokens, and the first token of each sentence."""

    places: TokenPlaces
    sentence_starts: list[int]


def cut_record(record: Record, cut: Cut, options: CutOptions) -> CutRecord:
    """Sentences of a record; `errors` says what is wrong with it, and then there are none."""
    warnings: list[tuple[str, str]] = []
    try:
        _check(record)
        if record.text is None:
            return _of_tokens(record)
        return _of_text(record, cut, options, warnings)
    except SpanError as error:
        errors = error.sentences
    except ValueError as error:
        errors = [str(error)]
    return CutRecord(record.number, record.document, (), errors=errors, warnings=warnings)


def _check(record: Record) -> None:
    tokens, tags = record.tokens, record.tags
    if tokens is None and record.text is None:
        raise ValueError("expected tokens and tags, or a text and its entities")
    if tokens is None and tags is not None:
        raise ValueError("tags without tokens")
    if tags is None and record.spans is None:
        raise ValueError("neither tags nor entities")
    if tokens is not None:
        if tags is not None and len(tags) != len(tokens):
            raise ValueError(f'{len(tokens)} tokens but {len(tags)} values of "tags"')
        for name, values in record.features.items():
            if len(values) != len(tokens):
                raise ValueError(f'{len(tokens)} tokens but {len(values)} values of "{name}"')
        if not tokens:
            raise ValueError("a sentence without tokens")
    elif record.features:
        raise ValueError(f"values of {', '.join(record.features)} without tokens")
    joined = "".join(tokens or ()) + "".join(tags or ())
    if record.text or record.features or record.id or record.document:
        joined = "".join(
            (joined, record.text or "", record.id, record.document or "", *map("".join, record.features.values()))
        )
    _check_text(joined)


def _check_text(text: str) -> None:
    try:
        # Only escapes such as JSON's can produce half a surrogate pair, which is not valid text.
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("half a surrogate pair (\\ud800 to \\udfff) is not text") from error


def _of_tokens(record: Record) -> CutRecord:
    assert record.tokens is not None
    if record.tags is None:
        raise ValueError("entities by characters, but no text")
    origin = Origin(record.id, record.document or "") if record.id or record.document else NO_ORIGIN
    sentence = CutSentence(record.tokens, record.tags, record.features, origin)
    return CutRecord(record.number, record.document, (sentence,))


def _gold(record: Record, options: CutOptions, warnings: list[tuple[str, str]]) -> _Text:
    """The spans of a record that has text: trimmed, each once, and which of them to keep. Raises ValueError."""
    assert record.text is not None
    text, trimmed = record.text, []
    given = record.spans
    if record.tags is not None:
        assert record.tokens is not None
        by_tags = spans_of_tags(record.tags, _places(record))
        if given is None:
            given = by_tags
        elif {trim(text, check_span(span, text)) for span in given} != set(by_tags):
            odd = min(set(map(Span._make, given)) ^ set(by_tags))
            raise ValueError(f"tags and entities differ: {show_span(text, odd)} is in only one of them")
    faults = []
    for span in given or []:
        try:
            checked = check_span(span, text)
            trimmed.append(trim(text, checked))
        except ValueError as error:
            faults.append(str(error))
            continue
        if trimmed[-1][:2] != checked[:2]:
            warnings.append(("spans_trimmed", f"white space at the ends of {show_span(text, checked)} was trimmed"))
    if faults:
        raise SpanError(faults)
    _check_text("".join(span.type for span in trimmed))
    gold = sorted(set(trimmed))
    if len(gold) < len(trimmed):
        double = next(span for span in gold if trimmed.count(span) > 1)
        warnings.append(("duplicate_spans", f"{show_span(text, double)} is there more than once"))
    kept, overlapping = without_overlaps(gold)
    shown = [f"{show_span(text, span)} overlaps {show_span(text, other)}" for span, other in overlapping]
    if shown and not options.repair:
        raise SpanError([f"{what}, which one tag for each token cannot say; {OVERLAP_ADVICE}" for what in shown])
    warnings += [("overlapping_entities_dropped", f"{what} and was dropped") for what in shown]
    return _Text(record, text, gold, kept)


def _places(record: Record) -> TokenPlaces:
    """Where the given tokens are in the text. Raises ValueError for a token that is not there."""
    assert record.tokens is not None
    assert record.text is not None
    starts, ends = [], []
    end = 0
    for i, token in enumerate(record.tokens):
        start = record.text.find(token, end) if record.starts is None else record.starts[i]
        if start < end or record.text[start : start + len(token)] != token:
            advice = "if the text is another one, --columns text=none reads the tokens alone"
            raise ValueError(f"token {token!r} does not occur in the text after character {end}; {advice}")
        end = start + len(token)
        starts.append(start)
        ends.append(end)
    return TokenPlaces(starts, ends)


def _of_text(record: Record, cut: Cut, options: CutOptions, warnings: list[tuple[str, str]]) -> CutRecord:
    gold = _gold(record, options, warnings)
    raw = _layout(cut(gold.text))
    given = raw
    if record.tokens is not None and not options.ignore_tokens:
        given = _Layout(_places(record), [0])
        if record.sentence_starts is not None:
            given = given._replace(sentence_starts=record.sentence_starts)
        elif record.whole_text:
            firsts = (bisect_left(given.places.starts, raw.places.starts[first]) for first in raw.sentence_starts)
            given = given._replace(sentence_starts=sorted({0, *firsts} - {len(given.places.starts)}))
        if record.features:
            # They belong to the given tokens: new text has them only with such tokens.
            raw = given
        elif raw.places != given.places:
            warnings.append(("given_tokens_differ", _difference(gold.text, given.places, raw.places)))
    if not given.places.starts:
        raise ValueError("a text without tokens")
    main, spans, dropped = _fit(gold, given, options, warnings)
    main = _joined(main, spans, warnings, gold.text)
    tags = record.tags if main.places is given.places and record.tags is not None else _tags(main.places, spans)
    if options.max_tokens is not None:
        main, tags = _shortened(main, tags, spans, options.max_tokens, warnings)
    is_recut = main != raw or dropped or len(gold.kept) < len(gold.gold)
    sentences = _sentences(gold, main, tags, record.features)
    raw_sentences: list[CutSentence] = []
    raw_of: list[int] = []
    if is_recut and raw.places.starts:
        fitting = [span for span in align(gold.kept, raw.places).spans if span and _in_one_sentence(span, raw)]
        raw_sentences = _sentences(gold, raw, _tags(raw.places, fitting), record.features)
        first_chars = [main.places.starts[first] for first in main.sentence_starts]
        begins = (sentence.origin.starts[0] for sentence in raw_sentences)
        raw_of = [max(0, bisect_right(first_chars, begin) - 1) for begin in begins]
    return CutRecord(record.number, record.document, sentences, raw_sentences, raw_of, (), warnings, was_cut=True)


def _difference(text: str, given: TokenPlaces, cut: TokenPlaces) -> str:
    """The first place where given tokens differ from those that the tokenizer cuts."""
    ours, theirs = set(zip(*cut)), set(zip(*given))
    start = min(ours ^ theirs)[0]
    shown = (
        " ".join(repr(text[i:j]) for i, j in sorted(tokens) if i < start + CONTEXT_CHARS and j > start)
        for tokens in (theirs, ours)
    )
    advice = "--tokenizer rules or characters cuts the texts of the corpus so, too"
    return "the given tokens {} are {} to the tokenizer that will cut new text; ".format(*shown) + advice


def _layout(sentences: Sequence[TokenizedSentence]) -> _Layout:
    starts = [start for sentence in sentences for start in sentence.starts]
    ends = [end for sentence in sentences for end in sentence.ends]
    firsts, num_tokens = [], 0
    for sentence in sentences:
        firsts.append(num_tokens)
        num_tokens += len(sentence.starts)
    return _Layout(TokenPlaces(starts, ends), firsts)


def _fit(
    gold: _Text, given: _Layout, options: CutOptions, warnings: list[tuple[str, str]]
) -> tuple[_Layout, list[tuple[int, int, str]], bool]:
    """The layout after the rule for spans that fit no token borders, the spans by its tokens, and whether the rule
    changed any. Raises SpanError that lists them if the rule is to fail."""
    text, kept, places = gold.text, gold.kept, given.places
    found = align(kept, places)
    misaligned = [span for span, tokens in zip(kept, found.spans) if tokens is None]
    if not misaligned:
        return given, [span for span in found.spans if span], False
    shown = [f"{show_span(text, span)} does not fit {touched_tokens(text, span, places)}" for span in misaligned]
    if options.on_misaligned == "fail":
        raise SpanError([f"{what}; {ADVICE}" for what in shown])
    if options.on_misaligned == "split":
        given = _split(given, found.cuts)
        found = align(kept, given.places)
        lost = [span for span, tokens in zip(kept, found.spans) if tokens is None]
        warnings += [("tokens_split", what) for span, what in zip(misaligned, shown) if span not in lost]
        warnings += [("misaligned_entities_dropped", f"{show_span(text, span)} has no token there") for span in lost]
        return given, [span for span in found.spans if span], bool(lost)
    if options.on_misaligned == "widen":
        kept = [wide for span in kept if (wide := widen(span, places) if span in misaligned else span)]
        kept, overlapping = without_overlaps(kept)
        warnings += [("misaligned_entities_widened", f"{what} and was widened") for what in shown]
        warnings += [
            ("overlapping_entities_dropped", f"{show_span(text, span)}, widened, overlaps {show_span(text, other)}")
            for span, other in overlapping
        ]
        return given, [span for span in align(kept, places).spans if span], True
    warnings += [("misaligned_entities_dropped", f"{what} and was dropped") for what in shown]
    return given, [span for span in found.spans if span], True


def _split(layout: _Layout, cuts: list[int]) -> _Layout:
    starts = layout.places.starts
    # Tokens move up by the number of cuts before them.
    firsts = [first + bisect_right(cuts, starts[first]) for first in layout.sentence_starts]
    return _Layout(cut_tokens(layout.places, cuts), firsts)


def _joined(layout: _Layout, spans: list[tuple[int, int, str]], warnings: list[tuple[str, str]], text: str) -> _Layout:
    """Without the sentence starts that lie within an entity."""
    inside = {first for first in layout.sentence_starts if any(begin < first < end for begin, end, _ in spans)}
    for first in sorted(inside):
        around = text[max(0, layout.places.starts[first] - 20) : layout.places.starts[first] + 20]
        warnings.append(("sentences_joined", f"an entity reaches over the sentence end in {around!r}"))
    return layout._replace(sentence_starts=[first for first in layout.sentence_starts if first not in inside])


def _in_one_sentence(span: tuple[int, int, str], layout: _Layout) -> bool:
    starts = layout.sentence_starts
    return bisect_right(starts, span[0]) == bisect_right(starts, span[1] - 1)


def _shortened(
    layout: _Layout,
    tags: list[str],
    spans: Sequence[tuple[int, int, str]],
    max_tokens: int,
    warnings: list[tuple[str, str]],
) -> tuple[_Layout, list[str]]:
    """With sentences of at most max_tokens, cut between entities where possible; and the tags: a cut entity is two."""
    starts: list[int] = []
    inside = {i: entity_type for first, end, entity_type in spans for i in range(first + 1, end)}
    for first, end in zip(layout.sentence_starts, [*layout.sentence_starts[1:], len(tags)]):
        starts.append(first)
        if end - first > max_tokens:
            warnings.append(("long_sentences_split", f"a sentence of {end - first} tokens was split"))
        while end - starts[-1] > max_tokens:
            begin = starts[-1]
            borders = (i for i in range(begin + max_tokens, begin, -1) if i not in inside)
            starts.append(next(borders, begin + max_tokens))
            if starts[-1] in inside:
                tags = _tags(layout.places, spans)
                tags[starts[-1]] = f"B-{inside[starts[-1]]}"
                warnings.append(("entities_cut", "an entity had to be cut together with its sentence"))
    return layout._replace(sentence_starts=starts), tags


def _tags(places: TokenPlaces, spans: Sequence[tuple[int, int, str]]) -> list[str]:
    tags = ["O"] * len(places.starts)
    for first, end, entity_type in spans:
        tags[first:end] = [f"B-{entity_type}", *[f"I-{entity_type}"] * (end - first - 1)]
    return tags


def _sentences(gold: _Text, layout: _Layout, tags: list[str], features: Mapping[str, list[str]]) -> list[CutSentence]:
    """The sentences of a layout, with their parts of the text and the gold spans that begin there."""
    record, text, (starts, ends) = gold.record, gold.text, layout.places
    document = record.document or ""
    sentences = []
    part_start = span_place = 0
    for first, end in zip(layout.sentence_starts, [*layout.sentence_starts[1:], len(starts)]):
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
