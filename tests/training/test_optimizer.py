"""Update rules: made from the configuration, and going on as if nothing had happened from what was saved of them."""

from __future__ import annotations

from typing import Any, get_args

import mxnet as mx
import numpy as np
import pytest

from ner_dist.config import ConfigError, Optimizer, OptimizerName
from ner_dist.training.optimizer import create, leaves, refill, scalars, set_scalars

NAMES = get_args(OptimizerName)
# Rules with an option that gives them more to remember.
SETTINGS = [
    *(Optimizer(name=name) for name in NAMES),
    Optimizer(name="sgd", params={"momentum": 0.9}),
    Optimizer(name="rmsprop", params={"centered": True}),
    Optimizer(name="adam", learning_rate=0.1, weight_decay=0.01, params={"beta1": 0.5}),
]


def described(settings: Optimizer) -> str:
    return "-".join([settings.name, *settings.params])


class Training:
    """A rule and the two parameters it moves down the gradient of half their squared distance to 1, with noise."""

    def __init__(self, settings: Optimizer) -> None:
        self.rule = create(settings)
        self.parameters = [mx.nd.array(np.linspace(-2, 2, 6).reshape(shape)) for shape in ((2, 3), (6,))]
        self.states = [self.rule.create_state(key, parameter) for key, parameter in enumerate(self.parameters)]

    def steps(self, first: int, last: int) -> None:
        for step in range(first, last):
            noise = np.random.default_rng(step).normal(0, 0.1, 6)
            # As in training, the scale differs from step to step.
            self.rule.rescale_grad = 1 / (2 + step)
            for key, parameter in enumerate(self.parameters):
                gradient = parameter - 1 + mx.nd.array(noise.reshape(parameter.shape))
                self.rule.update(key, parameter, gradient, self.states[key])

    def arrays(self) -> list[np.ndarray]:
        found = [*self.parameters, *(leaf for state in self.states for leaf in leaves(state))]
        return [array.asnumpy() for array in found]


# A rule that is new, or one that was used for fewer steps or for more.
@pytest.mark.parametrize("used", [0, 3, 6])
@pytest.mark.parametrize("settings", SETTINGS, ids=described)
def test_a_restored_rule_goes_on_bitwise_as_the_uninterrupted_one(settings: Optimizer, used: int) -> None:
    whole, first, second = Training(settings), Training(settings), Training(settings)
    second.steps(0, used)
    whole.steps(0, 7)
    first.steps(0, 4)
    saved = scalars(first.rule)
    assert all(isinstance(value, np.ndarray) and value.shape == () for value in saved.values())
    set_scalars(second.rule, saved)
    for mine, stored in zip([*second.parameters, *(x for s in second.states for x in leaves(s))], first.arrays()):
        mine[:] = stored
    second.steps(4, 7)
    for mine, expected, at_restart in zip(second.arrays(), whole.arrays(), first.arrays()):
        np.testing.assert_array_equal(mine, expected)
        # They moved on, or the comparison says nothing.
        assert not np.array_equal(mine, at_restart)


@pytest.mark.parametrize("name", ["adam", "nadam", "ftml"])
def test_what_is_kept_beside_the_arrays_matters(name: str) -> None:
    # The counterpart of the test above: without the scalars these rules go on differently.
    whole, second = Training(Optimizer(name=name)), Training(Optimizer(name=name))
    whole.steps(0, 4)
    for mine, stored in zip([*second.parameters, *(x for s in second.states for x in leaves(s))], whole.arrays()):
        mine[:] = stored
    whole.steps(4, 5)
    second.steps(4, 5)
    assert not np.array_equal(second.arrays()[0], whole.arrays()[0])


def test_scalars_count_updates_and_hold_nadams_schedule() -> None:
    training = Training(Optimizer(name="nadam"))
    before = scalars(training.rule)
    assert before["num_update"] == 0
    training.steps(0, 3)
    after = scalars(training.rule)
    assert after["num_update"] == 3
    assert after["m_schedule"] < before["m_schedule"] == 1
    fresh = create(Optimizer(name="nadam"))
    set_scalars(fresh, after)
    assert scalars(fresh) == after
    assert type(fresh.num_update) is int


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_takes_its_settings(name: Any) -> None:
    rule = create(Optimizer(name=name, learning_rate=0.125, weight_decay=0.25))
    assert type(rule).__name__.lower() == name
    assert (rule.lr, rule.wd) == (0.125, 0.25)


def test_params_reach_the_rule_which_begins_at_its_first_update() -> None:
    assert create(Optimizer(name="nadam")).num_update == 0
    assert create(Optimizer(name="sgd", params={"momentum": 0.75})).momentum == 0.75


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("adam", {"betta1": 0.9}),
        ("adam", {"momentum": 0.9}),
        ("adam", {"learning_rate": 1.0}),
        ("adam", {"beta1": "much"}),
        ("sgd", {"momentum": "0.9"}),
        ("rmsprop", {"gamma1": "much"}),
        # MXNet's own mistake: it takes the truth of an array.
        ("dcasgd", {"momentum": 0.9}),
    ],
)
def test_params_that_do_not_fit_the_rule_are_refused(name: Any, params: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        create(Optimizer(name=name, params=params))
    message = str(caught.value)
    assert message.startswith(f"--optimizer.params does not fit --optimizer.name {name} (")
    assert "\n" not in message


@pytest.mark.parametrize("settings", SETTINGS, ids=described)
def test_a_gradient_that_is_always_0_harms_nothing(settings: Optimizer) -> None:
    # As that of a character that no sentence so far has had.
    rule = create(settings)
    weight = mx.nd.array([1.0, 2.0])
    state = rule.create_state(0, weight)
    for _ in range(3):
        rule.update(0, weight, mx.nd.array([0.0, 1.0]), state)
    assert all(np.isfinite(array.asnumpy()).all() for array in [weight, *leaves(state)])
    assert weight[1].asscalar() != 2


def test_a_state_keeps_its_shape_with_other_leaves() -> None:
    one, two, three = (mx.nd.array([number]) for number in (1, 2, 3))
    state = (one, None, (two, three))
    assert [leaf.asscalar() for leaf in leaves(state)] == [1, 2, 3]
    filled = refill(state, iter([three, two, one]))
    assert filled[1] is None
    assert [leaf.asscalar() for leaf in leaves(filled)] == [3, 2, 1]
    assert leaves(None) == []
    assert refill(None, iter([])) is None
