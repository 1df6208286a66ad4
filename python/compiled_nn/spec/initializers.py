"""Initial weights: named initialisers, distributions and given arrays; each is drawn as (W (k, n), b (n,) or None).

Named initialisers have mean 0 and the following variance, with k inputs and n units:

    he       2 / k          default for relu and similar activations
    lecun    1 / k          default for selu
    glorot   2 / (k + n)    default for all other activations

``_normal`` draws from a normal distribution that is not truncated, ``_uniform`` from the interval with this variance.
Biases start at zero unless they are given, or drawn by an initialiser of theirs. All draws are float64 and use the
generator that the caller passes.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from ..common import checks
from ..common.errors import count
from ..common.immutable import Immutable
from ..data import arrays
from .activations import INITIALIZERS

if TYPE_CHECKING:
    from numpy.random import Generator

    from ..common.protocols import SupportsArray

NAMES: tuple[InitName, ...] = (
    "he_normal",
    "he_uniform",
    "glorot_normal",
    "glorot_uniform",
    "lecun_normal",
    "lecun_uniform",
    "zeros",
    "ones",
)
InitName: TypeAlias = Literal[
    "he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "lecun_uniform", "zeros",
    "ones",
]  # fmt: skip

Pair: TypeAlias = "tuple[arrays.Array, arrays.Array | None]"


@dataclass(frozen=True)
class Normal:
    """Initial weights from a normal distribution with mean 0.

    Parameters
    ----------
    sigma : float, default 0.01
        Standard deviation, at least 0.

    Raises
    ------
    TypeError, ValueError
        If `sigma` is not a finite number of at least 0.

    See Also
    --------
    Uniform : Uniform distribution.
    Constant : Equal weights.
    Dense : Names of other initialisers.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> net = cnn.Network([cnn.Dense(50, "tanh", init=cnn.Normal(0.1)), cnn.Dense(1)], loss="mse", seed=0)
    >>> W, b = net.fit([[0.0] * 100], [0.0], epochs=0).get_weights()[0]
    >>> round(float(W.std()), 2)
    0.1
    """

    sigma: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", checks.real("Normal", "sigma", self.sigma, minimum=0))

    def draw(self, rng: Generator, n_inputs: int, units: int) -> Pair:
        """Return (W (n_inputs, units), None)."""
        return rng.normal(0.0, self.sigma, (n_inputs, units)), None


@dataclass(frozen=True)
class Uniform:
    """Initial weights from a uniform distribution over the interval [low, high).

    Parameters
    ----------
    low : float, default -1.0
        Lower end of the interval.
    high : float, default 1.0
        Upper end of the interval.

    Raises
    ------
    TypeError, ValueError
        If an end is not a finite number, or `low` is not below `high`.

    See Also
    --------
    Normal : Normal distribution.
    Constant : Equal weights.
    Dense : Names of other initialisers.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> net = cnn.Network([cnn.Dense(50, "tanh", init=cnn.Uniform(0.0, 0.5)), cnn.Dense(1)], loss="mse", seed=0)
    >>> W, b = net.fit([[0.0] * 100], [0.0], epochs=0).get_weights()[0]
    >>> bool((W >= 0.0).all()), bool((W < 0.5).all()), round(float(W.mean()), 2)
    (True, True, 0.25)
    """

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", checks.real("Uniform", "low", self.low))
        object.__setattr__(self, "high", checks.real("Uniform", "high", self.high))
        if not self.low < self.high:
            raise ValueError(
                f"Uniform needs low < high. Got low={self.low:g} and high={self.high:g} instead."
            )

    def draw(self, rng: Generator, n_inputs: int, units: int) -> Pair:
        """Return (W (n_inputs, units), None)."""
        return rng.uniform(self.low, self.high, (n_inputs, units)), None


class Constant(Immutable):
    """Initial weights that are all the same number.

    Units with equal weights stay equal in training, so this is for biases, and for the weights of a first hidden layer
    of one unit or of a last layer.

    Parameters
    ----------
    value : float, default 0.0
        Weight.

    Raises
    ------
    TypeError, ValueError
        If `value` is not a finite number.

    See Also
    --------
    Normal, Uniform : Distributions of initial weights.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> layer = cnn.Dense(3, "relu", init=("he_normal", cnn.Constant(0.01)))
    >>> net = cnn.Network([layer, cnn.Dense(1)], loss="mse", seed=0).fit([[0.0, 0.0]], [0.0], epochs=0)
    >>> W, b = net.get_weights()[0]
    >>> b
    array([0.01, 0.01, 0.01], dtype=float32)
    """

    value: float

    def __init__(self, value: float = 0.0) -> None:
        self._set(value=checks.real("Constant", "value", value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self.value == other.value

    def __hash__(self) -> int:
        return hash((Constant, self.value))

    def __repr__(self) -> str:
        return f"Constant(value={self.value!r})"

    def draw(self, rng: Generator, n_inputs: int, units: int) -> Pair:
        """Return (W (n_inputs, units), None)."""
        return np.full((n_inputs, units), self.value), None


class WithBiases:
    """Initialiser of the weights together with one of the biases, or with biases (units,), which are copied."""

    def __init__(self, weight: Any, bias: Any) -> None:
        self.weight = resolve(weight)
        self.bias: Any = _bias(bias)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WithBiases) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"({self.weight!r}, {self.bias!r})"

    def draw(self, activation: str, rng: Generator, n_inputs: int, units: int) -> Pair:
        """Draw (W (n_inputs, units), b (units,)); `activation` is that of the layer."""
        W, _ = draw(self.weight, activation, rng, n_inputs, units)
        if isinstance(self.bias, np.ndarray):
            return W, self.bias
        b, _ = draw(self.bias, activation, rng, 1, units)
        return W, b[0]


def _bias(bias: Any) -> Any:
    """Return the initialiser of biases: a number as a `Constant`, an array (n,) in float64."""
    if isinstance(bias, (Normal, Uniform, Constant)):
        return bias
    if isinstance(bias, str):
        return checks.choice("Dense", "init", bias, ("zeros", "ones"))
    if isinstance(bias, numbers.Real) and not isinstance(bias, bool):
        return Constant(float(bias))
    return arrays.weights(bias, "the bias in init", dtype="float64", ndim=1)


class Given:
    """Initial weights given as arrays: W (inputs, units) and, optionally, b (units,). Both are copied."""

    def __init__(self, weight: Any, bias: Any = None) -> None:
        W = arrays.weights(weight, "init", dtype="float64", ndim=2)
        b = None if bias is None else arrays.weights(bias, "the bias in init", dtype="float64", ndim=1)
        if b is not None and len(b) != W.shape[1]:
            raise ValueError(
                f"init has {count(W.shape[1], 'column')}; its bias has {count(len(b), 'number')}."
            )
        self.weight, self.bias = W, b

    def __repr__(self) -> str:
        return f"<array {self.weight.shape[0]} x {self.weight.shape[1]}>"

    def draw(self, rng: Generator, n_inputs: int, units: int) -> Pair:
        """Return the arrays; a ValueError is raised if W does not have the shape (n_inputs, units)."""
        if self.weight.shape != (n_inputs, units):
            raise ValueError(
                f"init has shape {self.weight.shape}; a layer with {n_inputs} inputs and {units} units needs"
                f" {(n_inputs, units)}."
            )
        return self.weight, self.bias


class NotSaved:
    """Placeholder for initial weights given as arrays in a network read from a file, which does not contain them."""

    def __repr__(self) -> str:
        return "<array, not saved>"

    def draw(self, rng: Generator, n_inputs: int, units: int) -> Pair:
        """Raise a ValueError, because the initial weights are not available."""
        raise ValueError(
            "The initial weights of this network were given as arrays, which its file does not hold. Pass"
            " warm_start=True to train on from its present weights, or call set_weights first."
        )


def _draw_named(name: str, rng: Generator, n_inputs: int, units: int) -> arrays.Array:
    shape = (n_inputs, units)
    if name in ("zeros", "ones"):
        return np.full(shape, float(name == "ones"))
    family, distribution = name.split("_")
    variance = {"he": 2 / n_inputs, "glorot": 2 / (n_inputs + units), "lecun": 1 / n_inputs}[family]
    if distribution == "normal":
        return rng.normal(0.0, math.sqrt(variance), shape)
    limit = math.sqrt(3 * variance)
    return rng.uniform(-limit, limit, shape)


Init: TypeAlias = "InitName | Normal | Uniform | Constant | WithBiases | Given | NotSaved | None"
# A layer takes an initialiser, a pair of those of weights and biases, or the weights and perhaps the biases.
InitLike: TypeAlias = "Init | SupportsArray | Sequence[Sequence[float]] | tuple[Any, Any]"


def resolve(init: Any) -> Init:
    """Check the parameter `init`, and return it; an array, or a pair of arrays, becomes a `Given`."""
    if init is None or isinstance(init, (Normal, Uniform, Constant, WithBiases, Given, NotSaved)):
        return init
    if isinstance(init, str):
        return checks.choice("Dense", "init", init, NAMES)
    if isinstance(init, tuple) and len(init) == 2:
        named = init[0] is None or isinstance(init[0], (str, Normal, Uniform, Constant))
        return WithBiases(*init) if named else Given(*init)
    return Given(init)


def draw(init: Init, activation: str, rng: Generator, n_inputs: int, units: int) -> Pair:
    """Draw (W, b or None) from `init`; None is the default initialiser for the activation of the layer."""
    if init is None:
        init = INITIALIZERS.get(activation, "glorot_uniform")  # the latter for a user's function
    if isinstance(init, str):
        return _draw_named(init, rng, n_inputs, units), None
    if isinstance(init, WithBiases):
        return init.draw(activation, rng, n_inputs, units)
    return init.draw(rng, n_inputs, units)


def phases(blocks: Sequence[tuple[int, int]]) -> arrays.Array:
    """Return the initial biases of a layer of sines with these blocks (columns, width): 0 and pi / 2 by turns.

    Those of columns that are passed on, which have the width 0, are 0.
    """
    parts = [np.arange(width or n) % 2 * (math.pi / 2 if width else 0.0) for n, width in blocks]
    return np.concatenate(parts)


def to_config(init: Init) -> Any:
    """Return `init` as JSON values."""
    if isinstance(init, Normal):
        return {"name": "normal", "sigma": init.sigma}
    if isinstance(init, Uniform):
        return {"name": "uniform", "low": init.low, "high": init.high}
    if isinstance(init, Constant):
        return {"name": "constant", "value": init.value}
    if isinstance(init, WithBiases) and not isinstance(init.bias, np.ndarray):
        return {"name": "pair", "weights": to_config(init.weight), "biases": to_config(init.bias)}
    if isinstance(init, (WithBiases, Given, NotSaved)):
        return {"name": "array"}
    return init


def from_config(config: Any) -> Init:
    """Return the initialiser from the JSON values that :func:`to_config` returned."""
    if config is None or isinstance(config, str):
        return resolve(config)
    name = config.get("name") if isinstance(config, dict) else None
    if name == "normal":
        return Normal(checks.fields("init", config, ("name", "sigma"))["sigma"])  # type: ignore[arg-type]
    if name == "uniform":
        fields = checks.fields("init", config, ("name", "low", "high"))
        return Uniform(fields["low"], fields["high"])  # type: ignore[arg-type]
    if name == "constant":
        return Constant(checks.fields("init", config, ("name", "value"))["value"])  # type: ignore[arg-type]
    if name == "pair":
        fields = checks.fields("init", config, ("name", "weights", "biases"))
        return WithBiases(from_config(fields["weights"]), from_config(fields["biases"]))
    if name == "array":
        checks.fields("init", config, ("name",))
        return NotSaved()
    raise ValueError(
        f"init is {config!r}; expected None, a name, or an object with the name 'normal', 'uniform', 'constant',"
        " 'pair' or 'array'."
    )
