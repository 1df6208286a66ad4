"""Losses: what is minimised, as frozen dataclasses; the formulas are the core's.

z is what the last layer gives before the link, y the target, p a probability. Losses are means over the rows of a
batch, and sums over the outputs where there are several.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from .. import checks
from ..errors import did_you_mean
from .base import Loss
from .classes import BinaryCrossEntropy, Focal, Ordinal, SoftmaxCrossEntropy
from .values import (
    CustomLoss,
    Gamma,
    GaussianNLL,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    Quantile,
    SquaredError,
    Tweedie,
)

__all__ = [
    "LOSSES",
    "BinaryCrossEntropy",
    "CustomLoss",
    "Focal",
    "Gamma",
    "GaussianNLL",
    "Huber",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Ordinal",
    "Poisson",
    "Quantile",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "Tweedie",
]

_KINDS: dict[str, type[Loss]] = {
    kind.name: kind
    for kind in (
        BinaryCrossEntropy,
        SoftmaxCrossEntropy,
        MeanSquaredError,
        SquaredError,
        MeanAbsoluteError,
        Huber,
        LogCosh,
        Poisson,
        Gamma,
        Tweedie,
        Quantile,
        GaussianNLL,
        Focal,
        Ordinal,
    )
}
LOSSES: dict[str, Loss] = {name: kind() for name, kind in _KINDS.items()}


def resolve(loss: object, n_outputs: int) -> Loss:
    """Return a loss, itself or the default one of a name, when a last layer of `n_outputs` units suits it."""
    if isinstance(loss, str):
        loss = LOSSES[checks.choice("Network", "loss", loss, LOSSES)]
    if not isinstance(loss, Loss):
        names = ", ".join(repr(name) for name in LOSSES)
        hint = " Wrap a function of your own in losses.CustomLoss." if callable(loss) else ""
        raise TypeError(
            f"The 'loss' parameter of Network must be a str among {{{names}}}, or a loss, as losses.Huber(delta=2.0)."
            f" Got {loss!r} instead.{hint}"
        )
    loss.check_outputs(n_outputs)
    return loss


def of_link(activation: str) -> Loss:
    """Return the first loss whose last layer has this activation."""
    first: dict[str, Loss] = {}
    for loss in LOSSES.values():
        first.setdefault(loss.link, loss)
    if activation in first:
        return first[activation]
    links = ", ".join(f"{link!r} for {loss.name}" for link, loss in first.items())
    raise ValueError(f"The last layer is {activation!r}, which belongs to no loss; use {links}.")


def short(loss: Loss) -> Loss | str:
    """Return the name of a loss where that says all, else itself."""
    return loss.name if loss == LOSSES.get(loss.name) else loss


def to_config(loss: Loss) -> Any:
    """Return `loss` as JSON can hold it: its name where all else is default."""
    if isinstance(loss, CustomLoss):
        raise ValueError(
            f"The loss {loss.name!r} is a Python function, which a file does not hold; pickle can keep the network."
        )
    return loss.name if isinstance(short(loss), str) else {"name": loss.name, **asdict(loss)}


def from_config(config: Any) -> Any:
    """Return the loss of a configuration that :func:`to_config` made; a name as it is."""
    if not isinstance(config, dict):
        return config
    name = config.get("name")
    if not isinstance(name, str) or name not in _KINDS:
        raise ValueError(f"loss is not known: {name!r}.{did_you_mean(name, _KINDS)}")
    kind = _KINDS[name]
    names = [field.name for field in fields(kind)]
    parameters = checks.fields("loss", config, ("name", *names))
    return kind(**{name: parameters[name] for name in names})
