"""Steps of ``compiled-nn train``: plan, training, file, loss curve and score on the test rows."""

from __future__ import annotations

import io
import math
import os
import sys
from argparse import Namespace
from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ..._version import __version__
from ...callbacks import EarlyStopping
from ...common import optional
from ...datasets import Dataset
from ...files import places
from ...losses import LOSSES, LossName
from ...network.network import Network, load
from ...optimizers import kind_of
from ...spec.layers import Dense
from . import inputs, record, report, results
from .report import Progress
from .table import Table
from .terminal import Terminal, UsageError

_EPOCHS = 30
_STEPS = 1000  # least number by default: 30 epochs of a small file have too few steps
_VALIDATION = 0.1  # share of the training rows that early stopping holds out
_FEWEST_TO_HOLD_OUT = 2
_LARGE = 100.0  # a note is printed for features beyond it, after scaling


class _Plan(NamedTuple):
    """Data with their split, the untrained network, settings of the training, and output files."""

    data: Dataset
    classifies: bool
    loss: str
    net: Network
    scales_targets: bool
    known: record.Record | None
    epochs: int
    batch_rows: int
    patience: int | None
    model: str
    plot: str | None

    @property
    def score(self) -> str:
        return results.score_title("accuracy" if self.classifies else "r2")

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the columns that the model keeps; None if there are none."""
        return self.data.feature_names or None

    @property
    def watched(self) -> str:
        """Name of the rows on which each epoch is scored."""
        return "test" if self.patience is None else "val"


def train(options: Namespace) -> int:
    """Run the command and return its exit code."""
    plan = _make_plan(options)
    screen, stderr = Terminal(sys.stdout), Terminal(sys.stderr)
    show = not (options.quiet or options.json)
    if show:
        screen.print(*_heading(options, plan))
    if not (options.quiet or options.standardize):
        _note_large(plan.data, stderr)
    progress = None if options.quiet else Progress(stderr, plan.epochs, plan.score, plan.watched)
    start = perf_counter()
    interrupted = _fit(options, plan, progress)
    seconds = perf_counter() - start
    if plan.known is not None:
        plan.net.metadata = {record.KEY: plan.known.to_metadata()}
    # Saved before any further output: printing fails if the reader of stdout was closed.
    plan.net.save(plan.model)
    if interrupted:
        stderr.print(
            f"compiled-nn: interrupted after {len(plan.net.history['epoch'])} of {plan.epochs} epochs; the "
            f"weights of the last complete step are saved in {plan.model}"
        )
        if options.json:
            results.print_json(_result(options, plan, {}, seconds, True, None))
        return 130
    plot = _plot(plan, options, stderr)
    measured = _measure(plan)
    if options.json:
        results.print_json(_result(options, plan, measured, seconds, False, plot))
    elif show:
        screen.print(*_report(plan, measured, seconds, plot, screen))
    return 0


# ---- before training


def _check_names(data: Dataset) -> None:
    """Raise ValueError if two columns have the same name."""
    names = Counter(data.feature_names)
    if len(names) < len(data.feature_names):
        raise ValueError(
            f"several columns of {data.name} are named {names.most_common(1)[0][0]!r}, and columns are matched by name;"
            " rename them in the file"
        )


def _make_plan(options: Namespace) -> _Plan:
    data, target = inputs.load_training(options)
    _check_names(data)
    classifies = inputs.is_classification(data.y_train, options.task, options.loss)
    if classifies:
        data = _with_labels(data)
    whole = data
    data = inputs.split(data, options.test_fraction, stratify=classifies)
    known = None
    if data is not whole or not len(data.X_test):
        share = options.test_fraction or inputs.TEST_FRACTION
        rule = {"fraction": share, "seed": record.SEED, "stratified": classifies, "time": None, "group": None}
        parts = {"train": (data.X_train, data.y_train), "test": (data.X_test, data.y_test)}
        known = record.of_training(parts, target=target, split=rule if len(data.X_test) else None)
    if options.scale is not None:
        data = replace(data, input_scale=options.scale)
    loss, n_outputs = _loss(options, data, classifies)
    m = len(data.X_train)
    rows = m if options.batch_size == "full" else min(m, options.batch_size)
    epochs = options.epochs or max(_EPOCHS, math.ceil(_STEPS / math.ceil(m / rows)))
    scales = _scales_targets(options, loss)
    net = _network(options, loss, n_outputs, data.input_scale, scales)
    patience = options.early_stopping
    if patience is not None:
        _check_held_out(data, classifies)
    if options.class_weight is not None and not classifies:
        raise UsageError("--class-weight is for classes, but the targets are values; omit it")
    return _Plan(
        data, classifies, loss, net, scales, known, epochs, rows, patience, *_files(options, data.name)
    )


def _check_held_out(data: Dataset, classifies: bool) -> None:
    """Raise a ValueError if early stopping cannot hold out a row, or one of each class."""
    if len(data.X_train) < _FEWEST_TO_HOLD_OUT:
        raise ValueError("there is 1 row to train on, so that --early-stopping can hold out no rows; omit it")
    if not classifies:
        return
    classes, counts = np.unique(data.y_train, return_counts=True)
    if counts.min() < _FEWEST_TO_HOLD_OUT:
        raise ValueError(
            f"class {classes[counts.argmin()]} has {counts.min()} row to train on, but --early-stopping holds out "
            "rows of each class, which takes at least 2 per class; omit --early-stopping, or add rows of the class"
        )


def _scales_targets(options: Namespace, loss: LossName) -> bool:
    """Return whether the targets are scaled: as the options say, or else if the loss allows it."""
    possible = not LOSSES[loss].classifies and LOSSES[loss].link == "identity"
    if options.scale_targets and not possible:
        kind = (
            "for classes"
            if LOSSES[loss].classifies
            else f"whose values have the range of {LOSSES[loss].link}"
        )
        raise UsageError(f"--scale-targets does not apply to the loss {loss}, {kind}; omit it")
    return possible if options.scale_targets is None else bool(options.scale_targets)


def _with_labels(data: Dataset) -> Dataset:
    """Return `data` with one label per row."""
    parts = [inputs.class_labels(y) if len(y) else y for y in (data.y_train, data.y_test)]
    if parts[0] is None or parts[1] is None:
        raise ValueError(
            f"the target has shape {data.y_train.shape} and is not one-hot, but classification needs one label "
            "per row; for several values per row, give --task regression"
        )
    return replace(data, y_train=parts[0], y_test=parts[1])


def _loss(options: Namespace, data: Dataset, classifies: bool) -> tuple[LossName, int]:
    """Return the name of the loss and the number of outputs."""
    if not classifies:
        if data.y_train.dtype.kind == "U":
            text = str(data.y_train.flat[0])
            raise ValueError(
                f"the target is text, such as {text!r}, but regression needs numbers; name a column of numbers "
                "with --target, or give --task classification"
            )
        loss: LossName = options.loss or "mse"
        return loss, LOSSES[loss].n_outputs(math.prod(data.y_train.shape[1:]))
    n_classes = len(np.unique(data.y_train))
    if n_classes < 2:
        raise ValueError(
            f"the target has {n_classes} class, but classification needs at least 2; is --target the right column?"
        )
    loss = options.loss or ("binary_cross_entropy" if n_classes == 2 else "softmax_cross_entropy")
    return loss, LOSSES[loss].n_outputs(n_classes)


def _network(
    options: Namespace, loss: LossName, n_outputs: int, input_scale: float, scale_targets: bool
) -> Network:
    optimizer = kind_of(options.optimizer)
    return Network(
        [
            *(Dense(units, options.activation, dropout=options.dropout) for units in options.layers),
            Dense(n_outputs),
        ],
        loss=loss,
        optimizer=optimizer() if options.learning_rate is None else optimizer(options.learning_rate),
        l1=options.l1,
        l2=options.l2,
        input_scale=1.0 if options.standardize else input_scale,
        dtype=options.dtype,
        seed=options.seed,
        n_threads=options.threads,
        standardize=options.standardize,
        scale_targets=scale_targets,
    )


def _files(options: Namespace, name: str) -> tuple[str, str | None]:
    """Return the paths of the model and the loss curve, after a check that they can be written."""
    model = options.output or f"{name}.safetensors"
    plot = options.plot
    installed = find_spec("matplotlib") is not None
    if plot is not None and not installed:
        raise optional.absent("--plot", "matplotlib", "plot")
    if plot is None and installed and not options.no_plot:
        plot = f"{os.path.splitext(model)[0]}-loss.png"
    for path in filter(None, (model, plot)):
        folder = os.path.dirname(path) or "."
        if not os.path.isdir(folder):
            raise FileNotFoundError(f"{path} cannot be written: there is no folder {folder}")
        if os.path.isdir(path):
            raise IsADirectoryError(f"{path} cannot be written: it is a folder; give the name of a file")
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"{path} cannot be written: no permission to write to the folder {folder}")
    if os.path.isfile(model):
        try:
            load(model)
        except ValueError as error:
            raise ValueError(
                f"{error}. Training would overwrite this file; remove it, or give another name with -o"
            ) from error
    return model, plot


def _heading(options: Namespace, plan: _Plan) -> list[str]:
    data = plan.data
    n_features = math.prod(data.X_train.shape[1:])
    rows = f"{len(data.X_train):,} rows to train on, "
    rows += f"{len(data.X_test):,} to test with" if len(data.X_test) else "none to test with"
    task = f"{len(np.unique(data.y_train))} classes" if plan.classifies else "regression"
    units = "-".join(str(n) for n in (n_features, *(layer.units for layer in plan.net.layers)))
    rate = plan.net.optimizer.learning_rate
    network = f"network {units}, " + (f"{options.activation}, " if options.layers else "") + plan.loss
    scale = f", input scale {data.input_scale:.4g}" if data.input_scale != 1 else ""
    if options.standardize:
        scale = f", input {results.scaling_text(options.standardize)}"
    if plan.scales_targets:
        scale += ", targets standardised"
    return [
        f"{data.name}: {rows}; {n_features:,} features, {task}",
        network + scale,
        f"{options.optimizer}, learning rate {rate:g}, batches of {plan.batch_rows:,}, seed {options.seed}",
    ]


def _note_large(data: Dataset, stderr: Terminal) -> None:
    X = data.X_train
    largest = max(float(X.max()), -float(X.min())) * data.input_scale if X.size else 0.0
    if _LARGE < largest < math.inf:
        stderr.print(
            f"note: the largest feature is {largest:.4g}; training works best with features near 1: try "
            f"--standardize, or --scale {data.input_scale / largest:.3g}"
        )


# ---- training


def _fit(options: Namespace, plan: _Plan, progress: Progress | None) -> bool:
    """Train, and return whether Ctrl-C ended the training."""
    data = plan.data
    watched: dict[str, Any] = {}
    if plan.patience is not None:  # on held-out rows: the test rows must not decide which weights are kept
        watched = {
            "validation_fraction": _VALIDATION,
            "early_stopping": EarlyStopping(patience=plan.patience),
        }
    elif len(data.X_test):
        watched = {"validation_data": (data.X_test, data.y_test)}
    try:
        plan.net.fit(
            data.X_train if plan.names is None else Table(data.X_train, plan.names),
            data.y_train,
            epochs=plan.epochs,
            batch_size=options.batch_size,
            class_weight=options.class_weight,
            callback=progress,
            **watched,
        )
    except KeyboardInterrupt:
        if not hasattr(plan.net, "n_features_"):  # interrupted before the initial weights
            raise
        return True
    finally:
        if progress is not None:
            progress.finish()
    return False


# ---- after training


def _measure(plan: _Plan) -> dict[str, dict[str, Any]]:
    data, net = plan.data, plan.net
    measured = {"train": results.measure(net, data.X_train, data.y_train)}
    if len(data.X_test):
        measured["test"] = results.measure(net, data.X_test, data.y_test)
    return measured


def _plot(plan: _Plan, options: Namespace, stderr: Terminal) -> str | None:
    """Draw the loss curve to a file; a failure is an error with --plot, and a note without."""
    if plan.plot is None or not plan.net.history["epoch"]:
        return None
    try:
        from ...plotting import LossCurveDisplay

        figure, picture = (
            LossCurveDisplay.from_estimator(plan.net, val_label=plan.watched).figure_,
            io.BytesIO(),
        )
        figure.savefig(picture, format=os.path.splitext(plan.plot)[1][1:] or "png")
        places.write(plan.plot, [picture.getbuffer()])
    except (ImportError, OSError, ValueError) as error:
        if options.plot is not None:
            raise
        stderr.print(f"note: the loss curve was not drawn: {error}")
        return None
    return plan.plot


def _report(
    plan: _Plan, measured: dict[str, dict[str, Any]], seconds: float, plot: str | None, screen: Terminal
) -> list[str]:
    history = plan.net.history
    lines = ["", *report.curves(history, plan.score, screen, plan.watched)] if history["epoch"] else []
    shown = measured.get("test", measured["train"])
    if plan.classifies:
        lines += results.confusion_lines(shown, plan.net.classes_, plan.data.class_names, screen)
    lines.append("")
    for part, result in reversed(measured.items()):
        text = screen.style(results.score_text(result), "bold") if result is shown else None
        label = f"{part} {plan.score}"
        lines.append(f"{label:<16}{text or results.score_text(result)}")
    epochs = len(history["epoch"])
    best = "" if plan.net.best_epoch_ is None else f"; weights of epoch {plan.net.best_epoch_:,}, the best"
    lines.append(f"{'trained for':<16}{report.duration(seconds)}, {epochs:,} epochs{best}")
    lines.append(f"{'model':<16}{plan.model}")
    if plot is not None:
        lines.append(f"{'loss curve':<16}{plot}")
    return lines


def _result(
    options: Namespace,
    plan: _Plan,
    measured: dict[str, dict[str, Any]],
    seconds: float,
    interrupted: bool,
    plot: str | None,
) -> dict[str, Any]:
    net = plan.net
    return {
        "command": "train",
        "version": __version__,
        "data": plan.data.name,
        "task": "classification" if plan.classifies else "regression",
        "classes": net.classes_.tolist() if plan.classifies else None,
        "sizes": [net.n_features_, *(layer.units for layer in net.layers)],
        "parameters": net.n_parameters,
        "loss": plan.loss,
        "optimizer": options.optimizer,
        "learning_rate": net.optimizer.learning_rate,
        "batch_size": plan.batch_rows,
        "seed": options.seed,
        "columns": None if plan.names is None else list(plan.names),
        "target": None if plan.known is None else plan.known.target,
        "scale_targets": plan.scales_targets,
        "epochs": len(net.history["epoch"]),
        "best_epoch": net.best_epoch_,
        "seconds": seconds,
        "interrupted": interrupted,
        "train": measured.get("train"),
        "test": measured.get("test"),
        "history": net.history,
        "model": plan.model,
        "plot": plot,
    }
