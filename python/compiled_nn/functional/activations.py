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

    See Also
    --------
    derivative : Derivative of the activation.

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

    See Also
    --------
    activate : Outputs of the activation.

    Examples
    --------
    >>> from compiled_nn.functional import derivative
    >>> derivative("tanh", [-1.0, 0.0, 1.0]).round(3).tolist()
    [0.42, 1.0, 0.42]
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
    """Return max(0, Z).

    Parameters
    ----------
    Z : array-like of any shape
        Inputs of the activation.

    Returns
    -------
    ndarray of the shape of Z
        Outputs, float32 or float64 as Z; float64 for integers.

    Raises
    ------
    TypeError
        If Z is not real.

    See Also
    --------
    relu_deriv : Derivative of relu.
    relu_forward : Output and cache for the backward pass.

    Examples
    --------
    >>> from compiled_nn.functional import relu
    >>> relu([-2.0, 0.0, 3.0]).tolist()
    [0.0, 0.0, 3.0]
    """
    return activate("relu", Z)


def sigmoid_forward(Z: Any) -> Activated:
    """Return sigmoid(Z) and the cache of :func:`sigmoid_backward`.

    Parameters
    ----------
    Z : array-like of any shape
        Inputs of the activation.

    Returns
    -------
    A : ndarray of the shape of Z
        Outputs, float32 or float64 as Z; float64 for integers.
    cache : array-like
        Z itself, which is not copied.

    Raises
    ------
    TypeError
        If Z is not real.

    See Also
    --------
    sigmoid_backward : Gradient, which takes the cache.

    Examples
    --------
    >>> from compiled_nn.functional import sigmoid_forward
    >>> A, cache = sigmoid_forward([[0.0, 2.0]])
    >>> A.round(4).tolist(), cache
    ([[0.5, 0.8808]], [[0.0, 2.0]])
    """
    return sigmoid(Z), Z


def relu_forward(Z: Any) -> Activated:
    """Return relu(Z) and the cache of :func:`relu_backward`.

    Parameters
    ----------
    Z : array-like of any shape
        Inputs of the activation.

    Returns
    -------
    A : ndarray of the shape of Z
        Outputs, float32 or float64 as Z; float64 for integers.
    cache : array-like
        Z itself, which is not copied.

    Raises
    ------
    TypeError
        If Z is not real.

    See Also
    --------
    relu_backward : Gradient, which takes the cache.

    Examples
    --------
    >>> from compiled_nn.functional import relu_forward
    >>> A, cache = relu_forward([[-1.0, 2.0]])
    >>> A.tolist(), cache
    ([[0.0, 2.0]], [[-1.0, 2.0]])
    """
    return relu(Z), Z


def sigmoid_deriv(Z: Any) -> Array:
    """Return the derivative of sigmoid at Z, sigmoid(Z) * (1 - sigmoid(Z)).

    Parameters
    ----------
    Z : array-like of any shape
        Inputs of the sigmoid, not its outputs.

    Returns
    -------
    ndarray of the shape of Z
        Derivatives, float32 or float64 as Z; float64 for integers.

    Raises
    ------
    TypeError
        If Z is not real.

    See Also
    --------
    sigmoid_prime : Another name of this function.
    sigmoid_backward : Product of the derivative and a gradient.

    Examples
    --------
    >>> from compiled_nn.functional import sigmoid_deriv
    >>> sigmoid_deriv([0.0, 2.0]).round(4).tolist()
    [0.25, 0.105]
    """
    return derivative("sigmoid", Z)


def sigmoid_prime(z: Any) -> Array:
    """Return the derivative of sigmoid at z; another name of :func:`sigmoid_deriv`.

    Parameters
    ----------
    z : array-like of any shape
        Inputs of the sigmoid, not its outputs.

    Returns
    -------
    ndarray of the shape of z
        Derivatives, float32 or float64 as z; float64 for integers.

    Raises
    ------
    TypeError
        If z is not real.

    Examples
    --------
    >>> from compiled_nn.functional import sigmoid_prime
    >>> sigmoid_prime(0).item()
    0.25
    """
    return sigmoid_deriv(z)


def relu_deriv(Z: Any) -> Array:
    """Return the derivative of relu at Z: 1 where Z > 0, else 0.

    Parameters
    ----------
    Z : array-like of any shape
        Inputs of the relu.

    Returns
    -------
    ndarray of the shape of Z
        Derivatives, float32 or float64 as Z; float64 for integers.

    Raises
    ------
    TypeError
        If Z is not real.

    Examples
    --------
    >>> from compiled_nn.functional import relu_deriv
    >>> relu_deriv([-2.0, 0.0, 3.0]).tolist()
    [0.0, 0.0, 1.0]
    """
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
        Gradient dZ = dA * sigmoid'(Z), in the dtype of Z.

    Raises
    ------
    ValueError
        If the shapes differ.

    See Also
    --------
    sigmoid_forward : Forward pass, which returns the cache.

    Examples
    --------
    >>> from compiled_nn.functional import sigmoid_backward
    >>> sigmoid_backward(dA=[1.0, 2.0], cache=[0.0, 0.0]).tolist()
    [0.25, 0.5]
    """
    return _backward("sigmoid", dA, cache)


def relu_backward(dA: Any, cache: Any) -> Array:
    """Return the gradient with respect to Z of a relu: dA where Z > 0, else 0.

    Parameters
    ----------
    dA : array-like
        Gradient with respect to the output A; it is not modified.
    cache : array-like of the shape of dA
        Inputs Z of the relu.

    Returns
    -------
    ndarray
        Gradient dZ = dA * relu'(Z), in the dtype of Z.

    Raises
    ------
    ValueError
        If the shapes differ.

    See Also
    --------
    relu_forward : Forward pass, which returns the cache.

    Examples
    --------
    >>> from compiled_nn.functional import relu_backward
    >>> relu_backward(dA=[5.0, 5.0], cache=[-1.0, 1.0]).tolist()
    [0.0, 5.0]
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
