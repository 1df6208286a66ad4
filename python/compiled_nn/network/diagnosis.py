"""Diagnosis: reasons why a network does not learn, with a remedy for each; see :meth:`compiled_nn.Network.diagnose`.

The thresholds are set where training stalls or diverges, not where it could be better: a network that learns well must
have no findings.
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

_ROWS = 4096  # largest number of rows examined, drawn at random; fractions are then accurate to about 0.01
_NUMBERS = 1 << 22  # largest number of entries, zeros included, to which sparse rows are expanded
# Initial weights are about 1 / sqrt(k), so that the sums of a layer are about as large as its k inputs. At a sum of 10,
# the derivative of a sigmoid is 5e-5. The gradient of the weights is proportional to the inputs: inputs of 0.01 need
# a hundred times the learning rate of the other layers.
_LARGE, _SMALL = 10.0, 0.01
# In networks that learn well, a third of the units of a layer can be dead, and two thirds of its derivatives can be
# saturated: this is so in the Fashion-MNIST network of the tutorials, whose accuracy is 87 %. Without scaling of the
# inputs, 99 % of its derivatives are saturated.
_DEAD = 0.5  # fraction of dead units of a relu or relu6 layer
# |z| above which f' is below a thousandth of its maximum.
_SATURATED = {"sigmoid": 8.3, "tanh": 4.15, "softsign": 30.6, "hard_sigmoid": 3.0, "hard_tanh": 1.0}
_DYING = ("relu", "relu6")  # activations whose value and derivative are 0 for negative numbers
_STUCK = 0.9  # fraction of saturated derivatives of a layer
_SIGNAL = 1e-3  # variation of outputs divided by that of inputs; it changes the fourth digit of a probability
_STEP = 1.0  # norm of a step divided by that of the weights; usual values are 1e-4 to 1e-2
_FEWEST = 10  # smallest number of rows for which a single predicted class is a finding


@dataclass(frozen=True)
class Finding:
    """Problem that prevents a network from learning.

    Attributes
    ----------
    name : str
        Kind of the problem: "unscaled_input", "dead_layer", "dead_units", "saturated_units", "vanishing_signal",
        "exploding_rate" or "class_collapse".
    layer : int or None
        Index of the layer, from 0; None for the network as a whole.
    numbers : dict of str to float
        Measured values.
    text : str
        Description with the measured values.
    remedy : str
        Change to try first.
    """

    name: str
    layer: int | None
    numbers: dict[str, float]
    text: str
    remedy: str


class Diagnosis(tuple[Finding, ...]):
    """Tuple of findings, in order from the input to the output, that prints as a table; empty if there are none."""

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
    """Network and data to examine.

    Attributes
    ----------
    stack : Stack
        Stack with the weights and, if it standardises, the statistics of the network.
    configuration : Configuration
        Parameters of the network.
    X : ndarray (m, k) or SparseRows
        Rows, converted for the core.
    y : ndarray or None
        Encoded y.
    targets : Targets or None
        Encoding of y.
    trained : bool
        Whether the network was trained.
    history : dict of lists
        History of the network.
    objective : Objective
        Function that training minimises.
    """

    stack: Stack
    configuration: Configuration
    X: Samples
    y: Array | None
    targets: Targets | None
    trained: bool
    history: History
    objective: Objective

    @property
    def default_start(self) -> bool:
        """Whether all layers have the default initialiser."""
        return all(layer.init is None for layer in self.configuration.layers)


def examine(subject: Subject) -> Diagnosis:
    """Examine a network on X, and y if it is given, and return the findings."""
    X, y = _drawn(subject)
    # No warnings of overflow, because it is reported as a finding.
    with np.errstate(over="ignore", invalid="ignore"):
        inputs = _scaled_inputs(subject, X)
        found = list(_input(subject, inputs))
        found += _layers(subject, inputs, unscaled=bool(found))
        found += _rate(subject, X, y)
        found += _classes(subject, X, y, found)
    return Diagnosis(found)


def _drawn(subject: Subject) -> tuple[Array, Array | None]:
    """Return the rows to examine as an array, at most `_ROWS` of them drawn at random, and their y."""
    X, y, most = subject.X, subject.y, _ROWS
    rows: Any = slice(None)
    if not isinstance(X, np.ndarray):
        most = min(_ROWS, max(_FEWEST, _NUMBERS // X.shape[1]))
        rows = np.arange(len(X))
    if len(X) > most:
        rows = np.sort(new_generator(0).choice(len(X), most, replace=False))
    return X[rows] if isinstance(X, np.ndarray) else X.take(rows), None if y is None else y[rows]


def _scaled_inputs(subject: Subject, X: Array) -> Array:
    """Return the rows as the first layer receives them, in float64."""
    inputs = X.astype(np.float64)
    if subject.stack.statistics is None:
        return inputs * subject.objective.scale
    mean, scale = subject.stack.statistics
    standardised: Array = (inputs - mean) / scale
    return standardised


def _input(subject: Subject, inputs: Array) -> Iterator[Finding]:
    sizes = np.sqrt((inputs**2).mean(axis=0))
    large = sizes > _LARGE
    if not large.any() and not 0 < sizes.max() < _SMALL:
        return
    low, high = float(inputs.min()), float(inputs.max())
    numbers = {"smallest": low, "largest": high, "size": float(sizes.max()), "columns": float(large.sum())}
    columns = f"{large.sum()} of {len(sizes)} columns" if large.any() else "all columns"
    text = f"the first layer takes numbers from {low:.4g} to {high:.4g}; {columns} are far from 1"
    remedy = "standardize=True"
    if subject.stack.statistics is not None:
        text += " once standardised"
        remedy = "pass X in the same units as in fit, which computed mean_ and scale_"
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
                return  # the outputs are 0, so that later layers have no further findings
            after = _variation(a)
        gains.append(after / before if before > 0 else 1.0)
        before = after
    # A trained network for values may have small outputs, because y can be small.
    applies = subject.configuration.loss.classifies or not subject.trained
    if applies and start > 0 and before < _SIGNAL * start:
        weakest = int(np.argmin(gains))
        yield Finding(
            "vanishing_signal",
            weakest,
            {"inputs": start, "outputs": before, "gain": gains[weakest]},
            f"inputs vary by {start:.2g}, outputs by {before:.2g}; this layer multiplies the variation by"
            f" {gains[weakest]:.2g}",
            "another seed"
            if subject.default_start
            else "leave init out: the default keeps the variation about the same",
        )


def _outputs(subject: Subject, i: int, activation: Any, below: Array) -> Array:
    """Return the outputs of layer `i` for the outputs of the layer below, with the given activation."""
    stack, n_threads = subject.stack, subject.objective.n_threads
    (k, n), norm = stack.sizes[i : i + 2], stack.norms[i]
    # The last layer of a stack cannot be normalised, so an unused layer is added after it.
    layer = Layers(
        (k, n, 1), (activation, "identity"), (stack.biases[i], False), stack.dtype, norms=(norm, None)
    )
    views = layer_views(stack, stack.parameters)
    assign_layers(layer_views(layer, layer.parameters)[:1], [views[i]])
    running = layer.running_statistics()[0]
    if running is not None:
        Z = arithmetic.matmul(below, views[i]["weight"])
        # Layers are counted from the last one, because before fit the embedding layer is not in the configuration. A
        # trainable layer normalises by the rows of a batch in training.
        trainable = subject.configuration.layers[i - len(stack.norms)].trainable
        statistics = (Z.mean(axis=0), Z.var(axis=0)) if trainable else stack.running_statistics()[i]
        running[0][:], running[1][:] = cast("tuple[Array, Array]", statistics)
    return layer.hidden(below, 1, n_threads=n_threads)


def _variation(a: Array) -> float:
    """Return the root mean square of the deviations of the columns from their means."""
    return float(np.sqrt(a.var(axis=0, dtype=np.float64).mean()))


def _units(subject: Subject, i: int, z: Array, a: Array, unscaled: bool) -> Iterator[Finding]:
    """Yield the findings about units of a hidden layer without gradient; z (m, n) is before the activation, a after."""
    activation, n = subject.stack.activations[i], a.shape[1]
    smaller = f"train again with a learning rate of {_rate_of_next_step(subject) / 10:.2g}"
    if activation in _DYING:
        dead = n - int(a.any(axis=0).sum())
        numbers = {"dead": float(dead), "units": float(n), "share": dead / n}
        if dead == n:
            text = f"all {n} units are 0 for every row: the outputs do not depend on X, and the gradient is 0"
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
    """Return the norm of the next step divided by that of the weights, for each layer; 0 if the weights are 0."""
    stack, optimizer = subject.stack, subject.configuration.optimizer
    stack.gradient(X, y, subject.objective)
    ratios = []
    for (W, _), (dW, _) in zip(stack.views(), stack.views(stack.gradients), strict=True):
        size = arithmetic.norm(W)
        ratios.append(optimizer.step_norm(rate, dW) / size if size > 0 else 0.0)
    return ratios


def _classes(subject: Subject, X: Array, y: Array | None, found: list[Finding]) -> Iterator[Finding]:
    targets = subject.targets
    if not subject.trained or targets is None or targets.kind != "classes" or len(X) < _FEWEST:
        return
    objective = subject.objective
    outputs = subject.stack.forward(X, scale=objective.scale, n_threads=objective.n_threads)
    predicted = np.unique(targets.decode(outputs))
    if y is not None and len(np.unique(y if y.ndim == 1 or y.shape[1] == 1 else y.argmax(axis=1))) == 1:
        return  # y has one class, so that one predicted class is correct
    if len(predicted) == 1 and (X[0] != X).any():
        cause = next((finding.remedy for finding in found), None)
        yield Finding(
            "class_collapse",
            None,
            {"rows": float(len(X)), "spread": _variation(outputs)},
            f"all {len(X)} rows are predicted to be {predicted[0]!s}; outputs vary by {_variation(outputs):.2g}",
            cause or f"more epochs, or a learning rate of {_rate_of_next_step(subject) * 10:.2g}",
        )
