"""How a network learns: fit, on data at hand or that come in batches, and partial_fit. Orchestration only."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from .._version import __version__
from ..common import checks
from ..common.protocols import History
from ..data.arrays import Array
from ..data.samples import Samples
from ..training import history, targets
from ..training.batches import Data, make_batches
from ..training.divergence import LastFinite
from ..training.targets import Targets
from ..training.trainer import Trainer
from .uncertainty import Calibrated

if TYPE_CHECKING:
    from typing import Self

    from ..callbacks.base import Callback, Function
    from ..callbacks.stopping import EarlyStopping
    from ..preprocessing.tabular import Tabular
    from ..training.averaging import SWA
    from ..training.validation import Validation
    from .network import Network


class Learner(Calibrated):
    """A model that is trained: what :class:`Network` says about training is done here.

    Attributes
    ----------
    stop_reason_, best_epoch_, epochs_planned_
        Documented in :class:`Network`.
    """

    stop_reason_: str | None
    best_epoch_: int | None
    epochs_planned_: int

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        epochs: int = 10,
        batch_size: int | str = 32,
        n_batches: int | None = None,
        accumulate: int = 1,
        shuffle: bool = True,
        drop_last: bool = False,
        sample_weight: Any = None,
        class_weight: Any = None,
        validation_data: tuple[Any, ...] | None = None,
        validation_fraction: float | None = None,
        validation_groups: Any = None,
        metrics: Sequence[str | Callable[..., float]] = (),
        early_stopping: bool | EarlyStopping | None = None,
        target: tuple[str, float] | None = None,
        time_limit: float | None = None,
        averaging: SWA | None = None,
        classes: Any = None,
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
        X : array-like (m, k), or images (m, height, width[, channels])
            Real and finite, of any dtype and layout; never changed, and not copied when NumPy can share it. Or, without
            y, batches that are in memory one at a time: an iterable of pairs (X, y) of any numbers of rows that begins
            anew each time, or a function that returns one. It is asked once for each epoch, and before for its first
            item, by which `standardize` goes. Steps are taken, and rows shuffled, within an item.
        y : array-like (m,), (m, 1) or (m, n_outputs)
            Labels of any type; numbers for losses of values; or a column an output: one-hot or soft labels for
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
        sample_weight : array-like (m,), optional
            What each row counts, at least 0: losses are sum(weight * loss) / sum(weight) of a batch and of an epoch. 0
            leaves a row out; a batch without weight is no step.
        class_weight : "balanced" or dict, optional
            What the rows of each class count besides: numbers by label (1 where it has none), or such that all classes
            count the same in total.
        validation_data : (X, y) or (X, y, sample_weight), optional
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
            Seconds after which training ends between two steps, in the midst of an epoch if need be: that one is not in
            the history, but its steps are in the weights.
        averaging : SWA, optional
            Predict with the mean of the weights after late epochs.
        classes : array-like (n_classes,), optional
            All labels there are, where y, or the first of the batches, does not have every one of them.
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
        from ..training import loop, validation  # what only predicts needs none
        from ..training.gram import gram_obstacle, gram_training, uses_gram
        from ..training.plan import make_plan

        watched = validation.metrics_of(metrics)
        plan = make_plan(
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
        configuration = self._configuration
        resume = checks.flag("fit", "warm_start", warm_start) and self._trainer is not None
        known = self._targets if resume else None
        if classes is not None:
            known = targets.with_classes(known, configuration.loss, configuration.n_outputs, classes)
        cut = partial(
            make_batches,
            batch_size=batch_size,
            n_batches=n_batches,
            shuffle=shuffle,
            drop_last=drop_last,
            accumulate=accumulate,
        )
        batches = X if y is None else None
        if batches is not None:
            from ..training import streams  # most data are at hand

            streams.check(n_batches, validation_fraction, validation_groups, sample_weight, class_weight)
            X, y = streams.first(batches)
        encoder = self._encoder_for(X, resume)
        X, y, known = targets.prepare(configuration, X, y, self._n_features(resume), known, encoder=encoder)
        weights = None
        if batches is None:
            weights = targets.weights_of(known, y, sample_weight, class_weight)
        held_out, rows = validation.choose(
            configuration,
            X,
            y,
            known,
            encoder=encoder,
            weights=weights,
            data=validation_data,
            fraction=validation_fraction,
            groups=validation_groups,
            watched=watched,
            parts=self._parts,
        )
        data = Data(X, y, cut(len(X) if rows is None else len(rows), rows=rows))
        watching = batches is not None or held_out or plan.callbacks
        obstacle = gram_obstacle(configuration, data, resume, watching)
        spanned = uses_gram(gram, obstacle, data, self.layers[0].units, plan.epochs)
        trainer = self._begin(X, known, resume, encoder, rows, averages=averaging is not None)
        if not resume:
            self.history = history.new_history()
        terms = self._terms() | {"weights": weights}
        source: loop.Source = loop.InMemory(trainer, data, terms)
        if batches is not None:
            source = streams.Streamed(trainer, batches, cut, configuration, known, terms, encoder)
        in_span = gram_training(trainer, data, terms, self.optimizer) if spanned else None
        try:
            with in_span or nullcontext(source) as chosen:
                loop.run(cast("Network", self), chosen, plan, self._validator(held_out))
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
        encoder = self._encoder_for(X, resume)
        X, y, known = targets.prepare(configuration, X, y, self._n_features(resume), known, encoder=encoder)
        terms = self._terms() | {"weights": targets.weights_of(known, y, sample_weight)}
        data = Data(X, y, make_batches(len(X), batch_size, None, shuffle))
        trainer = self._begin(X, known, resume, encoder)
        trainer.set_optimizer(self.optimizer)
        finite = LastFinite(trainer.stack)
        try:
            _, divergence = trainer.run(data, self.optimizer, terms, finite)
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
        from ..files import checkpoint_file  # few networks write one

        checkpoint_file.write(path, self._saved(), self._known_trainer(), self.history, __version__)

    def _begin(
        self,
        X: Samples,
        known: Targets,
        resume: bool,
        encoder: Tabular | None,
        rows: Array | None = None,
        *,
        averages: bool = False,
    ) -> Trainer:
        """Take the network to where training on (rows of) X starts; nothing has changed when this raises."""
        trainer = (self._trainer if resume else None) or self._drawn(X, encoder)
        trainer.check_schedule(self.optimizer)
        if self._lacks_statistics(trainer.stack):
            trainer.stack.standardize(*self._measured(X, encoder, rows))
        trainer.reclaim(averages=averages)
        self._trainer, self._targets, self._encoder = trainer, known, encoder
        self._configuration = self._configuration.embedded(encoder)
        self._settle()
        return trainer

    def _parts(self, y: Array, known: Targets, fraction: float, groups: Any) -> tuple[Array, Array]:
        """Return row numbers to validate and to train on."""
        from ..training import validation

        return validation.parts(y, known, fraction, groups, self._configuration.seed)

    def _validator(self, held_out: Validation | None) -> Callable[[], History] | None:
        """Return what gives the columns of validation, None where there are none."""
        if held_out is None:
            return None
        return lambda: held_out.columns(self._evaluated(), self._known_targets(), self._terms(smoothed=False))

    def _known_trainer(self) -> Trainer:
        self._fitted()
        assert self._trainer is not None
        return self._trainer

    def _state(self) -> tuple[Array, ...]:
        """Return what predictions follow from, as the core has it."""
        stack = self._fitted()
        averages = () if stack.average is None else (stack.average,)
        return (stack.parameters, stack.running, *averages)

    def _snapshot(self, out: tuple[Array, ...] | None = None) -> tuple[Array, ...]:
        """Return copies of the state, written to `out` if given."""
        if out is None:
            return tuple(array.copy() for array in self._state())
        for kept, array in zip(out, self._state(), strict=True):
            kept[:] = array
        return out

    def _go_back(self, snapshot: tuple[Array, ...]) -> None:
        """Put a snapshot back; momenta stay."""
        for array, kept in zip(self._state(), snapshot, strict=True):
            array[:] = kept
        self._settle()
