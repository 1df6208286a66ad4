"""Candidates that are ensembles themselves: each is fitted alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from ..common.errors import DivergenceError, located
from . import outcomes
from .options import Options
from .outcomes import Outcome
from .space import Params
from .subjects import TabularSubject, described


def compare_alone(
    subject: TabularSubject, params: Sequence[Params], options: Options
) -> tuple[Any, list[Outcome]]:
    """Fit each candidate; return the model of the best one, and the outcomes.

    Raises
    ------
    ValueError
        If an option of the search has no effect on these estimators.
    """
    _check(subject, options)
    best, models = None, []
    compared: list[Outcome] = []
    for i, each in enumerate(params):
        with located(described(i, each)):
            models.append(subject.candidate_model(each, options.seed))
    for each, model in zip(params, models, strict=True):
        found = _fitted(model, each, options)
        if found.value < min((other.value for other in compared), default=math.inf):
            best = model
        compared.append(found)
    outcomes.best_of(compared, options.monitor)  # raises an error if there is none
    return best, compared


def _check(subject: TabularSubject, options: Options) -> None:
    without_effect = {
        "validation": not (options.validation is None or options.validation == "random"),
        "validation_fraction": options.validation_fraction is not None,
        "n_threads": options.n_threads is not None,
    }
    for name, is_given in without_effect.items():
        if is_given:
            raise ValueError(
                f"{name} is a parameter of {subject.owner}, which validates its own members. Set it there, not in the"
                " search."
            )


def _fitted(model: Any, params: Params, options: Options) -> Outcome:
    """Fit a candidate, and return its outcome."""
    start, monitor = perf_counter(), options.monitor
    if options.deadline < math.inf:
        left = options.deadline - start
        if left <= 0:
            return Outcome(params, math.inf, [math.inf], [], 0, 0, "stopped", 0.0)
        model.time_limit = left if model.time_limit is None else min(left, model.time_limit)
    if model.monitor == "auto":
        model.monitor = monitor
    try:
        model.fit(
            options.X,
            options.y,
            options.sample_weight,
            validation_data=options.validation_data,
            validation_groups=options.validation_groups,
        )
    except DivergenceError:
        return Outcome(params, math.inf, [math.inf], [], 0, 0, "diverged", perf_counter() - start)
    members = model.members_
    if any(not net.history.get(monitor) for net in members):
        raise ValueError(
            f"{params!r} has no {monitor}: a search compares candidates on validation rows. Leave out validation=None,"
            " and set monitor of the search, not of the estimator."
        )
    if monitor == "val_score":
        values = [-max(net.history[monitor]) for net in members]
    else:
        values = [min(net.history[monitor]) for net in members]
    epochs = model.best_epochs_.tolist()
    return Outcome(
        params,
        sum(values) / len(values),
        [sum(values) / len(values)],
        [],
        round(sum(epochs) / len(epochs)),
        model.n_iter_,
        "stopped" if model.stop_reason_ == "time_limit" else "completed",
        perf_counter() - start,
    )
