"""A network as a list of layers and a dict of arrays: Z and A of every layer forward, a step of descent back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cnn_core.functions import matmul

from .. import losses
from ..common import checks
from ..data.arrays import Array
from ..spec import activations, shapes
from ..spec.activations import ActivationName
from ..spec.configuration import DType
from ..spec.shapes import Shape
from .layers import draw, linear_activation_forward, through, update_parameters, weight_gradients
from .orientation import matrix, targets, turned


def initialise_parameters(
    X: Any,
    nn_shape: Shape,
    *,
    seed: int | None = None,
    dtype: DType | None = None,
    samples_first: bool = False,
) -> dict[str, Array]:
    """Return initial weights of a network on the data X.

    Parameters
    ----------
    X : array-like (features, samples), or int
        Data, or how many features they have.
    nn_shape : list of dict
        ``{"nodes": 4, "activation": "relu"}`` a layer, and "init" where another is wanted than he_normal
        before relu and glorot_uniform elsewhere.
    seed : int, optional
        Of a generator of its own. ``Network.from_shape(nn_shape, seed=seed)`` starts from the same weights.
    dtype : {"float32", "float64"}, optional
        Default: that of X; float64 for integers.
    samples_first : bool, default False
        True: X is (samples, features).

    Returns
    -------
    dict
        W1 (nodes, features), b1 (nodes, 1) of zeros, W2, ...
    """
    if isinstance(X, (int, np.integer)):
        n_x, own = int(X), "float64"
    else:
        rows = matrix(X, "X", samples_first)
        n_x, own = rows.shape[1], rows.dtype.name
    return draw(shapes.layers(nn_shape), n_x, seed, dtype or own)


def forward_prop(
    X: Any, params: Mapping[str, Any], nn_shape: Shape, *, samples_first: bool = False
) -> dict[str, Array]:
    """Return what every layer computes.

    Parameters
    ----------
    X : array-like (features, samples)
    params : dict
        W1, b1, ...
    nn_shape : list of dict
        ``{"nodes": 4, "activation": "relu"}`` a layer; "softmax" is for the last one.
    samples_first : bool, default False
        True: X is (samples, features), and so is all that is returned.

    Returns
    -------
    dict
        A0 (X), Z1, A1, Z2, ...: (nodes, samples) each.

    Raises
    ------
    TypeError, ValueError
        When data, weights and shape do not fit; an activation that is not known.
    """
    result: dict[str, Array] = {"A0": np.asarray(X)}
    for i, (W, b, name) in enumerate(_layers(params, nn_shape), 1):
        A, (_, Z) = linear_activation_forward(result[f"A{i - 1}"], W, b, name, samples_first=samples_first)
        result |= {f"Z{i}": Z, f"A{i}": A}
    return result


def _layers(params: Mapping[str, Any], nn_shape: Shape) -> list[tuple[Array, Array | None, ActivationName]]:
    """Return W, b and the activation of every layer."""
    dense, pairs = shapes.layers(nn_shape), shapes.arrays(params)
    if [layer.units for layer in dense] != [len(W) for W, _ in pairs]:
        raise ValueError(
            f"nn_shape has layers of {[layer.units for layer in dense]} nodes; params of"
            f" {[len(W) for W, _ in pairs]}."
        )
    names = [activations.named(f"nn_shape[{i}]", layer.activation) for i, layer in enumerate(dense)]
    if "softmax" in names[:-1]:
        raise ValueError(f"nn_shape[{names.index('softmax')}] is softmax, which is for the last layer only.")
    return [(W, b, name) for (W, b), name in zip(pairs, names, strict=True)]


def gradients(
    X: Any,
    Y: Any,
    params: Mapping[str, Any],
    grads: Mapping[str, Any],
    nn_shape: Shape,
    *,
    samples_first: bool = False,
) -> dict[str, Array]:
    """Return the gradients of the mean loss; nothing is changed or updated.

    The loss follows from the last activation: binary cross-entropy from sigmoid, softmax cross-entropy from softmax,
    the sum of squared errors of a sample from identity. dZ of the last layer is A - Y, for the squares 2 (A - Y).

    Parameters
    ----------
    X : array-like (features, samples)
    Y : array-like
        Targets: (m,), (1, m) or (m, 1) for one output, else of the shape of the outputs.
    params : dict
        W1, b1, ...
    grads : dict
        What :func:`forward_prop` returned for X and `params`.
    nn_shape : list of dict
        As for :func:`forward_prop`.
    samples_first : bool, default False
        As in the forward pass.

    Returns
    -------
    dict
        dW1 (nodes, inputs), db1 (nodes, 1), ..., of the mean loss; dZ1, dA1, ..., of each sample's own.

    Raises
    ------
    TypeError, ValueError
        When the arrays do not fit; when no loss belongs to the last activation.
    """
    layers = _layers(params, nn_shape)
    last = len(layers)
    loss = losses.of_link(layers[-1][2])
    A = matrix(grads[f"A{last}"], f"A{last}", samples_first)
    dZ = A - targets(Y, A, samples_first)
    if loss.name == "mse":
        dZ *= 2
    result: dict[str, Array] = {}
    for i in range(last, 0, -1):
        W, b, name = layers[i - 1]
        if i < last:
            above = layers[i][0].astype(dZ.dtype, copy=False)
            dA = matmul(dZ, above)
            dZ = through(name, dA, matrix(grads[f"Z{i}"], f"Z{i}", samples_first))
            result[f"dA{i}"] = turned(dA, samples_first)
        cache = (X if i == 1 else grads[f"A{i - 1}"], W, b)
        dW, db = weight_gradients(dZ, cache, samples_first)
        result |= {f"dZ{i}": turned(dZ, samples_first), f"dW{i}": dW} | ({} if db is None else {f"db{i}": db})
    return result


def back_prop(
    X: Any,
    Y: Any,
    params: Mapping[str, Any],
    grads: Mapping[str, Any],
    nn_shape: Shape,
    learning_rate: float = 0.001,
    *,
    samples_first: bool = False,
) -> dict[str, Array]:
    """Return the parameters after a step of gradient descent; `params` and `grads` stay as they are.

    All gradients are taken at `params` (see :func:`gradients`), then all parameters move.

    Parameters
    ----------
    X, Y, params, grads, nn_shape, samples_first
        As for :func:`gradients`.
    learning_rate : float, default 0.001
        Above 0.

    Returns
    -------
    dict
        New W1, b1, ...

    Raises
    ------
    TypeError, ValueError
        As for :func:`gradients`.
    """
    rate = checks.real("back_prop", "learning_rate", learning_rate, above=0)
    moves = gradients(X, Y, params, grads, nn_shape, samples_first=samples_first)
    return update_parameters(params, moves, rate)


def predict(X: Any, params: Mapping[str, Any], nn_shape: Shape, *, samples_first: bool = False) -> Array:
    """Return the outputs of the last layer for X, as :func:`forward_prop` does: (outputs, samples)."""
    return forward_prop(X, params, nn_shape, samples_first=samples_first)[f"A{len(nn_shape)}"]
