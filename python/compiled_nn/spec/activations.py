"""Activations: names of the built-in ones, and user-defined ones as two functions of arrays.

The formulas are in docs/internals/numerics.md; how to add an activation is described in docs/guide/activations.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from ..common import checks
from ..data.arrays import Array

_Default: TypeAlias = Literal["glorot_uniform", "he_normal", "lecun_normal"]
INITIALIZERS: dict[str, _Default] = {  # of the layers with each activation, in the order of the core's codes
    "identity": "glorot_uniform",
    "relu": "he_normal",
    "sigmoid": "glorot_uniform",
    "tanh": "glorot_uniform",
    "softmax": "glorot_uniform",
    "exp": "glorot_uniform",
    "leaky_relu": "he_normal",
    "elu": "he_normal",
    "selu": "lecun_normal",
    "gelu": "he_normal",
    "gelu_tanh": "he_normal",
    "silu": "he_normal",
    "mish": "he_normal",
    "softplus": "glorot_uniform",
    "softsign": "glorot_uniform",
    "hard_sigmoid": "glorot_uniform",
    "hard_swish": "he_normal",
    "hard_tanh": "glorot_uniform",
    "relu6": "he_normal",
    "sine": "glorot_uniform",
}
ACTIVATIONS = tuple(INITIALIZERS)
ELEMENTWISE = tuple(name for name in ACTIVATIONS if name != "softmax")
ALIASES = {"linear": "identity", "swish": "silu"}

# The same names for type checkers: `ELEMENTWISE`; these and `ALIASES`; and "softmax".
ElementwiseName: TypeAlias = Literal[
    "identity", "relu", "sigmoid", "tanh", "exp", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "mish",
    "softplus", "softsign", "hard_sigmoid", "hard_swish", "hard_tanh", "relu6", "sine",
]  # fmt: skip
HiddenName: TypeAlias = Literal[ElementwiseName, "linear", "swish"]
ActivationName: TypeAlias = Literal[HiddenName, "softmax"]

Function: TypeAlias = Callable[[Array], Array]


@dataclass(frozen=True, repr=False)
class Activation:
    """User-defined activation for :class:`Dense`: a function and its derivative, on NumPy arrays.

    Both functions are called with a read-only array Z (rows, units) in the dtype of the network, and must return an
    array of the same shape and dtype. They must be elementwise: the result for a number must not depend on other rows.
    Subnormal numbers may be treated as 0. A network with a user-defined activation uses one thread. An exception that a
    function raises ends `fit`; the network then has the weights of the last complete step.

    Parameters
    ----------
    f : callable
        Function Z -> f(Z).
    derivative : callable
        Function Z -> f'(Z).
    name : str, optional
        Name in tables and plots. Default: the name of `f`.

    Raises
    ------
    TypeError
        If `f` or `derivative` is not callable, or the name is not a str.
    ValueError
        If the name is empty.

    See Also
    --------
    register_activation : Name of a user-defined activation, which files need.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> sine = cnn.Activation(np.sin, np.cos)
    >>> X = np.linspace(-3.0, 3.0, 200)[:, np.newaxis]
    >>> net = cnn.Network([cnn.Dense(16, sine), cnn.Dense(1)], loss="mse", optimizer=cnn.Adam(0.01), seed=0)
    >>> round(net.fit(X, np.sin(2 * X), epochs=100).score(X, np.sin(2 * X)), 2)
    1.0
    """

    f: Function
    derivative: Function
    name: str | None = None

    def __post_init__(self) -> None:
        for parameter in ("f", "derivative"):
            value = getattr(self, parameter)
            if not callable(value):
                raise TypeError(
                    f"The '{parameter}' parameter of Activation must be callable. Got {value!r} instead."
                )
        name = getattr(self.f, "__name__", type(self.f).__name__) if self.name is None else self.name
        object.__setattr__(self, "name", _checked_name("Activation", name))

    def __str__(self) -> str:
        return str(self.name)

    def __repr__(self) -> str:
        return f"<activation {self.name}>"


_registered: dict[str, Activation] = {}


def _checked_name(owner: str, name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"The 'name' parameter of {owner} must be a str. Got {name!r} instead.")
    if not name:
        raise ValueError(f"The 'name' parameter of {owner} must not be empty.")
    return name


def register_activation(name: str, f: Function, derivative: Function) -> Activation:
    """Register a user-defined activation under a name, so that networks with it can be saved and loaded.

    A file contains only the name: a program must register the functions before it loads the network. Registering a
    name again replaces the activation for networks that are created afterwards.

    Parameters
    ----------
    name : str
        Name of the activation, which can then be used as in ``Dense(32, name)``.
    f : callable
        Function Z -> f(Z), as for :class:`Activation`.
    derivative : callable
        Function Z -> f'(Z), as for :class:`Activation`.

    Returns
    -------
    Activation
        Registered activation.

    Raises
    ------
    TypeError, ValueError
        If an argument is not valid for :class:`Activation`, or a built-in activation has this name.

    See Also
    --------
    Activation : User-defined activation for networks that are not saved.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> swing = cnn.register_activation("swing", np.sin, np.cos)
    >>> net = cnn.Network([cnn.Dense(8, "swing"), cnn.Dense(2)], seed=0).fit([[0.0], [1.0]], [0, 1], epochs=1)
    >>> net.save("net.safetensors")
    >>> cnn.load("net.safetensors").layers[0].activation
    <activation swing>
    """
    if _checked_name("register_activation", name) in (*ACTIVATIONS, *ALIASES):
        raise ValueError(f"The activation {name!r} is built in. Register yours under another name.")
    activation = Activation(f, derivative, name)
    _registered[name] = activation
    return activation


def resolve(owner: str, activation: object) -> ActivationName | Activation:
    """Check an activation given by name or as an object, and return it; aliases become the name they stand for."""
    if isinstance(activation, Activation):
        return activation
    name = checks.choice(owner, "activation", activation, (*ACTIVATIONS, *ALIASES, *_registered))
    return _registered.get(name) or cast("ActivationName", ALIASES.get(name, name))


def named(owner: str, activation: object) -> ActivationName:
    """Check the name of a built-in activation, and return it; aliases become the name they stand for."""
    name = checks.choice(owner, "activation", activation, (*ACTIVATIONS, *ALIASES))
    return cast("ActivationName", ALIASES.get(name, name))


def for_core(activation: str | Activation) -> str | tuple[Function, Function]:
    """Return the activation in the form of the core: a name, or a pair of functions."""
    return (activation.f, activation.derivative) if isinstance(activation, Activation) else activation


def to_config(activation: str | Activation | None) -> str | None:
    """Return the name of an activation, to be written to a file.

    Raises
    ------
    ValueError
        If it is user-defined and not registered, because a program that reads the file could not find it by its name.
    """
    if not isinstance(activation, Activation):
        return activation
    name = str(activation.name)
    if _registered.get(name) != activation:
        raise ValueError(
            f"The activation {name!r} is not registered, and a file contains only its name. Call"
            f" compiled_nn.register_activation({name!r}, f, derivative), and pass the returned activation to the layer."
        )
    return name


def from_config(name: object) -> str | Activation | None:
    """Return the activation with a name that was read from a file.

    Raises
    ------
    TypeError, ValueError
        If no activation has this name.
    """
    if isinstance(name, str) and name not in ACTIVATIONS and name not in _registered:
        raise ValueError(
            f"The activation {name!r} is unknown. If it is user-defined, call"
            f" compiled_nn.register_activation({name!r}, f, derivative) before you load the file."
        )
    return None if name is None else resolve("the file", name)
