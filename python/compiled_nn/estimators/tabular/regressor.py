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
    n_members : int or "auto", default "auto"
        Number of networks.
    hidden_layer_sizes : int, sequence of int or "auto", default "auto"
        Number of units of each hidden layer of a network; () for no hidden layer.
    activation : str, Activation or "auto", default "auto"
        Activation of the hidden layers.
    norm : {"batch", "layer", "rms", "auto"} or None, default "auto"
        Normalisation of the hidden layers.
    dropout : float or "auto", default "auto"
        Share of the outputs of the hidden layers that training sets to zero at random.
    numeric_embeddings : str, object, "auto" or None, default "auto"
        Encoding of the columns of numbers, as for :class:`Network`; None: they are only scaled.
    standardize : bool, str or "auto", default "auto"
        Scaling of the columns of numbers, as for :class:`Network`.
    categorical_features : "auto", sequence of int or str, or None, default "auto"
        Columns of X that hold categories, by number or name; "auto": all columns that are not numeric. See
        :class:`preprocessing.Tabular`. None: X has numbers only, none of which is missing. A sparse X has numbers only.
    min_frequency : int, float or None, default None
        Categories with fewer rows, or a smaller share of them for a float, share one column.
    column_types : dict of str or int to {"number", "category", "date", "ignore"}, or None, default None
        Types of some columns of X, by name or number, in place of those that `categorical_features` results in.
    embeddings : int, "auto", dict or None, default None
        Width of the trained vectors that represent the categories; see :class:`Network`.
    learning_rate_init : float or "auto", default "auto"
        Learning rate at the start; it falls to 0 over `max_iter` as half a cosine wave.
    weight_decay : float or "auto", default "auto"
        Decoupled weight decay, as for :class:`AdamW`.
    ema : float, "auto" or None, default "auto"
        Decay of the moving average of the weights that predicts; None: the weights of the last step predict.
    batch_size : int or "auto", default "auto"
        Number of rows per batch.
    max_iter : int or "auto", default "auto"
        Maximum number of epochs.
    n_iter_no_change : int, "auto" or None, default "auto"
        Number of epochs without improvement of `monitor` after which the training of a member stops; None: it does not.
    monitor : {"val_loss", "val_score", "auto"}, default "auto"
        Column of the history that decides which epoch of a member is the best.
    validation : {"folds", "random", "auto"} or None, default "auto"
        Validation rows of each member: one part of the rows each, so that every row is held out by a member; drawn at
        random for each; or None: no rows are held out, and the last weights are kept.
    validation_fraction : float or "auto", default "auto"
        Share of the validation rows, for "random".
    combine : {"mean", "greedy", "auto"}, default "auto"
        Combination of the members: the mean of their predictions, or a weighted mean that is chosen greedily on
        validation rows.
    shared_weights : bool, default False
        Whether the members share the weights of all layers but the last, as for :class:`Ensemble`. They then validate
        the same rows, and the folds of "auto" become "random".
    calibrated : bool, default False
        Without effect: temperatures are for classes. See :meth:`calibrate_intervals`.
    refit : bool, default False
        Whether the members are trained again on all rows, for the number of epochs that was the best.
    budget : float, default 1.0
        Work of fit relative to the default. It is counted in operations, not in time: equal seeds give equal models on
        every machine. The default takes at most some seconds for tables of up to 20,000 rows.
    time_limit : float or None, default None
        Number of seconds after which training stops, between two steps; the result then depends on the machine.
    random_state : int, RandomState, Generator or None, default None
        Seed for initial weights, order of rows, validation rows and dropout. None: a different seed in each fit.
    on_interrupt : {"return", "raise"}, default "return"
        Whether Ctrl-C ends training, with a warning, so that fit returns, or raises a KeyboardInterrupt.
    precision : {"float32", "bfloat16"}, default "float32"
        Precision of the products, see :class:`Network`.
    dtype : {"float32", "float64"}, default "float32"
        Dtype of weights and arithmetic.
    n_threads : int or None, default None
        Number of threads; None: that of :func:`set_num_threads`. It does not change the result.
    verbose : bool or int, default False
        False or 0 prints nothing, True or 1 one line per epoch.
    loss : Loss, str or "auto", default "auto"
        Loss for regression of :mod:`compiled_nn.losses`. "auto": the squared error, or another loss that is better for
        this kind of y on held-out rows; predictions are means in any case.
    scale_targets : bool or "auto", default "auto"
        Whether training scales each column of y to (y - mean) / standard deviation; predictions and scores are in the
        units of y.

    Attributes
    ----------
    ensemble_ : Ensemble
        The fitted networks.
    report_ : Report
        Choices of fit with their reasons.
    members_ : list of Network
        Fitted networks, each of which predicts alone.
    weights_, best_epochs_ : ndarray (n_members,)
        Weight and best epoch of each member.
    oof_ : ndarray (m,) or (m, n_outputs)
        Predictions of each row of X of fit by the members that were not trained on it.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray (k,)
        Names of the columns, where X was a data frame whose names are text.
    history_ : dict of lists
        ``Ensemble.history``.

    See Also
    --------
    compiled_nn.MLPRegressor : One network, with all its parameters.
    compiled_nn.Ensemble : Ensemble of networks of one's own.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> X, y = [[float(i)] for i in range(40)], [3.0 * i for i in range(40)]
    >>> model = cnn.TabularRegressor(n_members=2, max_iter=40, random_state=0).fit(X, y)
    >>> model.predict([[10.0], [20.0]]).round().tolist()
    [30.0, 60.0]
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
