"""Optimizers: classes, names, learning rates, conversion to and from configurations, and L-BFGS.

>>> from compiled_nn.optimizers import OPTIMIZERS
>>> OPTIMIZERS
('sgd', 'adam', 'adamw', 'nadam', 'radam', 'rmsprop', 'adagrad', 'adadelta', 'lion', 'rprop')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..common import checks, lazy
from ..common.errors import did_you_mean

if TYPE_CHECKING:
    from .base import Optimizer
    from .classes import (
        SGD,
        Adadelta,
        Adagrad,
        Adam,
        AdamW,
        Lion,
        NAdam,
        RAdam,
        RMSprop,
        Rprop,
    )
    from .full_batch import LBFGS
    from .registry import learning_rates, to_config

__all__ = [
    "LBFGS",
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

_KINDS = {  # class of each name
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "nadam": "NAdam",
    "radam": "RAdam",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
    "lion": "Lion",
    "rprop": "Rprop",
}
OptimizerName: TypeAlias = Literal[
    "sgd", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", "adadelta", "lion", "rprop", "lbfgs"
]  # fmt: skip
OPTIMIZERS = tuple(_KINDS)  # those that take steps on batches
NAMES = (*OPTIMIZERS, "lbfgs")

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        "Optimizer": "base",
        **dict.fromkeys(_KINDS.values(), "classes"),
        "LBFGS": "full_batch",
        **dict.fromkeys(("learning_rates", "to_config"), "registry"),
    },
)


def kind_of(name: str) -> type[Optimizer]:
    """Return the class of the optimizer with a name in `NAMES`.

    Parameters
    ----------
    name : str
        Name of an optimizer, such as "adam".

    Returns
    -------
    type
        Class of the optimizer.

    Examples
    --------
    >>> from compiled_nn.optimizers import kind_of
    >>> kind_of("rmsprop").__name__
    'RMSprop'
    """
    checks.choice("kind_of", "name", name, NAMES)
    kind: type[Optimizer] = __getattr__("LBFGS" if name == "lbfgs" else _KINDS[name])
    return kind


def resolve(optimizer: Any) -> Optimizer:
    """Return `optimizer` itself, or the optimizer of that name with default hyperparameters.

    Parameters
    ----------
    optimizer : Optimizer or str
        Optimizer, or the name of one.

    Returns
    -------
    Optimizer
        `optimizer` itself, or a new optimizer.

    Raises
    ------
    TypeError, ValueError
        If `optimizer` is neither an optimizer of this package nor one of `NAMES`.

    Examples
    --------
    >>> from compiled_nn.optimizers import resolve
    >>> resolve("sgd")
    SGD(learning_rate=0.01, momentum=0.0, nesterov=False)
    """
    from .base import Optimizer

    if isinstance(optimizer, Optimizer) and optimizer.name in NAMES:
        return optimizer
    if isinstance(optimizer, str):
        return kind_of(checks.choice("Network", "optimizer", optimizer, NAMES))()
    names = ", ".join(repr(name) for name in NAMES)
    raise TypeError(
        "The 'optimizer' parameter of Network must be an optimizer, such as SGD(0.1), or a str among"
        f" {{{names}}}. Got {optimizer!r} instead."
    )


def from_config(config: Any) -> Optimizer:
    """Return the optimizer of a configuration from :func:`to_config`.

    Parameters
    ----------
    config : dict
        Name and parameters of the optimizer.

    Returns
    -------
    Optimizer
        New optimizer.

    Raises
    ------
    TypeError, ValueError
        If the optimizer is unknown, or its parameters are missing, unknown or invalid.

    See Also
    --------
    to_config : The configuration of an optimizer.

    Examples
    --------
    >>> from compiled_nn.optimizers import from_config
    >>> config = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": False}
    >>> from_config(config)
    SGD(learning_rate=0.1, momentum=0.9, nesterov=False)
    """
    from .registry import with_parameters

    if not isinstance(config, dict):
        raise TypeError(f"The configuration of an optimizer must be a dict. Got {config!r} instead.")
    name = config.get("name")
    if not isinstance(name, str) or name not in NAMES:
        raise ValueError(f"unknown optimizer {name!r}.{did_you_mean(name, NAMES, 'optimizer')}")
    return with_parameters(kind_of(name), config)
