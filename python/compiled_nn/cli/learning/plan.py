"""Plan of a training: the parts of the data, the untrained network, and the settings of its training."""

from __future__ import annotations

import math
from argparse import Namespace
from dataclasses import dataclass, replace
from typing import Any, cast

from ... import metrics
from ...common.errors import did_you_mean
from ...losses import LOSSES, LossName
from ...metrics import Metric
from ...network.network import Network
from ...optimizers import kind_of
from ...optimizers.classes import Optimizer
from ...schedules import Cosine
from ...spec.activations import ActivationName
from ...spec.configuration import Scaling
from ...spec.layers import Dense
from ..support import results
from ..support.terminal import UsageError
from . import defaults, material, output_files, splits
from .defaults import Defaults
from .material import Material
from .splits import Parts

_MOST_TO_HOLD_OUT = 0.3  # of the training rows, unless the options say so


@dataclass(frozen=True)
class Plan:
    """Data with their split, the untrained network, and settings of the training.

    Attributes
    ----------
    material : Material
        Data before the split.
    parts : Parts
        The same rows, split.
    net : Network
    loss : str
        Name of the loss.
    optimizer : str
        Name of the optimizer.
    activation : str
        Activation of the hidden layers.
    standardize : bool or str
        Whether, or how, columns are standardised.
    scales_targets : bool
        Whether targets are standardised.
    epochs : int
        Largest number of epochs.
    batch_size : int or "full"
        Rows of a batch.
    patience : int or None
        Epochs without an improvement after which training stops; None without early stopping.
    monitor : str
        Column of the history that decides which epoch is the best.
    metrics : tuple of Metric
        Metrics to report.
    class_weight : "balanced" or dict, optional
        Weights of classes.
    model, plot : str
        Files for the network and the loss curve; None for no curve.
    """

    material: Material
    parts: Parts
    net: Network
    loss: LossName
    optimizer: str
    activation: str
    standardize: bool | Scaling
    scales_targets: bool
    epochs: int
    batch_size: int | str
    patience: int | None
    monitor: str
    metrics: tuple[Metric, ...]
    class_weight: Any
    model: str
    plot: str | None

    @property
    def classifies(self) -> bool:
        """Whether the targets are classes."""
        return self.material.classifies

    @property
    def batch_rows(self) -> int:
        """Number of rows of a batch."""
        m = len(self.parts.train)
        return m if isinstance(self.batch_size, str) else min(m, self.batch_size)

    @property
    def score(self) -> str:
        """Name of the score in text."""
        score = "accuracy" if self.classifies else "d2_pinball" if self.loss == "quantile" else "r2"
        return results.score_title(score)

    @property
    def watched(self) -> str:
        """Name of the rows on which each epoch is scored."""
        return "val" if len(self.parts.validation) else "test"


def make(options: Namespace) -> Plan:
    """Return the plan that the options and the data give.

    Raises
    ------
    UsageError
        Options that do not apply to the data.
    OSError, ValueError
        The data cannot be read or learned.
    """
    data = material.load(options)
    if options.scale is not None:
        data = replace(data, input_scale=options.scale)
    _check(options, data)
    parts = splits.tested(data.rows, data.rule, data.own_test, options.test_fraction, data.name)
    m = len(parts.train)
    is_table = data.columns is not None
    chosen = defaults.of_table(m, classifies=data.classifies) if is_table else defaults.ARRAYS
    stops = chosen.stops if options.early_stopping is None else options.early_stopping > 0
    if stops or options.calibrate or options.interval:
        parts = _validated(parts, options, chosen)
    elif options.validation_fraction is not None:
        raise UsageError(
            "--validation-fraction has no effect here, because no rows are held out of training; omit it, or give "
            "--early-stopping, --calibrate or --interval"
        )
    if options.monitor is not None and not stops:
        raise UsageError("--monitor has no effect without early stopping; omit it, or give --early-stopping")
    if data.classifies:
        splits.check_classes(parts, data.classes)
    loss, n_outputs = _loss(options, data)
    batch_size = options.batch_size or chosen.batch_size
    m = len(parts.train)
    n_steps = math.ceil(m / (m if batch_size == "full" else min(m, batch_size)))
    epochs = options.epochs or chosen.n_epochs(n_steps)
    patience = (
        (options.early_stopping or chosen.patience(epochs)) if stops and len(parts.validation) else None
    )
    scales = _scales_targets(options, loss)
    found = _metrics(options, data.classifies)
    return Plan(
        data,
        parts,
        _network(options, data, chosen, loss, n_outputs, scales, epochs * n_steps),
        loss,
        options.optimizer or chosen.optimizer,
        options.activation or chosen.activation,
        _standardize(options, chosen),
        scales,
        epochs,
        batch_size,
        patience,
        f"val_{options.monitor or chosen.monitor}",
        found,
        _class_weight(options, data),
        *output_files.of(options, data.name),
    )


def _check(options: Namespace, data: Material) -> None:
    """Refuse options that do not apply to the targets."""
    if data.classifies:
        return
    for option in ("class_weight", "calibrate"):
        if getattr(options, option):
            name = "--" + option.replace("_", "-")
            raise UsageError(f"{name} is for classes, but the targets are values; omit it")


def _validated(parts: Parts, options: Namespace, chosen: Defaults) -> Parts:
    """Hold out validation rows."""
    reasons = {
        "early-stopping": options.early_stopping,
        "calibrate": options.calibrate,
        "interval": options.interval,
    }
    reason = next((name for name, value in reasons.items() if value), None)
    fraction, coverage = options.validation_fraction, options.interval
    least = 0 if coverage is None else math.ceil(coverage / (1 - coverage) - 1e-9)
    if fraction is None:  # large enough for --interval, if that leaves most rows to train on
        fraction = chosen.validation_fraction
        wanted = (least + 1) / max(len(parts.train), 1)
        fraction = wanted if fraction < wanted <= _MOST_TO_HOLD_OUT else fraction
    parts = splits.validated(parts, fraction, options.seed)
    n_held = len(parts.validation)
    if reason is not None and not n_held:
        has = "is 1 row" if len(parts.train) == 1 else f"are {len(parts.train):,} rows"
        raise ValueError(f"there {has} to train on, so that --{reason} can hold out no rows; omit it")
    if n_held < least:
        raise ValueError(
            f"--interval {coverage:g} needs at least {least} rows that are held out of training, and there are "
            f"{n_held}; give a larger --validation-fraction, or a smaller coverage"
        )
    return parts


def _loss(options: Namespace, data: Material) -> tuple[LossName, int]:
    """Return the name of the loss and the number of outputs."""
    y = data.rows.y
    if not data.classifies:
        loss: LossName = options.loss or "mse"
        return loss, LOSSES[loss].n_outputs(math.prod(y.shape[1:]))
    n_classes = len(data.classes)
    loss = options.loss or ("binary_cross_entropy" if n_classes == 2 else "softmax_cross_entropy")
    if options.calibrate and LOSSES[loss].ordered:
        raise UsageError(f"--calibrate does not apply to the loss {loss}, which has thresholds; omit it")
    return loss, LOSSES[loss].n_outputs(n_classes)


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


def _metrics(options: Namespace, classifies: bool) -> tuple[Metric, ...]:
    """Return the metrics of --metric and --monitor."""
    names = dict.fromkeys(name for names in options.metric or () for name in names)
    if options.monitor not in (None, "loss", "score"):
        names[options.monitor] = None
    found = tuple(map(metrics.resolve, names))
    for metric in found:
        if (metric.needs == "values") == classifies:
            kinds = ("classes", "values") if classifies else ("values", "classes")
            raise UsageError(f"the metric {metric.name} is for {kinds[1]}, but the target has {kinds[0]}")
    return found


def _class_weight(options: Namespace, data: Material) -> Any:
    """Return the weights of classes by their labels."""
    given = options.class_weight
    if not isinstance(given, dict):
        return given
    labels = {str(label): label for label in data.classes.tolist()}
    for name in given:
        if name not in labels:
            known = ", ".join(map(repr, labels))
            hint = did_you_mean(name, labels)
            raise ValueError(
                f"--class-weight names {name!r}, which is not a class; the classes are {known}.{hint}"
            )
    return {labels[name]: weight for name, weight in given.items()}


def _standardize(options: Namespace, chosen: Defaults) -> bool | Scaling:
    """Return whether, or how, columns are standardised; --scale takes the place of the default."""
    if options.standardize is not None:
        return options.standardize  # type: ignore[no-any-return]
    return chosen.standardize and options.scale is None


def _network(
    options: Namespace,
    data: Material,
    chosen: Defaults,
    loss: LossName,
    n_outputs: int,
    scales_targets: bool,
    n_steps: int,
) -> Network:
    dropout = chosen.dropout if options.dropout is None else options.dropout
    activation = options.activation or chosen.activation
    units = chosen.layers if options.layers is None else options.layers
    standardize = _standardize(options, chosen)
    hidden = [Dense(n, cast("ActivationName", activation), dropout=dropout, norm=chosen.norm) for n in units]
    columns = data.columns
    return Network(
        [*hidden, Dense(n_outputs)],
        loss=loss,
        optimizer=_optimizer(options, chosen, n_steps),
        l1=options.l1,
        l2=options.l2,
        input_scale=1.0 if standardize else data.input_scale,
        dtype=options.dtype,
        seed=options.seed,
        n_threads=options.threads,
        standardize=standardize,
        scale_targets=scales_targets,
        categorical_features=None if columns is None else "auto",
        column_types=None if columns is None else columns.words,
        ema=chosen.ema if options.optimizer is None else None,
    )


def _optimizer(options: Namespace, chosen: Defaults, n_steps: int) -> Optimizer:
    """Return the optimizer: one that the options name has its own rate, which is constant."""
    kind = kind_of(options.optimizer or chosen.optimizer)
    rate = options.learning_rate
    if options.optimizer is not None:
        return kind() if rate is None else kind(rate)
    settings: dict[str, Any] = {} if chosen.weight_decay is None else {"weight_decay": chosen.weight_decay}
    rate = chosen.learning_rate if rate is None else rate
    if rate is not None:
        settings["learning_rate"] = Cosine(rate, over=n_steps) if chosen.decays else rate
    return kind(**settings)
