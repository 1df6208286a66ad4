"""Activations: their names, and those that a user adds as two functions of arrays.

What they compute is written in docs/numerics.md; how to add one, in docs/activations.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from ..common import checks
from ..data.arrays import Array

ACTIVATIONS = (
    *("identity", "relu", "sigmoid", "tanh", "softmax"),
    *("exp", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "mish", "softplus", "softsign"),
    *("hard_sigmoid", "hard_swish", "hard_tanh", "relu6"),
)
ELEMENTWISE = tuple(name for name in ACTIVATIONS if name != "softmax")
ALIASES = {"linear": "identity", "swish": "silu"}

# The same names for type checkers: `ELEMENTWISE`; these and `ALIASES`; and "softmax".
ElementwiseName: TypeAlias = Literal[
    "identity", "relu", "sigmoid", "tanh", "exp", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "mish",
    "softplus", "softsign", "hard_sigmoid", "hard_swish", "hard_tanh", "relu6",
]  # fmt: skip
HiddenName: TypeAlias = Literal[ElementwiseName, "linear", "swish"]
ActivationName: TypeAlias = Literal[HiddenName, "softmax"]

Function: TypeAlias = Callable[[Array], Array]


@dataclass(frozen=True, repr=False)
class Activation:
    """An activation of your own for :class:`Dense`: a function and its derivative, on NumPy arrays.

    Both are called with Z (rows, units), read-only and of the network's dtype, and return an array of the same
    shape and dtype: for each number, whatever the rows beside it. Subnormal numbers may count as 0 in them. A network
    with such an activation computes with one thread; what the functions raise ends `fit`, with the weights of the
    last whole step.

    Parameters
    ----------
    f, derivative : callable
        Z -> f(Z), and Z -> f'(Z).
    name : str, optional
        What tables and pictures call it. Default: the name of `f`.

    Raises
    ------
    TypeError
        When `f` or `derivative` cannot be called, or the name is no str.
    ValueError
        When the name is empty.

    Examples
    --------
    >>> import numpy as np
    >>> import compiled_nn as cnn
    >>> sine = cnn.Activation(np.sin, np.cos)
    >>> cnn.Dense(32, sine)
    Dense(units=32, activation=<activation sin>, bias=True, init=None)
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
    """Make an activation known by a name, so that networks with it can be saved and loaded.

    A file holds the name alone: a program that loads the network registers the functions first. Registering a name
    again replaces what it stood for, for networks made from then on.

    Parameters
    ----------
    name : str
        ``Dense(32, name)`` then stands for it.
    f, derivative : callable
        As for :class:`Activation`.

    Returns
    -------
    Activation

    Raises
    ------
    TypeError, ValueError
        As for :class:`Activation`; or when an activation of the library has that name.
    """
    if _checked_name("register_activation", name) in (*ACTIVATIONS, *ALIASES):
        raise ValueError(f"The activation {name!r} is one of the library. Register yours by another name.")
    activation = Activation(f, derivative, name)
    _registered[name] = activation
    return activation


def resolve(owner: str, activation: object) -> ActivationName | Activation:
    """Return an activation given by name or as it is, checked; names that have another become that one."""
    if isinstance(activation, Activation):
        return activation
    name = checks.choice(owner, "activation", activation, (*ACTIVATIONS, *ALIASES, *_registered))
    return _registered.get(name) or cast("ActivationName", ALIASES.get(name, name))


def named(owner: str, activation: object) -> ActivationName:
    """Return the name of an activation of the library."""
    name = checks.choice(owner, "activation", activation, (*ACTIVATIONS, *ALIASES))
    return cast("ActivationName", ALIASES.get(name, name))


def for_core(activation: str | Activation) -> str | tuple[Function, Function]:
    """Return the activation as the core takes it: a name, or a pair of functions."""
    return (activation.f, activation.derivative) if isinstance(activation, Activation) else activation


def to_config(activation: str | Activation | None) -> str | None:
    """Return the name of an activation, for a file.

    Raises
    ------
    ValueError
        When it is a user's and not registered: whoever reads the file could not know it.
    """
    if not isinstance(activation, Activation):
        return activation
    name = str(activation.name)
    if _registered.get(name) != activation:
        raise ValueError(
            f"The activation {name!r} is not registered, and a file holds its name alone. Call"
            f" compiled_nn.register_activation({name!r}, f, derivative), and give the layer what that returns."
        )
    return name


def from_config(name: object) -> str | Activation | None:
    """Return the activation of a name from a file.

    Raises
    ------
    TypeError, ValueError
        When the name is not known.
    """
    if isinstance(name, str) and name not in ACTIVATIONS and name not in _registered:
        raise ValueError(
            f"The activation {name!r} is not known. If it is one of your own, call"
            f" compiled_nn.register_activation({name!r}, f, derivative) before the file is loaded."
        )
    return None if name is None else resolve("the file", name)
