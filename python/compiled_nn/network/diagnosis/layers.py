"""Checks of the layers: units without a gradient, saturation, and the variation that passes from the input on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from cnn_core.layers import Layers

from ...common import arithmetic
from ...data.arrays import Array
from ...training.weights import assign_layers, layer_views
from . import trials
from .findings import Finding
from .subject import Subject, variation

if TYPE_CHECKING:
    from cnn_core.stack import Stack

# In networks that learn well, a third of the units of a layer can be dead, and two thirds of its derivatives can be
# saturated: this is so in the Fashion-MNIST network of the tutorials, whose accuracy is 87 %. Without scaling of the
# inputs, 99 % of its derivatives are saturated.
_DEAD = 0.5  # fraction of dead units of a relu or relu6 layer
# |z| above which f' is below a thousandth of its maximum.
_SATURATED = {"sigmoid": 8.3, "tanh": 4.15, "softsign": 30.6, "hard_sigmoid": 3.0, "hard_tanh": 1.0}
_DYING = ("relu", "relu6")  # activations whose value and derivative are 0 for negative numbers
_STUCK = 0.9  # fraction of saturated derivatives of a layer
_SIGNAL = 1e-3  # variation of outputs divided by that of inputs; it changes the fourth digit of a probability
_DEEP = 4  # number of hidden layers above which a shallower network is a remedy
_SEEDS = 20  # number of seeds that are tried
_USEFUL = 0.3  # quality of a trial that shows that a remedy helps


def check_layers(subject: Subject, inputs: Array, unscaled: bool) -> Iterator[Finding]:
    """Yield the findings about the layers with the present weights; `inputs` are the rows as the first one has them."""
    stack = subject.stack
    a = inputs.astype(stack.dtype)
    start = variation(a)
    before, gains = start, []
    for i, activation in enumerate(stack.activations):
        z = outputs_of_layer(subject, i, "identity", a)
        if i == len(stack.activations) - 1:
            after = variation(z)
        else:
            below, a = a, outputs_of_layer(subject, i, activation, a)
            yield from _units(subject, i, z, a, unscaled)
            if stack.residuals[i]:
                a = a + below
            elif activation in _DYING and not a.any():
                return  # the outputs are 0, so that later layers have no further findings
            after = variation(a)
        gains.append(after / before if before > 0 else 1.0)
        before = after
    if start > 0 and before < _SIGNAL * _needed(subject, start) and _vanishes_initially(subject, start):
        weakest = int(np.argmin(gains))
        change = _change_for_signal(subject)
        yield subject.finding(
            "vanishing_signal",
            f"inputs vary by {start:.2g}, outputs by {before:.2g}; this layer multiplies the variation by"
            f" {gains[weakest]:.2g}",
            {"inputs": start, "outputs": before, "gain": gains[weakest]},
            change,
            layer=weakest,
            tail="" if change else "fewer layers",
        )


def _needed(subject: Subject, start: float) -> float:
    """Return the variation that outputs should have; 0 if it is unknown."""
    if subject.configuration.loss.classifies or not subject.trained:
        return start
    # A trained network for values may have small outputs, because y can be small.
    return 0.0 if subject.y is None else min(start, variation(subject.y))


def _vanishes_initially(subject: Subject, start: float) -> bool:
    """Whether the signal vanishes for the initial weights too; otherwise training has made it vanish."""
    if not subject.trained:
        return True
    return variation(subject.forward(subject.initial, subject.X)) < _SIGNAL * start


def _change_for_signal(subject: Subject) -> dict[str, Any]:
    """Return a change after which the signal passes, the smallest one that works in a trial if y is given."""
    c = subject.configuration
    candidates: list[dict[str, Any]] = []
    if not subject.default_start:
        candidates.append({"init": None})
    if len(c.layers) > _DEEP:
        candidates += [{"norm": "batch"}, {"activation": "relu", "norm": "batch"}]
        if not c.layers[0].blocks:
            candidates.append({"layers": [*c.layers[:2], c.layers[-1]]})
            candidates.append({"layers": list(trials.reference_change(subject)["layers"])})
    else:
        candidates.append({"seed": (c.seed or 0) + 1})
    if subject.y is None:
        return candidates[0]
    if len(candidates) > 1:
        reached = [trials.reached(subject, change) for change in candidates]
        best = max(reached)
        if best > _USEFUL:
            return next(
                change for change, value in zip(candidates, reached, strict=True) if value > 0.8 * best
            )
    return candidates[0]


def outputs_of_layer(
    subject: Subject, i: int, activation: Any, below: Array, *, running: bool = False
) -> Array:
    """Return the outputs of layer `i` for the outputs of the layer below, with the given activation.

    A layer with batch normalisation that is trainable normalises by the statistics of the rows, as in training; with
    `running` by the running statistics, as in prediction.
    """
    stack, n_threads = subject.stack, subject.objective.n_threads
    (k, n), norm = stack.sizes[i : i + 2], stack.norms[i]
    # The last layer of a stack cannot be normalised, so an unused layer is added after it.
    layer = Layers(
        (k, n, 1), (activation, "identity"), (stack.biases[i], False), stack.dtype, norms=(norm, None)
    )
    views = layer_views(stack, stack.parameters)
    assign_layers(layer_views(layer, layer.parameters)[:1], [views[i]])
    copied = layer.running_statistics()[0]
    if copied is not None:
        Z = arithmetic.matmul(below, views[i]["weight"])
        # Layers are counted from the last one, because before fit the embedding layer is not in the configuration.
        trainable = subject.configuration.layers[i - len(stack.norms)].trainable and not running
        statistics = (Z.mean(axis=0), Z.var(axis=0)) if trainable else stack.running_statistics()[i]
        copied[0][:], copied[1][:] = cast("tuple[Array, Array]", statistics)
    return layer.hidden(below, 1, n_threads=n_threads)


def _units(subject: Subject, i: int, z: Array, a: Array, unscaled: bool) -> Iterator[Finding]:
    """Yield the findings about units of a hidden layer without gradient; z (m, n) is before the activation, a after."""
    activation, n = subject.stack.activations[i], a.shape[1]
    if activation in _DYING:
        dead = n - int(a.any(axis=0).sum())
        if dead < _DEAD * n:
            return
        numbers = {"dead": float(dead), "units": float(n), "share": dead / n}
        name, text = "dead_units", f"{dead} of {n} units are 0 for every row"
        if dead == n:
            name = "dead_layer"
            text = f"all {n} units are 0 for every row: the outputs do not depend on X, and the gradient is 0"
        change = _change_for_dead(subject)
        if subject.uses_rate or "learning_rate" not in change:
            yield subject.finding(name, text, numbers, change, layer=i)
    elif activation in _SATURATED:
        share = float((np.abs(z) > _SATURATED[activation]).mean())
        if share < _STUCK:
            return
        change = {"standardize": True} if subject.default_start else {"init": None}
        if unscaled and i == 0:
            change = {"standardize": True}
        elif subject.trained:
            change = _smaller_rate(subject)
        yield subject.finding(
            "saturated_units",
            f"{share:.1%} of the {activation} derivatives are below a thousandth of their maximum",
            {"share": share, "units": float(n)},
            change,
            layer=i,
        )


def _smaller_rate(subject: Subject) -> dict[str, Any]:
    """Return a learning rate for new training: the best one of short trials, at most a tenth of the present one."""
    rate = subject.first_rate / 10
    found = None if subject.y is None else trials.best_rate(subject, {})
    return {"learning_rate": float(f"{rate if found is None else min(rate, found):.1g}")}


def _change_for_dead(subject: Subject) -> dict[str, Any]:
    """Return a change after which fewer units are dead: of the initial weights if it is they that are at fault."""
    if subject.trained and _dead_share(subject, subject.initial) < _DEAD:
        return _smaller_rate(subject)
    if not subject.default_start:
        return {"init": None}
    return {"seed": min(range(_SEEDS), key=lambda seed: _dead_share(subject, _drawn_stack(subject, seed)))}


def _drawn_stack(subject: Subject, seed: int) -> Stack:
    return trials.prepare(subject, {"seed": seed}, subject.X).stack  # without training, y is not used


def _dead_share(subject: Subject, stack: Stack) -> float:
    """Return the largest share of dead units of a layer of a stack."""
    worst = 0.0
    for i, activation in enumerate(stack.activations[:-1]):
        if activation in _DYING:
            a = stack.hidden(subject.X, i + 1, scale=subject.configuration.scale)
            worst = max(worst, 1 - float(a.any(axis=0).mean()))
    return worst
