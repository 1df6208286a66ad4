"""Conversion of an estimator to other formats and libraries: that of its network, with the labels of the estimator."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..network.exchanging import Exchanging

if TYPE_CHECKING:
    import numpy as np

    from ..artefact.predictor import Predictor
    from ..exchange.description import Description


class EstimatorExchanging(Exchanging):
    """Methods that convert a fitted estimator."""

    _label_dtype: np.dtype[Any]

    @abstractmethod
    def _network(self) -> Any:
        """Return the network or the ensemble; NotFittedError before fit."""

    def _described_predictor(self) -> tuple[Description, Predictor]:
        description, predictor = self._network()._described_predictor()
        if description.classes is None:
            return description, predictor
        classes = description.classes.astype(self._label_dtype)
        if predictor.outputs.targets.has_one_class:
            classes = classes[:1]
        return replace(description, classes=classes), predictor

    def to_sklearn(self) -> Any:
        """Raise ValueError: scikit-learn's multilayer perceptrons hold one network, and this estimator has several.

        The estimator itself works in scikit-learn's pipelines and searches.

        Raises
        ------
        ValueError
            Always.
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X, y = [[float(i)] for i in range(40)], [3.0 * i for i in range(40)]
        >>> model = cnn.TabularRegressor(n_members=2, max_iter=5, random_state=0).fit(X, y)
        >>> try:
        ...     model.to_sklearn()
        ... except ValueError as error:
        ...     print(str(error).split(",")[0])
        scikit-learn's multilayer perceptron holds one network
        """
        return self._network().to_sklearn()
