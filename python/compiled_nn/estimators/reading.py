"""Reading of X by a fitted estimator, and other methods that both kinds of estimators share."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.exclusive import stored
from ..data.arrays import Array
from . import inputs, sklearn_compat
from .narrowing import EstimatorNarrowing

if TYPE_CHECKING:
    from typing import Self

    from ..artefact.input_report import InputReport
    from ..files.places import Readable
    from .network import EstimatorNetwork

_LINKS = {"sigmoid": "logistic"}  # links whose scikit-learn name differs


class Reading(EstimatorNarrowing):
    """Base class of the estimators: rows for `network_`, which is a network or an ensemble."""

    network_: EstimatorNetwork
    n_features_in_: int

    def _network(self) -> EstimatorNetwork:
        """Return `network_`; raise NotFittedError before fit."""
        if not hasattr(self, "network_"):
            sklearn_compat.raise_not_fitted(type(self).__name__)
        return self.network_

    def _read_rows(self, X: Any) -> Any:
        """Return X checked for `network_`; raise NotFittedError before fit."""
        if not hasattr(self, "network_"):
            sklearn_compat.raise_not_fitted(type(self).__name__)
        net = self.network_
        if type(X) is np.ndarray:
            plain: Array = X
            fits = plain.dtype.kind == "f" and plain.size and plain.shape[1:] == (self.n_features_in_,)
            if fits and (net._inputs is None or net._inputs.names is None):
                return plain  # the network checks that the numbers are finite
        return inputs.read_known(type(self).__name__, X, net._configuration.dtype, net._known_inputs())

    def calibrate_intervals(self, X: Any, y: Any) -> Self:
        """Calibrate prediction sets or intervals on rows that were not used to fit.

        Parameters
        ----------
        X, y : array-like
            Samples and targets, as for :meth:`fit`. A coverage c needs at least c / (1 - c) rows: 9 for 0.9.

        Returns
        -------
        self : estimator
            Calibrated estimator.

        Raises
        ------
        TypeError, ValueError
            If X or y is invalid, or y has several labels per row.
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import numpy as np
        >>> import compiled_nn as cnn
        >>> X = np.linspace(0, 1, 60).reshape(-1, 1)
        >>> y = X[:, 0] + 0.1 * (-1.0) ** np.arange(60)  # 0.1 above or below the line
        >>> model = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", random_state=0).fit(X[::2], y[::2])
        >>> lower, upper = model.calibrate_intervals(X[1::2], y[1::2]).predict_interval(X[:1])
        >>> (upper - lower).round(1).tolist()
        [0.4]
        """
        inputs.check_lengths(X, y)
        rows = self._read_rows(X)
        self.network_.calibrate_intervals(rows, y)
        return self

    def input_gradient(self, X: Any, *, output: Any = None) -> Array:
        """Return the derivatives of the outputs with respect to X.

        They are those of the outputs before the link for the classifier and of ``predict`` for the regressor. For a
        table that is encoded, they refer to the encoded columns. ``input_names_`` has the names of the columns of the
        result; see :meth:`Network.input_gradient`.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.
        output : label or int, optional
            Output to differentiate: a label for the classifier, a column of y for the regressor. None: all outputs.

        Returns
        -------
        ndarray (m, k), or (m, n, k) for all of n > 1 outputs
            Derivatives in the network's dtype.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, random_state=0)
        >>> model.fit([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0]], [-3.0, 2.0, -2.0, 3.0])  # y = 2 x0 - 3 x1
        MLPRegressor(alpha=0.0, hidden_layer_sizes=(), random_state=0, solver='lbfgs')
        >>> model.input_gradient([[5.0, 5.0]]).round(1).tolist()
        [[2.0, -3.0]]
        """
        rows = self._read_rows(X)
        return self.network_.input_gradient(rows, output=output)

    def input_schema(self) -> dict[str, Any]:
        """Return the JSON Schema (draft 2020-12) of one row of X; documented in :meth:`Network.input_schema`.

        Returns
        -------
        dict
            Schema of an object whose keys are the names of the columns, or of an array.

        Raises
        ------
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31, 48, 25, 60], "city": ["Ulm", "Bonn", "Ulm", "Bonn"]}
        >>> model = cnn.MLPClassifier(categorical_features=["city"], max_iter=1, random_state=0)
        >>> schema = model.fit(X, ["no", "yes", "no", "yes"]).input_schema()
        >>> schema["properties"]["city"]["x-categories"], schema["properties"]["age"]["type"]
        (['Bonn', 'Ulm'], ['number', 'null'])
        """
        return self._network().input_schema()

    def check_inputs(self, X: Any) -> InputReport:
        """Compare rows with those that the estimator was trained on; documented in :meth:`Network.check_inputs`.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.

        Returns
        -------
        InputReport
            Report that prints as a table, and is true if it has a finding.

        Raises
        ------
        TypeError, ValueError
            If X cannot be used, as by ``predict``.
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31, 48, 25, 60], "city": ["Ulm", "Bonn", "Ulm", "Bonn"]}
        >>> model = cnn.MLPClassifier(categorical_features=["city"], max_iter=1, random_state=0)
        >>> model.fit(X, ["no", "yes", "no", "yes"]).check_inputs({"age": [310, 40], "city": ["Ulm", "Oslo"]})
        2 rows compared with 4 of training: 2 findings; 2 rows outside the ranges and categories of training
        column  finding  here                        training
        age     range    1 of 2 above 60, up to 310  25 to 60
        city    unknown  1 of 2 unknown: Oslo (1)    Bonn, Ulm
        """
        rows = self._read_rows(X)
        return self.network_.check_inputs(rows)

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether the estimator is fitted."""
        return hasattr(self, "network_")

    @property
    def feature_names_in_(self) -> Array:
        """Names of the columns of X ``(n_features_in_,)``, if X was a table whose names are texts.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31.0, 48.0], "income": [20.0, 30.0]}
        >>> model = cnn.MLPRegressor(max_iter=1, random_state=0).fit(X, [0.0, 1.0])
        >>> model.feature_names_in_.tolist()
        ['age', 'income']
        """
        return self._network().feature_names_in_

    @property
    def input_names_(self) -> Array:
        """Names of the inputs of the first layer, those of the columns of :meth:`input_gradient`; "x0", ... without.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> X = {"age": [31, 48, 25, 60], "city": ["Ulm", "Bonn", "Ulm", "Bonn"]}
        >>> model = cnn.MLPClassifier(categorical_features=["city"], max_iter=1, random_state=0)
        >>> model.fit(X, ["no", "yes", "no", "yes"]).input_names_.tolist()
        ['age', 'city_Bonn', 'city_Ulm']
        """
        return self._network().input_names_

    @property
    def out_activation_(self) -> str:
        """Activation of the last layer: "logistic", "softmax", "identity" or "exp".

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPClassifier(max_iter=1, random_state=0).fit([[0.0], [1.0], [2.0]], ["red", "green", "blue"])
        >>> model.out_activation_
        'softmax'
        """
        link = self.network_._configuration.activation_names[-1]
        return _LINKS.get(link, link)

    # ---- files and display

    @property
    def metadata_(self) -> dict[str, Any]:
        """Content of the user, as in :class:`Network`: anything that JSON can express, by name. Files contain it.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPRegressor(max_iter=1, random_state=0).fit([[0.0], [1.0]], [0.0, 1.0])
        >>> model.save("model.safetensors", metadata={"author": "Ann"})
        >>> cnn.MLPRegressor.load("model.safetensors").metadata_
        {'author': 'Ann'}
        """
        return self.network_.metadata

    def fingerprint(self) -> str:
        """Return a SHA-256 over everything that decides predictions, as 64 hexadecimal digits.

        It is that of the network, or of the ensemble; see :meth:`Network.fingerprint`. Files contain it.

        Returns
        -------
        str

        Raises
        ------
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPRegressor(max_iter=1, random_state=0).fit([[0.0], [1.0]], [0.0, 1.0])
        >>> model.save("model.safetensors")
        >>> model.fingerprint() == cnn.MLPRegressor.load("model.safetensors").fingerprint(), len(model.fingerprint())
        (True, 64)
        """
        return self._network().fingerprint()

    @classmethod
    def load(cls, path: Readable, *, mmap: bool = False) -> Self:
        """Read an estimator written by :meth:`save`; its predictions are bit for bit the same.

        Parameters
        ----------
        path : str, path-like, bytes or binary file object
            File to read, or its content.
        mmap : bool, default False
            Whether the file is mapped into memory, so that processes share its weights; see :func:`compiled_nn.load`.

        Returns
        -------
        estimator
            Estimator of this class. Its parameters that are sequences are tuples.

        Raises
        ------
        FileNotFoundError
            If the file does not exist.
        ValueError
            If the file is not that of an estimator of this class. Loading never runs code from the file.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPClassifier(hidden_layer_sizes=(), solver="lbfgs", random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"]).save("model.safetensors")
        >>> loaded = cnn.MLPClassifier.load("model.safetensors")
        >>> loaded.solver, loaded.predict([[-1.0], [4.0]]).tolist()
        ('lbfgs', ['low', 'high'])
        """
        loaded: Self = cls._files().read(path, cls, mmap=mmap)
        return loaded

    @staticmethod
    @abstractmethod
    def _files() -> Any:
        """Return the module that writes and reads the files of the estimator."""

    @abstractmethod
    def _repr_html_(self) -> str:
        """Return the HTML for a notebook."""

    def __getstate__(self) -> dict[str, Any]:
        return stored(vars(self))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
