"""Where training stands: which epoch is the best so far, and how long ago it was."""

from __future__ import annotations

import math

from ner_dist.run.progress import Progress


def after(*epochs: tuple[float, float], progress: Progress | None = None, plateau_epochs: int = 2) -> Progress:
    """Progress after epochs of these dev F1 and losses."""
    progress = progress or Progress()
    for f1, loss in epochs:
        progress.add_score(f1, loss, plateau_epochs)
        progress.begin_next_epoch()
    return progress


def test_the_best_epoch_is_that_of_the_best_f1_whatever_its_loss() -> None:
    found = after((0.5, 9.0), (0.7, 20.0), (0.6, 1.0))
    assert (found.best_epoch, found.best_f1, found.best_loss, found.epochs_since_best) == (1, 0.7, 20.0, 1)


def test_of_epochs_with_the_same_f1_the_one_with_the_lowest_loss_is_the_best() -> None:
    assert after((0.5, 3.0), (0.5, 2.0), (0.5, 2.5)).best_epoch == 1


def test_of_epochs_with_the_same_f1_and_loss_the_first_is_the_best() -> None:
    assert after((0.5, 3.0), (0.5, 3.0)).best_epoch == 0


def test_at_an_f1_of_0_an_epoch_is_better_while_the_loss_falls() -> None:
    found = after((0.0, 5.0), (0.0, 4.0), (0.0, 3.0), (0.0, 3.5))
    assert (found.best_epoch, found.epochs_since_best, found.reductions) == (2, 1, 0)
    assert found.epochs_on_plateau == 1


def test_the_learning_rate_is_reduced_after_epochs_that_are_no_better() -> None:
    assert after((0.5, 2.0), (0.5, 2.0), (0.4, 1.0)).reductions == 1


def test_an_epoch_from_a_checkpoint_without_a_loss_loses_a_tie() -> None:
    before = Progress(epoch=3, best_f1=0.5, best_epoch=1, epochs_since_best=1)
    assert after((0.5, 7.0), progress=before).best_epoch == 3


def test_a_loss_that_is_not_finite_is_never_better_and_not_kept() -> None:
    for loss in (math.inf, math.nan):
        found = after((0.5, loss), (0.5, loss))
        assert (found.best_epoch, found.best_loss) == (0, None)
