"""Learning-rate schedules as frozen dataclasses.

A schedule is called with the time, which is the step of the optimizer, 0, 1, ..., or with ``per="epoch"`` the epoch of
the step. ``Adam(learning_rate=Cosine(0.01, over=1000))`` trains with a schedule; files store it. A Python function of
the step can be used in place of a schedule, but is not stored in files.

>>> from compiled_nn.schedules import SCHEDULES
>>> list(SCHEDULES)
['step', 'multi_step', 'exponential', 'linear', 'polynomial', 'cosine', 'warm_up', 'one_cycle', 'inverse_scaling']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common import lazy

if TYPE_CHECKING:
    from .base import Schedule
    from .cycles import Cosine, OneCycle, WarmUp
    from .decay import Exponential, InverseScaling, Linear, MultiStep, Polynomial, Step
    from .registry import SCHEDULES
    from .registry import from_config as from_config
    from .registry import to_config as to_config

__all__ = [
    "SCHEDULES",
    "Cosine",
    "Exponential",
    "InverseScaling",
    "Linear",
    "MultiStep",
    "OneCycle",
    "Polynomial",
    "Schedule",
    "Step",
    "WarmUp",
]

_CYCLES = ("Cosine", "OneCycle", "WarmUp")
_DECAYS = ("Exponential", "InverseScaling", "Linear", "MultiStep", "Polynomial", "Step")
_REGISTRY = ("SCHEDULES", "from_config", "to_config")

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        "Schedule": "base",
        **dict.fromkeys(_CYCLES, "cycles"),
        **dict.fromkeys(_DECAYS, "decay"),
        **dict.fromkeys(_REGISTRY, "registry"),
    },
)
