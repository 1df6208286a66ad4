"""Base class of models that predict: inputs, outputs, fitted attributes, and the predictor made from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..artefact.inputs import Inputs
from ..artefact.outputs import Outputs
from ..artefact.predictor import Predictor
from ..common import threads
from ..common.errors import NotFittedError
from ..common.exclusive import check_not_trained, switching
from ..common.together import set_together
from ..data.arrays import Array
from ..data.samples import Samples, check_lengths
from ..preprocessing import standardization
from ..preprocessing.standardization import Statistics
from ..spec.configuration import Configuration
from ..training.history import new_history
from ..training.targets import Targets, read_samples
from ..uncertainty.calibration import NOTHING, Calibration

if TYPE_CHECKING:
    from cnn_core.stack import Stack

    from ..common.protocols import History
    from ..preprocessing.tabular import Tabular


class Predicting:
    """Inputs and outputs of a model, and its current predictor.

    Parameters
    ----------
    configuration : Configuration
        Checked parameters of the network, or of one of several networks with equal inputs and outputs.
    n_threads : int, optional
        Number of threads of this model; None follows :func:`set_num_threads`.

    Raises
    ------
    TypeError, ValueError
        If `n_threads` is not an int of at least 1.
    """

    history: History
    stop_reason_: str | None
    epochs_planned_: int
    metadata: dict[str, Any]
    _trained: Mapping[
        str, Any
    ] = {}  # numbers of rows of the last fit; after `load` all of `_training_record`
    _is_quantized = False  # whether predictions use int8, so that the weights cannot change
    _owner: ClassVar[str] = "Network"
    _noun: ClassVar[str] = "network"

    def __init__(self, configuration: Configuration, n_threads: int | None = None) -> None:
        self._configuration = configuration
        self._n_threads = threads.check_number(self._owner, "n_threads", n_threads)
        self.history = new_history()
        self.metadata = {}
        self._inputs: Inputs | None = None  # None if there are no weights
        self._outputs = Outputs.of(configuration)
        self._changes = 0  # number of changes that made the predictor out of date
        self._predictor: Predictor | None = None  # None: made from the present weights when it is needed
        self._latest: tuple[Stack, Predictor, int] | None = (
            None  # in training: latest predictor, its stack, `_changes`
        )

    # ---- fitted attributes

    @property
    def n_threads(self) -> int | None:
        """Number of threads of this network; None follows :func:`set_num_threads`. It can be assigned."""
        return self._n_threads

    @n_threads.setter
    def n_threads(self, n_threads: int | None) -> None:
        self._n_threads = threads.check_number(self._owner, "n_threads", n_threads)
        with switching:
            predictor = self._predictor
            self._discard_predictor()
            if predictor is not None:
                self._predictor = predictor.replace(n_threads=self._n_threads)

    @property
    def classes_(self) -> Array:
        """Sorted labels (n_classes,); 0, 1, ... if the network has weights but was not fitted.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> net = cnn.Network([cnn.Dense(2)], seed=0).fit([[0.0], [1.0]], ["warm", "cold"], epochs=1)
        >>> net.classes_.tolist()
        ['cold', 'warm']
        """
        classes = self._known_targets().classes
        if classes is None:
            raise AttributeError(
                f"classes_ exists for classification only; the loss {self._configuration.loss.name} has no classes."
            )
        return classes

    @property
    def n_features_(self) -> int:
        """Number of columns of X."""
        self._fitted()
        return self._known_inputs().n_features

    @property
    def feature_names_in_(self) -> Array:
        """Names of the columns of X, if X was a table whose names are not 0, 1, ... in this order."""
        names = self._known_inputs().names or self._known_inputs().labels
        if names is None:
            raise AttributeError(
                f"The {self._noun} has no feature_names_in_. They exist after fit with a table whose columns have names"
                " other than 0, 1, ... in this order; set_weights does not set them."
            )
        result: Array = np.empty(len(names), object)
        result[:] = names  # np.array would make a matrix of tuples
        return result

    @property
    def input_names_(self) -> Array:
        """Names of the inputs of the first layer (n_inputs,): the columns of X or, for a table, of the encoded X.

        They belong to the columns of :meth:`input_gradient` and to the rows of the first weights. Without names, they
        are "x0", "x1", ... With `numeric_embeddings` the bins follow, such as "x0[1.5, 3)", whose derivatives
        :meth:`input_gradient` includes in those of the columns.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> rows = [{"age": 40, "city": "Ulm"}, {"age": 50, "city": "Bonn"}, {"age": 60, "city": "Ulm"}]
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", categorical_features="auto", seed=0)
        >>> net.fit(rows, [1.0, 2.0, 1.0], epochs=1).input_names_.tolist()
        ['age', 'city_Bonn', 'city_Ulm']
        """
        return np.array(self._known_inputs().encoded_titles, dtype=object)

    @property
    def encoder_(self) -> Tabular:
        """Encoder that turns the table X into numbers."""
        encoder = self._known_inputs().encoder
        if encoder is None:
            raise AttributeError(
                f"The {self._noun} has no encoder_. It exists after fit with the parameter categorical_features."
            )
        return encoder

    @property
    def mean_(self) -> Array:
        """Centre of each column (n_features,) in float64: mean, median or minimum, depending on `standardize`.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[1.0, 10.0], [3.0, 30.0]], [0.0, 1.0]
        >>> net = cnn.Network([cnn.Dense(1)], loss="mse", standardize=True, seed=0).fit(X, y, epochs=1)
        >>> net.mean_, net.scale_
        (array([ 2., 20.]), array([ 1., 10.]))
        """
        return self._statistics().mean

    @property
    def scale_(self) -> Array:
        """Scale of each column (n_features,) in float64: standard deviation, interquartile range or range."""
        return self._statistics().scale

    @property
    def target_mean_(self) -> Array:
        """Mean of each output in y (n_outputs,) in float64."""
        return self._target_scaling().mean

    @property
    def target_scale_(self) -> Array:
        """Standard deviation of each output in y (n_outputs,) in float64."""
        return self._target_scaling().scale

    # ---- fitted or not

    def _fitted(self) -> Stack:
        """Return a stack that scales its inputs as the model does; NotFittedError if there are no weights."""
        raise NotImplementedError

    def _known_inputs(self) -> Inputs:
        self._fitted()
        assert self._inputs is not None
        return self._inputs

    def _known_targets(self) -> Targets:
        self._fitted()
        return self._outputs.targets

    def _statistics(self) -> Statistics:
        if not self._configuration.standardize:
            raise AttributeError(f"The {self._noun} does not standardise: it has standardize=False.")
        statistics = self._fitted().statistics
        if statistics is None:
            raise NotFittedError(
                f"The {self._noun} has weights, but no statistics to standardise X with. Call 'fit' to compute them."
            )
        return Statistics(*statistics)

    def _target_scaling(self) -> Statistics:
        if not self._configuration.scale_targets:
            raise AttributeError(f"The {self._noun} does not scale its targets: it has scale_targets=False.")
        self._fitted()
        if self._outputs.scaling is None:
            raise NotFittedError(
                f"The {self._noun} has weights, but no statistics to scale y with. Call 'fit' to compute them."
            )
        return self._outputs.scaling

    def _training_record(self) -> dict[str, Any]:
        """Return the record of the last fit that files contain; see :mod:`compiled_nn.files.recorded`.

        The losses are those of the epoch whose weights the model has.
        """
        history = self.history
        if not history["epoch"]:
            return dict(self._trained)
        best = getattr(self, "best_epoch_", None) or self._trained.get("best_epoch")
        at = history["epoch"].index(best) if best in history["epoch"] else -1
        return {
            **self._trained,
            "epochs": int(history["epoch"][-1]),
            **({} if best is None else {"best_epoch": int(best)}),
            "stop_reason": getattr(self, "stop_reason_", self._trained.get("stop_reason")),
            **{name: float(history[name][at]) for name in ("loss", "val_loss") if name in history},
        }

    # ---- the predictor

    def _predicting(self) -> Predictor:
        """Return the predictor for the present weights, making it if necessary."""
        raise NotImplementedError

    def _uncalibrated(self, X: Samples) -> Array:
        """Return the outputs before the link, without the temperature, of rows converted for the core."""
        raise NotImplementedError

    def _discard_predictor(self) -> None:
        with switching:  # a predictor that another thread makes meanwhile is not kept
            self._changes += 1
            self._predictor = self._latest = None

    def _begin_with(self, **attributes: Any) -> None:
        """Set attributes that describe other weights, all at once, and discard the predictor."""
        with switching:
            nothing = {"_changes": self._changes + 1, "_predictor": None, "_latest": None}
            set_together(self, attributes | nothing)

    def _check_calibration(self) -> None:
        """Discard the calibration if weights have changed without a call of this object."""

    def _set_calibration(self, calibration: Calibration) -> None:
        """Set the calibration on held-out rows, which later predictions use."""
        check_not_trained(self, "a calibration", self._owner)
        with switching:
            self._outputs = self._outputs.replace(calibration=calibration)
            self._discard_predictor()

    def _weights_changed(self) -> None:
        """Discard the predictor and the calibration, which belong to the previous weights."""
        with switching:
            if self._outputs.calibration is not NOTHING:
                self._outputs = self._outputs.replace(calibration=NOTHING)
            self._discard_predictor()

    # ---- data and objective

    def _labelled(
        self, X: Any, y: Any, sample_weight: Any = None, *, scaled: bool = True
    ) -> tuple[Samples, Array, Targets]:
        """Return X and y converted for the core, and the encoding of y; of the weights, only the number is compared."""
        inputs, targets = self._known_inputs(), self._known_targets()
        check_lengths(X, y=y, sample_weight=sample_weight)
        return read_samples(self._configuration, X, y, inputs, targets, scaled)

    def _fit_statistics(
        self, X: Samples, encoder: Tabular | None, rows: Array | None = None, weights: Array | None = None
    ) -> Statistics:
        method = self._configuration.scaling or "standard"
        if encoder is None:
            return standardization.fit_statistics(X, method, rows=rows, weights=weights)
        return encoder.statistics(X, method, rows, weights)
