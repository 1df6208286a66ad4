"""Parts of the rows that train works with: to train on, to stop early and calibrate with, and to test with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...data import rows
from ...datasets import splits
from ...training import validation
from ..support.terminal import UsageError, print_note

Indices = NDArray[np.intp]

FEWEST_TO_SPLIT = 10
TEST_FRACTION = 0.2  # of the rows, by default
SEED = 0  # of the test part
_ROWS_PER_CLASS = 2  # fewest that a class needs to be in two parts
_LISTED = 5  # classes in a note


@dataclass(frozen=True)
class Part:
    """Rows with their targets and weights.

    Attributes
    ----------
    X : ndarray (m, ...) or Table
        Features.
    y : ndarray (m,) or (m, n)
        Targets.
    weights : ndarray (m,), optional
        Weights; None if all rows have the same.
    """

    X: Any
    y: NDArray[Any]
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def filled(self) -> tuple[Any, ...]:
        """Return the rows, their targets and, if they have any, their weights."""
        return (self.X, self.y) if self.weights is None else (self.X, self.y, self.weights)

    def take(self, indices: Indices) -> Part:
        """Return the rows with these indices."""
        weights = None if self.weights is None else self.weights[indices]
        return Part(rows.take(self.X, indices), self.y[indices], weights)

    @staticmethod
    def concatenate(parts: Sequence[Part]) -> Part:
        """Return the rows of all parts."""
        parts = [part for part in parts if len(part)] or list(parts[:1])
        if len(parts) == 1:
            return parts[0]
        weights = [part.weights for part in parts if part.weights is not None]
        return Part(
            rows.concatenate([part.X for part in parts]),
            np.concatenate([part.y for part in parts]),
            np.concatenate(weights) if weights else None,
        )


class Rule(NamedTuple):
    """How rows are held out.

    Attributes
    ----------
    strata : ndarray (m,), optional
        Class of each row, which has the same share in all parts; None: no classes.
    time : ndarray (m,), optional
        Moment of each row: the last ones are held out, and rows of the same moment are in the same part.
    groups : ndarray (m,), optional
        Group of each row: whole groups are held out.
    """

    strata: NDArray[Any] | None = None
    time: NDArray[Any] | None = None
    groups: NDArray[Any] | None = None

    @property
    def is_stratified(self) -> bool:
        """Whether classes have the same share in all parts."""
        return self.strata is not None and self.time is None and self.groups is None

    def take(self, indices: Indices) -> Rule:
        """Return the rule for the rows with these indices."""
        return Rule(*(None if each is None else each[indices] for each in self))


@dataclass(frozen=True)
class Parts:
    """Parts of the rows.

    Attributes
    ----------
    train : Part
        Rows to train on.
    validation : Part
        Rows to stop early and calibrate with; it can be empty.
    test : Part
        Rows to test with; it can be empty.
    rule : Rule
        Rule for rows of `train`.
    split : dict or None
        Description of the split into test rows and others; None if train has not split them.
    """

    train: Part
    validation: Part
    test: Part
    rule: Rule
    split: dict[str, Any] | None

    @cached_property
    def fitted(self) -> Part:
        """Rows of `train` and `validation`."""
        return Part.concatenate([self.train, self.validation])


def tested(rows_: Part, rule: Rule, own_test: Part | None, fraction: float | None, name: str) -> Parts:
    """Return the rows in a training part and a test part, without a validation part.

    Parameters
    ----------
    rows_ : Part
        Rows that may be trained on.
    rule : Rule
        How they are held out.
    own_test : Part or None
        Test part of the data set itself.
    fraction : float or None
        Share of the test rows. None: the own test part; without one, a fifth, or none of fewer than 10 rows.
    name : str
        Name of the data.
    """
    none = rows_.take(np.empty(0, np.intp))
    if own_test is not None:
        return Parts(rows_, none, own_test, rule, None)
    m = len(rows_)
    if fraction is None:
        fraction = TEST_FRACTION if m >= FEWEST_TO_SPLIT else 0.0
    if fraction == 0:
        return Parts(rows_, none, none, rule, None)
    if m < 2:
        raise ValueError(
            f"{name} has 1 row, which cannot be split into training and test rows; give --test-fraction 0"
        )
    held_out, others = hold_out(m, fraction, rule, SEED)
    held_out = np.sort(held_out)  # the order in which evaluate finds them, so that scores have the same bits
    if rule.is_stratified and rule.strata is not None:
        note_rare(rule.strata)
    split = {"fraction": fraction, "seed": SEED, "stratified": rule.is_stratified} if len(held_out) else None
    return Parts(rows_.take(others), none, rows_.take(held_out), rule.take(others), split)


def validated(parts: Parts, fraction: float, seed: int) -> Parts:
    """Return the parts with a share of the training rows as validation part, which stays empty if it can have none."""
    m, rule = len(parts.train), parts.rule
    distinct = rule.groups if rule.groups is not None else rule.time
    if m < 2 or (distinct is not None and len(np.unique(distinct)) < 2):
        return parts
    held_out, others = (np.sort(each) for each in hold_out(m, fraction, rule, seed))
    train = parts.train
    return replace(parts, train=train.take(others), validation=train.take(held_out), rule=rule.take(others))


def check_classes(parts: Parts, classes: NDArray[Any]) -> None:
    """Raise a ValueError if there is only one class to train on; print a note that names classes which are held out."""
    trained = np.unique(parts.train.y)
    absent = np.setdiff1d(classes, trained).tolist()
    if not absent:
        return
    if len(trained) < 2:
        raise ValueError(
            f"all rows to train on have the class {trained[0].item()!r}, because those of {_named(absent)} are held "
            "out; hold out other rows, such as without --time or --group, or with a smaller --test-fraction"
        )
    print_note(
        f"{_named(absent)} is in no row to train on, so that it is never predicted"
        if len(absent) == 1
        else f"{_named(absent)} are in no row to train on, so that they are never predicted"
    )


def _named(classes: Sequence[Any]) -> str:
    """Return classes for a message."""
    more = f" and {len(classes) - _LISTED} more" if len(classes) > _LISTED else ""
    names = ", ".join(map(repr, classes[:_LISTED])) + more
    return f"class {names}" if len(classes) == 1 else f"classes {names}"


def hold_out(m: int, fraction: float, rule: Rule, seed: int) -> tuple[Indices, Indices]:
    """Return the indices of the rows that are held out and of the others.

    Rows of a class with a single row are not held out.

    Parameters
    ----------
    m : int
        Number of rows, at least 2.
    fraction : float
        Share of the rows to hold out, above 0 and below 1.
    rule : Rule
    seed : int
        Seed of the draw.

    Raises
    ------
    UsageError
        If all rows have the same moment, or are in the same group.
    """
    if rule.time is not None:
        return _latest(rule.time, fraction)
    if rule.groups is not None:
        return validation.by_groups(m, rule.groups, fraction, seed)
    if rule.strata is None:
        held_out, others = splits.split_rows(np.zeros(m), np.zeros(m), [fraction], seed, False, "train")
        return held_out, others
    _, codes, counts = np.unique(rule.strata, return_inverse=True, return_counts=True)
    (frequent,) = np.nonzero(counts[codes] >= _ROWS_PER_CLASS)
    if not len(frequent):
        return frequent, np.arange(m)
    strata = codes[frequent]
    held_out, others = splits.split_rows(strata, strata, [fraction], seed, True, "train")
    (rare,) = np.nonzero(counts[codes] < _ROWS_PER_CLASS)
    return frequent[held_out], np.concatenate([frequent[others], rare])


def _latest(time: NDArray[Any], fraction: float) -> tuple[Indices, Indices]:
    """Return the rows of the last moments, as many as come nearest to the share, and the others."""
    moments, counts = np.unique(time, return_counts=True)
    if len(moments) < 2:
        raise UsageError(
            f"the column of --time has the same value, {_moment(moments[0])}, in all rows, so that no row is the last; "
            "omit --time"
        )
    wanted = fraction * len(time)
    later = counts[::-1].cumsum()[:-1]  # number of rows from a moment on, for all moments but the first one
    chosen = int(np.argmin(abs(later - wanted)))
    if len(time) - later[chosen] < (len(time) - wanted) / 2:
        raise UsageError(
            f"the column of --time has the value {_moment(moments[len(moments) - 1 - chosen])} or a later one in "
            f"{later[chosen]:,} of {len(time):,} rows, so that too few earlier rows are left to train on; omit --time"
        )
    is_late = time >= moments[len(moments) - 1 - chosen]
    return np.flatnonzero(is_late), np.flatnonzero(~is_late)


def _moment(value: Any) -> str:
    """Return a date or number as text; dates without a time of day, if it is midnight."""
    return str(value).removesuffix("T00:00:00.000000")


def note_rare(strata: NDArray[Any]) -> None:
    """Print a note that names the classes with a single row."""
    classes, counts = np.unique(strata, return_counts=True)
    rare = classes[counts < _ROWS_PER_CLASS].tolist()
    if rare:
        has = "has" if len(rare) == 1 else "have"
        print_note(
            f"{_named(rare)} {has} 1 row, which is trained on and not tested; a score says nothing about it"
        )
