"""Validation part of the training rows: for early stopping, calibration and intervals."""

from __future__ import annotations

import math
from argparse import Namespace

from ..support.terminal import UsageError
from . import splits
from .splits import Parts

_MOST = 0.3  # of the training rows, unless the options say so


def option_that_holds_out(options: Namespace) -> str | None:
    """Return the first option that needs held-out rows."""
    reasons = {
        "early-stopping": options.early_stopping,
        "calibrate": options.calibrate,
        "interval": options.interval,
    }
    return next((name for name, value in reasons.items() if value), None)


def part(parts: Parts, options: Namespace, default: float) -> Parts:
    """Return the parts with validation rows; `default`: their share of the training rows."""
    reason = option_that_holds_out(options)
    fraction, coverage = options.validation_fraction, options.interval
    least = least_rows(coverage)
    if fraction is None:  # large enough for --interval, if that leaves most rows to train on
        fraction = default
        wanted = (least + 1) / max(len(parts.train), 1)
        fraction = wanted if fraction < wanted <= _MOST else fraction
    parts = splits.validated(parts, fraction, options.seed)
    n_held = len(parts.validation)
    if reason is not None and not n_held:
        raise no_rows(len(parts.train), reason)
    check_number(n_held, coverage)
    return parts


def no_rows(m: int, option: str) -> ValueError:
    """Return the error for `m` training rows of which none can be held out for an option."""
    has = "is 1 row" if m == 1 else f"are {m:,} rows"
    return ValueError(f"there {has} to train on, so that --{option} can hold out no rows; omit it")


def check_number(n_held: int, coverage: float | None) -> None:
    """Raise a ValueError for too few rows for intervals of a coverage."""
    least = least_rows(coverage)
    if n_held < least:
        raise ValueError(
            f"--interval {coverage:g} needs at least {least} rows that are held out of training, and there are "
            f"{n_held}; give a larger --validation-fraction, or a smaller coverage"
        )


def least_rows(coverage: float | None) -> int:
    """Return the number of held-out rows that intervals of a coverage need."""
    return 0 if coverage is None else math.ceil(coverage / (1 - coverage) - 1e-9)


def check_fraction(options: Namespace) -> None:
    """Raise a UsageError for --validation-fraction where no rows are held out."""
    if options.validation_fraction is not None:
        raise UsageError(
            "--validation-fraction has no effect here, because no rows are held out of training; omit it, or give "
            "--early-stopping, --calibrate or --interval"
        )
