"""MXNet's silent mistakes that the project works around: each shown to be still there, beside what we do instead.

A test of the first kind that fails says that MXNet has changed and the way around may go.
"""

from __future__ import annotations

from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from made_batches import small_index
from mxnet import gluon
from processes import on_ranks, run

from ner_dist.config import Model
from ner_dist.contract.mixing_hash import hash_numbers
from ner_dist.contract.shard_format import Feature
from ner_dist.model.cnn_bilstm import CnnBiLstm, SummedLoss
from ner_dist.model.crf import loss_and_gradient, zero_transition_scores
from ner_dist.model.initial_values import InitialEmbeddings
from ner_dist.model.layers import BiLSTM, reverse_index
from ner_dist.training.dropout import mask
from ner_dist.training.embedding_table import EmbeddingTable


def bilstm() -> BiLSTM:
    """Ours, of 3 inputs and 4 units."""
    layer = BiLSTM(4, 3)
    layer.initialize(mx.init.Uniform(1))
    # Its initial state takes the batch's size only when shapes are inferred.
    layer.hybridize()
    return layer


def test_the_fused_bidirectional_lstm_lets_padding_in_and_ours_does_not() -> None:
    fused = gluon.rnn.LSTM(4, bidirectional=True, use_sequence_length=True, input_size=3)
    fused.initialize(mx.init.Uniform(1))
    ours = bilstm()
    rng = np.random.default_rng(0)
    x_TBX = rng.normal(0, 1, (6, 2, 3)).astype(np.float32)
    length_B = np.array([6, 3])
    reverse_index_TB = mx.nd.array(reverse_index(length_B, 6), dtype=np.int32)
    other_TBX = x_TBX.copy()
    # Only the padding of the second sentence differs.
    other_TBX[3:, 1] = rng.normal(0, 1, (3, 3))
    theirs, mine = [], []
    for values in (x_TBX, other_TBX):
        x = mx.nd.array(values)
        theirs.append(fused(x, sequence_length=mx.nd.array(length_B)).asnumpy()[:3, 1])
        mine.append(ours(x, reverse_index_TB).asnumpy()[:3, 1])
    assert abs(theirs[0] - theirs[1]).max() > 1e-3
    np.testing.assert_array_equal(mine[0], mine[1])
    # The forward direction is the same network.
    np.testing.assert_array_equal(theirs[0][:, :4], theirs[1][:, :4])


def test_two_one_directional_lstms_are_the_fused_one_where_nothing_is_padded() -> None:
    fused = gluon.rnn.LSTM(4, bidirectional=True, input_size=3)
    fused.initialize(mx.init.Uniform(1))
    x = mx.nd.array(np.random.default_rng(1).normal(0, 1, (5, 2, 3)))
    expected = fused(x).asnumpy()
    ours = bilstm()
    parameters = {name.split("_", 1)[1]: value.data() for name, value in fused.collect_params().items()}
    for direction, letter in (("forward", "l"), ("backward", "r")):
        parts = [f"{letter}0_{source}_{kind}" for kind in ("weight", "bias") for source in ("i2h", "h2h")]
        vector = mx.nd.concat(*(parameters[part].reshape(-1) for part in parts), dim=0)
        getattr(ours, f"{direction}_lstm").set_data(vector)
    reverse_index_TB = mx.nd.array(reverse_index(np.array([5, 5]), 5), dtype=np.int32)
    np.testing.assert_allclose(ours(x, reverse_index_TB).asnumpy(), expected, rtol=0, atol=1e-6)


def test_dropout_between_the_layers_of_an_lstm_does_nothing_on_the_cpu() -> None:
    lstm = gluon.rnn.LSTM(4, num_layers=2, dropout=0.9, input_size=3)
    lstm.initialize(mx.init.Uniform(1))
    x = mx.nd.array(np.random.default_rng(2).normal(0, 1, (5, 2, 3)))
    with mx.autograd.record(train_mode=True):
        trained = lstm(x).asnumpy()
    np.testing.assert_allclose(trained, lstm(x).asnumpy(), rtol=0, atol=1e-6)
    # Ours drops.
    assert (mask(hash_numbers(1, 0, 0, np.array([0, 1])), 5, 4, 0.5) == 0).any()


def test_an_int64_array_becomes_float32_unless_told_otherwise() -> None:
    ids = np.array([16_777_217], np.int64)
    assert mx.nd.array(ids).dtype == np.float32
    assert int(mx.nd.array(ids).asnumpy()[0]) == 16_777_216
    assert int(mx.nd.array(ids, dtype=np.int64).asnumpy()[0]) == 16_777_217


def test_word_ids_beyond_float32_reach_their_rows() -> None:
    # Rows are taken on the host, and MXNet sees places in a batch only. A table of no width costs no memory.
    rule = mx.optimizer.create("sgd")
    table = EmbeddingTable(InitialEmbeddings(np.zeros((4, 1), np.float32), np.zeros(4, bool)), rule, 0)
    table.weight_VD = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (1 << 25, 1), (0, 0))
    assert table.rows(np.array([16_777_217, (1 << 25) - 1]), mx.cpu()).shape == (2, 1)
    with pytest.raises(IndexError):
        table.rows(np.array([1 << 25]), mx.cpu())


@pytest.mark.parametrize("wrong", [-1, 3, 1000])
def test_ids_out_of_range_are_clipped_without_a_word(wrong: int) -> None:
    # So the reader looks for them: test_reader, test_an_id_beyond_its_vocabulary_is_refused.
    weight = mx.nd.array([[10.0], [20.0], [30.0]])
    ids = mx.nd.array([wrong], dtype=np.int32)
    expected = 10 if wrong < 0 else 30
    assert mx.nd.Embedding(ids, weight, input_dim=3, output_dim=1).asscalar() == expected
    assert mx.nd.take(weight, ids).asscalar() == expected
    assert mx.nd.pick(mx.nd.array([[10.0, 20.0, 30.0]]), ids).asscalar() == expected


def test_argmax_is_float32() -> None:
    # So decoding takes its maxima in numpy.
    assert mx.nd.array([[1, 2]]).argmax(axis=1).dtype == np.float32


def test_gluons_masked_loss_divides_by_the_padded_length_and_ours_divides_by_nothing() -> None:
    score_BTK = np.random.default_rng(3).normal(0, 1, (1, 8, 9)).astype(np.float32)
    tag_BT = np.zeros((1, 8))
    real_BT = np.array([[1, 1, 0, 0, 0, 0, 0, 0]], np.float32)
    losses = -(score_BTK - np.log(np.exp(score_BTK).sum(axis=2, keepdims=True)))[0, :, 0]
    theirs = gluon.loss.SoftmaxCELoss()(mx.nd.array(score_BTK), mx.nd.array(tag_BT), mx.nd.array(real_BT)[:, :, None])
    assert theirs.asscalar() == pytest.approx(losses[:2].sum() / 8, rel=1e-5)

    class Emissions(gluon.HybridBlock):
        def hybrid_forward(self, F: object, x_TBK: mx.nd.NDArray) -> mx.nd.NDArray:
            return x_TBK

    mine = SummedLoss(Emissions())  # type: ignore[arg-type]
    found = mine(mx.nd.array(tag_BT.T), mx.nd.array(real_BT.T), mx.nd.array(score_BTK.swapaxes(0, 1)))
    assert found.asscalar() == pytest.approx(losses[:2].sum(), rel=1e-5)


def test_softmax_over_nothing_but_minus_infinity_is_nan_and_the_crf_forbids_in_numpy() -> None:
    assert np.isnan(mx.nd.log_softmax(mx.nd.full((1, 3), -np.inf)).asnumpy()).all()
    assert np.isnan((mx.nd.array([-np.inf]) * 0).asscalar())
    scores = zero_transition_scores(5).allowed()
    assert np.isneginf(scores.transition_KK).any()
    found = loss_and_gradient(np.zeros((2, 1, 5)), np.zeros((2, 1), int), np.array([2]), scores)
    assert np.isfinite(found.loss)
    assert all(np.isfinite(gradient).all() for gradient in (found.emission_gradient_TBK, *found.transition_gradient))


def test_a_sparse_embedding_has_a_gradient_that_horovod_cannot_sum_and_ours_are_dense() -> None:
    # Horovod reads the memory of a row_sparse array as if it were dense, so none may come to it.
    embedding = gluon.nn.Embedding(5, 2, sparse_grad=True)
    embedding.initialize()
    with mx.autograd.record():
        embedding(mx.nd.array([1, 3])).sum().backward()
    assert embedding.weight.grad().stype == "row_sparse"
    assert embedding.weight.grad().data.shape == (2, 2)
    tagger = CnnBiLstm(Model(), small_index(features=[Feature("caps", 4)]), sentence_level=True)
    tagger.initialize()
    gradients = [p.grad() for p in tagger.collect_params().values() if p.grad_req != "null"]
    assert {gradient.stype for gradient in gradients} == {"default"}


def test_adamax_divides_0_by_0() -> None:
    # So it is none of the rules that config offers.
    rule = mx.optimizer.create("adamax")
    weight = mx.nd.array([1.0])
    rule.update(0, weight, mx.nd.array([0.0]), rule.create_state(0, weight))
    assert np.isnan(weight.asscalar())


def test_names_of_parameters_depend_on_what_the_process_has_built_and_ours_do_not() -> None:
    first, second = (CnnBiLstm(Model(lstm_layers=2), small_index(), sentence_level=False) for _ in range(2))
    assert set(first.collect_params()) != set(second.collect_params())
    assert set(first._collect_params_with_prefix()) == set(second._collect_params_with_prefix())


def test_the_generator_of_mxnet_goes_its_own_way_and_masks_do_not() -> None:
    mx.random.seed(3)
    drawn = [mx.nd.random.uniform(shape=(4,)).asnumpy().tolist() for _ in range(2)]
    assert drawn[0] != drawn[1]
    key_B = hash_numbers(1, 0, 0, np.array([7]))
    np.testing.assert_array_equal(mask(key_B, 3, 4, 0.5), mask(key_B, 3, 4, 0.5))


def test_a_compiled_block_takes_one_number_of_arguments_only() -> None:
    # So training, which has dropout masks, goes through a block of its own: model.TrainingEmissions.
    class Sum(gluon.HybridBlock):
        def hybrid_forward(self, F: object, x: mx.nd.NDArray, *more: mx.nd.NDArray) -> mx.nd.NDArray:
            return x + sum(more)

    block = Sum()
    block.hybridize()
    one = mx.nd.ones(1)
    assert block(one, one).asscalar() == 2
    with pytest.raises(ValueError, match="argument structure"):
        block(one, one, one)


PAUSED = """
import os, signal, subprocess, sys
import horovod.mxnet as hvd, mxnet as mx
hvd.init()
processes = hvd.allgather_object(os.getpid())
if hvd.rank() == 0:
    script = 'sleep 3; while kill -CONT "$@"; do sleep 0.2; done'
    subprocess.Popen(["sh", "-c", script, "sh", *map(str, processes)], stderr=subprocess.DEVNULL)
os.kill(os.getpid(), signal.SIGSTOP)
print(hvd.allreduce(mx.nd.ones(1), name="after").asscalar())
"""


@pytest.mark.faults
def test_gloos_timeout_goes_on_while_all_ranks_are_stopped_and_ours_counts_only_lost_hosts(tmp_path: Path) -> None:
    # With ours, ranks go on: drivers/exchanges.py stops them in the same way.
    (tmp_path / "paused.py").write_text(PAUSED)
    finished = run(on_ranks(2, tmp_path / "paused.py"), tmp_path, HOROVOD_GLOO_TIMEOUT_SECONDS="1")
    assert finished.code != 0
    assert "Timed out waiting 1000ms" in finished.err
