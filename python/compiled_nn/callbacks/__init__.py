"""Callbacks of fit: objects whose methods run before training, after each epoch, and after training.

They are passed as ``fit(callbacks=[...])``. A function of (net, epoch, history) can be passed too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy
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

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        "Checkpoint": "checkpoint",
        "OptunaPruning": "adapters",
        "ProgressBar": "progress",
        "TrainingScore": "scores",
        "from_sklearn": "adapters",
    },
)
