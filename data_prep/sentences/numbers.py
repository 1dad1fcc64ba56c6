"""Numbers that stand in a corpus as digits."""

from __future__ import annotations

# Far outside of every text, and below what takes long to read: Python refuses numbers of thousands of digits.
HUGE = 10**18


def number_of(digits: str) -> int:
    """The number that decimal digits, with or without a sign, say; of more than 18 of them HUGE or -HUGE."""
    if len(digits) <= 18:
        return int(digits)
    return -HUGE if digits[0] == "-" else HUGE
