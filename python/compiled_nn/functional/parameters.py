"""Parameters of networks as dicts: initial weights, and a step of gradient descent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..common import checks
from ..data.arrays import Array
from ..spec import layers, shapes
from ..spec.configuration import DTYPES, DType
from ..spec.initializers import InitName, Normal, Uniform
from ..spec.layers import Dense
from ..training import trainer
from .orientation import as_reals


def initialize_parameters(n_x: int, n_h: int, n_y: int, **options: Any) -> dict[str, Array]:
    """Return initial weights of a network with one hidden layer.

    Parameters
    ----------
    n_x, n_h, n_y : int
        Number of inputs, hidden units and outputs.
    **options
        Options of :func:`initialize_parameters_deep`: `init`, `seed` and `dtype`.

    Returns
    -------
    dict
        W1 (n_h, n_x), b1 (n_h, 1), W2 (n_y, n_h), b2 (n_y, 1).

    See Also
    --------
    initialize_parameters_deep : Any number of hidden layers.

    Examples
    --------
    >>> from compiled_nn.functional import initialize_parameters
    >>> parameters = initialize_parameters(3, 4, 1, seed=0)
    >>> {name: array.shape for name, array in parameters.items()}
    {'W1': (4, 3), 'b1': (4, 1), 'W2': (1, 4), 'b2': (1, 1)}
    """
    return initialize_parameters_deep([n_x, n_h, n_y], **options)


def initialize_parameters_deep(
    layer_dims: Sequence[int],
    *,
    init: InitName | Normal | Uniform | None = None,
    seed: int | None = None,
    dtype: DType = "float64",
) -> dict[str, Array]:
    """Return initial weights of a network with relu in the hidden layers and sigmoid in the last layer.

    Parameters
    ----------
    layer_dims : sequence of int
        Number of inputs, then number of units of each layer.
    init : str, Normal or Uniform, optional
        Initialiser of the weights, see :class:`Dense`. Default: he_normal for relu, glorot_uniform for sigmoid. Many
        texts use Normal(0.01), with which the signal vanishes in deep networks.
    seed : int, optional
        Seed for the weights; ``Network(..., seed=seed)`` of the same layers starts from the same weights. None: a
        different seed in each call. NumPy's global generator is not used.
    dtype : {"float32", "float64"}, default "float64"
        Dtype of the weights.

    Returns
    -------
    dict
        W1 (layer_dims[1], layer_dims[0]), b1 (layer_dims[1], 1) of zeros, W2, ...

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or `layer_dims` has fewer than two entries.

    See Also
    --------
    initialise_parameters : Weights for any activations.

    Examples
    --------
    >>> from compiled_nn.functional import initialize_parameters_deep
    >>> parameters = initialize_parameters_deep([1000, 200, 1], seed=0)
    >>> parameters["W1"].shape, round(float(parameters["W1"].std()), 3)  # he_normal: sqrt(2 / 1000)
    ((200, 1000), 0.045)
    """
    n_x, *units = layer_dims or (0,)
    if not units:
        raise ValueError(
            f"layer_dims is {layer_dims!r}; expected the number of inputs and of units of each layer."
        )
    *hidden, n_y = units
    dense = [*(Dense(n, "relu", init=init) for n in hidden), Dense(n_y, "sigmoid", init=init)]
    return draw_parameters(dense, n_x, seed, dtype)


def draw_parameters(dense: Sequence[Dense], n_x: int, seed: int | None, dtype: str) -> dict[str, Array]:
    """Return the initial weights of the layers: those of a Network with this seed."""
    n_x = checks.integer("initialize_parameters", "n_x", n_x, minimum=1)
    seed = checks.optional_integer("initialize_parameters", "seed", seed, minimum=0)
    chosen = checks.choice("initialize_parameters", "dtype", dtype, DTYPES)
    drawn = layers.draw_weights(dense, trainer.new_generator(seed), n_x)
    pairs = [
        (W, np.zeros(layer.units) if b is None and layer.bias else b)
        for layer, (W, b) in zip(dense, drawn, strict=True)
    ]
    return {name: array.astype(chosen) for name, array in shapes.to_dict(pairs).items()}


def update_parameters(
    params: Mapping[str, Any], grads: Mapping[str, Any], learning_rate: float
) -> dict[str, Array]:
    """Return the parameters after a step of gradient descent, p - learning_rate * dp, as new arrays.

    Parameters
    ----------
    params : dict
        Parameters W1, b1, ...
    grads : dict
        Gradients dW1, db1, ...; other entries are ignored.
    learning_rate : float
        Learning rate, finite.

    Returns
    -------
    dict
        New parameters under the same names, each in its dtype.

    Raises
    ------
    TypeError, ValueError
        If a gradient is missing, or its shape differs from that of its parameter.

    See Also
    --------
    L_model_backward : Gradients.

    Examples
    --------
    >>> import numpy as np
    >>> from compiled_nn.functional import update_parameters
    >>> params, grads = {"W1": np.array([[1.0, 2.0]])}, {"dW1": np.array([[10.0, -10.0]])}
    >>> update_parameters(params, grads, learning_rate=0.1)
    {'W1': array([[0., 3.]])}
    """
    rate = checks.real("update_parameters", "learning_rate", learning_rate)
    return {name: _update(name, p, grads, rate) for name, p in params.items()}


def _update(name: str, parameter: Any, grads: Mapping[str, Any], rate: float) -> Array:
    p = as_reals(parameter, name)
    if f"d{name}" not in grads:
        raise ValueError(f"grads lacks d{name}, the gradient of {name}.")
    d = as_reals(grads[f"d{name}"], f"d{name}", p.dtype)
    if d.shape != p.shape:
        raise ValueError(f"d{name} has shape {d.shape}; {name} has {p.shape}.")
    updated: Array = p - rate * d.astype(p.dtype, copy=False)
    return updated
