"""Class weights of the tags."""

from __future__ import annotations

import numpy as np
import pytest
from made_batches import small_index

from ner_dist.config import ConfigError, Loss
from ner_dist.contract.tag_schemes import bilou_tags
from ner_dist.training.objective import class_weights

# Types X and Y; of 100 training tokens 90 are O, 4 B-X, 4 L-X and 2 U-Y.
INDEX = small_index()
TAGS = bilou_tags(INDEX.entity_types)
COUNTS = np.array([INDEX.stats["train"]["tags"].get(tag, 0) for tag in TAGS])


def weights(**knobs: object) -> dict[str, float]:
    found = class_weights(Loss(**knobs), INDEX)  # type: ignore[arg-type]
    assert (found.shape, found.dtype) == ((9,), np.float32)
    return dict(zip(TAGS, found.tolist()))


def test_without_weighting_every_tag_counts_1() -> None:
    assert set(weights().values()) == {1.0}


@pytest.mark.parametrize("power", [0.25, 0.5, 1.0])
def test_frequency_weights_are_inverse_powers_of_the_share_with_a_mean_of_1_over_tokens(power: float) -> None:
    found = weights(weighting="frequency", frequency_power=power)
    assert found["U-Y"] / found["O"] == pytest.approx(45**power, rel=1e-5)
    assert found["B-X"] / found["O"] == pytest.approx(22.5**power, rel=1e-5)
    assert np.dot(list(found.values()), COUNTS) / COUNTS.sum() == pytest.approx(1, rel=1e-6)


def test_a_tag_that_never_occurs_has_a_finite_weight_the_largest_of_all() -> None:
    found = weights(weighting="frequency")
    assert COUNTS[TAGS.index("I-X")] == 0
    assert found["I-X"] == max(found.values()) < np.inf


def test_power_0_is_no_weighting() -> None:
    assert list(weights(weighting="frequency", frequency_power=0.0).values()) == pytest.approx([1.0] * 9)


def test_given_weights_hold_for_tags_and_types_and_a_tag_prevails_over_its_type() -> None:
    given = {"B-X": 7.0, "X": 3.0, "O": 0.5}
    for names in (list(given), list(given)[::-1]):
        found = weights(weighting="given", weights={name: given[name] for name in names})
        assert found == {"O": 0.5, "B-X": 7, "I-X": 3, "L-X": 3, "U-X": 3, "B-Y": 1, "I-Y": 1, "L-Y": 1, "U-Y": 1}


@pytest.mark.parametrize("name", ["Z", "B-Z", "S-X", "x", ""])
def test_a_weight_for_something_else_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        class_weights(Loss(weighting="given", weights={name: 2.0}), INDEX)
    assert str(caught.value) == (f"--loss.weights: {name!r} is neither O, a tag nor an entity type ({', '.join(TAGS)})")
