"""Two classes of well-known tutorials, with their parameters, computed by a `Network`.

They print nothing, do not modify their arguments, and give the same result for the same seed.

>>> from compiled_nn.tutorials import NeuralNet
>>> model = NeuralNet([3, 1]).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1], learning_rate=0.5, n_iterations=5)
>>> len(model.costs)
5
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .common import checks
from .common.errors import NotFittedError
from .data import arrays
from .data.arrays import Array
from .network.network import Network
from .optimizers.classes import SGD
from .spec import shapes
from .spec.configuration import DTYPES, DType
from .spec.initializers import Uniform
from .spec.layers import Dense

if TYPE_CHECKING:
    from typing import Self

    from .plotting import LossCurveDisplay

__all__ = ["NNClassifier", "NeuralNet"]


class _NetworkModel:
    """Base class of both: parameters, and methods of the fitted network."""

    def __init__(self, init: Any, dtype: DType, seed: int | None, n_threads: int | None) -> None:
        owner = type(self).__name__
        self.init = shapes.copied(init) if isinstance(init, Mapping) else init
        self.dtype = checks.choice(owner, "dtype", dtype, DTYPES)
        self.n_threads = checks.optional_integer(owner, "n_threads", n_threads, minimum=1)
        self._seed = checks.optional_integer(owner, "seed", seed, minimum=0)
        self._network: Network | None = None

    @property
    def network_(self) -> Network:
        """The trained network."""
        if self._network is None:
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments"
                " before using this estimator."
            )
        return self._network

    def _new_network(
        self,
        sizes: Sequence[int],
        default_init: Any,
        *,
        bias: bool,
        learning_rate: float,
        l1: float = 0.0,
        l2: float = 0.0,
    ) -> Network:
        """Return a new network of sigmoid layers, whose loss is the binary cross-entropy summed over the outputs."""
        given = self.init if isinstance(self.init, Mapping) else None
        init: Any = default_init if given is not None or self.init is None else self.init
        net = Network(
            [Dense(units, "sigmoid", bias=bias, init=init) for units in sizes],
            loss="binary_cross_entropy",
            optimizer=SGD(learning_rate),
            l1=l1,
            l2=l2,
            dtype=self.dtype,
            seed=self._seed,
            n_threads=self.n_threads,
        )
        if given is not None:
            net.set_weights(shapes.from_dict(given))
        return net

    @property
    def classes_(self) -> Array:
        """Sorted labels of the y passed to fit."""
        return self.network_.classes_

    def predict(self, X: Any) -> Array:
        """Return the most probable label (m,) of each row of X (m, k); with one output the second label from 0.5 on.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for :meth:`fit`.

        Returns
        -------
        ndarray (m,)
            Labels.
        """
        return self.network_.predict(X)

    def score(self, X: Any, y: Any) -> float:
        """Return the accuracy on X (m, k) and y (m,): the share of rows whose label is predicted.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for :meth:`fit`.
        y : array-like (m,)
            True labels.

        Returns
        -------
        float
            Accuracy.
        """
        return self.network_.score(X, y)

    def plot_cost(self, ax: Any = None, **kwargs: Any) -> LossCurveDisplay:
        """Draw the cost of each epoch; no window is opened.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.
        **kwargs
            Arguments of matplotlib's ``Axes.plot``.

        Returns
        -------
        LossCurveDisplay
            The display, drawn on ``ax_`` of ``figure_``.

        Raises
        ------
        NotFittedError
            Before fit.
        ImportError
            If matplotlib is not installed.
        """
        from .plotting import LossCurveDisplay

        return LossCurveDisplay.from_estimator(self.network_, ax, **kwargs)


class NeuralNet(_NetworkModel):
    """Network of sigmoid layers, trained by full-batch gradient descent on the binary cross-entropy.

    Parameters
    ----------
    size_of_layers : sequence of int
        Number of units of each layer after the input. The last layer has 1 unit for two classes, or one per class.
    init : dict, str, Normal or Uniform, optional
        Initial weights W1 (units, inputs), b1 (units, 1), ..., which are copied, or an initialiser of :class:`Dense`.
        Default: "lecun_normal", normal with the standard deviation 1 / sqrt(inputs).
    dtype : {"float32", "float64"}, default "float32"
        Dtype of weights and arithmetic.
    seed : int or None, default 42
        Seed for the initial weights; None: a different seed in each fit.
    n_threads : int, optional
        Number of threads, see :class:`Network`.

    Attributes
    ----------
    costs : list of float
        Cost of each iteration, before its step.
    parameters : dict
        Copies of W1 (units, inputs), b1 (units, 1), W2, ...
    size_of_layers : tuple of int
        Copy of the parameter.
    length : int
        Number of layers.
    n : int
        Number of rows of the last fit; 0 before fit.
    network_ : Network
        The trained network.
    classes_ : ndarray (n_classes,)
        Sorted labels.

    See Also
    --------
    NNClassifier : Network of one hidden layer, trained on batches.
    Network : Class that trains both.

    Examples
    --------
    >>> from compiled_nn.tutorials import NeuralNet
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> model = NeuralNet([4, 1]).fit(X, y, learning_rate=5.0, n_iterations=1000)
    >>> model.predict(X)
    array([0, 1, 1, 0])
    >>> round(model.costs[0], 2), round(model.costs[-1], 2)
    (0.71, 0.0)
    """

    def __init__(
        self,
        size_of_layers: Sequence[int],
        *,
        init: Any = None,
        dtype: DType = "float32",
        seed: int | None = 42,
        n_threads: int | None = None,
    ) -> None:
        super().__init__(init, dtype, seed, n_threads)
        self.size_of_layers = tuple(
            checks.integer("NeuralNet", f"size_of_layers[{i}]", units, minimum=1)
            for i, units in enumerate(size_of_layers)
        )
        if not self.size_of_layers:
            raise ValueError(
                "The 'size_of_layers' parameter of NeuralNet must have at least one entry. Got none."
            )
        self.seed = self._seed
        self.length = len(self.size_of_layers)
        self.n = 0

    def fit(self, X: Any, Y: Any, learning_rate: float = 0.01, n_iterations: int = 3000) -> Self:
        """Train from the initial weights; each call starts again from them.

        Parameters
        ----------
        X : array-like (m, k), or images
            Samples.
        Y : array-like (m,) or (m, 1)
            Labels: numbers, strings or booleans.
        learning_rate : float, default 0.01
            Learning rate, above 0.
        n_iterations : int, default 3000
            Number of steps, each on all rows.

        Returns
        -------
        self : NeuralNet
            Fitted model.

        Raises
        ------
        TypeError, ValueError
            If an argument has an invalid type, shape or value; the model is then unchanged.
        DivergenceError
            If the cost or a weight is not finite at the end of an iteration.
        """
        net = self._new_network(self.size_of_layers, "lecun_normal", bias=True, learning_rate=learning_rate)
        net.fit(X, Y, epochs=n_iterations, batch_size="full")
        self._network, self.n = net, len(X)
        return self

    @property
    def costs(self) -> list[float]:
        """Cost of each iteration of the last fit; [] before fit."""
        return [] if self._network is None else list(self._network.history["loss"])

    @property
    def parameters(self) -> dict[str, Array]:
        """Copies of the weights as W1 (units, inputs), b1 (units, 1), W2, ...; before fit those of `init`, or none."""
        if self._network is None:
            return shapes.copied(self.init) if isinstance(self.init, Mapping) else {}
        return self._network.to_dict()

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class for X (m, k): (m, n_classes), from independent sigmoids.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for :meth:`fit`.

        Returns
        -------
        ndarray (m, n_classes)
            Probabilities.
        """
        return self.network_.predict_proba(X)


class NNClassifier(_NetworkModel):
    """Network of one hidden sigmoid layer and one sigmoid output per class, without biases and shuffling.

    The gradient is summed over a batch, and the penalty is added once per batch:
    ``w -= learning_rate * (sum of gradients + l2 * w + l1 * sign(w))``. For a network with gradients averaged over
    batches of b rows this is a learning rate of ``learning_rate * b`` and penalties of ``l2 / b`` and ``l1 / b``. b is
    ``ceil(m / n_batches)``; where it does not divide the number of rows, the last batch is smaller, and its mean
    gradient has the same weight as that of the other batches.

    Parameters
    ----------
    n_classes : int
        Number of classes, at least 2.
    n_features : int
        Number of columns of X.
    n_hidden_units : int, default 50
        Number of hidden units.
    l2 : float, default 0.5
        L2 penalty, at least 0.
    l1 : float, default 0.0
        L1 penalty, at least 0.
    epochs : int, default 300
        Number of epochs.
    learning_rate : float, default 0.001
        Learning rate, above 0.
    n_batches : int, default 25
        Number of batches per epoch.
    random_seed : int, optional
        Seed for the initial weights; None: a different seed in each fit.
    init : dict, str, Normal or Uniform, optional
        Initial weights W1 (n_hidden_units, n_features) and W2 (n_classes, n_hidden_units), which are copied, or an
        initialiser of :class:`Dense`. Default: uniform from -1 to 1. With columns much larger than 1 these weights
        saturate the sigmoids: standardise the columns, or pass "glorot_uniform".
    dtype : {"float32", "float64"}, default "float32"
        Dtype of weights and arithmetic.
    n_threads : int, optional
        Number of threads, see :class:`Network`.

    Attributes
    ----------
    error_ : list of float
        Mean loss over the samples during each epoch, where the loss is the binary cross-entropy summed over the
        classes. The penalty is in ``network_.history``.
    network_ : Network
        The trained network.
    classes_ : ndarray (n_classes,)
        Sorted labels.

    See Also
    --------
    NeuralNet : Network of several layers, trained on all rows.
    Network : Class that trains both.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> from compiled_nn.tutorials import NNClassifier
    >>> data = cnn.datasets.load_digits()
    >>> X_train, X_test = data.X_train.reshape(-1, 64) / 16, data.X_test.reshape(-1, 64) / 16
    >>> model = NNClassifier(10, 64, n_hidden_units=30, epochs=30, learning_rate=0.02, l2=0.0, random_seed=0)
    >>> round(model.fit(X_train, data.y_train).score(X_test, data.y_test), 2)
    0.97
    """

    def __init__(
        self,
        n_classes: int,
        n_features: int,
        n_hidden_units: int = 50,
        l2: float = 0.5,
        l1: float = 0.0,
        epochs: int = 300,
        learning_rate: float = 0.001,
        n_batches: int = 25,
        random_seed: int | None = None,
        *,
        init: Any = None,
        dtype: DType = "float32",
        n_threads: int | None = None,
    ) -> None:
        super().__init__(init, dtype, random_seed, n_threads)
        self.n_classes = checks.integer("NNClassifier", "n_classes", n_classes, minimum=2)
        self.n_features = checks.integer("NNClassifier", "n_features", n_features, minimum=1)
        self.n_hidden_units = checks.integer("NNClassifier", "n_hidden_units", n_hidden_units, minimum=1)
        self.l2 = checks.real("NNClassifier", "l2", l2, minimum=0)
        self.l1 = checks.real("NNClassifier", "l1", l1, minimum=0)
        self.epochs = checks.integer("NNClassifier", "epochs", epochs, minimum=0)
        self.learning_rate = checks.real("NNClassifier", "learning_rate", learning_rate, above=0)
        self.n_batches = checks.integer("NNClassifier", "n_batches", n_batches, minimum=1)
        self.random_seed = self._seed

    def fit(self, X: Any, y: Any) -> Self:
        """Train from the initial weights; each call starts again from them.

        Parameters
        ----------
        X : array-like (m, n_features), or images
            Samples.
        y : array-like (m,) or (m, 1)
            Labels: numbers, strings or booleans, with `n_classes` different ones.

        Returns
        -------
        self : NNClassifier
            Fitted model.

        Raises
        ------
        TypeError, ValueError
            If X or y has an invalid type, shape or value; the model is then unchanged.
        DivergenceError
            If the loss or a weight is not finite at the end of an epoch.
        """
        X = arrays.design(X, dtype=self.dtype, n_features=self.n_features)
        rows = -(-len(X) // self.n_batches)
        net = self._new_network(
            (self.n_hidden_units, self.n_classes),
            Uniform(-1.0, 1.0),
            bias=False,
            learning_rate=self.learning_rate * rows,
            l1=self.l1 / rows,
            l2=self.l2 / rows,
        )
        self._network = net.fit(X, y, epochs=self.epochs, batch_size=rows, shuffle=False)
        return self

    @property
    def error_(self) -> list[float]:
        """Mean loss of each epoch of the last fit; [] before fit."""
        return [] if self._network is None else list(self._network.history["loss"])

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class for X (m, k): (m, n_classes), each row summing to 1.

        The outputs are independent sigmoids p of logits z. Under the condition that exactly one class is true, its
        probability is proportional to p / (1 - p) = exp(z), so that the result is the softmax of the logits.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for :meth:`fit`.

        Returns
        -------
        ndarray (m, n_classes)
            Probabilities.
        """
        from .functional import softmax

        return softmax(self.network_.decision_function(X))
