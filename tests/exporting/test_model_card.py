"""The model card has every field, says only what is known, and no name in it can do harm."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from ner_dist.contract.calibration import Calibration
from ner_dist.contract.index_record import Index
from ner_dist.contract.shard_format import file_sha256
from ner_dist.errors import UserError
from ner_dist.exporting.model_card import CardSettings, as_markdown, model_card
from ner_dist.exporting.write_export import export
from ner_dist.prediction import export_format
from ner_dist.prediction.example_sentences import NUM_EXAMPLES, example_sentences
from ner_dist.prediction.export_format import ReadExport
from ner_dist.prediction.export_schema import Quantisation
from ner_dist.prediction.identity import ModelIdentity, identity_of_export
from ner_dist.run import checkpoint

COUNTS = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "right": 76, "predicted": 76, "gold": 76}
RESULT = {"dev": {"entity": {**COUNTS, "per_type": {"LOC": COUNTS}}, "token": {}, "characters": None}}
SMALL = Quantisation({"words": "int8"}, {}, 0.91, 0.909, 100, 30, 1.1)


@dataclasses.dataclass(frozen=True)
class Known:
    identity: ModelIdentity
    found: ReadExport
    index: Index

    def card(
        self,
        result: dict[str, Any] | None = None,
        small: Quantisation | None = None,
        settings: CardSettings | None = None,
    ) -> str:
        return model_card(self.identity, self.found, "ab" * 32, self.index, result, small, settings or CardSettings())


@pytest.fixture(scope="module")
def exported(text_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("card") / "news-en"
    export(text_run, "best", out, False, None, "7", card=CardSettings("apache-2.0", "en", "Made for *tests*."))
    return out


@pytest.fixture(scope="module")
def known(exported: Path, text_run: Path) -> Known:
    found = export_format.read(exported)
    return Known(identity_of_export(exported, found), found, checkpoint.load(text_run / "checkpoints" / "best").index)


def front_matter(card: str) -> dict[str, Any]:
    return yaml.safe_load(card.split("---\n")[1])


def test_the_card_of_an_export_has_every_field(exported: Path, known: Known, text_run: Path) -> None:
    card = (exported / "README.md").read_text(encoding="utf-8")
    assert front_matter(card) == {
        "license": "apache-2.0",
        "language": ["en"],
        "pipeline_tag": "token-classification",
        "tags": ["named-entity-recognition", "ner-dist", "onnx"],
        "metrics": ["precision", "recall", "f1"],
    }
    headings = ["# news-en", "## How to use it", "## Data", "## Scores", "## Limits"]
    assert re.findall(r"^#+ .*$", card, re.M) == headings
    for part in (
        *("LOC, MISC, ORG, PER", "Made for *tests*.", "| Version | 7 |", "| Licence | apache-2.0 |"),
        *(
            file_sha256(exported / "model.onnx"),
            str(known.identity.data),
            "train.conll",
            "rules (en)",
            "came as tokens",
        ),
        *("ner-dist predict DIR", "ner-dist serve DIR", "runner.py DIR", 'Tagger.load("DIR")'),
        f"It knows {len(known.found.vocabularies.words) - 2:,} words",
    ):
        assert part in card, part
    stats = known.index.stats["dev"]
    row = " | ".join(f"{stats['entities'].get(kind, 0):,}" for kind in known.found.vocabularies.entity_types)
    assert f"| dev | {stats['num_sentences']:,} | {stats['num_tokens']:,} | not marked | {row} |" in card
    # Nothing of the machine.
    for place in (str(text_run), str(exported.parent), str(Path.cwd()), "/tmp"):
        assert place not in card


def test_scores_have_intervals_that_are_honest_at_the_edges(known: Known) -> None:
    card = known.card({**RESULT, "test": {"entity": COUNTS, "characters": {**COUNTS, "right": 0, "f1": 0.0}}})
    assert "| LOC | 100.0 | 100.0 | 100.0 | 97.5 to 100.0 | 76 |" in card
    assert "On dev, by tokens" in card
    assert "On test, by characters of the source" in card
    # Other splits and ways are not claimed.
    assert "On dev, by characters" not in card
    for f1, said in ((None, "None is known of these parameters."), (0.875, "F1 of entities on dev: 87.5 %")):
        other = dataclasses.replace(known, identity=dataclasses.replace(known.identity, dev_f1=f1))
        assert said in other.card()


def test_what_was_done_to_it_is_said_only_if_it_was_done(known: Known) -> None:
    assert "had fewer bits (words: int8), which changed F1 on dev from 91.00 to 90.90 %" in known.card(small=SMALL)
    calibrated = known.found._replace(calibration=Calibration(1.2, "dev", 0.05, 0.01, 100))
    assert (
        "calibrated on dev, where their expected calibration error was 5.0 % before and 1.0 %"
        in dataclasses.replace(known, found=calibrated).card()
    )
    plain = known.card(RESULT)
    assert "fewer bits" not in plain
    assert "multiplies in 8 bits" not in plain
    fast = dataclasses.replace(SMALL, parts={"lstm": "int8 arithmetic"})
    assert "- Its LSTM multiplies in 8 bits" in known.card(small=fast)
    assert "calibrated" not in plain
    assert front_matter(plain)["license"] == "unknown"
    # English rules cut its texts only by choice.
    assert "language" not in front_matter(plain)
    assert "ask whoever gave you this model" in plain


HOSTILE = (
    "<script>alert(1)</script> | [x](javascript:1) `a` *b* _c_ # d\n---\nlicense: mit ![](http://a/b.png) $x$ \x00"
)


def test_odd_names_do_no_harm(known: Known) -> None:
    vocabularies = dataclasses.replace(known.found.vocabularies, entity_types=[HOSTILE, "1. PER", "- ORG", "PER|x"])
    origin = {**known.found.origin, "examples": [HOSTILE, "2) second", "+ third", "# fourth"]}
    index = dataclasses.replace(
        known.index,
        sources=[{"name": f"/home/somebody/{HOSTILE.split('/')[-1]}"}, {"name": "folder/train.conll"}],
        stats={"train": {"num_sentences": 1, "num_tokens": 2, "entities": {HOSTILE: 3}, "longest": 2}},
    )
    odd = Known(known.identity, known.found._replace(vocabularies=vocabularies, origin=origin), index)
    scores = {"dev": {"entity": {**COUNTS, "per_type": {HOSTILE: COUNTS, "PER|x": COUNTS}}}}
    card = odd.card(scores)
    assert "/home" not in card
    assert "folder/" not in card
    assert front_matter(card)["license"] == "unknown"
    without_code = re.sub(r"```.*?```", "", card, flags=re.S)
    assert not re.search(r"(?<!\\)[<>]", without_code)
    assert not re.search(r"(?<!\\)\]\(", without_code)
    # Each table has as many cells in each of its rows.
    for table in re.findall(r"(?:^\|.*\n)+", card, re.M):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table
    # Examples stay items of their list.
    assert "- 2\\) second" in card
    assert "- \\+ third" in card
    assert "- \\# fourth" in card


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ann Lee", "Ann Lee"),
        ("2026-11-30", "2026-11-30"),
        ("1. A", "1\\. A"),
        ("12) A", "12\\) A"),
        ("- A", "\\- A"),
        (".5", ".5"),
        ("a\n\tb\x07", "a b"),
        ("\\", "\\\\"),
        ("", ""),
    ],
)
def test_a_text_reads_as_itself(text: str, expected: str) -> None:
    assert as_markdown(text) == expected


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"license": "my own\nlicense"}, "--license is .*, expected an identifier such as apache-2.0"),
        ({"license": ""}, "--license is ''"),
        ({"language": "english!"}, "--text-language is 'english!', expected a language's code"),
    ],
)
def test_what_is_no_identifier_is_refused(settings: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        CardSettings(**settings)


# --- Examples


def test_examples_are_short_sentences_of_dev_with_entities(text_run: Path, synth_corpus: dict[str, Path]) -> None:
    found = example_sentences(checkpoint.load(text_run / "checkpoints" / "best"))
    assert len(set(found)) == NUM_EXAMPLES
    blocks = synth_corpus["dev"].read_text(encoding="utf-8").split("\n\n")
    rows = [[line.split() for line in block.splitlines()] for block in blocks]
    tags = {" ".join(row[0] for row in block): {row[-1] for row in block} for block in rows if block}
    assert all(any(tag != "O" for tag in tags[text]) for text in found)
    assert all(4 <= len(text.split()) <= 25 for text in found)
    types = {tag.split("-")[1] for text in found for tag in tags[text] if tag != "O"}
    assert len(types) >= 3


def test_examples_are_stored_unless_that_is_not_wanted(exported: Path, text_run: Path, tmp_path: Path) -> None:
    examples = export_format.read(exported).origin["examples"]
    assert len(examples) == NUM_EXAMPLES
    assert as_markdown(examples[0]) in (exported / "README.md").read_text(encoding="utf-8")
    export(text_run, "best", tmp_path / "out", compared=False, examples=False)
    assert "examples" not in export_format.read(tmp_path / "out").origin
    assert "to try it on" not in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_without_the_shards_there_are_no_examples(text_run: Path) -> None:
    saved = checkpoint.load(text_run / "checkpoints" / "best")
    moved = dataclasses.replace(saved.config, data=dataclasses.replace(saved.config.data, shards="/nowhere"))
    assert example_sentences(dataclasses.replace(saved, config=moved)) == []


def test_scores_of_other_parameters_are_not_claimed(text_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(text_run, tmp_path / "run", symlinks=True))
    epoch = checkpoint.load(run / "checkpoints" / "best").progress.epoch
    facts = {"epochs": 9, "steps": 0, "num_ranks": 1, "seed": 1, "tokens_per_second": 0.0, "shards": "", "versions": {}}
    for best_epoch, said in ((epoch, True), (epoch + 1, False)):
        (run / "result.json").write_text(json.dumps({**facts, **RESULT, "best_epoch": best_epoch}))
        export(run, None, tmp_path / "out", compared=False, examples=False)
        card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
        assert ("97.5 to 100.0" in card) == said
