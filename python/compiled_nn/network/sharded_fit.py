"""Preparation of a call of fit on sharded rows, and what it shares with that on rows in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..artefact.outputs import Outputs
from ..training.history import new_history
from ..training.levels import check_columns
from .losses import Losses
from .prediction import Prediction
from .run import Run
from .state import State

if TYPE_CHECKING:
    from ..artefact.inputs import Inputs
    from ..data.samples import Samples
    from ..preprocessing.standardization import Statistics
    from ..training.plan import Plan
    from ..training.sharded import Sharded
    from ..training.targets import Targets
    from ..training.trainer import Trainer


class ShardedFitting(Prediction, Losses, State):
    """Methods of a network that prepare training on sharded rows."""

    def _prepare_sharded(self, X: Sharded, plan: Plan, targets: Targets | None, *, continues: bool) -> Run:
        """Prepare trainer and source for a plan. If this raises an error, the network is unchanged.

        `targets` are the encoding of y, if it is known; `continues` is whether the call is partial_fit.
        """
        from ..training import validation  # imported here to keep `import compiled_nn` fast
        from ..training.sharded import Request

        if continues:
            raise ValueError(
                "partial_fit needs X and y in memory, but X is ShardedRows. Use fit with warm_start=True, which"
                " continues from the present weights."
            )
        c = self._configuration
        X.check_plan(plan, c)
        resume = plan.resume and self._trainer is not None
        known = self._inputs if resume else None
        if (
            known is not None
            and self._outputs.learned is None
            and known.encoder is None
            and known.bins is None
        ):
            known = None
        trainer = self._trainer if resume and (known is None or not self._lacks_bins(known)) else None
        request = Request(
            configuration=c,
            seed=int(np.random.SeedSequence(c.seed).generate_state(1)[0]),
            inputs=known,
            targets=targets,
            n_columns=self._n_columns(resume),
            class_weight=plan.class_weight,
            validation_fraction=plan.validation_fraction,
            statistics=c.scaling is not None and (trainer is None or trainer.stack.statistics is None),
            bins=c.bins is not None and (known is None or known.bins is None),
        )
        learned = X.learn(request)
        held_out = validation.read_given(plan, c, learned.targets, learned.inputs)
        if learned.held_out is not None:
            held_out = learned.held_out._replace(metrics=plan.metrics)
        trainer = self._begin_with_statistics(
            trainer,
            learned.inputs,
            learned.statistics,
            learned.targets,
            resume,
            learned.sample,
            plan.averaging is not None,
        )
        objective = self._objective()
        source = X.epochs(trainer, learned, plan, self._configuration, objective)
        return Run(trainer, None, objective, source, held_out, sharded_rows=sum(learned.n_rows))

    def _begin_with_statistics(
        self,
        trainer: Trainer | None,
        inputs: Inputs,
        statistics: Statistics | None,
        targets: Targets | None,
        resume: bool,
        X: Samples | None,
        averages: bool,
    ) -> Trainer:
        """Do the part of :meth:`_begin` that follows what is learned from X; None draws new weights.

        `statistics` are None if they are known already, or not needed.
        """
        is_new = trainer is None
        trainer = trainer or self._drawn(inputs)
        trainer.check_schedule(self.optimizer)
        if is_new or statistics is not None:
            inputs.set_in(trainer.stack, statistics)
        if X is not None and not trainer.stack.steps and self._configuration.scaling is None:
            check_columns(X, self._configuration.dtype, None if inputs.encoder else inputs.names)
        configuration = inputs.embedded(self._configuration)
        self._begin_with(
            _configuration=configuration,
            _trainer=trainer,
            _inputs=inputs,
            _outputs=Outputs.of(configuration, targets),
            history=self.history if resume else new_history(),
        )
        trainer.restore_weights(averages=averages)
        self._weights_changed()
        return trainer
