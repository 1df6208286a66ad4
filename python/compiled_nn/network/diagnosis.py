"""Diagnosis: why a network does not learn, named, with a remedy each; see :meth:`compiled_nn.Network.diagnose`.

A threshold is where learning stands still or falls apart, not where it could be better: a network that learns well
must come out healthy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from cnn_core.layers import Layers

from .. import optimizers
from ..common import arithmetic
from ..data.arrays import Array
from ..data.samples import Samples
from ..training.trainer import new_generator
from ..training.weights import assign_layers, layer_views

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnn_core.stack import Objective, Stack

    from ..common.protocols import History
    from ..spec.configuration import Configuration
    from ..training.targets import Targets

_ROWS = 4096  # at most so many are looked at, drawn at random: shares are known to a hundredth then
_NUMBERS = 1 << 22  # of sparse rows, no more than fill so many with their zeros
# A layer starts with weights of about 1 / sqrt(k), so that its sums are about as large as its k inputs: at 10, a
# sigmoid passes 5e-5 of a gradient. The gradient of its weights is as small as the inputs: at 0.01, they need a
# hundred times the learning rate of the layers above.
_LARGE, _SMALL = 10.0, 0.01
# Networks that learn well have been seen to lose a third of a layer's units, and to saturate two thirds of its
# derivatives: the tutorial's Fashion-MNIST network does, at 87 %. What that network loses without scaling is 99 %.
_DEAD = 0.5  # of a relu or relu6 layer's units
# |z| beyond which f' is below a thousandth of its maximum.
_SATURATED = {"sigmoid": 8.3, "tanh": 4.15, "softsign": 30.6, "hard_sigmoid": 3.0, "hard_tanh": 1.0}
_DYING = ("relu", "relu6")  # 0, and without a gradient, for what is below 0
_STUCK = 0.9  # of a layer's derivatives below that
_SIGNAL = 1e-3  # variation of outputs over that of inputs: a probability then moves in its fourth digit
_STEP = 1.0  # size of a step over the size of the weights: nothing is left of what they were; usual are 1e-4 to 1e-2
_FEWEST = 10  # rows from which one predicted class says something


@dataclass(frozen=True)
class Finding:
    """One thing that keeps a network from learning.

    Attributes
    ----------
    name : str
        "unscaled_input", "dead_layer", "dead_units", "saturated_units", "vanishing_signal", "exploding_rate" or
        "class_collapse".
    layer : int or None
        Which layer, from 0; None for the network as a whole.
    numbers : dict of str to float
        What was measured.
    text : str
        The same in words.
    remedy : str
        What to try first.
    """

    name: str
    layer: int | None
    numbers: dict[str, float]
    text: str
    remedy: str


class Diagnosis(tuple[Finding, ...]):
    """Findings, from the input to the output: a tuple, empty for a healthy network, that prints as a table."""

    __slots__ = ()

    def __str__(self) -> str:
        if not self:
            return "nothing found"
        where = ["network" if finding.layer is None else f"layer {finding.layer}" for finding in self]
        names = max(len(finding.name) for finding in self)
        places = max(map(len, where))
        lines = []
        for finding, place in zip(self, where, strict=True):
            lines.append(f"{finding.name:<{names}}  {place:<{places}}  {finding.text}")
            lines.append(f"{'':<{names}}  {'':<{places}}  -> {finding.remedy}")
        return "\n".join(lines)

    __repr__ = __str__


@dataclass(frozen=True)
class Subject:
    """What is examined.

    Attributes
    ----------
    stack : Stack
        With its weights and, where it standardises, its statistics.
    configuration : Configuration
    X : ndarray (m, k)
        As the core takes it.
    y : ndarray or None
        Encoded.
    known : Targets or None
        What y means.
    trained : bool
        Whether the weights come from training.
    history : dict of lists
    objective : Objective
    """

    stack: Stack
    configuration: Configuration
    X: Samples
    y: Array | None
    known: Targets | None
    trained: bool
    history: History
    objective: Objective

    @property
    def default_start(self) -> bool:
        """Whether all layers draw their initial weights by default."""
        return all(layer.init is None for layer in self.configuration.layers)


def examine(subject: Subject) -> Diagnosis:
    """Return what is wrong with a network on X, and y where it is given."""
    X, y = _drawn(subject)
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # numbers out of range are what some findings are about
        inputs = _as_seen(subject, X)
        found = list(_input(subject, inputs))
        found += _layers(subject, inputs, unscaled=bool(found))
        found += _rate(subject, X, y)
        found += _classes(subject, X, y, found)
    return Diagnosis(found)


def _drawn(subject: Subject) -> tuple[Array, Array | None]:
    """The rows to look at, all that are not too many; as an array."""
    X, y, most = subject.X, subject.y, _ROWS
    rows: Any = slice(None)
    if not isinstance(X, np.ndarray):
        most = min(_ROWS, max(_FEWEST, _NUMBERS // X.shape[1]))
        rows = np.arange(len(X))
    if len(X) > most:
        rows = np.sort(new_generator(0).choice(len(X), most, replace=False))
    return X[rows] if isinstance(X, np.ndarray) else X.take(rows), None if y is None else y[rows]


def _as_seen(subject: Subject, X: Array) -> Array:
    """Rows as the first layer takes them, float64."""
    seen = X.astype(np.float64)
    if subject.stack.statistics is None:
        return seen * subject.objective.scale
    mean, scale = subject.stack.statistics
    standardised: Array = (seen - mean) / scale
    return standardised


def _input(subject: Subject, inputs: Array) -> Iterator[Finding]:
    sizes = np.sqrt((inputs**2).mean(axis=0))
    large = sizes > _LARGE
    if not large.any() and not 0 < sizes.max() < _SMALL:
        return
    low, high = float(inputs.min()), float(inputs.max())
    numbers = {"smallest": low, "largest": high, "size": float(sizes.max()), "columns": float(large.sum())}
    which = f"{large.sum()} of {len(sizes)} columns" if large.any() else "all columns"
    text = f"the first layer takes numbers from {low:.4g} to {high:.4g}; {which} are far from 1"
    remedy = "standardize=True"
    if subject.stack.statistics is not None:
        text += " once standardised"
        remedy = "give X in the units of the X that fit learned mean_ and scale_ from"
    yield Finding("unscaled_input", None, numbers, text, remedy)


# ---- layers


def _layers(subject: Subject, inputs: Array, unscaled: bool) -> Iterator[Finding]:
    stack = subject.stack
    a = inputs.astype(stack.dtype)
    start = _variation(a)
    before, gains = start, []
    for i, activation in enumerate(stack.activations):
        z = _outputs(subject, i, "identity", a)
        if i == len(stack.activations) - 1:
            after = _variation(z)
        else:
            below, a = a, _outputs(subject, i, activation, a)
            yield from _units(subject, i, z, a, unscaled)
            if stack.residuals[i]:
                a = a + below
            elif activation in _DYING and not a.any():
                return  # nothing comes through: what is above says nothing more
            after = _variation(a)
        gains.append(after / before if before > 0 else 1.0)
        before = after
    # Values may be as small as they like once a network has learned them.
    judged = subject.configuration.loss.classifies or not subject.trained
    if judged and start > 0 and before < _SIGNAL * start:
        weakest = int(np.argmin(gains))
        yield Finding(
            "vanishing_signal",
            weakest,
            {"inputs": start, "outputs": before, "gain": gains[weakest]},
            f"inputs vary by {start:.2g}, outputs by {before:.2g}; this layer passes {gains[weakest]:.2g} of it",
            "another seed"
            if subject.default_start
            else "leave init out: the default keeps the signal's size",
        )


def _outputs(subject: Subject, i: int, activation: Any, below: Array) -> Array:
    """What a layer makes of the outputs of the one below, with another activation than its own if need be."""
    stack, n_threads = subject.stack, subject.objective.n_threads
    (k, n), norm = stack.sizes[i : i + 2], stack.norms[i]
    # A last layer cannot be normalised: one that nobody asks is put on top.
    layer = Layers(
        (k, n, 1), (activation, "identity"), (stack.biases[i], False), stack.dtype, norms=(norm, None)
    )
    views = layer_views(stack, stack.parameters)
    assign_layers(layer_views(layer, layer.parameters)[:1], [views[i]])
    running = layer.running_statistics()[0]
    if running is not None:
        Z = arithmetic.matmul(below, views[i]["weight"])
        # From the last layer on: before fit, that of embeddings is not among the layers. One that learns normalises
        # by the rows of a batch.
        learns = subject.configuration.layers[i - len(stack.norms)].trainable
        statistics = (Z.mean(axis=0), Z.var(axis=0)) if learns else stack.running_statistics()[i]
        running[0][:], running[1][:] = cast("tuple[Array, Array]", statistics)
    return layer.hidden(below, 1, n_threads=n_threads)


def _variation(a: Array) -> float:
    """Root mean square of the deviations of the columns from their means."""
    return float(np.sqrt(a.var(axis=0, dtype=np.float64).mean()))


def _units(subject: Subject, i: int, z: Array, a: Array, unscaled: bool) -> Iterator[Finding]:
    """Units of a hidden layer that pass no gradient; z (m, n) before the activation, a after it."""
    activation, n = subject.stack.activations[i], a.shape[1]
    smaller = f"train anew with a learning rate of {_rate_of_next_step(subject) / 10:.2g}"
    if activation in _DYING:
        dead = n - int(a.any(axis=0).sum())
        numbers = {"dead": float(dead), "units": float(n), "share": dead / n}
        if dead == n:
            text = f"all {n} units are 0 for every row: nothing reaches the output, no gradient comes back"
            yield Finding("dead_layer", i, numbers, text, smaller if subject.trained else "another seed")
        elif dead >= _DEAD * n:
            text = f"{dead} of {n} units are 0 for every row"
            yield Finding("dead_units", i, numbers, text, smaller if subject.trained else "another seed")
    elif activation in _SATURATED:
        share = float((np.abs(z) > _SATURATED[activation]).mean())
        if share >= _STUCK:
            remedy = (
                "standardize=True"
                if subject.default_start
                else "leave init out: the default suits the activation"
            )
            if unscaled and i == 0:
                remedy = "standardize=True"
            elif subject.trained:
                remedy = smaller
            yield Finding(
                "saturated_units",
                i,
                {"share": share, "units": float(n)},
                f"{share:.1%} of the {activation} derivatives are below a thousandth of their maximum",
                remedy,
            )


# ---- training


def _rate_of_next_step(subject: Subject) -> float:
    optimizer, epoch = subject.configuration.optimizer, len(subject.history["epoch"])
    return float(optimizers.learning_rates(optimizer, subject.stack.steps, 1, epoch)[0])


def _rate(subject: Subject, X: Array, y: Array | None) -> Iterator[Finding]:
    rate, losses = _rate_of_next_step(subject), subject.history["loss"]
    remedy = f"a learning rate of {rate / 10:.2g}"
    if y is not None:
        ratios = _step_ratios(subject, X, y, rate)
        largest = int(np.argmax(ratios))
        if not ratios[largest] <= _STEP:
            text = f"the next step is {ratios[largest]:.2g} times the size of the weights it changes"
            yield Finding("exploding_rate", largest, {"ratio": ratios[largest], "rate": rate}, text, remedy)
            return
    if len(losses) > 1 and losses[-1] > losses[0]:
        text = f"the loss rose from {losses[0]:.4g} to {losses[-1]:.4g} in {len(losses)} epochs"
        numbers = {"first": float(losses[0]), "last": float(losses[-1]), "rate": rate}
        yield Finding("exploding_rate", None, numbers, text, remedy)


def _step_ratios(subject: Subject, X: Array, y: Array, rate: float) -> list[float]:
    """Size of the next step over the size of the weights, layer by layer; 0 where the weights are 0."""
    stack, optimizer = subject.stack, subject.configuration.optimizer
    stack.gradient(X, y, subject.objective)
    ratios = []
    for (W, _), (dW, _) in zip(stack.views(), stack.views(stack.gradients), strict=True):
        size = arithmetic.norm(W)
        ratios.append(optimizer.step_norm(rate, dW) / size if size > 0 else 0.0)
    return ratios


def _classes(subject: Subject, X: Array, y: Array | None, found: list[Finding]) -> Iterator[Finding]:
    known = subject.known
    if not subject.trained or known is None or known.kind != "classes" or len(X) < _FEWEST:
        return
    objective = subject.objective
    outputs = subject.stack.forward(X, scale=objective.scale, n_threads=objective.n_threads)
    predicted = np.unique(known.decode(outputs))
    if y is not None and len(np.unique(y if y.ndim == 1 or y.shape[1] == 1 else y.argmax(axis=1))) == 1:
        return  # and they have but one class
    if len(predicted) == 1 and (X[0] != X).any():
        cause = next((finding.remedy for finding in found), None)
        yield Finding(
            "class_collapse",
            None,
            {"rows": float(len(X)), "spread": _variation(outputs)},
            f"all {len(X)} rows are predicted to be {predicted[0]!s}; outputs vary by {_variation(outputs):.2g}",
            cause or f"more epochs, or a learning rate of {_rate_of_next_step(subject) * 10:.2g}",
        )
