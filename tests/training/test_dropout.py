"""Dropout masks: a pure function of seed, epoch, layer, sentence, token and unit, with the statistics of dropout."""

from __future__ import annotations

import numpy as np
import pytest

from ner_dist.contract.mixing_hash import hash_numbers
from ner_dist.training.dropout import drop_level, mask

IDS = np.array([0, 1, 7, 12_345, 2**33])


def masks(ids: np.ndarray, num_tokens: int = 20, units: int = 37, rate: float = 0.5, **key: int) -> np.ndarray:
    parts = {"seed": 1, "epoch": 0, "layer": 0, **key}
    return mask(hash_numbers(parts["seed"], parts["epoch"], parts["layer"], ids), num_tokens, units, rate)


def test_a_sentence_has_the_same_mask_alone_in_a_batch_and_under_padding() -> None:
    together = masks(IDS)
    for column, sentence in enumerate(IDS):
        np.testing.assert_array_equal(masks(IDS[column : column + 1])[:, 0], together[:, column])
        np.testing.assert_array_equal(masks(np.array([99, sentence]), num_tokens=50)[:20, 1], together[:, column])
    np.testing.assert_array_equal(masks(IDS[::-1]), together[:, ::-1])


@pytest.mark.parametrize("changed", [{"seed": 2}, {"epoch": 1}, {"layer": 1}])
def test_another_seed_epoch_or_layer_has_another_mask(changed: dict[str, int]) -> None:
    one, other = masks(IDS, units=200) > 0, masks(IDS, units=200, **changed) > 0
    # Of independent masks of rate 1/2 half the places agree.
    assert abs((one == other).mean() - 0.5) < 0.02


def test_seed_epoch_and_layer_are_not_interchangeable() -> None:
    found = {masks(IDS[:1], seed=s, epoch=e, layer=la).tobytes() for s in (0, 1, 2) for e in (0, 1, 2) for la in (0, 1)}
    assert len(found) == 18


def test_sentences_tokens_and_units_are_independent() -> None:
    kept = (masks(np.arange(300), num_tokens=8, units=24) > 0).astype(np.float64) - 0.5
    for axes in ((0, 2, 1), (1, 2, 0), (0, 1, 2)):
        # (observations, variables): correlations of 2400 observations or more have a deviation below 0.02.
        variables = kept.transpose(axes)[:, :, :24]
        flat = variables.reshape(-1, variables.shape[2])
        correlation = np.corrcoef(flat.T) - np.eye(flat.shape[1])
        assert abs(correlation).max() < 6 / np.sqrt(len(flat))


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
def test_the_share_dropped_is_the_rate_and_the_mean_is_1(rate: float) -> None:
    values = masks(np.arange(500), num_tokens=30, units=33, rate=rate)
    assert values.dtype == np.float32
    level = round(rate * 256) / 256
    assert set(np.unique(values)) == {np.float32(0), np.float32(1 / (1 - level))}
    # 495,000 draws: seven deviations are below 0.005 of the share.
    assert abs((values == 0).mean() - level) < 0.005
    assert abs(values.mean(dtype=np.float64) - 1) < 0.005 / (1 - level)
    # Every unit drops at that rate, also those in a word's last bytes.
    assert abs((values == 0).mean(axis=(0, 1)) - level).max() < 0.03


def test_the_rate_is_rounded_to_one_in_256() -> None:
    assert [drop_level(rate) for rate in (0, 0.001, 0.003, 0.25, 0.5, 0.95)] == [0, 0, 1, 64, 128, 243]


def test_rate_0_drops_nothing() -> None:
    assert (masks(IDS, rate=0.0) == 1).all()


def test_masks_are_those_of_splitmix64_in_plain_integers() -> None:
    # A run that is resumed by a later version must go on with the same masks.
    gamma, bits = 0x9E3779B97F4A7C15, (1 << 64) - 1

    def mix(x: int) -> int:
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & bits
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB & bits
        return x ^ (x >> 31)

    seed, epoch, layer, num_tokens, units = 3, 2, 1, 3, 13
    found = masks(IDS, num_tokens, units, 0.25, seed=seed, epoch=epoch, layer=layer)
    for column, sentence in enumerate(IDS.tolist()):
        key = 0
        for part in (seed, epoch, layer, sentence):
            key = mix((key * gamma + part) & bits)
        for token in range(num_tokens):
            # Two words of eight random bytes a token, of which 13 are used.
            words = [mix((key + (2 * token + word) * gamma) & bits).to_bytes(8, "little") for word in range(2)]
            kept = [byte >= 64 for byte in b"".join(words)[:units]]
            assert (found[token, column] > 0).tolist() == kept
