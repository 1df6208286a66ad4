"""Names of the schedules, and their configurations in files."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ..common import checks
from ..common.checks import Rate
from .base import Schedule
from .cycles import Cosine, OneCycle, WarmUp
from .decay import Exponential, InverseScaling, Linear, MultiStep, Polynomial, Step

SCHEDULES: dict[str, type[Schedule]] = {
    "step": Step,
    "multi_step": MultiStep,
    "exponential": Exponential,
    "linear": Linear,
    "polynomial": Polynomial,
    "cosine": Cosine,
    "warm_up": WarmUp,
    "one_cycle": OneCycle,
    "inverse_scaling": InverseScaling,
}


def to_config(rate: Rate, unknown: str) -> Any:
    """Return a learning rate as a JSON-serialisable object; `unknown` replaces functions that are not schedules."""
    if not callable(rate):
        return rate
    name = next((name for name, kind in SCHEDULES.items() if kind is type(rate)), None)
    if name is None or not isinstance(rate, Schedule):
        return unknown
    parameters = {parameter.name: getattr(rate, parameter.name) for parameter in fields(rate)}
    if isinstance(rate, WarmUp):
        parameters["then"] = to_config(rate.then, unknown)
    return unknown if parameters.get("then") == unknown else {"name": name, **parameters}


def from_config(config: Any) -> Rate:
    """Return the learning rate of a configuration from :func:`to_config`: a number or a schedule.

    Raises
    ------
    TypeError, ValueError
        If `config` is anything else, or a parameter is missing, unknown or invalid.
    """
    if not isinstance(config, dict):
        return checks.rate("the file", "learning_rate", config)
    kind = SCHEDULES[checks.choice("the file", "schedule", config.get("name"), SCHEDULES)]
    parameters: dict[str, Any] = checks.fields(
        "schedule", config, ("name", *(parameter.name for parameter in fields(kind)))
    )
    del parameters["name"]
    if kind is WarmUp:
        parameters["then"] = from_config(parameters["then"])
    return kind(**parameters)
