"""The axes of curves, wherever they are drawn: terminal, notebook, matplotlib."""

from __future__ import annotations

import math
from collections.abc import Iterable

_LOG_FROM = 20.0  # ratio of the largest to the smallest value


def is_logarithmic(values: Iterable[float]) -> bool:
    """Whether the values, NaN left out, are all positive and range so far that only a logarithm shows them."""
    known = [value for value in values if not math.isnan(value)]
    return bool(known) and min(known) > 0 and max(known) / min(known) > _LOG_FROM
