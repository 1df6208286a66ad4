"""The network: what the user holds, and how it is made and trained. Orchestration only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from . import checks, fitting, persistence, shapes, targets, training, validation
from ._version import __version__
from .arrays import Array
from .averaging import SWA
from .calibrated import Calibrated
from .callbacks.base import Callback, Function
from .callbacks.stopping import EarlyStopping
from .configuration import DEFAULT_LOSS, configure
from .layers import Dense
from .optimizers import Optimizer
from .samples import Samples
from .targets import Targets
from .training import Data, History, LastFinite, Trainer
from .validation import Validation

if TYPE_CHECKING:
    from typing import Self


class Network(Calibrated):
    """A stack of fully connected layers, trained by gradients of one loss.

    Parameters
    ----------
    layers : sequence of Dense
        From the first hidden layer to the output. How many columns X has is learned from the data.
    loss : {"softmax_cross_entropy", "binary_cross_entropy", "mse"}, default "softmax_cross_entropy"
        Decides the activation of the last layer: softmax, sigmoid or none. "binary_cross_entropy" takes one
        output for two classes, or one output a class (then each output is a sigmoid of its own).
    optimizer : Optimizer or str, default "adam"
        An object as ``SGD(0.1)``, or one of "sgd", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad",
        "adadelta", "lion" and "rprop" for its default values.
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
    standardize : bool or {"standard", "robust", "minmax"}, default False
        Take each column of X as (x - centre) / scale, both learned from the X of fit alone (not from validation data),
        or of the first partial_fit, and kept in the network and in its files. "standard", or True: mean and standard
        deviation. "robust": median and interquartile range, which a few wild numbers do not move. "minmax": smallest
        number and range, so that the X of fit lies in [0, 1]. X is given as it is everywhere; weights and gradients
        are those of the scaled columns. X is not copied for it ("robust" sorts some columns at a time), and predicting
        costs no more than without.
    scale_targets : bool, default False
        For "mse": train on (y - mean) / standard deviation of each output, learned from the y of fit alone, or of the
        first partial_fit, and kept in the network and in its files. y is given as it is everywhere; predictions, loss
        and score are in its units. Weights, gradients and the history are those of the scaled outputs.
    input_dropout : float, default 0.0
        In training, each number of X is left out with this probability, in [0, 1), and divided by 1 - input_dropout
        otherwise.
    clip_norm : float, optional
        A gradient whose norm over all weights and biases is larger is scaled down to this, above 0. The history then
        has the mean norm of each epoch, as it was before: a limit out of reach only measures.
    clip_value : float, optional
        Each number of the gradient, after that, is cut to lie between -clip_value and clip_value.
    ema : float, optional
        In (0, 1): predict with an average of the weights after each step, each counting `ema` times as much as the one
        after it, bias-corrected. Everything but training knows these weights only; files hold them. Training goes on
        from those of the last step.

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
        Sorted labels; classification only.
    n_features_ : int
        Columns of X.
    n_parameters : int
        Weights and biases.
    mean_, scale_ : ndarray (n_features,)
        With `standardize`: mean and standard deviation of each column, float64, or what else it is centred and scaled
        by; the scale is 1 where there is no spread.
    target_mean_, target_scale_ : ndarray (n_outputs,)
        With `scale_targets`: mean and standard deviation of each output, float64; 1 where it is constant.
    norms_ : list of dict or None, one a layer
        Copies of what a normalised layer has besides its weights: "gain" (units,), and for "batch" the running "mean" and
        "variance" (units,).
    history : dict of lists
        One entry an epoch of fit: "epoch" (from 1), "loss" (mean over the rows, as seen while training),
        "penalty", "learning_rate" (of the last step), "seconds", and with validation data "val_loss" and
        "val_score", with `clip_norm` "gradient_norm", and what metrics and callbacks add.
    stop_reason_ : str or None
        Why fit ended: "max_iter" (all epochs are done), "early_stopping", "target", "time_limit", "callback",
        "interrupted"; None after an exception.
    best_epoch_ : int or None
        With early stopping: the best epoch.
    epochs_planned_ : int
        Epochs that the history has when fit has done all of them.

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

    stop_reason_: str | None
    best_epoch_: int | None
    epochs_planned_: int

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
        standardize: bool | str = False,
        scale_targets: bool = False,
        input_dropout: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        ema: float | None = None,
    ) -> None:
        configuration = configure(
            layers,
            loss,
            optimizer,
            l1,
            l2,
            input_scale,
            dtype,
            seed,
            standardize,
            scale_targets,
            input_dropout,
            clip_norm,
            clip_value,
            ema,
        )
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
        return shapes.from_layers(self.layers, self._configuration.activation_names)

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
        accumulate: int = 1,
        shuffle: bool = True,
        drop_last: bool = False,
        validation_data: tuple[Any, Any] | None = None,
        validation_fraction: float | None = None,
        validation_groups: Any = None,
        metrics: Sequence[str | Callable[..., float]] = (),
        early_stopping: bool | EarlyStopping | None = None,
        target: tuple[str, float] | None = None,
        time_limit: float | None = None,
        averaging: SWA | None = None,
        callbacks: Sequence[Callback | Function] = (),
        callback: Callback | Function | None = None,
        on_interrupt: str = "raise",
        warm_start: bool = False,
        gram: bool | str = "auto",
        verbose: int = 0,
    ) -> Self:
        """Train from the initial weights, or go on from the present ones.

        Parameters
        ----------
        X : array-like (m, k), images (m, height, width[, channels]), or sparse (m, k)
            Real and finite, of any dtype and layout; never changed, and not copied when NumPy can share it. Sparse is
            any matrix or array of scipy.sparse; it is never filled with zeros as a whole.
        y : array-like (m,), (m, 1) or (m, n_outputs)
            Labels of any type; numbers for "mse"; or a column an output: one-hot or soft labels for
            "softmax_cross_entropy", independent 0/1 targets for "binary_cross_entropy".
        epochs : int, default 10
            Passes over the data.
        batch_size : int or "full", default 32
            Rows of one step.
        n_batches : int, optional
            Cut the rows into so many batches instead: ``ceil(m / n_batches)`` rows each.
        accumulate : int, default 1
            So many batches make one step, with the mean gradient over all their rows: the step of one batch of as many
            rows, to the bit.
        shuffle : bool, default True
            Take the rows of each epoch in an order of its own.
        drop_last : bool, default False
            Leave out the rows of an epoch that do not fill a batch.
        validation_data : (X, y), optional
            Loss and score on them are added to the history.
        validation_fraction : float, optional
            Validate on this share of the rows instead, which are not trained on: drawn class by class, by the seed.
        validation_groups : array-like (m,), optional
            The group of each row: no group is on both sides. The fraction is then by default 0.1.
        metrics : list of str or callable(y, predicted), default ()
            Of the validation rows, by names of :mod:`compiled_nn.metrics`; the history has them as "val_<name>".
        early_stopping : bool or EarlyStopping, optional
            Stop when an epoch's "val_loss" (or another column) has not improved for some epochs, and go back to the
            weights of the best one, ``best_epoch_``.
        target : (str, float), optional
            Stop when this column of the history has reached this value.
        time_limit : float, optional
            Seconds after which training ends, in the midst of an epoch if need be: that one is not in the history.
        averaging : SWA, optional
            Predict with the mean of the weights after late epochs.
        callbacks : list of Callback or callable(net, epoch, history), default ()
            Asked after each epoch; training stops when one returns True.
        callback : Callback or callable(net, epoch, history), optional
            One more of them.
        on_interrupt : {"raise", "return"}, default "raise"
            Whether Ctrl-C raises KeyboardInterrupt, or lets fit return; the weights are those of the last whole step,
            or of the best epoch when fit returns with `early_stopping`.
        warm_start : bool, default False
            False: start from the initial weights (drawn anew, or those of :meth:`set_weights`), so that
            fitting twice with one seed is fitting once. True: go on from the present weights, momenta, schedule and
            order of rows: twice 10 epochs are 20, to the bit.
        gram : {"auto", True, False}, default "auto"
            Whether full-batch descent runs in the span of the rows: the same steps, with the m x m products of
            the rows in place of X. Exact for SGD, with or without momentum, without penalty, validation data
            and callback; "auto" takes it where features far outnumber rows and the epochs repay it.
        verbose : int, default 0
            Print a line to stdout every so many epochs; 0 is silent.

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
        watched = validation.metrics_of(metrics)
        plan = fitting.plan(
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            callback=callback,
            early_stopping=early_stopping,
            target=target,
            time_limit=time_limit,
            averaging=averaging,
            on_interrupt=on_interrupt,
            validates=any(
                each is not None for each in (validation_data, validation_fraction, validation_groups)
            ),
        )
        resume = checks.flag("fit", "warm_start", warm_start) and self._trainer is not None
        known = self._targets if resume else None
        X, y, known = targets.prepare(self._configuration, X, y, self._n_features(resume), known)
        held_out, rows = validation.choose(
            self._configuration,
            X,
            y,
            known,
            data=validation_data,
            fraction=validation_fraction,
            groups=validation_groups,
            watched=watched,
        )
        n_rows = len(X) if rows is None else len(rows)
        data = Data(X, y, training.batches(n_rows, batch_size, n_batches, shuffle, drop_last, rows, accumulate))
        obstacle = fitting.obstacle_to_gram(self._configuration, data, resume, held_out or plan.callbacks)
        spanned = fitting.wants_gram(gram, obstacle, data, self.layers[0].units, plan.epochs)
        trainer = self._begin(X, known, resume, rows, averages=averaging is not None)
        if not resume:
            self.history = training.new_history()
        try:
            if spanned:
                with fitting.in_span(trainer, data, self._terms(), self.optimizer) as inner:
                    fitting.run(self, fitting.InMemory(*inner), plan, None)
            else:
                source = fitting.InMemory(trainer, data, self._terms())
                fitting.run(self, source, plan, self._validator(held_out))
        finally:
            self._settle()
        return self

    def fit_batches(
        self,
        batches: Iterable[tuple[Any, Any]] | Callable[[], Iterable[tuple[Any, Any]]],
        *,
        epochs: int = 1,
        classes: Any = None,
        batch_size: int | str = "full",
        shuffle: bool = False,
        validation_data: tuple[Any, Any] | None = None,
        metrics: Sequence[str | Callable[..., float]] = (),
        early_stopping: bool | EarlyStopping | None = None,
        target: tuple[str, float] | None = None,
        time_limit: float | None = None,
        averaging: SWA | None = None,
        callbacks: Sequence[Callback | Function] = (),
        on_interrupt: str = "raise",
        warm_start: bool = False,
        verbose: int = 0,
    ) -> Self:
        """Train as :meth:`fit` does on data that come in batches, one of which is in memory at a time.

        Parameters
        ----------
        batches : iterable of (X, y), or callable returning one
            Iterated over, or called, once for each epoch, and once before for its first item. X and y are as for
            :meth:`fit`, with any number of rows. With ``standardize`` the first X decides.
        epochs : int, default 1
            Passes over all batches.
        classes : array-like (n_classes,), optional
            All labels there are; needed when the first y does not have every one of them.
        batch_size : int or "full", default "full"
            Rows of one step; "full": those of an item, which then is a step.
        shuffle : bool, default False
            Take the rows of each item in an order drawn at random.
        validation_data, metrics, early_stopping, target, time_limit, averaging, callbacks, on_interrupt
            As for :meth:`fit`.
        warm_start, verbose
            As for :meth:`fit`.

        Returns
        -------
        self : Network

        Raises
        ------
        TypeError, ValueError
            When an argument, or an item, cannot be used.
        DivergenceError
            When an item ends with a loss or weights that are not finite; the weights from before are kept.
        KeyboardInterrupt
            The network keeps the weights of the last whole step.
        """
        from . import streams  # few need them

        watched = validation.metrics_of(metrics)
        plan = fitting.plan(
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            callback=None,
            early_stopping=early_stopping,
            target=target,
            time_limit=time_limit,
            averaging=averaging,
            on_interrupt=on_interrupt,
            validates=validation_data is not None,
        )
        training.batches(1, batch_size, None, shuffle)
        c, resume = self._configuration, checks.flag("fit_batches", "warm_start", warm_start)
        resume = resume and self._trainer is not None
        known = self._targets if resume else None
        if classes is not None:
            known = targets.with_classes(known, c.loss, c.n_outputs, classes)
        X, y = streams.first(batches)
        X, y, known = targets.prepare(c, X, y, self._n_features(resume), known)
        held_out, _ = validation.choose(
            c, X, y, known, data=validation_data, fraction=None, groups=None, watched=watched
        )
        trainer = self._begin(X, known, resume, averages=averaging is not None)
        if not resume:
            self.history = training.new_history()
        source = streams.Streamed(
            trainer,
            batches,
            lambda n_rows: training.batches(n_rows, batch_size, None, shuffle),
            c,
            known,
            self._terms(),
        )
        fitting.run(self, source, plan, self._validator(held_out))
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

    @property
    def learning_rate_scale(self) -> float:
        """What all learning rates are multiplied by: 1.0 when fit starts anew, changed by callbacks."""
        return self._known_trainer().rate_scale

    @learning_rate_scale.setter
    def learning_rate_scale(self, scale: float) -> None:
        checked = checks.real("Network", "learning_rate_scale", scale, minimum=0)
        self._known_trainer().rate_scale = checked

    def save_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Write all that training on exactly needs to one safetensors file, as :meth:`save` writes.

        Beside what that keeps: momenta, steps, the generator of the order of rows, the history, averages of weights.
        A learning rate given as a function is not kept.

        Parameters
        ----------
        path : str or path-like
            By custom ``*.ckpt.safetensors``.

        Raises
        ------
        NotFittedError
            Before the network has weights.
        TypeError
            When a column of the history has anything but numbers.
        OSError
            When the file cannot be written; an older one is then untouched.
        """
        from . import checkpoints  # few networks write one

        checkpoints.write(path, self._saved(), self._known_trainer(), self.history, __version__)

    def _begin(
        self, X: Samples, known: Targets, resume: bool, rows: Array | None = None, *, averages: bool = False
    ) -> Trainer:
        """Take the network to where training on (rows of) X starts; nothing has changed when this raises."""
        trainer = (self._trainer if resume else None) or self._drawn(X)
        trainer.check_schedule(self.optimizer)
        if self._lacks_statistics(trainer.stack):
            trainer.stack.standardize(*self._measured(X, rows))
        if not resume:
            trainer.rate_scale = 1.0
        trainer.reclaim(averages=averages)
        self._trainer, self._targets = trainer, known
        self._settle()
        return trainer

    def _validator(self, held_out: Validation | None) -> Callable[[], History] | None:
        """Return what gives the columns of validation, None where there are none."""
        if held_out is None:
            return None
        return lambda: held_out.columns(self._evaluated(), self._known_targets(), self._terms())

    def _known_trainer(self) -> Trainer:
        self._fitted()
        assert self._trainer is not None
        return self._trainer

    def _snapshot(self, out: tuple[Array, ...] | None = None) -> tuple[Array, ...]:
        """Return copies of what predictions follow from as the core has it, written to `out` if given."""
        stack = self._fitted()
        state = tuple(a for a in (stack.parameters, stack.running, stack.average) if a is not None)
        if out is None:
            return tuple(array.copy() for array in state)
        for kept, array in zip(out, state, strict=True):
            kept[:] = array
        return out

    def _go_back(self, snapshot: tuple[Array, ...]) -> None:
        """Put a snapshot back; momenta stay."""
        stack = self._fitted()
        state = (a for a in (stack.parameters, stack.running, stack.average) if a is not None)
        for array, kept in zip(state, snapshot, strict=True):
            array[:] = kept
        self._settle()


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


def load_checkpoint(path: str | os.PathLike[str]) -> Network:
    """Read a network from a file that :meth:`Network.save_checkpoint` wrote, as it was in training.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Network
        ``fit(..., warm_start=True)`` trains on as the network would have that was written, to the bit. A learning rate
        that was a function is to be assigned anew before: ``net.optimizer = Adam(schedule)``.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the file is anything but a checkpoint, or of a newer format. No content of a file can run code.
    """
    from . import checkpoints

    saved, state, history = checkpoints.read(path)
    with persistence.refusals(path):
        net = Network._restored(saved)
        net._trainer = Trainer.restored(net._fitted(), state)
        net.history = history
        net._settle()
    return net
