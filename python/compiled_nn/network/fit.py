"""Training of a network in three steps: a plan of what is asked for, preparation of data and trainer, the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..artefact.inputs import Inputs
from ..artefact.outputs import Outputs
from ..common.protocols import History
from ..data.arrays import Array
from ..data.samples import Samples
from ..training import targets
from ..training.batches import Data
from ..training.divergence import LastFinite
from ..training.history import new_history
from ..training.targets import Targets
from ..training.trainer import Trainer
from .prediction import Prediction
from .state import State

if TYPE_CHECKING:
    from typing import Self

    from cnn_core.stack import Objective

    from ..callbacks.base import Callback, Function
    from ..callbacks.stopping import EarlyStopping
    from ..preprocessing.tabular import Tabular
    from ..training.averaging import SWA
    from ..training.loop import Source
    from ..training.plan import Plan
    from ..training.validation import Validation


@dataclass(frozen=True, eq=False)
class Run:
    """What one call of fit or partial_fit trains, and on what.

    Attributes
    ----------
    trainer : Trainer
    data : Data
        All of the data, or the first of the batches that come one by one.
    objective : Objective
    stream : Streamed or None
        Epochs over batches that come one by one.
    held_out : Validation or None
    gram : bool
        Whether training runs on the Gram matrix of the rows.
    """

    trainer: Trainer
    data: Data
    objective: Objective
    stream: Source | None
    held_out: Validation | None
    gram: bool


class Fitting(Prediction, State):
    """Training: ``fit`` and ``partial_fit``."""

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
            fitting twice with one seed is fitting once. True: go on from the present weights, moments, schedule and
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
        from ..training.plan import make_plan  # imported here to keep `import compiled_nn` fast

        plan = make_plan(
            epochs=epochs,
            batch_size=batch_size,
            n_batches=n_batches,
            accumulate=accumulate,
            shuffle=shuffle,
            drop_last=drop_last,
            sample_weight=sample_weight,
            class_weight=class_weight,
            validation_data=validation_data,
            validation_fraction=validation_fraction,
            validation_groups=validation_groups,
            metrics=metrics,
            early_stopping=early_stopping,
            target=target,
            time_limit=time_limit,
            averaging=averaging,
            classes=classes,
            callbacks=callbacks,
            callback=callback,
            on_interrupt=on_interrupt,
            warm_start=warm_start,
            gram=gram,
            verbose=verbose,
        )
        resumes = plan.resume and self._trainer is not None
        run = self._prepare(X, y, plan)
        if not resumes:
            self.history = new_history()
        self._run(run, plan)
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
        from ..training.plan import Plan  # imported here to keep `import compiled_nn` fast

        plan = Plan(
            epochs=1, batch_size=batch_size, shuffle=shuffle, sample_weight=sample_weight, classes=classes
        )
        run = self._prepare(X, y, plan)
        run.trainer.set_optimizer(self.optimizer)
        finite = LastFinite(run.trainer.stack)
        try:
            _, divergence = run.trainer.run(run.data, self.optimizer, run.objective, finite)
        finally:
            self._weights_changed()
        if divergence is not None:
            raise divergence.error("This pass of partial_fit")
        return self

    # ---- preparation

    def _prepare(self, X: Any, y: Any, plan: Plan) -> Run:
        """Return what the plan trains and on what, with the trainer at its start; when this raises, nothing changed."""
        from ..training import gram, streams, validation  # imported here to keep `import compiled_nn` fast

        c, resume = self._configuration, plan.resume and self._trainer is not None
        known = self._outputs.learned if resume else None
        if plan.classes is not None:
            known = targets.with_classes(known, c.loss, c.n_outputs, plan.classes)
        batches = X if y is None else None
        if batches is not None:
            streams.check(plan)
            X, y = streams.first(batches)
        encoder = self._encoder_for(X, resume)
        X, y, known = targets.prepare(c, X, y, self._n_columns(resume), known, encoder=encoder)
        weights = None
        if batches is None:
            weights = targets.weights_of(known, y, plan.sample_weight, plan.class_weight)
        held_out, rows = validation.choose(
            plan, c, X, y, known, encoder=encoder, weights=weights, parts=self._split_rows
        )
        data = Data(X, y, plan.cut(len(X) if rows is None else len(rows), rows))
        watched = batches is not None or held_out or plan.callbacks or plan.averaging
        obstacle = gram.gram_obstacle(c, data, resume, watched)
        on_gram = gram.uses_gram(plan.gram, obstacle, data, self.layers[0].units, plan.epochs)
        objective = self._objective().replace(weights=weights)
        trainer = self._begin(X, known, resume, encoder, rows, averages=plan.averaging is not None)
        stream = None
        if batches is not None:
            stream = streams.Streamed(trainer, batches, plan.cut, c, known, objective, encoder)
        return Run(trainer, data, objective, stream, held_out, on_gram)

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
            trainer.stack.standardize(*self._fit_statistics(X, encoder, rows))
        trainer.restore_weights(averages=averages)
        self._configuration = self._configuration.embedded(encoder)
        self._trainer = trainer
        self._inputs = Inputs.of(self._configuration, X.shape[1], encoder)
        self._outputs = Outputs.of(self._configuration, known)
        self._weights_changed()
        return trainer

    def _split_rows(self, y: Array, known: Targets, fraction: float, groups: Any) -> tuple[Array, Array]:
        """Return row numbers to validate and to train on."""
        from ..training import validation  # imported here to keep `import compiled_nn` fast

        return validation.parts(y, known, fraction, groups, self._configuration.seed)

    # ---- the run

    def _run(self, run: Run, plan: Plan) -> None:
        """Train until the plan is fulfilled, or something ends it."""
        from ..training import loop  # imported here to keep `import compiled_nn` fast

        if plan.averaging is not None:
            averaging = loop.Averaging(plan.averaging, run.trainer, self._weights_changed)
            plan = replace(plan, callbacks=(*plan.callbacks, averaging))
        try:
            with self._source(run) as source:
                loop.run(self, source, plan, self._validator(run.held_out), self._weights_changed)
        finally:
            self._weights_changed()

    @contextmanager
    def _source(self, run: Run) -> Iterator[Source]:
        """Give what runs epochs: over batches that come, on the Gram matrix, or on the data in memory."""
        from ..training import gram, loop  # imported here to keep `import compiled_nn` fast

        if run.gram:
            with gram.gram_training(run.trainer, run.data, run.objective, self.optimizer) as source:
                yield source
        else:
            yield run.stream or loop.InMemory(run.trainer, run.data, run.objective)

    def _validator(self, held_out: Validation | None) -> Callable[[], History] | None:
        """Return what gives the columns of validation, None where there are none."""
        if held_out is None:
            return None
        return lambda: held_out.columns(
            self._evaluated(), self._known_targets(), self._objective(smoothed=False)
        )
