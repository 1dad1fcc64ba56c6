"""How many labels `ner-dist suggest` saves: python -m bench.suggesting CORPUS [--gold FILE] --seeds 3."""

from __future__ import annotations

import dataclasses
import datetime
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np

from bench import command_line, record
from bench.label_rounds import GROWTH, Corpus, Round, Simulation, tokens_to_reach
from bench.measured_on import commit, hardware
from data_prep.formats.find_sources import expand_splits
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.suspects.pool import PooledSentence, read_pool
from ner_dist.cli.options import option
from ner_dist.contract.shard_format import file_sha256
from ner_dist.errors import UserError
from ner_dist.suggesting.suggest import Wanted
from ner_dist.suggesting.uncertainty import MEASURES

_EXAMPLE = "eng.train --gold eng.testb --seeds 3"
_FIRST = ("corpus", "gold", "seeds")
RANDOM = "random"


@dataclasses.dataclass(frozen=True)
class SimulationOptions:
    """Label a pool in rounds, as `suggest` chooses and at random, until the F1 is 95 % of that of the whole pool.

    Each round trains a small tagger from scratch; tokens of labelled sentences are counted. It takes about 20 minutes
    of a core a seed. Rounds that are done are not repeated: repeat the command to go on.
    """

    corpus: Path = option(positional=True, metavar="FILE")
    """an annotated corpus, of which the pool is drawn"""
    gold: Optional[Path] = option(None, metavar="FILE")
    """a corpus to score on (default: sentences of the first that are not in the pool)"""
    seeds: int = option(3, least=1)
    """how many; each draws another pool and another beginning"""
    first_seed: int = 1
    """the first of them"""
    pool: int = option(6000, least=100, metavar="N")
    """sentences of the pool"""
    scored: int = option(2000, least=1, metavar="N")
    """sentences that are scored, at most"""
    first_share: float = option(0.02, metavar="X")
    """share of the pool that is labelled at first, at random"""
    enough: float = option(0.95, metavar="X")
    """share of the F1 of the whole pool that is to be reached"""
    by: str = option(Wanted(1).measure, choices=MEASURES, metavar=None)
    """as of `suggest`"""
    diversity: float = option(Wanted(1).diversity, metavar="X")
    """as of `suggest`"""
    name: str = ""
    """of the folder of what is done, runs/suggesting/NAME (default the corpus's)"""
    command: str = ""
    """command to record (default this one)"""
    results: Path = option(Path("job"), metavar="DIR")
    """folder of RESULTS.md and results.json"""
    no_record: bool = False
    """only show the table"""


class SeedResult(NamedTuple):
    seed: int
    full: Round
    suggested: list[Round]
    random: list[Round]


def main(argv: list[str] | None = None) -> None:
    options, _, command = command_line.parse(SimulationOptions, "bench.suggesting", argv, _EXAMPLE, _FIRST)
    with command_line.one_sentence():
        begin_s = time.perf_counter()
        sentences, gold = read_corpus(options)
        results = []
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            results.append(_simulate(options, draw(sentences, gold, options, seed), seed))
            minutes = (time.perf_counter() - begin_s) / 60
            # After each seed, so that there is something if it is interrupted.
            _report(options, options.command or command, results, minutes)


def read_corpus(options: SimulationOptions) -> tuple[list[PooledSentence], list[PooledSentence] | None]:
    """The usable sentences of the corpus, and those of the gold file, if there is one."""

    def read(path: Path) -> list[PooledSentence]:
        settings, problems = Settings(), Problems()
        found = read_pool(expand_splits({"train": [str(path)]}, settings.read_options, problems), settings)
        problems.raise_errors()
        return [found.sentences[number] for number in found.usable]

    return read(options.corpus), None if options.gold is None else read(options.gold)


def draw(
    sentences: list[PooledSentence], gold: list[PooledSentence] | None, options: SimulationOptions, seed: int
) -> Corpus:
    """A pool and what is scored, without a sentence in common. Raises UserError if there are too few."""
    order = np.random.default_rng([seed, 1]).permutation(len(sentences)).tolist()
    pool, rest = order[: options.pool], order[options.pool :]
    others = [sentences[number] for number in rest] if gold is None else gold
    if not others:
        raise UserError(f"{options.corpus}: {len(order):,} sentences, all in the pool; take a smaller one with --pool")
    scored = np.random.default_rng([seed, 2]).permutation(len(others))[: options.scored]
    return Corpus([sentences[number] for number in pool], [others[number] for number in sorted(scored.tolist())])


def _simulate(options: SimulationOptions, corpus: Corpus, seed: int) -> SeedResult:
    folder = Path("runs/suggesting") / (options.name or options.corpus.stem) / f"seed{seed}"
    simulation = Simulation(corpus, folder, seed, options.first_share)
    full = simulation.full()
    print(f"seed {seed}, everything: {full.tokens:,} tokens, F1 {100 * full.f1:.2f}", flush=True)
    enough_f1 = options.enough * full.f1
    wanted = Wanted(1, measure=options.by, diversity=options.diversity)
    suggested = simulation.rounds(f"{options.by}-{options.diversity:g}", wanted, enough_f1)
    return SeedResult(seed, full, suggested, simulation.rounds(RANDOM, Wanted(1, measure=RANDOM), enough_f1))


def _report(options: SimulationOptions, command: str, results: list[SeedResult], minutes: float) -> None:
    names = ("pool", "scored", "first_share", "enough", "by", "diversity", "first_seed")
    rows = [_row(result, options.enough) for result in results]
    shares = [row["share_of_random"] for row in rows if row["share_of_random"] is not None]
    values: dict[str, Any] = {
        "kind": "suggesting",
        "job": options.name or options.corpus.stem,
        "shards": file_sha256(options.corpus)[:16],
        "knobs": {**{name: getattr(options, name) for name in names}, "growth": GROWTH},
        "command": command,
        "date": str(datetime.date.today()),
        "commit": commit(),
        "hardware": hardware(),
        "minutes": round(minutes, 1),
        "seeds": rows,
        "share_of_random": round(statistics.mean(shares), 4) if shares else None,
    }
    section = _section(values)
    print(f"\n{section}", flush=True)
    if not options.no_record:
        record.keep(options.results, values, section)
    _draw_picture(Path("runs/suggesting") / f"{values['job']}.svg", results, options)


def _row(result: SeedResult, enough: float) -> dict[str, Any]:
    reached = [tokens_to_reach(rounds, enough * result.full.f1) for rounds in (result.suggested, result.random)]
    share = None if None in reached else round(reached[0] / reached[1], 4)  # type: ignore[operator]
    return {
        "seed": result.seed,
        "full": result.full._asdict(),
        "tokens": dict(zip(("suggested", RANDOM), (None if found is None else round(found) for found in reached))),
        "share_of_random": share,
        "rounds": {"suggested": result.suggested, RANDOM: result.random},
    }


def _section(values: dict[str, Any]) -> str:
    rows = []
    for row in values["seeds"]:
        full, tokens, share = row["full"], row["tokens"], row["share_of_random"]
        counts = ["never" if found is None else f"{found:,}" for found in tokens.values()]
        shown = "" if share is None else f"**{share:.0%}**"
        rows.append([f"{row['seed']}", f"{100 * full['f1']:.2f}", f"{full['tokens']:,}", *counts, shown])
    knobs, mean = values["knobs"], values["share_of_random"]
    titles = ["seed", "F1 of the whole pool", "its tokens", "tokens labelled as suggested", "at random", "of random"]
    return "\n".join(
        [
            f"### `{values['command']}`, {values['date']}",
            "",
            f"Commit {values['commit']}; {values['hardware']}; pool of {knobs['pool']:,} sentences; tokens to "
            f"{knobs['enough']:.0%} of the F1 of the whole pool; by {knobs['by']}, diversity {knobs['diversity']:g}.",
            "",
            *record.markdown_table(titles, rows),
            "",
            f"Mean over the seeds: {'none' if mean is None else f'{mean:.0%}'} of the labels of random choice.",
            "",
        ]
    )


def _draw_picture(path: Path, results: list[SeedResult], options: SimulationOptions) -> None:
    """F1 against labelled tokens, a line for each seed and choice."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for result in results:
        for label, colour, rounds in (("suggested", "C0", result.suggested), (RANDOM, "C1", result.random)):
            f1 = [100 * found.f1 for found in rounds]
            shown = label if result is results[0] else None
            axes.plot([found.tokens for found in rounds], f1, marker="o", color=colour, label=shown, alpha=0.8)
        axes.axhline(100 * options.enough * result.full.f1, color="grey", linestyle=":", linewidth=1)
    axes.set(xscale="log", xlabel="labelled tokens", ylabel="entity F1")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


if __name__ == "__main__":
    main()
