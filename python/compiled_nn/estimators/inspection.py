"""Summary and diagnosis of an estimator, before and after fit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import copy, deepcopy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from numpy.random import RandomState

from ..data import samples
from ..data.arrays import Array
from . import inputs
from .parameters import STOCHASTIC
from .settings import Settings

if TYPE_CHECKING:
    from ..network.diagnosis.findings import Diagnosis
    from ..spec.summary import Summary
    from .network import EstimatorNetwork

# Names of the parameters of a network that estimators have under another name.
_NAMES = {"l2": "alpha", "epochs": "max_iter", "seed": "random_state"}


class Inspection(Settings, ABC):
    """Methods of an estimator that help to understand its network."""

    network_: EstimatorNetwork

    def summary(self) -> Summary:
        """Return the sizes of each layer, as :meth:`Network.summary`.

        Returns
        -------
        Summary
            Table that prints as text. Before fit, the inputs, the outputs and what depends on them are unknown: None,
            and "?" in the table.

        Raises
        ------
        TypeError, ValueError
            If a parameter has an invalid type or value.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPClassifier(hidden_layer_sizes=(8,), max_iter=1, random_state=0)
        >>> model.fit([[0.0, 1.0], [1.0, 0.0]], ["no", "yes"]).summary()
        layer  inputs  units  activation  parameters  FLOPs  bytes
            0       2      8        relu          24     32     96
            1       8      1     sigmoid           9     16     36
        total                                     33     48    132
        """
        if hasattr(self, "network_"):
            return self.network_.summary()
        from ..spec.summary import summarize  # imported here to keep `import compiled_nn` fast

        layers = self._layers(1)
        activations = [str(layer.activation or "identity") for layer in layers[:-1]]
        return summarize(
            layers, [*activations, None], None, self.dtype, n_outputs_known=False, precision=self.precision
        )

    def diagnose(self, X: Any, y: Any, *, held_out: bool = False) -> Diagnosis:
        """Search for problems that prevent the estimator from learning, and suggest a remedy for each of them.

        The findings are described at :meth:`Network.diagnose`. Before fit, initial weights with which fit would start
        are examined. The estimator is not changed.

        Parameters
        ----------
        X, y : array-like
            Samples and targets, as for :meth:`fit`; at most 4096 rows are used, drawn at random.
        held_out : bool, default False
            Whether the rows were not used to fit, so that a fitted estimator can be compared with the largest class or
            the mean of y, and with a linear model.

        Returns
        -------
        Diagnosis
            Tuple of findings, which prints as a table. The `change` of a finding has the parameters that carry out its
            remedy: ``estimator.set_params(**finding.change)``.

        Raises
        ------
        TypeError, ValueError
            If a parameter, X or y has an invalid type, shape or value.
        NotFittedError
            If `held_out` is True before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> model = cnn.MLPClassifier(learning_rate_init=3.0, max_iter=2, random_state=0)
        >>> diagnosis = model.fit(data.X_train, data.y_train).diagnose(data.X_train, data.y_train)
        >>> [finding.name for finding in diagnosis]
        ['unscaled_input', 'dead_layer', 'exploding_rate', 'class_collapse']
        >>> model.set_params(**diagnosis[0].change)
        MLPClassifier(learning_rate_init=3.0, max_iter=2, random_state=0, standardize=True)
        """
        fitted = hasattr(self, "network_")
        net, rows, targets = self._examined(X, y)
        translation = partial(self._translated, n_rows=len(targets))
        options: dict[str, Any] = {"uses_rate": self.solver in STOCHASTIC}
        if held_out:
            options["held_out"] = self._network()._held_out(rows)
        return net._diagnosed(rows, targets, fitted, translation, **options)

    def _examined(self, X: Any, y: Any) -> tuple[EstimatorNetwork, Any, Array]:
        """Return `network_`, or one with initial weights before fit, and X and y as it takes them."""
        inputs.check_lengths(X, y)
        if hasattr(self, "network_"):
            n_rows = samples.stated_rows(X, 2)
            return self.network_, self._read_rows(X), inputs.read_targets(self._owner, y, n_rows)
        twin = copy(self)
        twin.random_state = deepcopy(self.random_state)
        twin._check()
        X, y, _, random = twin._read(X, y, None, False, None)
        twin.network_.prepare_fit(random, self.l1, self.alpha)
        return twin.network_, X, y

    @abstractmethod
    def _network(self) -> EstimatorNetwork:
        """Return the network; raise NotFittedError before fit."""

    @abstractmethod
    def _read_rows(self, X: Any) -> Any:
        """Return X checked for `network_`."""

    @abstractmethod
    def _read(
        self, X: Any, y: Any, sample_weight: Any, partial: bool, classes: Array | None
    ) -> tuple[Any, Array, Array | None, RandomState]:
        """Return checked X, y and weights, and the generator of the fit; create or change the network."""

    def _translated(self, change: Mapping[str, Any], n_rows: int) -> dict[str, Any]:
        """Return a change of a diagnosis as parameters of the estimator, which is fitted on `n_rows` rows."""
        parameters = {_NAMES.get(name, name): value for name, value in change.items()}
        if parameters.get("alpha"):
            parameters["alpha"] *= self._batches(n_rows).size  # the penalty is divided by the rows of a batch
        if "loss" in parameters and self.changed().get("label_smoothing"):
            del parameters["loss"]
            parameters["label_smoothing"] = 0.0
        if (
            "weight_decay" in parameters
            and self.optimizer is not None
            and not isinstance(self.optimizer, str)
        ):
            optimizer: Any = self._optimizer()
            parameters["optimizer"] = replace(optimizer, weight_decay=parameters.pop("weight_decay"))
        if "learning_rate" in parameters:
            rate, optimizer = parameters.pop("learning_rate"), parameters.get("optimizer", self._optimizer())
            if self.optimizer is not None:
                parameters["optimizer"] = replace(optimizer, learning_rate=rate)
            else:
                parameters["learning_rate_init"] = rate
            if self.schedule is not None:
                parameters["schedule"] = None
        if self.solver not in STOCHASTIC and parameters.keys() & {"optimizer", "dropout"}:
            parameters["solver"] = "adam"
        if "max_iter" in parameters and getattr(self, "stop_reason_", None) == "tol":
            parameters["tol"] = 0.0  # otherwise training ends as early as before
        if "layers" in parameters:
            hidden = parameters.pop("layers")[:-1]
            parameters["hidden_layer_sizes"] = tuple(layer.units for layer in hidden)
            activations = [str(layer.activation or "identity") for layer in hidden]
            if hidden:
                parameters["activation"] = activations[0] if len(set(activations)) == 1 else activations
        return parameters
