"""Plan of a training: the parts of the data, the untrained model, and the settings of its training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ...metrics import Metric
from ...spec.configuration import Scaling
from ..support import results
from .material import Material
from .splits import Parts

if TYPE_CHECKING:
    from ...estimators.tabular.base import Prepared, TabularBase
    from ..support.results import Model


@dataclass(frozen=True)
class Plan:
    """Data with their split, the untrained model, and settings of the training.

    Attributes
    ----------
    material : Material
        Data before the split.
    parts : Parts
        The same rows, split.
    net : Network or Ensemble
    loss : str
        Name of the loss.
    optimizer : str
        Name of the optimizer.
    activation : str
        Activation of the hidden layers.
    standardize : bool or str
        Whether, or how, columns are standardised.
    scales_targets : bool
        Whether targets are standardised.
    epochs : int
        Largest number of epochs.
    batch_size : int or "full"
        Rows of a batch.
    patience : int or None
        Epochs without an improvement after which training stops; None without early stopping.
    monitor : str
        Column of the history that decides which epoch is the best.
    metrics : tuple of Metric
        Metrics to report.
    class_weight : "balanced" or dict, optional
        Weights of classes.
    model, plot : str
        Files for the model and the loss curve; None for no curve.
    calibrates : bool
        Whether probabilities are calibrated on the validation part after training.
    prepared : Prepared or None
        Arguments of the fit of an ensemble, and the choices that were made; None for one network.
    estimator : TabularClassifier, TabularRegressor or None
        Estimator whose ensemble it is.
    because : str
        Option of the command line because of which a table is learned by one network; "" if there is none.
    """

    material: Material
    parts: Parts
    net: Model
    loss: str
    optimizer: str
    activation: str
    standardize: bool | Scaling
    scales_targets: bool
    epochs: int
    batch_size: int | Literal["full"]
    patience: int | None
    monitor: str
    metrics: tuple[Metric, ...]
    class_weight: Any
    model: str
    plot: str | None
    calibrates: bool = False
    prepared: Prepared | None = None
    estimator: TabularBase | None = None
    because: str = ""

    @property
    def classifies(self) -> bool:
        """Whether the targets are classes."""
        return self.material.classifies

    @property
    def batch_rows(self) -> int:
        """Number of rows of a batch."""
        m = len(self.parts.train)
        return m if isinstance(self.batch_size, str) else min(m, self.batch_size)

    @property
    def score(self) -> str:
        """Name of the score in text."""
        score = "accuracy" if self.classifies else "d2_pinball" if self.loss == "quantile" else "r2"
        return results.score_title(score)

    @property
    def watched(self) -> str:
        """Name of the rows on which each epoch is scored."""
        return "val" if self.prepared is not None or len(self.parts.validation) else "test"

    def save(self) -> None:
        """Write the model to its file: an ensemble as its estimator, which Python can load as well."""
        if self.prepared is None or self.estimator is None:
            self.net.save(self.model)
            return
        self.estimator._keep(self.prepared)
        self.estimator.save(self.model)

    @property
    def keeps_best(self) -> bool:
        """Whether the weights of the best epoch are kept."""
        return self.patience is not None if self.prepared is None else "monitor" in self.prepared.options

    @property
    def uses_out_of_fold(self) -> bool:
        """Whether training rows are held out by some members of an ensemble, so that they have honest predictions."""
        return self.prepared is not None and self.prepared.options["validation"] is not None
