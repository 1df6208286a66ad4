"""Plan of one network: for arrays, and for a table with options that only one network can have."""

from __future__ import annotations

import math
from argparse import Namespace
from typing import Any, cast

from ...losses import LossName
from ...metrics import Metric
from ...network.network import Network
from ...optimizers import kind_of
from ...optimizers.base import Optimizer
from ...schedules import Cosine
from ...spec.activations import ActivationName
from ...spec.configuration import Scaling
from ...spec.layers import Dense
from ...spec.numeric_embeddings import NumericEmbeddingName
from ..support.terminal import UsageError
from . import defaults, held_out, objective, output_files, splits
from .defaults import Defaults
from .material import Material
from .plan import Plan
from .splits import Parts


def make(
    options: Namespace, data: Material, parts: Parts, found: tuple[Metric, ...], because: str = ""
) -> Plan:
    """Return the plan; `because`: option that only one network can have."""
    m = len(parts.train)
    is_table = data.columns is not None
    chosen = defaults.of_table(m, classifies=data.classifies) if is_table else defaults.ARRAYS
    stops = chosen.stops if options.early_stopping is None else options.early_stopping > 0
    if stops or options.calibrate or options.interval:
        parts = held_out.part(parts, options, chosen.validation_fraction)
    else:
        held_out.check_fraction(options)
    if options.monitor is not None and not stops:
        raise UsageError("--monitor has no effect without early stopping; omit it, or give --early-stopping")
    if data.classifies:
        splits.check_classes(parts, data.classes)
    loss, n_outputs = objective.loss_of(options, data)
    batch_size = options.batch_size or chosen.batch_size
    m = len(parts.train)
    n_steps = math.ceil(m / (m if batch_size == "full" else min(m, batch_size)))
    epochs = options.epochs or chosen.n_epochs(n_steps)
    patience = (
        (options.early_stopping or chosen.patience(epochs)) if stops and len(parts.validation) else None
    )
    scales = objective.scales_targets(options, loss)
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
        objective.class_weight(options, data),
        *output_files.of(options, data.name),
        calibrates=bool(options.calibrate),
        because=because,
    )


def _standardize(options: Namespace, chosen: Defaults) -> bool | Scaling:
    """Return whether, or how, columns are standardised; --scale takes the place of the default."""
    if options.standardize is not None:
        return options.standardize  # type: ignore[no-any-return]
    return chosen.standardize if options.scale is None else False


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
        precision=options.precision,
        seed=options.seed,
        n_threads=options.threads,
        standardize=standardize,
        scale_targets=scales_targets,
        categorical_features=None if columns is None else "auto",
        column_types=None if columns is None else columns.words,
        ema=chosen.ema if options.optimizer is None else None,
        numeric_embeddings=_numeric_embeddings(options, chosen),
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


def _numeric_embeddings(options: Namespace, chosen: Defaults) -> NumericEmbeddingName | None:
    given = options.numeric_embeddings
    return chosen.numeric_embeddings if given is None else None if given == "none" else given
