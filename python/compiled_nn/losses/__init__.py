"""Losses as frozen dataclasses of parameters. The compiled core computes values and gradients.

In the formulas z is the output of the last layer before the link function, y the target, and p a probability. A loss is
the mean over the rows of a batch of the sum over the outputs.

>>> import compiled_nn as cnn
>>> list(cnn.losses.LOSSES)[:4]
['binary_cross_entropy', 'softmax_cross_entropy', 'mse', 'squared_error']
"""

from __future__ import annotations

from dataclasses import asdict, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..common import checks, lazy
from ..common.errors import did_you_mean

if TYPE_CHECKING:
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

    LOSSES: dict[str, Loss]

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

_KINDS = {  # class of each name
    "binary_cross_entropy": "BinaryCrossEntropy",
    "softmax_cross_entropy": "SoftmaxCrossEntropy",
    "mse": "MeanSquaredError",
    "squared_error": "SquaredError",
    "mae": "MeanAbsoluteError",
    "huber": "Huber",
    "log_cosh": "LogCosh",
    "poisson": "Poisson",
    "gamma": "Gamma",
    "tweedie": "Tweedie",
    "quantile": "Quantile",
    "gaussian_nll": "GaussianNLL",
    "focal": "Focal",
    "ordinal": "Ordinal",
}
ClassLossName: TypeAlias = Literal["binary_cross_entropy", "softmax_cross_entropy", "focal", "ordinal"]
ValueLossName: TypeAlias = Literal[
    "mse", "squared_error", "mae", "huber", "log_cosh", "poisson", "gamma", "tweedie", "quantile", "gaussian_nll"
]  # fmt: skip
LossName: TypeAlias = Literal[ClassLossName, ValueLossName]
_import, __dir__ = lazy.attach(
    __name__,
    {
        "Loss": "base",
        **dict.fromkeys(("BinaryCrossEntropy", "Focal", "Ordinal", "SoftmaxCrossEntropy"), "classes"),
        **dict.fromkeys(
            ("CustomLoss", "Gamma", "GaussianNLL", "Huber", "LogCosh", "MeanAbsoluteError"), "values"
        ),
        **dict.fromkeys(("MeanSquaredError", "Poisson", "Quantile", "SquaredError", "Tweedie"), "values"),
    },
)


def __getattr__(name: str) -> Any:
    """Return `LOSSES`, or a loss, which is imported when it is first used, because most programs use only one."""
    return _defaults() if name == "LOSSES" else _import(name)


@cache
def _defaults() -> dict[str, Loss]:
    return {name: kind_of(name)() for name in _KINDS}


def kind_of(name: str) -> type[Loss]:
    """Return the class of the loss with this name."""
    kind: type[Loss] = __getattr__(_KINDS[name])
    return kind


def resolve(loss: object, n_outputs: int) -> Loss:
    """Return `loss` itself, or the loss of that name with default parameters.

    Raises
    ------
    TypeError, ValueError
        If `loss` is neither a loss nor a known name, or if it does not accept a last layer of `n_outputs` units.
    """
    from .base import Loss

    if isinstance(loss, str):
        loss = kind_of(checks.choice("Network", "loss", loss, _KINDS))()
    if not isinstance(loss, Loss):
        names = ", ".join(repr(name) for name in _KINDS)
        hint = " Pass a Python function as losses.CustomLoss(function)." if callable(loss) else ""
        raise TypeError(
            f"The 'loss' parameter of Network must be a str among {{{names}}}, or a loss such as"
            f" losses.Huber(delta=2.0). Got {loss!r} instead.{hint}"
        )
    loss.check_outputs(n_outputs)
    return loss


@cache
def links() -> dict[str, Loss]:
    """Return the first loss with each link function."""
    first: dict[str, Loss] = {}
    for loss in _defaults().values():
        first.setdefault(loss.link, loss)
    return first


def of_link(activation: str) -> Loss:
    """Return the first loss whose link function is this activation; ValueError if there is none."""
    first = links()
    if activation in first:
        return first[activation]
    names = ", ".join(f"{link!r} for {loss.name}" for link, loss in first.items())
    raise ValueError(
        f"The last layer has the activation {activation!r}, which is not the link function of a loss; use {names}."
    )


def short(loss: Loss) -> Loss | str:
    """Return the name of a loss whose parameters have their defaults, else the loss itself."""
    return loss.name if loss.name in _KINDS and loss == kind_of(loss.name)() else loss


def to_config(loss: Loss) -> Any:
    """Return `loss` as a JSON-serialisable object: its name, with its parameters unless they have their defaults.

    Raises
    ------
    ValueError
        If the loss is a :class:`CustomLoss`, which cannot be stored in a file.
    """
    if loss.name not in _KINDS or not isinstance(loss, kind_of(loss.name)):
        raise ValueError(
            f"The loss {loss.name!r} is a Python function, which a file does not hold; use pickle to store the network."
        )
    return loss.name if isinstance(short(loss), str) else {"name": loss.name, **asdict(loss)}


def from_config(config: Any) -> Any:
    """Return the loss of a configuration from :func:`to_config`; anything but a dict is returned unchanged.

    Raises
    ------
    TypeError, ValueError
        If the loss is unknown, or its parameters are missing, unknown or invalid.
    """
    if not isinstance(config, dict):
        return config
    name = config.get("name")
    if not isinstance(name, str) or name not in _KINDS:
        raise ValueError(f"unknown loss {name!r}.{did_you_mean(name, _KINDS, 'loss')}")
    kind = kind_of(name)
    names = [field.name for field in fields(kind)]
    parameters = checks.fields("loss", config, ("name", *names))
    return kind(**{name: parameters[name] for name in names})
