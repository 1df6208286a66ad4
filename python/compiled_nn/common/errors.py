"""Exceptions and warnings of compiled_nn, and helpers that word their messages."""

from __future__ import annotations

from collections.abc import Iterable


class CompiledNNWarning(UserWarning):
    """Category of every warning that compiled_nn issues."""


class NotFittedError(ValueError, AttributeError):
    """Exception raised when a network is used before it has weights.

    It is both a ValueError and an AttributeError, as in scikit-learn, so that ``hasattr(net, "classes_")``
    is False before training.
    """


class DivergenceError(ArithmeticError, ValueError):
    """Exception raised when training produces a loss or weights that are not finite.

    It is also a ValueError, as in scikit-learn. The network keeps the weights of the last finite epoch and stays
    usable.
    """


def count(n: int, noun: str) -> str:
    """Return the number with its noun in the singular or plural: ``1 row``, ``2 rows``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def did_you_mean(name: object, options: Iterable[str]) -> str:
    """Return `` Did you mean 'relu'?`` with the most similar option, or an empty string if none is similar."""
    from difflib import get_close_matches  # imported here to keep `import compiled_nn` fast

    by_lower_case = {option.lower(): option for option in options}
    matches = get_close_matches(str(name).lower(), by_lower_case, n=1)
    return f" Did you mean '{by_lower_case[matches[0]]}'?" if matches else ""
