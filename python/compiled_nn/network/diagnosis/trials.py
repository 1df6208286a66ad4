"""Trials: short trainings of copies, of a reference network and of the network with other parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ... import optimizers
from ...data.arrays import Array
from ...losses.values import Gamma, MeanSquaredError, Poisson, Tweedie
from ...optimizers.classes import Adam
from ...preprocessing.standardization import Statistics
from ...spec.layers import Dense, draw_weights
from ...training.stacks import new_stack, states_of
from ...training.trainer import Trainer, new_generator
from .findings import OPTIMIZER_PARAMETERS, changed_layers
from .subject import Subject, quality, rank_correlation

if TYPE_CHECKING:
    from cnn_core.stack import Objective, Stack

    from ...spec.configuration import Configuration

BATCH = 32
STEPS = 600  # steps of a trial, unless the work would be above _WORK
_SHORT = 100  # steps of a trial of a learning rate
_WORK = 4e8  # products of a row and a parameter in a trial, below a second
_LEAST = 20  # smallest number of steps of a trial
_RATES = tuple(10 ** (i / 2) for i in range(-10, 3))  # 1e-5 to 10
_NEAR = 0.02  # share of the decrease of the loss that a smaller learning rate may miss
_FALLEN = 0.7  # loss after a short trial divided by that before, at a learning rate that is not too high
_HIDDEN = (16, 64)  # smallest and largest number of units of the reference network
_WEIGHTS = 200_000  # largest number of weights of its hidden layer, if that has more than the smallest number
_REFERENCE_L2 = 0.02
_FOLDS = 4
_PERMUTATIONS = 3
_PENALTIES = (0.003, 0.01, 0.03, 0.1)
_GAIN = 0.02  # smallest gain in quality of a penalty


class Setting(NamedTuple):
    """Stack with initial weights, and the data and the objective to train it with."""

    stack: Stack
    y: Array
    objective: Objective
    configuration: Configuration


def prepare(subject: Subject, change: Mapping[str, Any], y: Array | None = None) -> Setting:
    """Return the network of a subject with a change and initial weights; `y` replaces the encoded y.

    A change may have "learning_rate", "weight_decay", "loss", "standardize", "scale_targets", "l1", "l2",
    "input_dropout", "clip_norm", "clip_value", and the changes of layers.
    """
    c = subject.configuration
    options = {name: change[name] for name in _OPTIONS if name in change}
    layers = changed_layers(c, change)
    # Average weights are of no use in a short trial.
    new = c.replace(**options, layers=layers, ema=None)
    of_optimizer = {name: change[name] for name in OPTIMIZER_PARAMETERS if name in change}
    if of_optimizer:
        new = new.replace(optimizer=replace(new.optimizer, **of_optimizer))
    if layers == c.layers and "seed" not in change:
        stack = new_stack(new, _states(subject))
    else:
        rng = new_generator(change.get("seed", 0))
        stack = new_stack(new, states_of(draw_weights(new.layers, rng, subject.inputs.n_inputs)))
    statistics = None
    if new.standardize:
        initial = subject.initial.statistics
        statistics = Statistics(*initial) if c.standardize and initial is not None else subject.statistics
    subject.inputs.replace(scaling=new.scaling, scale=new.scale).set_in(stack, statistics)
    objective = subject.objective.replace(l1=new.l1, l2=new.l2, scale=new.scale)
    if "loss" in change:
        objective = objective.replace(loss=new.loss.core)
    if y is None:
        assert subject.y is not None
        y = scaled_values(subject) if change.get("scale_targets") else subject.y
    return Setting(stack, y, objective, new)


_OPTIONS = (
    *("l1", "l2", "input_dropout", "clip_norm", "clip_value"),
    *("standardize", "scale_targets", "optimizer", "loss"),
)


def _states(subject: Subject) -> Any:
    from ...training.weights import layer_views

    return layer_views(subject.initial)


def scaled_values(subject: Subject) -> Array:
    """Return y as scale_targets=True would encode it."""
    values = subject.values
    assert values is not None
    scale = values.std(axis=0)
    scaled: Array = (values - values.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    return scaled.astype(subject.configuration.dtype)


def n_steps(stack: Stack, most: int) -> int:
    """Return the number of steps of a trial of a stack."""
    return int(min(most, max(_LEAST, _WORK / (BATCH * (stack.n_parameters + 100)))))


def train(setting: Setting, X: Array, rows: Array, steps: int, judge: Any = None) -> None:
    """Train a stack for some steps on some rows; `judge` is called after each epoch and can return True to stop."""
    stack, y, objective, c = setting
    trainer, rng = Trainer(stack, 0), new_generator(1)
    trainer.set_optimizer(c.optimizer)
    size = min(BATCH, len(rows))
    per_epoch = max(len(rows) // size, 1)
    for epoch in range(math.ceil(steps / per_epoch)):
        order = rows[rng.permutation(len(rows))[: per_epoch * size]].astype(np.int64)
        rates = optimizers.learning_rates(c.optimizer, stack.steps, per_epoch, epoch)
        stack.train(X, y, objective, order, rates, batch_size=size)
        if judge is not None and judge():
            return


def reached(subject: Subject, change: Mapping[str, Any]) -> float:
    """Return the quality that the network with a change reaches on its training rows; -inf if it diverges."""
    setting, targets = prepare(subject, change), subject.targets
    assert targets is not None
    train(setting, subject.X, np.arange(len(subject.X)), n_steps(setting.stack, STEPS))
    c = setting.configuration
    outputs = setting.stack.forward(subject.X, scale=c.scale, n_threads=subject.objective.n_threads)
    return -np.inf if not np.isfinite(outputs).all() else quality(targets, setting.y, outputs)


def falls(subject: Subject, change: Mapping[str, Any]) -> bool:
    """Whether the loss falls clearly in a short trial of the network with a change."""
    setting = prepare(subject, change)
    judged = setting.objective.replace(l1=0.0, l2=0.0)
    start = setting.stack.loss(subject.X, setting.y, judged)[0]
    train(setting, subject.X, np.arange(len(subject.X)), n_steps(setting.stack, _SHORT))
    return setting.stack.loss(subject.X, setting.y, judged)[0] < _FALLEN * start


def best_rate(subject: Subject, change: Mapping[str, Any]) -> float | None:
    """Return a learning rate at which the loss falls most in a short trial, or one that is nearly as good and smaller.

    None if the loss falls at no rate.
    """
    losses = []
    start = math.inf
    rows = np.arange(len(subject.X))
    for rate in _RATES:
        setting = prepare(subject, {**change, "learning_rate": rate})
        judged = setting.objective.replace(l1=0.0, l2=0.0)
        start = setting.stack.loss(subject.X, setting.y, judged)[0]
        train(setting, subject.X, rows, n_steps(setting.stack, _SHORT))
        loss = setting.stack.loss(subject.X, setting.y, judged)[0]
        losses.append(loss if math.isfinite(loss) else math.inf)
    best = min(losses)
    if not best < start:
        return None
    enough = best + _NEAR * (start - best) if math.isfinite(start) else best
    return float(f"{next(r for r, loss in zip(_RATES, losses, strict=True) if loss <= enough):.1g}")


# ---- reference


class Reference(NamedTuple):
    """Out-of-fold results of the reference network.

    Attributes
    ----------
    quality : float
        Quality of the predictions, each by a network that was trained on other rows.
    rank : float
        Largest rank correlation of a column of y with its predictions; for classes, of their indicators.
    outputs : ndarray (m, n_outputs)
        These predictions.
    """

    quality: float
    rank: float
    outputs: Array


def reference_change(subject: Subject) -> dict[str, Any]:
    """Return the change of the configuration to the reference network."""
    last, (least, most) = subject.configuration.layers[-1], _HIDDEN
    change: dict[str, Any] = {
        "layers": (
            Dense(min(most, max(least, _WEIGHTS // subject.inputs.n_inputs)), "relu"),
            Dense(last.units),
        ),
        "standardize": True,
        "optimizer": Adam(0.01),
        "loss": subject.configuration.loss.unsmoothed,
        **{"l1": 0.0, "l2": _REFERENCE_L2, "input_dropout": 0.0, "clip_norm": None, "clip_value": None},
    }
    if subject.objective.penalty_per_row:
        change["l2"] *= BATCH  # the penalty is divided by the rows of a batch
    if can_scale_targets(subject):
        change["scale_targets"] = True
    elif subject.values is not None and not subject.configuration.scale_targets and not _has_units(subject):
        # Outputs of another link or loss can be far from y at the start, so that 600 steps do not reach it.
        columns = subject.values.shape[1]
        change |= {"loss": MeanSquaredError(), "scale_targets": True}
        change["layers"] = (change["layers"][0], Dense(columns))
    return change


def can_scale_targets(subject: Subject) -> bool:
    """Whether y consists of values that the last layer outputs without a link, and is not scaled yet."""
    c = subject.configuration
    if subject.values is None or c.scale_targets or c.activation_names[-1] != "identity":
        return False
    return bool(subject.values.std(axis=0).min() > 0)


def _has_units(subject: Subject) -> bool:
    """Whether the loss is a deviance of positive means, whose D^2 is the same in all units of y."""
    return isinstance(subject.configuration.loss, Poisson | Gamma | Tweedie)


def reference(subject: Subject, permutation: Array | None = None) -> Reference:
    """Return the out-of-fold predictions of the reference network, each by the best epoch.

    With `permutation`, it is trained and judged on y in another order.
    """
    change = reference_change(subject)
    y = scaled_values(subject) if change.get("scale_targets") else subject.y
    assert y is not None
    if _has_units(subject):
        y = y / y.mean(axis=0)  # the first outputs of exp are near 1
    return out_of_fold(subject, change, y if permutation is None else y[permutation], best_epoch=True)


def out_of_fold(subject: Subject, change: Mapping[str, Any], y: Array, *, best_epoch: bool) -> Reference:
    """Predict each quarter of the rows by the network with a change, trained on the other rows.

    `best_epoch`: by the weights of the epoch with the lowest loss of this quarter, in place of the last ones.
    """
    targets, m = subject.targets, len(subject.X)
    assert targets is not None
    outputs = np.zeros((m, changed_layers(subject.configuration, change)[-1].units))
    folds = new_generator(2).permutation(m) % _FOLDS
    for fold in range(_FOLDS):
        rows, judged = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        setting = prepare(subject, change, y)
        outputs[judged] = _held_out(subject, setting, rows, judged, best_epoch)
    return Reference(quality(targets, y, outputs), rank_correlation(targets, y, outputs), outputs)


def _held_out(subject: Subject, setting: Setting, rows: Array, judged: Array, best_epoch: bool) -> Array:
    """Train on some rows, and return the outputs for other ones."""
    X, y, steps = subject.X, setting.y, n_steps(setting.stack, STEPS)
    X_judged, y_judged, c = X[judged], y[judged], setting.configuration
    held_out = setting.objective.replace(l1=0.0, l2=0.0)
    best, found = math.inf, np.zeros(0)

    def predict() -> Array:
        return setting.stack.forward(X_judged, scale=c.scale, n_threads=subject.objective.n_threads)

    def judge() -> bool:
        nonlocal best, found
        loss = setting.stack.loss(X_judged, y_judged, held_out)[0]
        if loss < best or not found.size:
            best, found = loss, predict()
        return False

    train(setting, X, rows, steps, judge if best_epoch else None)
    return found if best_epoch else predict()


def best_penalty(subject: Subject) -> float | None:
    """Return the l2 whose networks predict held-out rows best; None if none is better than the present one."""
    y, found = subject.y, {}
    assert y is not None
    present = subject.configuration.l2
    for l2 in (present, *_PENALTIES):
        # With a penalty that is divided by the rows of a batch, l2 is that of the mean loss too.
        factor = BATCH if subject.objective.penalty_per_row and l2 != present else 1.0
        found[l2] = out_of_fold(subject, {"l2": l2 * factor}, y, best_epoch=False).quality
    best = max(found, key=lambda l2: found[l2])
    return best if found[best] > found[present] + _GAIN else None


def permuted(subject: Subject) -> Sequence[Reference]:
    """Return the results of reference networks for y in random orders."""
    rng = new_generator(3)
    return [reference(subject, rng.permutation(len(subject.X))) for _ in range(_PERMUTATIONS)]
