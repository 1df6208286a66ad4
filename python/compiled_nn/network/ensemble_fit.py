"""Training of an ensemble: its members share the rows that are read once, their order and their batches."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..artefact.inputs import Inputs
from ..artefact.kept_member import KeptMember
from ..artefact.outputs import Outputs
from ..artefact.read_rows import ReadRows
from ..common import clock
from ..common.errors import CompiledNNWarning, DivergenceError, suggest_keywords, warn
from ..common.exclusive import exclusive
from ..data import sample_weights
from ..data.arrays import Array
from ..data.samples import Samples, check_lengths
from ..spec.configuration import check_proximal
from ..training.batches import Data, make_batches
from ..training.history import new_history
from ..training.levels import check_columns
from ..training.stacks import copy_of, new_objective
from ..training.targets import Targets, read_targets, read_validation_data, targets_with_classes, weights_of
from ..training.trainer import Trainer, new_generator
from ..training.validation import Validation
from .predicting import Predicting

if TYPE_CHECKING:
    from typing import Self

    from ..callbacks.base import Callback, Function
    from ..data.sample_weights import ClassWeight
    from ..preprocessing.standardization import Statistics
    from ..training.batches import BatchSize
    from ..training.ensemble_plan import Combination, EnsemblePlan, Ways
    from ..training.member import Member
    from ..training.plan import OnInterrupt
    from ..training.together import Monitored, Together
    from .network import Network


class _Read(NamedTuple):
    """Data of a call of fit, converted for the core, with their inputs, targets and validation rows."""

    inputs: Inputs
    X: Samples
    y: Array
    targets: Targets
    own: Array | None
    weights: Array | None
    masks: Array | None
    held_out: Validation | None


class EnsembleFitting(Predicting):
    """Method of an ensemble that trains its members."""

    _networks: tuple[Network, ...]
    _combine: Combination
    _calibrated: bool
    _seed: int | None
    _kept: tuple[KeptMember, ...]
    _weights: Array
    _masks: Array | None
    _oof: Array | None
    _together: Together | None
    best_epoch_: int | None

    @exclusive("Ensemble")
    @suggest_keywords("fit")
    def fit(
        self,
        X: Any,
        y: Any,
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
    ) -> Self:
        """Train all members from their initial weights, or continue from their present state.

        Parameters
        ----------
        X : array-like (m, k), table, list of dicts, or images (m, height, width[, channels])
            Rows, as for :meth:`Network.fit`. They are read and encoded once for all members; statistics of
            `standardize` and `scale_targets` are those of all rows.
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
        """
        from ..training.ensemble_plan import (
            make_ensemble_plan,
        )  # imported here to keep `import compiled_nn` fast

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
        together, read = clock.run_until(plan.plan.deadline, self._prepare, X, y, plan)
        self._run(together, read, plan)
        return self

    # ---- preparation

    def _prepare(self, X: Any, y: Any, plan: EnsemblePlan) -> tuple[Together, _Read]:
        """Prepare members and data for a plan. If this raises an error, the ensemble is unchanged."""
        from ..training.selection import Halving  # imported here to keep `import compiled_nn` fast
        from ..training.together import Together

        resume = plan.plan.resume and bool(self._kept)
        for network in self._networks:
            check_proximal(network._configuration)
        read = self._read(X, y, plan, resume)
        has_batch_norm = any(network._configuration.has_batch_norm for network in self._networks)
        batches = make_batches(
            len(read.X), plan.plan.batch_size, None, plan.plan.shuffle, batch_norm=has_batch_norm
        )
        known = self._together if resume else None
        statistics = None
        if not resume:
            statistics = self._statistics_for(read)
            inputs = read.inputs.with_bins(self._configuration, read.X, statistics, read.y, None, read.own)
            read = read._replace(inputs=inputs)
        members = self._resumed() if resume else self._new_members(read.inputs, statistics)
        rng = new_generator(self._seed) if known is None else known.rng
        together = Together(members, rng) if known is None else known
        self._set_objectives(members, read)
        last = together.epoch + plan.plan.epochs
        together.prepare(
            Data(read.X, read.y, batches),
            read.targets,
            read.held_out,
            monitor=plan.monitor,
            patience=plan.patience,
            halving=Halving(plan.halving, last, plan.n_folds) if plan.halving else None,
            n_threads=self._n_threads,
        )
        alive = [member for member in members if member.dropped is None]
        self._begin_with(
            _inputs=read.inputs,
            _outputs=Outputs.of(self._configuration, read.targets),
            _kept=_in_training(alive),
            _weights=np.full(len(alive), 1 / len(alive)),
            _together=together,
            _masks=read.masks,
            _oof=None,
            history=self.history if resume else new_history(),
        )
        return together, read

    def _read(self, X: Any, y: Any, plan: EnsemblePlan, resume: bool) -> _Read:
        """Read the data once, and choose the validation rows of the members."""
        c, p = self._configuration, plan.plan
        targets = self._outputs.learned if resume else None
        if p.classes is not None:
            targets = targets_with_classes(targets, c.loss, c.n_outputs, p.classes)
        check_lengths(X, y=y, sample_weight=p.sample_weight, validation_groups=p.validation_groups)
        given, inputs = y, self._inputs if resume else None
        if isinstance(X, ReadRows):
            inputs, X, targets = X.inputs, X.rows, X.targets or targets
        elif inputs is None:
            inputs, X = Inputs.learned(c, X, self._n_columns())
        else:
            X = inputs.read(X)
        own = sample_weights.check(p.sample_weight, len(X))
        y, targets = read_targets(c, X, given, targets, sample_weight=own, training=c.dtype)
        weights = weights_of(targets, y, p.sample_weight, p.class_weight)
        masks = self._masks_for(plan, y, targets, resume)
        if masks is not None:
            from ..training.member_rows import check_masks  # imported here to keep `import compiled_nn` fast

            check_masks(masks, weights)
        held_out = None
        if p.validation_data is not None:
            held_out = Validation(*read_validation_data(c, p.validation_data, inputs, targets))
        elif masks is not None:
            in_units = targets.encode(given, c.dtype, scaled=False) if targets.kind == "values" else y
            held_out = Validation(X, in_units, weights)
        return _Read(inputs, X, y, targets, own, weights, masks, held_out)

    def _n_columns(self) -> int | None:
        """Return the number of columns that initial weights given by the user are for; None without them."""
        given = [network._n_columns(False) for network in self._networks if network._initial]
        return given[0] if given else None

    def _masks_for(self, plan: EnsemblePlan, y: Array, targets: Targets, resume: bool) -> Array | None:
        """Return the masks (n_members, m) of the validation rows; None if they are not in X."""
        from ..training import member_rows  # imported here to keep `import compiled_nn` fast

        way, groups, n = plan.validation, plan.plan.validation_groups, len(self._networks)
        if resume and self._together is not None:
            self._check_resumed(way, len(y))
            return self._masks
        if way is None:
            return None
        if not isinstance(way, str):
            return member_rows.given_masks(way, n, len(y))
        if way == "folds":
            return member_rows.fold_masks(y, targets, plan.n_folds, groups, n, self._seed)
        seeds = [network._configuration.seed for network in self._networks]
        if self._combine == "greedy":
            masks = member_rows.random_masks(y, targets, plan.fraction, groups, [self._seed])
            return np.repeat(masks, n, axis=0)
        return member_rows.random_masks(y, targets, plan.fraction, groups, seeds)

    def _check_resumed(self, way: Any, m: int) -> None:
        """Raise ValueError if training cannot continue with these rows."""
        masks = self._masks
        if (masks is None) != (way is None):
            before = "no validation rows in X" if masks is None else "validation rows in X"
            raise ValueError(
                f"warm_start=True continues training with {before}; pass the same validation as before."
            )
        if masks is not None and masks.shape[1] != m:
            raise ValueError(
                f"warm_start=True keeps the validation rows of each member: X had {masks.shape[1]} rows before, and has"
                f" {m} now. Pass the same rows, or start a new fit."
            )

    def _new_members(self, inputs: Inputs, statistics: Statistics | None) -> list[Member]:
        """Return members with their initial weights."""
        from ..training.member import Member  # imported here to keep `import compiled_nn` fast

        members = []
        for i, network in enumerate(self._networks):
            c = network._configuration.embedded(inputs.encoder, inputs.n_bins)
            trainer = network._drawn(inputs)
            trainer.check_schedule(c.optimizer)
            inputs.set_in(trainer.stack, statistics)
            members.append(Member(i, c, trainer))
        return members

    def _statistics_for(self, read: _Read) -> Statistics | None:
        encoder = read.inputs.encoder
        if self._configuration.scaling is not None:
            return self._fit_statistics(read.X, encoder, None, read.own)
        check_columns(read.X, self._configuration.dtype, None if encoder else read.inputs.names)
        return None

    def _resumed(self) -> list[Member]:
        """Return the members in their present state; those of a file start with moments of zero."""
        from ..training.member import Member  # imported here to keep `import compiled_nn` fast

        if self._together is not None:
            return self._together.members
        members = []
        for each in self._kept:
            c = each.configuration
            members.append(Member(each.place, c, Trainer(copy_of(each.stack, c), c.seed)))
        return members

    def _set_objectives(self, members: Sequence[Member], read: _Read) -> None:
        for member in members:
            objective = new_objective(member.configuration, self._n_threads)
            plain = new_objective(member.configuration, self._n_threads, smoothed=False)
            weights = read.weights
            if read.masks is not None:
                mask = read.masks[member.index]
                weights = np.where(mask, 0.0, 1.0 if weights is None else weights)
                member.rows = np.flatnonzero(mask)
            held_out = read.held_out
            member.objective = objective.replace(weights=weights)
            member.validating = plain.replace(weights=None if held_out is None else held_out.weights)

    # ---- the run

    def _run(self, together: Together, read: _Read, plan: EnsemblePlan) -> None:
        """Run the epochs of a plan, and set the results."""
        from ..training import loop  # imported here to keep `import compiled_nn` fast
        from .ensemble_results import kept, results

        validate = None if together.held_out is None else together.validate
        model: Any = self
        try:
            try:
                loop.run(model, together, plan.plan, validate, self._weights_changed, self._configuration)
            finally:
                together.finish()
            found = results(
                together,
                plan,
                greedy=self._combine == "greedy",
                calibrated=self._calibrated,
                n_threads=self._n_threads,
            )
            self._begin_with(_kept=found.members, _weights=found.weights, _oof=found.oof)
            if plan.refit:
                self._refit(together, read, plan)
        except DivergenceError:
            left = [member for member in together.members if member.dropped is None]
            weights = np.full(len(left), 1 / len(left))
            self._begin_with(_kept=kept(left, [1.0] * len(left)), _weights=weights, _together=None)
            raise
        finally:
            together.release()
            self._weights_changed()

    def _refit(self, together: Together, read: _Read, plan: EnsemblePlan) -> None:
        """Train the members again on all rows, each for its best number of epochs."""
        from ..training.together import Together  # imported here to keep `import compiled_nn` fast

        limits = {each.place: each.best_epoch for each in self._kept}
        members = self._new_members(read.inputs, self._statistics_for(read))
        members = [member for member in members if member.index in limits]
        objectives = {member.index: member.objective for member in together.members}
        for member in members:
            member.objective = objectives[member.index].replace(weights=read.weights)
            member.limit = limits[member.index]
        again = Together(members, new_generator(self._seed))
        again.prepare(
            together.data,
            read.targets,
            None,
            monitor=plan.monitor,
            patience=None,
            halving=None,
            n_threads=self._n_threads,
        )
        failure = None
        while again.active and failure is None:
            most = min(member.limit - member.epoch for member in again.active if member.limit is not None)
            columns, failure = again.run(self._configuration.optimizer, most, plan.plan.deadline, None)
            if not columns["loss"]:
                break
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


def _in_training(members: Sequence[Member]) -> tuple[KeptMember, ...]:
    """Return members whose weights are those of the last step of training."""
    return tuple(
        KeptMember(member.index, member.configuration, member.trainer.stack, 1.0, 0, member.history)
        for member in members
    )
