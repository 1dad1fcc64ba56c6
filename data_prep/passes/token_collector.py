"""The distinct tokens of a part of the corpus while it is read: their hashes, and which are blank or too long."""

from __future__ import annotations

import hashlib

import numpy as np

from data_prep.passes.blank_tokens import report_blank_tokens
from data_prep.passes.tag_collector import occurrences
from data_prep.problems import Problems
from data_prep.sentences.block import SentenceIds
from data_prep.sentences.string_ids import StringIds
from data_prep.settings import Settings
from ner_dist.contract.visible_text import is_blank_text, shown


class TokenCollector:
    def __init__(self, settings: Settings):
        self.settings = settings
        # The reader numbers the tokens here.
        self.ids = StringIds()
        # Longer than needed: it grows by doubling.
        self.hash_V = np.zeros(1 << 16, np.uint64)
        self.blank: dict[int, str] = {}
        self.long: dict[int, str] = {}

    def add_new(self) -> None:
        """Hash and check the new tokens, possibly including some of the sentence that is still open."""
        first_id, new = self.ids.take_new()
        key = self.settings.seed.to_bytes(8, "little")
        digests = b"".join([hashlib.blake2b(text.encode(), digest_size=8, key=key).digest() for text in new])
        while first_id + len(new) > len(self.hash_V):
            self.hash_V = np.append(self.hash_V, np.zeros_like(self.hash_V))
        self.hash_V[first_id : first_id + len(new)] = np.frombuffer(digests, "<u8")
        for token_id, text in enumerate(new, first_id):
            if is_blank_text(text):
                self.blank[token_id] = text
            elif len(text) > self.settings.max_chars:
                self.long[token_id] = text

    def report(self, block: SentenceIds, path: str, problems: Problems) -> None:
        report_blank_tokens(block, self.blank, path, self.settings.policies, problems)
        for i, text in occurrences(block.token_M, self.long):
            where, what = f"{path}:{block.line_M[i]}", f"token {shown(text[:30])}... has {len(text)} characters"
            if self.settings.on_long_word == "cut":
                problems.warn("long_words_cut", where, f"{what}; the character model sees only its two ends")
            else:
                limit = self.settings.max_chars
                advice = f"more than --max-chars {limit}; pass --on-long-word cut or raise it"
                problems.error(where, f"{what}, {advice}", "long_word")
