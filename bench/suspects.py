"""How many planted annotation mistakes `check --suspects` finds: python -m bench.suspects CORPUS --seed 1."""

from __future__ import annotations

import dataclasses
import datetime
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench import command_line, record
from bench.measured_on import commit, hardware
from bench.planted_mistakes import KINDS, Mistake, plant_mistakes, with_mistakes
from data_prep.formats.find_sources import expand_splits
from data_prep.problems import Finding, Problems
from data_prep.settings import Settings
from data_prep.suspects.find_suspects import find_suspects
from data_prep.suspects.pool import Pool, read_pool
from data_prep.writers.whole_records import TokenSpan
from ner_dist.cli.options import option
from ner_dist.cli.progress_bar import progress_bar
from ner_dist.contract.shard_format import file_sha256

_EXAMPLE = "eng.train --seed 1"
_FIRST = ("corpus", "seed", "share", "suspects")


@dataclasses.dataclass(frozen=True)
class SuspectsOptions:
    """Plant mistakes in a corpus of columns and look how many are among the suspects, against random order.

    Types are changed, borders moved by one token, and entities left out, at random in a share of the entities.
    """

    corpus: Path = option(positional=True, metavar="FILE")
    """a corpus of columns"""
    seed: int = 1
    """of the mistakes, the folds and the trainings"""
    share: float = 0.01
    """of the entities that get a mistake"""
    suspects: int = option(500, least=1, metavar="N")
    """the most suspects that are asked for"""
    folds: int = option(5, least=2)
    """as of `check`"""
    sentences: int = option(0, least=0, metavar="N")
    """take only the first N sentences (default all)"""
    vectors: tuple[str, ...] = option((), metavar="FILE")
    """pretrained word vectors, as of `check`"""
    command: str = ""
    """command to record (default this one)"""
    results: Path = option(Path("job"), metavar="DIR")
    """folder of RESULTS.md and results.json"""
    no_record: bool = False
    """only show the table"""


def main(argv: list[str] | None = None) -> None:
    options, _, command = command_line.parse(SuspectsOptions, "bench.suspects", argv, _EXAMPLE, _FIRST)
    with command_line.one_sentence():
        settings = Settings(seed=options.seed, vectors=tuple(options.vectors))
        problems = Problems()
        clean = read_pool(expand_splits({"train": [str(options.corpus)]}, settings.read_options, problems), settings)
        problems.raise_errors()
        if options.sentences:
            clean = clean._replace(sentences=clean.sentences[: options.sentences])
        mistakes = plant_mistakes(clean, options.share, options.seed)
        begin_s = time.perf_counter()
        found = _suspects(clean, mistakes, settings, options)
        minutes = (time.perf_counter() - begin_s) / 60
        _report(options, options.command or command, clean, mistakes, found, minutes)


def _suspects(clean: Pool, mistakes: list[Mistake], settings: Settings, options: SuspectsOptions) -> list[Finding]:
    """The suspects of the corpus with its mistakes, the surest first."""
    found: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="bench-suspects-") as folder:
        path = Path(folder) / "corpus.conll"
        path.write_text("".join(map(_bio_lines, with_mistakes(clean, mistakes))), encoding="utf-8")
        problems = Problems(found.append)
        sources = expand_splits({"train": [str(path)]}, settings.read_options, problems)
        find_suspects(sources, settings, options.suspects, options.folds, problems, progress_bar)
    return found


def _bio_lines(sentence: tuple[list[str], list[TokenSpan]]) -> str:
    tokens, entities = sentence
    tags = ["O"] * len(tokens)
    for first, end, kind in entities:
        tags[first:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - first - 1)]
    return "".join(f"{token} {tag}\n" for token, tag in zip(tokens, tags)) + "\n"


def hits(pool: Pool, mistakes: list[Mistake], found: list[Finding]) -> list[Mistake | None]:
    """The mistake that each suspect is about, if any: one of whose tokens it would annotate otherwise."""
    line_of, line = {}, 1
    for number, sentence in enumerate(pool.sentences):
        line_of[number] = line
        line += len(sentence.tokens) + 1
    mistake_at = {line_of[mistake.sentence] + token: mistake for mistake in mistakes for token in mistake.tokens}
    about = []
    for finding in found:
        first, tags = finding.suggestion["first_line"], finding.suggestion["tags"]  # type: ignore[index]
        about.append(next((mistake_at[at] for at in range(first, first + len(tags)) if at in mistake_at), None))
    return about


def _report(
    options: SuspectsOptions, command: str, pool: Pool, mistakes: list[Mistake], found: list[Finding], minutes: float
) -> None:
    about = hits(pool, mistakes, found)
    right = {mistake for mistake in about if mistake is not None}
    num_entities = sum(len(sentence.gold) for sentence in pool.sentences)
    planted_by, right_by = (Counter(mistake.kind for mistake in some) for some in (mistakes, right))
    values: dict[str, Any] = {
        "kind": "suspects",
        "job": options.corpus.stem,
        "shards": file_sha256(options.corpus)[:16],
        "knobs": {name: getattr(options, name) for name in ("seed", "share", "suspects", "folds", "sentences")},
        "command": command,
        "date": str(datetime.date.today()),
        "commit": commit(),
        "hardware": hardware(),
        "minutes": round(minutes, 1),
        "sentences": len(pool.sentences),
        "entities": num_entities,
        "suspects": len(found),
        "planted": dict(planted_by),
        "found": dict(right_by),
        "found_among": {n: len(set(about[:n]) - {None}) for n in (50, 100, 200, 300, 400, 500) if n <= len(found)},
        "random_order": round(len(found) * len(mistakes) / num_entities, 1),
    }
    values["knobs"]["vectors"] = [Path(name).name for name in options.vectors]
    section = _section(values)
    print(f"\n{section}", flush=True)
    if not options.no_record:
        record.keep(options.results, values, section)


def _section(values: dict[str, Any]) -> str:
    planted, found = values["planted"], values["found"]
    rows = [[kind, f"{planted.get(kind, 0)}", f"{found.get(kind, 0)}"] for kind in KINDS]
    rows.append(["**all**", f"{sum(planted.values())}", f"**{sum(found.values())}**"])
    among = ", ".join(f"{number} among the first {num}" for num, number in values["found_among"].items())
    return "\n".join(
        [
            f"### `{values['command']}`, {values['date']}",
            "",
            f"Commit {values['commit']}; {values['hardware']}; {values['sentences']:,} sentences with "
            f"{values['entities']:,} entities; {values['minutes']} minutes.",
            "",
            *record.markdown_table(["mistakes", "planted", f"among {values['suspects']} suspects"], rows),
            "",
            f"Found: {among or 'none'}; in random order: {values['random_order']} among {values['suspects']}.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
