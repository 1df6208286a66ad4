"""Callbacks of fit: objects whose methods run before training, after each epoch, and after training.

They are passed as ``fit(callbacks=[...])``. A function of (net, epoch, history) can be passed too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .adapters import OptunaPruning, from_sklearn
    from .base import Callback
    from .checkpoint import Checkpoint
    from .progress import ProgressBar
    from .scores import TrainingScore
    from .stopping import EarlyStopping, Plateau, Target

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

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        "Callback": "base",
        "Checkpoint": "checkpoint",
        "EarlyStopping": "stopping",
        "OptunaPruning": "adapters",
        "Plateau": "stopping",
        "ProgressBar": "progress",
        "Target": "stopping",
        "TrainingScore": "scores",
        "from_sklearn": "adapters",
    },
)
