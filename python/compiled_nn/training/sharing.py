"""Weights that the members of an ensemble share in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..callbacks.checkpoint import Checkpoint
from .stacks import SharedWeights
from .trainer import new_generator

if TYPE_CHECKING:
    from .ensemble_plan import EnsemblePlan
    from .member import Member


def check_plan(plan: EnsemblePlan, *, resumes: bool, has_state: bool) -> None:
    """Check that members that share weights can be trained by a plan.

    Parameters
    ----------
    plan : EnsemblePlan
        Parameters of fit.
    resumes : bool
        Whether the ensemble is fitted.
    has_state : bool
        Whether the ensemble has its state of training.

    Raises
    ------
    ValueError
        If members would have different rows or numbers of epochs, or the shared weights are not known.
    """
    if isinstance(plan.validation, str) and plan.validation == "folds":
        raise ValueError(
            "validation='folds' cannot be used with shared_weights=True: the shared weights would be trained on the"
            " rows that a member validates. Pass validation='random', one mask (m,), or validation_data."
        )
    if plan.halving:
        raise ValueError(
            "halving cannot be used with shared_weights=True, whose members are trained together; leave it out."
        )
    if any(isinstance(each, Checkpoint) for each in plan.plan.callbacks):
        raise ValueError(
            "Checkpoint cannot be used with shared_weights=True, because files have no shared weights. Leave it out,"
            " and save the ensemble after fit."
        )
    if plan.plan.resume and resumes and not has_state:
        raise ValueError(
            "warm_start=True needs the shared weights of an ensemble with shared_weights=True, which files, pickles and"
            " refit=True do not keep. Fit it again, without warm_start."
        )


def share_weights(members: Sequence[Member], seed: int | None) -> SharedWeights:
    """Let new members share the weights of the first one, in all layers but the last.

    Parameters
    ----------
    members : sequence of Member
        Members with their initial weights.
    seed : int or None
        Seed of the factors of the inputs, which are -1 or 1 with equal probabilities.
    """
    stacks = [member.trainer.stack for member in members]
    generator = new_generator(seed).spawn(1)[
        0
    ]  # the order of the rows has the numbers of the generator itself
    signs = generator.integers(0, 2, (len(stacks), stacks[0].sizes[0])) * 2 - 1
    return SharedWeights(stacks, signs)
