"""A network a layer at a time: forward with caches, backward from them, an update; linear-relu ... linear-sigmoid.

W is (units, inputs) and b (units, 1), or None, in either orientation of the samples. The arithmetic has the dtype of
the data: weights of another dtype are converted, the data never are (integers take the dtype of W).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from cnn_core.functions import activate, derive_from_inputs, matmul

from ..common import checks
from ..data.arrays import Array
from ..spec import activations, layers, shapes
from ..spec.activations import ActivationName, HiddenName
from ..spec.configuration import DTYPES, DType
from ..spec.initializers import InitName, Normal, Uniform
from ..spec.layers import Dense
from ..training import trainer
from .orientation import matrix, outputs, reals, targets, turned

Linear: TypeAlias = "tuple[Any, Any, Any]"
Cache: TypeAlias = "tuple[Linear, Array]"
Gradients: TypeAlias = "tuple[Array, Array, Array | None]"


# ---- initial weights


def initialize_parameters(n_x: int, n_h: int, n_y: int, **options: Any) -> dict[str, Array]:
    """Return initial weights of a network with one hidden layer.

    Parameters
    ----------
    n_x, n_h, n_y : int
        Inputs, hidden units, outputs.
    **options
        As for :func:`initialize_parameters_deep`.

    Returns
    -------
    dict
        W1 (n_h, n_x), b1 (n_h, 1), W2 (n_y, n_h), b2 (n_y, 1).
    """
    return initialize_parameters_deep([n_x, n_h, n_y], **options)


def initialize_parameters_deep(
    layer_dims: Sequence[int],
    *,
    init: InitName | Normal | Uniform | None = None,
    seed: int | None = None,
    dtype: DType = "float64",
) -> dict[str, Array]:
    """Return initial weights of a network, relu in the hidden layers and sigmoid at the end.

    Parameters
    ----------
    layer_dims : sequence of int
        Inputs, then units of each layer.
    init : str, Normal or Uniform, optional
        As for :class:`Dense`. Default: he_normal before relu, glorot_uniform before sigmoid. (Normal(0.01) is what many
        texts take; in deep networks no signal is left of it.)
    seed : int, optional
        Of a generator of its own; NumPy's global one is not touched. ``Network(..., seed=seed)`` of the same
        layers starts from the same weights.
    dtype : {"float32", "float64"}, default "float64"

    Returns
    -------
    dict
        W1 (layer_dims[1], layer_dims[0]), b1 (layer_dims[1], 1) of zeros, W2, ...
    """
    n_x, *units = layer_dims
    if not units:
        raise ValueError(f"layer_dims is {list(layer_dims)}; it holds inputs and at least one layer.")
    *hidden, n_y = units
    dense = [*(Dense(n, "relu", init=init) for n in hidden), Dense(n_y, "sigmoid", init=init)]
    return draw(dense, n_x, seed, dtype)


def draw(dense: Sequence[Dense], n_x: int, seed: int | None, dtype: str) -> dict[str, Array]:
    """Return initial weights of the layers, those that a Network of this seed starts from."""
    n_x = checks.integer("initialize_parameters", "n_x", n_x, minimum=1)
    seed = checks.optional_integer("initialize_parameters", "seed", seed, minimum=0)
    chosen = checks.choice("initialize_parameters", "dtype", dtype, DTYPES)
    pairs = [
        (W, np.zeros(layer.units) if b is None and layer.bias else b)
        for layer, (W, b) in zip(
            dense, layers.draw_weights(dense, trainer.new_generator(seed), n_x), strict=True
        )
    ]
    return {name: array.astype(chosen) for name, array in shapes.to_dict(pairs).items()}


# ---- forward


def linear_forward(A: Any, W: Any, b: Any, *, samples_first: bool = False) -> tuple[Array, Linear]:
    """Return Z = W A + b and the cache of :func:`linear_backward`.

    Parameters
    ----------
    A : array-like (inputs, samples)
        Data, or the outputs of the layer before.
    W : array-like (units, inputs)
    b : array-like (units, 1), or None
    samples_first : bool, default False
        True: A is (samples, inputs) and Z (samples, units), Z = A W^T + b^T.

    Returns
    -------
    Z : ndarray (units, samples)
    cache : (A, W, b)

    Raises
    ------
    TypeError, ValueError
        When the arrays are not of real numbers, or their shapes do not fit.
    """
    W_, b_ = _weights(W, b)
    rows = matrix(A, "A", samples_first, W_.dtype)
    if rows.shape[1] != W_.shape[1]:
        raise ValueError(f"A has {rows.shape[1]} features; W of shape {W_.shape} takes {W_.shape[1]}.")
    Z = matmul(rows, W_.T.astype(rows.dtype, copy=False))
    if b_ is not None:
        Z += b_.T.astype(rows.dtype, copy=False)
    return turned(Z, samples_first), (A, W, b)


def _weights(W: Any, b: Any) -> tuple[Array, Array | None]:
    weights, biases = reals(W, "W"), None if b is None else reals(b, "b")
    shapes.check_layer(weights, biases)
    return weights, biases


def linear_activation_forward(
    A_prev: Any, W: Any, b: Any, activation: ActivationName, *, samples_first: bool = False
) -> tuple[Array, Cache]:
    """Return f(W A_prev + b) and the cache of :func:`linear_activation_backward`.

    Parameters
    ----------
    A_prev, W, b, samples_first
        As for :func:`linear_forward`.
    activation : str
        The name of one that :class:`compiled_nn.Dense` takes. "softmax" is over the units of each sample.

    Returns
    -------
    A : ndarray (units, samples)
    cache : ((A_prev, W, b), Z)

    Raises
    ------
    TypeError, ValueError
        As for :func:`linear_forward`; and for an activation that is not known.
    """
    name = activations.named("linear_activation_forward", activation)
    Z, linear_cache = linear_forward(A_prev, W, b, samples_first=samples_first)
    return turned(activate(name, turned(Z, samples_first)), samples_first), (linear_cache, Z)


def L_model_forward(  # noqa: N802
    X: Any, parameters: Mapping[str, Any], *, samples_first: bool = False
) -> tuple[Array, list[Cache]]:
    """Return the outputs of a network, relu in the hidden layers and sigmoid at the end.

    Parameters
    ----------
    X : array-like (features, samples)
    parameters : dict
        W1, b1, W2, ..., as :func:`initialize_parameters_deep` returns them.
    samples_first : bool, default False
        True: X and the outputs are (samples, features).

    Returns
    -------
    AL : ndarray (outputs, samples)
    caches : list
        The cache of :func:`linear_activation_forward` of every layer. The logits are ``caches[-1][1]``.
    """
    caches = []
    pairs = shapes.arrays(parameters)
    A = X
    for i, (W, b) in enumerate(pairs, 1):
        name: ActivationName = "relu" if i < len(pairs) else "sigmoid"
        A, cache = linear_activation_forward(A, W, b, name, samples_first=samples_first)
        caches.append(cache)
    return A, caches


# ---- backward


def linear_backward(dZ: Any, cache: Linear, *, samples_first: bool = False) -> Gradients:
    """Return the gradients of a linear layer: dW and db are means over the samples, dA_prev is of each sample.

    Parameters
    ----------
    dZ : array-like (units, samples)
        Gradient of each sample's loss with respect to Z.
    cache : (A_prev, W, b)
        From :func:`linear_forward`.
    samples_first : bool, default False
        As in the forward pass.

    Returns
    -------
    dA_prev : ndarray of the shape of A_prev
        W^T dZ.
    dW : ndarray (units, inputs)
        dZ A_prev^T / m.
    db : ndarray (units, 1), or None without b
        The mean of dZ over the samples.

    Raises
    ------
    ValueError
        When dZ does not fit the cache.
    """
    dZ_, W = _gradient_rows(dZ, cache, samples_first)
    return turned(matmul(dZ_, W), samples_first), *weight_gradients(dZ_, cache, samples_first)


def _gradient_rows(dZ: Any, cache: Linear, samples_first: bool) -> tuple[Array, Array]:
    """Return dZ as rows and W, both of the dtype of the layer's data."""
    W, _ = _weights(*cache[1:])
    A = matrix(cache[0], "A_prev", samples_first, W.dtype)
    rows = matrix(dZ, "dZ", samples_first)
    if rows.shape != (len(A), len(W)):
        raise ValueError(
            f"dZ has {rows.shape[1]} units and {len(rows)} samples; the cache has {len(W)} and {len(A)}."
        )
    return rows.astype(A.dtype, copy=False), W.astype(A.dtype, copy=False)


def weight_gradients(dZ: Array, cache: Linear, samples_first: bool) -> tuple[Array, Array | None]:
    """Return dW (units, inputs) and db (units, 1) of rows dZ (samples, units)."""
    A_prev, W, b = cache
    A = matrix(A_prev, "A_prev", samples_first, reals(W, "W").dtype)
    dW = matmul(dZ.T, A)
    dW /= len(A)
    if b is None:
        return dW, None
    return dW, dZ.mean(axis=0, dtype=np.float64).astype(dZ.dtype).reshape(-1, 1)


def linear_activation_backward(
    dA: Any, cache: Cache, activation: HiddenName, *, samples_first: bool = False
) -> Gradients:
    """Return the gradients of a layer f(W A_prev + b).

    Parameters
    ----------
    dA : array-like (units, samples)
        Gradient of each sample's loss with respect to the outputs of the layer.
    cache : ((A_prev, W, b), Z)
        From :func:`linear_activation_forward`.
    activation : str
        As in the forward pass. Of a softmax no gradient is taken by itself: together with its loss it is A - Y.
    samples_first : bool, default False
        As in the forward pass.

    Returns
    -------
    dA_prev, dW, db
        As from :func:`linear_backward`.

    Raises
    ------
    TypeError, ValueError
        For an activation that is not known, or a dA that does not fit the cache.
    """
    name = activations.named("linear_activation_backward", activation)
    linear_cache, Z = cache
    dZ = through(name, matrix(dA, "dA", samples_first), turned(Z, samples_first))
    return linear_backward(turned(dZ, samples_first), linear_cache, samples_first=samples_first)


def through(name: str, dA: Array, Z: Array) -> Array:
    """Return dA f'(Z) of rows dA and Z (samples, units), in the dtype of Z."""
    if dA.shape != Z.shape:
        raise ValueError(
            f"dA has {dA.shape[1]} units and {len(dA)} samples; Z has {Z.shape[1]} and {len(Z)}."
        )
    return derive_from_inputs(name, Z, dA.astype(Z.dtype, copy=False))


def L_model_backward(  # noqa: N802
    AL: Any, Y: Any, caches: Sequence[Cache], *, samples_first: bool = False
) -> dict[str, Array]:
    """Return all gradients of the binary cross-entropy of a network, relu in the hidden layers, sigmoid at the end.

    At the end dZ is AL - Y, which is the gradient of the cost through the sigmoid for every AL, saturated or not.

    Parameters
    ----------
    AL : array-like (outputs, samples)
        From :func:`L_model_forward`.
    Y : array-like
        Targets: (m,), (1, m) or (m, 1) for one output, else of the shape of AL.
    caches : list
        From :func:`L_model_forward`.
    samples_first : bool, default False
        As in the forward pass.

    Returns
    -------
    dict
        dW1 (units, inputs), db1 (units, 1), ...: of the mean cost; and dA0 (of the data), dA1, ..., of each sample's
        own cost, in the shapes of what they are gradients of.

    Raises
    ------
    TypeError, ValueError
        When the shapes do not fit.
    """
    A = outputs(AL, "AL", samples_first)
    dZ = A - targets(Y, A, samples_first)
    grads: dict[str, Array] = {}
    for layer in range(len(caches), 0, -1):
        linear_cache, Z = caches[layer - 1]
        if layer < len(caches):
            dA = turned(grads[f"dA{layer}"], samples_first)
            dZ = through("relu", dA, turned(Z, samples_first))
        dA_prev, dW, db = linear_backward(
            turned(dZ, samples_first), linear_cache, samples_first=samples_first
        )
        grads |= {f"dA{layer - 1}": dA_prev, f"dW{layer}": dW} | ({} if db is None else {f"db{layer}": db})
    return grads


# ---- update


def update_parameters(
    params: Mapping[str, Any], grads: Mapping[str, Any], learning_rate: float
) -> dict[str, Array]:
    """Return the parameters after a step of gradient descent, p - learning_rate dp; nothing is changed in place.

    Parameters
    ----------
    params : dict
        W1, b1, ...
    grads : dict
        dW1, db1, ...; others in it are not looked at.
    learning_rate : float
        Finite.

    Returns
    -------
    dict
        New arrays under the names of `params`, each of its own dtype.

    Raises
    ------
    TypeError, ValueError
        When a gradient is missing or of another shape than its parameter.
    """
    rate = checks.real("update_parameters", "learning_rate", learning_rate)
    return {name: _moved(name, p, grads, rate) for name, p in params.items()}


def _moved(name: str, parameter: Any, grads: Mapping[str, Any], rate: float) -> Array:
    p = reals(parameter, name)
    if f"d{name}" not in grads:
        raise ValueError(f"grads lacks d{name}, the gradient of {name}.")
    d = reals(grads[f"d{name}"], f"d{name}", p.dtype)
    if d.shape != p.shape:
        raise ValueError(f"d{name} has shape {d.shape}; {name} has {p.shape}.")
    moved: Array = p - rate * d.astype(p.dtype, copy=False)
    return moved
