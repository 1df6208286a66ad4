"""Functions of single layers: forward with caches, and backward from the caches.

W is (units, inputs) and b (units, 1), or None, in both orientations of the samples. The arithmetic has the dtype of
the data: weights of another dtype are converted to it. Integer data are converted to the dtype of W.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from cnn_core.functions import activate, derive_from_inputs, matmul

from ..data.arrays import Array
from ..spec import activations, shapes
from ..spec.activations import ActivationName, HiddenName
from .orientation import (
    as_reals,
    as_rows,
    check_caches,
    check_tuple,
    orient,
    outputs_as_rows,
    targets_as_rows,
)

Linear: TypeAlias = "tuple[Any, Any, Any]"
Cache: TypeAlias = "tuple[Linear, Array]"
Gradients: TypeAlias = "tuple[Array, Array, Array | None]"


# ---- forward


def linear_forward(A: Any, W: Any, b: Any, *, samples_first: bool = False) -> tuple[Array, Linear]:
    """Return Z = W A + b and the cache of :func:`linear_backward`.

    Parameters
    ----------
    A : array-like (inputs, samples)
        Data, or outputs of the previous layer.
    W : array-like (units, inputs)
        Weights.
    b : array-like (units, 1), or None
        Biases; None for a layer without biases.
    samples_first : bool, default False
        Whether A is (samples, inputs) and Z (samples, units), with Z = A W^T + b^T.

    Returns
    -------
    Z : ndarray (units, samples)
        Outputs before the activation.
    cache : (A, W, b)
        Cache for :func:`linear_backward`.

    Raises
    ------
    TypeError
        If an array is not real.
    ValueError
        If the shapes do not match.

    See Also
    --------
    linear_backward : Gradients of the layer.
    linear_activation_forward : Layer with an activation.

    Examples
    --------
    >>> from compiled_nn.functional import linear_forward
    >>> A = [[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]  # 2 inputs, 3 samples
    >>> Z, cache = linear_forward(A, W=[[10.0, 1.0]], b=[[0.5]])
    >>> Z
    array([[10.5, 21.5, 30.5]])
    """
    W_, b_ = _weights(W, b)
    rows = as_rows(A, "A", samples_first, W_.dtype)
    if rows.shape[1] != W_.shape[1]:
        raise ValueError(f"A has {rows.shape[1]} features; W of shape {W_.shape} takes {W_.shape[1]}.")
    Z = matmul(rows, W_.T.astype(rows.dtype, copy=False))
    if b_ is not None:
        Z += b_.T.astype(rows.dtype, copy=False)
    return orient(Z, samples_first), (A, W, b)


def _weights(W: Any, b: Any) -> tuple[Array, Array | None]:
    weights, biases = as_reals(W, "W"), None if b is None else as_reals(b, "b")
    shapes.check_layer(weights, biases)
    return weights, biases


def linear_activation_forward(
    A_prev: Any, W: Any, b: Any, activation: ActivationName, *, samples_first: bool = False
) -> tuple[Array, Cache]:
    """Return f(W A_prev + b) and the cache of :func:`linear_activation_backward`.

    Parameters
    ----------
    A_prev : array-like (inputs, samples)
        Data, or outputs of the previous layer.
    W : array-like (units, inputs)
        Weights.
    b : array-like (units, 1), or None
        Biases; None for a layer without biases.
    activation : str
        Name of an activation of :class:`compiled_nn.Dense`. "softmax" is computed over the units of each sample.
    samples_first : bool, default False
        Whether A_prev is (samples, inputs) and A (samples, units).

    Returns
    -------
    A : ndarray (units, samples)
        Outputs of the layer.
    cache : ((A_prev, W, b), Z)
        Cache for :func:`linear_activation_backward`.

    Raises
    ------
    TypeError, ValueError
        As for :func:`linear_forward`, or if there is no such activation.

    See Also
    --------
    linear_activation_backward : Gradients of the layer.

    Examples
    --------
    >>> from compiled_nn.functional import linear_activation_forward
    >>> A, (linear_cache, Z) = linear_activation_forward([[1.0, 2.0]], [[-1.0], [3.0]], [[0.5], [0.0]], "relu")
    >>> Z
    array([[-0.5, -1.5],
           [ 3. ,  6. ]])
    >>> A
    array([[0., 0.],
           [3., 6.]])
    """
    name = activations.named("linear_activation_forward", activation)
    Z, linear_cache = linear_forward(A_prev, W, b, samples_first=samples_first)
    return orient(activate(name, orient(Z, samples_first)), samples_first), (linear_cache, Z)


def L_model_forward(  # noqa: N802
    X: Any, parameters: Mapping[str, Any], *, samples_first: bool = False
) -> tuple[Array, list[Cache]]:
    """Return the outputs of a network with relu in the hidden layers and sigmoid in the last layer.

    Parameters
    ----------
    X : array-like (features, samples)
        Data.
    parameters : dict
        W1, b1, W2, ..., in the form of :func:`initialize_parameters_deep`.
    samples_first : bool, default False
        Whether X is (samples, features) and the outputs are (samples, outputs).

    Returns
    -------
    AL : ndarray (outputs, samples)
        Probabilities.
    caches : list
        Cache of :func:`linear_activation_forward` for each layer. The logits are ``caches[-1][1]``.

    Raises
    ------
    TypeError, ValueError
        As for :func:`linear_forward`.

    See Also
    --------
    L_model_backward : Gradients of the network.

    Examples
    --------
    >>> from compiled_nn import functional as F
    >>> parameters = F.initialize_parameters_deep([2, 5, 1], seed=0)
    >>> AL, caches = F.L_model_forward([[0, 0, 1, 1], [0, 1, 0, 1]], parameters)
    >>> AL.shape, len(caches)
    ((1, 4), 2)
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
    """Return the gradients of a linear layer: dW and db averaged over the samples, dA_prev per sample.

    Parameters
    ----------
    dZ : array-like (units, samples)
        Gradient of the loss of each sample with respect to Z.
    cache : (A_prev, W, b)
        Cache returned by :func:`linear_forward`.
    samples_first : bool, default False
        Orientation of the samples, as in the forward pass.

    Returns
    -------
    dA_prev : ndarray of the shape of A_prev
        Gradient with respect to A_prev, W^T dZ.
    dW : ndarray (units, inputs)
        Gradient with respect to W, dZ A_prev^T / m.
    db : ndarray (units, 1), or None without b
        Gradient with respect to b, the mean of dZ over the samples.

    Raises
    ------
    ValueError
        If the shape of dZ does not match the cache.

    See Also
    --------
    linear_forward : Forward pass, which returns the cache.

    Examples
    --------
    >>> from compiled_nn.functional import linear_backward, linear_forward
    >>> Z, cache = linear_forward([[1.0, 3.0]], W=[[2.0]], b=[[0.0]])
    >>> dA_prev, dW, db = linear_backward([[1.0, 1.0]], cache)
    >>> dA_prev.tolist(), dW.item(), db.item()
    ([[2.0, 2.0]], 2.0, 1.0)
    """
    dZ_, W = _check_gradient(dZ, cache, samples_first)
    return orient(matmul(dZ_, W), samples_first), *weight_gradients(dZ_, cache, samples_first)


def _check_gradient(dZ: Any, cache: Linear, samples_first: bool) -> tuple[Array, Array]:
    """Return dZ as rows, and W, both in the dtype of the layer's data; raise ValueError if the shapes do not match."""
    check_tuple(cache, 3, "The cache", "(A, W, b), the one of linear_forward")
    W, _ = _weights(*cache[1:])
    A = as_rows(cache[0], "A_prev", samples_first, W.dtype)
    rows = as_rows(dZ, "dZ", samples_first)
    if rows.shape != (len(A), len(W)):
        raise ValueError(
            f"dZ has {rows.shape[1]} units and {len(rows)} samples; the cache has {len(W)} and {len(A)}."
        )
    return rows.astype(A.dtype, copy=False), W.astype(A.dtype, copy=False)


def weight_gradients(dZ: Array, cache: Linear, samples_first: bool) -> tuple[Array, Array | None]:
    """Return dW (units, inputs) and db (units, 1) for rows dZ (samples, units)."""
    A_prev, W, b = cache
    A = as_rows(A_prev, "A_prev", samples_first, as_reals(W, "W").dtype)
    dW = matmul(dZ.T, A)
    dW /= len(A)
    if b is None:
        return dW, None
    return dW, dZ.mean(axis=0, dtype=np.float64).astype(dZ.dtype).reshape(-1, 1)


def linear_activation_backward(
    dA: Any, cache: Cache, activation: HiddenName, *, samples_first: bool = False
) -> Gradients:
    """Return the gradients of a layer f(W A_prev + b): dW and db averaged over the samples, dA_prev per sample.

    Parameters
    ----------
    dA : array-like (units, samples)
        Gradient of the loss of each sample with respect to the outputs of the layer.
    cache : ((A_prev, W, b), Z)
        Cache returned by :func:`linear_activation_forward`.
    activation : str
        Activation of the forward pass. "softmax" is not supported: the gradient of softmax and cross-entropy together
        is dZ = A - Y, for :func:`linear_backward`.
    samples_first : bool, default False
        Orientation of the samples, as in the forward pass.

    Returns
    -------
    dA_prev, dW, db
        Gradients, as returned by :func:`linear_backward`.

    Raises
    ------
    TypeError, ValueError
        If there is no such activation, or the shape of dA does not match the cache.

    See Also
    --------
    linear_activation_forward : Forward pass, which returns the cache.

    Examples
    --------
    >>> from compiled_nn import functional as F
    >>> A, cache = F.linear_activation_forward([[1.0, 3.0]], [[2.0]], [[-4.0]], "relu")  # Z is -2 and 2
    >>> dA_prev, dW, db = F.linear_activation_backward([[1.0, 1.0]], cache, "relu")
    >>> dA_prev.tolist(), dW.item(), db.item()
    ([[0.0, 2.0]], 1.5, 0.5)
    """
    name = activations.named("linear_activation_backward", activation)
    check_tuple(cache, 2, "The cache", "(linear_cache, Z), the one of linear_activation_forward")
    linear_cache, Z = cache
    dZ = activation_gradient(name, as_rows(dA, "dA", samples_first), orient(Z, samples_first))
    return linear_backward(orient(dZ, samples_first), linear_cache, samples_first=samples_first)


def activation_gradient(name: str, dA: Array, Z: Array) -> Array:
    """Return dA * f'(Z) for rows dA and Z (samples, units), in the dtype of Z."""
    if dA.shape != Z.shape:
        raise ValueError(
            f"dA has {dA.shape[1]} units and {len(dA)} samples; Z has {Z.shape[1]} and {len(Z)}."
        )
    return derive_from_inputs(name, Z, dA.astype(Z.dtype, copy=False))


def L_model_backward(  # noqa: N802
    AL: Any, Y: Any, caches: Sequence[Cache], *, samples_first: bool = False
) -> dict[str, Array]:
    """Return the gradients of the binary cross-entropy of the network of :func:`L_model_forward`.

    In the last layer dZ = AL - Y, the exact gradient of the cost and the sigmoid together, even where AL is saturated.

    Parameters
    ----------
    AL : array-like (outputs, samples)
        Outputs returned by :func:`L_model_forward`.
    Y : array-like
        Targets: (m,), (1, m) or (m, 1) for one output, else in the shape of AL.
    caches : list
        Caches returned by :func:`L_model_forward`.
    samples_first : bool, default False
        Orientation of the samples, as in the forward pass.

    Returns
    -------
    dict
        Gradients dW1 (units, inputs), db1 (units, 1), ... of the mean cost; and dA0 (for the data), dA1, ... of the
        cost of each sample, in the shapes of A0, A1, ...

    Raises
    ------
    TypeError, ValueError
        If the shapes do not match.

    See Also
    --------
    update_parameters : Step of gradient descent with these gradients.

    Examples
    --------
    >>> from compiled_nn import functional as F
    >>> X, Y = [[0, 0, 1, 1], [0, 1, 0, 1]], [0, 1, 1, 0]
    >>> AL, caches = F.L_model_forward(X, F.initialize_parameters_deep([2, 5, 1], seed=0))
    >>> grads = F.L_model_backward(AL, Y, caches)
    >>> {name: array.shape for name, array in grads.items()}
    {'dA1': (5, 4), 'dW2': (1, 5), 'db2': (1, 1), 'dA0': (2, 4), 'dW1': (5, 2), 'db1': (5, 1)}
    """
    check_caches(caches)
    A = outputs_as_rows(AL, "AL", samples_first)
    dZ = A - targets_as_rows(Y, A, samples_first)
    grads: dict[str, Array] = {}
    for layer in range(len(caches), 0, -1):
        linear_cache, Z = caches[layer - 1]
        if layer < len(caches):
            dA = orient(grads[f"dA{layer}"], samples_first)
            dZ = activation_gradient("relu", dA, orient(Z, samples_first))
        dA_prev, dW, db = linear_backward(
            orient(dZ, samples_first), linear_cache, samples_first=samples_first
        )
        grads |= {f"dA{layer - 1}": dA_prev, f"dW{layer}": dW} | ({} if db is None else {f"db{layer}": db})
    return grads
