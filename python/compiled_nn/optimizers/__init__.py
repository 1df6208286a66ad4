"""Optimizers: their classes and names, L-BFGS, and how a configuration stores them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy
from .registry import OPTIMIZERS, from_config, kind_of, learning_rates, resolve, to_config

if TYPE_CHECKING:
    from .classes import SGD, Adam, AdamW, Optimizer
    from .further import Adadelta, Adagrad, Lion, NAdam, RAdam, RMSprop, Rprop

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

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        **dict.fromkeys(("SGD", "Adam", "AdamW", "Optimizer"), "classes"),
        **dict.fromkeys(("Adadelta", "Adagrad", "Lion", "NAdam", "RAdam", "RMSprop", "Rprop"), "further"),
    },
)
