"""Exceptions and warnings of compiled_nn, and helpers that word their messages."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
_PACKAGE = f"{__name__.partition('.')[0]}."  # start of the names of the modules of this package


class CompiledNNWarning(UserWarning):
    """Category of every warning that compiled_nn issues.

    Examples
    --------
    >>> import warnings
    >>> import compiled_nn as cnn
    >>> net = cnn.Network([cnn.Dense(1)], loss="mse", seed=0)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", cnn.CompiledNNWarning)
    ...     try:
    ...         net = net.fit([[0.0], [1.0]], [50000.0, 70000.0], epochs=1)
    ...     except cnn.CompiledNNWarning as warning:
    ...         print(warning)
    The root mean square of y is 6.08e+04. Training starts with outputs near 0 and of size 1, from which it hardly
    reaches such values. Use scale_targets=True.
    """


class NotFittedError(ValueError, AttributeError):
    """Exception raised when a network is used before it has weights.

    It is both a ValueError and an AttributeError, as in scikit-learn, so that ``hasattr(net, "classes_")``
    is False before training.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> net = cnn.Network([cnn.Dense(2)])
    >>> hasattr(net, "classes_")
    False
    >>> try:
    ...     net.predict([[0.0, 1.0]])
    ... except cnn.NotFittedError as error:
    ...     print(error)
    This Network instance is not fitted yet. Call 'fit' with appropriate arguments, or 'set_weights', before using
    this network.
    """


class DivergenceError(ArithmeticError, ValueError):
    """Exception raised when training produces a loss or weights that are not finite.

    It is also a ValueError, as in scikit-learn. The network keeps the weights of the last finite epoch and stays
    usable.

    Examples
    --------
    >>> import compiled_nn as cnn
    >>> net = cnn.Network([cnn.Dense(1)], loss="mse", optimizer=cnn.SGD(10.0), seed=0)
    >>> try:
    ...     net = net.fit([[0.0], [100.0]], [0.0, 1.0], epochs=100)
    ... except cnn.DivergenceError as error:
    ...     print(error)
    Solver produced non-finite parameter weights. The input data may contain large values and need to be
    preprocessed. Epoch 8, learning rate 10, loss 1.07993e+73, first in layer 0. Standardise the columns of X
    (standardize=True), or set input_scale (1/255 for 8-bit images), or try a learning rate of 1, or limit the
    gradient (clip_norm=1.0). The network keeps its last finite weights.
    """


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line that called this package."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals["__name__"].startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


@contextmanager
def located(place: str) -> Iterator[None]:
    """Put `place` in front of the message of each TypeError and ValueError that is raised in the block."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if len(error.args) == 1:
            error.args = (f"{place}: {error}",)
        raise


def count(n: int, noun: str) -> str:
    """Return the number with its noun in the singular or plural: ``1 row``, ``2 rows``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def did_you_mean(name: object, options: Iterable[str], concept: str = "") -> str:
    """Return a hint such as `` Did you mean 'relu'?``, or an empty string; documented at :func:`.hints.hint`."""
    from .hints import hint  # imported here to keep `import compiled_nn` fast

    return hint(name, options, concept)


def suggest_keywords(concept: str) -> Callable[[F], F]:
    """Return a decorator that adds a hint to the TypeError for an unknown keyword argument.

    Parameters
    ----------
    concept : str
        Kind of the names, as for :func:`did_you_mean`.

    Returns
    -------
    callable
        Decorator of functions, and of classes, for which it changes the constructor.
    """

    def decorate(target: Any) -> Any:
        if isinstance(target, type):
            target.__init__ = decorate(target.__init__)  # type: ignore[misc]
            return target

        @wraps(target)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return target(*args, **kwargs)
            except TypeError as error:
                if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                    raise  # not an error of this call's arguments
                message, marker, rest = str(error).partition("unexpected keyword argument ")
                if not marker:
                    raise
                from inspect import signature  # imported here to keep `import compiled_nn` fast

                name = rest.split("'")[1]
                hint = did_you_mean(name, list(signature(target).parameters)[1:], concept)
            raise TypeError(f"{message}{marker}{name!r}.{hint}")

        return call

    return decorate
