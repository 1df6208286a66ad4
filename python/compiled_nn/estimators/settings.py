"""Settings of the estimators: their parameters, checked, as layers, optimizer, batches and monitor of a network."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from .. import optimizers
from ..callbacks.base import Monitor
from ..common import checks
from ..optimizers.base import Optimizer
from ..optimizers.classes import SGD, Adam, AdamW
from ..spec import activations
from ..spec.activations import Activation, ActivationName
from ..spec.layers import NORMS, Dense, check_number
from ..training import plan
from ..training.batches import Batches, make_batches
from . import combinations, parameter_checks
from .parameters import Parameters

MONITORS = ("val_score", "val_loss", "loss", "score")


class Settings(Parameters):
    """Base class of the estimators: parameters, and the objects that they stand for."""

    def _check(self, *, combined: bool = True) -> None:
        """Raise TypeError or ValueError for an invalid parameter, and if `combined`, for one without an effect."""
        parameter_checks.check(self)
        self._make_monitor()
        if combined:
            combinations.check(self)
        self._optimizer()
        self._layers(1)

    # ---- layers

    def _layers(self, n_outputs: int) -> list[Dense]:
        """Return the layers of a network with `n_outputs` outputs."""
        sizes = self._hidden_sizes()
        residual = [bool(self.residual) and sizes[i] == sizes[i - 1] for i in range(1, len(sizes))]
        if self.residual and not any(residual):
            raise ValueError(
                "residual=True needs a hidden layer with as many units as the one before it; hidden_layer_sizes is"
                f" {sizes}."
            )
        names = ("activation", "norm", "dropout")
        each = [self._values_per_layer(name, len(sizes)) for name in names]
        rates, inits = self._rates(len(sizes) + 1), self._initializers(len(sizes) + 1)
        layers = []
        for i, (size, activation, norm, dropout) in enumerate(zip(sizes, *each, strict=True)):
            if norm is not None:
                checks.choice(self._owner, "norm", norm, NORMS)
            layers.append(
                Dense(
                    size,
                    self._activation(activation),
                    norm=norm,
                    dropout=checks.real(self._owner, "dropout", dropout, minimum=0, below=1),
                    residual=i > 0 and residual[i - 1],
                    bias=bool(self.use_bias),
                    init=inits[i],
                    rate=rates[i],
                )
            )
        return [*layers, Dense(n_outputs, bias=bool(self.use_bias), init=inits[-1], rate=rates[-1])]

    def _values_per_layer(self, name: str, n_layers: int, noun: str = "hidden_layer_sizes has") -> list[Any]:
        """Return the value of a parameter for each of its layers."""
        value = getattr(self, name)
        if not isinstance(value, (list, tuple, np.ndarray)):
            return [value] * n_layers
        if len(value) != n_layers:
            raise ValueError(f"{name} has {len(value)} entries; {noun} {n_layers} layers.")
        return list(value)

    def _rates(self, n_layers: int) -> list[float]:
        """Return the factor of the learning rate of each layer."""
        if self.layer_rates is None:
            return [1.0] * n_layers
        if not isinstance(self.layer_rates, (list, tuple, np.ndarray)):
            raise TypeError(
                f"The 'layer_rates' parameter of {self._owner} must be a list with one factor for each layer. Got"
                f" {self.layer_rates!r} instead."
            )
        rates = self._values_per_layer("layer_rates", n_layers, "with the last layer the network has")
        return [checks.real(self._owner, "layer_rates", rate, minimum=0) for rate in rates]

    def _initializers(self, n_layers: int) -> list[Any]:
        """Return the initialiser of each layer."""
        return self._values_per_layer("init", n_layers, "with the last layer the network has")

    def _hidden_sizes(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if isinstance(sizes, Iterable) else [sizes]
        check_number(len(sizes))
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
        return activations.resolve(self._owner, activation)

    # ---- optimization

    def _optimizer(self) -> Optimizer:
        """Return the optimizer with its initial learning rate."""
        rate = self.learning_rate_init if self.schedule is None else self.schedule
        if isinstance(self.optimizer, str) and self.optimizer != "sgd":
            return self._named_optimizer(self.optimizer, rate)
        if self.optimizer is not None and self.optimizer != "sgd":
            optimizer = optimizers.resolve(self.optimizer)
            return optimizer if self.schedule is None else replace(optimizer, learning_rate=rate)
        if combinations.named_solver(self) == "adam":
            options = (rate, self.beta_1, self.beta_2, self.epsilon)
            if self.weight_decay:
                return AdamW(*options, self.weight_decay, epsilon_hat=True)
            return Adam(*options, epsilon_hat=True)
        nesterov = bool(self.nesterovs_momentum) and self.momentum > 0
        return SGD(rate, self.momentum, nesterov)

    def _named_optimizer(self, name: str, rate: Any) -> Optimizer:
        """Return the optimizer of this name with `rate`, and with the hyperparameters that differ from our defaults."""
        kind = type(optimizers.resolve(name))
        changed, own = self.changed(), {field.name for field in fields(kind)}
        hyperparameters = {key: changed[key] for key in combinations.HYPERPARAMETERS if key in changed}
        return kind(rate, **{key: value for key, value in hyperparameters.items() if key in own})

    def _rate_rule(self) -> str:
        """Return the rule that the learning rate follows: "constant", "invscaling" or "adaptive"."""
        follows = combinations.named_solver(self) == "sgd" and self.schedule is None
        return self.learning_rate if follows else "constant"

    # ---- batches and stopping

    def _batches(self, n_rows: int) -> Batches:
        """Return the division of `n_rows` rows into batches."""
        size: Any = self.batch_size
        if isinstance(size, str) and size == "auto":
            size = 200
        return make_batches(
            n_rows,
            "full" if size is None else size,
            self.n_batches,
            bool(self.shuffle),
            bool(self.drop_last),
            accumulate=self.accumulate,
            batch_norm=self.norm is not None
            and "batch" in self._values_per_layer("norm", len(self._hidden_sizes())),
        )

    def _make_monitor(self) -> Monitor:
        """Return the monitor of early stopping."""
        by_column = {f"val_{metric.name}": metric for metric in plan.metrics_of(self.metrics)}
        column = "val_score" if self.monitor is None else self.monitor
        checks.choice(self._owner, "monitor", column, (*MONITORS, *by_column))
        rises = by_column[column].greater_is_better if column in by_column else None
        return Monitor(self._owner, column, "auto" if rises is None else "max" if rises else "min")
