"""Preparation of a call of fit of an ensemble: data that are read once, validation rows, and members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..artefact.inputs import Inputs
from ..artefact.kept_member import KeptMember
from ..artefact.outputs import Outputs
from ..artefact.read_rows import ReadRows
from ..data import sample_weights
from ..data.arrays import Array
from ..data.samples import check_lengths
from ..spec.configuration import check_proximal
from ..training.batches import Data, make_batches
from ..training.history import new_history
from ..training.levels import check_columns
from ..training.stacks import copy_of
from ..training.targets import Targets, read_targets, read_validation_data, targets_with_classes, weights_of
from ..training.trainer import Trainer, new_generator
from ..training.validation import Validation
from . import observing
from .narrowing import Narrowing

if TYPE_CHECKING:
    from cnn_core.stack import SharedWeights

    from ..preprocessing.standardization import Statistics
    from ..training.ensemble_plan import Combination, EnsemblePlan
    from ..training.member import Member
    from ..training.together import Together
    from .network import Network


class EnsembleData(NamedTuple):
    """Data of a call of fit, converted for the core, with their inputs, targets and validation rows.

    X are :class:`LearnedRows`, and y is None, if other processes have the rows.
    """

    inputs: Inputs
    X: Any
    y: Any
    targets: Targets
    own: Array | None
    weights: Array | None
    masks: Array | None
    held_out: Validation | None


class EnsemblePreparation(Narrowing):
    """Methods of an ensemble that prepare members and data for a call of fit."""

    _networks: tuple[Network, ...]
    _combine: Combination
    _calibrated: bool
    _seed: int | None
    _shared: bool
    _kept: tuple[KeptMember, ...]
    _weights: Array
    _masks: Array | None
    _oof: Array | None
    _marks: tuple[int, ...]
    _together: Together | None
    best_epoch_: int | None

    def _prepare(self, X: Any, y: Any, plan: EnsemblePlan) -> tuple[Together, EnsembleData]:
        """Prepare members and data for a plan. If this raises an error, the ensemble is unchanged."""
        from ..training.member_rows import set_objectives  # imported here to keep `import compiled_nn` fast
        from ..training.together import Together

        resume = plan.plan.resume and bool(self._kept)
        if self._shared:
            from ..training.sharing import check_plan  # imported here to keep `import compiled_nn` fast

            check_plan(plan, resumes=resume, has_state=self._together is not None)
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
            read = read._replace(inputs=observing.begun(inputs, None))
        members = self._resumed() if resume else self._new_members(read.inputs, statistics)
        rng = new_generator(self._seed) if known is None else known.rng
        together = Together(members, rng, self._sharing(members)) if known is None else known
        set_objectives(members, read.weights, read.masks, read.held_out, self._n_threads)
        self._begin_members(together, Data(read.X, read.y, batches), read, plan, resume)
        alive = [member for member in members if member.dropped is None]
        passes = plan.plan.epochs * sum(member.configuration.layers[0].units for member in alive)
        rows = observing.trained_rows(read.masks, plan.refit)
        observing.observe(read.inputs, read.X, rows, read.weights, passes=passes, whole=True)
        return together, read

    def _begin_members(
        self, together: Together, data: Data, read: EnsembleData, plan: EnsemblePlan, resume: bool
    ) -> None:
        """Set the ensemble to the state from which a call of fit starts."""
        from ..training.selection import Halving  # imported here to keep `import compiled_nn` fast

        last = together.epoch + plan.plan.epochs
        together.prepare(
            data,
            read.targets,
            read.held_out,
            monitor=plan.monitor,
            patience=plan.patience,
            halving=Halving(plan.halving, last, plan.n_folds) if plan.halving else None,
            n_threads=self._n_threads,
        )
        alive = [member for member in together.members if member.dropped is None]
        self._begin_with(
            _inputs=read.inputs,
            _outputs=Outputs.of(self._configuration, read.targets),
            _kept=in_training(alive),
            _weights=np.full(len(alive), 1 / len(alive)),
            _together=together,
            _masks=read.masks,
            _oof=None,
            history=self.history if resume else new_history(),
        )

    def _read(self, X: Any, y: Any, plan: EnsemblePlan, resume: bool) -> EnsembleData:
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
        return EnsembleData(inputs, X, y, targets, own, weights, masks, held_out)

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
            masks = member_rows.given_masks(way, n, len(y))
            if self._combine == "greedy" and (masks != masks[0]).any():
                raise ValueError(
                    "combine='greedy' compares the members on the same validation rows, but the 'validation' array of"
                    " fit has other rows for each member. Pass one mask (m,), or combine='mean'."
                )
            if self._shared and (masks != masks[0]).any():
                raise ValueError(
                    "shared_weights=True trains the shared weights on the rows of all members, but the 'validation'"
                    " array of fit has other rows for each member. Pass one mask (m,)."
                )
            return masks
        if way == "folds":
            return member_rows.fold_masks(y, targets, plan.n_folds, groups, n, self._seed)
        seeds = [network._configuration.seed for network in self._networks]
        if self._combine == "greedy" or self._shared:
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
            c = inputs.embedded(network._configuration)
            trainer = network._drawn(inputs)
            trainer.check_schedule(c.optimizer)
            inputs.set_in(trainer.stack, statistics)
            members.append(Member(i, c, trainer))
        return members

    def _sharing(self, members: Sequence[Member]) -> SharedWeights | None:
        """Return the weights that new members share; None if each has its own."""
        if not self._shared:
            return None
        from ..training.sharing import share_weights  # imported here to keep `import compiled_nn` fast

        return share_weights(members, self._seed)

    def _statistics_for(self, read: EnsembleData) -> Statistics | None:
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


def in_training(members: Sequence[Member]) -> tuple[KeptMember, ...]:
    """Return members whose weights are those of the last step of training."""
    return tuple(
        KeptMember(member.index, member.configuration, member.trainer.stack, 1.0, 0, member.history)
        for member in members
    )
