"""Optimizers: classes, names, learning rates, conversion to and from configurations, and L-BFGS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy
from .registry import OPTIMIZERS, from_config, kind_of, learning_rates, resolve, to_config

if TYPE_CHECKING:
    from .classes import (
        SGD,
        Adadelta,
        Adagrad,
        Adam,
        AdamW,
        Lion,
        NAdam,
        Optimizer,
        RAdam,
        RMSprop,
        Rprop,
    )

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "from_config",
    "kind_of",
    "learning_rates",
    "resolve",
    "to_config",
]

_CLASSES = (
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
)

__getattr__, __dir__ = lazy.attach(__name__, dict.fromkeys(_CLASSES, "classes"))
