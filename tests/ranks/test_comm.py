"""Agreement of ranks on what went wrong, with threads as ranks; Horovod itself is tested in test_ranks."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from thread_comm import ThreadComm, on_ranks

from ner_dist.errors import UserError
from ner_dist.ranks.comm import JobError, Solo, on_every_rank, on_rank_0
from ner_dist.ranks.device_agreement import agree_on_device, must_be_staged
from ner_dist.ranks.rank_process import connect


def outcome(action: object, comm: ThreadComm) -> str:
    try:
        return f"value {action()}"  # type: ignore[operator]
    except JobError as error:
        return f"JobError {error}" + ("" if error.rank is None else f", of rank {error.rank}")


def test_a_mistake_that_one_rank_meets_is_told_to_all() -> None:
    def look(comm: ThreadComm) -> str:
        def action() -> int:
            if comm.rank == 1:
                raise UserError("shard 1 is damaged")
            return comm.rank

        return outcome(lambda: on_every_rank(comm, action), comm)  # type: ignore[arg-type]

    assert on_ranks(3, look) == ["JobError shard 1 is damaged, of rank 1"] * 3


def test_of_several_mistakes_all_ranks_tell_the_first() -> None:
    def look(comm: ThreadComm) -> str:
        def action() -> int:
            raise UserError(f"mistake {comm.rank}")

        return outcome(lambda: on_every_rank(comm, action), comm)  # type: ignore[arg-type]

    assert on_ranks(3, look) == ["JobError mistake 0, of rank 0"] * 3


def test_without_a_mistake_every_rank_has_its_own_value() -> None:
    assert on_ranks(3, lambda comm: on_every_rank(comm, lambda: comm.rank)) == [0, 1, 2]  # type: ignore[arg-type]


def test_rank_0_acts_alone_and_all_have_its_value() -> None:
    acted: list[int] = []

    def look(comm: ThreadComm) -> str:
        def action() -> str:
            acted.append(comm.rank)
            return f"of rank {comm.rank}"

        return on_rank_0(comm, action)  # type: ignore[arg-type]

    assert on_ranks(3, look) == ["of rank 0"] * 3
    assert acted == [0]


def test_a_mistake_of_rank_0_is_told_to_all() -> None:
    def look(comm: ThreadComm) -> str:
        def action() -> None:
            raise UserError("the disk is full")

        return outcome(lambda: on_rank_0(comm, action), comm)  # type: ignore[arg-type]

    assert on_ranks(2, look) == ["JobError the disk is full, of rank 0"] * 2


def test_what_is_no_mistake_of_the_user_is_not_hushed_up() -> None:
    for together in (on_every_rank, on_rank_0):
        with pytest.raises(ZeroDivisionError):
            together(Solo(), lambda: 1 / 0)


def test_a_job_error_is_shown_without_a_traceback() -> None:
    assert issubclass(JobError, UserError)


def test_only_gradients_on_a_gpu_without_nccl_go_through_host_memory() -> None:
    ways = {(str(c), nccl): must_be_staged(c, nccl) for c in (mx.cpu(), mx.cpu(1), mx.gpu(0)) for nccl in (True, False)}
    assert [way for way, staged in ways.items() if staged] == [("gpu(0)", False)]


def test_ranks_on_gpus_and_on_the_cpu_are_refused_on_all_of_them() -> None:
    def agree(comm: ThreadComm) -> str:
        context = mx.gpu(0) if comm.rank in (0, 2) else mx.cpu()
        return outcome(lambda: agree_on_device(comm, context), comm)  # type: ignore[arg-type]

    (message,) = set(on_ranks(3, agree))
    assert message.startswith("JobError ranks 0, 2 would compute on a GPU and ranks 1 on the CPU")


def test_gradients_that_are_averaged_instead_of_summed_are_noticed_before_training() -> None:
    class Averaging(ThreadComm):
        def sum_gradients(self, gradients: list[mx.nd.NDArray]) -> None:
            super().sum_gradients(gradients)
            for gradient in gradients:
                gradient /= self.num_ranks

    def agree(comm: ThreadComm) -> str:
        return outcome(lambda: agree_on_device(comm, mx.cpu()), comm)  # type: ignore[arg-type]

    assert on_ranks(2, agree) == ["value None"] * 2
    (message,) = set(on_ranks(2, lambda comm: agree(Averaging(comm.rank, comm.num_ranks, comm._meeting))))
    assert message.startswith(
        "JobError Horovod adds up wrongly on cpu(0): [1.5, 1.0] instead of [3.0, 2.0]; build it again"
    )


def test_one_process_alone_gets_back_what_it_gave(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOROVOD_SIZE", "HOROVOD_RANK"):
        monkeypatch.delenv(name, raising=False)
    comm = connect()
    assert isinstance(comm, Solo)
    gradient = mx.nd.array([1.5, -2])
    comm.sum_gradients([gradient])
    assert gradient.asnumpy().tolist() == [1.5, -2]
    counts = np.array([1, 2**40])
    assert comm.sum_counts(counts).tolist() == comm.gather_int64(counts).tolist() == [1, 2**40]
    assert (comm.gather_objects("x"), comm.broadcast("x"), comm.rank, comm.num_ranks) == (["x"], "x", 0, 1)


def test_the_stand_in_of_these_tests_has_the_face_of_the_real_one() -> None:
    assert {name for name in dir(Solo) if name[0] != "_"} <= {*dir(ThreadComm), "rank", "num_ranks"}
