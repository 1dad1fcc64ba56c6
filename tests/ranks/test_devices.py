"""Training, scoring and prediction on a device that is not MXNet's default: nothing forgets where arrays lie.

cpu(1) is another device than cpu(0) and computes the same. On a GPU MXNet's operators refuse arrays of two devices;
on CPUs only hybridized blocks do, so the tests watch the others.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np
import pytest
from exchanged_steps import exchanged_steps

from ner_dist import config
from ner_dist.evaluation.score_split import score_split
from ner_dist.model.entities import DecodedBatch
from ner_dist.ranks.comm import Solo
from ner_dist.run import restore
from ner_dist.run.checkpoint import Checkpoint
from ner_dist.run.progress import Progress
from ner_dist.training import startup

OTHER = mx.cpu(1)
NUM_STEPS = 12


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every operator but the copy refuses arrays that lie on several devices."""
    register: Any = mx.ndarray.register
    invoke = register._imperative_invoke
    copy = ctypes.c_void_p()
    mx.base.check_call(mx.base._LIB.NNGetOpHandle(b"_copyto", ctypes.byref(copy)))

    def checked(handle: Any, arrays: Any, keys: Any, values: Any, out: Any, *others: Any) -> Any:
        outs = out if isinstance(out, (list, tuple)) else [] if out is None else [out]
        devices = {array.context for array in (*arrays, *outs)}
        assert len(devices) <= 1 or getattr(handle, "value", handle) == copy.value, f"arrays on {devices}"
        return invoke(handle, arrays, keys, values, out, *others)

    monkeypatch.setattr(register, "_imperative_invoke", checked)


@pytest.mark.usefixtures("strict")
def test_operators_on_arrays_of_two_devices_are_noticed() -> None:
    # Without this the tests below would show nothing.
    mine, others = mx.nd.ones((2, 2)), mx.nd.ones((2, 2), ctx=OTHER)
    for mix in (lambda: mine + others, lambda: mx.nd.dot(mine, others), lambda: mine.__iadd__(others)):
        with pytest.raises(AssertionError, match="arrays on"):
            mix()
    with pytest.raises(AssertionError, match="arrays on"):
        mx.optimizer.SGD(learning_rate=1).update(0, others, mine, None)
    mine[:] = others + others.as_in_context(OTHER) + mine.as_in_context(OTHER)
    assert mine.asnumpy().tolist() == [[3, 3], [3, 3]]
    assert mine.context == mx.cpu(0)


def trained(knobs: list[str], context: mx.Context, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """State after some steps on the device, the scores of dev, and what a tagger made of that state says."""
    monkeypatch.setattr(startup, "choose_device", lambda wanted: context)
    settings, _ = config.parse(knobs)
    comm = Solo()
    index, splits = startup.open_shards(settings, comm)
    learner, word_dropout = startup.new_learner(settings, index, comm), startup.new_word_dropout(settings, index, comm)
    assert learner.context == context
    for epoch in range(2):
        sentences = splits[settings.data.train_on]
        steps = exchanged_steps(settings, index, sentences, word_dropout, comm, epoch)
        for _, (step, batch, shared) in zip(range(NUM_STEPS // 2), steps):
            learner.step(batch, shared, epoch, step.step_id, 0.02)
        # As on a rank that has no part of the step.
        learner.step(None, shared, epoch, step.step_id, 0.02)
        learner.set_state({name: array.copy() for name, array in learner.state().items()})
    arrays = {name: array.copy() for name, array in learner.state().items()}
    num_types, batch_sentences = len(index.entity_types), settings.train.eval_batch_sentences
    with learner.scored_network() as network:
        seen: list[DecodedBatch] = []
        dev = splits["dev"]
        counts = score_split(network, dev.scoring_batches(batch_sentences), num_types, comm, seen.append)
        arrays["counts"] = counts.to_vector()
        arrays.update({f"emissions/{i}": predicted.emission_TBK for i, predicted in enumerate(seen)})
    saved = Checkpoint(learner.state(), Progress(), settings, index)
    monkeypatch.setattr(restore, "choose_device", lambda wanted: context)
    restored = restore.restore(saved, settings.data.shards, "auto")
    counts = score_split(restored, dev.scoring_batches(batch_sentences), num_types, comm)
    arrays["counts of the tagger"] = counts.to_vector()
    learner.set_scored(saved.parameters(), saved.words())
    return arrays


@pytest.fixture(params=["plain", "everything"])
def knobs(
    request: pytest.FixtureRequest,
    synth_shards: Path,
    rich_shards: Path,
    tiny_knobs: list[str],
    everything_on: list[str],
) -> list[str]:
    if request.param == "plain":
        return ["--data.shards", str(synth_shards), *tiny_knobs]
    return ["--data.shards", str(rich_shards), *tiny_knobs, *everything_on]


@pytest.mark.usefixtures("strict")
def test_another_device_gives_bitwise_the_same(knobs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    expected, found = (trained(knobs, context, monkeypatch) for context in (mx.cpu(0), OTHER))
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
