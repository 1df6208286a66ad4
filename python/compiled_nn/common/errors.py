"""The exceptions and warnings of compiled_nn, and what their messages have in common."""

from __future__ import annotations

from collections.abc import Iterable


class CompiledNNWarning(UserWarning):
    """Category of every warning that compiled_nn issues."""


class NotFittedError(ValueError, AttributeError):
    """A network was used before it had weights.

    Both a ValueError and an AttributeError, as in scikit-learn, so that ``hasattr(net, "classes_")``
    answers False before training.
    """


class DivergenceError(ArithmeticError, ValueError):
    """Training produced a loss or weights that are not finite; a ValueError too, as in scikit-learn.

    The network keeps the weights of the last finite epoch and stays usable.
    """


def count(n: int, noun: str) -> str:
    """Return ``1 row`` or ``2 rows``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def did_you_mean(name: object, options: Iterable[str]) -> str:
    """Return `` Did you mean 'relu'?`` for a near miss among the options, else an empty string."""
    from difflib import get_close_matches  # only a message needs it: kept out of the import time

    by_lower_case = {option.lower(): option for option in options}
    matches = get_close_matches(str(name).lower(), by_lower_case, n=1)
    return f" Did you mean '{by_lower_case[matches[0]]}'?" if matches else ""
