"""Output of train: the heading with the use of each column, the scores at the end, and both as JSON."""

from __future__ import annotations

import textwrap
from argparse import Namespace
from collections import Counter
from typing import Any

import numpy as np

from ..._version import __version__
from ...common.errors import count
from ...common.text import printable
from ...schedules import Cosine
from . import report, results, scores
from .outcome import Training
from .plan import Plan
from .progress import duration
from .terminal import Terminal

_KINDS = {"number": "numbers", "category": "categories", "date": "dates"}
_SHORT = {"text": "free text"}  # other kinds of columns that are left out stand for themselves
_LISTED = 8  # columns that are left out
_LABEL = 16  # width of the labels of the last lines


# ---- before training


def heading(plan: Plan, options: Namespace, screen: Terminal) -> list[str]:
    """Return lines about the data, the network and its training."""
    lines = _table(plan, screen) if plan.material.columns is not None else [_arrays(plan)]
    activation = [plan.activation] if len(plan.net.layers) > 1 else []
    scale = 1.0 if plan.standardize else plan.material.input_scale
    network = [
        f"network {'-'.join(map(str, _sizes(plan)))}",
        *activation,
        plan.loss,
        *([f"input scale {scale:.4g}"] if scale != 1 else []),
        *([f"input {results.scaling_text(plan.standardize)}"] if plan.standardize else []),
        *(["targets standardised"] if plan.scales_targets else []),
    ]
    rate, falls = _rate(plan)
    method = [
        plan.optimizer,
        f"learning rate {rate:g}{' falling to 0' * falls}",
        f"batches of {plan.batch_rows:,}",
        f"seed {options.seed}",
    ]
    return [*lines, *_wrapped(", ".join(network), screen), *_wrapped(", ".join(method), screen)]


def _arrays(plan: Plan) -> str:
    """Return the line about arrays."""
    parts = plan.parts
    n_fitted, n_test = len(parts.train) + len(parts.validation), len(parts.test)
    rows = f"{n_fitted:,} rows to train on, " + (
        f"{n_test:,} to test with" if n_test else "none to test with"
    )
    task = f"{len(plan.material.classes)} classes" if plan.classifies else "regression"
    return f"{plan.material.name}: {rows}; {_n_features(plan):,} features, {task}"


def _table(plan: Plan, screen: Terminal) -> list[str]:
    """Return the lines about a table: its target, its columns, and its rows."""
    data, parts = plan.material, plan.parts
    assert data.columns is not None
    name, index = data.columns.target
    target = f"column {index}" if name is None else repr(name)
    task = f"{len(data.classes)} classes" if plan.classifies else "values"
    kinds = Counter(kind for kind in column_types(plan).values() if kind in _KINDS)
    used = ", ".join(f"{n:,} {_KINDS[kind] if n != 1 else kind}" for kind, n in kinds.items())
    left = left_out(plan)
    shown = ", ".join(f"{name} ({reason})" for name, reason in list(left.items())[:_LISTED])
    more = f" and {len(left) - _LISTED:,} more" if len(left) > _LISTED else ""
    rows = [
        f"{len(parts.train):,} to train on",
        *([f"{len(parts.validation):,} {_use_of_validation(plan)}"] if len(parts.validation) else []),
        f"{len(parts.test):,} to test with ({_split(plan)})" if len(parts.test) else "none to test with",
    ]
    stop = f"; trains for {count(plan.epochs, 'epoch')}"
    if plan.patience is not None and plan.patience < plan.epochs:
        stop = f"; stops after {plan.patience} epochs without a better {plan.monitor}, of {plan.epochs:,} at most"
    stop += ", and keeps the best weights" * (plan.patience is not None)
    return [
        *_wrapped(
            f"{data.name}: {len(parts.fitted) + len(parts.test):,} rows; target {target}, {task}", screen
        ),
        *_wrapped(f"columns: {used or 'none'} used; left out: {shown + more if left else 'none'}", screen),
        *_wrapped(f"rows: {', '.join(rows)}{stop}", screen),
    ]


def _use_of_validation(plan: Plan) -> str:
    return "to stop early with" if plan.patience is not None else "to calibrate with"


def _split(plan: Plan) -> str:
    """Return how test rows are chosen."""
    columns, split = plan.material.columns, plan.parts.split
    assert columns is not None
    if "time" in columns.roles:
        return f"the last by {columns.roles['time']}"
    if "group" in columns.roles:
        return f"whole groups by {columns.roles['group']}, drawn at random"
    return "drawn at random" + ", with the same share of each class" * bool(split and split["stratified"])


def column_types(plan: Plan) -> dict[str, str]:
    """Return the types of the columns of a table by their names."""
    return {str(name): kind.kind for name, kind in plan.net.encoder_.column_types_.items()}


def left_out(plan: Plan) -> dict[str, str]:
    """Return the reasons for which columns are left out, by their names."""
    assert plan.material.columns is not None
    types = column_types(plan).items()
    found = {name: _SHORT.get(kind, kind) for name, kind in types if kind not in (*_KINDS, "ignore")}
    return found | {str(name): reason for name, reason in plan.material.columns.left_out.items()}


def _n_features(plan: Plan) -> int:
    return int(np.prod(plan.parts.train.X.shape[1:]))


def _sizes(plan: Plan) -> list[int]:
    """Return the numbers of inputs, after encoding, and of units."""
    n = _n_features(plan) if plan.material.columns is None else plan.net.encoder_.n_columns_
    return [n, *(layer.units for layer in plan.net.layers)]


def _rate(plan: Plan) -> tuple[float, bool]:
    """Return the learning rate at first, and whether it falls."""
    rate = plan.net.optimizer.learning_rate
    return (rate.initial, True) if isinstance(rate, Cosine) else (rate, False)  # type: ignore[return-value]


def _wrapped(text: str, screen: Terminal) -> list[str]:
    return textwrap.wrap(printable(text), screen.width, subsequent_indent="  ", break_on_hyphens=False)


# ---- after training


def interruption(training: Training) -> str:
    """Return the message after Ctrl-C."""
    plan = training.plan
    best = plan.net.best_epoch_
    which = "last complete step" if best is None else f"best epoch, {best:,},"
    return (
        f"compiled-nn: interrupted after {len(plan.net.history['epoch'])} of {plan.epochs} epochs; the weights of the "
        f"{which} are saved in {plan.model}"
    )


def lines(training: Training, screen: Terminal) -> list[str]:
    """Return lines with the loss curve, the confusion table, the scores and the files."""
    plan, measured = training.plan, training.measured
    history = plan.net.history
    found = ["", *report.curves(history, plan.score, screen, plan.watched)] if history["epoch"] else []
    shown = measured.get("test", measured["train"])
    if plan.classifies:
        found += results.confusion_lines(shown, plan.net.classes_, plan.material.class_names, screen)
    found.append("")
    for part, result in reversed(measured.items()):
        text = results.score_text(result)
        text = screen.style(text, "bold") if result is shown else text
        found += [_line(f"{part} {plan.score}", text)]
        if result.get("rmse") is not None:
            found += [_line(f"{part} error", f"{result['rmse']:.4g} (root mean square)")]
        found += [
            _line(f"{part} {name}", _number(value)) for name, value in result.get("metrics", {}).items()
        ]
    if (baseline := _baseline(shown, plan)) is not None:
        found.append(_line("baseline", baseline))
    if (interval := shown.get("interval")) is not None:
        found.append(_line(f"interval {interval['coverage']:g}", scores.coverage_text(interval)))
    if plan.classifies and plan.net.temperature_ != 1:
        found.append(_line("temperature", f"{plan.net.temperature_:.3f}"))
    best = plan.net.best_epoch_
    which = "" if best is None else f"; weights of epoch {best:,}, the best"
    n_epochs = f"{duration(training.seconds)}, {count(len(history['epoch']), 'epoch')}"
    found += [_line("trained for", n_epochs + which), _line("model", plan.model)]
    return found if training.plot is None else [*found, _line("loss curve", training.plot)]


def _line(label: str, text: str) -> str:
    return f"{label:<{_LABEL}}{text}" if len(label) < _LABEL else f"{label} {text}"


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.4f}"


def _baseline(result: dict[str, Any], plan: Plan) -> str | None:
    """Return the score of the simplest prediction as text."""
    baseline = result["baseline"]
    if plan.classifies:
        return f"{baseline['accuracy']:.4f} with the most frequent class for each row"
    return None if baseline["rmse"] is None else f"{baseline['rmse']:.4g} with the mean for each row"


def as_json(training: Training, options: Namespace) -> dict[str, Any]:
    """Return the object that --json prints."""
    plan, measured = training.plan, training.measured
    net, columns = plan.net, plan.material.columns
    names = getattr(net, "feature_names_in_", None)
    known = training.known
    return {
        "command": "train",
        "version": __version__,
        "data": plan.material.name,
        "task": "classification" if plan.classifies else "regression",
        "classes": net.classes_.tolist() if plan.classifies else None,
        "sizes": _sizes(plan),
        "parameters": net.n_parameters,
        "loss": plan.loss,
        "optimizer": plan.optimizer,
        "learning_rate": _rate(plan)[0],
        "batch_size": plan.batch_rows,
        "seed": options.seed,
        "columns": None if columns is None or names is None else [str(name) for name in names],
        "column_types": None if columns is None else column_types(plan),
        "left_out": None if columns is None else left_out(plan),
        "target": None if columns is None else columns.target[0],
        "rows_without_target": 0 if columns is None else columns.n_without_target,
        "split": None if known is None else known.split,
        "validation_rows": len(plan.parts.validation),
        "standardize": plan.standardize,
        "scale_targets": plan.scales_targets,
        "patience": plan.patience,
        "monitor": None if plan.patience is None else plan.monitor,
        "epochs": len(net.history["epoch"]),
        "best_epoch": net.best_epoch_,
        "stop_reason": net.stop_reason_,
        "seconds": training.seconds,
        "interrupted": training.interrupted,
        "temperature": net.temperature_ if options.calibrate and not training.interrupted else None,
        "train": measured.get("train"),
        "test": measured.get("test"),
        "history": net.history,
        "model": plan.model,
        "plot": training.plot,
    }
