"""The network: what the user holds. Orchestration only; the arithmetic is below, in cnn_core.stack."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from cnn_core.stack import Stack

from . import (
    arrays,
    checks,
    fitting,
    optimizers,
    persistence,
    shapes,
    standardization,
    summary,
    targets,
    training,
)
from ._version import __version__
from .arrays import Array
from .configuration import DEFAULT_LOSS, configure
from .errors import NotFittedError
from .initializers import Pair
from .layers import Dense, check_weights, draw_weights
from .optimizers import Optimizer
from .standardization import Statistics
from .targets import Targets
from .training import Data, History, LastFinite, Trainer

if TYPE_CHECKING:
    from typing import Self

    from cnn_core.layers import Layers

    from .diagnosis import Diagnosis

_LOGITS, _LINKED, _BOTH_CLASSES = range(3)  # the outputs that Stack.try_forward tells apart

Callback: TypeAlias = "Callable[[Network, int, History], bool | None]"


class Network:
    """A stack of fully connected layers, trained by gradients of one loss.

    Parameters
    ----------
    layers : sequence of Dense
        From the first hidden layer to the output. How many columns X has is learned from the data.
    loss : {"softmax_cross_entropy", "binary_cross_entropy", "mse"}, default "softmax_cross_entropy"
        Decides the activation of the last layer: softmax, sigmoid or none. "binary_cross_entropy" takes one
        output for two classes, or one output a class (then each output is a sigmoid of its own).
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
        loss: str = DEFAULT_LOSS,
        optimizer: Optimizer | str = "adam",
        l1: float = 0.0,
        l2: float = 0.0,
        input_scale: float = 1.0,
        dtype: str = "float32",
        seed: int | None = None,
        n_threads: int | None = None,
        standardize: bool = False,
    ) -> None:
        self._configuration = configure(
            layers, loss, optimizer, l1, l2, input_scale, dtype, seed, standardize
        )
        self._scale = 1.0 if standardize else self._configuration.input_scale
        self._probabilities: int | None = None
        if self._configuration.loss.classifies:
            self._probabilities = _LINKED if self._configuration.n_outputs > 1 else _BOTH_CLASSES
        self.n_threads = checks.optional_integer("Network", "n_threads", n_threads, minimum=1)
        self.history = training.new_history()
        self._trainer: Trainer | None = None
        # The trainer's stack, or a copy of it that standardises within its first layer.
        self._predictor: Layers | None = None
        self._targets: Targets | None = None
        self._initial: list[Pair] | None = None  # given by set_weights; None: drawn by the layers

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

    # ---- what it is

    @property
    def layers(self) -> tuple[Dense, ...]:
        """The layers."""
        return self._configuration.layers

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer. It may be assigned: a new learning rate goes on with the old momenta."""
        return self._configuration.optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer | str) -> None:
        self._configuration = replace(self._configuration, optimizer=optimizers.resolve(optimizer))

    @property
    def classes_(self) -> Array:
        """Sorted labels (n_classes,); 0, 1, ... before any y was seen."""
        classes = self._known_targets().classes
        if classes is None:
            raise AttributeError(f"The loss {self._configuration.loss.name} has no classes.")
        return classes

    @property
    def n_features_(self) -> int:
        """Columns of X."""
        return self._fitted().sizes[0]

    @property
    def mean_(self) -> Array:
        """Means of the columns (n_features,)."""
        return self._statistics().mean

    @property
    def scale_(self) -> Array:
        """Standard deviations of the columns (n_features,)."""
        return self._statistics().scale

    @property
    def n_parameters(self) -> int:
        """Weights and biases."""
        return self._fitted().n_parameters

    @property
    def activations(self) -> list[str]:
        """Activation of every layer, the last one being the link of the loss."""
        return self._configuration.activations

    def __repr__(self) -> str:
        return f"Network({self._configuration})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: parameters, layers, diagram, loss curve."""
        from . import notebook  # few programs are one

        return notebook.page(self, self._configuration)

    def summary(self) -> str:
        """Return a table of the layers: inputs, units, activation, parameters."""
        n_features = None if self._trainer is None else self.n_features_
        return summary.table(self.layers, self.activations, n_features)

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
        validation_data: tuple[Any, Any] | None = None,
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
        validation_data : (X, y), optional
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
                with fitting.in_span(trainer, data, self._terms(), self.optimizer) as inner:
                    fitting.run(*inner, self.history, **how)
            else:
                fitting.run(trainer, data, self._terms(), self.history, **how)
        finally:
            self._settle()
        return self

    def partial_fit(
        self,
        X: Any,
        y: Any,
        *,
        classes: Any = None,
        batch_size: int | str = 32,
        shuffle: bool = False,
    ) -> Self:
        """Train by one pass over the data, going on from the present weights; the history stays as it is.

        Parameters
        ----------
        X, y : array-like
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
        data = Data(X, y, training.batches(len(X), batch_size, None, shuffle))
        trainer = self._begin(X, known, resume)
        trainer.set_optimizer(self.optimizer)
        finite = LastFinite(trainer.stack)
        try:
            _, divergence = trainer.run(data, self.optimizer, self._terms(), finite)
        finally:
            self._settle()
        if divergence is not None:
            raise divergence.error("This pass of partial_fit")
        return self

    def _n_features(self, resume: bool) -> int | None:
        """Return how many columns training takes, None for any number."""
        if resume:
            return self.n_features_
        return None if self._initial is None else self._initial[0][0].shape[0]

    def _labelled(self, X: Any, y: Any) -> tuple[Array, Array, Targets]:
        return targets.prepare(self._configuration, X, y, self.n_features_, self._known_targets())

    def _begin(self, X: Array, known: Targets, resume: bool) -> Trainer:
        """Take the network to where training on X starts; nothing has changed when this raises."""
        trainer = (self._trainer if resume else None) or self._drawn(X)
        trainer.check_schedule(self.optimizer)
        if self._configuration.standardize and trainer.stack.statistics is None:
            trainer.stack.standardize(*standardization.measure(X))
        self._trainer, self._targets = trainer, known
        self._settle()
        return trainer

    def _drawn(self, X: Array) -> Trainer:
        """Return a trainer of the initial weights, for the columns of X."""
        seed = self._configuration.seed
        rng = training.generator(seed)
        weights = self._initial or draw_weights(self.layers, rng, X.shape[1])
        trainer = Trainer(self._new_stack(weights), seed, rng)
        if self._configuration.standardize:
            trainer.stack.standardize(*standardization.measure(X))
        return trainer

    def _settle(self) -> None:
        """Let what predicts have the present weights."""
        self._predictor = standardization.folded(self._fitted())

    def _new_stack(self, weights: list[Pair]) -> Stack:
        configuration = self._configuration
        sizes = (len(weights[0][0]), *(layer.units for layer in configuration.layers))
        biases = [layer.bias for layer in configuration.layers]
        stack = Stack(sizes, configuration.activations, biases, configuration.dtype)
        training.assign(stack.views(), weights)
        return stack

    def _terms(self) -> dict[str, Any]:
        """Return what the core minimises, in its own words."""
        c = self._configuration
        return {
            "loss": c.loss.name,
            "l1": c.l1,
            "l2": c.l2,
            "scale": self._scale,
            "n_threads": self.n_threads,
        }

    def _validate(self, X: Array, y: Array) -> dict[str, list[float]]:
        stack = self._fitted()
        loss, _ = stack.loss(X, y, **self._terms())
        outputs = stack.forward(X, scale=self._scale, n_threads=self.n_threads)
        return {"val_loss": [loss], "val_score": [self._known_targets().score(y, outputs)]}

    # ---- prediction

    def predict(self, X: Any) -> Array:
        """Return the label of each row, or its values.

        Parameters
        ----------
        X : array-like (m, k), or images (m, height, width[, channels])

        Returns
        -------
        ndarray (m,), or (m, n_outputs)
            Labels in the dtype of ``classes_``: the most probable one, and with one sigmoid output
            ``classes_[1]`` from a probability of 0.5 on. A 0/1 matrix when y was one. For "mse" values in
            the network's dtype, (m,) for one output.

        Raises
        ------
        NotFittedError
            Before the network has weights; so do all methods below.
        TypeError, ValueError
            When X cannot be used.
        """
        return self._known_targets().decode(self._forward(X))

    def predict_proba(self, X: Any, *, out: Array | None = None) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like (m, k)
        out : ndarray (m, n_classes), optional
            Where to write: C-contiguous, of the network's dtype. Nothing is then allocated for an X that the
            core reads as it is.

        Returns
        -------
        ndarray (m, n_classes) of the network's dtype
            `out`, or a new array. Two columns for one sigmoid output. Several sigmoid outputs are
            independent: their rows need not sum to 1.

        Raises
        ------
        ValueError
            For a network that predicts values, or an `out` of another shape, dtype or layout.
        """
        if self._predictor is not None and self._probabilities is not None:
            # As few steps as there can be: for one row they would cost more than the network.
            outputs = self._predictor.try_forward(X, out, self._probabilities, self._scale, self.n_threads)
            if outputs is not None:
                return outputs
        if self._probabilities is None:
            raise ValueError(
                f"predict_proba is for classes; the loss {self._configuration.loss.name} has none."
            )
        return self._forward(X, self._probabilities, out)

    def decision_function(self, X: Any) -> Array:
        """Return the outputs before the link for X (m, k): logits (m, n_outputs), (m,) for one output."""
        logits = self._forward(X, _LOGITS)
        return logits[:, 0] if logits.shape[1] == 1 else logits

    def score(self, X: Any, y: Any) -> float:
        """Return the accuracy, or R^2 for "mse", on the samples X (m, k) and targets y, as given to fit."""
        X, y, known = self._labelled(X, y)
        outputs = self._predicting().forward(X, scale=self._scale, n_threads=self.n_threads)
        return known.score(y, outputs)

    def loss(self, X: Any, y: Any) -> float:
        """Return the mean loss on the samples X (m, k) and targets y, without the penalty."""
        X, y, _ = self._labelled(X, y)
        return self._fitted().loss(X, y, **self._terms())[0]

    def gradients(self, X: Any, y: Any) -> list[Pair]:
        """Return the gradients of mean loss plus penalty on X (m, k) and y, in the form of the weights.

        With ``standardize`` they are with respect to the weights of the standardised columns.
        """
        X, y, _ = self._labelled(X, y)
        stack = self._fitted()
        stack.gradient(X, y, **self._terms())
        return training.copies(stack.views(stack.gradients))

    def diagnose(self, X: Any, y: Any = None) -> Diagnosis:
        """Look for what keeps the network from learning, or has kept it, and name a remedy for each finding.

        Before fit it looks at the weights that fit would start from on this X; with ``seed=None`` at others of the
        kind. The network is not changed. The findings, from the input to the output:

        - "unscaled_input": a column, as the first layer takes it, has a root mean square above 10, or all are below
          0.01. Sums of such inputs saturate units, and the first layer learns at another speed than the others.
        - "dead_layer": a relu layer is 0 for every row; "dead_units": half of its units or more are.
        - "saturated_units": nine tenths of the derivatives of a sigmoid or tanh layer or more are below a thousandth of
          their maximum.
        - "vanishing_signal": outputs before the link vary less than a thousandth of what the inputs vary.
        - "exploding_rate": with y, the next step is larger than the weights it changes; or the loss of the last epoch
          is above that of the first.
        - "class_collapse": after training, every row is predicted to be of one class.

        Parameters
        ----------
        X : array-like (m, k)
            As for :meth:`fit`; some hundred rows suffice, and of more than 4096 so many are drawn.
        y : array-like, optional
            As for :meth:`fit`.

        Returns
        -------
        Diagnosis
            A tuple of findings with ``name``, ``layer``, ``numbers``, ``text`` and ``remedy``; it prints as a table.
            Empty for a healthy network.

        Raises
        ------
        TypeError, ValueError
            When X or y cannot be used.
        """
        from . import diagnosis

        c, trained = self._configuration, self._targets is not None
        n_features = self._n_features(self._trainer is not None)
        known, encoded = self._targets, None
        if y is None:
            X = arrays.design(X, dtype=c.dtype, n_features=n_features)
        else:
            X, encoded, known = targets.prepare(c, X, y, n_features, known)
        stack = self._trained_from(X).stack
        return diagnosis.examine(
            diagnosis.Subject(stack, c, X, encoded, known, trained, self.history, self._terms())
        )

    def _trained_from(self, X: Array) -> Trainer:
        """Return the trainer that goes on with X, or what it would start as."""
        trainer = self._trainer
        if trainer is None:
            return self._drawn(X)
        if self._configuration.standardize and trainer.stack.statistics is None:
            trainer = Trainer(self._new_stack(self.get_weights()), self._configuration.seed)
            trainer.stack.standardize(*standardization.measure(X))
        return trainer

    def _forward(self, X: Any, output: int = _LINKED, out: Array | None = None) -> Array:
        predictor = self._predicting()
        outputs = predictor.try_forward(X, out, output, self._scale, self.n_threads)
        if outputs is None:  # X is to be converted, or complained of
            dtype = self._configuration.dtype
            X = arrays.design(X, dtype=dtype, n_features=self.n_features_)
            outputs = predictor.try_forward(X, out, output, self._scale, self.n_threads)
            if outputs is None:
                how = "standardised" if self._configuration.standardize else f"scaled by {self._scale:g}"
                raise ValueError(f"X is beyond the range of {dtype} once {how}.")
        return outputs

    # ---- weights

    def get_weights(self) -> list[Pair]:
        """Return copies of the weights, [(W (inputs, units), b (units,) or None), ...], one pair a layer.

        With ``standardize`` those of the first layer are for standardised columns: ``(X - mean_) / scale_``.
        """
        return training.copies(self._fitted().views())

    def set_weights(self, weights: Sequence[tuple[Any, Any]]) -> None:
        """Set all weights, also as those that fit starts from; optimizer momenta become zero.

        With ``standardize`` the first layer's are for standardised columns. Before fit has learned how to standardise,
        or after another number of columns, X goes in as it is.

        Parameters
        ----------
        weights : list of (W (inputs, units), b (units,) or None)
            As :meth:`get_weights` returns them; they are copied. The number of columns of X may be new.

        Raises
        ------
        TypeError, ValueError
            When they do not fit the layers; the network is then as before.
        """
        pairs = check_weights(self.layers, weights, self._configuration.dtype)
        trainer = self._trainer
        if trainer is None or trainer.stack.sizes[0] != len(pairs[0][0]):
            self._trainer = Trainer(self._new_stack(pairs), self._configuration.seed)
        else:
            training.assign(trainer.stack.views(), pairs)
            trainer.forget_momenta()
        self._initial = pairs
        self._settle()

    # ---- files and copies

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a safetensors file, replacing one of that name only when all is on the disk.

        The file holds weights, classes and parameters; neither training state, nor initial weights given as
        arrays, nor a learning rate given as a function. Pickle keeps those.

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        NotFittedError
            Before the network has weights.
        OSError
            When the file cannot be written; an older one is then untouched.
        """
        configuration, known = self._configuration, self._targets
        if self._initial is not None:
            configuration = configuration.without_given_weights()
        kind, classes = (None, None) if known is None else (known.kind, known.classes)
        statistics = self._fitted().statistics
        saved = persistence.Saved(
            configuration, self.get_weights(), kind, classes, statistics and Statistics(*statistics)
        )
        persistence.write(path, saved, __version__)

    def __getstate__(self) -> dict[str, Any]:
        trainer = self._trainer
        return {**vars(self), "_trainer": None if trainer is None else trainer.state(), "_predictor": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if state["_trainer"] is not None:
            stack = self._new_stack(state["_trainer"]["weights"])
            self._trainer = Trainer.restored(stack, state["_trainer"])
            self._settle()

    @classmethod
    def _restored(cls, saved: persistence.Saved) -> Network:
        configuration = saved.configuration
        net = cls(
            configuration.layers,
            loss=configuration.loss.name,
            input_scale=configuration.input_scale,
            standardize=configuration.standardize,
        )
        net._configuration = configuration
        if saved.kind is not None or saved.classes is not None:
            net._targets = targets.restored(configuration, saved.kind, saved.classes)
        weights = check_weights(net.layers, saved.weights, configuration.dtype)
        net._trainer = Trainer(net._new_stack(weights), configuration.seed)
        if saved.statistics is not None:
            net._trainer.stack.standardize(*saved.statistics)
        net._settle()
        return net

    # ---- fitted or not

    def _fitted(self) -> Stack:
        if self._trainer is None:
            raise NotFittedError(
                "This Network instance is not fitted yet. Call 'fit' with appropriate arguments, or"
                " 'set_weights', before using this network."
            )
        return self._trainer.stack

    def _predicting(self) -> Layers:
        return self._predictor or self._fitted()  # which then says that there is nothing to predict with

    def _statistics(self) -> Statistics:
        if not self._configuration.standardize:
            raise AttributeError("The network does not standardise: it has standardize=False.")
        statistics = self._fitted().statistics
        if statistics is None:
            raise NotFittedError(
                "The network has weights, but has seen no X to learn how to standardise from."
            )
        return Statistics(*statistics)

    def _known_targets(self) -> Targets:
        self._fitted()
        configuration = self._configuration
        return self._targets or targets.unlearned(configuration.loss, configuration.n_outputs)


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
