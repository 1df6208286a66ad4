"""TabularRegressor: numbers to outputs of the ensemble, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ... import losses
from ...common import checks
from ...common.errors import suggest_keywords
from ...data import arrays
from ...data.arrays import Array
from ...training.targets import Targets
from ..value_predictions import ValuePredictions
from . import target_kinds
from .base import TabularBase
from .target_kinds import TargetKind

if TYPE_CHECKING:
    from ...losses import Loss, ValueLossName
    from .parameters import Auto


@suggest_keywords("estimator")
@dataclass(kw_only=True, eq=False, repr=False)
class TabularRegressor(ValuePredictions, TabularBase):
    """Regressor of tables: an ensemble of neural networks that chooses its settings by the table.

    Parameters
    ----------
    loss : Loss, str or "auto", default "auto"
        Loss for regression of :mod:`compiled_nn.losses`. "auto": the squared error, or another loss that is better for
        this kind of y on held-out rows; predictions are means in any case.
    scale_targets : bool or "auto", default "auto"
        Whether training scales each column of y to (y - mean) / standard deviation; predictions and scores are in the
        units of y.
    n_members, hidden_layer_sizes, activation, norm, dropout, numeric_embeddings, standardize, ... :
        Parameters of :class:`TabularClassifier` except `class_weight` and `label_smoothing`.

    Attributes
    ----------
    ensemble_, report_, members_, weights_, best_epochs_, oof_, ... :
        Attributes of :class:`TabularClassifier` except `classes_`. ``oof_`` are values (m,) or (m, n_outputs).

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[float(i)] for i in range(40)], [3.0 * i for i in range(40)]
    >>> model = cnn.TabularRegressor(n_members=2, max_iter=40, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    """

    _kind = "regressor"

    loss: Loss | ValueLossName | Auto = "auto"
    scale_targets: bool | Literal["auto"] = "auto"

    def _check(self) -> None:
        super()._check()
        if self.scale_targets != "auto":
            checks.flag(self._owner, "scale_targets", self.scale_targets)
        self._stated_loss()

    def _stated_loss(self) -> losses.Loss | None:
        """Return the loss that the user has stated; None for "auto"."""
        return self._loss_of_kind(self.loss, classifies=False)

    def _kind_of(self, y: Array, given: Any, used: Array | None, classes: Any) -> TargetKind:
        values = arrays.values(y, n_outputs=y.shape[1] if y.ndim == 2 else 1, dtype="float64")
        return target_kinds.of_values(values if used is None else values[used], self._stated_loss())

    def _targets_of(self, y: Array) -> Targets:
        return Targets(losses.MeanSquaredError(), y.shape[1] if y.ndim == 2 else 1, "values", None)

    def _kind_of_counts(self, y: Array, classes: Array | None, counts: Array | None) -> TargetKind:
        return self._kind_of(y, y, None, None)
