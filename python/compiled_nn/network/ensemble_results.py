"""Results of the training of an ensemble: temperatures, weights of the members and out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..artefact.kept_member import KeptMember
from ..common import arithmetic
from ..common.errors import count
from ..data.arrays import Array
from ..data.marks import marks_of
from ..training.selection import greedy_weights
from ..training.stacks import loss_of_values
from ..training.targets import Targets
from ..uncertainty.calibration import fit_link_temperature

if TYPE_CHECKING:
    from cnn_core.stack import Stack

    from ..losses import Loss
    from ..training.ensemble_plan import EnsemblePlan
    from ..training.member import Member
    from ..training.together import Together
    from ..training.validation import Validation


class Results(NamedTuple):
    """Members that predict, their weights, and the out-of-fold predictions with the marks of their y.

    The last two are None and () without validation rows in X.
    """

    members: tuple[KeptMember, ...]
    weights: Array
    oof: Array | None
    marks: tuple[int, ...]


class _Validated(NamedTuple):
    """Predictions of a member for its validation rows, in the form in which they are averaged."""

    member: Member
    temperature: float
    part: Array


def results(
    together: Together, plan: EnsemblePlan, *, greedy: bool, calibrated: bool, n_threads: int | None
) -> Results:
    """Return the results for the weights that the members have kept.

    Parameters
    ----------
    together : Together
        Members after training.
    plan : EnsemblePlan
        Parameters of fit.
    greedy : bool
        Whether weights are chosen by greedy selection.
    calibrated : bool
        Whether the probabilities of members are calibrated.
    n_threads : int or None
        Number of threads.
    """
    members = [member for member in together.members if member.dropped is None]
    if together.held_out is None:
        return Results(kept(members, [1.0] * len(members)), np.full(len(members), 1 / len(members)), None, ())
    validated = [_validated(together, member, calibrated, n_threads) for member in members]
    weights = np.full(len(members), 1 / len(members))
    if greedy:
        weights = _chosen(together, plan, validated)
    oof: Array | None = None
    marks: tuple[int, ...] = ()
    if all(member.rows is not None for member in members):  # the validation rows are rows of X
        oof, marks = _out_of_fold(together, validated, weights), marks_of(together.held_out.y)
    return Results(kept(members, [each.temperature for each in validated]), weights, oof, marks)


def kept(members: Sequence[Member], temperatures: Sequence[float]) -> tuple[KeptMember, ...]:
    """Return members with the weights that they predict with."""
    return tuple(
        KeptMember(
            member.index,
            member.configuration,
            member.kept,
            temperature,
            member.best_epoch or member.epoch,
            member.history,
        )
        for member, temperature in zip(members, temperatures, strict=True)
    )


def _validated(together: Together, member: Member, calibrated: bool, n_threads: int | None) -> _Validated:
    rows, targets = together.part(member), together.targets
    loss, temperature = targets.loss, 1.0
    calibrates = loss.classifies and not loss.ordered
    outputs = _forward(member.kept, rows, member, n_threads, link=not calibrates)
    if calibrates:
        if calibrated:
            temperature = fit_link_temperature(loss.link, outputs, rows.y, rows.weights)
        outputs = arithmetic.activate(loss.link, outputs / temperature)
    return _Validated(member, temperature, loss.to_mean(outputs, _reference(rows, targets)))


def _forward(stack: Stack, rows: Validation, member: Member, n_threads: int | None, *, link: bool) -> Array:
    outputs = stack.forward(rows.X, link=link, scale=member.objective.scale, n_threads=n_threads)
    return outputs.astype(np.float64)


def _reference(rows: Validation, targets: Targets) -> Array:
    """Return outputs (m, n_outputs) to which the form of means is relative: the true values."""
    if targets.kind != "values":
        return rows.y
    y = targets.standardized(rows.y)
    return np.tile(y, targets.n_outputs // y.shape[1])


# ---- greedy selection


def _chosen(together: Together, plan: EnsemblePlan, validated: Sequence[_Validated]) -> Array:
    """Return the weights of members that greedy selection chooses; with folds, of all members of a repeat alike."""
    size, held_out, targets = plan.n_folds, together.held_out, together.targets
    assert held_out is not None
    units: dict[int, list[int]] = {}
    for i, each in enumerate(validated):
        units.setdefault(each.member.index // size, []).append(i)
    if size == 1:
        rows, parts = together.part(validated[0].member), [each.part for each in validated]
    else:
        complete = {unit: found for unit, found in units.items() if len(found) == size}
        if len(complete) < len(units):
            return np.full(len(validated), 1 / len(validated))  # a member of a repeat has diverged
        rows, parts = held_out, []
        for found in units.values():
            part = np.empty((len(held_out.y), validated[0].part.shape[1]))
            for i in found:
                part[validated[i].member.rows] = validated[i].part
            parts.append(part)
    loss = _LossOfMean(rows, targets, plan.monitor == "val_score", validated[0].member.objective.activated)
    chosen = greedy_weights(parts, loss)
    weights = np.zeros(len(validated))
    for found, weight in zip(units.values(), chosen.tolist(), strict=True):
        weights[found] = weight / len(found)
    return weights


class _LossOfMean:
    """Loss of the mean of the predictions for rows, or its negative score."""

    def __init__(self, rows: Validation, targets: Targets, scores: bool, activated: bool) -> None:
        self._rows, self._targets, self._scores, self._activated = rows, targets, scores, activated
        self._reference = _reference(rows, targets)

    def __call__(self, mean: Array) -> float:
        """Return the loss of a mean (m, n)."""
        rows, targets = self._rows, self._targets
        loss = targets.loss
        outputs = loss.from_mean(mean, self._reference)
        if self._scores:
            return -targets.score(rows.y, targets.in_units(outputs), rows.weights)
        if targets.kind == "values":
            if loss.link == "exp" and not self._activated:
                outputs = _log(outputs)
            return loss_of_values(loss, outputs, targets.standardized(rows.y), rows.weights)
        losses = _class_losses(loss, loss.probabilities(outputs), rows.y)
        return float(np.average(losses, weights=rows.weights))


def _class_losses(loss: Loss, p: Array, y: Array) -> Array:
    """Return the log loss of each row (m,), from the probabilities p (m, n) and class indices or shares y."""
    if y.ndim == 1:
        return -_log(p[np.arange(len(p)), y])
    logs = y * _log(p) if loss.link == "softmax" else y * _log(p) + (1 - y) * _log(1 - p)
    losses: Array = -logs.sum(axis=1)
    return losses


def _log(p: Array) -> Array:
    return arithmetic.log(np.maximum(p, np.finfo(np.float64).tiny))


# ---- out-of-fold predictions


def _out_of_fold(together: Together, validated: Sequence[_Validated], weights: Array) -> Array:
    """Return the weighted mean of the predictions of the members that validated a row, NaN for other rows."""
    held_out, targets = together.held_out, together.targets
    assert held_out is not None
    total = np.zeros((len(held_out.y), validated[0].part.shape[1]))
    sums = np.zeros((len(held_out.y), 1))
    for each, weight in zip(validated, weights.tolist(), strict=True):
        total[each.member.rows] += weight * each.part
        sums[each.member.rows] += weight
    found = np.flatnonzero(sums[:, 0] > 0)
    reference = _reference(held_out, targets)[found]
    outputs = targets.loss.from_mean(total[found] / sums[found], reference)
    predicted = _decoded(targets, targets.in_units(outputs) if targets.kind == "values" else outputs)
    oof = np.full((len(total), predicted.shape[1]), np.nan)
    oof[found] = predicted
    return oof[:, 0] if targets.kind == "values" and oof.shape[1] == 1 else oof


def _decoded(targets: Targets, outputs: Array) -> Array:
    """Return probabilities of all classes, or values, from outputs after the link in units of y."""
    if targets.kind == "values":
        return targets.loss.values(outputs)
    p = targets.loss.probabilities(outputs)
    return np.concatenate([1 - p, p], axis=1) if p.shape[1] == 1 and targets.kind == "classes" else p


def out_of_fold_scores(oof: Array, y: Any, marks: tuple[int, ...], targets: Targets, dtype: str) -> Array:
    """Return the conformal scores (n, k) of the rows with out-of-fold predictions.

    `y` is that of all rows of fit, and `marks` are the marks of the encoded y of fit.
    """
    from ..uncertainty import conformal  # imported here to keep `import compiled_nn` fast

    loss = targets.loss
    if loss.name == "gaussian_nll":
        raise ValueError(
            "calibrate_intervals(None, y) does not apply to the loss gaussian_nll: its intervals are multiples of the"
            " standard deviation, which oof_ does not have. Pass rows that were held out of fit."
        )
    if len(y) != len(oof):
        raise ValueError(f"y has {count(len(y), 'row')}; X of the last fit had {len(oof)}.")
    predicted = oof.reshape(len(oof), -1)
    rows = np.isfinite(predicted).all(axis=1)
    encoded = targets.encode(y, dtype, scaled=False)
    if marks_of(encoded) != marks:
        raise ValueError(
            "y is not that of the last fit, whose rows oof_ has predictions for. Pass the same y in the same order; or"
            " pass X as well, with rows that were held out of fit."
        )
    encoded, predicted = encoded[rows], predicted[rows]
    if targets.kind == "indicator":
        raise ValueError("Prediction sets need one class per row; y has any number of labels per row.")
    if targets.kind == "classes":
        return conformal.lac(predicted, targets.indices(encoded), classes=np.arange(predicted.shape[1]))
    n = encoded.shape[1]  # "quantile" has several values per column of y, in increasing order
    return conformal.cqr(predicted[:, :n], predicted[:, -n:], encoded)
