"""Stacks of the core, created from a configuration and weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core.stack import Objective, SharedWeights, Stack, loss_together, train_together

from ..data.arrays import Array
from ..spec.activations import for_core
from ..spec.configuration import Configuration
from ..spec.layers import Dense
from .weights import LayerState, dropout_key, fill_layers, layer_views

if TYPE_CHECKING:
    from ..losses import Loss
    from ..spec.initializers import Pair

__all__ = [
    "Objective",
    "SharedWeights",
    "Stack",
    "copy_of",
    "freeze",
    "loss_of_outputs",
    "loss_of_values",
    "loss_together",
    "new_objective",
    "new_stack",
    "pairs_of",
    "set_scaling",
    "stack_like",
    "states_of",
    "train_together",
]

_TOGETHER = 64  # columns of y whose loss is computed together


def new_stack(configuration: Configuration, layers: Sequence[LayerState]) -> Stack:
    """Return a stack with the layers of a configuration.

    Parameters
    ----------
    configuration : Configuration
        Parameters of the network.
    layers : list of dict
        State of each layer. A normalised layer whose state has no "norm" starts with a gain of 1 and without running
        statistics. The last layer also has a bias if its state has one and the configuration has bias=False.
    """
    sizes = (len(layers[0]["weight"]), *(layer.units for layer in configuration.layers))
    biases = [layer.bias for layer in configuration.layers]
    biases[-1] |= "bias" in layers[-1]
    stack = Stack(
        sizes,
        [*map(for_core, configuration.activations)],
        biases,
        configuration.dtype,
        norms=[layer.norm for layer in configuration.layers],
        residuals=[layer.residual for layer in configuration.layers],
        precision=configuration.precision,
    )
    stack.set_update(**configuration.update)
    fill_layers(layer_views(stack), layers)
    freeze(stack, configuration.layers[0])
    if any(configuration.dropout):
        stack.set_dropout(configuration.dropout, dropout_key(configuration.seed))
    return stack


def new_objective(configuration: Configuration, n_threads: int | None, *, smoothed: bool = True) -> Objective:
    """Return the objective of training; `smoothed=False` drops label smoothing."""
    c = configuration
    loss = c.loss if smoothed else c.loss.unsmoothed
    return Objective(loss.core, l1=c.l1, l2=c.l2, scale=c.scale, n_threads=n_threads, activated=c.activated)


def loss_of_values(
    loss: Loss, outputs: Array, y: Array, weights: Array | None = None, n_threads: int | None = None
) -> float:
    """Return the mean loss of outputs in float64, in the order of predictions, computed by layers of the identity.

    Parameters
    ----------
    loss : Loss
        Loss for values.
    outputs : ndarray (m, n_outputs) of float64
        Outputs before the link; after an activation of the last layer that is not the link.
    y : ndarray (m, n_columns) of float64
        Values, in the same units.
    weights : ndarray (m,), optional
        Weight of each row.
    n_threads : int, optional
        Number of threads.
    """
    objective = Objective(loss.core, n_threads=n_threads, weights=weights)
    n_columns, outputs = y.shape[1], loss.arranged(outputs)
    together = n_columns if callable(loss.core) else _TOGETHER
    layout = np.arange(outputs.shape[1]).reshape(
        -1, n_columns
    )  # the outputs of column j are j, j + n_columns, ...
    total = 0.0
    for start in range(
        0, n_columns, together
    ):  # the loss is the sum over the columns, and the product is (n, n)
        columns = slice(start, min(start + together, n_columns))
        chosen = layout[:, columns].ravel()
        stack = Stack((len(chosen), len(chosen)), ["identity"], [False], "float64")
        stack.views()[0][0][...] = np.eye(len(chosen))
        Z, part = np.ascontiguousarray(outputs[:, chosen]), np.ascontiguousarray(y[:, columns])
        total += stack.loss(Z, part, objective)[0]
    return total


def loss_of_outputs(
    loss: Loss, outputs: Array, y: Array, weights: Array | None = None, n_threads: int | None = None
) -> float:
    """Return the mean loss of outputs, of classes before the link; others as for :func:`loss_of_values`."""
    if not loss.classifies:
        return loss_of_values(loss, outputs.astype(np.float64), y, weights, n_threads)
    n = outputs.shape[1]
    stack = Stack((n, n), ["identity"], [False], "float64")
    stack.views()[0][0][...] = np.eye(n)
    encoded = y if loss.takes_indices and y.ndim == 1 else y.astype(np.float64)
    objective = Objective(loss.core, n_threads=n_threads, weights=weights)
    return stack.loss(np.ascontiguousarray(outputs, np.float64), encoded, objective)[0]


def freeze(stack: Stack, first: Dense) -> None:
    """Fix the weights of an embedding layer that are not embedding vectors, at 0 or 1."""
    if first.blocks:
        from ..spec import embeddings  # imported here to keep `import compiled_nn` fast

        stack.set_mask(*embeddings.held(first.blocks, stack.sizes[0]))


def copy_of(stack: Stack, configuration: Configuration) -> Stack:
    """Return a stack with copies of the weights, the running statistics and the scaling of the inputs."""
    return stack_like(stack, layer_views(stack), configuration)


def stack_like(stack: Stack, layers: Sequence[LayerState], configuration: Configuration) -> Stack:
    """Return a stack with other weights that scales its inputs as another one does."""
    other = new_stack(configuration, layers)
    set_scaling(other, stack.statistics, stack.clipped, stack.encoding)
    return other


def set_scaling(stack: Stack, statistics: Any, clipped: int, encoding: Any) -> None:
    """Set scaling and bins of the inputs: what the attributes of the same names of another stack have."""
    if encoding is not None:
        stack.encode(*encoding)
    if statistics is not None:
        mean, scale = statistics
        stack.standardize(mean, scale, clipped)


def states_of(weights: Sequence[Pair]) -> list[LayerState]:
    """Convert weights from pairs (W, b or None) to states of layers."""
    return [{"weight": W} if b is None else {"weight": W, "bias": b} for W, b in weights]


def pairs_of(layers: Sequence[LayerState]) -> list[tuple[Array, Array | None]]:
    """Convert weights from states of layers to pairs (W, b or None)."""
    return [(state["weight"], state.get("bias")) for state in layers]
