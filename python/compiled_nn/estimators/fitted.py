"""Methods and attributes of a fitted estimator: reading of X, fitted attributes, files and display."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..common.errors import count
from ..data.arrays import Array
from . import sklearn_compat
from .inspection import Inspection
from .network import EstimatorNetwork
from .progress import Progress
from .reading import Reading

if TYPE_CHECKING:
    from ..files.places import Writable
    from .layer_arrays import LayerArrays


class Fitted(Reading, Inspection, sklearn_compat.SklearnMixin):
    """Base class of the estimators: their parameters, and what is available after fit."""

    network_: EstimatorNetwork
    stop_reason_: str | None
    _progress: Progress

    def hidden(self, X: Any, layer: int = -1) -> Array:
        """Return the output of a hidden layer.

        The corresponding method of a network is :meth:`Network.transform`; a method of that name would make the
        estimator a transformer of scikit-learn.

        Parameters
        ----------
        X : array-like (m, k)
            Samples.
        layer : int, default -1
            Index of the hidden layer; -1 is the last.

        Returns
        -------
        ndarray (m, units)
            Output of the layer in the network's dtype.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPRegressor(hidden_layer_sizes=(8, 3), max_iter=1, random_state=0)
        >>> model = model.fit([[0.0], [1.0]], [0.0, 1.0])
        >>> model.hidden([[0.5], [0.6]]).shape, model.hidden([[0.5], [0.6]], layer=0).shape
        ((2, 3), (2, 8))
        """
        rows = self._read_rows(X)
        return self.network_.transform(rows, layer)

    # ---- fitted attributes

    @property
    def coefs_(self) -> list[Array]:
        """Weights (inputs, units) of each layer, as views; with `standardize` they apply to the scaled columns.

        A write to a view changes the network. ``model.coefs_[i] = W`` and ``model.coefs_ = [...]`` copy weights into
        it. Both discard the temperature and the conformal scores, which belong to the previous weights. Read `coefs_`
        again after training, which may move the weights. With ``ema`` the views are read-only; assigned weights replace
        both the averaged and the trained ones. During training the arrays are read-only copies.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])  # y = 2 x + 1
        MLPRegressor(alpha=0.0, hidden_layer_sizes=(), random_state=0, solver='lbfgs')
        >>> model.coefs_[0].round(2).tolist()
        [[2.0]]
        >>> model.coefs_[0][...] = 10.0
        >>> model.predict([[1.0]]).round(2).tolist()
        [11.0]
        """
        return self._layer_arrays("coefs_")

    @coefs_.setter
    def coefs_(self, arrays: Iterable[Any]) -> None:
        self._assign_arrays("coefs_", arrays)

    @property
    def intercepts_(self) -> list[Array]:
        """Biases (units,) of each layer, as views, assigned as `coefs_`; read-only zeros with ``use_bias=False``.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])  # y = 2 x + 1
        MLPRegressor(alpha=0.0, hidden_layer_sizes=(), random_state=0, solver='lbfgs')
        >>> model.intercepts_[0].round(2).tolist()
        [1.0]
        """
        return self._layer_arrays("intercepts_")

    @intercepts_.setter
    def intercepts_(self, arrays: Iterable[Any]) -> None:
        self._assign_arrays("intercepts_", arrays)

    def _layer_arrays(self, name: str) -> LayerArrays:
        """Return the arrays of `coefs_` or `intercepts_`."""
        from .layer_arrays import LayerArrays  # imported here to keep `import compiled_nn` fast

        net = self._network()
        return LayerArrays(net.weight_views(name), lambda arrays: net.assign_weights(name, arrays))

    def _assign_arrays(self, name: str, arrays: Iterable[Any]) -> None:
        """Copy one array per layer into the network."""
        net = self._network()
        if isinstance(arrays, (str, Mapping)) or not isinstance(arrays, Iterable):
            raise TypeError(f"{name} must be a list of arrays. Got {type(arrays).__name__} instead.")
        given, n_layers = dict(enumerate(arrays)), len(net.layers)
        if len(given) != n_layers:
            raise ValueError(
                f"{name} has {count(len(given), 'array')}; the network has {count(n_layers, 'layer')}."
            )
        net.assign_weights(name, given)

    @property
    def n_layers_(self) -> int:
        """Number of layers, including the input.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPRegressor(hidden_layer_sizes=(8, 3), max_iter=1, random_state=0)
        >>> model = model.fit([[0.0], [1.0]], [0.0, 1.0])
        >>> model.n_layers_
        4
        """
        return len(self.network_.layers) + 1

    @property
    def n_outputs_(self) -> int:
        """Number of units of the last layer.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPClassifier(max_iter=1, random_state=0).fit([[0.0], [1.0], [2.0]], ["red", "green", "blue"])
        >>> model.n_outputs_
        3
        """
        return self.network_.layers[-1].units

    @property
    def history_(self) -> dict[str, list[Any]]:
        """Columns of ``Network.history``, with one entry per epoch.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> model = cnn.MLPClassifier(max_iter=3, learning_rate_init=0.01, standardize=True, random_state=0)
        >>> model = model.fit(data.X_train, data.y_train)
        >>> model.history_["epoch"], [round(loss, 1) for loss in model.history_["loss"]]
        ([1, 2, 3], [1.4, 0.3, 0.1])
        """
        return self.network_.history

    # ---- files

    def to_dict(self) -> dict[str, Array]:
        """Return the weights as arrays by name, in the layout of the functional module.

        Returns
        -------
        dict of str to ndarray
            W1 (units, inputs), b1 (units, 1), W2, ...; see :meth:`Network.to_dict`.

        Raises
        ------
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPRegressor(hidden_layer_sizes=8, max_iter=1, random_state=0)
        >>> model = model.fit([[0.0], [1.0]], [0.0, 1.0])
        >>> {name: array.shape for name, array in model.to_dict().items()}
        {'W1': (8, 1), 'b1': (8, 1), 'W2': (1, 8), 'b2': (1, 1)}
        """
        return self._network().to_dict()

    def to_shape(self) -> list[dict[str, Any]]:
        """Return the layers as the functional module takes them.

        Returns
        -------
        list of dict
            "nodes" and "activation" of each layer; see :meth:`Network.to_shape`.

        Raises
        ------
        NotFittedError
            Before fit.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPRegressor(hidden_layer_sizes=8, max_iter=1, random_state=0)
        >>> model = model.fit([[0.0], [1.0]], [0.0, 1.0])
        >>> model.to_shape()
        [{'nodes': 8, 'activation': 'relu'}, {'nodes': 1, 'activation': 'identity'}]
        """
        return self._network().to_shape()

    def save(self, path: Writable, *, metadata: dict[str, Any] | None = None, mappable: bool = False) -> None:
        """Write parameters, network and fitted attributes to one safetensors file.

        ``compiled_nn.load`` reads the network from it. As with :meth:`Network.save`, the file does not contain the
        moments of the optimizer or the history; pickle, deepcopy and joblib keep them.

        Parameters
        ----------
        path : str, path-like or binary file object
            File to write; an existing file is replaced.
        metadata : dict, optional
            Content of the user in the file, which the loaded estimator has as `metadata_`. Some keys have a fixed form,
            see docs/guide/files.md. Default: that of this estimator.
        mappable : bool, default False
            Whether processes that load the file with ``mmap=True`` share its weights; see :meth:`Network.save`.

        Raises
        ------
        NotFittedError
            Before fit.
        TypeError
            If a parameter is an object that JSON cannot represent, such as a function, a callback or a RandomState; or
            has an invalid type.
        ValueError
            If a parameter has an invalid value, which was set after fit.
        OSError
            If the file cannot be written; an existing file is then unchanged.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> model = cnn.MLPClassifier(hidden_layer_sizes=(), solver="lbfgs", random_state=0)
        >>> model.fit([[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"])
        MLPClassifier(hidden_layer_sizes=(), random_state=0, solver='lbfgs')
        >>> model.save("model.safetensors")
        >>> cnn.load("model.safetensors").predict([[4.0]]).tolist()
        ['high']
        """
        self._files().write(path, self, self._network(), self._progress, metadata, mappable)

    @staticmethod
    def _files() -> Any:
        from . import files  # imported here to keep `import compiled_nn` fast

        return files

    def _described(self, attributes: dict[str, Any]) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return the tensors and the document of the estimator in training, for a checkpoint."""
        from . import files  # imported here to keep `import compiled_nn` fast

        return files.described_in_training(self, self.network_.dtype, attributes, self._progress)

    # ---- display

    def _repr_html_(self) -> str:
        """Return the HTML for a notebook: the parameters and, after fit, the network."""
        from ..display import notebook

        return notebook.estimator_page(
            type(self).__name__, self.get_params(), self.changed(), getattr(self, "network_", None)
        )
