"""Callbacks of fit: what to do before training, after each epoch, and after all.

``fit(callbacks=[...])`` takes them, and functions of (net, epoch, history) too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import Callback
from .stopping import EarlyStopping, Plateau, Target

if TYPE_CHECKING:
    from .adapters import OptunaPruning, from_sklearn
    from .checkpoint import Checkpoint
    from .progress import ProgressBar
    from .scores import TrainingScore

__all__ = [
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "OptunaPruning",
    "Plateau",
    "ProgressBar",
    "Target",
    "TrainingScore",
    "from_sklearn",
]

_LAZY = {
    "Checkpoint": "checkpoint",
    "OptunaPruning": "adapters",
    "ProgressBar": "progress",
    "TrainingScore": "scores",
    "from_sklearn": "adapters",
}


def __getattr__(name: str) -> Any:
    """Import a callback when it is first asked for: few programs have one."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
