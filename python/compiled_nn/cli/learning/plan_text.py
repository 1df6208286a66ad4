"""Words about a plan of training: its data, columns, rows, network and method, for the terminal and the page."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ...common.errors import count
from ...data.column_types import PLURALS
from ...estimators.tabular.report import STATED
from ...schedules import Cosine
from ..support import results
from .plan import Plan

_SHORT = {"text": "free text"}  # other kinds of columns that are left out stand for themselves
_LISTED = 8  # columns that are left out


def data(plan: Plan) -> str:
    """Return the name of the data, the number of rows, and the target."""
    material, parts = plan.material, plan.parts
    n_fitted, n_test = len(parts.train) + len(parts.validation), len(parts.test)
    if material.columns is None:
        task = f"{len(material.classes)} classes" if plan.classifies else "regression"
        test = f"{n_test:,} to test with" if n_test else "none to test with"
        return (
            f"{material.name}: {n_fitted:,} rows to train on, {test}; {_n_features(plan):,} features, {task}"
        )
    name, index = material.columns.target
    target = f"column {index}" if name is None else repr(name)
    task = f"{len(material.classes)} classes" if plan.classifies else "values"
    return f"{material.name}: {n_fitted + n_test:,} rows; target {target}, {task}"


def columns(plan: Plan) -> str:
    """Return the numbers of the columns of a table by their kind, and the columns that are left out."""
    kinds = Counter(kind for kind in column_types(plan).values() if kind in PLURALS)
    used = ", ".join(f"{n:,} {PLURALS[kind] if n != 1 else kind}" for kind, n in kinds.items())
    left = left_out(plan)
    shown = ", ".join(f"{name} ({reason})" for name, reason in list(left.items())[:_LISTED])
    more = f" and {len(left) - _LISTED:,} more" if len(left) > _LISTED else ""
    return f"{used or 'none'} used; left out: {shown + more if left else 'none'}"


def rows(plan: Plan) -> str:
    """Return the number of rows of each part, and how the test rows are chosen."""
    parts = plan.parts
    test = f"{len(parts.test):,} to test with ({_split(plan)})" if len(parts.test) else "none to test with"
    kept = f"{len(parts.validation):,} {_use_of_validation(plan)}"
    trained = f"{len(parts.train):,} to train on{_folds(plan)}"
    return ", ".join([trained, *([kept] * bool(len(parts.validation))), test])


def _folds(plan: Plan) -> str:
    """Return which training rows the members of an ensemble hold out."""
    if plan.prepared is None:
        return ""
    options = plan.prepared.options
    if options.get("validation") == "folds":
        members, n = plan.prepared.report["n_members"], options["n_folds"]
        times = "at least once" if members % n else "once" if members == n else f"{members // n} times"
        return f" (each is held out {times}, in {n} folds)"
    if options.get("validation") == "random":
        share = f"{100 * options['validation_fraction']:g} %"
        return f" (each network holds out another {share})"
    return ""


def fitted_rows(plan: Plan) -> str:
    """Return the number of the rows that are not test rows, with those that were not trained on."""
    kept, m = len(plan.parts.validation), len(plan.parts.train)
    rest = f" ({m:,} to train on, {kept:,} {_use_of_validation(plan)})" if kept else ""
    return f"{m + kept:,} training row{'s' * (m + kept != 1)}{rest}"


def stopping(plan: Plan) -> str:
    """Return when the training ends, and which weights are kept."""
    best = ", and keeps the best weights" * plan.keeps_best
    if plan.patience is not None and plan.patience < plan.epochs:
        monitor = f"without a better {plan.monitor}, of {plan.epochs:,} at most"
        return f"stops after {plan.patience} epochs {monitor}{best}"
    return f"trains for {count(plan.epochs, 'epoch')}{best}"


def network(plan: Plan) -> str:
    """Return the units of the layers, the activation, the loss and the scaling."""
    scale = 1.0 if plan.standardize else plan.material.input_scale
    c = plan.net._configuration
    bins = c.bins is not None and plan.net._inputs is not None and plan.net._inputs.n_bins
    facts = [
        "-".join(map(str, sizes(plan))),
        *([plan.activation] if len(c.layers) > 1 else []),
        plan.loss,
        *([f"input scale {scale:.4g}"] if scale != 1 else []),
        *([f"input {results.scaling_text(plan.standardize)}"] if plan.standardize else []),
        *([f"{bins} bins of numbers"] if bins else []),
        *(["targets standardised"] if plan.scales_targets else []),
    ]
    return ", ".join(facts)


def method(plan: Plan, seed: int) -> str:
    """Return the optimizer, its rate, the batches and the seed."""
    first, falls = rate(plan)
    rate_text = f"learning rate {first:g}{' falling to 0' * falls}"
    return f"{plan.optimizer}, {rate_text}, batches of {plan.batch_rows:,}, seed {seed}"


def column_types(plan: Plan) -> dict[str, str]:
    """Return the types of the columns of a table by their names."""
    return {str(name): kind.kind for name, kind in plan.net.encoder_.column_types_.items()}


def left_out(plan: Plan) -> dict[str, str]:
    """Return the reasons for which columns are left out, by their names."""
    assert plan.material.columns is not None
    types = column_types(plan).items()
    found = {name: _SHORT.get(kind, kind) for name, kind in types if kind not in (*PLURALS, "ignore")}
    return found | {str(name): reason for name, reason in plan.material.columns.left_out.items()}


def members(plan: Plan) -> int | None:
    """Return the number of networks of an ensemble; None for one network."""
    return None if plan.prepared is None else int(plan.prepared.report["n_members"])


def choices(plan: Plan) -> str | None:
    """Return the reasons for the settings of a table."""
    if plan.prepared is None:
        return f"one network because of {plan.because}" if plan.because else None
    report = plan.prepared.report
    reasons = [f"chosen for {report['target']} ({report.reason('target')})"]
    if (work := report.reason("n_members")) != STATED:
        reasons.append(work.partition(" on ")[0].replace("budget=1", "--budget 1"))
    if plan.uses_out_of_fold and report.reason("validation") != STATED:
        reasons.append(report.reason("validation"))
    if (encoding := report.reason("numeric_embeddings")) != STATED:
        reasons.append(encoding)
    return "; ".join(reasons)


def sizes(plan: Plan) -> list[int]:
    """Return the numbers of inputs, after encoding, and of units."""
    known = plan.net._inputs
    n = _n_features(plan) if plan.material.columns is None or known is None else known.n_inputs
    return [n, *(layer.units for layer in plan.net._configuration.layers)]


def rate(plan: Plan) -> tuple[float, bool]:
    """Return the learning rate at first, and whether it falls."""
    rate = plan.net.optimizer.learning_rate
    return (rate.initial, True) if isinstance(rate, Cosine) else (rate, False)  # type: ignore[return-value]


def _use_of_validation(plan: Plan) -> str:
    return "to stop early with" if plan.keeps_best else "to calibrate with"


def _split(plan: Plan) -> str:
    """Return how test rows are chosen."""
    split, found = plan.parts.split, plan.material.columns
    roles = {} if found is None else found.roles
    if plan.material.own_test is not None:
        return "the test part of the data set"
    if "time" in roles:
        return f"the last by {roles['time']}"
    if "group" in roles:
        return f"whole groups by {roles['group']}, drawn at random"
    return "drawn at random" + ", with the same share of each class" * bool(split and split["stratified"])


def _n_features(plan: Plan) -> int:
    return int(np.prod(plan.parts.train.X.shape[1:]))
