"""A network as a list of layers and a dict of arrays: forward propagation, gradients and gradient descent."""

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
from .layers import activation_gradient, linear_activation_forward, weight_gradients
from .orientation import as_rows, orient, targets_as_rows
from .parameters import draw_parameters, update_parameters


def initialise_parameters(
    X: Any,
    nn_shape: Shape,
    *,
    seed: int | None = None,
    dtype: DType | None = None,
    samples_first: bool = False,
) -> dict[str, Array]:
    """Return initial weights of a network for the data X.

    Parameters
    ----------
    X : array-like (features, samples), or int
        Data, or their number of features.
    nn_shape : list of dict
        One entry ``{"nodes": 4, "activation": "relu"}`` per layer. An "init" in it replaces the default initialiser,
        he_normal for relu and glorot_uniform elsewhere.
    seed : int, optional
        Seed for the weights; ``Network.from_shape(nn_shape, seed=seed)`` starts from the same weights. None: a
        different seed in each call.
    dtype : {"float32", "float64"}, optional
        Dtype of the weights. Default: that of X, or float64 for integers.
    samples_first : bool, default False
        Whether X is (samples, features).

    Returns
    -------
    dict
        W1 (nodes, features), b1 (nodes, 1) of zeros, W2, ...

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.

    See Also
    --------
    initialize_parameters_deep : Weights from a list of sizes.

    Examples
    --------
    >>> from compiled_nn.functional import initialise_parameters
    >>> shape = [{"nodes": 4, "activation": "relu"}, {"nodes": 1, "activation": "sigmoid"}]
    >>> params = initialise_parameters(2, shape, seed=0)
    >>> {name: array.shape for name, array in params.items()}
    {'W1': (4, 2), 'b1': (4, 1), 'W2': (1, 4), 'b2': (1, 1)}
    """
    if isinstance(X, (int, np.integer)):
        n_x, default_dtype = int(X), "float64"
    else:
        rows = as_rows(X, "X", samples_first)
        n_x, default_dtype = rows.shape[1], rows.dtype.name
    return draw_parameters(shapes.layers(nn_shape), n_x, seed, dtype or default_dtype)


def forward_prop(
    X: Any, params: Mapping[str, Any], nn_shape: Shape, *, samples_first: bool = False
) -> dict[str, Array]:
    """Return Z and A of each layer.

    Parameters
    ----------
    X : array-like (features, samples)
        Data.
    params : dict
        Parameters W1, b1, ...
    nn_shape : list of dict
        One entry ``{"nodes": 4, "activation": "relu"}`` per layer; "softmax" is allowed only in the last one.
    samples_first : bool, default False
        Whether X is (samples, features) and all results are (samples, nodes).

    Returns
    -------
    dict
        A0 (X), Z1, A1, Z2, ..., each (nodes, samples).

    Raises
    ------
    TypeError, ValueError
        If data, parameters and `nn_shape` do not match, or there is no such activation.

    See Also
    --------
    predict : Outputs of the last layer only.
    back_prop : Step of gradient descent.

    Examples
    --------
    >>> import numpy as np
    >>> from compiled_nn.functional import forward_prop
    >>> params = {"W1": np.array([[1.0, -1.0]]), "b1": np.array([[0.5]])}
    >>> grads = forward_prop([[3.0], [1.0]], params, [{"nodes": 1, "activation": "relu"}])
    >>> grads["Z1"], grads["A1"]
    (array([[2.5]]), array([[2.5]]))
    """
    result: dict[str, Array] = {"A0": np.asarray(X)}
    for i, (W, b, name) in enumerate(_layers(params, nn_shape), 1):
        A, (_, Z) = linear_activation_forward(result[f"A{i - 1}"], W, b, name, samples_first=samples_first)
        result |= {f"Z{i}": Z, f"A{i}": A}
    return result


def _layers(params: Mapping[str, Any], nn_shape: Shape) -> list[tuple[Array, Array | None, ActivationName]]:
    """Return W, b and the name of the activation of each layer."""
    dense, pairs = shapes.layers(nn_shape), shapes.arrays(params)
    if [layer.units for layer in dense] != [len(W) for W, _ in pairs]:
        raise ValueError(
            f"nn_shape has layers of {[layer.units for layer in dense]} nodes; params has"
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
    """Return the gradients of the mean loss, without an update.

    The last activation determines the loss: binary cross-entropy for sigmoid, softmax cross-entropy for softmax,
    Poisson for exp; dZ of the last layer is then A - Y. For any other activation, or with ``"loss": "mse"`` in the last
    dict of `nn_shape`, it is the sum of squared errors of a sample, and dA of the last layer is 2 (A - Y).

    Parameters
    ----------
    X : array-like (features, samples)
        Data.
    Y : array-like
        Targets: (m,), (1, m) or (m, 1) for one output, else in the shape of the outputs.
    params : dict
        Parameters W1, b1, ...
    grads : dict
        Result of :func:`forward_prop` for X and `params`.
    nn_shape : list of dict
        Layers, as for :func:`forward_prop`.
    samples_first : bool, default False
        Orientation of the samples, as in the forward pass.

    Returns
    -------
    dict
        Gradients dW1 (nodes, inputs), db1 (nodes, 1), ... of the mean loss; and dZ1, dA1, ... of the loss of each
        sample.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not match, or `nn_shape` has another loss.

    See Also
    --------
    back_prop : Gradients and a step of gradient descent.

    Examples
    --------
    >>> import numpy as np
    >>> from compiled_nn import functional as F
    >>> shape = [{"nodes": 1, "activation": "identity"}]
    >>> params = {"W1": np.array([[2.0]]), "b1": np.array([[0.0]])}
    >>> X, Y = [[1.0, 3.0]], [1.0, 5.0]
    >>> grads = F.gradients(X, Y, params, F.forward_prop(X, params, shape), shape)
    >>> grads["dZ1"].tolist(), grads["dW1"].item(), grads["db1"].item()
    ([[2.0, 2.0]], 4.0, 2.0)
    """
    layers = _layers(params, nn_shape)
    last = len(layers)
    loss = shapes.loss(nn_shape)
    needed = [f"{kind}{i}" for i in range(1, last + 1) for kind in "AZ"]
    if not isinstance(grads, Mapping) or not all(name in grads for name in needed):
        raise ValueError(f"grads must be the dict that forward_prop returns, with {', '.join(needed)}.")
    A = as_rows(grads[f"A{last}"], f"A{last}", samples_first)
    dZ = A - targets_as_rows(Y, A, samples_first)
    result: dict[str, Array] = {}
    if loss == "mse":
        dZ *= 2
        if layers[-1][2] != "identity":
            result[f"dA{last}"] = orient(dZ, samples_first)
            dZ = activation_gradient(layers[-1][2], dZ, as_rows(grads[f"Z{last}"], f"Z{last}", samples_first))
    elif losses.kind_of(loss).link != layers[-1][2]:
        raise ValueError(
            f"The loss is {loss}; gradients takes mse, or the loss whose link is {layers[-1][2]}."
        )
    for i in range(last, 0, -1):
        W, b, name = layers[i - 1]
        if i < last:
            next_W = layers[i][0].astype(dZ.dtype, copy=False)
            dA = matmul(dZ, next_W)
            dZ = activation_gradient(name, dA, as_rows(grads[f"Z{i}"], f"Z{i}", samples_first))
            result[f"dA{i}"] = orient(dA, samples_first)
        cache = (X if i == 1 else grads[f"A{i - 1}"], W, b)
        dW, db = weight_gradients(dZ, cache, samples_first)
        result |= {f"dZ{i}": orient(dZ, samples_first), f"dW{i}": dW} | ({} if db is None else {f"db{i}": db})
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
    """Return the parameters after a step of gradient descent; `params` and `grads` are not modified.

    All gradients are computed at `params`, see :func:`gradients`, before any parameter is updated.

    Parameters
    ----------
    X : array-like (features, samples)
        Data.
    Y : array-like
        Targets, as for :func:`gradients`.
    params : dict
        Parameters W1, b1, ...
    grads : dict
        Result of :func:`forward_prop` for X and `params`.
    nn_shape : list of dict
        Layers, as for :func:`forward_prop`.
    learning_rate : float, default 0.001
        Learning rate, above 0.
    samples_first : bool, default False
        Orientation of the samples, as in the forward pass.

    Returns
    -------
    dict
        New parameters W1, b1, ...

    Raises
    ------
    TypeError, ValueError
        As for :func:`gradients`.

    See Also
    --------
    gradients : Gradients without a step.
    forward_prop : Forward pass, whose result this function takes.

    Examples
    --------
    >>> from compiled_nn import functional as F
    >>> shape = [{"nodes": 4, "activation": "tanh"}, {"nodes": 1, "activation": "sigmoid"}]
    >>> X, Y = [[0, 0, 1, 1], [0, 1, 0, 1]], [0, 1, 1, 0]
    >>> params = F.initialise_parameters(2, shape, seed=0)
    >>> for _ in range(300):
    ...     params = F.back_prop(X, Y, params, F.forward_prop(X, params, shape), shape, learning_rate=1.0)
    >>> F.accuracy(Y, F.predict(X, params, shape))
    1.0
    """
    rate = checks.real("back_prop", "learning_rate", learning_rate, above=0)
    dparams = gradients(X, Y, params, grads, nn_shape, samples_first=samples_first)
    return update_parameters(params, dparams, rate)


def predict(X: Any, params: Mapping[str, Any], nn_shape: Shape, *, samples_first: bool = False) -> Array:
    """Return the outputs of the last layer.

    Parameters
    ----------
    X : array-like (features, samples)
        Data.
    params : dict
        Parameters W1, b1, ...
    nn_shape : list of dict
        Layers, as for :func:`forward_prop`.
    samples_first : bool, default False
        Whether X is (samples, features) and the result is (samples, outputs).

    Returns
    -------
    ndarray (outputs, samples)
        Outputs, float32 or float64 as X.

    Raises
    ------
    TypeError, ValueError
        As for :func:`forward_prop`.

    See Also
    --------
    forward_prop : Outputs of all layers.

    Examples
    --------
    >>> from compiled_nn import functional as F
    >>> shape = [{"nodes": 3, "activation": "softmax"}]
    >>> outputs = F.predict([[0.2, 0.9]], F.initialise_parameters(1, shape, seed=0), shape)
    >>> outputs.shape, outputs.sum(axis=0).round(6).tolist()
    ((3, 2), [1.0, 1.0])
    """
    return forward_prop(X, params, nn_shape, samples_first=samples_first)[f"A{len(nn_shape)}"]
