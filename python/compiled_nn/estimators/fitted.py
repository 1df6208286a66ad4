"""What both estimators are once they are fitted: how X is read again, what was learned, what is shown."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import dataframes
from ..data.arrays import Array
from . import inputs, sklearn_compat
from .network import EstimatorNetwork
from .parameters import Parameters
from .progress import Progress

if TYPE_CHECKING:
    from typing import Self

_LINKS = {"sigmoid": "logistic"}  # scikit-learn's names, where they are others than ours


class Fitted(Parameters, sklearn_compat.SklearnMember):
    """Parameters, and what follows from the network once there is one."""

    network_: EstimatorNetwork
    n_features_in_: int
    _progress: Progress

    # ---- prediction

    def _rows(self, X: Any) -> Any:
        """Return X as the network reads it without further words, once there is one."""
        owner = type(self).__name__
        if not hasattr(self, "network_"):
            sklearn_compat.refuse_unfitted(owner)
        names = getattr(self, "feature_names_in_", None)
        if names is None and type(X) is np.ndarray:
            plain: Array = X
            if plain.dtype.kind == "f" and plain.size and plain.shape[1:] == (self.n_features_in_,):
                return plain  # the network itself looks at the numbers
        inputs.check_names(owner, names, dataframes.feature_names(X))
        net = self.network_
        return inputs.read(owner, X, net.dtype, self.n_features_in_, net.encodes)

    def calibrate_intervals(self, X: Any, y: Any) -> Self:
        """Learn from rows that fit has not seen how far off the network is, for sets or intervals of a coverage.

        Parameters
        ----------
        X, y : array-like
            As for :meth:`fit`. A coverage c needs c / (1 - c) rows at least: 9 for 0.9.

        Returns
        -------
        self : estimator

        Raises
        ------
        TypeError, ValueError
            When X or y cannot be used, or y has several labels a row.
        """
        rows = self._rows(X)
        self.network_.calibrate_intervals(rows, y)
        return self

    def input_gradient(self, X: Any, *, output: Any = None) -> Array:
        """Return the derivatives of the outputs with respect to the numbers of X (m, k).

        As :meth:`Network.input_gradient` does it: of ``decision_function`` for classes, of ``predict`` for values;
        (m, k), or (m, n, k) for n outputs where `output`, a label or a column, names none of them.
        """
        rows = self._rows(X)
        return self.network_.input_gradient(rows, output=output)

    def hidden(self, X: Any, layer: int = -1) -> Array:
        """Return the output of a hidden layer (m, units) for X (m, k), by default of the last one.

        As :meth:`Network.transform` does it, whose name would make a transformer of the estimator.
        """
        rows = self._rows(X)
        return self.network_.transform(rows, layer)

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is a network."""
        return hasattr(self, "network_")

    # ---- what was learned

    @property
    def coefs_(self) -> list[Array]:
        """Weights (inputs, units) of each layer: views; with `standardize` for scaled columns."""
        return [W for W, _ in self.network_.views()]

    @property
    def intercepts_(self) -> list[Array]:
        """Biases (units,) of each layer: views, or zeros with ``use_bias=False``."""
        return [np.zeros(W.shape[1], W.dtype) if b is None else b for W, b in self.network_.views()]

    @property
    def n_layers_(self) -> int:
        """Layers, the input being one."""
        return len(self.network_.layers) + 1

    @property
    def n_outputs_(self) -> int:
        """Units of the last layer."""
        return self.network_.layers[-1].units

    @property
    def out_activation_(self) -> str:
        """Activation of the last layer: "logistic", "softmax", "identity" or "exp"."""
        link = self.network_.activations[-1]
        return _LINKS.get(link, link)

    @property
    def history_(self) -> dict[str, list[Any]]:
        """The columns of ``Network.history``, an entry an epoch."""
        return self.network_.history

    # ---- files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write parameters, network and fitted attributes to one safetensors file, as :meth:`Network.save` writes.

        ``compiled_nn.load`` reads the network in it. As there, momenta and the history are not in it; pickle, deepcopy
        and joblib keep them.

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        NotFittedError
            Before fit.
        TypeError
            When a parameter is an object that JSON does not hold, as an optimizer, a callback or a RandomState.
        OSError
            When the file cannot be written; an older one is then untouched.
        """
        from . import files  # few estimators write one

        if not hasattr(self, "network_"):
            sklearn_compat.refuse_unfitted(type(self).__name__)
        files.write(path, self, self.network_, self._progress)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read an estimator that :meth:`save` wrote; its predictions have the same bits.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        estimator
            Of this class. Sequences among its parameters are tuples.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        ValueError
            When the file is anything but an estimator of this class. No content of a file can run code.
        """
        from . import files

        loaded: Self = files.read(path, cls)
        return loaded

    # ---- shown

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the parameters, and the network once there is one."""
        from ..display import notebook

        return notebook.estimator_page(
            type(self).__name__, self.get_params(), self.changed(), getattr(self, "network_", None)
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
