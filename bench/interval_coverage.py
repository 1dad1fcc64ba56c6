"""How often intervals of a share hold the truth, by simulation: python -m bench.interval_coverage [--trials N].

Sentences have two entities. With `together` 0, each is right by itself; else that share of the sentences has both right
or both wrong, as errors in one sentence often are. Axes: S draws, N sentences.
"""

from __future__ import annotations

import argparse

import numpy as np

from ner_dist.cli.text_table import text_table
from ner_dist.evaluation.intervals import wilson
from ner_dist.reporting.bootstrap import draws, interval, wider

NUMBERS, SHARES, TOGETHER = (20, 76, 1000), (0.5, 0.9, 0.99, 1.0), (0.0, 0.5)
KINDS = ("bootstrap", "Wilson", "the wider")
_DRAWS, _SEED = 500, 1


def coverage(number: int, share: float, together: float, trials: int) -> dict[str, float]:
    """By kind, the share of the trials in which the interval of `number` entities holds `share`."""
    rng = np.random.default_rng(_SEED)
    num_sentences = number // 2
    weight_SN = np.concatenate(list(draws(num_sentences, _DRAWS, _SEED)))
    held = dict.fromkeys(KINDS, 0)
    for _ in range(trials):
        luck_N2 = rng.random((num_sentences, 2))
        is_one_N = rng.random(num_sentences) < together
        luck_N2[is_one_N, 1] = luck_N2[is_one_N, 0]
        right_N = (luck_N2 < share).sum(1)
        found = interval(weight_SN @ right_N / number), wilson(int(right_N.sum()), number)
        for kind, (low, high) in zip(KINDS, (*found, wider(*found))):
            held[kind] += low <= share <= high
    return {kind: times / trials for kind, times in held.items()}


def main(argv: list[str] | None = None) -> None:
    about = "Say by simulation how often intervals of a share hold the truth, for few and for many errors."
    parser = argparse.ArgumentParser(prog="python -m bench.interval_coverage", description=about)
    parser.add_argument("--trials", type=int, default=2000, metavar="N", help="simulated test sets (default 2000)")
    trials = parser.parse_args(argv).trials
    rows = []
    for together in TOGETHER:
        for number in NUMBERS:
            for share in SHARES:
                found = coverage(number, share, together, trials)
                rows.append([f"{together:g}", f"{number:,}", f"{share:g}", *(f"{100 * found[k]:.1f}" for k in KINDS)])
    print("\n".join(text_table(["together", "entities", "share right", *(f"{kind}, %" for kind in KINDS)], rows)))


if __name__ == "__main__":
    main()
