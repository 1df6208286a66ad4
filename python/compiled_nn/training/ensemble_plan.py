"""Checked parameters of a call of fit of an ensemble, except for its data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..callbacks.base import overrides
from ..callbacks.stopping import EarlyStopping
from ..common import checks
from .plan import Plan, make_plan
from .together import MONITORED, Monitored

if TYPE_CHECKING:
    from ..data.arrays import Array

Ways: TypeAlias = Literal["auto", "random", "folds"]
WAYS: tuple[Ways, ...] = ("auto", "random", "folds")
Combination: TypeAlias = Literal["mean", "greedy"]
COMBINATIONS: tuple[Combination, ...] = ("mean", "greedy")
DEFAULT_FRACTION = 0.2


@dataclass(frozen=True, eq=False, kw_only=True)
class EnsemblePlan:
    """Parameters of one call of fit of an ensemble, which documents them.

    Attributes
    ----------
    plan : Plan
        Parameters that a network has as well.
    validation : {"random", "folds"}, array of bool, or None
        Way in which the validation rows of the members are chosen; None if they are none of the rows of X.
    fraction : float
        Fraction of the rows that each member validates, for "random".
    n_folds : int
        Number of folds, for "folds"; otherwise 1.
    """

    plan: Plan
    validation: Literal["random", "folds"] | Array | None
    fraction: float
    n_folds: int
    monitor: Monitored
    patience: int | None
    halving: tuple[float, ...]
    refit: bool

    @property
    def validates(self) -> bool:
        """Whether there are validation rows."""
        return self.validation is not None or self.plan.validation_data is not None


def make_ensemble_plan(
    *,
    n_members: int,
    combine: Combination,
    validation: Any,
    validation_fraction: Any,
    n_folds: Any,
    monitor: object,
    patience: object,
    halving: object,
    refit: object,
    **others: Any,
) -> EnsemblePlan:
    """Check the parameters of fit and return them as a plan.

    Parameters
    ----------
    n_members, combine
        Parameters of the ensemble.
    validation, validation_fraction, n_folds, monitor, patience, halving, refit
        Parameters of :meth:`compiled_nn.Ensemble.fit`.
    **others
        Its other parameters, which are those of a network.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or has no effect with another one.
    """
    plan = make_plan(
        **others,
        callback=None,
        early_stopping=None,
        target=None,
        averaging=None,
        metrics=(),
        validation_fraction=None,
        n_batches=None,
        accumulate=1,
        drop_last=False,
    )
    _check_callbacks(plan)
    way = _way(validation, plan)
    result = EnsemblePlan(
        plan=plan,
        validation=way,
        fraction=_fraction(validation_fraction, way),
        n_folds=_n_folds(n_folds, way, n_members),
        monitor=checks.choice("fit", "monitor", monitor, MONITORED),
        patience=checks.optional_integer("fit", "patience", patience, minimum=1),
        halving=_fractions(halving),
        refit=checks.flag("fit", "refit", refit),
    )
    _check_effects(result, combine, n_members, monitor)
    return result


def _way(validation: Any, plan: Plan) -> Any:
    if isinstance(validation, str):
        checks.choice("fit", "validation", validation, WAYS)
    has_data = plan.validation_data is not None
    if isinstance(validation, str) and validation == "auto":
        return None if has_data else "random"
    if has_data and validation is not None:
        name = repr(validation) if isinstance(validation, str) else "an array"
        raise ValueError(
            f"validation is {name}, but validation_data is given as well; leave one of them out."
        )
    return validation


def _fraction(value: Any, way: Any) -> float:
    if value is None:
        return DEFAULT_FRACTION
    if not (isinstance(way, str) and way == "random"):
        raise ValueError(
            f"validation_fraction={value!r} has no effect without validation='random'; leave it out."
        )
    return checks.real("fit", "validation_fraction", value, above=0, below=1)


def _n_folds(value: Any, way: Any, n_members: int) -> int:
    if not (isinstance(way, str) and way == "folds"):
        if value is not None:
            raise ValueError(f"n_folds={value!r} has no effect without validation='folds'; leave it out.")
        return 1
    if n_members < 2:
        raise ValueError("validation='folds' needs at least 2 members; the ensemble has 1.")
    if value is None:
        return n_members
    n_folds = checks.integer("fit", "n_folds", value, minimum=2)
    if n_folds > n_members:
        raise ValueError(
            f"n_folds is {n_folds}, but the ensemble has {n_members} members, so that some folds would never be"
            " validated. Pass fewer folds, or more members."
        )
    return n_folds


def _fractions(value: Any) -> tuple[float, ...]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(
            "The 'halving' parameter of fit must be a list of fractions of the epochs, such as (0.25, 0.5), or None."
            f" Got {value!r} instead."
        )
    return tuple(sorted(checks.real("fit", "halving", each, above=0, below=1) for each in value))


def _check_effects(plan: EnsemblePlan, combine: Combination, n_members: int, monitor: object) -> None:
    """Raise ValueError for a parameter that another one leaves without an effect."""
    if not plan.validates:
        needing = {
            "patience": plan.patience is not None,
            "halving": bool(plan.halving),
            "refit": plan.refit,
            "combine='greedy'": combine == "greedy",
            "validation_groups": plan.plan.validation_groups is not None,
            f"monitor={monitor!r}": monitor != MONITORED[0],
        }
        name = next((name for name, is_given in needing.items() if is_given), None)
        if name is not None:
            raise ValueError(
                f"{name} needs validation rows; validation is None and there is no validation_data."
            )
    if plan.refit and plan.validation is None:
        raise ValueError(
            "refit=True has no effect with validation_data: the members are trained on all rows of X already."
        )
    groups = plan.plan.validation_groups is not None
    if groups and not isinstance(plan.validation, str):
        raise ValueError(
            "validation_groups has an effect with validation='random' and 'folds' only; leave it out."
        )
    if plan.refit and plan.plan.resume:
        raise ValueError(
            "refit=True starts from the initial weights, so that warm_start has no effect; leave one out."
        )
    n_units = -(-n_members // plan.n_folds)
    if plan.halving and n_units < 2:
        raise ValueError(
            "halving drops members, but with folds all members of a repeat are needed. Pass n_folds of at most half the"
            " number of members."
            if plan.n_folds > 1
            else "halving needs at least 2 members; the ensemble has 1."
        )
    if combine == "greedy" and plan.n_folds > 1 and n_members % plan.n_folds:
        raise ValueError(
            f"combine='greedy' compares complete repeats of the folds; the number of members, {n_members}, is not a"
            f" multiple of the number of folds, {plan.n_folds}."
        )


def _check_callbacks(plan: Plan) -> None:
    """Raise ValueError for a callback that cannot be used with several networks."""
    for each in plan.callbacks:
        if isinstance(each, EarlyStopping):
            raise ValueError("EarlyStopping is for one network; pass patience to the fit of an ensemble.")
        if overrides(each, "on_batch_end"):
            raise ValueError(
                f"{type(each).__name__} has on_batch_end, but the batches of all members are trained in one call. Use"
                " on_epoch_end."
            )
