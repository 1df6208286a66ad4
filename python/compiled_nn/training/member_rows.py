"""Validation rows of each member of an ensemble: at random, in folds, or as given by the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.errors import count
from ..data.arrays import Array
from .stacks import new_objective
from .targets import Targets
from .validation import by_groups, classes_of, codes_of_groups, split_rows

if TYPE_CHECKING:
    from .member import Member
    from .validation import Validation


def random_masks(
    y: Array, targets: Targets, fraction: float, groups: Any, seeds: Sequence[int | None]
) -> Array:
    """Return masks (n_members, m) of validation rows, drawn at random with the seed of each member.

    The rows are those that a lone network with this seed holds out, except that classes of a single row, which cannot
    be divided, are never validated.
    """
    labels = classes_of(y, targets)
    usable = np.arange(len(y))
    if labels is not None and groups is None:
        counts = np.bincount(labels)
        usable = np.flatnonzero(counts[labels] > 1)
    if len(usable) < 2 and groups is None:
        raise ValueError(
            f"validation='random' divides the rows of each class, but no class has 2 of the {count(len(y), 'row')}."
            " Pass validation=None, or validation_data."
        )
    masks = np.zeros((len(seeds), len(y)), np.bool_)
    for mask, seed in zip(masks, seeds, strict=True):
        if groups is None:
            mask[usable[split_rows(y[usable], targets, fraction, None, seed)[0]]] = True
        else:
            mask[by_groups(len(y), groups, fraction, seed)[0]] = True
    return masks


def fold_masks(
    y: Array, targets: Targets, n_folds: int, groups: Any, n_members: int, seed: int | None
) -> Array:
    """Return masks (n_members, m) of validation rows: fold ``i % n_folds`` of repeat ``i // n_folds`` for member i.

    Each row is in one fold of a repeat. Folds are drawn at random and have as many rows of each class as possible,
    or consist of whole groups of about the same number of rows.
    """
    labels = classes_of(y, targets) if groups is None else None
    codes = None if groups is None else codes_of_groups(len(y), groups)
    n_units = len(y) if codes is None else int(codes.max()) + 1
    if n_folds > n_units:
        unit = "row" if codes is None else "group"
        raise ValueError(
            f"validation='folds' needs at least one {unit} for each of {n_folds} folds; there"
            f" {'is' if n_units == 1 else 'are'} {count(n_units, unit)}."
        )
    generator = np.random.PCG64(seed)
    masks = np.zeros((n_members, len(y)), np.bool_)
    for first in range(0, n_members, n_folds):
        order = np.argsort(generator.random_raw(n_units), kind="stable")
        folds = _row_folds(order, labels, n_folds) if codes is None else _group_folds(order, codes, n_folds)
        for i in range(first, min(first + n_folds, n_members)):
            masks[i] = folds == i - first
    return masks


def _row_folds(order: Array, labels: Array | None, n_folds: int) -> Array:
    """Return the fold of each row: the rows of a class, in random order, are dealt to the folds in turn."""
    dealt = order if labels is None else order[np.argsort(labels[order], kind="stable")]
    folds = np.empty(len(order), np.intp)
    folds[dealt] = np.arange(len(order)) % n_folds
    return folds


def _group_folds(order: Array, codes: Array, n_folds: int) -> Array:
    """Return the fold of each row: groups, the largest first, go to the fold with the fewest rows."""
    sizes = np.bincount(codes)
    rows, fold_of = np.zeros(n_folds, np.intp), np.empty(len(sizes), np.intp)
    for group in order[np.argsort(-sizes[order], kind="stable")].tolist():
        fold_of[group] = rows.argmin()
        rows[fold_of[group]] += sizes[group]
    folds: Array = fold_of[codes]
    return folds


def given_masks(value: Any, n_members: int, m: int) -> Array:
    """Return the masks (n_members, m) given by the user: one for each member, or one for all of them.

    Raises
    ------
    TypeError, ValueError
        If they are not bool, or have another shape.
    """
    masks = np.asarray(value)
    if masks.dtype != np.bool_:
        raise TypeError(
            "The 'validation' parameter of fit must be 'auto', 'random', 'folds', None or an array of bool, True for"
            f" validation rows. Got {value!r} instead."
            if masks.dtype.kind in "OUS" or masks.ndim == 0
            else f"The 'validation' array of fit has dtype {masks.dtype}; expected bool, True for validation rows."
        )
    if masks.shape not in ((m,), (n_members, m)):
        raise ValueError(
            f"The 'validation' array of fit has shape {masks.shape}; expected ({n_members}, {m}), one row for each"
            f" member, or ({m},)."
        )
    return np.broadcast_to(masks, (n_members, m)).copy()


def check_masks(masks: Array, weights: Array | None) -> None:
    """Raise ValueError if a member has no rows, or no rows of a weight above 0, to train or to validate on."""
    used = np.ones(masks.shape[1], np.bool_) if weights is None else weights > 0
    for i, mask in enumerate(masks):
        for part, rows in (("validation", mask), ("training", ~mask)):
            if not (rows & used).any():
                what = "rows" if not rows.any() else "rows of a weight above 0"
                raise ValueError(
                    f"Member {i} has no {part} {what}. Pass another validation, or validation=None."
                )


def set_objectives(
    members: Sequence[Member],
    weights: Array | None,
    masks: Array | None,
    held_out: Validation | None,
    n_threads: int | None,
) -> None:
    """Set the objectives and validation rows of members.

    Parameters
    ----------
    members : sequence of Member
        Members; they use the masks in turn, if these are fewer.
    weights : ndarray (m,), or None
        Weights of the rows; validation rows of a member have the weight 0.
    masks : ndarray of bool (n, m), or None
        Validation rows.
    held_out : Validation or None
        Rows from which the members' `rows` are validated.
    n_threads : int or None
        Number of threads.
    """
    given = () if masks is None else masks
    trained = [np.where(mask, 0.0, 1.0 if weights is None else weights) for mask in given]
    validated = [np.flatnonzero(mask) for mask in given]
    for member in members:
        objective = new_objective(member.configuration, n_threads)
        plain = new_objective(member.configuration, n_threads, smoothed=False)
        own = weights
        if trained:
            i = member.index % len(trained)
            own, member.rows = trained[i], validated[i]
        member.objective = objective.replace(weights=own, penalty_per_row=member.penalty_per_row)
        member.validating = plain.replace(weights=None if held_out is None else held_out.weights)
