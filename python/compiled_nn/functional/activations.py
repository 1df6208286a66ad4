"""Activation functions and their derivatives, on arrays of any shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_core import functions

from ..data.arrays import Array
from ..spec import activations
from ..spec.activations import ActivationName, HiddenName
from .orientation import as_reals

Activated = tuple[Array, Array]


def activate(name: ActivationName, Z: Any) -> Array:
    """Return f(Z) for the activation called `name`.

    Parameters
    ----------
    name : str
        Name of an activation of :class:`compiled_nn.Dense`. "softmax" is computed over the last axis.
    Z : array-like of any shape
        Inputs of the activation.

    Returns
    -------
    ndarray of the shape of Z
        Outputs, float32 or float64 as Z; float64 for integers.

    Raises
    ------
    TypeError
        If the name is not a str, or Z is not real.
    ValueError
        If there is no activation of this name.

    Examples
    --------
    >>> from compiled_nn.functional import activate
    >>> activate("hard_tanh", [-3.0, 0.5, 2.0]).tolist()
    [-1.0, 0.5, 1.0]
    """
    return functions.activate(activations.named("activate", name), as_reals(Z, "Z"))


def derivative(name: HiddenName, Z: Any) -> Array:
    """Return f'(Z) for the activation called `name`.

    Parameters
    ----------
    name : str
        Name of an activation of :class:`compiled_nn.Dense` other than "softmax".
    Z : array-like of any shape
        Inputs of the activation.

    Returns
    -------
    ndarray of the shape of Z
        Derivatives, float32 or float64 as Z; float64 for integers.

    Raises
    ------
    TypeError, ValueError
        As for :func:`activate`.
    """
    Z = as_reals(Z, "Z")
    return functions.derive_from_inputs(activations.named("derivative", name), Z, np.ones_like(Z))


def _backward(name: str, dA: Any, cache: Any) -> Array:
    Z = as_reals(cache, "Z")
    dA = as_reals(dA, "dA", Z.dtype)
    if dA.shape != Z.shape:
        raise ValueError(f"dA has shape {dA.shape}; the cache has {Z.shape}.")
    return functions.derive_from_inputs(name, Z, dA.astype(Z.dtype, copy=False))


def sigmoid(Z: Any) -> Array:
    """Return 1 / (1 + exp(-Z)), which does not overflow for any Z.

    Parameters
    ----------
    Z : array-like of any shape
        Inputs of the activation.

    Returns
    -------
    ndarray of the shape of Z
        Outputs, float32 or float64 as Z; float64 for integers.

    Examples
    --------
    >>> from compiled_nn.functional import sigmoid
    >>> sigmoid([-1000.0, 0.0, 1000.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    return activate("sigmoid", Z)


def relu(Z: Any) -> Array:
    """Return max(0, Z), in the shape and dtype of Z (integers become float64)."""
    return activate("relu", Z)


def sigmoid_forward(Z: Any) -> Activated:
    """Return (sigmoid(Z), Z): the output and the cache for :func:`sigmoid_backward`."""
    return sigmoid(Z), Z


def relu_forward(Z: Any) -> Activated:
    """Return (relu(Z), Z): the output and the cache for :func:`relu_backward`."""
    return relu(Z), Z


def sigmoid_deriv(Z: Any) -> Array:
    """Return the derivative of sigmoid at Z, sigmoid(Z) * (1 - sigmoid(Z)); Z is the input of the sigmoid."""
    return derivative("sigmoid", Z)


def sigmoid_prime(z: Any) -> Array:
    """Return the derivative of sigmoid at z; another name of :func:`sigmoid_deriv`."""
    return sigmoid_deriv(z)


def relu_deriv(Z: Any) -> Array:
    """Return the derivative of relu at Z: 1 where Z > 0, else 0."""
    return derivative("relu", Z)


def sigmoid_backward(dA: Any, cache: Any) -> Array:
    """Return the gradient with respect to Z of a sigmoid.

    Parameters
    ----------
    dA : array-like
        Gradient with respect to the output A.
    cache : array-like of the shape of dA
        Inputs Z of the sigmoid.

    Returns
    -------
    ndarray
        dZ = dA * sigmoid'(Z), in the dtype of Z.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    return _backward("sigmoid", dA, cache)


def relu_backward(dA: Any, cache: Any) -> Array:
    """Return the gradient with respect to Z of a relu: dA where Z > 0, else 0.

    Parameters, result and errors are those of :func:`sigmoid_backward`; dA is not modified.
    """
    return _backward("relu", dA, cache)


def softmax(Z: Any, *, samples_first: bool = True) -> Array:
    """Return exp(Z) / sum(exp(Z)) over the features of each sample, without overflow.

    Parameters
    ----------
    Z : array-like (samples, features) or (features,)
        Logits.
    samples_first : bool, default True
        Whether Z is (samples, features); False: (features, samples).

    Returns
    -------
    ndarray of the shape of Z
        Probabilities, float32 or float64 as Z; float64 for integers.

    Raises
    ------
    ValueError
        If Z has neither 1 nor 2 dimensions.

    Examples
    --------
    >>> from compiled_nn.functional import softmax
    >>> softmax([[2, 4, 6, 8]]).round(8).tolist()
    [[0.00214401, 0.0158422, 0.11705891, 0.86495488]]
    """
    Z = as_reals(Z, "Z")
    if Z.ndim not in (1, 2):
        raise ValueError(f"Z has shape {Z.shape}; expected 1 or 2 dimensions.")
    rows = Z if samples_first or Z.ndim == 1 else Z.T
    A = functions.activate("softmax", rows)
    return A if rows is Z else A.T
