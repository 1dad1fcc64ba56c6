"""Tags tokens with an export; needs only onnxruntime and numpy: python runner.py DIR < one-token-per-line.txt.

Raw text must be cut into tokens first, as the texts of the model's corpus were: "tokenizer" in tagger.json says how.
whitespace: at white space, each line a sentence; characters: each character but white space is a token, with the
combining marks after it; rules: spaCy's rules of a language, as `ner-dist predict DIR` cuts text and this does not.
"""

import json
import re
import sys
from hashlib import sha256
from itertools import zip_longest
from unicodedata import category

import numpy as np
import onnxruntime


class Tagger:
    def __init__(self, directory: str) -> None:
        paths = (f"{directory}/{name}" for name in ("tagger.json", "model.onnx"))
        description, network = (np.fromfile(path, np.uint8).tobytes() for path in paths)
        self.model = json.loads(description)
        # The description's own checksum is that of its bytes with zeros in place of the checksum.
        own, blank = self.model["sha256"], b"0" * 64
        sums = [sha256(data).hexdigest() for data in (description.replace(own.encode(), blank), network)]
        if sums != [own, self.model["model"]["sha256"]]:
            raise ValueError(f"{directory}: tagger.json or model.onnx is damaged; export the run again")
        self.network = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
        vocab = self.vocab = self.model["vocabularies"]
        lists = {"word": vocab["words"], **{feature["name"]: feature["values"] for feature in vocab["features"]}}
        self.ids = {name: {value: i for i, value in enumerate(values) if i > 1} for name, values in lists.items()}
        self.chars = {char: i for i, char in enumerate(vocab["characters"])}
        self.bare = {vocab["words"][i] for i in vocab["without_vector"] or range(len(vocab["words"]))}

    def tag(self, sentences: list[list[str]], **features: list[list[str]]) -> list[list[str]]:
        """BILOU tags, one per token; features: the model's other inputs, such as pos=[["NNP", "VBZ"], ["CD"]]."""
        features["word"] = [[self.word(token) for token in tokens] for tokens in sentences]
        features["caps"] = [[capitalisation(token) for token in tokens] for tokens in sentences]
        if missing := ", ".join(self.ids.keys() - features.keys()):
            raise ValueError(f"the model also uses {missing}; give tag() its value for each token")
        tags: list[list[str]] = [[] for _ in sentences]
        order = sorted((i for i, tokens in enumerate(sentences) if tokens), key=lambda i: len(sentences[i]))
        for batch in (order[first : first + 64] for first in range(0, len(order), 64)):
            forms = {token: n for n, token in enumerate({token: 0 for i in batch for token in sentences[i]})}
            rows = {name: [[ids.get(v, 1) for v in features[name][i]] for i in batch] for name, ids in self.ids.items()}
            rows["form"] = [[forms[token] for token in sentences[i]] for i in batch]
            rows["char"] = [self.characters(token) for token in forms]
            # Rows become columns, padded with zeros.
            inputs = {name: np.array([*zip_longest(*part, fillvalue=0)], np.int64) for name, part in rows.items()}
            inputs.update(char=inputs["char"].T, length=np.array([len(sentences[i]) for i in batch], np.int32))
            for i, emission_TK in zip(batch, self.network.run(None, inputs)[0].swapaxes(0, 1)):
                tags[i] = self.decode(emission_TK[: len(sentences[i])])
        return tags

    def word(self, token: str) -> str:
        """Its first variant that has a pretrained vector; if none has, the variant for words without vectors."""
        forms = token, token.lower(), re.sub(r"\d+", "0", token.lower())
        plain = token if self.vocab["keep_case"] else token.lower()
        plain = plain if self.vocab["keep_digits"] else re.sub(r"\d+", "0", plain)
        return next((form for form in forms if form in self.ids["word"] and form not in self.bare), plain)

    def characters(self, token: str) -> list[int]:
        most, side = self.vocab["max_characters"], [0] * self.vocab["character_padding"]
        seen = token if len(token) <= most else token[: most - most // 2] + token[-(most // 2) :]
        unknown = [1 if c.isupper() else 2 if c.islower() else 3 if category(c)[0] in "PS" else 4 for c in seen]
        return side + [self.chars.get(char, kind) for char, kind in zip(seen, unknown)] + side

    def decode(self, emission_TK: np.ndarray) -> list[str]:
        """The best sequence of tags that BILOU allows, by Viterbi's algorithm."""
        start_K, transition_KK, end_K = (np.array(self.model["scores"][k]) for k in ("start", "transition", "end"))
        best_K, paths = start_K + emission_TK[0], [[tag] for tag in self.model["tags"]]
        for emission_K in emission_TK[1:]:
            score_KK = best_K[:, None] + transition_KK
            paths = [[*paths[before], tag] for before, tag in zip(score_KK.argmax(0), self.model["tags"])]
            best_K = score_KK.max(0) + emission_K
        return paths[(best_K + end_K).argmax()]


def capitalisation(token: str) -> str:
    upper, lower = sum(map(str.isupper, token)), any(map(str.islower, token))
    both = "upperInitial" if upper == 1 and token[0].isupper() else "mixedCaps"
    return both if upper and lower else "allCaps" if upper else "lowercase" if lower else "noinfo"


if __name__ == "__main__":
    blocks = [block.split("\n") for block in re.split(r"\n\s*\n", sys.stdin.read().strip())]
    for tokens, tags in zip(blocks, Tagger(sys.argv[1]).tag(blocks)):
        print(*map(" ".join, zip(tokens, tags)), "", sep="\n")
