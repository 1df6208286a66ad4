"""Networks as functions: the building blocks of textbooks, computed by the compiled core.

No function keeps state or modifies its arguments. Parameters are a dict of W1 (units, inputs), b1 (units, 1), W2, ...,
in both orientations of the samples:

- functions of layers and networks take (features, samples), or (samples, features) with ``samples_first=True``;
- `softmax`, `one_hot` and `cross_entropy` take (samples, classes), or (classes, samples) with
  ``samples_first=False``; all other functions are elementwise and have no orientation.

Targets of one output have the shape (m,), (1, m) or (m, 1). Results have the dtype of the data, float32 or float64.

>>> from compiled_nn import functional as F
>>> shape = [{"nodes": 3, "activation": "relu"}, {"nodes": 1, "activation": "sigmoid"}]
>>> X, Y = [[0, 0, 1, 1], [0, 1, 0, 1]], [0, 1, 1, 0]
>>> params = F.initialise_parameters(2, shape, seed=0)
>>> for _ in range(3):
...     grads = F.forward_prop(X, params, shape)
...     params = F.back_prop(X, Y, params, grads, shape, learning_rate=0.1)
>>> F.predict(X, params, shape).shape
(1, 4)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .activations import (
        activate,
        derivative,
        relu,
        relu_backward,
        relu_deriv,
        relu_forward,
        sigmoid,
        sigmoid_backward,
        sigmoid_deriv,
        sigmoid_forward,
        sigmoid_prime,
        softmax,
    )
    from .costs import accuracy, compute_cost, cross_entropy, one_hot
    from .layers import (
        L_model_backward,
        L_model_forward,
        linear_activation_backward,
        linear_activation_forward,
        linear_backward,
        linear_forward,
    )
    from .networks import back_prop, forward_prop, gradients, initialise_parameters, predict
    from .parameters import initialize_parameters, initialize_parameters_deep, update_parameters

__all__ = [
    "L_model_backward",
    "L_model_forward",
    "accuracy",
    "activate",
    "back_prop",
    "compute_cost",
    "cross_entropy",
    "derivative",
    "forward_prop",
    "gradients",
    "initialise_parameters",
    "initialize_parameters",
    "initialize_parameters_deep",
    "linear_activation_backward",
    "linear_activation_forward",
    "linear_backward",
    "linear_forward",
    "one_hot",
    "predict",
    "relu",
    "relu_backward",
    "relu_deriv",
    "relu_forward",
    "sigmoid",
    "sigmoid_backward",
    "sigmoid_deriv",
    "sigmoid_forward",
    "sigmoid_prime",
    "softmax",
    "update_parameters",
]

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        **dict.fromkeys(
            (
                "activate",
                "derivative",
                "relu",
                "relu_backward",
                "relu_deriv",
                "relu_forward",
                "sigmoid",
                "sigmoid_backward",
                "sigmoid_deriv",
                "sigmoid_forward",
                "sigmoid_prime",
                "softmax",
            ),
            "activations",
        ),
        **dict.fromkeys(("accuracy", "compute_cost", "cross_entropy", "one_hot"), "costs"),
        **dict.fromkeys(
            (
                "L_model_backward",
                "L_model_forward",
                "linear_activation_backward",
                "linear_activation_forward",
                "linear_backward",
                "linear_forward",
            ),
            "layers",
        ),
        **dict.fromkeys(
            ("back_prop", "forward_prop", "gradients", "initialise_parameters", "predict"), "networks"
        ),
        **dict.fromkeys(
            ("initialize_parameters", "initialize_parameters_deep", "update_parameters"), "parameters"
        ),
    },
)
