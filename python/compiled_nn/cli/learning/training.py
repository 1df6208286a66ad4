"""Steps of ``compiled-nn train``: plan, training, calibration, file, loss curve and scores."""

from __future__ import annotations

import io
import math
import os
import sys
import warnings
from argparse import Namespace
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np

from ...callbacks import EarlyStopping
from ...callbacks.base import Callback
from ...common.errors import CompiledNNWarning
from ...files import places
from ..support import results, scores
from ..support.terminal import Terminal
from ..tables import record
from . import html_report, planning, training_report, training_scores
from .outcome import Training
from .plan import Plan
from .progress import Progress

_LARGE = 100.0  # a note is printed for features beyond it, after scaling


def train(options: Namespace) -> int:
    """Run the command and return its exit code."""
    plan = planning.make(options)
    screen, stderr = Terminal(sys.stdout), Terminal(sys.stderr)
    show = not (options.quiet or options.json)
    training = Training(plan)
    _fit(training, options, screen if show else None, stderr)
    _calibrate(training, options)
    training.known = _record(plan, None if training.interrupted else options.interval)
    if training.known is not None:
        plan.net.metadata = {record.KEY: training.known.to_metadata()}
    # Saved before any further output: printing fails if the reader of stdout was closed.
    plan.save()
    if training.interrupted:
        stderr.print(training_report.interruption(training))
    else:
        training.plot = _plot(plan, options, stderr)
        training.measured = _measured(plan, options)
        if options.report is not None:
            html_report.write(plan, options)
            training.page = options.report
        if show:
            screen.print(*training_report.lines(training, screen))
    if options.json:
        results.print_json(training_report.as_json(training, options))
    return 130 if training.interrupted else 0


# ---- training


class _Beginning(Callback):
    """Callback that prints the heading when the columns of the model are known."""

    def __init__(self, training: Training, options: Namespace, screen: Terminal) -> None:
        self._training, self._options, self._screen = training, options, screen

    def on_train_begin(self, net: Any) -> None:
        """Print the heading."""
        self._screen.print(*training_report.heading(self._training.plan, self._options, self._screen))


def _fit(training: Training, options: Namespace, screen: Terminal | None, stderr: Terminal) -> None:
    """Train; Ctrl-C ends the training."""
    plan = training.plan
    if not (options.quiet or plan.standardize):
        _note_large(plan, stderr)
    steps = math.ceil(len(plan.parts.train) / plan.batch_rows)
    progress = None if options.quiet else Progress(stderr, plan.epochs, steps, plan.score, plan.watched)
    heading = None if screen is None else _Beginning(training, options, screen)
    callbacks: list[Callback] = [each for each in (heading, progress) if each is not None]
    start = perf_counter()
    try:
        with warnings.catch_warnings():
            # The heading names the columns that are left out.
            warnings.filterwarnings("ignore", r"\d+ columns? of X (is|are) left out", CompiledNNWarning)
            _run(plan, options, callbacks)
    except KeyboardInterrupt:
        if not hasattr(plan.net, "n_features_"):  # interrupted before the initial weights
            raise
        training.interrupted = True
    finally:
        if progress is not None:
            progress.finish()
    training.interrupted = training.interrupted or plan.net.stop_reason_ == "interrupted"
    training.seconds = perf_counter() - start


def _run(plan: Plan, options: Namespace, callbacks: Sequence[Callback]) -> None:
    """Fit the model."""
    prepared = plan.prepared
    if prepared is not None:
        prepared.ensemble.fit(prepared.X, prepared.y, callbacks=callbacks, **prepared.options)
        return
    train, validation = plan.parts.train, plan.parts.validation
    watched = validation if len(validation) else plan.parts.test
    settings: dict[str, Any] = {}
    if len(watched):
        settings = {
            "validation_data": watched.filled(),
            "metrics": [each.name for each in plan.metrics],
        }
    if plan.patience is not None:
        settings["early_stopping"] = EarlyStopping(plan.monitor, patience=plan.patience)
    if plan.classifies:
        settings["classes"] = plan.material.classes
    plan.net.fit(
        train.X,
        train.y,
        sample_weight=train.weights,
        epochs=plan.epochs,
        batch_size=plan.batch_size,
        class_weight=plan.class_weight,
        callbacks=callbacks,
        time_limit=options.time_limit,
        on_interrupt="return",
        **settings,
    )


def _note_large(plan: Plan, stderr: Terminal) -> None:
    X, scale = plan.parts.train.X, plan.material.input_scale
    if not isinstance(X, np.ndarray):
        return
    largest = max(float(X.max()), -float(X.min())) * scale if X.size else 0.0
    if _LARGE < largest < math.inf:
        stderr.print(
            f"note: the largest feature is {largest:.4g}; training works best with features near 1: try "
            f"--standardize, or --scale {scale / largest:.3g}"
        )


# ---- after training


def _calibrate(training: Training, options: Namespace) -> None:
    """Calibrate probabilities or intervals on rows that were held out."""
    plan = training.plan
    validation, net = plan.parts.validation, plan.net
    if training.interrupted:
        return
    if plan.calibrates:
        net.calibrate(validation.X, validation.y, sample_weight=validation.weights)
    if options.interval is None:
        return
    if plan.prepared is None or len(validation):
        net.calibrate_intervals(validation.X, validation.y)
    else:  # on the rows that each network has held out
        net.calibrate_intervals(None, plan.prepared.y)


def _record(plan: Plan, interval: float | None) -> record.Record | None:
    """Return the record of the training; None for a data set that has a test part."""
    columns = plan.material.columns
    if plan.material.own_test is not None:
        return None
    roles = {} if columns is None else columns.roles
    split = plan.parts.split
    if split is not None:
        split = {**split, "time": _text(roles.get("time")), "group": _text(roles.get("group"))}
    fitted, test = plan.parts.fitted, plan.parts.test
    return record.of_training(
        {"train": (fitted.X, fitted.y), "test": (test.X, test.y)},
        target=None if columns is None else columns.target,
        split=split,
        columns=None if columns is None else record.used_columns(plan.net.encoder_),
        interval=interval,
        date_formats=None if columns is None else columns.date_formats,
    )


def _text(name: str | int | None) -> str | None:
    return None if name is None else str(name)


def _measured(plan: Plan, options: Namespace) -> dict[str, dict[str, Any]]:
    """Return the scores of the training and the test rows."""
    fitted, net = plan.parts.fitted, plan.net
    parts = {"train": fitted, "test": plan.parts.test}
    found = {
        title: training_scores.measured(net, part, fitted, plan.metrics, title)
        for title, part in parts.items()
        if len(part)
    }
    if plan.prepared is not None and plan.uses_out_of_fold:
        scored = training_scores.out_of_fold(plan.prepared.ensemble, plan.prepared.y, plan.metrics)
        found = {"out_of_fold": scored, **found}
    if options.interval is not None and "test" in found:
        test = plan.parts.test
        found["test"]["interval"] = scores.coverage(net, test.X, test.y, options.interval)
    return found


def _plot(plan: Plan, options: Namespace, stderr: Terminal) -> str | None:
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
