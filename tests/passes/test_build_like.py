"""Building like a model: its ids, its entity types, and nothing fitted to the new corpus."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_sources import sources_of
from encoded import encoded_batch

from data_prep.passes.build import build
from data_prep.problems import CorpusError, Problems
from data_prep.settings import Settings, SettingsError
from ner_dist.contract.like_model import Like, find_like, read_like
from ner_dist.contract.shard_format import VECTORS_NAME, Index, read_index, read_vocab
from ner_dist.contract.tokenizers import TokenizerChoice
from ner_dist.data.batch import Batch
from ner_dist.data.shard_reader import ShardReader
from ner_dist.exporting.write_export import export
from ner_dist.prediction.encoder import Encoder

LONG = "Aß" * 90
# Case, digits, words of the vectors alone, characters that train lacks, more characters than the model sees.
ODD = [
    ["THE", "The", "the", "Said", "1996-08-22", "7", "F-16s", "only-in-vectors-3", "ONLY-IN-VECTORS-4"],
    ["İstanbul", "Ж", "→", "<pad>", "<unk>", "日本", LONG, "'s", "it"],
    ["new", "York"],
]


def write_columns(path: Path, sentences: list[list[str]], tags: dict[str, str] = {}) -> Path:  # noqa: B006
    """token, part of speech, tag: O, but for the tokens that have another one."""
    rows = [[f"{token} NN {tags.get(token, 'O')}\n" for token in sentence] for sentence in sentences]
    path.write_text("\n".join("".join(lines) for lines in rows), encoding="utf-8")
    return path


def build_like(model: Path, out: Path, problems: Problems | None = None, like: Any = None, **files: Path) -> Index:
    settings = Settings(num_shards=2, num_buckets=2, on_long_word="cut", **(like or {"feature": (("pos", "1"),)}))
    return build(sources_of(files), settings, out, problems or Problems(), like=find_like(model))


def only_batch(shards: Path, index: Index, split: str = "test") -> Batch:
    """All sentences, in the order of the corpus."""
    reader = ShardReader(shards, index, split, list(range(len(index.splits[split]))), 1)
    (batch,) = reader.scoring_batches(1000)
    return batch


@pytest.mark.parametrize("name", ["tiny", "rich", "text"])
def test_ids_are_those_that_prediction_gives(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(f"{name}_run")
    gold = write_columns(tmp_path / "gold.conll", ODD, {"York": "B-LOC"})
    found = only_batch(tmp_path / "shards", build_like(run, tmp_path / "shards", test=gold))
    vocabularies = read_like(run)
    order = found.sentence_id_B.tolist()
    expected = encoded_batch(Encoder(vocabularies), [ODD[i] for i in order], [["NN"] * len(ODD[i]) for i in order])
    assert np.array_equal(found.word_ids_W[found.word_TB], expected.word_ids_W[expected.word_TB])
    assert np.array_equal(found.feature_FTB, expected.feature_FTB)
    real_TB = expected.mask_TB > 0
    for field in ("char_NC", "char_type_NC"):
        mine, theirs = getattr(found, field)[found.spelling_TB], getattr(expected, field)[expected.spelling_TB]
        assert np.array_equal(mine[real_TB], theirs[real_TB]), field


@pytest.fixture(scope="module")
def exported(text_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("like") / "export"
    export(text_run, "best", out, compared=False)
    return out


def test_run_checkpoint_and_export_are_the_same_model(text_run: Path, exported: Path) -> None:
    of_run = read_like(text_run)
    assert read_like(text_run / "checkpoints" / "best") == of_run == read_like(exported)
    assert of_run.fingerprint() == read_like(exported).fingerprint()


def test_a_set_built_like_another_has_its_vocabularies_and_its_vectors(
    rich_shards: Path, synth_corpus: dict[str, Path], tmp_path: Path
) -> None:
    old = read_index(rich_shards)
    index = build_like(rich_shards, tmp_path / "new", **synth_corpus)
    assert index.vectors == old.vectors
    assert (tmp_path / "new" / VECTORS_NAME).read_bytes() == (rich_shards / VECTORS_NAME).read_bytes()
    # The same corpus: even the counts are the same.
    assert {name: entry.sha256 for name, entry in index.vocab.items()} == {
        name: entry.sha256 for name, entry in old.vocab.items()
    }
    for split, stats in index.stats.items():
        # Which depends on the buckets.
        assert {**stats, "padding_to_edge": 0} == {**old.stats[split], "padding_to_edge": 0}
    assert index.settings["like"] == read_like(rich_shards).fingerprint()
    assert "min_count" not in index.settings


def test_counts_are_of_the_new_train_and_zero_without_one(tiny_run: Path, tmp_path: Path) -> None:
    files = {
        split: write_columns(tmp_path / split, [["the", "York", split], ["York"]], {"York": "B-LOC"})
        for split in ("train", "dev")
    }
    trained = build_like(tiny_run, tmp_path / "a", **files)
    assert trained.vocab["word"].num_values == len(read_like(tiny_run).words)
    words = read_vocab(tmp_path / "a", trained, "word")
    assert words["counts"][words["values"].index("the")] == 1
    alone = build_like(tiny_run, tmp_path / "b", test=files["dev"])
    assert list(alone.splits) == ["test"]
    assert not any(read_vocab(tmp_path / "b", alone, "word")["counts"])


def test_types_of_the_model_come_first_and_others_are_counted_once(tiny_run: Path, tmp_path: Path) -> None:
    known = read_like(tiny_run).entity_types
    tags = {"York": "B-LOC", "Ada": "B-AAA", "Bob": "B-AAA", "red": "B-ZZZ"}
    gold = write_columns(tmp_path / "gold.conll", [["York", "Ada"], ["Bob", "saw", "red"]], tags)
    problems = Problems()
    index = build_like(tiny_run, tmp_path / "shards", problems, test=gold)
    assert index.entity_types == [*known, "AAA", "ZZZ"]
    assert index.stats["test"]["entities"] == {**dict.fromkeys(known, 0), "LOC": 1, "AAA": 2, "ZZZ": 1}
    assert problems.warnings["types_not_in_model"] == 3
    assert [line for line in problems.warning_lines if "does not know" in line] == [
        f"{gold}:2: warning: 2 types that the model does not know: 'AAA' (2 entities), 'ZZZ' (1 entity)"
    ]


def test_gold_without_entities_is_built(tiny_run: Path, tmp_path: Path) -> None:
    problems = Problems()
    index = build_like(tiny_run, tmp_path / "shards", problems, test=write_columns(tmp_path / "gold", [["a", "b"]]))
    assert sum(index.stats["test"]["entities"].values()) == 0
    assert problems.warnings["splits_without_entities"] == 1


def test_values_that_the_model_does_not_know_are_unknown(tiny_run: Path, tmp_path: Path) -> None:
    gold = tmp_path / "gold.conll"
    gold.write_text("the XYZ B-LOC\ncat NN O\n", encoding="utf-8")
    index = build_like(tiny_run, tmp_path / "shards", test=gold)
    places = [feature.name for feature in index.features]
    ids = only_batch(tmp_path / "shards", index).feature_FTB[places.index("pos"), :, 0]
    assert ids[0] == 1 < ids[1]


def test_a_feature_that_is_absent_is_named_with_what_to_do(tiny_run: Path, tmp_path: Path) -> None:
    gold = tmp_path / "gold.conll"
    gold.write_text("the B-LOC\ncat O\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"token feature pos, which the corpus does not have .* --feature pos=COLUMN"):
        build_like(tiny_run, tmp_path / "shards", like={"pos_column": None}, test=gold)
    assert [path.name for path in tmp_path.iterdir()] == ["gold.conll"]


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"min_count": 1}, "--min-count beside --like"),
        ({"vectors": ("x.txt",)}, "--vectors beside --like"),
        ({"lexicon": "lists"}, "--lexicon beside --like"),
        ({"keep_case": True}, "--keep-case beside --like"),
        ({"max_chars": 30}, "--max-chars beside --like"),
    ],
)
def test_settings_that_contradict_are_refused(
    settings: dict[str, Any], what: str, tiny_run: Path, synth_corpus: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=what):
        build_like(tiny_run, tmp_path / "shards", like=settings, test=synth_corpus["test"])


def cut_by(model: Path, name: str, version: str) -> Like:
    like = find_like(model)
    tokenizer = TokenizerChoice(name, "", version)
    return like._replace(
        vocabularies=dataclasses.replace(like.vocabularies, tokenizer=tokenizer, tokenizer_applied=True)
    )


def test_texts_are_cut_as_those_of_the_model_and_tokens_stay(text_run: Path, tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl"
    texts = [{"text": "Ann-Lee left.", "entities": [[0, 7, "PER"]]}]
    texts += [{**texts[0], "tokens": ["Ann", "-", "Lee", "left", "."]}]
    gold.write_text("\n".join(map(json.dumps, texts)), encoding="utf-8")
    problems = Problems()
    like = cut_by(text_run, "whitespace", "0")
    index = build(sources_of({"test": gold}), Settings(num_shards=1), tmp_path / "shards", problems, like=like)
    assert index.stats["test"]["num_tokens"] == 2 + 5
    assert (index.tokenizer["name"], index.tokenizer["version"], index.has_text) == ("whitespace", "1", True)
    assert problems.warnings["tokenizer_of_other_version"] == 1
    with pytest.raises(SettingsError, match=r"were cut by the tokenizer whitespace, and rules \(en\) is asked for"):
        build(sources_of({"test": gold}), Settings(tokenizer="rules"), tmp_path / "no", Problems(), like=like)


def test_a_directory_that_is_no_model_is_refused(tmp_path: Path) -> None:
    for place, found in ((tmp_path / "absent", "does not exist"), (tmp_path, "is none of these")):
        with pytest.raises(ValueError, match=f"{found}; expected the directory of a run"):
            find_like(place)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(ValueError, match="has no best checkpoint yet"):
        find_like(tmp_path)


def test_damaged_knobs_of_a_checkpoint_are_named(tiny_run: Path, tmp_path: Path) -> None:
    place = tmp_path / "best"
    place.mkdir()
    for name in ("index.json", "vocab"):
        (place / name).symlink_to(tiny_run / "checkpoints" / "best" / name)
    (place / "config.yaml").write_text(json.dumps({"model": {"features": 3}}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"config.yaml: model.features, .* use another one"):
        find_like(place)
