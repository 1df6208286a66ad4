"""Plan that the options of train and the data give."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

from ... import metrics
from ...metrics import Metric
from ..support.terminal import UsageError
from . import ensembles, material, one_network, splits
from .material import Material
from .plan import Plan


def make(options: Namespace) -> Plan:
    """Return the plan that the options and the data give.

    Raises
    ------
    UsageError
        Options that do not apply to the data.
    OSError, ValueError
        The data cannot be read or learned.
    """
    data = material.load(options)
    if options.scale is not None:
        data = replace(data, input_scale=options.scale)
    _check(options, data)
    parts = splits.tested(data.rows, data.rule, data.own_test, options.test_fraction, data.name)
    found = _metrics(options, data.classifies)
    one = None if data.columns is None else ensembles.option_of_one_network(options)
    if data.columns is not None and one is None:
        return ensembles.make(options, data, parts, found)
    for name in ensembles.OPTIONS:
        if getattr(options, name):
            raise UsageError(
                f"--{name} is for the networks of a table whose predictions are averaged, and "
                + (
                    f"{one} is for one network; omit one of them"
                    if one
                    else f"DATA is not a table; omit --{name}"
                )
            )
    return one_network.make(options, data, parts, found, one or "")


def _check(options: Namespace, data: Material) -> None:
    """Refuse options that do not apply to the targets."""
    if data.classifies:
        return
    for option in ("class_weight", "calibrate"):
        if getattr(options, option):
            name = "--" + option.replace("_", "-")
            raise UsageError(f"{name} is for classes, but the targets are values; omit it")


def _metrics(options: Namespace, classifies: bool) -> tuple[Metric, ...]:
    """Return the metrics of --metric and --monitor."""
    names = dict.fromkeys(name for names in options.metric or () for name in names)
    if options.monitor not in (None, "loss", "score"):
        names[options.monitor] = None
    found = tuple(map(metrics.resolve, names))
    for metric in found:
        if (metric.needs == "values") == classifies:
            kinds = ("classes", "values") if classifies else ("values", "classes")
            raise UsageError(f"the metric {metric.name} is for {kinds[1]}, but the target has {kinds[0]}")
    return found
