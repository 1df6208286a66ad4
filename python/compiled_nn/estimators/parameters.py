"""Parameters of the estimators: stored unchanged by the constructor, and checked by fit."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from .. import optimizers
from ..callbacks.base import Monitor
from ..common import checks
from ..optimizers.classes import SGD, Adam, AdamW, Optimizer
from ..spec import activations
from ..spec.activations import Activation, ActivationName, HiddenName
from ..spec.configuration import DTYPES, SCALINGS, DType, Scaling
from ..spec.layers import NORMS, Dense, Norm
from ..training import plan

if TYPE_CHECKING:
    from typing import Self

    from ..metrics.scorers import MetricLike
    from ..optimizers import OptimizerName
    from ..preprocessing.tabular import Features
    from ..spec.initializers import InitName, Normal, Uniform

STOCHASTIC = ("sgd", "adam")
SOLVERS = ("lbfgs", *STOCHASTIC)
Solver: TypeAlias = Literal["lbfgs", "sgd", "adam"]
RATES = ("constant", "invscaling", "adaptive")
Rates: TypeAlias = Literal["constant", "invscaling", "adaptive"]
HiddenActivation: TypeAlias = HiddenName | Literal["logistic"] | Activation
MONITORS = ("val_score", "val_loss", "loss", "score")
_VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
_FLAGS = (
    "shuffle",
    "warm_start",
    "nesterovs_momentum",
    "early_stopping",
    "use_bias",
    "residual",
    "restore_best",
)
# Parameters that only "adam" and "sgd" support: "lbfgs" refuses values other than the defaults.
_STOCHASTIC_ONLY = (
    *("dropout", "input_dropout", "weight_decay", "clip_norm", "clip_value", "ema"),
    *("optimizer", "schedule", "metrics", "target"),
)


@cache
def _constructor_defaults(owner: Any) -> dict[str, Any]:
    """Return the names and defaults of the constructor's parameters; a user's subclass may have other ones."""
    parameters = list(signature(owner.__init__).parameters.values())[1:]
    return {each.name: each.default for each in parameters if each.kind not in _VARIADIC}


@dataclass(kw_only=True, eq=False, repr=False)
class Parameters:
    """Parameters that classifier and regressor share; described at :class:`MLPClassifier`."""

    hidden_layer_sizes: int | Iterable[int] = (100,)
    activation: HiddenActivation | Sequence[HiddenActivation] = "relu"
    solver: Solver = "adam"
    alpha: float = 0.0001
    batch_size: int | Literal["auto"] = "auto"
    learning_rate: Rates = "constant"
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
    l1: float = 0.0
    use_bias: bool = True
    init: InitName | Normal | Uniform | None = None
    norm: Norm | Sequence[Norm | None] | None = None
    residual: bool = False
    dropout: float | Sequence[float] = 0.0
    input_dropout: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None
    ema: float | None = None
    optimizer: Optimizer | OptimizerName | None = None
    schedule: Callable[[int], float] | None = None
    standardize: bool | Scaling = False
    categorical_features: Features | None = None
    min_frequency: float | None = None
    metrics: Sequence[MetricLike] = ()
    monitor: str | None = None
    target: tuple[str, float] | None = None
    min_delta: float | None = None
    restore_best: bool = True
    time_limit: float | None = None
    dtype: DType = "float32"
    n_threads: int | None = None
    callbacks: Any = None

    # ---- interface of scikit-learn's estimators

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool, default True
            Without effect, as no parameter is an estimator.

        Returns
        -------
        dict
        """
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name.

        Parameters
        ----------
        **params
            New values; they are checked by fit.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If a name is not that of a parameter; no parameter is changed then.
        """
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
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.changed().items())
        return f"{type(self).__name__}({arguments})"

    def _defaults(self) -> dict[str, Any]:
        owner: Any = type(self)
        return _constructor_defaults(owner)

    # ---- checks

    def _check(self) -> None:
        """Raise TypeError or ValueError for a parameter of invalid type or value."""
        owner = type(self).__name__
        checks.choice(owner, "solver", self.solver, SOLVERS)
        if isinstance(self.learning_rate, numbers.Real):
            raise TypeError(
                f"The 'learning_rate' parameter of {owner} names a schedule: a str among {set(RATES)!r}. Got"
                f" {self.learning_rate!r} instead. The rate itself is learning_rate_init={self.learning_rate!r}."
            )
        checks.choice(owner, "learning_rate", self.learning_rate, RATES)
        for name in ("alpha", "power_t", "tol", "l1", "weight_decay"):
            checks.real(owner, name, getattr(self, name), minimum=0)
        for name in ("learning_rate_init", "epsilon"):
            checks.real(owner, name, getattr(self, name), above=0)
        for name in ("momentum", "validation_fraction", "beta_1", "beta_2", "input_dropout"):
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
        checks.flag_or_choice(owner, "standardize", self.standardize, SCALINGS)
        for name in ("min_delta", "time_limit"):
            if getattr(self, name) is not None:
                checks.real(owner, name, getattr(self, name), minimum=0)
        for name, below in (("clip_norm", math.inf), ("clip_value", math.inf), ("ema", 1)):
            if getattr(self, name) is not None:
                checks.real(owner, name, getattr(self, name), above=0, below=below)
        self._make_monitor()
        self._optimizer()
        self._layers(1)
        if self.solver not in STOCHASTIC:
            self._check_for_lbfgs()

    def _check_for_lbfgs(self) -> None:
        """Raise ValueError for a parameter that "lbfgs" does not support."""
        changed = self.changed()
        given = [f"{name}={changed[name]!r}" for name in _STOCHASTIC_ONLY if name in changed]
        if "batch" in self._values_per_layer("norm", len(self._hidden_sizes())):
            given.append(f"norm={self.norm!r}")
        if given:
            raise ValueError(
                f"solver={self.solver!r} does not support {given[0]}; use solver='adam' or 'sgd'."
            )

    def _layers(self, n_outputs: int) -> list[Dense]:
        """Return the layers of a network with `n_outputs` outputs."""
        owner, sizes = type(self).__name__, self._hidden_sizes()
        residual = [bool(self.residual) and sizes[i] == sizes[i - 1] for i in range(1, len(sizes))]
        if self.residual and not any(residual):
            raise ValueError(
                "residual=True needs a hidden layer with as many units as the one before it; hidden_layer_sizes is"
                f" {sizes}."
            )
        options: dict[str, Any] = {"bias": bool(self.use_bias), "init": self.init}
        each = [self._values_per_layer(name, len(sizes)) for name in ("activation", "norm", "dropout")]
        hidden = []
        for i, (size, activation, norm, dropout) in enumerate(zip(sizes, *each, strict=True)):
            if norm is not None:
                checks.choice(owner, "norm", norm, NORMS)
            hidden.append(
                Dense(
                    size,
                    self._activation(activation),
                    norm=norm,
                    dropout=checks.real(owner, "dropout", dropout, minimum=0, below=1),
                    residual=i > 0 and residual[i - 1],
                    **options,
                )
            )
        return [*hidden, Dense(n_outputs, **options)]

    def _values_per_layer(self, name: str, n_layers: int) -> list[Any]:
        """Return the value of a parameter for each hidden layer."""
        value = getattr(self, name)
        if not isinstance(value, (list, tuple, np.ndarray)):
            return [value] * n_layers
        if len(value) != n_layers:
            raise ValueError(f"{name} has {len(value)} entries; hidden_layer_sizes has {n_layers} layers.")
        return list(value)

    def _hidden_sizes(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if isinstance(sizes, Iterable) else [sizes]
        for size in sizes:
            if isinstance(size, bool) or not isinstance(size, numbers.Integral):
                raise TypeError(f"hidden_layer_sizes must hold integers, got {sizes}.")
            if size <= 0:
                raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return [int(size) for size in sizes]

    def _activation(self, activation: object) -> ActivationName | Activation:
        """Return an activation of :class:`Dense`; its "sigmoid" is scikit-learn's "logistic"."""
        if activation == "logistic":
            return "sigmoid"
        if activation == "softmax":
            raise ValueError("The activation 'softmax' is for the last layer only, where the loss decides.")
        return activations.resolve(type(self).__name__, activation)

    def _optimizer(self) -> Optimizer:
        """Return the optimizer with its initial learning rate."""
        if self.schedule is not None and not callable(self.schedule):
            raise TypeError(
                f"The 'schedule' parameter of {type(self).__name__} must be a schedule, such as"
                f" schedules.Cosine(0.01, over=1000), or another function of the step. Got {self.schedule!r} instead."
            )
        if self.weight_decay and (self.solver != "adam" or self.optimizer is not None):
            raise ValueError(
                f"weight_decay={self.weight_decay!r} is only for solver='adam' without optimizer=; pass weight_decay to"
                " the optimizer, or use alpha, the penalty of every solver."
            )
        if self.optimizer is not None:
            optimizer = optimizers.resolve(self.optimizer)
            return optimizer if self.schedule is None else replace(optimizer, learning_rate=self.schedule)
        rate = self.learning_rate_init if self.schedule is None else self.schedule
        if self.solver == "adam":
            options = (rate, self.beta_1, self.beta_2, self.epsilon)
            if self.weight_decay:
                return AdamW(*options, self.weight_decay, epsilon_hat=True)
            return Adam(*options, epsilon_hat=True)
        nesterov = bool(self.nesterovs_momentum) and self.momentum > 0
        return SGD(rate, self.momentum, nesterov)

    def _rate_rule(self) -> str:
        """Return which of `RATES` the learning rate follows."""
        applies = self.solver == "sgd" and self.optimizer is None and self.schedule is None
        return self.learning_rate if applies else "constant"

    def _make_monitor(self) -> Monitor:
        """Return the monitor of early stopping."""
        owner = type(self).__name__
        by_column = {f"val_{metric.name}": metric for metric in plan.metrics_of(self.metrics)}
        column = "val_score" if self.monitor is None else self.monitor
        checks.choice(owner, "monitor", column, (*MONITORS, *by_column))
        rises = by_column[column].greater_is_better if column in by_column else None
        return Monitor(owner, column, "auto" if rises is None else "max" if rises else "min")

    def _rows_per_batch(self, n_rows: int) -> int:
        return min(200 if isinstance(self.batch_size, str) else int(self.batch_size), n_rows)
