"""Sources of epochs: the two ways in which a driver trains a network on shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..training.divergence import Divergence

if TYPE_CHECKING:
    from cnn_core.stack import Objective

    from ..common.protocols import History
    from ..optimizers.classes import Optimizer
    from ..spec.configuration import Configuration
    from ..training.loop import OnStep
    from ..training.plan import Plan
    from ..training.sharded import Learned
    from ..training.trainer import Trainer
    from .parts import Shards


class Rounds:
    """Epochs over shards, as rounds of one exchange between the driver and the workers.

    Parameters
    ----------
    shards : Shards
        Parts, and where tasks run.
    trainer : Trainer
        Trainer of the network, which has the state of training.
    learned : Learned
        Properties learned from all shards.
    plan : Plan
        Parameters of fit.
    configuration : Configuration
        Parameters of the network, with the layer of its embeddings.
    objective : Objective
        Function to minimise.

    Attributes
    ----------
    has_stepped : bool
        Whether a step was taken.
    """

    finished: str | None = None

    def __init__(
        self,
        shards: Shards,
        trainer: Trainer,
        learned: Learned,
        plan: Plan,
        configuration: Configuration,
        objective: Objective,
    ) -> None:
        self.shards, self.trainer, self.learned, self.plan = shards, trainer, learned, plan
        self.configuration, self.objective = configuration, objective
        self.has_stepped = False

    def run(
        self, optimizer: Optimizer, most: int, deadline: float, on_step: OnStep | None = None
    ) -> tuple[History, Divergence | None]:
        """Train for one epoch, whatever `most` is; documented in :meth:`compiled_nn.training.loop.InMemory.run`."""
        raise NotImplementedError

    def close(self) -> None:
        """Release what workers hold."""


class Synchronous(Rounds):
    """Steps with the gradient of rows of all shards."""


class Averaging(Rounds):
    """Steps of each shard, and averages of the weights."""
