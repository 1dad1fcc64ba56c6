"""95 % intervals of shares and F1 from counts alone, honest at the edges: 76 of 76 right does not read 100 to 100."""

from __future__ import annotations

import math

# The standard normal deviate that 95 % of a normal distribution lie within.
_Z = 1.959963984540054


def wilson(right: int, total: int) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22:209): the shares that a test would not reject.

    0 to 1 if there is nothing to count. Raises ValueError if there are more right than there are at all.
    """
    if not 0 <= right <= total:
        raise ValueError(f"{right} right of {total} is no share")
    if total == 0:
        return 0.0, 1.0
    share, square = right / total, _Z * _Z
    middle = (share + square / (2 * total)) / (1 + square / total)
    half = _Z / (1 + square / total) * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    # Rounding must not leave 0 and 1 outside where they are found.
    return (0.0 if right == 0 else max(0.0, middle - half)), (1.0 if right == total else min(1.0, middle + half))


def f1_interval(right: int, predicted: int, gold: int) -> tuple[float, float]:
    """Of F1, from the number of right, predicted and gold entities.

    F1 is 2 J / (1 + J), with J the share of the right ones among all that are predicted, gold or both, which is a share
    of independent things; its interval is Wilson's, and F1 grows with J.
    """
    low, high = wilson(right, predicted + gold - right)
    return 2 * low / (1 + low), 2 * high / (1 + high)
