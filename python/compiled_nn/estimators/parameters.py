"""What an estimator is asked to do: parameters that a constructor only stores, and that fit checks."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import activations, checks
from ..configuration import DTYPES
from ..layers import Dense
from ..optimizers import SGD, Adam, Optimizer

if TYPE_CHECKING:
    from typing import Self

STOCHASTIC = ("sgd", "adam")
SOLVERS = ("lbfgs", *STOCHASTIC)
RATES = ("constant", "invscaling", "adaptive")
MONITORS = ("val_score", "val_loss")
_VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
_FLAGS = (
    "shuffle",
    "warm_start",
    "nesterovs_momentum",
    "early_stopping",
    "use_bias",
    "residual",
    "standardize",
    "restore_best",
)


@cache
def _taken(owner: Any) -> dict[str, Any]:
    """Return what the constructor of a class takes, which may be a user's subclass, and the defaults."""
    taken = list(signature(owner.__init__).parameters.values())[1:]
    return {one.name: one.default for one in taken if one.kind not in _VARIADIC}


@dataclass(kw_only=True, eq=False, repr=False)
class Parameters:
    """The parameters that classifier and regressor share; documented at :class:`MLPClassifier`."""

    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"
    solver: str = "adam"
    alpha: float = 0.0001
    batch_size: int | str = "auto"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    max_fun: int = 15000
    dropout: Any = 0.0
    input_dropout: float = 0.0
    l1: float = 0.0
    clip_norm: float | None = None
    use_bias: bool = True
    init: Any = None
    norm: str | None = None
    residual: bool = False
    standardize: bool = False
    monitor: str | None = None
    min_delta: float | None = None
    restore_best: bool = True
    time_limit: float | None = None
    dtype: str = "float32"
    n_threads: int | None = None
    callbacks: Any = None

    # ---- as every estimator has them

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; `deep` is without effect, as none of them is an estimator."""
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name and return self; an unknown name is a ValueError."""
        names = sorted(self.get_params())
        for name in params:
            if name not in names:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self!r}. Valid parameters are: {names!r}."
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def changed(self) -> dict[str, Any]:
        """Return the parameters that differ from their defaults, by name, in alphabetical order."""
        defaults = self._defaults()
        given = sorted(self.get_params().items())
        return {name: value for name, value in given if repr(value) != repr(defaults[name])}

    def __repr__(self) -> str:
        words = ", ".join(f"{name}={value!r}" for name, value in self.changed().items())
        return f"{type(self).__name__}({words})"

    def _defaults(self) -> dict[str, Any]:
        owner: Any = type(self)
        return _taken(owner)

    # ---- checked

    def _check(self) -> None:
        """Refuse parameters of a wrong type or value."""
        owner = type(self).__name__
        checks.choice(owner, "solver", self.solver, SOLVERS)
        if isinstance(self.learning_rate, numbers.Real):
            raise TypeError(
                f"The 'learning_rate' parameter of {owner} names a schedule: a str among {set(RATES)!r}. Got"
                f" {self.learning_rate!r} instead. The rate itself is learning_rate_init={self.learning_rate!r}."
            )
        checks.choice(owner, "learning_rate", self.learning_rate, RATES)
        for name in ("alpha", "power_t", "tol", "l1"):
            checks.real(owner, name, getattr(self, name), minimum=0)
        for name in ("learning_rate_init", "epsilon"):
            checks.real(owner, name, getattr(self, name), above=0)
        for name in ("momentum", "validation_fraction", "beta_1", "beta_2"):
            checks.real(owner, name, getattr(self, name), minimum=0, below=1)
        for name in ("max_iter", "max_fun"):
            checks.integer(owner, name, getattr(self, name), minimum=1)
        for name in _FLAGS:
            value = getattr(self, name)
            checks.flag(owner, name, bool(value) if isinstance(value, np.bool_) else value)
        if self.n_iter_no_change != math.inf:
            checks.integer(owner, "n_iter_no_change", self.n_iter_no_change, minimum=1)
        if isinstance(self.batch_size, str):
            checks.choice(owner, "batch_size", self.batch_size, ("auto",))
        else:
            checks.integer(owner, "batch_size", self.batch_size, minimum=1)
        checks.choice(owner, "dtype", self.dtype, DTYPES)
        if self.monitor is not None:
            checks.choice(owner, "monitor", self.monitor, MONITORS)
        for name in ("min_delta", "time_limit"):
            if getattr(self, name) is not None:
                checks.real(owner, name, getattr(self, name), minimum=0)
        self._layers(1)
        checks.real(owner, "input_dropout", self.input_dropout, minimum=0, below=1)
        if self.clip_norm is not None:
            checks.real(owner, "clip_norm", self.clip_norm, above=0)
        if self.solver == "lbfgs" and (self._drops() or self.norm is not None or self.clip_norm is not None):
            raise ValueError(
                "solver='lbfgs' takes no dropout, input_dropout, norm or clip_norm; 'adam' and 'sgd' do."
            )

    def _drops(self) -> bool:
        """Tell whether anything is dropped in training."""
        return self.input_dropout > 0 or any(layer.dropout > 0 for layer in self._layers(1))

    def _layers(self, n_outputs: int) -> list[Dense]:
        """Return the layers of a network of `n_outputs`."""
        sizes = self._hidden_sizes()
        activations, dropouts = self._each("activation", sizes), self._each("dropout", sizes)
        options: dict[str, Any] = {"bias": bool(self.use_bias), "init": self.init}
        hidden: list[Dense] = []
        for size, activation, dropout in zip(sizes, activations, dropouts, strict=True):
            residual = bool(self.residual) and bool(hidden) and hidden[-1].units == size
            regularised = {"dropout": dropout, "norm": self.norm, "residual": residual}
            hidden.append(Dense(size, self._activation(activation), **options, **regularised))
        return [*hidden, Dense(n_outputs, **options)]

    def _each(self, name: str, sizes: list[int]) -> list[Any]:
        """Return a parameter that may be one for all hidden layers, or one a layer."""
        given = getattr(self, name)
        each = list(given) if isinstance(given, (list, tuple, np.ndarray)) else [given] * len(sizes)
        if len(each) != len(sizes):
            raise ValueError(f"{name} has {len(each)} entries; hidden_layer_sizes has {len(sizes)} layers.")
        return each

    def _hidden_sizes(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if isinstance(sizes, Iterable) else [sizes]
        for size in sizes:
            if isinstance(size, bool) or not isinstance(size, numbers.Integral):
                raise TypeError(f"hidden_layer_sizes must hold integers, got {sizes}.")
            if size <= 0:
                raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return [int(size) for size in sizes]

    def _activation(self, name: Any) -> Any:
        """Return an activation as Dense takes it: scikit-learn's name of the sigmoid is "logistic"."""
        if not isinstance(name, str):
            return name
        known = ("logistic", *(known for known in activations.ACTIVATIONS if known != "softmax"))
        name = checks.choice(type(self).__name__, "activation", name, known)
        return "sigmoid" if name == "logistic" else name

    def _optimizer(self) -> Optimizer:
        """Return what takes the steps, at the initial rate."""
        if self.solver == "adam":
            return Adam(self.learning_rate_init, self.beta_1, self.beta_2, self.epsilon, epsilon_hat=True)
        nesterov = bool(self.nesterovs_momentum) and self.momentum > 0
        return SGD(self.learning_rate_init, self.momentum, nesterov)

    def _rows_of_a_batch(self, n_rows: int) -> int:
        return min(200 if isinstance(self.batch_size, str) else int(self.batch_size), n_rows)
