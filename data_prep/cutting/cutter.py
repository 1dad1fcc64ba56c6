"""How texts without tokens are cut into sentences and tokens: chosen once for a corpus, from its first texts."""

from __future__ import annotations

from collections.abc import Iterable

from ner_dist.contract.tokenizers import TokenizedSentence, Tokenizer, TokenizerChoice, choose, make_tokenizer


class Cutter:
    """The tokenizer of a corpus."""

    def __init__(self, name: str = "auto", language: str | None = None, given: TokenizerChoice | None = None) -> None:
        """given: the choice, if it has been made already, as for a corpus that is built like a model."""
        self._name, self._language, self._given = name, language, given
        self._choice: TokenizerChoice | None = None
        self._tokenizer: Tokenizer | None = None
        # Whether some text came without tokens.
        self.made_tokens = False

    @property
    def was_used(self) -> bool:
        """Whether any text was cut."""
        return self._choice is not None

    def choice(self, first_texts: Iterable[str] = ()) -> TokenizerChoice:
        """What to cut with; `auto` is decided by the first texts, and stays. Raises UserError."""
        if self._choice is None:
            return self._given or choose(self._name, self._language, first_texts)
        return self._choice

    def fix(self, first_texts: Iterable[str]) -> TokenizerChoice:
        """As `choice`; from now on it is the same for all texts. Raises UserError if it cannot be used here."""
        if self._tokenizer is None:
            self._choice = self.choice(first_texts)
            self._tokenizer = make_tokenizer(self._choice)
        assert self._choice is not None
        return self._choice

    def take_over(self, choice: TokenizerChoice | None, made_tokens: bool) -> None:
        """What is known once all texts were cut by others; choice: None if there were none."""
        self._choice, self.made_tokens = choice, made_tokens

    def sentences(self, text: str) -> list[TokenizedSentence]:
        assert self._tokenizer is not None
        return self._tokenizer.sentences(text)
