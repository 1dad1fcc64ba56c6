"""New text is encoded as preparation and the reader encode a corpus: to the same ids in the same batches."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from encoded import encoded_batch, read_conll

from ner_dist.contract.shard_format import CHAR_UNK_IDS, UNK_ID
from ner_dist.contract.vocabularies import FeatureValues, Vocabularies
from ner_dist.data.shard_reader import ShardReader
from ner_dist.data.used_inputs import num_words
from ner_dist.errors import UserError
from ner_dist.foreign.json_files import checked
from ner_dist.prediction import encoder
from ner_dist.prediction.encoder import Encoder
from ner_dist.prediction.vocabularies import checkpoint_vocabularies
from ner_dist.run import checkpoint


def vocabularies(run: Path) -> Vocabularies:
    place = run / "checkpoints" / "best"
    saved = checkpoint.load(place)
    return checkpoint_vocabularies(place, saved.index, saved.config)


@pytest.mark.parametrize("name", ["tiny", "rich"])
@pytest.mark.parametrize("split", ["train", "dev"])
def test_a_corpus_given_as_new_text_has_the_ids_of_its_shards(
    name: str, split: str, synth_corpus: dict[str, Path], request: pytest.FixtureRequest
) -> None:
    run, shards = (
        request.getfixturevalue(f"{name}_run"),
        request.getfixturevalue(f"{'synth' if name == 'tiny' else name}_shards"),
    )
    saved = checkpoint.load(run / "checkpoints" / "best")
    known = num_words(saved.config.model, saved.index)
    tokens, pos = read_conll(synth_corpus[split])
    encoder = Encoder(vocabularies(run))
    assert vocabularies(run).given_features == ["pos"]
    sentences = ShardReader(shards, saved.index, split, list(range(8)), 1, known)
    for expected in sentences.scoring_batches(64):
        chosen = expected.sentence_id_B.tolist()
        found = encoded_batch(encoder, [tokens[i] for i in chosen], [pos[i] for i in chosen])
        for field in ("word_ids_W", "word_TB", "feature_FTB", "mask_TB", "length_B"):
            assert np.array_equal(getattr(found, field), getattr(expected, field)), field
        # Spellings are numbered in the order of their first occurrence.
        for field in ("char_NC", "char_type_NC"):
            mine, theirs = getattr(found, field)[found.spelling_TB], getattr(expected, field)[expected.spelling_TB]
            real_TB = expected.mask_TB > 0
            assert np.array_equal(mine[real_TB], theirs[real_TB]), field


def test_vocabularies_survive_their_record(rich_run: Path) -> None:
    written = vocabularies(rich_run)
    assert checked(dataclasses.asdict(written), Path("tagger.json"), Vocabularies) == written


def test_what_train_lacks_is_unknown(tiny_run: Path) -> None:
    encoder = Encoder(vocabularies(tiny_run))
    found = encoded_batch(encoder, [["zzqx", "Ж\ud800", "→"]], [["NNP", "XX", "."]])
    assert found.word_ids_W.tolist() == [UNK_ID]
    capital, half, arrow = (CHAR_UNK_IDS[kind] for kind in ("upper", "other", "punct"))
    assert found.char_NC[found.spelling_TB[1, 0]].tolist()[1:3] == [capital, half]
    assert found.char_NC[found.spelling_TB[2, 0]].tolist()[1] == arrow
    assert found.feature_FTB[1, 1, 0] == UNK_ID
    # And the second time it is met.
    assert np.array_equal(encoded_batch(encoder, [["Ж"]], [["NNP"]]).char_NC, [[0, capital, 0]])


def test_the_cache_of_tokens_is_bounded(tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "_CACHED_TOKENS", 10)
    made = Encoder(vocabularies(tiny_run))
    for number in range(30):
        encoded_batch(made, [[f"word{number}", "the"]], [["NN", "DT"]])
        assert made._look_up.cache_info().currsize <= 10


def test_a_model_with_parts_of_speech_says_that_it_needs_them(tiny_run: Path) -> None:
    with pytest.raises(
        UserError,
        match=r"trained with the token feature pos, which the input does not have; expected CoNLL and --feature pos=",
    ):
        encoded_batch(Encoder(vocabularies(tiny_run)), [["Paris"]])


def test_a_lexicon_without_its_entries_is_refused(rich_run: Path, tmp_path: Path) -> None:
    written = vocabularies(rich_run)
    old = next(feature for feature in written.features if feature.name == "lexicon_LOC")
    without = dataclasses.replace(written, features=[FeatureValues(old.name, old.values)])
    with pytest.raises(UserError, match=r"token feature lexicon_LOC without its entries"):
        Encoder(without)


def test_shards_too_old_to_contain_entries_are_named(rich_run: Path, tmp_path: Path) -> None:
    place = tmp_path / "checkpoint"
    shutil.copytree(rich_run / "checkpoints" / "best", place)
    saved = checkpoint.load(place)
    path = place / "vocab" / "lexicon_LOC.json"
    vocab = json.loads(path.read_text(encoding="utf-8"))
    del vocab["entries"]
    text = json.dumps(vocab)
    path.write_text(text, encoding="utf-8")
    entry = saved.index.vocab["lexicon_LOC"]
    changed = type(entry)(entry.path, len(text.encode()), hashlib.sha256(text.encode()).hexdigest(), entry.num_values)
    saved.index.vocab["lexicon_LOC"] = changed
    with pytest.raises(UserError, match=r"too old to contain the entries of lexicon_LOC, which new text needs"):
        checkpoint_vocabularies(place, saved.index, saved.config)
