"""Axes of curves, shared by the terminal, the notebook and matplotlib."""

from __future__ import annotations

import math
from collections.abc import Iterable

_LOG_FROM = 20.0  # ratio of the largest to the smallest value above which the axis is logarithmic


def is_logarithmic(values: Iterable[float]) -> bool:
    """Whether an axis for the values should be logarithmic: all are positive and they span a large range.

    NaN is ignored.
    """
    numbers = [value for value in values if not math.isnan(value)]
    return bool(numbers) and min(numbers) > 0 and max(numbers) / min(numbers) > _LOG_FROM
