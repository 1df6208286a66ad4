"""Checks of the type and value of each parameter of the estimators."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import checks
from ..spec.configuration import DTYPES, PRECISIONS, SCALINGS
from ..training.averaging import SWA
from ..training.plan import ENDINGS
from .parameters import PRESETS, RATES, SOLVERS

if TYPE_CHECKING:
    from .parameters import Parameters

_FLAGS = (
    "shuffle",
    "proximal",
    "warm_start",
    "nesterovs_momentum",
    "early_stopping",
    "use_bias",
    "residual",
    "restore_best",
    "drop_last",
)
_PARTS_OF_BATCHES = ("auto", "full")


def check(model: Parameters) -> None:
    """Raise TypeError or ValueError for a parameter of invalid type or value."""
    owner = type(model).__name__
    _refuse_preset(owner, model._kind, model.preset)
    checks.choice(owner, "solver", model.solver, SOLVERS)
    if isinstance(model.learning_rate, numbers.Real):
        raise TypeError(
            f"The 'learning_rate' parameter of {owner} names a schedule: a str among {set(RATES)!r}. Got"
            f" {model.learning_rate!r} instead. The rate itself is learning_rate_init={model.learning_rate!r}."
        )
    checks.choice(owner, "learning_rate", model.learning_rate, RATES)
    for name in ("alpha", "power_t", "tol", "l1", "weight_decay"):
        checks.real(owner, name, getattr(model, name), minimum=0)
    for name in ("learning_rate_init", "epsilon", "input_scale"):
        checks.real(owner, name, getattr(model, name), above=0)
    for name in ("momentum", "validation_fraction", "beta_1", "beta_2", "input_dropout"):
        checks.real(owner, name, getattr(model, name), minimum=0, below=1)
    checks.integer(owner, "max_iter", model.max_iter, minimum=0)
    if not isinstance(model.verbose, (bool, np.bool_)):
        checks.integer(owner, "verbose", model.verbose, minimum=0)
    for name in ("max_fun", "accumulate"):
        checks.integer(owner, name, getattr(model, name), minimum=1)
    for name in _FLAGS:
        value = getattr(model, name)
        checks.flag(owner, name, bool(value) if isinstance(value, np.bool_) else value)
    if model.n_iter_no_change != math.inf:
        checks.integer(owner, "n_iter_no_change", model.n_iter_no_change, minimum=1)
    checks.choice(owner, "dtype", model.dtype, DTYPES)
    checks.choice(owner, "precision", model.precision, PRECISIONS)
    checks.flag_or_choice(owner, "standardize", model.standardize, SCALINGS)
    checks.choice(owner, "on_interrupt", model.on_interrupt, ENDINGS)
    _check_optional(owner, model)


def _refuse_preset(owner: str, kind: str, preset: object) -> None:
    """Raise ValueError for a preset of an estimator that was created without it."""
    if preset is None:
        return
    checks.choice(owner, "preset", preset, PRESETS)
    other = "TabularClassifier" if kind == "classifier" else "TabularRegressor"
    raise ValueError(
        f"preset={preset!r} cannot be set after the creation of this {owner}, because it stands for another class."
        f" Create {other}(), which is the same as {'MLP' + other.removeprefix('Tabular')}(preset={preset!r})."
    )


def _check_optional(owner: str, model: Parameters) -> None:
    """Check the parameters that can be None, and those of batches."""
    size: Any = model.batch_size
    if isinstance(size, str):
        checks.choice(owner, "batch_size", size, _PARTS_OF_BATCHES)
    else:
        checks.optional_integer(owner, "batch_size", size, minimum=1)
    checks.optional_integer(owner, "n_batches", model.n_batches, minimum=1)
    if model.time_limit is not None:
        checks.real(owner, "time_limit", model.time_limit, above=0)
    if model.min_delta is not None:
        checks.real(owner, "min_delta", model.min_delta, minimum=0)
    for name, below in (("clip_norm", math.inf), ("clip_value", math.inf), ("ema", 1)):
        if getattr(model, name) is not None:
            checks.real(owner, name, getattr(model, name), above=0, below=below)
    if model.schedule is not None and not callable(model.schedule):
        raise TypeError(
            f"The 'schedule' parameter of {owner} must be a schedule, such as schedules.Cosine(0.01, over=1000), or"
            f" another function of the step. Got {model.schedule!r} instead."
        )
    if model.averaging is not None and not isinstance(model.averaging, SWA):
        raise TypeError(
            f"The 'averaging' parameter of {owner} must be an SWA or None. Got {model.averaging!r} instead."
        )
    if model.averaging is not None and model.early_stopping and model.restore_best:
        raise ValueError(
            "averaging and early_stopping=True with restore_best=True both set the final weights: pass only one of"
            " them, or restore_best=False."
        )
