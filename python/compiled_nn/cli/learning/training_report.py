"""Output of train: the heading with the use of each column, the scores at the end, and both as JSON."""

from __future__ import annotations

import textwrap
from argparse import Namespace
from typing import Any

from ..._version import __version__
from ...common.errors import count
from ...common.text import printable
from ..support import report, results, scores
from ..support.terminal import Terminal
from . import plan_text
from .outcome import Training
from .plan import Plan
from .progress import duration

_LABEL = 16  # width of the labels of the last lines


# ---- before training


def heading(plan: Plan, options: Namespace, screen: Terminal) -> list[str]:
    """Return lines about the data, the network and its training."""
    network, method = plan_text.network(plan), plan_text.method(plan, options.seed)
    if plan.material.columns is None:
        lines = [plan_text.data(plan)]
    else:
        rows = f"rows: {plan_text.rows(plan)}; {plan_text.stopping(plan)}"
        lines = [
            *_wrapped(plan_text.data(plan), screen),
            *_wrapped(f"columns: {plan_text.columns(plan)}", screen),
            *_wrapped(rows, screen),
        ]
    n, why = plan_text.members(plan), plan_text.choices(plan)
    title = "network" if n is None else count(n, "network")
    lines += [*_wrapped(f"{title} {network}", screen), *_wrapped(method, screen)]
    return lines if why is None else [*lines, *_wrapped(why, screen)]


def _wrapped(text: str, screen: Terminal) -> list[str]:
    return textwrap.wrap(printable(text), screen.width, subsequent_indent="  ", break_on_hyphens=False)


# ---- after training


def interruption(training: Training) -> str:
    """Return the message after Ctrl-C."""
    plan = training.plan
    which = _best(plan)
    which = "last complete step are" if which is None else f"{which}, are"
    return (
        f"compiled-nn: interrupted after {len(plan.net.history['epoch'])} of {plan.epochs} epochs; the weights of the "
        f"{which} saved in {plan.model}"
    )


def lines(training: Training, screen: Terminal) -> list[str]:
    """Return lines with the loss curve, the confusion table, the scores and the files."""
    plan, measured = training.plan, training.measured
    history = plan.net.history
    found = ["", *report.curves(history, plan.score, screen, plan.watched)] if history["epoch"] else []
    shown = measured.get("test") or measured.get("out_of_fold") or measured["train"]
    if plan.classifies:
        found += results.confusion_lines(shown, plan.net.classes_, plan.material.class_names, screen)
    table = _scores(training, shown, screen)
    if (interval := shown.get("interval")) is not None:
        table[f"interval {interval['coverage']:g}"] = scores.coverage_text(interval)
    columns = plan.material.columns
    if columns is not None and "weight" in columns.roles:
        table["weights"] = "not in the scores above, in which all rows count the same"
    if plan.classifies and plan.net.temperature_ != 1:
        table["temperature"] = f"{plan.net.temperature_:.3f}"
    best = _best(plan)
    which = "" if best is None else f"; weights of the {best}"
    n_epochs = f"{duration(training.seconds)}, {count(len(history['epoch']), 'epoch')}"
    limit = " until --time-limit" * (plan.net.stop_reason_ == "time_limit")
    table |= {"trained for": n_epochs + limit + which, "model": plan.model}
    files = {"loss curve": training.plot, "report": training.page}
    table |= {label: path for label, path in files.items() if path is not None}
    width = max(_LABEL, 1 + max(map(len, table)))
    return [*found, "", *(f"{label:<{width}}{text}" for label, text in table.items())]


def _scores(training: Training, shown: dict[str, Any], screen: Terminal) -> dict[str, str]:
    """Return the scores of the parts and the baseline as text, by their labels."""
    plan, measured = training.plan, training.measured
    table = {}
    for part, result in reversed(measured.items()):
        if part == "train" and "out_of_fold" in measured:
            continue  # the networks were trained on these rows; the score of the others is honest
        name, text = part.replace("_", "-"), results.score_text(result)
        table[f"{name} {plan.score}"] = screen.style(text, "bold") if result is shown else text
        if result.get("rmse") is not None:
            table[f"{name} error"] = f"{result['rmse']:.4g} (root mean square)"
        table |= {f"{name} {each}": _number(value) for each, value in result.get("metrics", {}).items()}
    if (baseline := _baseline(shown, plan)) is not None:
        table["baseline"] = baseline
    return table


def _best(plan: Plan) -> str | None:
    """Return the epoch, or the epochs of the members of an ensemble, whose weights were kept as the best ones."""
    if plan.prepared is None:
        best = plan.net.best_epoch_
        return None if best is None else f"best epoch, {best:,}"
    if not plan.keeps_best or not len(plan.net.history["epoch"]):
        return None
    epochs = best_epochs(plan)
    assert epochs is not None
    low, high = min(epochs), max(epochs)
    return f"best epoch, {low:,}" if low == high else f"best epochs, {low:,} to {high:,}"


def best_epochs(plan: Plan) -> list[int] | None:
    """Return the epoch whose weights each member of an ensemble has; None for one network."""
    return None if plan.prepared is None else plan.prepared.ensemble.best_epochs_.tolist()


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
        "members": None if best_epochs(plan) is None else len(best_epochs(plan) or ()),
        "sizes": plan_text.sizes(plan),
        "parameters": net.n_parameters,
        "loss": plan.loss,
        "optimizer": plan.optimizer,
        "learning_rate": plan_text.rate(plan)[0],
        "batch_size": plan.batch_rows,
        "seed": options.seed,
        "columns": None if columns is None or names is None else [str(name) for name in names],
        "column_types": None if columns is None else plan_text.column_types(plan),
        "left_out": None if columns is None else plan_text.left_out(plan),
        "target": None if columns is None else columns.target[0],
        "rows_without_target": 0 if columns is None else columns.n_without_target,
        "split": None if known is None else known.split,
        "validation_rows": len(plan.parts.validation),
        "validation": None if plan.prepared is None else plan.prepared.options["validation"],
        "choices": None if plan.prepared is None else plan.prepared.report.to_dict(),
        "standardize": plan.standardize,
        "scale_targets": plan.scales_targets,
        "patience": plan.patience,
        "monitor": plan.monitor if plan.keeps_best else None,
        "epochs": len(net.history["epoch"]),
        "best_epoch": net.best_epoch_,
        "best_epochs": best_epochs(plan),
        "stop_reason": net.stop_reason_,
        "seconds": training.seconds,
        "interrupted": training.interrupted,
        "temperature": net.temperature_ if plan.calibrates and not training.interrupted else None,
        "temperatures": _temperatures(plan),
        "train": measured.get("train"),
        "out_of_fold": measured.get("out_of_fold"),
        "test": measured.get("test"),
        "history": net.history,
        "model": plan.model,
        "plot": training.plot,
        "report": training.page,
    }


def _temperatures(plan: Plan) -> list[float] | None:
    """Return the temperature of each member of an ensemble for classes; None for values and for one network."""
    if plan.prepared is None or not plan.classifies:
        return None
    found: list[float] = plan.prepared.ensemble.temperatures_.tolist()
    return found
