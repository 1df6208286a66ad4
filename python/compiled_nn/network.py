"""The network: what the user holds, and how it is made and trained. Orchestration only."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from . import checks, fitting, persistence, shapes, standardization, targets, training
from .arrays import Array
from .configuration import DEFAULT_LOSS, configure
from .layers import Dense
from .losses import Loss
from .model import Model
from .optimizers import Optimizer
from .targets import Targets
from .training import Data, History, LastFinite, Trainer

if TYPE_CHECKING:
    from typing import Self

Callback: TypeAlias = "Callable[[Network, int, History], bool | None]"


class Network(Model):
    """A stack of fully connected layers, trained by gradients of one loss.

    Parameters
    ----------
    layers : sequence of Dense
        From the first hidden layer to the output. How many columns X has is learned from the data.
    loss : Loss or str, default "softmax_cross_entropy"
        One of :mod:`compiled_nn.losses`, or its name for its defaults: "binary_cross_entropy",
        "softmax_cross_entropy", "focal", "ordinal" for classes, "mse", "squared_error", "mae", "huber", "log_cosh",
        "poisson", "gamma", "tweedie", "quantile", "gaussian_nll" for values. It decides the activation of the last
        layer: softmax, sigmoid, exp or none. "binary_cross_entropy" takes one output for two classes, or one output
        a class (then each output is a sigmoid of its own).
    optimizer : SGD, Adam, AdamW or {"sgd", "adam", "adamw"}, default "adam"
    l1, l2 : float, default 0.0
        Penalty ``l2 / 2 * sum(W ** 2) + l1 * sum(abs(W))`` on the mean loss; weights only, not biases.
    input_scale : float, default 1.0
        Every number of X is multiplied by it before the first layer; 1 / 255 for 8-bit images. Without effect
        when `standardize` is True.
    dtype : {"float32", "float64"}, default "float32"
        Of weights and arithmetic. X may be of any dtype.
    seed : int, optional
        Of initial weights and shuffling: the same seed gives the same bits, with any number of threads.
        NumPy's global generator is never touched.
    n_threads : int, optional
        Threads of this network; None follows :func:`set_num_threads`.
    standardize : bool, default False
        Take each column of X as (x - mean) / standard deviation, both learned from the X of fit alone (not from
        validation data), or of the first partial_fit, and kept in the network and in its files. X is given as it is
        everywhere; weights and gradients are those of the standardised columns. X is not copied for it, and
        predicting costs no more than without.

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
        Sorted labels; classification only.
    n_features_ : int
        Columns of X.
    n_parameters : int
        Weights and biases.
    mean_, scale_ : ndarray (n_features,)
        With `standardize`: mean and standard deviation of each column, float64; 1 where a column is constant.
    history : dict of lists
        One entry an epoch of fit: "epoch" (from 1), "loss" (mean over the rows, as seen while training),
        "penalty", "learning_rate" (of the last step), "seconds", and with validation data "val_loss" and
        "val_score".

    Raises
    ------
    TypeError, ValueError
        When a parameter is of the wrong type or value.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> net = cnn.Network([cnn.Dense(8, "tanh"), cnn.Dense(1)], loss="mse", seed=0)
    >>> net.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], epochs=3).predict([[3.0]]).shape
    (1,)
    """

    def __init__(
        self,
        layers: Sequence[Dense],
        *,
        loss: Loss | str = DEFAULT_LOSS,
        optimizer: Optimizer | str = "adam",
        l1: float = 0.0,
        l2: float = 0.0,
        input_scale: float = 1.0,
        dtype: str = "float32",
        seed: int | None = None,
        n_threads: int | None = None,
        standardize: bool = False,
    ) -> None:
        configuration = configure(layers, loss, optimizer, l1, l2, input_scale, dtype, seed, standardize)
        super().__init__(configuration, n_threads)

    def __repr__(self) -> str:
        return f"Network({self._configuration})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: parameters, layers, diagram, loss curve."""
        from . import notebook  # few programs are one

        return notebook.page(self, self._configuration)

    # ---- as tutorials write it

    @classmethod
    def from_shape(cls, shape: shapes.Shape, **parameters: Any) -> Network:
        """Return a network of the layers in `shape`; its loss follows from the last activation.

        Parameters
        ----------
        shape : list of dict
            ``{"nodes": 4, "activation": "relu"}`` a layer, from the first hidden layer to the output;
            "bias" and "init", as for :class:`Dense`, may be added. The last activation is "sigmoid" for
            binary_cross_entropy, "softmax" for softmax_cross_entropy, "identity" or "linear" for mse.
        **parameters
            As for :class:`Network`: optimizer, dtype, seed, ...

        Raises
        ------
        TypeError, ValueError
            When the shape or a parameter cannot be used.
        """
        layers = shapes.layers(shape)
        return cls(layers, loss=shapes.loss(layers), **parameters)

    def to_shape(self) -> list[dict[str, Any]]:
        """Return what :meth:`from_shape` takes: "nodes" and "activation" of each layer."""
        return shapes.from_layers(self.layers, self._configuration.activations)

    @classmethod
    def from_dict(
        cls, weights: shapes.Parameters, shape: shapes.Shape | None = None, **parameters: Any
    ) -> Network:
        """Return a network with given weights, which are also those that fit starts from.

        Parameters
        ----------
        weights : dict of arrays
            W1 (units, inputs), b1 (units, 1), W2, ...; a layer without b has no biases. They are copied.
        shape : list of dict, optional
            As for :meth:`from_shape`. Default: relu, and sigmoid at the end.
        **parameters
            As for :class:`Network`; dtype is by default that of W1 when it is float32 or float64.

        Raises
        ------
        TypeError, ValueError
            When the weights do not follow one another or do not fit the shape.
        """
        layers = shapes.with_biases(shapes.layers(shape or shapes.default(weights)), weights)
        net = cls(layers, loss=shapes.loss(layers), **shapes.with_dtype(parameters, weights))
        net.set_weights(shapes.from_dict(weights))
        return net

    def to_dict(self) -> dict[str, Array]:
        """Return copies of the weights as W1 (units, inputs), b1 (units, 1), W2, ..."""
        return shapes.to_dict(self.get_weights())

    # ---- training

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 10,
        batch_size: int | str = 32,
        n_batches: int | None = None,
        shuffle: bool = True,
        sample_weight: Any = None,
        class_weight: Any = None,
        validation_data: tuple[Any, ...] | None = None,
        warm_start: bool = False,
        gram: bool | str = "auto",
        verbose: int = 0,
        callback: Callback | None = None,
    ) -> Self:
        """Train from the initial weights, or go on from the present ones.

        Parameters
        ----------
        X : array-like (m, k), or images (m, height, width[, channels])
            Real and finite, of any dtype and layout; never changed, and not copied when NumPy can share it.
        y : array-like (m,), (m, 1) or (m, n_outputs)
            Labels of any type; numbers for "mse"; or a column an output: one-hot or soft labels for
            "softmax_cross_entropy", independent 0/1 targets for "binary_cross_entropy".
        epochs : int, default 10
            Passes over the data.
        batch_size : int or "full", default 32
            Rows of one step.
        n_batches : int, optional
            Cut the rows into so many batches instead: ``ceil(m / n_batches)`` rows each.
        shuffle : bool, default True
            Take the rows of each epoch in an order of its own.
        sample_weight : array-like (m,), optional
            What each row counts, at least 0: losses are sum(weight * loss) / sum(weight) of a batch and of an epoch. 0
            leaves a row out; a batch without weight is no step.
        class_weight : "balanced" or dict, optional
            What the rows of each class count besides: numbers by label (1 where it has none), or such that all classes
            count the same in total.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Loss and score on them are added to the history.
        warm_start : bool, default False
            False: start from the initial weights (drawn anew, or those of :meth:`set_weights`), so that
            fitting twice with one seed is fitting once. True: go on from the present weights and momenta.
        gram : {"auto", True, False}, default "auto"
            Whether full-batch descent runs in the span of the rows: the same steps, with the m x m products of
            the rows in place of X. Exact for SGD, with or without momentum, without penalty, validation data
            and callback; "auto" takes it where features far outnumber rows and the epochs repay it.
        verbose : int, default 0
            Print a line to stdout every so many epochs; 0 is silent.
        callback : callable(net, epoch, history), optional
            Called after each epoch; training stops when it returns True.

        Returns
        -------
        self : Network

        Raises
        ------
        TypeError, ValueError
            When an argument cannot be used; the network is then as before.
        DivergenceError
            When an epoch ends with a loss or weights that are not finite; the weights from before are kept.
        KeyboardInterrupt
            The network keeps the weights of the last whole step.
        """
        epochs = checks.integer("fit", "epochs", epochs, minimum=0)
        verbose = int(verbose) if isinstance(verbose, bool) else verbose
        verbose = checks.integer("fit", "verbose", verbose, minimum=0)
        if callback is not None and not callable(callback):
            raise TypeError(f"The 'callback' parameter of fit must be callable. Got {callback!r} instead.")
        resume = checks.flag("fit", "warm_start", warm_start) and self._trainer is not None
        known = self._targets if resume else None
        X, y, known = targets.prepare(self._configuration, X, y, self._n_features(resume), known)
        terms = self._terms() | {"weights": targets.weights_of(known, y, sample_weight, class_weight)}
        data = Data(X, y, training.batches(len(X), batch_size, n_batches, shuffle))
        validation = None
        if validation_data is not None:
            validation = targets.prepare_pair(self._configuration, validation_data, X.shape[1], known)
        obstacle = fitting.obstacle_to_gram(self._configuration, data, resume, validation or callback)
        spanned = fitting.wants_gram(gram, obstacle, data, self.layers[0].units, epochs)
        trainer = self._begin(X, known, resume)
        if not resume:
            self.history = training.new_history()

        def validate() -> History:
            return self._validate(*validation) if validation else {}

        def stop(epoch: int) -> bool:
            self._settle()
            return callback is not None and callback(self, epoch, self.history) is True

        how: dict[str, Any] = {
            "last": len(self.history["epoch"]) + epochs,
            "verbose": verbose,
            "optimizer": lambda: self.optimizer,
            "validate": validate if validation else None,
            "stop": stop if callback else None,
        }
        try:
            if spanned:
                with fitting.in_span(trainer, data, terms, self.optimizer) as inner:
                    fitting.run(*inner, self.history, **how)
            else:
                fitting.run(trainer, data, terms, self.history, **how)
        finally:
            self._settle()
        return self

    def partial_fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        classes: Any = None,
        batch_size: int | str = 32,
        shuffle: bool = False,
    ) -> Self:
        """Train by one pass over the data, going on from the present weights; the history stays as it is.

        Parameters
        ----------
        X, y, sample_weight : array-like
            As for :meth:`fit`.
        classes : array-like (n_classes,), optional
            All labels there are; needed by the first call when its y does not have every one of them.
        batch_size : int or "full", default 32
            Rows of one step.
        shuffle : bool, default False
            Take the rows in an order drawn at random.

        Returns
        -------
        self : Network

        Raises
        ------
        TypeError, ValueError
            When an argument cannot be used; the network is then as before.
        DivergenceError
            When the pass ends with a loss or weights that are not finite; the weights from before are kept.
        """
        configuration, known = self._configuration, self._targets
        if classes is not None:
            known = targets.with_classes(known, configuration.loss, configuration.n_outputs, classes)
        resume = self._trainer is not None
        X, y, known = targets.prepare(configuration, X, y, self._n_features(resume), known)
        terms = self._terms() | {"weights": targets.weights_of(known, y, sample_weight)}
        data = Data(X, y, training.batches(len(X), batch_size, None, shuffle))
        trainer = self._begin(X, known, resume)
        trainer.set_optimizer(self.optimizer)
        finite = LastFinite(trainer.stack)
        try:
            _, divergence = trainer.run(data, self.optimizer, terms, finite)
        finally:
            self._settle()
        if divergence is not None:
            raise divergence.error("This pass of partial_fit")
        return self

    def _begin(self, X: Array, known: Targets, resume: bool) -> Trainer:
        """Take the network to where training on X starts; nothing has changed when this raises."""
        trainer = (self._trainer if resume else None) or self._drawn(X)
        trainer.check_schedule(self.optimizer)
        if self._lacks_statistics(trainer.stack):
            trainer.stack.standardize(*standardization.measure(X))
        self._trainer, self._targets = trainer, known
        self._settle()
        return trainer

    def _validate(self, X: Array, y: Array, weights: Array | None) -> dict[str, list[float]]:
        stack = self._fitted()
        loss, _ = stack.loss(X, y, weights=weights, **self._terms(smoothed=False))
        outputs = stack.forward(X, scale=self._scale, n_threads=self.n_threads)
        return {"val_loss": [loss], "val_score": [self._known_targets().score(y, outputs, weights)]}


def load(path: str | os.PathLike[str]) -> Network:
    """Read a network from a file that :meth:`Network.save` wrote; its predictions have the same bits.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Network
        Fit with ``warm_start=True`` to train on from its weights.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the file is anything but a network, or of a newer format. No content of a file can run code.
    """
    saved = persistence.read(path)
    with persistence.refusals(path):
        return Network._restored(saved)
