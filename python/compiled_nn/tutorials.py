"""Two classes that textbooks write out, with their parameters, on a `Network`: silent, pure, repeatable.

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


class _OnNetwork:
    """What both classes do with the network that fit makes."""

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
        """Return a network of sigmoid layers with one binary cross-entropy an output, at its initial weights."""
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
        """Sorted labels that fit has seen."""
        return self.network_.classes_

    def predict(self, X: Any) -> Array:
        """Return the most probable label of each row of X (m, k); with one output the larger of two from 0.5 on."""
        return self.network_.predict(X)

    def score(self, X: Any, y: Any) -> float:
        """Return the share of the rows of X (m, k) whose label y (m,) is predicted."""
        return self.network_.score(X, y)

    def plot_cost(self, ax: Any = None, **kwargs: Any) -> LossCurveDisplay:
        """Draw the cost of each epoch; nothing is shown on a screen.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        **kwargs
            Passed to matplotlib's ``Axes.plot``.

        Returns
        -------
        LossCurveDisplay
            With ``ax_`` and ``figure_``.

        Raises
        ------
        NotFittedError
            Before fit.
        ImportError
            matplotlib is not installed.
        """
        from .plotting import LossCurveDisplay

        return LossCurveDisplay.from_estimator(self.network_, ax, **kwargs)


class NeuralNet(_OnNetwork):
    """Layers of sigmoids, trained on all rows at once by gradient descent on the binary cross-entropy.

    Parameters
    ----------
    size_of_layers : sequence of int
        Units from the first hidden layer to the output: 1 for two classes, or one a class. Copied.
    init : dict, str, Normal or Uniform, optional
        Weights to start from, W1 (units, inputs), b1 (units, 1), ..., copied; or an initialiser as for
        :class:`Dense`. Default: "lecun_normal", normal draws over the root of the number of inputs.
    dtype : {"float32", "float64"}, default "float32"
    seed : int or None, default 42
        Of a generator of its own.
    n_threads : int, optional
        As for :class:`Network`.

    Attributes
    ----------
    costs : list of float
        Cost of every iteration, before its step.
    parameters : dict
        Copies of W1 (units, inputs), b1 (units, 1), W2, ...
    size_of_layers : tuple of int
    length : int
        Number of layers.
    n : int
        Rows that the last fit took; 0 before.
    network_ : Network
    classes_ : ndarray
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
                "The 'size_of_layers' parameter of NeuralNet must hold at least one layer. Got none."
            )
        self.seed = self._seed
        self.length = len(self.size_of_layers)
        self.n = 0

    def fit(self, X: Any, Y: Any, learning_rate: float = 0.01, n_iterations: int = 3000) -> Self:
        """Train from the initial weights; fitting twice gives what fitting once does.

        Parameters
        ----------
        X : array-like (m, k), or images
        Y : array-like (m,) or (m, 1)
            Labels of any kind.
        learning_rate : float, default 0.01
        n_iterations : int, default 3000
            Steps, each on all rows.

        Returns
        -------
        self : NeuralNet

        Raises
        ------
        TypeError, ValueError
            When an argument cannot be used; all is then as before.
        DivergenceError
            When an iteration ends with a cost or weights that are not finite.
        """
        net = self._new_network(self.size_of_layers, "lecun_normal", bias=True, learning_rate=learning_rate)
        net.fit(X, Y, epochs=n_iterations, batch_size="full")
        self._network, self.n = net, len(X)
        return self

    @property
    def costs(self) -> list[float]:
        """Cost of every iteration of the last fit; none before."""
        return [] if self._network is None else list(self._network.history["loss"])

    @property
    def parameters(self) -> dict[str, Array]:
        """Copies of the weights as W1 (units, inputs), b1 (units, 1), W2, ...; the given ones, or none, before fit."""
        if self._network is None:
            return shapes.copied(self.init) if isinstance(self.init, Mapping) else {}
        return self._network.to_dict()

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class for X (m, k): (m, n_classes), from independent sigmoids."""
        return self.network_.predict_proba(X)


class NNClassifier(_OnNetwork):
    """One hidden layer of sigmoids, one sigmoid a class, no biases, batches in the order of the rows.

    A step follows the gradient summed over the batch, with the penalty once a batch, as `learning_rate`, `l1` and `l2`
    are meant here: ``w -= learning_rate * (sum of gradients + l2 * w + l1 * sign(w))``. On means over batches of b
    rows that is a rate of ``learning_rate * b`` and penalties of ``l2 / b`` and ``l1 / b``, which is what the network
    is given. b is ``ceil(m / n_batches)``; where it does not divide the rows, the last batch is shorter, and its
    mean counts as that of a whole one.

    Parameters
    ----------
    n_classes : int
        At least 2.
    n_features : int
        Columns of X.
    n_hidden_units : int, default 50
    l2 : float, default 0.5
    l1 : float, default 0.0
    epochs : int, default 300
    learning_rate : float, default 0.001
    n_batches : int, default 25
    random_seed : int, optional
        Of a generator of its own.
    init : dict, str, Normal or Uniform, optional
        Weights to start from, W1 (n_hidden_units, n_features) and W2 (n_classes, n_hidden_units), copied; or an
        initialiser as for :class:`Dense`. Default: uniform from -1 to 1, which saturates on columns much
        larger than 1: standardise them, or pass "glorot_uniform".
    dtype : {"float32", "float64"}, default "float32"
    n_threads : int, optional
        As for :class:`Network`.

    Attributes
    ----------
    error_ : list of float
        Mean over the samples of the loss, the sum of a binary cross-entropy a class, for each epoch, as seen
        while training. The penalty is in ``network_.history``.
    network_ : Network
    classes_ : ndarray
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
        """Train from the initial weights; fitting twice with one seed gives what fitting once does.

        Parameters
        ----------
        X : array-like (m, n_features), or images
        y : array-like (m,) or (m, 1)
            Labels of any kind, n_classes of them.

        Returns
        -------
        self : NNClassifier

        Raises
        ------
        TypeError, ValueError
            When X or y cannot be used; all is then as before.
        DivergenceError
            When an epoch ends with a loss or weights that are not finite.
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
        """Mean loss of every epoch of the last fit; none before."""
        return [] if self._network is None else list(self._network.history["loss"])

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class for X (m, k): (m, n_classes), each row summing to 1.

        The outputs are independent sigmoids p of logits z. Given that exactly one class is true, its probability is in
        proportion to p / (1 - p) = exp(z): the softmax of the logits.
        """
        from .functional import softmax

        return softmax(self.network_.decision_function(X))
