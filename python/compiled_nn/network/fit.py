"""Training of a network in three steps: check the parameters (plan), prepare data and trainer, run the epochs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..artefact.inputs import Inputs
from ..common import clock
from ..common.errors import suggest_keywords
from ..common.exclusive import exclusive
from ..data import sample_weights
from ..data.arrays import Array
from ..data.samples import Samples, check_lengths
from ..spec.configuration import check_optimizer_precision, check_proximal
from ..training.batches import Data
from ..training.divergence import Snapshot
from ..training.levels import check_first_row
from ..training.targets import Targets, read_targets, targets_with_classes, weights_of
from ..training.trainer import Trainer
from . import observing
from .run import Run
from .sharded_fit import ShardedFitting

if TYPE_CHECKING:
    from typing import Self

    from ..callbacks.base import Callback, Function
    from ..callbacks.stopping import EarlyStopping
    from ..common.protocols import History
    from ..data.sample_weights import ClassWeight
    from ..metrics.scorers import MetricLike
    from ..training.averaging import SWA
    from ..training.batches import BatchSize
    from ..training.loop import Source
    from ..training.plan import Gram, OnInterrupt, Plan
    from ..training.validation import Validation
    from .resuming import Resumption


class Fitting(ShardedFitting):
    """Methods of a network that train it: ``fit`` and ``partial_fit``."""

    @exclusive("Network")
    @suggest_keywords("fit")
    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        epochs: int | None = None,
        batch_size: BatchSize = 32,
        n_batches: int | None = None,
        accumulate: int = 1,
        shuffle: bool = True,
        drop_last: bool = False,
        sample_weight: Any = None,
        class_weight: ClassWeight | None = None,
        validation_data: tuple[Any, ...] | None = None,
        validation_fraction: float | None = None,
        validation_groups: Any = None,
        metrics: Sequence[MetricLike] = (),
        early_stopping: bool | EarlyStopping | None = None,
        target: tuple[str, float] | None = None,
        time_limit: float | None = None,
        averaging: SWA | None = None,
        classes: Any = None,
        callbacks: Sequence[Callback | Function] = (),
        callback: Callback | Function | None = None,
        on_interrupt: OnInterrupt = "raise",
        warm_start: bool = False,
        gram: Gram = "auto",
        verbose: int = 0,
    ) -> Self:
        """Train from the initial weights, or continue from the present weights.

        Parameters
        ----------
        X : array-like (m, k), table, list of dicts, or images (m, height, width[, channels])
            Rows: real and finite numbers of any dtype and layout. X is never changed, and not copied if NumPy can share
            it. If y is None, X is a source of batches, of which only one is in memory at a time: an iterable of pairs
            (X, y), or (X, y, sample_weight), with any number of rows, or a function that returns one. It is iterated
            once per epoch, and once before for its first item, which determines the names of the columns and the
            statistics of `standardize`. Steps and shuffling do not mix rows of different items. Or X is a
            :class:`compiled_nn.distributed.ShardedRows`, whose rows several processes train on.
        y : array-like (m,), (m, 1) or (m, n_outputs), optional
            Labels of any type; values for losses of values; or one column per output: one-hot or soft labels for
            "softmax_cross_entropy", independent 0/1 targets for "binary_cross_entropy".
        epochs : int, optional
            Number of passes over the data: 10 by default, and the `max_iter` of the optimizer :class:`LBFGS`.
        batch_size : int, "full" or None, default 32
            Number of rows per step; "full" and None are all rows.
        n_batches : int, optional
            Number of batches per epoch, in place of `batch_size`: each has ``ceil(m / n_batches)`` rows.
        accumulate : int, default 1
            Number of batches per step. The gradient is the mean over all their rows; the step has the same bits as that
            of one batch with these rows.
        shuffle : bool, default True
            Whether to shuffle the rows before each epoch.
        drop_last : bool, default False
            Whether to skip the last batch of an epoch if it is smaller than the others.
        sample_weight : array-like (m,), optional
            Weight of each row, at least 0. The loss of a batch or an epoch is sum(weight * loss) / sum(weight). A
            weight of 0 excludes a row; a batch whose weights are all 0 is skipped.
        class_weight : "balanced" or dict, optional
            Weight of each class, by which the sample weights are multiplied: a dict of weights by label (1 for labels
            that are not in it), or "balanced" to give all classes the same total weight.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Validation rows. Their loss and score are added to the history after each epoch.
        validation_fraction : float, optional
            Fraction of the rows to hold out of training as validation rows, above 0 and below 1. They are drawn with
            the seed of the network, stratified by class.
        validation_groups : array-like (m,), optional
            Group of each row. All rows of a group are on the same side of the split. `validation_fraction` is then 0.1
            by default.
        metrics : list of str or callable(y, predicted), default ()
            Metrics of the validation rows, as functions or names from :mod:`compiled_nn.metrics`. The history has them
            as "val_<name>".
        early_stopping : bool or EarlyStopping, optional
            Whether to stop when "val_loss" has not improved for some epochs, and restore the weights of the best epoch,
            ``best_epoch_``. An :class:`compiled_nn.callbacks.EarlyStopping` sets the column and other options.
        target : (str, float), optional
            Column of the history, and its value at which training stops.
        time_limit : float, optional
            Number of seconds after which training stops, between two steps; the clock starts when fit is called. An
            epoch that is not finished by then is not in the history, but its steps have changed the weights. If the
            limit passes before the first step, there is a CompiledNNWarning, and the weights are those from before.
        averaging : SWA, optional
            Parameters of weight averaging: the network then predicts with the mean of the weights after late epochs. It
            cannot be combined with the parameter `ema` of the network.
        classes : array-like (n_classes,), optional
            All labels, if y or the first streamed batch does not contain all of them.
        callbacks : list of Callback or callable(net, epoch, history), default ()
            Callbacks, or functions that run after each epoch. Training stops when one returns True.
        callback : Callback or callable(net, epoch, history), optional
            Callback that runs after those of `callbacks`.
        on_interrupt : {"raise", "return"}, default "raise"
            Whether Ctrl-C raises a KeyboardInterrupt, or ends training so that fit returns. The network has the weights
            of the last complete step; if fit returns and `early_stopping` is on, those of the best epoch.
        warm_start : bool, default False
            Whether to continue from the present weights, moments, schedule and order of rows: two calls with 10 epochs
            then give the same bits as one call with 20. Otherwise training starts from the initial weights, which are
            drawn with the seed or were set by :meth:`set_weights`: a second call gives the same result as the first.
        gram : {"auto", True, False}, default "auto"
            Whether to use Gram training for full-batch gradient descent: the same steps, computed with the Gram matrix
            of the rows (m, m) in place of X. This is exact for SGD with or without momentum, without penalty,
            validation data and callbacks. "auto" uses it if there are many more features than rows, and enough epochs
            to be faster.
        verbose : int, default 0
            0: nothing is printed to stdout; 1: one line per epoch; 2: a table with one line per epoch, in which "*"
            marks the best loss so far; n > 2: one line every n epochs. The logger ``compiled_nn`` has the start and the
            end of training at the level INFO, and each epoch at the level DEBUG.

        Returns
        -------
        self : Network

        Raises
        ------
        TypeError, ValueError
            If an argument cannot be used; the network is then unchanged.
        TimeoutError
            If `time_limit` passes while X and y are read and checked; the network is then unchanged.
        DivergenceError
            If the loss or the weights are not finite after an epoch, or weights are so large that the loss is not. The
            network keeps its last finite weights.
        KeyboardInterrupt
            If training is interrupted. The network has the weights of the last complete step. The same holds for any
            exception of a callback, a metric or a source of batches.
        RuntimeError
            If the network is being trained already, by a caller of this call or in another thread.

        See Also
        --------
        partial_fit : One pass over some rows.
        compiled_nn.callbacks : Actions after each epoch.
        compiled_nn.Ensemble : Several networks that are trained together.

        Notes
        -----
        In callbacks, and in other threads during training, the network predicts with the weights after one whole step:
        the last one before the core returned to Python. It refuses changes then with a RuntimeError; only callbacks may
        set weights and the optimizer, before and after an epoch.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> layers = [cnn.Dense(32, "relu"), cnn.Dense(10)]
        >>> net = cnn.Network(layers, optimizer=cnn.Adam(0.01), input_scale=1 / 16, seed=0)
        >>> net = net.fit(data.X_train, data.y_train, epochs=100, validation_fraction=0.1, early_stopping=True)
        >>> net.stop_reason_, round(net.score(data.X_test, data.y_test), 2)
        ('early_stopping', 0.97)
        >>> list(net.history)
        ['epoch', 'loss', 'penalty', 'learning_rate', 'seconds', 'val_loss', 'val_score']
        """
        from ..training.plan import make_plan  # imported here to keep `import compiled_nn` fast

        plan = make_plan(
            epochs=self.optimizer.epochs if epochs is None else epochs,
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
        for each in plan.callbacks:
            each.set_data(X, y)
        if any(getattr(each, "resume", False) is True for each in plan.callbacks):
            from . import resuming  # imported here to keep `import compiled_nn` fast

            resuming.check(self, plan)
            with resuming.unchanged_if_refused(self):
                self._run(
                    clock.run_until(plan.deadline, self._prepare, X, y, plan), plan, resuming.Resumption
                )
            return self
        self._run(clock.run_until(plan.deadline, self._prepare, X, y, plan), plan)
        return self

    @exclusive("Network")
    @suggest_keywords("fit")
    def partial_fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        classes: Any = None,
        batch_size: BatchSize = 32,
        shuffle: bool = False,
    ) -> Self:
        """Train for one pass over the data, continuing from the present weights. The history is not changed.

        Parameters
        ----------
        X : array-like (m, k)
            Rows, as for :meth:`fit`.
        y : array-like
            Labels or values, as for :meth:`fit`.
        sample_weight : array-like (m,), optional
            Weight of each row, at least 0.
        classes : array-like (n_classes,), optional
            All labels. The first call needs them if its y does not contain all labels.
        batch_size : int, "full" or None, default 32
            Number of rows per step; "full" and None are all rows.
        shuffle : bool, default False
            Whether to shuffle the rows.

        Returns
        -------
        self : Network

        Raises
        ------
        TypeError, ValueError
            If an argument cannot be used; the network is then unchanged.
        DivergenceError
            If the loss or the weights are not finite after the pass. The network keeps its last finite weights.
        RuntimeError
            If the network is being trained already, by a caller of this call or in another thread.

        See Also
        --------
        fit : Training for several epochs; its parameter X can also be a source of batches.
        step : One step with given gradients.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> layers = [cnn.Dense(32, "relu"), cnn.Dense(10)]
        >>> net = cnn.Network(layers, optimizer=cnn.Adam(0.01), input_scale=1 / 16, seed=0)
        >>> scores = []
        >>> for start in range(0, 1400, 200):  # rows as they arrive
        ...     rows = slice(start, start + 200)
        ...     net = net.partial_fit(data.X_train[rows], data.y_train[rows], classes=range(10))
        ...     scores.append(round(net.score(data.X_test, data.y_test), 1))
        >>> scores[0] < 0.6, scores[-1]
        (True, 0.9)
        """
        from ..training.plan import Plan  # imported here to keep `import compiled_nn` fast

        if self.optimizer.name == "lbfgs":
            raise ValueError(
                "partial_fit takes one step per batch, but LBFGS uses all rows in each step. Use fit, or assign another"
                " optimizer, such as net.optimizer = Adam()."
            )
        plan = Plan(
            epochs=1, batch_size=batch_size, shuffle=shuffle, sample_weight=sample_weight, classes=classes
        )
        run = self._prepare(X, y, plan, continues=True)
        run.trainer.set_optimizer(self.optimizer)
        last_finite = Snapshot(run.trainer.stack)
        try:
            assert run.data is not None
            _, divergence = run.trainer.run(run.data, self.optimizer, run.objective, last_finite)
        finally:
            self._weights_changed()
        if divergence is not None:
            raise divergence.error("This pass of partial_fit", self._configuration)
        return self

    # ---- preparation

    def _prepare(self, X: Any, y: Any, plan: Plan, *, continues: bool = False) -> Run:
        """Prepare trainer and data for a plan. If this raises an error, the network is unchanged."""
        from ..training import gram, streams, validation  # imported here to keep `import compiled_nn` fast

        c, resume = self._configuration, plan.resume and self._trainer is not None
        is_lbfgs = c.optimizer.name == "lbfgs"
        plan.check_averages(c.ema)
        check_proximal(c)
        check_optimizer_precision(c)
        targets = self._outputs.learned if resume else None
        if plan.classes is not None:
            targets = targets_with_classes(targets, c.loss, c.n_outputs, plan.classes)
        stream_source = X if y is None else None
        if stream_source is not None:
            from ..training.sharded import Sharded  # imported here to keep `import compiled_nn` fast

            if isinstance(X, Sharded):
                return self._prepare_sharded(X, plan, targets, continues=continues)
        if is_lbfgs:
            from ..training import lbfgs  # imported here to keep `import compiled_nn` fast

            lbfgs.check(plan, c, stream_source is not None)
        given_y = y
        if stream_source is not None:
            streams.check_plan(plan)
            X, y = streams.first_batch(stream_source)
        check_lengths(X, y=y, sample_weight=plan.sample_weight, validation_groups=plan.validation_groups)
        inputs, X = self._inputs_for(X, resume)
        inputs = observing.begun(inputs, self._inputs if resume else None)
        if len(X) == 1 and (continues or stream_source is not None):
            check_first_row(c, self._trainer if resume else None, self._outputs.learned)
        given, own = y, sample_weights.check(plan.sample_weight, len(X))
        read = partial(read_targets, c, X, given, targets, sample_weight=own, training=c.dtype)
        y, targets = read()
        weights = None
        if stream_source is None:
            weights = weights_of(targets, y, plan.sample_weight, plan.class_weight)
        held_out, rows = validation.hold_out(
            plan, c, X, y, targets, inputs=inputs, weights=weights, given=given, split=self._split_rows
        )
        if rows is not None and targets.scaling is not None:
            y, targets = read(rows=rows)
        cut = partial(plan.cut, batch_norm=c.has_batch_norm)
        data = Data(X, y, cut(len(X) if rows is None else len(rows), rows))
        each_epoch = stream_source is not None or held_out or plan.callbacks or plan.averaging
        obstacle = gram.gram_obstacle(c, data, resume, each_epoch)
        on_gram = gram.uses_gram(plan.gram, obstacle, data, self.layers[0].units, plan.epochs)
        objective = self._objective().replace(weights=weights)
        averages = plan.averaging is not None
        trainer = self._begin(X, y, targets, resume, inputs, rows, weights=own, averages=averages)
        stream: Source | None = None
        if stream_source is None:
            passes = plan.epochs * self.layers[0].units
            observing.observe(inputs, X, rows, weights, passes=passes, whole=not continues)
        if is_lbfgs:
            if data.y.dtype == np.float32:
                exact = read_targets(c.replace(dtype="float64"), X, given_y, targets)[0]
                data = data._replace(y=exact)
            stream = lbfgs.FullBatch(trainer, data, objective, self._configuration)
        if stream_source is not None:
            observer = observing.Observer(inputs)
            stream = streams.Streamed(trainer, stream_source, cut, c, targets, objective, inputs, observer)
        return Run(trainer, data, objective, stream, held_out, on_gram)

    def _begin(
        self,
        X: Samples,
        y: Array | None,
        targets: Targets | None,
        resume: bool,
        inputs: Inputs,
        rows: Array | None = None,
        *,
        weights: Array | None = None,
        averages: bool = False,
    ) -> Trainer:
        """Set the network to the state from which training on X starts, and return its trainer.

        If this raises an error, the network is unchanged. `rows` are the indices of the training rows in X, None for
        all rows; `weights` are the sample weights (m,); `averages` is whether training averages weights. `y` and
        `targets` are None if only the weights are drawn.
        """
        encoder, statistics = inputs.encoder, None
        trainer = self._trainer if resume and not self._lacks_bins(inputs) else None
        if self._configuration.scaling is not None and (trainer is None or trainer.stack.statistics is None):
            statistics = self._fit_statistics(X, encoder, rows, weights)
        if self._lacks_bins(inputs):
            inputs = inputs.with_bins(self._configuration, X, statistics, y, rows, weights)
        return self._begin_with_statistics(trainer, inputs, statistics, targets, resume, X, averages)

    def _split_rows(self, y: Array, targets: Targets, fraction: float, groups: Any) -> tuple[Array, Array]:
        """Return the indices of the validation rows and of the training rows."""
        from ..training import validation  # imported here to keep `import compiled_nn` fast

        return validation.split_rows(y, targets, fraction, groups, self._configuration.seed)

    # ---- the run

    def _run(self, run: Run, plan: Plan, resumption: type[Resumption] | None = None) -> None:
        """Run the epochs of a plan; `resumption` is the class of their recorder, None if they are not recorded."""
        from ..training import loop  # imported here to keep `import compiled_nn` fast

        self._trained = run.n_rows(self.optimizer)
        self._compare_held_out(None)
        if plan.averaging is not None:
            first, last = (
                loop.Averaging(plan.averaging, run.trainer),
                loop.MeanWeights(run.trainer, self._weights_changed),
            )
            plan = replace(plan, callbacks=(first, *plan.callbacks, last))
        try:
            with run.source(self.optimizer, plan.deadline) as source:
                validate, changed = self._validator(run.held_out), self._weights_changed
                recorder = None if resumption is None else resumption(self, run, source, plan)
                plan = plan if recorder is None else recorder.plan
                loop.run(self, source, plan, validate, changed, self._configuration, recorder)
        finally:
            self._weights_changed()
        self._compare_held_out(run.held_out)

    def _validator(self, held_out: Validation | None) -> Callable[[float], History] | None:
        """Return a function of the deadline that computes the validation columns of the history.

        It is None if there are no validation rows.
        """
        if held_out is None:
            return None

        def columns(deadline: float) -> History:
            stack = self._fitted()  # nobody changes it now: a copy is not necessary
            stack = stack if stack.average is None else self._evaluated()
            return held_out.columns(stack, self._known_targets(), self._objective(smoothed=False), deadline)

        return columns
