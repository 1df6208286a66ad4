"""Sharded rows: the interface through which models are trained on rows that are spread over several processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.random import Generator

    from cnn_core.stack import Objective

    from ..data.arrays import Array
    from ..data.samples import Samples
    from ..preprocessing.standardization import Statistics
    from ..spec.configuration import Configuration
    from .batches import Batches
    from .loop import ClosingSource
    from .member import Member
    from .plan import Plan
    from .targets import Targets
    from .together import Together
    from .trainer import Trainer
    from .validation import Validation


@dataclass(frozen=True, eq=False, kw_only=True)
class Request:
    """Properties of the rows that a model learns from all shards before it is trained.

    Attributes
    ----------
    configuration : Configuration
        Parameters of the network.
    seed : int
        Seed of the split into training rows and validation rows.
    inputs : Inputs or None
        Inputs that are known from earlier training; None to learn them.
    targets : Targets or None
        Encoding of y that is known from earlier training or from `classes`; None to learn it.
    n_columns : int or None
        Number of columns that X must have; None for any number.
    class_weight : "balanced", dict or None
        Weight of each class.
    validation_fraction : float or None
        Fraction of the rows of each part that is held out; None for no rows.
    statistics : bool
        Whether to learn the statistics of the scaling.
    bins : bool
        Whether to learn the bins of the columns of numbers.
    """

    configuration: Configuration
    seed: int
    inputs: Any = None
    targets: Targets | None = None
    n_columns: int | None = None
    class_weight: Any = None
    validation_fraction: float | None = None
    statistics: bool = False
    bins: bool = False
    make_targets: Callable[[Any], Targets] | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Learned:
    """Properties learned from all shards.

    Attributes
    ----------
    inputs : Inputs
        Inputs, with the encoder, the bins and what was seen of the columns.
    targets : Targets
        Encoding of y, with the scaling of values.
    n_rows : tuple of int
        Number of training rows of each part, without the rows that are held out.
    weights : tuple of float
        Sum of the weights of the training rows of each part, sample weight times class weight; the number of rows if
        there are none.
    seed : int
        Seed of the split; parts are loaded with it.
    statistics : Statistics or None
        Statistics of the scaling; None if they are not requested.
    class_weights : ndarray (n_classes,) or None
        Factor of the weights of the rows of each class; None if all are 1.
    held_out : Validation or None
        Validation rows, gathered from all parts, without metrics.
    n_held_out : tuple of int
        Number of rows of each part that are held out; empty if there are none.
    sample : ndarray (m, k), SparseRows or None
        Some training rows, converted for the core.
    sample_y : ndarray (m,) or (m, n), optional
        Labels or values of the rows of `sample`, as given.
    y : ndarray (m,) or (m, n)
        An y of a few rows, as given, with all classes.
    counts : ndarray (n_classes,) or None
        Number of rows of each class in all parts, with those that are held out; None if y has no classes, or
        several per row.
    """

    inputs: Any
    targets: Targets
    n_rows: tuple[int, ...]
    weights: tuple[float, ...]
    seed: int
    statistics: Statistics | None = None
    class_weights: Array | None = None
    held_out: Validation | None = None
    n_held_out: tuple[int, ...] = ()
    sample: Samples | None = None
    sample_y: Any = None
    y: Any = None
    counts: Array | None = None


def refuse_y(y: object) -> None:
    """Raise a ValueError if y is given with sharded rows."""
    if y is not None:
        raise ValueError("y is given, but X is ShardedRows, whose parts are pairs (X, y). Leave y out.")


class Sharded(ABC):
    """Base class of rows that models take in place of X, with y=None, and that are trained on where they are."""

    @abstractmethod
    def check_plan(self, plan: Plan, configuration: Configuration) -> None:
        """Raise ValueError if a parameter of fit, or of the network, cannot be used with sharded rows."""

    @abstractmethod
    def learn(self, request: Request) -> Learned:
        """Return the properties that the shards have in common."""

    @abstractmethod
    def epochs(
        self,
        trainer: Trainer,
        learned: Learned,
        plan: Plan,
        configuration: Configuration,
        objective: Objective,
    ) -> ClosingSource:
        """Return the object that runs epochs over the shards.

        Parameters
        ----------
        trainer : Trainer
            Trainer of the network, which has the state of training.
        learned : Learned
            Result of :meth:`learn`.
        plan : Plan
            Parameters of fit.
        configuration : Configuration
            Parameters of the network, with the layer of its embeddings.
        objective : Objective
            Function to minimise.
        """

    @abstractmethod
    def members(
        self, members: Sequence[Member], rng: Generator, learned: Learned, plan: Plan
    ) -> tuple[Together, Batches]:
        """Return the object that trains several networks together over the shards, and the batches of its epochs.

        Parameters
        ----------
        members : sequence of Member
            All members, in the order of the ensemble.
        rng : numpy.random.Generator
            Generator of the order of the rows.
        learned : Learned
            Result of :meth:`learn`.
        plan : Plan
            Parameters of fit.
        """

    @abstractmethod
    def trained(self, learned: Learned, fraction: float | None) -> tuple[int, int]:
        """Return about the numbers of training rows of all shards, and of the longest, if a fraction is held out."""


class _Wrapped(Sharded):
    """Base class of sharded rows of which something is known already."""

    def __init__(self, rows: Sharded) -> None:
        self.rows = rows

    def check_plan(self, plan: Plan, configuration: Configuration) -> None:
        """Raise ValueError for what cannot be used; documented in :meth:`Sharded.check_plan`."""
        self.rows.check_plan(plan, configuration)

    def epochs(self, *arguments: Any) -> ClosingSource:
        """Return the object that runs epochs; documented in :meth:`Sharded.epochs`."""
        return self.rows.epochs(*arguments)

    def members(self, *arguments: Any) -> tuple[Together, Batches]:
        """Return the object that trains several networks; documented in :meth:`Sharded.members`."""
        return self.rows.members(*arguments)

    def trained(self, learned: Learned, fraction: float | None) -> tuple[int, int]:
        """Return the numbers of training rows; documented in :meth:`Sharded.trained`."""
        return self.rows.trained(learned, fraction)


class LearnedRows(_Wrapped):
    """Sharded rows from which everything was learned already.

    Parameters
    ----------
    rows : Sharded
        Rows.
    learned : Learned
        Properties of the rows.
    """

    def __init__(self, rows: Sharded, learned: Learned) -> None:
        super().__init__(rows)
        self._learned = learned

    def __len__(self) -> int:
        return sum(self._learned.n_rows)

    def learn(self, request: Request) -> Learned:
        """Return the known properties, whatever the request is."""
        return self._learned


class KnownRows(_Wrapped):
    """Sharded rows whose columns and classes are known, from which the rest is still to be learned.

    Parameters
    ----------
    rows : Sharded
        Rows.
    inputs : Inputs
        Inputs of the networks.
    targets : Targets or None
        Encoding of y, if it is known.
    """

    def __init__(self, rows: Sharded, inputs: Any, targets: Targets | None) -> None:
        super().__init__(rows)
        self._inputs, self._targets = inputs, targets

    def learn(self, request: Request) -> Learned:
        """Return the properties of all rows, with the known inputs and classes."""
        return self.rows.learn(
            replace(request, inputs=self._inputs, targets=self._targets or request.targets)
        )
