"""Parameters of the tabular estimators: their declaration and their checks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import numpy as np

from ... import losses
from ...common import checks
from ...spec.configuration import DTYPES, PRECISIONS, SCALINGS, DType, Precision, Scaling, check_precision
from ...spec.layers import NORMS, Norm
from ...training.plan import ENDINGS
from ..parameters import HiddenActivation, ParameterAccess

if TYPE_CHECKING:
    from ...preprocessing.choices import Features, Types
    from ...spec.embeddings import Widths
    from ...training.plan import OnInterrupt

Auto: TypeAlias = Literal["auto"]
Validation: TypeAlias = Literal["auto", "random", "folds"]
VALIDATIONS: tuple[Validation, ...] = ("auto", "random", "folds")
Combine: TypeAlias = Literal["auto", "mean", "greedy"]
COMBINES: tuple[Combine, ...] = ("auto", "mean", "greedy")
MONITORS = ("auto", "val_loss", "val_score")
T = TypeVar("T")


@dataclass(kw_only=True, eq=False, repr=False)
class TabularParameters(ParameterAccess):
    """Parameters that both tabular estimators share; described at :class:`TabularClassifier`."""

    n_members: int | Auto = "auto"
    hidden_layer_sizes: int | Sequence[int] | Auto = "auto"
    activation: HiddenActivation | Auto = "auto"
    norm: Norm | Auto | None = "auto"
    dropout: float | Auto = "auto"
    numeric_embeddings: Any = "auto"
    standardize: bool | Scaling | Auto = "auto"
    categorical_features: Features | None = "auto"
    min_frequency: float | None = None
    column_types: Types | None = None
    embeddings: Widths | None = None
    learning_rate_init: float | Auto = "auto"
    weight_decay: float | Auto = "auto"
    ema: float | Auto | None = "auto"
    batch_size: int | Auto = "auto"
    max_iter: int | Auto = "auto"
    n_iter_no_change: int | Auto | None = "auto"
    monitor: str = "auto"
    validation: Validation | None = "auto"
    validation_fraction: float | Auto = "auto"
    combine: Combine = "auto"
    shared_weights: bool = False
    calibrated: bool = False
    refit: bool = False
    budget: float = 1.0
    time_limit: float | None = None
    random_state: Any = None
    on_interrupt: OnInterrupt = "return"
    dtype: DType = "float32"
    precision: Precision = "float32"
    n_threads: int | None = None
    verbose: bool | int = False

    def _check(self) -> None:
        """Raise TypeError or ValueError for a parameter of invalid type or value."""
        owner = self._owner
        self._check_auto("n_members", checks.integer, minimum=1)
        for size in _sequence(self.hidden_layer_sizes):
            checks.integer(owner, "hidden_layer_sizes", size, minimum=1)
        self._check_auto("dropout", checks.real, minimum=0, below=1)
        self._check_auto("learning_rate_init", checks.real, above=0)
        self._check_auto("weight_decay", checks.real, minimum=0)
        self._check_auto("batch_size", checks.integer, minimum=1)
        self._check_auto("max_iter", checks.integer, minimum=1)
        self._check_auto("validation_fraction", checks.real, above=0, below=1)
        if self.ema is not None:
            self._check_auto("ema", checks.real, above=0, below=1)
        if self.n_iter_no_change is not None:
            self._check_auto("n_iter_no_change", checks.integer, minimum=1)
        if self.norm is not None:
            checks.choice(owner, "norm", self.norm, ("auto", *NORMS))
        if self.validation is not None:
            checks.choice(owner, "validation", self.validation, VALIDATIONS)
        checks.choice(owner, "combine", self.combine, COMBINES)
        checks.choice(owner, "monitor", self.monitor, MONITORS)
        checks.flag_or_choice(owner, "standardize", self.standardize, ("auto", *SCALINGS))
        self._check_others(owner)

    def _check_others(self, owner: str) -> None:
        for name in ("shared_weights", "calibrated", "refit"):
            value = getattr(self, name)
            checks.flag(owner, name, bool(value) if isinstance(value, np.bool_) else value)
        checks.real(owner, "budget", self.budget, above=0)
        if self.time_limit is not None:
            checks.real(owner, "time_limit", self.time_limit, above=0)
        checks.choice(owner, "on_interrupt", self.on_interrupt, ENDINGS)
        checks.choice(owner, "dtype", self.dtype, DTYPES)
        checks.choice(owner, "precision", self.precision, PRECISIONS)
        check_precision(self.precision, self.dtype)
        checks.optional_integer(owner, "n_threads", self.n_threads, minimum=1)
        if not isinstance(self.verbose, (bool, np.bool_)):
            checks.integer(owner, "verbose", self.verbose, minimum=0)

    def _check_auto(self, name: str, check: Callable[..., object], **bounds: float) -> None:
        """Check a parameter that may be "auto"."""
        value = getattr(self, name)
        if isinstance(value, str):
            checks.choice(self._owner, name, value, ("auto",))
        else:
            check(self._owner, name, value, **bounds)

    def _loss_of_kind(self, loss: Any, *, classifies: bool) -> losses.Loss | None:
        """Return the loss that the user has stated, for classes or for values; None for "auto"."""
        if isinstance(loss, str):
            names = [each.name for each in losses.LOSSES.values() if each.classifies == classifies]
            name = checks.choice(self._owner, "loss", loss, ("auto", *names))
            return None if name == "auto" else losses.LOSSES[name]
        if not isinstance(loss, losses.Loss) or loss.classifies != classifies:
            kind = "classification" if classifies else "regression"
            raise TypeError(
                f"The 'loss' parameter of {self._owner} must be a loss for {kind}, its name or 'auto'. Got {loss!r}"
                " instead."
            )
        return loss

    def _given(self, name: str) -> Any:
        """Return the value of a parameter; None for "auto"."""
        value = getattr(self, name)
        return None if isinstance(value, str) and value == "auto" else value


def _sequence(sizes: Any) -> Collection[Any]:
    """Return `hidden_layer_sizes` as a sequence; an empty one for "auto"."""
    if isinstance(sizes, str):
        checks.choice("a tabular estimator", "hidden_layer_sizes", sizes, ("auto",))
        return ()
    return tuple(sizes) if isinstance(sizes, (list, tuple, np.ndarray)) else (sizes,)
