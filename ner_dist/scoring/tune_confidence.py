"""A model's confidences on annotated sentences: thresholds that are found there, a calibration fitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ner_dist.contract.calibration import LEAST_TEMPERATURE, MOST_TEMPERATURE, Calibration
from ner_dist.evaluation.calibration import calibrate
from ner_dist.evaluation.judged_entities import judge_all
from ner_dist.evaluation.score_split import decode_batches
from ner_dist.evaluation.thresholds import Target, threshold_report
from ner_dist.model.entities import DecodedBatch
from ner_dist.ranks.comm import Comm, on_rank_0
from ner_dist.run import calibration as stored
from ner_dist.run import checkpoint
from ner_dist.scoring.open_model import OpenedModel, checkpoint_place, is_export
from ner_dist.scoring.score_model import Opening

# With fewer, the error is chance more than anything else.
_FEW_ENTITIES = 200


def tune_confidence(opening: Opening, wants_calibration: bool, target: Target | None, comm: Comm) -> str:
    """Calibrate the model, or find thresholds, or both in this order; returns what to print.

    Every rank must call it. Raises UserError on every rank.
    """
    model = opening.open(comm)
    batches = list(decode_batches(model.opened.network, model.opened.batches()))
    parts = []
    if wants_calibration:
        text, temperature = _calibrated(opening, model, batches, comm)
        batches = [decoded._replace(temperature=temperature) for decoded in batches]
        parts.append(text)
    if target is not None:
        judged = judge_all(batches, len(model.index.entity_types), comm)
        parts.append(f"thresholds for {target}, {_what(opening, model)}")
        parts.append(threshold_report(judged, model.index.entity_types, target))
    return "\n\n".join(parts)


def remove_calibration(opening: Opening, comm: Comm) -> str:
    """Returns what to print. Every rank must call it. Raises UserError on every rank."""
    return on_rank_0(comm, partial(_remove, opening))


def _calibrated(opening: Opening, model: OpenedModel, batches: Sequence[DecodedBatch], comm: Comm) -> tuple[str, float]:
    """What to print, and the temperature from now on."""
    what = "gold" if opening.gold else opening.split
    found = calibrate(batches, len(model.index.entity_types), what, comm)
    before = model.opened.network.temperature
    if found is None or not found.entities:
        return f"nothing to calibrate: no entities are predicted, {_what(opening, model)}", before
    change = (
        f"expected calibration error {found.error_before:.4f} -> {found.error_after:.4f} at temperature "
        f"{found.temperature:g}, over {found.entities:,} predicted entities, {_what(opening, model)}"
    )
    reason = _reason_against(found)
    if reason:
        return f"{change}\nnot stored: {reason}", before
    path = on_rank_0(comm, partial(_store, opening, found))
    few = "" if found.entities >= _FEW_ENTITIES else "\nthese are few entities, so the errors are rough"
    text = f"{change}{few}\nstored in {path}; predict, serve and Tagger use it, --calibrate none removes it"
    return text, found.temperature


def _reason_against(found: Calibration) -> str | None:
    if not LEAST_TEMPERATURE * 1.01 < found.temperature < MOST_TEMPERATURE / 1.01:
        return "the model is right about nearly everything there, or about nothing, so there is nothing to fit to"
    if found.error_after >= found.error_before:
        return "confidences are as well calibrated without"
    return None


def _store(opening: Opening, found: Calibration) -> Path:
    if is_export(opening.model):
        # Late: a run does without.
        from ner_dist.prediction import export_format

        export_format.set_calibration(opening.model, found)
        return opening.model / export_format.DESCRIPTION_NAME
    return stored.write(checkpoint_place(opening.model, opening.checkpoint), found)


def _remove(opening: Opening) -> str:
    if is_export(opening.model):
        from ner_dist.prediction import export_format

        if export_format.read(opening.model).calibration is None:
            return f"{opening.model} has no calibration"
        export_format.set_calibration(opening.model, None)
        return f"{opening.model}: the calibration is removed"
    place = checkpoint_place(opening.model, opening.checkpoint)
    checkpoint.find(place)
    path = stored.remove(place)
    return f"{opening.model} has no calibration" if path is None else f"{path} is removed"


def _what(opening: Opening, model: OpenedModel) -> str:
    return f"on {'the files' if opening.gold else opening.split} by {opening.model} ({model.origin})"
