"""Training of an ensemble: its members share the rows that are read once, their order and their batches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common import clock
from ..common.errors import CompiledNNWarning, DivergenceError, suggest_keywords, warn
from ..common.exclusive import exclusive
from ..data.arrays import Array
from ..training.sharded import Sharded
from ..training.trainer import new_generator
from .ensemble_data import EnsembleData, EnsemblePreparation

if TYPE_CHECKING:
    from typing import Self

    from ..callbacks.base import Callback, Function
    from ..common.engine import Engine, Map
    from ..data.sample_weights import ClassWeight
    from ..training.batches import BatchSize
    from ..training.ensemble_plan import EnsemblePlan, Ways
    from ..training.plan import OnInterrupt
    from ..training.spread_epochs import Place
    from ..training.together import Monitored, Together
    from ..training.validation import Validation
    from .ensemble_resuming import EnsembleResumption


class EnsembleFitting(EnsemblePreparation):
    """Method of an ensemble that trains its members."""

    @exclusive("Ensemble")
    @suggest_keywords("fit")
    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        epochs: int = 10,
        batch_size: BatchSize = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        class_weight: ClassWeight | None = None,
        classes: Any = None,
        validation: Ways | Array | None = "auto",
        validation_fraction: float | None = None,
        n_folds: int | None = None,
        validation_groups: Any = None,
        validation_data: tuple[Any, ...] | None = None,
        monitor: Monitored = "val_loss",
        patience: int | None = None,
        halving: Sequence[float] | None = None,
        refit: bool = False,
        time_limit: float | None = None,
        callbacks: Sequence[Callback | Function] = (),
        on_interrupt: OnInterrupt = "raise",
        warm_start: bool = False,
        verbose: int = 0,
        map: Map | None = None,
    ) -> Self:
        """Train all members from their initial weights, or continue from their present state.

        Parameters
        ----------
        X : array-like (m, k), table, list of dicts, or images (m, height, width[, channels])
            Rows, as for :meth:`Network.fit`. They are read and encoded once for all members; statistics of
            `standardize` and `scale_targets` are those of all rows. Or a
            :class:`compiled_nn.distributed.ShardedRows`, whose parts have y: all members then validate the same rows.
        y : array-like (m,), (m, 1) or (m, n_outputs)
            Labels or values, as for :meth:`Network.fit`.
        epochs : int, default 10
            Number of passes over the data.
        batch_size : int, "full" or None, default 32
            Number of rows per step. All members have the same batches.
        shuffle : bool, default True
            Whether to shuffle the rows before each epoch, in the same way for all members.
        sample_weight : array-like (m,), optional
            Weight of each row, at least 0.
        class_weight : "balanced" or dict, optional
            Weight of each class, as for :meth:`Network.fit`.
        classes : array-like (n_classes,), optional
            All labels, if y does not contain all of them.
        validation : {"auto", "random", "folds"}, array of bool, or None, default "auto"
            Rows of X that each member validates and is not trained on. "random": drawn with the seed of the member,
            stratified by class; with ``combine="greedy"`` the same for all members. "folds": member i validates fold
            ``i % n_folds``, so that the members of a repeat validate each row once. An array (n_members, m), or (m,)
            for all members, is True for validation rows. None: no rows; the members keep the weights of the last epoch.
            "auto" is "random", or None with `validation_data`.
        validation_fraction : float, optional
            Fraction of the rows that each member validates with "random": 0.2 by default.
        n_folds : int, optional
            Number of folds with "folds": the number of members by default.
        validation_groups : array-like (m,), optional
            Group of each row, for "random" and "folds". All rows of a group are validated by the same members.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Validation rows of all members.
        monitor : {"val_loss", "val_score"}, default "val_loss"
            Value of the validation rows by which each member keeps the weights of its best epoch (those of the average
            with ``ema``), and by which members are dropped or chosen.
        patience : int, optional
            Number of epochs without an improvement after which a member is not trained further. Training ends when
            that holds for all members.
        halving : sequence of float, optional
            Fractions of the epochs, such as (0.25, 0.5), after each of which the worse half of the members is dropped;
            with folds, the worse half of the repeats.
        refit : bool, default False
            Whether the members are then trained again on all rows, from their initial weights, each for its best number
            of epochs. ``oof_``, temperatures and weights remain those of the members with validation rows.
        time_limit : float, optional
            Number of seconds after which training stops, between two steps; the result is not reproducible.
        callbacks : list of Callback or callable(ensemble, epoch, history), default ()
            Callbacks, or functions that run after each epoch. Training stops when one returns True.
        on_interrupt : {"raise", "return"}, default "raise"
            Whether Ctrl-C raises a KeyboardInterrupt, or ends training so that fit returns.
        warm_start : bool, default False
            Whether to continue from the present state, with the same validation rows: two calls with 10 epochs then
            give the same bits as one call with 20, except for `halving`, whose fractions are those of a call.
        verbose : int, default 0
            Lines printed, as for :meth:`Network.fit`.
        map : callable or Engine, optional
            Function like the builtin ``map`` that calls functions in other processes, such as the `map` of a
            ``ProcessPoolExecutor``, or an engine of :mod:`compiled_nn.distributed`: the members are divided over its
            workers, whose tasks use one thread unless the ensemble has `n_threads`. The result is the same as without
            it. Callbacks run in this process; with them there is a round of tasks for each epoch.

        Returns
        -------
        self : Ensemble

        Raises
        ------
        TypeError, ValueError
            If an argument cannot be used; the ensemble is then unchanged.
        TimeoutError
            If `time_limit` passes while X and y are read and checked; the ensemble is then unchanged.
        DivergenceError
            If all members have diverged. The ensemble keeps the last finite weights of the last ones. A member that
            diverges before is dropped with a warning.
        KeyboardInterrupt
            If training is interrupted. The ensemble predicts with the weights of the last complete step of all members,
            without temperatures. The same holds for any exception of a callback.
        RuntimeError
            If the ensemble is being trained already, by a caller of this call or in another thread.

        See Also
        --------
        Network.fit : Training of one network.
        compiled_nn.search : Search for the best parameters.

        Examples
        --------
        >>> import compiled_nn as cnn
        >>> data = cnn.datasets.load_digits()
        >>> net = cnn.Network([cnn.Dense(16, "relu"), cnn.Dense(10)], input_scale=1 / 16, seed=0)
        >>> model = cnn.Ensemble(net, n_members=5)
        >>> model = model.fit(data.X_train, data.y_train, epochs=20, validation="folds", n_folds=5)
        >>> round(cnn.metrics.accuracy(data.y_train, model.oof_.argmax(axis=1)), 2)  # of rows that were held out
        0.93
        >>> round(model.score(data.X_test, data.y_test), 2)
        0.96
        """
        # imported here to keep `import compiled_nn` fast
        from ..common.engine import engine_of
        from ..training.ensemble_plan import make_ensemble_plan

        engine = engine_of("fit", map)
        if engine is not None and self._shared:
            raise ValueError(
                "shared_weights=True cannot be used with map: members that share weights are trained in one process."
                " Leave one of them out."
            )
        plan = make_ensemble_plan(
            n_members=len(self._networks),
            combine=self._combine,
            epochs=epochs,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            class_weight=class_weight,
            classes=classes,
            validation=validation,
            validation_fraction=validation_fraction,
            n_folds=n_folds,
            validation_groups=validation_groups,
            validation_data=validation_data,
            monitor=monitor,
            patience=patience,
            halving=halving,
            refit=refit,
            time_limit=time_limit,
            callbacks=callbacks,
            on_interrupt=on_interrupt,
            warm_start=warm_start,
            gram=False,
            verbose=verbose,
        )
        for each in plan.plan.callbacks:
            each.set_data(X, y)
        prepare: Any = self._prepare
        if isinstance(X, Sharded):
            if engine is not None:
                raise ValueError(
                    "map cannot be used where X is ShardedRows, which has its own. Leave it out."
                )
            from . import ensemble_shards  # imported here because most programs do not use it

            prepare = partial(ensemble_shards.prepare, self)
        if any(getattr(each, "resume", False) is True for each in plan.plan.callbacks):
            from . import ensemble_resuming, resuming  # imported here to keep `import compiled_nn` fast

            ensemble_resuming.check(self, plan, engine)
            with resuming.unchanged_if_refused(self):
                together, read = clock.run_until(plan.plan.deadline, prepare, X, y, plan)
                self._run(together, read, plan, None, ensemble_resuming.EnsembleResumption)
            return self
        together, read = clock.run_until(plan.plan.deadline, prepare, X, y, plan)
        self._run(together, read, plan, engine)
        return self

    # ---- the run

    def _run(
        self,
        together: Together,
        read: EnsembleData,
        plan: EnsemblePlan,
        engine: Engine | None = None,
        resumption: type[EnsembleResumption] | None = None,
    ) -> None:
        """Run the epochs of a plan, and set the results; `resumption` is the class of their recorder."""
        from ..training import loop  # imported here to keep `import compiled_nn` fast
        from .ensemble_results import kept

        validate = None if together.held_out is None else together.validate
        source: loop.Source = together
        model: Any = self
        self._trained = {"rows": len(read.X)}
        self._compare_held_out(None)
        place = None
        try:
            if engine is not None:
                from ..training.spread import (
                    Rows,
                    Spreading,
                )  # imported here to keep `import compiled_nn` fast
                from ..training.spread_epochs import Place, SpreadEpochs

                place, validate = Place(Spreading(engine, [Rows.of(together.data, read)]), 0), None
                most, last = 1 if plan.plan.callbacks else None, together.epoch + plan.plan.epochs
                source = SpreadEpochs(place, together, last, most)
            try:
                recorder = None if resumption is None else resumption(self, together, read, plan)
                rest = plan.plan if recorder is None else recorder.plan
                loop.run(model, source, rest, validate, self._weights_changed, self._configuration, recorder)
            finally:
                together.finish()
            self._set_results(together, read, plan, place)
        except DivergenceError:
            left = [member for member in together.members if member.dropped is None]
            weights = np.full(len(left), 1 / len(left))
            self._begin_with(_kept=kept(left, [1.0] * len(left)), _weights=weights, _together=None)
            raise
        finally:
            if place is not None:
                place.spreading.close()
            together.release()
            self._weights_changed()
        self._compare_held_out(_validated_rows(read))

    def _set_results(
        self, together: Together, read: EnsembleData, plan: EnsemblePlan, place: Place | None = None
    ) -> None:
        """Set the members that were trained, their weights and out-of-fold predictions, and train them again."""
        from .ensemble_results import results  # imported here to keep `import compiled_nn` fast

        found = results(
            together,
            plan,
            greedy=self._combine == "greedy",
            calibrated=self._calibrated,
            n_threads=self._n_threads,
        )
        self._begin_with(_kept=found.members, _weights=found.weights, _oof=found.oof, _marks=found.marks)
        if plan.refit:
            self._refit(together, read, plan, place)

    def _refit(self, together: Together, read: EnsembleData, plan: EnsemblePlan, place: Place | None) -> None:
        """Train the members again on all rows, each for its best number of epochs."""
        from ..training.advancing import advance  # imported here to keep `import compiled_nn` fast
        from ..training.together import Together

        limits = {each.place: each.best_epoch for each in self._kept}
        members = self._new_members(read.inputs, self._statistics_for(read))
        members = [member for member in members if member.index in limits]
        objectives = {member.index: member.objective for member in together.members}
        for member in members:
            member.objective = objectives[member.index].replace(weights=read.weights)
            member.limit = limits[member.index]
        again = Together(members, new_generator(self._seed), self._sharing(members))
        again.prepare(
            together.data,
            read.targets,
            None,
            monitor=plan.monitor,
            patience=None,
            halving=None,
            n_threads=self._n_threads,
        )
        last = max(limits.values())
        if place is not None:
            place.advance(again, last, plan.plan.deadline)
        else:
            for _ in advance(again, last, plan.plan.deadline):
                pass
        again.finish()
        if any(member.dropped or member in again.active for member in members):
            reason = (
                "time_limit has passed" if perf_counter() >= plan.plan.deadline else "a member has diverged"
            )
            warn(
                f"{reason} while the members were trained again on all rows (refit=True). The ensemble keeps those that"
                " were trained with validation rows.",
                CompiledNNWarning,
            )
            return
        stacks = {member.index: member.kept for member in members}
        refitted = tuple(each._replace(stack=stacks[each.place]) for each in self._kept)
        self._begin_with(_kept=refitted, _together=None)


def _validated_rows(read: EnsembleData) -> Validation | None:
    """Return the rows that at least one member validates."""
    if read.held_out is None or read.masks is None:
        return read.held_out
    return read.held_out.part(np.flatnonzero(read.masks.any(axis=0)))
