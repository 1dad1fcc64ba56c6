"""horovodrun ends with what its ranks have said, not with a traceback, and with the code of a signal."""

from __future__ import annotations

from typing import Any

import pytest

from launch.job.quiet_horovodrun import main

_ENDED = "Horovod detected that one or more processes exited with non-zero status\nProcess name: 0\nExit code: {}\n"


def raising(error: BaseException) -> Any:
    def run() -> None:
        raise error

    return run


@pytest.mark.parametrize(("code", "expected"), [(143, 143), (130, 130), (1, 1), (-9, 1), (7, 1)])
def test_the_end_of_a_rank_is_no_traceback(code: int, expected: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(raising(RuntimeError(_ENDED.format(code)))) == expected
    assert capsys.readouterr().err == ""


def test_ctrl_c_before_the_ranks_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "horovodrun: interrupted before the ranks had started; repeat the command\n"


def test_other_errors_are_shown_and_success_is_0() -> None:
    with pytest.raises(RuntimeError, match="no interface"):
        main(raising(RuntimeError("no interface")))
    assert main(lambda: None) == 0
    assert main(lambda: 3) == 3
