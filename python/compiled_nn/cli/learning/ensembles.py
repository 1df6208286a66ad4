"""Plan of an ensemble for a table: the options of train as parameters of the tabular estimators."""

from __future__ import annotations

import warnings
from argparse import Namespace
from typing import Any

import numpy as np

from ...common.errors import CompiledNNWarning
from ...estimators.tabular import TabularClassifier, TabularRegressor, recipe
from ...metrics import Metric
from ..support.terminal import UsageError
from . import held_out, objective, output_files, splits
from .material import Material
from .plan import Plan
from .splits import Parts

OPTIONS = ("members", "budget", "refit")  # that have no effect on one network
_OF_ONE_NETWORK = ("optimizer", "scale", "l1", "l2")


def option_of_one_network(options: Namespace) -> str | None:
    """Return the option that only one network can have; None if none is given."""
    name = next((name for name in _OF_ONE_NETWORK if getattr(options, name)), None)
    if name is not None:
        return f"--{name}"
    return None if options.monitor in (None, "loss", "score") else f"--monitor {options.monitor}"


def make(options: Namespace, data: Material, parts: Parts, found: tuple[Metric, ...]) -> Plan:
    """Return the plan."""
    loss, _ = objective.loss_of(options, data)
    weights = objective.class_weight(options, data)
    scales = objective.scales_targets(options, loss)
    parameters = _parameters(options, len(parts.train))
    if data.classifies:
        parameters["class_weight"] = weights
        if options.calibrate is not None:
            parameters["calibrated"] = options.calibrate
    elif options.scale_targets is not None:
        parameters["scale_targets"] = scales
    parts, validation, watches = _held_out(options, parts)
    if data.classifies:
        splits.check_classes(parts, data.classes)
    train, held = parts.train, parts.validation
    kind = TabularClassifier if data.classifies else TabularRegressor
    assert data.columns is not None
    model = kind(**parameters, **validation, column_types=data.columns.words or None)
    lacks_classes = data.classifies and len(np.unique(train.y)) < len(data.classes)
    with warnings.catch_warnings():
        # The heading names the columns that are left out.
        warnings.filterwarnings("ignore", r"\d+ columns? of X (is|are) left out", CompiledNNWarning)
        prepared = model._prepared(
            train.X,
            train.y,
            train.weights,
            held.filled() if watches else None,
            parts.rule.groups if validation.get("validation", "") is not None and not watches else None,
            classes=data.classes if lacks_classes else None,
        )
    chosen, report = prepared.options, prepared.report
    _check_effects(options, chosen, len(held))
    return Plan(
        data,
        parts,
        prepared.ensemble,
        prepared.table.kind.loss.name,
        prepared.ensemble.optimizer.name,
        report["activation"],
        report["standardize"],
        report.get("scale_targets", False),
        chosen["epochs"],
        "full" if options.batch_size == "full" else chosen["batch_size"],
        chosen.get("patience"),
        chosen.get("monitor", "val_loss"),
        found,
        weights,
        *output_files.of(options, data.name),
        calibrates=bool(options.calibrate) and bool(len(held)) and not watches,
        prepared=prepared,
        estimator=model,
    )


def _parameters(options: Namespace, m: int) -> dict[str, Any]:
    """Return the parameters of the estimator that the options give."""
    embeddings = options.numeric_embeddings
    given = {
        "n_members": options.members,
        "hidden_layer_sizes": options.layers,
        "activation": options.activation,
        "dropout": options.dropout,
        "standardize": options.standardize,
        "learning_rate_init": options.learning_rate,
        "batch_size": m if options.batch_size == "full" else options.batch_size,
        "max_iter": options.epochs,
        "n_iter_no_change": options.early_stopping or None,
        "monitor": None if options.monitor is None else f"val_{options.monitor}",
        "loss": options.loss,
        "budget": options.budget,
        "time_limit": options.time_limit,
        "n_threads": options.threads,
    }
    stated = {name: value for name, value in given.items() if value is not None}
    if embeddings is not None:
        stated["numeric_embeddings"] = None if embeddings == "none" else embeddings
    numbers = {"dtype": options.dtype, "precision": options.precision}
    return stated | {"refit": options.refit, "random_state": options.seed, **numbers}


def _held_out(options: Namespace, parts: Parts) -> tuple[Parts, dict[str, Any], bool]:
    """Return the parts, the parameters of the estimator for held-out rows, and whether it gets the validation part.

    The members hold rows out by themselves, in folds or at random, and in whole groups. A part of the rows is held out
    of all members where later rows must not help to predict earlier ones, where intervals need more than the
    out-of-fold predictions, and where the last weights are kept, so that rows are needed only after training.
    """
    weights, needed = parts.train.weights, held_out.option_that_holds_out(options)
    m = len(parts.train) if weights is None else int(np.count_nonzero(weights))  # others are not trained on
    stops = options.early_stopping != 0
    apart = parts.rule.time is not None or (options.interval is not None and options.loss == "gaussian_nll")
    if not stops or apart:
        if needed is None and (not stops or m < recipe.FEWEST_TO_VALIDATE):
            held_out.check_fraction(options)
        else:
            parts = held_out.part(parts, options, recipe.FRACTION)
        watches = stops and len(parts.validation) > 0
        return parts, {} if watches else {"validation": None}, watches
    groups = parts.rule.groups
    if m < 2 or (groups is not None and len(np.unique(groups)) < 2):
        if needed is not None:
            raise held_out.no_rows(m, needed)
        return parts, {"validation": None}, False
    fraction, least = options.validation_fraction, held_out.least_rows(options.interval)
    if fraction is None and needed is not None:
        if options.members != 1 and (m < recipe.FEWEST_TO_VALIDATE or m * recipe.FRACTION < least + 1):
            held_out.check_number(m, options.interval)
            return parts, {"validation": "folds"}, False
        fraction = recipe.FRACTION if options.members == 1 else None
    if fraction is None:
        return parts, {}, False
    held_out.check_number(int(m * fraction), options.interval)
    return parts, {"validation": "random", "validation_fraction": fraction}, False


def _check_effects(options: Namespace, chosen: dict[str, Any], n_held: int) -> None:
    """Refuse options that need held-out rows, where there are none."""
    if options.monitor is not None and "monitor" not in chosen:
        raise UsageError("--monitor has no effect without early stopping; omit it, or give --early-stopping")
    calibrates = options.calibrate or options.interval is not None
    if calibrates and chosen["validation"] is None and not n_held:
        raise ValueError(
            "no class has 2 rows to train on, so that --calibrate and --interval can hold out no rows; omit them"
        )
    if options.refit and chosen["validation"] is None:
        raise UsageError(
            "--refit has no effect here, because no training rows are held out of some networks only; omit it"
        )
