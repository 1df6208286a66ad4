"""Callbacks of fit: what to do before training, after each epoch, and after all.

``fit(callbacks=[...])`` takes them, and functions of (net, epoch, history) too.
"""

from __future__ import annotations

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
